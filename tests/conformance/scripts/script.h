/* SPDX-License-Identifier: MIT */
/*
 * A script: a text of one operation a line, `op key=value ... => result`. Lines that start with #
 * are comments and are kept (they say where a script came from); any other line without ` => ` has
 * no recorded result yet.
 *
 * This is a test tool: where memory is short it says so and exits with 2, so that its callers need
 * not look.
 */
#ifndef REPLAY_SCRIPT_H
#define REPLAY_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct line {
	char *op;     /* the operation with its arguments, or a comment */
	char *result; /* as recorded, or NULL */
	int nr;	      /* in the file, from 1 */
};

struct script {
	char *name; /* its path, for messages */
	struct line *lines;
	size_t n, room;
};

void script_init(struct script *script, const char *name);
void script_done(struct script *script);

/* Takes copies of the texts; result may be NULL. */
void script_add(struct script *script, const char *op, const char *result, int nr);
/* The same, for a whole line of a file, whatever its line end (a console may have put \r there). */
void script_parse(struct script *script, const char *text, int nr);
/* Copies the lines [first, end) to the end of script. */
void script_copy(struct script *script, const struct script *from, size_t first, size_t end);

/* 0, or the -errno of opening or reading the file. */
int script_load(struct script *script, const char *path);
void script_print(const struct script *script, FILE *out);

bool line_is_comment(const struct line *line);
/* False if the recorded result has the word skip in it; it keeps that when it is recorded anew. */
bool line_is_compared(const struct line *line);
/* True also if there is nothing to compare: no result, or skip. */
bool line_agrees(const struct line *recorded, const struct line *got);
/* The index of the first line that does not agree or was not reached, or recorded->n. */
size_t script_first_difference(const struct script *recorded, const struct script *got);

#endif
