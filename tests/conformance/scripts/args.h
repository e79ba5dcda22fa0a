/* SPDX-License-Identifier: MIT */
/* The words of one operation: its name, then key=value. A missing number is 0. */
#ifndef REPLAY_ARGS_H
#define REPLAY_ARGS_H

#include <stdint.h>

#define TEXT_MAX 4096 /* of an operation, and of a result */
#define ARGS_MAX 32

struct args {
	char text[TEXT_MAX]; /* cut into words */
	const char *name;
	int n;
	const char *key[ARGS_MAX], *value[ARGS_MAX];
};

void args_parse(struct args *args, const char *op);
/* NULL if there is none. */
const char *arg_text(const struct args *args, const char *key);
uint64_t arg(const struct args *args, const char *key);
/* The numbers of `x,y,z`, at most max of them: how many there were. */
int arg_list(const struct args *args, const char *key, uint64_t *ret_numbers, int max);

#endif
