/* SPDX-License-Identifier: MIT */
/* Looking a script up in the list of expected failures; short enough to be read each time. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"

bool expect_failure(const char *list, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char *text = NULL;
	size_t room = 0;
	bool found = false;
	FILE *file;

	if (!list)
		return false;
	file = fopen(list, "re");
	if (!file)
		err(2, "%s", list);
	while (!found && getline(&text, &room, file) >= 0) {
		text[strcspn(text, " \t\n#")] = '\0';
		found = !strcmp(text, name);
	}
	free(text);
	fclose(file);
	return found;
}
