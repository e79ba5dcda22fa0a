/* SPDX-License-Identifier: MIT */
/* What every ioctl has in common, tried on each. */
#include "rows.h"

#include "base/inject.h"

#include <string.h>
#include <sys/mman.h>

/* How much longer than the struct the longest tail is. */
#define TAIL 64u
/* Tails are looked at in pieces: so much that several are needed. */
#define LONG_TAIL 700u

/* A good call, ready to be sent from anywhere in two pages with an unreadable one behind. */
struct call {
	const struct row *row;
	struct world world;
	char *pages;
};

static unsigned char *place(struct call *call, size_t room)
{
	return (unsigned char *)call->pages + 2 * WORLD_PAGE - room;
}

/* Fills the call so that `room` bytes of it are in front of the unreadable page. */
static unsigned char *fill(struct call *call, size_t room, uint32_t user_size)
{
	unsigned char bytes[128] = {0}, *at = place(call, room);

	call->row->fill(&call->world, bytes);
	memcpy(bytes, &user_size, sizeof(user_size));
	memset(call->pages, 0, 2 * WORLD_PAGE);
	memcpy(at, bytes, room < sizeof(bytes) ? room : sizeof(bytes));
	return at;
}

static long send(struct call *call, void *at)
{
	return bench_ioctl(&call->world.bench, call->row->cmd, at);
}

static void open_call(struct call *call, const struct row *row)
{
	call->row = row;
	world_init(&call->world);
	if (row->prepare)
		row->prepare(&call->world);
	call->pages = bench_pages(2);
}

static void close_call(struct call *call)
{
	bench_free_pages(call->pages, 2);
	world_done(&call->world);
}

static void reopen_call(struct call *call)
{
	close_call(call);
	open_call(call, call->row);
}

static void expect(const struct call *call, const char *what, const char *also, long rc, long want)
{
	if (rc != want)
		fail_msg("%s, %s%s%s: %ld, not %ld", call->row->name, what, also ? " and " : "",
			 also ? also : "", rc, want);
}

/* Sends a call that has to fail and to leave everything as it was. */
static void expect_refused(struct call *call, const char *what, const char *also, void *at,
			   long want)
{
	char *before = bench_describe(&call->world.bench);
	char *after;

	expect(call, what, also, send(call, at), want);
	after = bench_describe(&call->world.bench);
	if (strcmp(before, after))
		print_error("%s, %s: something has changed\n", call->row->name, what);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* ---- sizes ---- */

static void size_too_small(void **state)
{
	struct call call;

	open_call(&call, *state);
	for (uint32_t size = 0; size < call.row->min_size; size++)
		expect_refused(&call, "too short", NULL, fill(&call, call.row->size, size),
			       -EINVAL);
	close_call(&call);
}

static uint32_t good_size(const struct row *row)
{
	return row->good_size ? row->good_size : row->min_size;
}

/* No byte behind user_size is written: there is none. */
static void any_size_does(void **state)
{
	struct call call;

	open_call(&call, *state);
	for (uint32_t size = good_size(call.row); size <= call.row->size + TAIL; size++) {
		unsigned char *at = fill(&call, size, size);

		expect(&call, "a good call", NULL, send(&call, at), call.row->result);
		for (uint32_t i = call.row->size; i < size; i++)
			assert_int_equal(at[i], 0);
		reopen_call(&call);
	}
	close_call(&call);
}

static void tail_not_zero(void **state)
{
	struct call call;

	open_call(&call, *state);
	for (uint32_t i = call.row->size; i < call.row->size + LONG_TAIL; i += 1 + i / 200) {
		unsigned char *at =
			fill(&call, call.row->size + LONG_TAIL, call.row->size + LONG_TAIL);

		at[i] = 0x80;
		expect_refused(&call, "a tail that is not zero", NULL, at, -E2BIG);
	}
	close_call(&call);
}

/* Whatever the struct's own last byte does, it is not a tail. */
static void last_byte_is_known(void **state)
{
	struct call call;
	unsigned char *at;

	open_call(&call, *state);
	at = fill(&call, call.row->size, call.row->size);
	at[call.row->size - 1] = 0x80;
	assert_int_not_equal(send(&call, at), -E2BIG);
	close_call(&call);
}

/* What comes first in the tail counts: a byte that is not zero, or one that can't be read. */
static void tail_not_readable(void **state)
{
	struct call call;

	open_call(&call, *state);
	for (uint32_t room = call.row->size; room < call.row->size + TAIL; room++) {
		uint32_t size = call.row->size + TAIL;
		unsigned char *at = fill(&call, room, size);

		expect_refused(&call, "a tail that ends", NULL, at, -EFAULT);
		if (room == call.row->size)
			continue;
		at[room - 1] = 1;
		expect_refused(&call, "a tail that is not zero and ends", NULL, at, -E2BIG);
	}
	close_call(&call);
}

/* ---- where the struct is ---- */

static void struct_not_readable(void **state)
{
	struct call call;

	open_call(&call, *state);
	expect_refused(&call, "no struct", NULL, NULL, -EFAULT);
	for (uint32_t room = 0; room < call.row->size; room++) {
		unsigned char *at = fill(&call, room, call.row->size);

		expect_refused(&call, "a struct that ends", NULL, at, -EFAULT);
	}
	close_call(&call);
}

/* The size is read before the number is looked at. */
static void other_number_bits(void **state)
{
	static const unsigned int bits[] = {_IOC(_IOC_READ, 0, 0, 0), _IOC(_IOC_WRITE, 0, 0, 0),
					    _IOC(0, 0, 0, 8), 0x100};
	const struct row *row = *state;
	struct row other = *row;
	struct call call;

	open_call(&call, &other);
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		other.cmd = row->cmd ^ bits[i];
		expect_refused(&call, "other number bits", NULL, fill(&call, row->size, row->size),
			       -ENOTTY);
		expect_refused(&call, "other number bits", "no struct", NULL, -EFAULT);
		expect_refused(&call, "other number bits", "too short", fill(&call, row->size, 0),
			       -ENOTTY);
	}
	close_call(&call);
}

static void struct_not_writable(void **state)
{
	struct call call;
	char *before, *after;
	void *at;

	open_call(&call, *state);
	at = fill(&call, call.row->size, call.row->size);
	mprotect(call.pages, 2 * WORLD_PAGE, PROT_READ);
	before = bench_describe(&call.world.bench);
	expect(&call, "no way to answer", NULL, send(&call, at),
	       call.row->reply == REPLY_NONE ? call.row->result : -EFAULT);
	after = bench_describe(&call.world.bench);
	if (call.row->reply == REPLY_UNDONE)
		assert_string_equal(before, after);
	free(before);
	free(after);
	close_call(&call);
}

/* ---- what the handler refuses ---- */

static void apply(const struct call *call, unsigned char *at, const struct wrong *wrong)
{
	for (int i = 0; i < ROW_FIELDS; i++) {
		const struct field *field = &wrong->fields[i];
		uint64_t value = call->world.id[field->world] + field->value;

		memcpy(at + field->at, &value, field->size);
	}
}

static void expect_wrong(struct call *call, const struct wrong *wrong, const struct wrong *also)
{
	unsigned char copy[128], *at = fill(call, call->row->size, call->row->size);

	apply(call, at, wrong);
	if (also)
		apply(call, at, also);
	memcpy(copy, at, call->row->size);
	expect_refused(call, wrong->what, also ? also->what : NULL, at, -wrong->error);
	if (!call->row->writes_errors)
		assert_memory_equal(copy, at, call->row->size);
}

static void each_wrong(void **state)
{
	const struct row *row = *state;
	struct call call;

	open_call(&call, row);
	for (const struct wrong *wrong = row->wrong; wrong->what; wrong++)
		expect_wrong(&call, wrong, NULL);
	close_call(&call);
}

static bool fields_meet(const struct field *a, const struct field *b)
{
	return a->size && b->size && a->at < b->at + b->size && b->at < a->at + a->size;
}

static bool can_be_both(const struct wrong *a, const struct wrong *b)
{
	for (int i = 0; i < ROW_FIELDS * ROW_FIELDS; i++)
		if (fields_meet(&a->fields[i / ROW_FIELDS], &b->fields[i % ROW_FIELDS]))
			return false;
	return true;
}

static void each_two_wrongs(void **state)
{
	const struct row *row = *state;
	struct call call;

	open_call(&call, row);
	for (const struct wrong *first = row->wrong; first->what; first++)
		for (const struct wrong *second = first + 1; second->what; second++)
			if (can_be_both(first, second))
				expect_wrong(&call, first, second);
	close_call(&call);
}

/* The front door comes before all of the handler's own checks. */
static void wrong_and_tail(void **state)
{
	const struct row *row = *state;
	struct call call;

	open_call(&call, row);
	for (const struct wrong *wrong = row->wrong; wrong->what; wrong++) {
		unsigned char *at = fill(&call, row->size + TAIL, row->size + TAIL);

		apply(&call, at, wrong);
		at[row->size + TAIL - 1] = 1;
		expect_refused(&call, "a tail that is not zero", wrong->what, at, -E2BIG);
	}
	close_call(&call);
}

/* ---- what runs out ---- */

/* More points than any call passes. */
#define MANY 200u

static void expect_undone(struct call *call, unsigned int nth, long rc, const char *before)
{
	char *after = bench_describe(&call->world.bench), text[64];

	snprintf(text, sizeof(text), "acquisition %u fails", nth);
	expect(call, text, NULL, rc, -ENOMEM);
	if (strcmp(before, after))
		print_error("%s, %s: something has changed\n", call->row->name, text);
	assert_string_equal(before, after);
	free(after);
}

/*
 * Each acquisition of a resource fails in turn, until the call passes all of them: the failure is reported, and leaves no object,
 * descriptor, pin or account behind. (What it leaves in bytes is for the leak checker of the sanitized run.)
 */
static void each_acquisition(void **state)
{
	const struct row *row = *state;
	unsigned char copy[128], *at;
	unsigned int nth = 0, left;
	struct call call;
	char *before;
	long rc;

	open_call(&call, row);
	do {
		before = bench_describe(&call.world.bench);
		at = fill(&call, row->size, row->size);
		memcpy(copy, at, row->size);
		inject_arm(++nth);
		rc = send(&call, at);
		left = inject_left();
		inject_arm(0);
		if (!left)
			expect_undone(&call, nth, rc, before);
		if (!left && !row->writes_errors)
			assert_memory_equal(copy, at, row->size);
		free(before);
	} while (!left && nth < MANY);
	expect(&call, "nothing runs out", NULL, rc, row->result);
	assert_in_range(nth, 1, MANY - 1);
	close_call(&call);
}

/* ---- running ---- */

static const struct {
	const char *name;
	void (*run)(void **state);
} rules[] = {
	{"a size below the first version's", size_too_small},
	{"every other size", any_size_does},
	{"a tail that is not zero", tail_not_zero},
	{"no tail", last_byte_is_known},
	{"a tail that can't be read", tail_not_readable},
	{"a struct that can't be read", struct_not_readable},
	{"a struct that can't be written", struct_not_writable},
	{"other bits in the number", other_number_bits},
	{"each wrong", each_wrong},
	{"each two wrongs", each_two_wrongs},
	{"wrong with a tail", wrong_and_tail},
	{"each acquisition fails", each_acquisition},
};

#define NRULES (sizeof(rules) / sizeof(rules[0]))

int rows_run(const struct row *rows, size_t n)
{
	int failed = 0;

	for (size_t i = 0; i < n; i++) {
		struct CMUnitTest tests[NRULES] = {0};

		for (size_t j = 0; j < NRULES; j++)
			tests[j] = (struct CMUnitTest){.name = rules[j].name,
						       .test_func = rules[j].run,
						       .initial_state = (void *)&rows[i]};
		failed += _cmocka_run_group_tests(rows[i].name, tests, NRULES, NULL, NULL);
	}
	return failed;
}
