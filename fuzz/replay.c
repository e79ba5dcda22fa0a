/* SPDX-License-Identifier: MIT */
/*
 * replay FILE|FOLDER...      plays inputs of the fuzzer
 * replay --random SEED N     plays N inputs of its own
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int played;

static void play_file(const char *path)
{
	uint8_t *data = malloc(65536);
	FILE *file = fopen(path, "r");
	size_t n;

	if (!data || !file)
		fuzz_fail("can't read %s", path);
	n = fread(data, 1, 65536, file);
	fclose(file);
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	played++;
}

static void play(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char name[4096];

	if (!dir) {
		play_file(path);
		return;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		play_file(name);
	}
	closedir(dir);
}

static void play_random(unsigned int seed, unsigned int n)
{
	uint8_t data[2048];

	while (n--) {
		size_t size = 64 + rand_r(&seed) % (sizeof(data) - 64);

		for (size_t i = 0; i < size; i++)
			data[i] = rand_r(&seed) >> 8;
		LLVMFuzzerTestOneInput(data, size);
		played++;
	}
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "--random"))
		play_random(atoi(argv[2]), atoi(argv[3]));
	else
		for (int i = 1; i < argc; i++)
			play(argv[i]);
	if (!played)
		fuzz_fail("nothing was played");
	printf("%u inputs played\n", played);
	return 0;
}
