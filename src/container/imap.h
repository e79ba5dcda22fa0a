/* SPDX-License-Identifier: MIT */
/*
 * The interval map behind an IOAS: intervals [first, last] of addresses that do not overlap, each with a pointer.
 *
 * Writers: one at a time, by the owner's lock. Readers: any number, with imap_lookup() and imap_version() only. They
 * take no lock and never wait for the writer, even if it is stopped in the middle of a change: they see the map as it was
 * before the change or after it. What a value points to is the owner's business: see container/hazard.h for how its memory
 * is kept until the last reader has left.
 *
 * Cost: every call takes O(log n) steps. Memory is about 25 bytes an entry when filled in ascending order, 32 when filled
 * at random; what is removed stays with the map until imap_done().
 */
#ifndef UIOMMUFD_CONTAINER_IMAP_H
#define UIOMMUFD_CONTAINER_IMAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct imap_node;

/* The nodes that the tree does not use now, and the memory of all of them. */
struct imap_store {
	struct imap_node *free;
	struct imap_node *fresh; /* never used before: `fresh_count` of them */
	size_t fresh_count;
	size_t spare; /* nodes in `free` and `fresh` */
	size_t bytes; /* all memory */
	void *chunks;
};

#define IMAP_MAX_LEVELS 20 /* more than memory for nodes that are one third full */

/*
 * The way from the root to a leaf, for the writer; addresses [first, last] lead there. The map keeps the last one: changes mostly
 * come where the one before was.
 */
struct imap_path {
	uint64_t first, last;			 /* first > last: no way */
	struct imap_node *node[IMAP_MAX_LEVELS]; /* node[0] is the leaf */
	/* The slot taken; index[0]: slots at or below the address. */
	unsigned int index[IMAP_MAX_LEVELS];
	/* The map's own: index[0] is that of this address. For who looks whether a range is free, or what is there, comes back to change it. */
	uint64_t at;
	bool searched;
};

/*
 * What readers remember of a map is good for as long as the version is the same of the part of the addresses that it is from. There are several, each in a line
 * of the caches, so that a change disturbs only readers nearby.
 */
#define IMAP_PARTS	16
#define IMAP_PART_SHIFT 21 /* log2 of the addresses that follow each other in a part */

struct imap_version {
	_Atomic uint64_t number;
	char apart[56];
};

struct imap {
	struct imap_node *_Atomic root; /* NULL if the map is empty */
	char apart[56];			/* readers' words from each other, and from the writer's */
	struct imap_version versions[IMAP_PARTS];
	unsigned int levels; /* of nodes; 0 if the map is empty */
	size_t count;	     /* entries */
	struct imap_path finger;
	struct imap_store store;
};

struct imap_entry {
	uint64_t first, last;
	void *value;
};

void imap_init(struct imap *map);
/* Gives back the memory: no reader is left. Values are the owner's: it has dealt with them before. */
void imap_done(struct imap *map);

/* first <= last, value is not NULL. 0, -EEXIST if the interval overlaps an entry, -ENOMEM; on failure nothing has changed. */
int imap_insert(struct imap *map, uint64_t first, uint64_t last, void *value);
/* Writer: does no entry overlap [first, last]? */
bool imap_is_free(const struct imap *map, uint64_t first, uint64_t last);
/* As imap_insert(), of an interval that is free. 0 or -ENOMEM. */
int imap_insert_free(struct imap *map, uint64_t first, uint64_t last, void *value);
/* Removes the entry that starts at `first`, which must exist, and gives its value. Never fails. */
void *imap_remove(struct imap *map, uint64_t first);
/* Gives the entry that starts at `first`, which must exist, another value. Never fails; the old value. */
void *imap_replace(struct imap *map, uint64_t first, void *value);
/*
 * Cuts the entry [first, last] in two: [first, at - 1] with the value `low`, and [at, last] with `high`; first < at <= last.
 * Readers see one entry or two, never none. 0, or -ENOMEM and nothing has changed.
 */
int imap_cut(struct imap *map, uint64_t first, uint64_t at, void *low, void *high);

/* Writer: the lowest entry that overlaps [first, last]. False if there is none. */
bool imap_first_in(const struct imap *map, uint64_t first, uint64_t last,
		   struct imap_entry *ret_entry);
/* Writer: the lowest entry above *entry (which may have been removed meanwhile) that overlaps [.., last]. */
bool imap_next_in(const struct imap *map, const struct imap_entry *entry, uint64_t last,
		  struct imap_entry *ret_entry);

/* Visits the entries that overlap [first, last], ascending; the body may remove *entry_ptr from the map. */
#define imap_for_each_in(map, range_first, range_last, entry_ptr)                                  \
	for (bool imap_more = imap_first_in(map, range_first, range_last, entry_ptr); imap_more;   \
	     imap_more = imap_next_in(map, entry_ptr, range_last, entry_ptr))

/* Writer: calls `visit` for all entries that overlap [first, last], ascending. It must not change the map. Faster than the above. */
void imap_visit(const struct imap *map, uint64_t first, uint64_t last,
		void (*visit)(const struct imap_entry *entry, void *arg), void *arg);

/*
 * Writer: the lowest gap between entries (whole, also below `from`) that ends at or after `from` and is at least
 * min_length long. False if there is none. An allocator that can't place its range inside asks again from
 * *ret_last + 1.
 */
bool imap_next_gap(const struct imap *map, uint64_t from, uint64_t min_length, uint64_t *ret_first,
		   uint64_t *ret_last);

/* Reader: the entry that holds the address `at`. False if there is none. */
bool imap_lookup(const struct imap *map, uint64_t at, struct imap_entry *ret_entry);

/* Writer: what the values of [first, last] point to has changed, so that readers must not use what they remember. */
void imap_touch(struct imap *map, uint64_t first, uint64_t last);

/*
 * Reader: a number that has grown when imap_remove(), imap_replace(), imap_cut() or imap_touch() of a range with this address returns; imap_insert() leaves it.
 * A reader that takes the number, then looks up this address, may keep the entry and use it again, for all of its addresses, for as long as the number is
 * still the same. The word is there as long as the map.
 */
static inline const _Atomic uint64_t *imap_version(const struct imap *map, uint64_t at)
{
	return &map->versions[(at >> IMAP_PART_SHIFT) % IMAP_PARTS].number;
}

#endif
