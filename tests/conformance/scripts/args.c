/* SPDX-License-Identifier: MIT */
/* Cutting an operation into words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"

void args_parse(struct args *args, const char *op)
{
	char *save = NULL, *word;

	args->n = 0;
	snprintf(args->text, sizeof(args->text), "%s", op);
	args->name = strtok_r(args->text, " ", &save);
	if (!args->name)
		args->name = "";
	while (args->n < ARGS_MAX && (word = strtok_r(NULL, " ", &save))) {
		char *equals = strchr(word, '=');

		if (!equals)
			continue;
		*equals = '\0';
		args->key[args->n] = word;
		args->value[args->n++] = equals + 1;
	}
}

const char *arg_text(const struct args *args, const char *key)
{
	for (int i = 0; i < args->n; i++)
		if (!strcmp(args->key[i], key))
			return args->value[i];
	return NULL;
}

uint64_t arg(const struct args *args, const char *key)
{
	const char *value = arg_text(args, key);

	return value ? strtoull(value, NULL, 0) : 0;
}

int arg_list(const struct args *args, const char *key, uint64_t *ret_numbers, int max)
{
	const char *value = arg_text(args, key);
	int n = 0;

	while (value && *value && n < max) {
		char *end;

		ret_numbers[n++] = strtoull(value, &end, 0);
		value = *end == ',' ? end + 1 : NULL;
	}
	return n;
}
