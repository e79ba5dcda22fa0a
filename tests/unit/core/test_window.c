/* SPDX-License-Identifier: MIT */
/*
 * core/window: a client with a window reads and writes what it would without one. Random accesses are made on two copies of the same
 * memory, with a window on one; what has been written when the window is closed must be the same.
 */
#include "unit.h"

#include "core/client.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define BYTES 128
#define AT    32 /* of the window */
#define LEN   64

/* Its memory is reached by the mm. */
static const struct client_ops no_ops;

struct sides {
	unsigned char plain[BYTES], seen[BYTES]; /* the memory without, and with a window on it */
	struct client client;
	struct client_window window;
};

static void open_window(struct sides *sides, bool writable)
{
	for (int i = 0; i < BYTES; i++)
		sides->plain[i] = sides->seen[i] = (unsigned char)(i * 37 + 11);
	sides->window = (struct client_window){
		.at = (uintptr_t)sides->seen + AT, .len = LEN, .writable = writable};
	memcpy(sides->window.bytes, sides->seen + AT, LEN);
	sides->client = (struct client){.ops = &no_ops, .mm = mm_self(), .window = &sides->window};
	assert_non_null(sides->client.mm);
}

/* As a frontend does with the reply. */
static void close_window(struct sides *sides)
{
	const struct client_window *window = &sides->window;

	memcpy(sides->seen + AT + window->dirty_first, window->bytes + window->dirty_first,
	       window->dirty_end - window->dirty_first);
	mm_put(sides->client.mm);
}

static void access_both(struct sides *sides, unsigned int *seed)
{
	size_t len = (size_t)rand_r(seed) % 48, at = (size_t)rand_r(seed) % (BYTES - len);
	uint64_t address = (uintptr_t)sides->seen + at;
	unsigned char bytes[BYTES];

	if (rand_r(seed) % 2) {
		assert_int_equal(client_read(&sides->client, bytes, address, len), 0);
		assert_memory_equal(bytes, sides->plain + at, len);
		return;
	}
	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)rand_r(seed);
	assert_int_equal(client_write(&sides->client, address, bytes, len), 0);
	memcpy(sides->plain + at, bytes, len);
}

static void test_same_as_without(void **state)
{
	unsigned int given_up = 0, written = 0;

	for (unsigned int round = 0; round < 2000; round++) {
		unsigned int seed = round;
		struct sides sides;

		open_window(&sides, round % 3);
		for (unsigned int i = 0; i < round % 6; i++)
			access_both(&sides, &seed);
		given_up += !sides.client.window;
		written += sides.window.dirty_end > 0;
		close_window(&sides);
		assert_memory_equal(sides.seen, sides.plain, BYTES);
	}
	assert_true(given_up > 100 && written > 100);
}

/* What was between two fields when the call began may be something else by now. */
static void test_writes_nothing_else(void **state)
{
	struct sides sides;

	open_window(&sides, true);
	assert_int_equal(client_write(&sides.client, (uintptr_t)sides.seen + AT, "ab", 2), 0);
	assert_int_equal(client_write(&sides.client, (uintptr_t)sides.seen + AT + 8, "cd", 2), 0);
	sides.seen[AT + 4] = 'x';
	close_window(&sides);
	assert_int_equal(sides.seen[AT + 4], 'x');
	assert_memory_equal(sides.seen + AT, "ab", 2);
	assert_memory_equal(sides.seen + AT + 8, "cd", 2);
}

/* A struct that can be read and not written: -EFAULT when it is answered, not later. */
static void test_read_only(void **state)
{
	struct client_window window = {.len = LEN};
	struct client client = {.ops = &no_ops, .mm = mm_self(), .window = &window};
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t word;

	window.at = (uintptr_t)page;
	assert_int_equal(client_read(&client, &word, window.at, 4), 0);
	assert_int_equal(client_write(&client, window.at, "new", 4), -EFAULT);
	assert_int_equal(window.dirty_end, 0);
	munmap(page, 4096);
	mm_put(client.mm);
}

/* Addresses at the end, which a hostile client may name. */
static void test_bad_addresses(void **state)
{
	struct client_window window = {.at = UINT64_MAX - 7, .len = LEN, .writable = 1};
	struct client client = {.ops = &no_ops, .mm = mm_self(), .window = &window};
	uint64_t word = 0;

	assert_int_equal(client_read(&client, &word, 8, sizeof(word)), -EFAULT);
	assert_int_equal(client_read(&client, &word, UINT64_MAX - 7, sizeof(word)), 0);
	assert_int_equal(client_read(&client, &word, UINT64_MAX - 15, sizeof(word)), -EFAULT);
	assert_int_equal(client_write(&client, UINT64_MAX - 1, &word, SIZE_MAX - 8), -EFAULT);
	mm_put(client.mm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_without),
		cmocka_unit_test(test_writes_nothing_else),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_bad_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
