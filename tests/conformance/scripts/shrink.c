/* SPDX-License-Identifier: MIT */
/* Delta debugging over lines, with two notions of `still differs`. */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"
#include "shrink.h"

struct shrinker {
	const char *reference;
	char *operation;    /* of the line that differs */
	char *wrong;	    /* what it gave, or NULL if the process died there */
	unsigned int tries; /* for the message */
};

static char *operation_of(const struct line *line)
{
	return strndup(line->op, strcspn(line->op, " "));
}

/* Runs script; true if it differs, and then *ret_at is where and *ret_wrong what came (to be freed,
 * or NULL). */
static bool differs(const struct script *script, size_t *ret_at, char **ret_wrong)
{
	struct script got;
	int status = run_script(script, 0, &got);
	size_t at;

	if (status < 0)
		errx(2, "no process to run a script in");
	at = script_first_difference(script, &got);
	if (at < script->n) {
		*ret_at = at;
		*ret_wrong = at < got.n ? strdup(got.lines[at].result) : NULL;
	}
	script_done(&got);
	return at < script->n;
}

/* The candidate's truth, from the reference command: false if that fails. */
static bool ask_reference(const char *reference, const struct script *candidate,
			  struct script *ret_truth)
{
	char name[] = ".shrink.XXXXXX", command[4096];
	const char *hole = strstr(reference, "{}");
	int fd = mkstemp(name), nr = 0, status;
	char *text = NULL;
	size_t room = 0;
	FILE *file;

	file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file || !hole)
		errx(2, "%s", hole ? "no file in the current folder" : "the reference has no {}");
	script_print(candidate, file);
	fclose(file);
	snprintf(command, sizeof(command), "%.*s%s%s", (int)(hole - reference), reference, name,
		 hole + 2);
	script_init(ret_truth, candidate->name);
	file = popen(command, "re");
	while (file && getline(&text, &room, file) >= 0)
		script_parse(ret_truth, text, ++nr);
	status = file ? pclose(file) : -1;
	free(text);
	unlink(name);
	return !status && ret_truth->n;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* True if the candidate still differs; *ret_next is then the script to go on with, cut behind the
 * difference. */
static bool still_differs(struct shrinker *s, const struct script *candidate,
			  struct script *ret_next)
{
	struct script truth;
	const struct script *against = candidate;
	char *wrong = NULL, *operation = NULL;
	bool still = false;
	size_t at = 0;

	s->tries++;
	if (s->reference && !ask_reference(s->reference, candidate, &truth))
		errx(2, "the reference command fails");
	if (s->reference)
		against = &truth;
	if (differs(against, &at, &wrong)) {
		operation = operation_of(&against->lines[at]);
		still = s->reference ? same_text(operation, s->operation)
				     : at == candidate->n - 1 && same_text(wrong, s->wrong);
	}
	if (still) {
		script_init(ret_next, candidate->name);
		script_copy(ret_next, against, 0, at + 1);
	}
	if (s->reference)
		script_done(&truth);
	free(wrong);
	free(operation);
	return still;
}

/* Tries to do without the lines [first, end); true if that went. */
static bool drop(struct shrinker *s, struct script *script, size_t first, size_t end)
{
	struct script candidate, next;
	bool went;

	script_init(&candidate, script->name);
	script_copy(&candidate, script, 0, first);
	script_copy(&candidate, script, end, script->n);
	went = still_differs(s, &candidate, &next);
	script_done(&candidate);
	if (went) {
		script_done(script);
		*script = next;
		fprintf(stderr, "%zu lines after %u tries\n", script->n, s->tries);
	}
	return went;
}

/* From the end, since later lines depend on earlier ones. True if anything could go. */
static bool drop_pieces(struct shrinker *s, struct script *script, size_t piece)
{
	size_t end = script->n - 1; /* the last line is the one that differs */
	bool went = false;

	while (end > 0) {
		size_t first = end > piece ? end - piece : 0;

		if (drop(s, script, first, end))
			went = true;
		end = first;
		if (end >= script->n)
			end = script->n - 1;
	}
	return went;
}

static void drop_comments(struct script *script, const struct script *from, size_t end)
{
	for (size_t i = 0; i < end; i++)
		if (!line_is_comment(&from->lines[i]))
			script_copy(script, from, i, i + 1);
}

int shrink(const struct script *script, const char *reference)
{
	struct shrinker s = {.reference = reference};
	struct script best;
	size_t at = 0;

	if (!differs(script, &at, &s.wrong)) {
		fprintf(stderr, "%s: does not differ\n", script->name);
		return 1;
	}
	s.operation = operation_of(&script->lines[at]);
	script_init(&best, script->name);
	drop_comments(&best, script, at + 1);
	for (size_t piece = best.n / 2; piece > 1; piece /= 2)
		drop_pieces(&s, &best, piece);
	while (best.n > 1 && drop_pieces(&s, &best, 1))
		;
	printf("# shortened from %s:%d; got: %s\n", script->name, script->lines[at].nr,
	       s.wrong ? s.wrong : "(the process died)");
	script_print(&best, stdout);
	script_done(&best);
	free(s.operation);
	free(s.wrong);
	return 0;
}
