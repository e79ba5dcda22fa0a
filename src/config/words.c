/* SPDX-License-Identifier: MIT */
/* Words, options and numbers of a description. */
#include "config/words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

int config_complain(struct config_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -EINVAL;
}

int config_no_memory(struct config_error *error)
{
	config_complain(error, "memory is out");
	return -ENOMEM;
}

/* Digits; *text moves behind them. */
static bool take_digits(const char **text, uint64_t *ret_value)
{
	const char *first = *text;
	bool hex = first[0] == '0' && (first[1] | 32) == 'x';
	char *end;

	if (*first < '0' || *first > '9')
		return false;
	errno = 0;
	*ret_value = strtoull(first, &end, hex ? 16 : 10);
	*text = end;
	return !errno;
}

/* How far a unit shifts a number; 0: there is none. */
static unsigned int take_unit(const char **text)
{
	static const char units[] = "KMGT";
	const char *unit = **text ? strchr(units, **text) : NULL;

	if (!unit)
		return 0;
	(*text)++;
	return 10 * (unsigned int)(unit - units + 1);
}

int config_number(const char *text, uint64_t max, uint64_t *ret_value)
{
	uint64_t value;

	if (!take_digits(&text, &value) || *text || value > max)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

int config_size(const char *text, uint64_t max, uint64_t *ret_value)
{
	unsigned int shift;
	uint64_t value;

	if (!take_digits(&text, &value))
		return -EINVAL;
	shift = take_unit(&text);
	if (*text || value > max >> shift)
		return -EINVAL;
	*ret_value = value << shift;
	return 0;
}

static char *copy_text(const char *text)
{
	size_t bytes = strlen(text) + 1;
	char *copy = mem_alloc(bytes);

	return copy ? memcpy(copy, text, bytes) : NULL;
}

const char *config_option(const struct config_options *options, const char *key)
{
	for (size_t i = 0; i < options->count; i++)
		if (!strcmp(options->list[i].key, key))
			return options->list[i].value;
	return NULL;
}

int config_options_add(struct config_options *options, const char *key, const char *value)
{
	struct config_option *list, option;

	if (config_option(options, key))
		return -EEXIST;
	list = mem_realloc(options->list, (options->count + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	options->list = list;
	option = (struct config_option){.key = copy_text(key), .value = copy_text(value)};
	if (!option.key || !option.value) {
		free(option.key);
		free(option.value);
		return -ENOMEM;
	}
	list[options->count++] = option;
	return 0;
}

void config_options_done(struct config_options *options)
{
	for (size_t i = 0; i < options->count; i++) {
		free(options->list[i].key);
		free(options->list[i].value);
	}
	free(options->list);
}

/* Where the words are taken from and put to: never more bytes than there were. */
struct splitter {
	const char *at, *end;
	char *out;
	const char *separators;
};

static bool separates(const struct splitter *splitter, char byte)
{
	return strchr(splitter->separators, byte) != NULL;
}

/* What stands between quotation marks, after the first. */
static int take_quoted(struct splitter *splitter)
{
	while (splitter->at < splitter->end && *splitter->at != '"') {
		if (*splitter->at == '\\' && splitter->at + 1 < splitter->end)
			splitter->at++;
		*splitter->out++ = *splitter->at++;
	}
	if (splitter->at == splitter->end)
		return -EINVAL;
	splitter->at++;
	return 0;
}

static int take_word(struct splitter *splitter, struct word *ret_word)
{
	int r = 0;

	*ret_word = (struct word){.key = splitter->out};
	while (!r && splitter->at < splitter->end && !separates(splitter, *splitter->at)) {
		char byte = *splitter->at++;

		if (byte == '"') {
			r = take_quoted(splitter);
		} else if (byte == '=' && !ret_word->value) {
			*splitter->out++ = '\0';
			ret_word->value = splitter->out;
		} else {
			*splitter->out++ = byte;
		}
	}
	*splitter->out++ = '\0';
	return r;
}

static int split(struct words *words, struct splitter *splitter, struct config_error *ret_error)
{
	for (;;) {
		while (splitter->at < splitter->end && separates(splitter, *splitter->at))
			splitter->at++;
		if (splitter->at == splitter->end || *splitter->at == '#')
			return 0;
		if (words->count == WORDS_MAX)
			return config_complain(ret_error, "there are more than %d words",
					       WORDS_MAX);
		if (take_word(splitter, &words->list[words->count++]))
			return config_complain(ret_error, "a quotation mark has no partner");
	}
}

int words_split(struct words *words, const char *text, size_t length, const char *separators,
		struct config_error *ret_error)
{
	struct splitter splitter = {.at = text, .end = text + length, .separators = separators};
	int r;

	*words = (struct words){};
	/* It could not be written again as one line. */
	if (memchr(text, '\n', length))
		return config_complain(ret_error, "a statement has a newline in it");
	/* Each word gets its final zero where a separator was, but for the last. */
	words->storage = mem_alloc(length + 1);
	if (!words->storage)
		return config_no_memory(ret_error);
	splitter.out = words->storage;
	r = split(words, &splitter, ret_error);
	if (r)
		words_done(words);
	return r;
}

void words_done(struct words *words)
{
	free(words->storage);
}
