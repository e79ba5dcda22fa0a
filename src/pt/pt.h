/* SPDX-License-Identifier: MIT */
/*
 * Page tables of stage 1: formats that hardware defines, in memory of the user, and one walker for all of them.
 *
 * A walk knows nothing of IOASes: whoever asks gives it words of memory by address (struct pt_memory), which is how each fetch passes
 * stage 2. It keeps nothing, takes no lock, and writes nothing: what the hardware would set (accessed, dirty) is written by pt_update()
 * afterwards, from the trail that the walk left.
 *
 * A format is a struct pt_format: three small functions, and the walker that pt/walk.h makes of them. Each has a file of its own.
 */
#ifndef UIOMMUFD_PT_PT_H
#define UIOMMUFD_PT_PT_H

#include <stdbool.h>
#include <stdint.h>

#define PT_MAX_LEVELS 5

/* What may be done with a page, for requests of users and for privileged ones. A request asks for one of these bits. */
enum pt_perm {
	PT_READ = 1 << 0,
	PT_WRITE = 1 << 1,
	PT_EXEC = 1 << 2,
	PT_PRIV_READ = 1 << 3,
	PT_PRIV_WRITE = 1 << 4,
	PT_PRIV_EXEC = 1 << 5,
	PT_ALL = 0x3f,
	PT_ANY_WRITE = PT_WRITE | PT_PRIV_WRITE,
	PT_ANY_EXEC = PT_EXEC | PT_PRIV_EXEC,
	PT_USER = PT_READ | PT_WRITE | PT_EXEC,
	PT_PRIV = PT_PRIV_READ | PT_PRIV_WRITE | PT_PRIV_EXEC,
};

/* Words of memory by address: 8 bytes, little-endian, naturally aligned. */
struct pt_memory {
	/* 0; -EFAULT: stage 2 doesn't map it for reading; -EAGAIN: not from here, the walk has to be done another way. */
	int (*read)(const struct pt_memory *memory, uint64_t address, uint64_t *ret_word);
	/*
	 * Atomic: stores `word` if *expected is there; what was there goes to *expected. 0, whether or not it stored; else as `read`,
	 * with the permission to write.
	 */
	int (*exchange)(const struct pt_memory *memory, uint64_t address, uint64_t *expected,
			uint64_t word);
};

struct pt_format;
struct pt_walk;

/* The settings that tables are walked with: from a context descriptor, a PASID table entry and the like. */
struct pt_config {
	const struct pt_format *format;
	uint64_t root;	     /* address of the top table */
	uint8_t levels;	     /* how many: 1 to PT_MAX_LEVELS */
	uint8_t input_bits;  /* of the addresses that are translated */
	uint8_t page_shift;  /* of the smallest page: 12; Arm also 14, 16 */
	uint8_t output_bits; /* of the addresses that entries may hold */
	uint32_t flags;	     /* the format's */
};

enum pt_kind {
	PT_ABSENT,    /* nothing is mapped */
	PT_TABLE,     /* leads to another table */
	PT_LEAF,      /* a page */
	PT_RESERVED,  /* a bit is set that must not be, or an address is too large */
	PT_UNTOUCHED, /* the access flag is clear and software wants to be told */
};

/* What an entry says. */
struct pt_entry {
	uint64_t address; /* of the table or the page */
	uint32_t perm;	  /* what it allows: what all entries on the way allow, is allowed */
	uint8_t shift;	  /* leaf: log2 of what it maps, contiguous entries together */
	bool global;	  /* leaf: the same in all address spaces */
};

struct pt_format {
	const char *name;
	/*
	 * Is the address one that these tables can translate? The walker then uses its low `input_bits`. -EFAULT if not.
	 */
	int (*check_input)(const struct pt_config *config, uint64_t va);
	/* `level` counts from the last: 0 has the smallest pages. `shift` is log2 of what an entry of this level covers. */
	enum pt_kind (*decode)(const struct pt_config *config, unsigned int level,
			       unsigned int shift, uint64_t word, struct pt_entry *ret_entry);
	/* The entry as the hardware leaves it after using it, for a write or not: `word` itself if there is nothing to set. */
	uint64_t (*used)(const struct pt_config *config, enum pt_kind kind, uint64_t word,
			 bool write);
	/* The walker that pt/walk.h makes of the three above. */
	int (*walk)(const struct pt_config *config, const struct pt_memory *memory, uint64_t va,
		    struct pt_walk *walk);
};

enum pt_fault {
	PT_FAULT_NONE,
	PT_FAULT_INPUT,	     /* the address is not one for these tables */
	PT_FAULT_ABSENT,     /* not present: to be repaired by a page request */
	PT_FAULT_PERMISSION, /* likewise */
	PT_FAULT_ACCESS,     /* access flag, likewise */
	PT_FAULT_RESERVED,   /* malformed */
	PT_FAULT_FETCH,	     /* the entry itself could not be read: stage 2 */
};

/* A walk, and what it found. Where it begins is set by pt_walk_start(), or by a cache of tables (perm, level, table). */
struct pt_walk {
	/* in and out: the table to begin with, and what the entries above it allow */
	uint64_t table;
	uint32_t perm;
	uint8_t level;

	enum pt_fault fault; /* and at which level: `level` */
	bool dirty; /* the leaf is marked so, or would not be by its format: writes may be cached */
	struct pt_entry leaf;

	/* The trail: address and content of each entry that was used, from the top; trail[i] is of level trail_top - i. */
	uint8_t trail_top, trail_len;
	struct {
		uint64_t address, word;
		uint32_t perm; /* what it and those above it allow */
	} trail[PT_MAX_LEVELS];
};

/* Begins at the top. */
static inline void pt_walk_start(const struct pt_config *config, struct pt_walk *walk)
{
	walk->table = config->root;
	walk->perm = PT_ALL;
	walk->level = config->levels - 1;
}

/* log2 of what an entry of a level covers. */
static inline unsigned int pt_shift(const struct pt_config *config, unsigned int level)
{
	return config->page_shift + level * (config->page_shift - 3);
}

/*
 * Walks from walk->level down. 0: walk->leaf is what maps `va`, walk->perm what all entries allow (whether that is enough is the
 * caller's to say). -EFAULT: walk->fault; -EAGAIN of the memory.
 */
static inline int pt_walk(const struct pt_config *config, const struct pt_memory *memory,
			  uint64_t va, struct pt_walk *walk)
{
	return config->format->walk(config, memory, va, walk);
}

/*
 * Sets what the hardware sets in the entries of a walk (accessed; dirty in the leaf if `write`), each atomically. -ESTALE: an entry has changed since, walk again; -EFAULT (walk->fault), -EAGAIN of the memory.
 */
int pt_update(const struct pt_config *config, const struct pt_memory *memory, bool write,
	      struct pt_walk *walk);

#endif
