/* SPDX-License-Identifier: MIT */
/*
 * Arm IHI 0070 (SMMUv3), 4.7: when a command is complete, nothing of before is used. Commands come in the middle of translations here, at each word that
 * a translation reads: what it has read before must not be remembered after.
 */
#include <pthread.h>
#include <sched.h>

#include "arm_tables.h"
#include "smmu_world.h"

#define VA    0x7f0012345000ull
#define USUAL (A_AF | A_USER | A_NG)

static struct smmu_world w;
static struct arm_tables t;
static struct domain *nested;

static int set_up(void **state)
{
	static const struct smmuv3_device_options with_atc = {.ats = true};
	uint32_t id;

	smmu_world_init(&w, NULL, &with_atc);
	arm_init(&t, w.memory, TABLES, TABLES_END, 12, 48);
	arm_map(&t, VA, DATA, 3, USUAL);
	world_cd(&w, CDS, CD_USUAL | CD_ASID(5), t.root);
	id = world_enter(&w, STE_V | STE_TRANSLATES | CDS, 1 << 28);
	lock_take(&w.ctx->lock);
	nested = hwpt_find(w.ctx, id)->domain;
	lock_release(&w.ctx->lock);
	return 0;
}

static int tear_down(void **state)
{
	smmu_world_done(&w);
	return 0;
}

/* Guest memory that something happens to, after its nth word was read. */
struct interrupted {
	struct pt_memory memory;
	unsigned int reads, nth;
	void (*what)(void);
};

static int read_word(const struct pt_memory *memory, uint64_t address, uint64_t *ret_word)
{
	struct interrupted *interrupted = (struct interrupted *)memory;

	*ret_word = *world_word(&w, address);
	if (++interrupted->reads == interrupted->nth)
		interrupted->what();
	return 0;
}

static int exchange(const struct pt_memory *memory, uint64_t address, uint64_t *expected,
		    uint64_t word)
{
	__atomic_compare_exchange_n(world_word(&w, address), expected, word, false,
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return 0;
}

/* Where VA is, and how many words that took. `what` happens after word nth, if that is not 0. */
static uint64_t translate(unsigned int nth, void (*what)(void), unsigned int *ret_reads)
{
	struct interrupted memory = {{read_word, exchange}, 0, nth, what};
	const struct stage1_request request = {0, PT_READ, VA};
	struct stage1 found;

	assert_int_equal(
		nested->ops->translate(nested, &w.smmu.dev, &request, &memory.memory, &found), 0);
	*ret_reads = memory.reads;
	return found.address;
}

static void drop_all(void)
{
	assert_int_equal(world_command(&w, 0x30, 0), 0);
	assert_int_equal(world_command(&w, 0x06 | (uint64_t)VSID << 32, 0), 0);
	assert_int_equal(world_command(&w, 0x40 | (uint64_t)VSID << 32, 52), 0);
}

/* Each kind of change with the commands that it asks for. */
static void change_page(void)
{
	uint64_t *entry = arm_entry(&t, VA, 3);

	*entry ^= PAGE;
	assert_int_equal(world_command(&w, 0x12 | 5ull << 48, VA | 1), 0);
	assert_int_equal(world_command(&w, 0x40 | (uint64_t)VSID << 32, VA), 0);
}

static void change_table(void)
{
	uint64_t *entry = arm_entry(&t, VA, 2), table = t.next;

	t.next += PAGE;
	*world_word(&w, table + (VA >> 12 & 511) * 8) = *arm_entry(&t, VA, 3) ^ PAGE;
	*entry = table | A_TABLE;
	assert_int_equal(world_command(&w, 0x12 | 5ull << 48, VA), 0);
	assert_int_equal(world_command(&w, 0x40 | (uint64_t)VSID << 32, VA), 0);
}

static void change_descriptor(void)
{
	uint64_t page = *arm_entry(&t, VA, 3);

	arm_init(&t, w.memory, t.next, TABLES_END, 12, 48);
	arm_map(&t, VA, (page & 0xfffffffff000ull) ^ PAGE, 3, USUAL);
	*world_word(&w, CDS + 8) = t.root;
	assert_int_equal(world_command(&w, 0x05 | (uint64_t)VSID << 32, 1), 0);
	assert_int_equal(world_command(&w, 0x11 | 5ull << 48, 0), 0);
	assert_int_equal(world_command(&w, 0x40 | (uint64_t)VSID << 32, VA), 0);
}

/* It may see the page of before or after, but afterwards only that of after; and that is remembered. */
static void at_each_word(void (*what)(void))
{
	unsigned int words, reads;

	drop_all();
	translate(0, NULL, &words);
	assert_int_equal(words, 3 + 4);
	for (unsigned int nth = 1; nth <= words; nth++) {
		uint64_t now;

		drop_all();
		translate(nth, what, &reads);
		now = *arm_entry(&t, VA, 3) & 0xfffffffff000ull;
		assert_true(translate(0, NULL, &reads) == now);
		assert_true(translate(0, NULL, &reads) == now);
		assert_int_equal(reads, 0);
	}
}

static void pages(void **state)
{
	at_each_word(change_page);
}

static void tables(void **state)
{
	at_each_word(change_table);
}

static void descriptors(void **state)
{
	at_each_word(change_descriptor);
}

/* ---- accesses that are running ---- */

static void *command(void *arg)
{
	atomic_bool *done = arg;

	uint64_t cmds[2][2] = {{0x30}, {0x40 | (uint64_t)VSID << 32, 52}};
	uint32_t n;

	assert_int_equal(world_commands(&w, cmds, 2, &n), 0);
	atomic_store(done, true);
	return NULL;
}

/* A command is complete when accesses that may use what it drops have ended. */
static void waits_for_accesses(void **state)
{
	atomic_bool done = false;
	unsigned int reads = 0;
	pthread_t thread;
	size_t len = 8;

	assert_int_equal(world_command(&w, 0x40 | (uint64_t)VSID << 32, 52), 0);
	dma_enter(&w.port, VA, VA + 7);
	assert_non_null(dma_translate(&w.port, 0, VA, &len, false));
	assert_int_equal(pthread_create(&thread, NULL, command, &done), 0);
	/* It has taken effect; now it waits. */
	while (!reads)
		translate(0, NULL, &reads);
	for (int i = 0; i < 20000; i++) {
		assert_false(atomic_load(&done));
		sched_yield();
	}
	dma_leave(&w.port);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(atomic_load(&done));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pages),
		TEST(tables),
		TEST(descriptors),
		TEST(waits_for_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
