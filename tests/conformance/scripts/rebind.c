/* SPDX-License-Identifier: MIT */
/* The maps from old ids and slots to new ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "rebind.h"

static bool is_id(const char *key)
{
	static const char *const keys[] = {
		"id", "dst", "src", "dev", "pt", "hwpt", "stdev", "viommu", "fault",
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(keys[i], key))
			return true;
	return false;
}

/* Which slots an operation means, by the start of its name. */
static struct rebind_slots *slots_of(struct rebind *rebind, const char *name)
{
	if (!strncmp(name, "fault_", 6))
		return &rebind->faults;
	if (!strncmp(name, "vevent", 6))
		return &rebind->vevents;
	if (!strncmp(name, "access_", 7))
		return &rebind->accesses;
	return NULL;
}

static bool makes_slot(const char *name)
{
	return !strcmp(name, "fault_alloc") || !strcmp(name, "veventq_alloc") ||
	       !strcmp(name, "access_create");
}

static uint64_t new_number(const struct rebind *rebind, const char *name, const char *key,
			   uint64_t number)
{
	const struct rebind_slots *slots;

	if (is_id(key) && number < REBIND_IDS && rebind->id[number])
		return rebind->id[number];
	slots = slots_of((struct rebind *)rebind, name);
	if (slots && !strcmp(key, "slot") && number < SLOTS && slots->slot[number])
		return slots->slot[number] - 1;
	return number;
}

void rebind_apply(const struct rebind *rebind, const char *op, char *ret_op, size_t room)
{
	struct args args;
	size_t length;

	args_parse(&args, op);
	length = snprintf(ret_op, room, "%s", args.name);
	for (int i = 0; i < args.n && length < room; i++) {
		uint64_t number = strtoull(args.value[i], NULL, 0), now;

		now = new_number(rebind, args.name, args.key[i], number);
		if (now == number)
			length += snprintf(ret_op + length, room - length, " %s=%s", args.key[i],
					   args.value[i]);
		else
			length += snprintf(ret_op + length, room - length, " %s=%lu", args.key[i],
					   (unsigned long)now);
	}
}

static bool succeeded(const char *result)
{
	return result[0] >= '0' && result[0] <= '9';
}

static void learn_slot(struct rebind_slots *slots, bool old_made, bool new_made)
{
	if (old_made && new_made && slots->n_old < SLOTS)
		slots->slot[slots->n_old] = slots->n_new + 1;
	slots->n_old += old_made;
	slots->n_new += new_made;
}

void rebind_learn(struct rebind *rebind, const char *op, const char *old_result,
		  const char *new_result)
{
	static const char *const keys[] = {"id", "stdev", "hwpt", "dev"};
	struct args args, then, now;

	args_parse(&args, op);
	args_parse(&then, old_result);
	args_parse(&now, new_result);
	if (makes_slot(args.name))
		learn_slot(slots_of(rebind, args.name), succeeded(old_result),
			   succeeded(new_result));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		uint64_t id = arg(&then, keys[i]);

		if (id && id < REBIND_IDS && arg(&now, keys[i]))
			rebind->id[id] = arg(&now, keys[i]);
	}
}
