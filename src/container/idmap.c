/* SPDX-License-Identifier: MIT */
/*
 * A radix tree of 64-way nodes. A bit for each slot says that nothing is free below it, so the
 * lowest free id is found by one bit scan a level. The tree is as high as its largest id needs and
 * has no empty nodes.
 *
 * Inside, ids are counted from 0: index = id - 1.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "container/idmap.h"

#define SLOT_BITS  6
#define SLOTS	   (1u << SLOT_BITS)
#define MAX_LEVELS 6 /* 36 bits of index are more than the 31 of an id */

struct idmap_node {
	uint64_t full;	 /* in a leaf: the id is taken; above: no id is free below this slot */
	uint64_t used;	 /* in a leaf: the same; above: the slot has a node */
	void *at[SLOTS]; /* values, or nodes one level down */
};

/* Level 0 is that of leaves. */
static unsigned int slot_of(uint64_t index, unsigned int level)
{
	return index >> (level * SLOT_BITS) & (SLOTS - 1);
}

static bool in_range(const struct idmap *map, uint32_t id)
{
	return id && (uint64_t)(id - 1) >> (map->levels * SLOT_BITS) == 0;
}

void idmap_init(struct idmap *map)
{
	*map = (struct idmap){};
}

static void free_nodes(struct idmap_node *node, unsigned int level)
{
	for (unsigned int i = 0; level && i < SLOTS; i++)
		if (node->at[i])
			free_nodes(node->at[i], level - 1);
	free(node);
}

void idmap_done(struct idmap *map)
{
	if (map->root)
		free_nodes(map->root, map->levels - 1);
	idmap_init(map);
}

/* The leaf of an id, or NULL if no id near it is taken. */
static struct idmap_node *find_leaf(const struct idmap *map, uint32_t id)
{
	struct idmap_node *node = map->root;

	if (!in_range(map, id))
		return NULL;
	for (unsigned int level = map->levels - 1; node && level; level--)
		node = node->at[slot_of(id - 1, level)];
	return node;
}

/* A node with one chain of nodes down to a leaf below its slot 0. */
static struct idmap_node *new_chain(unsigned int level)
{
	struct idmap_node *node = mem_zalloc(sizeof(*node));

	if (!node || !level)
		return node;
	node->at[0] = new_chain(level - 1);
	if (!node->at[0]) {
		free(node);
		return NULL;
	}
	node->used = 1;
	return node;
}

/* Puts a level on top of the tree: the same map, with room for more. */
static int grow(struct idmap *map)
{
	struct idmap_node *node = mem_zalloc(sizeof(*node));

	if (!node)
		return -ENOMEM;
	if (map->root) {
		node->at[0] = map->root;
		node->used = 1;
		node->full = map->root->full == UINT64_MAX;
	}
	map->root = node;
	map->levels++;
	return 0;
}

/* Takes off the levels that a smaller map has no need for. The last leaf stays: a map may go from one id to none and back all the time. */
static void shrink(struct idmap *map)
{
	struct idmap_node *node;

	while (map->levels > 1 && (node = map->root)->used <= 1) {
		map->root = node->used ? node->at[0] : NULL;
		map->levels = node->used ? map->levels - 1 : 0;
		free(node);
	}
}

/* The index of the lowest free id, after its leaf has been made. */
static int make_lowest_free(struct idmap *map, uint64_t *ret_index)
{
	struct idmap_node *node = map->root, *child;
	uint64_t index = 0;

	for (unsigned int level = map->levels - 1;; level--) {
		unsigned int slot = __builtin_ctzll(~node->full);

		index = index << SLOT_BITS | slot;
		if (!level)
			break;
		child = node->at[slot];
		if (!child) {
			child = new_chain(level - 1);
			if (!child)
				return -ENOMEM;
			node->at[slot] = child;
			node->used |= 1ull << slot;
		}
		node = child;
	}
	*ret_index = index;
	return 0;
}

static void mark_taken(struct idmap *map, uint64_t index)
{
	struct idmap_node *path[MAX_LEVELS], *node = map->root;
	unsigned int level = map->levels - 1;

	for (path[level] = node; level; path[--level] = node)
		node = node->at[slot_of(index, level)];
	node->used |= 1ull << slot_of(index, 0);
	node->full = node->used;
	for (level = 1; level < map->levels && path[level - 1]->full == UINT64_MAX; level++)
		path[level]->full |= 1ull << slot_of(index, level);
}

int idmap_reserve(struct idmap *map, uint32_t *ret_id)
{
	uint64_t index;
	int rc;

	if (map->count == IDMAP_MAX_ID)
		return -EBUSY;
	if (!map->root || map->root->full == UINT64_MAX) {
		rc = grow(map);
		if (rc)
			return rc;
	}
	rc = make_lowest_free(map, &index);
	if (rc) {
		shrink(map);
		return rc;
	}
	mark_taken(map, index);
	map->count++;
	*ret_id = index + 1;
	return 0;
}

void idmap_publish(struct idmap *map, uint32_t id, void *value)
{
	assert(idmap_taken(map, id));
	find_leaf(map, id)->at[slot_of(id - 1, 0)] = value;
}

/* Frees the index below `node` and the nodes that become empty; the value that it had. */
static void *remove_below(struct idmap_node *node, unsigned int level, uint64_t index)
{
	unsigned int slot = slot_of(index, level);
	struct idmap_node *child = node->at[slot];
	void *value = child;

	node->full &= ~(1ull << slot);
	if (level) {
		value = remove_below(child, level - 1, index);
		if (child->used)
			return value;
		free(child);
	}
	node->at[slot] = NULL;
	node->used &= ~(1ull << slot);
	return value;
}

void *idmap_remove(struct idmap *map, uint32_t id)
{
	void *value;

	assert(idmap_taken(map, id));
	value = remove_below(map->root, map->levels - 1, id - 1);
	map->count--;
	shrink(map);
	return value;
}

void *idmap_find(const struct idmap *map, uint32_t id)
{
	struct idmap_node *leaf = find_leaf(map, id);

	return leaf ? leaf->at[slot_of(id - 1, 0)] : NULL;
}

bool idmap_taken(const struct idmap *map, uint32_t id)
{
	struct idmap_node *leaf = find_leaf(map, id);

	return leaf && leaf->used >> slot_of(id - 1, 0) & 1;
}

/* The lowest index from *index on that has a value below `node`; *index is within or before the
 * node. */
static void *next_below(struct idmap_node *node, unsigned int level, uint64_t *index)
{
	uint64_t left = node->used & UINT64_MAX << slot_of(*index, level);
	uint64_t base = *index >> level * SLOT_BITS >> SLOT_BITS;
	void *value;

	for (; left; left &= left - 1) {
		uint64_t slot = __builtin_ctzll(left);
		uint64_t start = (base << SLOT_BITS | slot) << level * SLOT_BITS;

		if (*index < start)
			*index = start;
		value = node->at[slot];
		if (value && level)
			value = next_below(value, level - 1, index);
		if (value)
			return value;
	}
	return NULL;
}

void *idmap_next(const struct idmap *map, uint32_t after, uint32_t *ret_id)
{
	uint64_t index = after; /* of the id `after` + 1 */
	void *value;

	if (!map->root || index >> map->levels * SLOT_BITS)
		return NULL;
	value = next_below(map->root, map->levels - 1, &index);
	if (value)
		*ret_id = index + 1;
	return value;
}
