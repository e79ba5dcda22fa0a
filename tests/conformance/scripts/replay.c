/* SPDX-License-Identifier: MIT */
/*
 * replay: redoes recorded scripts of IOMMUFD operations and compares, records them anew, shortens
 * them, makes new ones. README.md beside it is its manual.
 */
#include <dirent.h>
#include <err.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "expect.h"
#include "gen.h"
#include "run.h"
#include "shrink.h"

struct options {
	enum { REPLAY, RECORD, SHRINK, FUZZ } mode;
	unsigned int run_flags;
	unsigned int shown;	    /* differences of a script that are printed */
	unsigned int part, n_parts; /* only every n-th file, from 1 */
	const char *expected, *reference, *topic;
	FILE *failures; /* gets the names of those that differ, or NULL */
};

static const char usage[] =
	"usage: replay [--part I/N] [--differences N] [--expected-failures FILE] FILE|FOLDER...\n"
	"       replay --write-failures FILE FILE|FOLDER...\n"
	"       replay --record [--rebind] FILE\n"
	"       replay --shrink [--reference COMMAND] FILE\n"
	"       replay --fuzz [--topic TOPIC] SEED COUNT\n";

/* Prints the differences; true if there are none. */
static bool compare(const struct script *recorded, const struct script *got, unsigned int shown)
{
	unsigned int n = 0;

	for (size_t i = 0; i < recorded->n && i < got->n; i++) {
		const struct line *line = &recorded->lines[i];

		if (line_agrees(line, &got->lines[i]) || n++ >= shown)
			continue;
		printf("%s:%d: %s\n    recorded: %s\n    got:      %s\n", recorded->name, line->nr,
		       line->op, line->result, got->lines[i].result);
	}
	if (n > shown)
		printf("%s: %u more differences\n", recorded->name, n - shown);
	return n == 0;
}

/* True if every operation of the script was done and gave what was recorded. */
static bool replay(const struct script *script, unsigned int shown)
{
	struct script got;
	char end[128];
	bool same;
	int status = run_script(script, 0, &got);

	if (status < 0) {
		run_explain(status, end, sizeof(end));
		printf("%s: %s\n", script->name, end);
		return false;
	}
	same = compare(script, &got, shown);
	if (status) {
		run_explain(status, end, sizeof(end));
		printf("%s:%d: %s\n    %s\n", script->name,
		       got.n < script->n ? script->lines[got.n].nr : 0,
		       got.n < script->n ? script->lines[got.n].op : "at its end", end);
	}
	same = same && !status && got.n == script->n;
	script_done(&got);
	return same;
}

static bool replay_file(const char *path, const struct options *o)
{
	struct script script;
	bool same = false;
	int ret;

	script_init(&script, path);
	ret = script_load(&script, path);
	if (ret)
		printf("%s: %s\n", path, strerror(-ret));
	else
		same = replay(&script, expect_failure(o->expected, path) ? 0 : o->shown);
	script_done(&script);
	return same;
}

/* True if the outcome is the expected one; says so where it is not the plain one. */
static bool judge(const char *path, bool same, const struct options *o)
{
	if (!expect_failure(o->expected, path))
		return same;
	if (same)
		printf("%s: passes, but is listed in %s\n", path, o->expected);
	return !same;
}

/* seen counts all files, so that --part can choose. */
struct tally {
	unsigned int seen, passed, failed;
};

static void one_file(const char *path, const struct options *o, struct tally *tally)
{
	bool same;

	if (tally->seen++ % o->n_parts != o->part - 1)
		return;
	same = replay_file(path, o);
	if (!same && o->failures)
		fprintf(o->failures, "%s\n", basename(path));
	if (judge(path, same, o))
		tally->passed++;
	else
		tally->failed++;
	fflush(stdout);
}

static int is_script(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && !strcmp(dot, ".txt");
}

static void one_folder(const char *path, const struct options *o, struct tally *tally)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_script, versionsort);
	char *file;

	if (n < 0)
		err(2, "%s", path);
	for (int i = 0; i < n; i++) {
		if (asprintf(&file, "%s/%s", path, entries[i]->d_name) < 0)
			err(2, "replay");
		one_file(file, o, tally);
		free(file);
		free(entries[i]);
	}
	free(entries);
}

static int replay_all(char **paths, const struct options *o)
{
	struct tally tally = {};
	struct stat st;

	for (; *paths; paths++) {
		if (!stat(*paths, &st) && S_ISDIR(st.st_mode))
			one_folder(*paths, o, &tally);
		else
			one_file(*paths, o, &tally);
	}
	printf("%u passed, %u failed\n", tally.passed, tally.failed);
	return tally.failed || !tally.passed;
}

static int record(const struct script *script, unsigned int flags)
{
	struct script got;
	char end[128];
	int status = run_script(script, flags, &got);

	if (status >= 0) {
		script_print(&got, stdout);
		script_done(&got);
	}
	if (status) {
		run_explain(status, end, sizeof(end));
		warnx("%s: %s", script->name, end);
	}
	return status ? 2 : 0;
}

static int with_script(const char *path, const struct options *o)
{
	struct script script;
	int ret;

	script_init(&script, path);
	ret = script_load(&script, path);
	if (ret)
		errx(2, "%s: %s", path, strerror(-ret));
	ret = o->mode == RECORD ? record(&script, o->run_flags) : shrink(&script, o->reference);
	script_done(&script);
	return ret;
}

static FILE *open_list(const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file)
		err(2, "%s", path);
	return file;
}

static void parse_options(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
		{"record", no_argument, NULL, 'r'},
		{"rebind", no_argument, NULL, 'b'},
		{"shrink", no_argument, NULL, 's'},
		{"fuzz", no_argument, NULL, 'f'},
		{"reference", required_argument, NULL, 'R'},
		{"topic", required_argument, NULL, 't'},
		{"differences", required_argument, NULL, 'd'},
		{"part", required_argument, NULL, 'p'},
		{"expected-failures", required_argument, NULL, 'e'},
		{"write-failures", required_argument, NULL, 'w'},
		{},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		if (c == 'r')
			o->mode = RECORD;
		else if (c == 'b')
			o->run_flags |= RUN_REBIND;
		else if (c == 's')
			o->mode = SHRINK;
		else if (c == 'f')
			o->mode = FUZZ;
		else if (c == 'R')
			o->reference = optarg;
		else if (c == 't')
			o->topic = optarg;
		else if (c == 'd')
			o->shown = strtoul(optarg, NULL, 0);
		else if (c == 'e')
			o->expected = optarg;
		else if (c == 'w')
			o->failures = open_list(optarg);
		else if (c != 'p' || sscanf(optarg, "%u/%u", &o->part, &o->n_parts) != 2)
			errx(2, "bad option\n%s", usage);
	}
}

int main(int argc, char **argv)
{
	struct options o = {.shown = 5, .part = 1, .n_parts = 1, .topic = "mix"};
	int n;

	parse_options(argc, argv, &o);
	n = argc - optind;
	argv += optind;
	if (!o.part || o.part > o.n_parts)
		errx(2, "--part I/N: I counts from 1 to N");
	if (o.mode == FUZZ && n == 2)
		return gen_script(o.topic, strtoull(argv[0], NULL, 0), atoi(argv[1]));
	if (o.mode == REPLAY && n >= 1)
		return replay_all(argv, &o);
	if ((o.mode == RECORD || o.mode == SHRINK) && n == 1)
		return with_script(argv[0], &o);
	fputs(usage, stderr);
	return 2;
}
