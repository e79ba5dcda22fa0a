/* SPDX-License-Identifier: MIT */
/*
 * container/imap: random operations against a model, which says for every address of a small space what is there. The
 * space is stretched, so that the map sees large and uneven addresses up to the last one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/inject.h"
#include "container/imap_node.h"
#include "unit.h"

#define SPACE 6000 /* addresses of the model */

struct model {
	uint64_t base,
		scale; /* address i of the model is [base + i * scale, base + i * scale + scale - 1] */
	uint32_t owner[SPACE];	/* 0: free, else the number of the entry that holds the address */
	uint32_t size[SPACE];	/* of the entry that starts here */
	void *value[SPACE];	/* of the entry that starts here */
	unsigned int addresses; /* how many are used */
	size_t count;
	uint32_t serial;
};

static uint64_t address(const struct model *model, unsigned int i)
{
	return model->base + i * model->scale;
}

static void *some_value(struct model *model)
{
	return (void *)(uintptr_t)++model->serial;
}

static bool model_free(const struct model *model, unsigned int i, unsigned int size)
{
	while (size--)
		if (model->owner[i + size])
			return false;
	return true;
}

static void model_set(struct model *model, unsigned int i, unsigned int size, void *value)
{
	uint32_t owner = ++model->serial;

	for (unsigned int j = 0; j < size; j++)
		model->owner[i + j] = owner;
	model->size[i] = size;
	model->value[i] = value;
	model->count++;
}

static void model_clear(struct model *model, unsigned int i)
{
	memset(&model->owner[i], 0, model->size[i] * sizeof(*model->owner));
	model->count--;
}

/* Where the entry that holds i starts. */
static unsigned int model_start(const struct model *model, unsigned int i)
{
	while (i && model->owner[i - 1] == model->owner[i])
		i--;
	return i;
}

static void check_entry(const struct model *model, unsigned int i, const struct imap_entry *entry)
{
	assert_int_equal(entry->first, address(model, i));
	assert_int_equal(entry->last, address(model, i + model->size[i]) - 1);
	assert_ptr_equal(entry->value, model->value[i]);
}

static void check_lookup(const struct imap *map, const struct model *model, unsigned int i,
			 uint64_t offset)
{
	struct imap_entry entry;
	bool found = imap_lookup(map, address(model, i) + offset, &entry);

	assert_int_equal(found, model->owner[i] != 0);
	if (found)
		check_entry(model, model_start(model, i), &entry);
}

static void check_lookups(const struct imap *map, const struct model *model)
{
	for (unsigned int i = 0; i < model->addresses; i++) {
		check_lookup(map, model, i, 0);
		check_lookup(map, model, i, model->scale - 1);
	}
}

/* All entries of [i, end) in order, and no more. */
static void check_range(const struct imap *map, const struct model *model, unsigned int i,
			unsigned int end)
{
	struct imap_entry entry;

	imap_for_each_in(map, address(model, i), address(model, end) - 1, &entry) {
		while (i < end && !model->owner[i])
			i++;
		assert_in_range(i, 0, end - 1);
		i = model_start(model, i);
		check_entry(model, i, &entry);
		i += model->size[i];
	}
	while (i < end)
		assert_int_equal(model->owner[i++], 0);
}

static uint64_t check_node(const struct imap_node *node, unsigned int level, uint64_t lowest,
			   uint64_t limit, size_t *count);

/* An inner node's child `i`: its bound. */
static uint64_t check_child(const struct imap_node *node, unsigned int level, unsigned int i,
			    uint64_t lowest, uint64_t limit, size_t *count)
{
	uint64_t key = i ? node_key(node, i) : lowest, gap;
	uint64_t behind = i + 1 < node_count(node) ? node_key(node, i + 1) - 1 : limit;

	assert_in_range(key, lowest, behind);
	gap = check_node(node_link(node, i), level - 1, key, behind, count);
	assert_true(node_extent(node, i) >= gap);
	return node_extent(node, i);
}

/* The gap behind a leaf's slot that is not empty. Keys of empty ones may be below the leaf's addresses. */
static uint64_t check_slot(const struct imap_node *node, unsigned int i, uint64_t lowest,
			   uint64_t limit)
{
	uint32_t above = node_used(node) & ~slots_below(i + 1);
	uint64_t behind = above ? node_key(node, lowest_slot(above)) - 1 : limit;

	assert_true(node_key(node, i) >= lowest);
	assert_in_range(node_extent(node, i), node_key(node, i), behind);
	return behind - node_extent(node, i);
}

/* The node's invariants; the bound of the gaps behind its entries: of a leaf, the largest gap itself. */
static uint64_t check_node(const struct imap_node *node, unsigned int level, uint64_t lowest,
			   uint64_t limit, size_t *count)
{
	unsigned int n = node_count(node);
	uint64_t largest = 0, gap;

	assert_int_equal(state_level(node_state(node)), level);
	assert_in_range(n, 1, IMAP_SLOTS);
	assert_int_equal(node_used(node) & ~slots_below(n), 0);
	assert_true(level ? node_used(node) == slots_below(n) : node_used(node) > 0);
	for (unsigned int i = n; i < IMAP_SLOTS; i++)
		assert_int_equal(node_key(node, i), UINT64_MAX);
	for (unsigned int i = 0; i < n; i++) {
		assert_true(!i || node_key(node, i - 1) < node_key(node, i));
		assert_int_equal(!!node_link(node, i), node_used(node) >> i & 1);
		if (!node_link(node, i))
			continue;
		gap = level ? check_child(node, level, i, lowest, limit, count)
			    : check_slot(node, i, lowest, limit);
		*count += !level;
		largest = gap > largest ? gap : largest;
	}
	return largest;
}

static void check_tree(const struct imap *map, const struct model *model)
{
	struct imap_node *root = atomic_load(&map->root);
	size_t count = 0;

	assert_int_equal(!root, !map->levels);
	if (root)
		check_node(root, map->levels - 1, 0, UINT64_MAX, &count);
	assert_int_equal(count, model->count);
	assert_int_equal(map->count, model->count);
	if (root) /* a removal needs them */
		assert_true(map->store.spare >= map->levels);
}

static void check_all(const struct imap *map, const struct model *model)
{
	check_tree(map, model);
	check_lookups(map, model);
	check_range(map, model, 0, model->addresses);
}

static void try_insert(struct imap *map, struct model *model, unsigned int i, unsigned int size)
{
	void *value = some_value(model);
	int want = model_free(model, i, size) ? 0 : -EEXIST;

	assert_int_equal(imap_insert(map, address(model, i), address(model, i + size) - 1, value),
			 want);
	if (!want)
		model_set(model, i, size, value);
}

/* What readers can remember. */
struct memo {
	uint64_t version[IMAP_PARTS];
};

static struct memo memo_of(const struct imap *map)
{
	struct memo memo;

	for (unsigned int i = 0; i < IMAP_PARTS; i++)
		memo.version[i] = *imap_version(map, (uint64_t)i << IMAP_PART_SHIFT);
	return memo;
}

/* It is old in the parts that [first, last] has a piece of, and in no others. */
static void check_old(const struct imap *map, const struct memo *memo, uint64_t first,
		      uint64_t last)
{
	uint64_t pieces = (last >> IMAP_PART_SHIFT) - (first >> IMAP_PART_SHIFT);

	for (uint64_t i = 0; i < IMAP_PARTS; i++) {
		uint64_t at = i << IMAP_PART_SHIFT;
		bool old = (i - (first >> IMAP_PART_SHIFT)) % IMAP_PARTS <= pieces;

		assert_int_equal(*imap_version(map, at) > memo->version[i], old);
	}
}

static void remove_at(struct imap *map, struct model *model, unsigned int i)
{
	struct memo memo = memo_of(map);

	i = model_start(model, i);
	assert_ptr_equal(imap_remove(map, address(model, i)), model->value[i]);
	check_old(map, &memo, address(model, i), address(model, i + model->size[i]) - 1);
	model_clear(model, i);
}

static void replace_at(struct imap *map, struct model *model, unsigned int i)
{
	struct memo memo = memo_of(map);
	void *value = some_value(model);

	i = model_start(model, i);
	assert_ptr_equal(imap_replace(map, address(model, i), value), model->value[i]);
	check_old(map, &memo, address(model, i), address(model, i + model->size[i]) - 1);
	model->value[i] = value;
}

static void cut_at(struct imap *map, struct model *model, unsigned int i)
{
	unsigned int start = model_start(model, i), size = model->size[start];
	void *low = some_value(model), *high = some_value(model);
	struct memo memo = memo_of(map);

	if (start == i)
		return;
	assert_int_equal(imap_cut(map, address(model, start), address(model, i), low, high), 0);
	check_old(map, &memo, address(model, start), address(model, start + size) - 1);
	model_clear(model, start);
	model_set(model, start, i - start, low);
	model_set(model, i, start + size - i, high);
}

/* The lowest gap of the model whose last address is at or above `from`, and that is long enough. */
static bool model_gap(const struct model *model, uint64_t from, uint64_t length,
		      uint64_t *ret_first, uint64_t *ret_last)
{
	uint64_t first = 0, behind;

	for (unsigned int i = 0; i <= model->addresses; i++) {
		bool end = i == model->addresses;

		if (!end && !model->owner[i])
			continue;
		/* An entry, or the end of the space behind all entries; a gap of all addresses is long enough. */
		behind = end ? 0 : address(model, i);
		if ((behind != first || end) && behind - 1 >= from &&
		    behind - first - 1 >= length - 1) {
			*ret_first = first;
			*ret_last = behind - 1;
			return true;
		}
		if (end)
			break;
		i += model->size[i] - 1;
		first = address(model, i + 1);
		if (!first)
			break;
	}
	return false;
}

/* A search that found nothing has left no bound that would make the next one look again, but where it began in the middle of a child. */
static void check_bounds(const struct imap *map, uint64_t length)
{
	struct imap_node *root = atomic_load(&map->root);

	for (unsigned int i = 1; map->levels > 1 && i < node_count(root); i++)
		assert_true(node_extent(root, i) < length);
}

static void check_gap(const struct imap *map, const struct model *model, unsigned int from,
		      unsigned int length)
{
	uint64_t first = 0, last = 0, want_first = 0, want_last = 0;
	bool want = model_gap(model, address(model, from), length * model->scale, &want_first,
			      &want_last);

	assert_int_equal(
		imap_next_gap(map, address(model, from), length * model->scale, &first, &last),
		want);
	assert_int_equal(first, want_first);
	assert_int_equal(last, want_last);
	if (!want && !from)
		check_bounds(map, length * model->scale);
}

static void random_step(struct imap *map, struct model *model, unsigned int *seed,
			unsigned int fill)
{
	unsigned int i = rand_r(seed) % model->addresses, size = 1 + rand_r(seed) % 4;

	if (i + size > model->addresses)
		return;
	check_lookup(map, model, i, rand_r(seed) % model->scale);
	if ((unsigned int)rand_r(seed) % 100 < fill || !model->owner[i])
		try_insert(map, model, i, size);
	else if (rand_r(seed) % 8 == 0)
		replace_at(map, model, i);
	else if (rand_r(seed) % 4 == 0)
		cut_at(map, model, i);
	else
		remove_at(map, model, i);
}

static void fill_and_drain(struct imap *map, struct model *model, unsigned int seed)
{
	unsigned int steps = model->addresses * 4;

	for (unsigned int i = 0; i < steps; i++) {
		random_step(map, model, &seed, i < steps / 2 ? 80 : 10);
		if (i % (steps / 10) == 0) {
			check_all(map, model);
			check_range(map, model, model->addresses / 3, model->addresses / 2);
			for (unsigned int n = 1; n < model->addresses; n *= 2)
				check_gap(map, model, 0, n);
		}
		if (i % 7 == 0)
			check_gap(map, model, rand_r(&seed) % model->addresses,
				  1 + rand_r(&seed) % 6);
	}
	check_all(map, model);
	for (unsigned int i = 0; i < model->addresses; i++)
		if (model->owner[i])
			remove_at(map, model, i);
	check_all(map, model);
}

static struct model *new_model(unsigned int addresses, uint64_t base, uint64_t scale)
{
	struct model *model = calloc(1, sizeof(*model));

	*model = (struct model){.base = base, .scale = scale, .addresses = addresses};
	return model;
}

static void run_random(unsigned int addresses, uint64_t base, uint64_t scale, unsigned int seed)
{
	struct model *model = new_model(addresses, base, scale);
	struct imap map;

	imap_init(&map);
	fill_and_drain(&map, model, seed);
	assert_int_equal(map.levels, 0);
	imap_done(&map);
	free(model);
}

static void test_random(void **state)
{
	for (unsigned int seed = 1; seed <= 4; seed++) {
		run_random(10, 0, 4096, seed);
		run_random(80, 0x1000, 1, seed);
		run_random(1000, 0, 4096, seed);
		run_random(SPACE, 1ull << 40, 0x12345, seed);
	}
}

/* The last address of all is in use. */
static void test_end_of_space(void **state)
{
	for (unsigned int seed = 1; seed <= 4; seed++) {
		run_random(64, -64 * 4096ull, 4096, seed);
		run_random(1024, 0, 1ull << 54, seed);
		run_random(1024, -1024ull, 1, seed);
	}
}

enum order { ASCENDING, DESCENDING, INSIDE_OUT, ORDERS };

static unsigned int in_order(enum order order, unsigned int i, unsigned int n)
{
	if (order == ASCENDING)
		return i;
	if (order == DESCENDING)
		return n - 1 - i;
	return i % 2 ? n / 2 - 1 - i / 2 : n / 2 + i / 2;
}

/* Filled in each order, drained in each order; and the memory that the filling took. */
static void run_orders(enum order fill, enum order drain, unsigned int n)
{
	struct model *model = new_model(n, 0, 4096);
	struct imap map;
	size_t used;

	imap_init(&map);
	for (unsigned int i = 0; i < n; i++) {
		try_insert(&map, model, in_order(fill, i, n), 1);
		if (i % 64 == 0)
			check_tree(&map, model);
	}
	check_all(&map, model);
	used = map.store.bytes - map.store.spare * sizeof(struct imap_node);
	assert_true(fill == INSIDE_OUT || used / n <= 27);
	assert_true(used / n <= 40);
	for (unsigned int i = 0; i < n; i++) {
		remove_at(&map, model, in_order(drain, i, n));
		if (i % 64 == 0)
			check_tree(&map, model);
	}
	check_all(&map, model);
	imap_done(&map);
	free(model);
}

static void test_orders(void **state)
{
	for (enum order fill = 0; fill < ORDERS; fill++)
		for (enum order drain = 0; drain < ORDERS; drain++)
			run_orders(fill, drain, SPACE);
}

static void test_empty(void **state)
{
	struct imap_entry entry;
	uint64_t first, last;
	struct imap map;

	imap_init(&map);
	assert_false(imap_lookup(&map, 0, &entry));
	assert_false(imap_first_in(&map, 0, UINT64_MAX, &entry));
	assert_true(imap_next_gap(&map, 5, UINT64_MAX, &first, &last));
	assert_int_equal(first, 0);
	assert_int_equal(last, UINT64_MAX);
	imap_done(&map);
}

/* One entry over everything, and at the edges. */
static void test_extremes(void **state)
{
	struct imap_entry entry;
	uint64_t first, last;
	struct imap map;

	imap_init(&map);
	assert_int_equal(imap_insert(&map, 0, UINT64_MAX, &map), 0);
	assert_int_equal(imap_insert(&map, 0, 0, &map), -EEXIST);
	assert_int_equal(imap_insert(&map, UINT64_MAX, UINT64_MAX, &map), -EEXIST);
	assert_true(imap_lookup(&map, UINT64_MAX, &entry));
	assert_false(imap_next_gap(&map, 0, 1, &first, &last));
	assert_int_equal(imap_cut(&map, 0, UINT64_MAX, &map, &entry), 0);
	assert_true(imap_lookup(&map, UINT64_MAX, &entry));
	assert_ptr_equal(entry.value, &entry);
	assert_int_equal(entry.first, UINT64_MAX);
	assert_true(imap_lookup(&map, UINT64_MAX - 1, &entry));
	assert_int_equal(entry.last, UINT64_MAX - 1);
	imap_remove(&map, 0);
	assert_true(imap_next_gap(&map, 0, UINT64_MAX, &first, &last));
	assert_int_equal(last, UINT64_MAX - 1);
	assert_false(imap_next_gap(&map, UINT64_MAX, 1, &first, &last));
	imap_remove(&map, UINT64_MAX);
	imap_done(&map);
}

/* Every insertion's and every cut's allocations fail in turn: nothing changes. Removals allocate nothing. */
static void test_allocation_failure(void **state)
{
	struct model *model = new_model(SPACE, 0, 4096);
	unsigned int failures = 0;
	struct imap map;

	imap_init(&map);
	for (unsigned int i = 0; i < SPACE; i += 2) {
		unsigned int j = i * 1234577ull % SPACE / 2 * 2;

		if (model->owner[j])
			continue;
		inject_arm(1);
		if (imap_insert(&map, address(model, j), address(model, j + 2) - 1, &map)) {
			failures++;
			assert_int_equal(inject_left(), 0);
			check_tree(&map, model);
			assert_int_equal(imap_insert(&map, address(model, j),
						     address(model, j + 2) - 1, &map),
					 0);
		}
		inject_arm(0);
		model_set(model, j, 2, &map);
	}
	assert_true(failures > 3);
	for (unsigned int i = 1; i < SPACE; i += 2) {
		if (!model->owner[i])
			continue;
		inject_arm(1);
		if (imap_cut(&map, address(model, i - 1), address(model, i), &map, &map)) {
			failures++;
			check_tree(&map, model);
			inject_arm(0);
			assert_int_equal(imap_cut(&map, address(model, i - 1), address(model, i),
						  &map, &map),
					 0);
		}
		model_clear(model, i - 1);
		model_set(model, i - 1, 1, &map);
		model_set(model, i, 1, &map);
	}
	inject_arm(1);
	for (unsigned int i = 0; i < SPACE; i++)
		if (model->owner[i])
			remove_at(&map, model, i);
	assert_int_equal(inject_left(), 1);
	inject_arm(0);
	imap_done(&map);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),	 cmocka_unit_test(test_end_of_space),
		cmocka_unit_test(test_orders),	 cmocka_unit_test(test_empty),
		cmocka_unit_test(test_extremes), cmocka_unit_test(test_allocation_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
