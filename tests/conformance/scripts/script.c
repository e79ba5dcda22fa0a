/* SPDX-License-Identifier: MIT */
/* Reading, keeping, comparing and writing scripts. */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"

#define ARROW " => "

static char *copy_of(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		err(2, "replay");
	return copy;
}

void script_init(struct script *script, const char *name)
{
	*script = (struct script){.name = copy_of(name)};
}

void script_done(struct script *script)
{
	for (size_t i = 0; i < script->n; i++) {
		free(script->lines[i].op);
		free(script->lines[i].result);
	}
	free(script->lines);
	free(script->name);
	*script = (struct script){};
}

void script_add(struct script *script, const char *op, const char *result, int nr)
{
	if (script->n == script->room) {
		script->room = script->room ? 2 * script->room : 256;
		script->lines = reallocarray(script->lines, script->room, sizeof(script->lines[0]));
		if (!script->lines)
			err(2, "replay");
	}
	script->lines[script->n++] = (struct line){
		.op = copy_of(op),
		.result = result ? copy_of(result) : NULL,
		.nr = nr,
	};
}

void script_parse(struct script *script, const char *text, int nr)
{
	char *op = copy_of(text), *arrow;

	op[strcspn(op, "\r\n")] = '\0';
	arrow = op[0] == '#' ? NULL : strstr(op, ARROW);
	if (arrow)
		*arrow = '\0';
	if (op[0])
		script_add(script, op, arrow ? arrow + strlen(ARROW) : NULL, nr);
	free(op);
}

void script_copy(struct script *script, const struct script *from, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		script_add(script, from->lines[i].op, from->lines[i].result, from->lines[i].nr);
}

int script_load(struct script *script, const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t room = 0;
	int nr = 0, error;

	if (!file)
		return -errno;
	while (getline(&text, &room, file) >= 0)
		script_parse(script, text, ++nr);
	error = ferror(file) ? -EIO : 0;
	free(text);
	fclose(file);
	return error;
}

void script_print(const struct script *script, FILE *out)
{
	for (size_t i = 0; i < script->n; i++) {
		const struct line *line = &script->lines[i];

		if (line->result)
			fprintf(out, "%s" ARROW "%s\n", line->op, line->result);
		else
			fprintf(out, "%s\n", line->op);
	}
}

bool line_is_comment(const struct line *line)
{
	return line->op[0] == '#';
}

bool line_is_compared(const struct line *line)
{
	return !line->result || !strstr(line->result, "skip");
}

bool line_agrees(const struct line *recorded, const struct line *got)
{
	if (!recorded->result || !line_is_compared(recorded))
		return true;
	return got->result && !strcmp(recorded->result, got->result);
}

size_t script_first_difference(const struct script *recorded, const struct script *got)
{
	size_t i = 0;

	while (i < recorded->n && i < got->n && line_agrees(&recorded->lines[i], &got->lines[i]))
		i++;
	return i;
}
