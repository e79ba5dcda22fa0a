/* SPDX-License-Identifier: MIT */
/* container/idmap: against an array, with random operations and with every allocation failing in
 * turn. */
#include <errno.h>
#include <stdlib.h>

#include "base/inject.h"
#include "container/idmap.h"
#include "unit.h"

#define MODEL_IDS 9000 /* three levels */

/* A value for each id, and one for a taken id without a value. */
static char values[MODEL_IDS + 2];
static char hidden;

struct model {
	void *at[MODEL_IDS + 2]; /* NULL: free */
	uint32_t count;
};

static uint32_t lowest_free(const struct model *model)
{
	for (uint32_t id = 1;; id++)
		if (!model->at[id])
			return id;
}

static void check_id(const struct idmap *map, const struct model *model, uint32_t id)
{
	void *want = model->at[id];

	assert_int_equal(idmap_taken(map, id), want != NULL);
	assert_ptr_equal(idmap_find(map, id), want == &hidden ? NULL : want);
}

static void check_next(const struct idmap *map, const struct model *model)
{
	uint32_t id = 0;

	for (uint32_t want = 1; want <= MODEL_IDS; want++) {
		if (!model->at[want] || model->at[want] == &hidden)
			continue;
		assert_ptr_equal(idmap_next(map, id, &id), model->at[want]);
		assert_int_equal(id, want);
	}
	assert_null(idmap_next(map, id, &id));
}

static void check_all(const struct idmap *map, const struct model *model)
{
	for (uint32_t id = 1; id <= MODEL_IDS; id++)
		check_id(map, model, id);
	assert_int_equal(map->count, model->count);
	check_next(map, model);
}

static void reserve_one(struct idmap *map, struct model *model)
{
	uint32_t id = 0;

	assert_int_equal(idmap_reserve(map, &id), 0);
	assert_int_equal(id, lowest_free(model));
	assert_null(idmap_find(map, id));
	model->at[id] = &hidden;
	model->count++;
}

static void remove_one(struct idmap *map, struct model *model, uint32_t id)
{
	void *value = model->at[id];

	assert_ptr_equal(idmap_remove(map, id), value == &hidden ? NULL : value);
	model->at[id] = NULL;
	model->count--;
}

static void random_step(struct idmap *map, struct model *model, unsigned int *seed, uint32_t limit)
{
	uint32_t id = 1 + rand_r(seed) % limit;

	if (!model->at[id]) {
		if (model->count < limit)
			reserve_one(map, model);
	} else if (rand_r(seed) % 3 == 0) {
		remove_one(map, model, id);
	} else {
		model->at[id] = rand_r(seed) % 4 ? &values[id] : &hidden;
		idmap_publish(map, id, model->at[id] == &hidden ? NULL : &values[id]);
	}
}

static void random_operations(uint32_t limit, unsigned int seed, unsigned int steps)
{
	struct model *model = calloc(1, sizeof(*model));
	struct idmap map;

	idmap_init(&map);
	for (unsigned int i = 0; i < steps; i++) {
		random_step(&map, model, &seed, limit);
		if (i % (steps / 8) == 0)
			check_all(&map, model);
	}
	check_all(&map, model);
	for (uint32_t id = 1; id <= MODEL_IDS; id++)
		if (model->at[id])
			remove_one(&map, model, id);
	assert_true(map.levels <= 1);
	idmap_done(&map);
	free(model);
}

static void test_random(void **state)
{
	for (unsigned int seed = 1; seed <= 4; seed++) {
		random_operations(10, seed, 1000);
		random_operations(64, seed, 1000);
		random_operations(65, seed, 1000);
		random_operations(4100, seed, 20000);
	}
}

static void test_fill_and_empty(void **state)
{
	struct model *model = calloc(1, sizeof(*model));
	struct idmap map;

	idmap_init(&map);
	for (uint32_t id = 1; id <= MODEL_IDS; id++)
		reserve_one(&map, model);
	check_all(&map, model);
	for (uint32_t id = MODEL_IDS; id > 4096; id--)
		remove_one(&map, model, id);
	for (uint32_t id = 1; id < 4096; id += 2)
		remove_one(&map, model, id);
	check_all(&map, model);
	for (uint32_t id = 1; id < 4096; id += 2)
		reserve_one(&map, model);
	check_all(&map, model);
	idmap_done(&map);
	free(model);
}

static void test_empty_map_and_foreign_ids(void **state)
{
	static const uint32_t ids[] = {0, 2, 64, 65, 4097, INT32_MAX, 1u << 31, UINT32_MAX};
	struct idmap map;
	uint32_t id = 77;

	idmap_init(&map);
	assert_null(idmap_find(&map, 1));
	assert_null(idmap_next(&map, 0, &id));
	assert_int_equal(id, 77);
	assert_int_equal(idmap_reserve(&map, &id), 0);
	assert_int_equal(id, 1);
	idmap_publish(&map, 1, values);
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		assert_null(idmap_find(&map, ids[i]));
		assert_false(idmap_taken(&map, ids[i]));
		if (ids[i])
			assert_null(idmap_next(&map, ids[i], &id));
	}
	idmap_done(&map);
}

/* A tombstone is a taken id that was hidden and is never removed. */
static void test_tombstone(void **state)
{
	struct idmap map;
	uint32_t id;

	idmap_init(&map);
	assert_int_equal(idmap_reserve(&map, &id), 0);
	idmap_publish(&map, id, values);
	idmap_publish(&map, id, NULL);
	assert_null(idmap_find(&map, id));
	assert_true(idmap_taken(&map, id));
	assert_int_equal(idmap_reserve(&map, &id), 0);
	assert_int_equal(id, 2);
	idmap_done(&map);
}

/* Each allocation of a reserve that grows the tree fails in turn: nothing has changed, and the next
 * try succeeds. */
static void fail_each_allocation(struct idmap *map, struct model *model)
{
	unsigned int levels = map->levels;
	uint32_t id = 99;

	for (unsigned int nth = 1; nth < 10; nth++) {
		inject_arm(nth);
		if (!idmap_reserve(map, &id)) {
			assert_int_not_equal(inject_left(), 0);
			inject_arm(0);
			idmap_remove(map, id);
			return;
		}
		assert_int_equal(inject_left(), 0);
		assert_int_equal(id, 99);
		assert_int_equal(map->levels, levels);
		assert_int_equal(map->count, model->count);
	}
	fail();
}

static void test_allocation_failure(void **state)
{
	static const uint32_t counts[] = {0, 1, 64, 128, 4096, 4160};
	struct model *model = calloc(1, sizeof(*model));
	struct idmap map;

	idmap_init(&map);
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		while (model->count < counts[i])
			reserve_one(&map, model);
		fail_each_allocation(&map, model);
		check_all(&map, model);
	}
	idmap_done(&map);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_fill_and_empty),
		cmocka_unit_test(test_empty_map_and_foreign_ids),
		cmocka_unit_test(test_tombstone),
		cmocka_unit_test(test_allocation_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
