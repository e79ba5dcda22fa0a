/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pt/pt.h"
#include "x86_random.h"

#define PAGE 4096ull
#define USED 12 /* entries of each table */

static uint64_t rnd(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

static uint64_t random_entry(const struct x86_trial *t, uint64_t *seed)
{
	uint64_t entry = X86_P | X86_RW | X86_US;
	unsigned int kind = rnd(seed) % 8;

	if (kind < 5)
		entry |= t->shadow.root + rnd(seed) % X86_TRIAL_TABLES * PAGE;
	else if (kind == 5)
		entry |= t->data + rnd(seed) % ((t->size - t->data) / PAGE) * PAGE;
	else
		entry |= (t->data + rnd(seed) % ((t->size - t->data) >> 21) * (2 << 20)) | X86_PS;
	if (!(rnd(seed) % 24))
		entry &= ~(uint64_t)X86_P;
	if (!(rnd(seed) % 8))
		entry &= ~(uint64_t)X86_RW;
	if (!(rnd(seed) % 12))
		entry &= ~(uint64_t)X86_US;
	if (!(rnd(seed) % 10))
		entry |= X86_XD;
	if (!(rnd(seed) % 4))
		entry |= X86_A | (rnd(seed) & X86_D) | (rnd(seed) & X86_EA);
	if (!(rnd(seed) % 64))
		entry ^= 1ull << rnd(seed) % 64;
	if (!(rnd(seed) % 20))
		entry &= ~0x3ffff000ull; /* a gigabyte, or a table where there is none */
	return entry;
}

/* Any table may be a table of any level: most walks end somewhere. */
void x86_trial_tables(struct x86_trial *trial)
{
	uint64_t bytes = X86_TRIAL_TABLES * PAGE;
	uint64_t *tables = (uint64_t *)(trial->memory + trial->shadow.root);

	memset(tables, 0, bytes);
	for (unsigned int table = 0; table < X86_TRIAL_TABLES; table++)
		for (unsigned int i = 0; i < USED; i++)
			tables[table * 512 + i * 41] = random_entry(trial, &trial->seed);
	memcpy(trial->shadow.memory + trial->shadow.root, tables, bytes);
}

void x86_trial_compare(const struct x86_trial *trial)
{
	assert_memory_equal(trial->shadow.memory + trial->shadow.root,
			    trial->memory + trial->shadow.root, X86_TRIAL_TABLES * PAGE);
}

static uint64_t random_va(uint64_t *seed, unsigned int levels)
{
	uint64_t va = rnd(seed) % PAGE & ~7ull;

	for (unsigned int level = 1; level <= levels; level++)
		va |= (uint64_t)(rnd(seed) % USED * 41) << (12 + 9 * (level - 1));
	/* The highest index used is below 512 only by 61: both halves come up. */
	return (uint64_t)((int64_t)(va << (levels == 5 ? 7 : 16)) >> (levels == 5 ? 7 : 16));
}

static uint32_t perm_of(struct x86_access access)
{
	uint32_t perm = access.write ? PT_WRITE : PT_READ;

	if (access.exec)
		perm |= PT_EXEC;
	return access.priv ? perm << 3 : perm;
}

static struct x86_access random_access(uint64_t *seed)
{
	struct x86_access access = {.priv = !(rnd(seed) % 4), .exec = !(rnd(seed) % 6)};

	access.write = !access.exec && rnd(seed) % 2;
	return access;
}

/* What the walker says. A write must not go into the tables, or they would no longer be what they were. */
static enum x86_outcome expected(const struct x86_trial *trial, uint64_t va,
				 struct x86_access *access, uint64_t *ret_gpa)
{
	access->look = true;
	if (x86_walk(&trial->shadow, &trial->rules, va, *access, ret_gpa) == X86_OK &&
	    *ret_gpa < trial->data)
		access->write = false;
	access->look = false;
	return x86_walk(&trial->shadow, &trial->rules, va, *access, ret_gpa);
}

void x86_trial_access(struct x86_trial *trial, uint32_t pasid)
{
	uint64_t va = random_va(&trial->seed, trial->shadow.levels), gpa = 0, word;
	struct x86_access access = random_access(&trial->seed);
	enum x86_outcome outcome;
	int rc;

	if (!(rnd(&trial->seed) % 50))
		va ^= 1ull << rnd(&trial->seed) % 64;
	va &= ~7ull;
	outcome = expected(trial, va, &access, &gpa);
	word = gpa; /* a write writes what is there */
	rc = dma_copy(trial->port, &(struct dma_access){pasid, perm_of(access), va, &word, 8},
		      NULL);
	if (outcome == X86_OK && gpa < trial->size) {
		assert_int_equal(rc, 0);
		assert_true(gpa < trial->data || word == gpa);
	} else {
		assert_int_equal(rc, -EFAULT);
	}
	/* What a page request may repair. Beyond the tables it is what is there that says. */
	if (outcome != X86_OK && outcome != X86_BAD_TABLE)
		assert_int_equal(trial->port->repairable,
				 outcome == X86_NOT_PRESENT || outcome == X86_FORBIDDEN);
	trial->outcomes[outcome]++;
}

void x86_trial_init(struct x86_trial *trial, char *memory, uint64_t tables, uint64_t data,
		    uint64_t size, unsigned int levels)
{
	trial->memory = memory;
	trial->data = data;
	trial->size = size;
	x86_init(&trial->shadow, calloc(1, data), data, tables, data, levels);
}

void x86_trial_done(struct x86_trial *trial)
{
	for (unsigned int i = X86_OK; i <= X86_RESERVED; i++)
		assert_true(trial->outcomes[i]);
	free(trial->shadow.memory);
}
