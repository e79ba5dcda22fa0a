/* SPDX-License-Identifier: MIT */
#include "base/mounts.h"
#include "base/cleanup.h"

#include <stdio.h>
#include <string.h>

static bool type_in_memory(const char *type)
{
	static const char *const types[] = {"tmpfs", "devtmpfs", "ramfs", "rootfs", "hugetlbfs"};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(type, types[i]))
			return true;
	return false;
}

/* "36 35 98:0 /root /point options [optional fields] - type source options" */
static bool line_is(const char *line, uint32_t major, uint32_t minor, char ret_type[32])
{
	const char *rest = strstr(line, " - ");
	unsigned int maj, min;

	return rest && sscanf(line, "%*d %*d %u:%u", &maj, &min) == 2 && maj == major &&
	       min == minor && sscanf(rest, " - %31s", ret_type) == 1;
}

static void close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

bool mounts_in_memory(pid_t pid, uint32_t major, uint32_t minor)
{
	char path[64] = "/proc/thread-self/mountinfo", type[32];
	CLEANUP(close_file) FILE *file = NULL;
	CLEANUP_FREE char *line = NULL;
	size_t room = 0;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)pid);
	file = fopen(path, "re");
	while (file && getline(&line, &room, file) > 0)
		if (line_is(line, major, minor, type))
			return type_in_memory(type);
	return true;
}
