/* SPDX-License-Identifier: MIT */
/*
 * Inside the interval map, for its writer: where an address leads to, and what is done to a leaf in place, which is what nearly all
 * changes come to. Only imap.c and imap_change.c include this.
 */
#ifndef UIOMMUFD_CONTAINER_IMAP_LEAF_H
#define UIOMMUFD_CONTAINER_IMAP_LEAF_H

#include "container/imap_node.h"

/* A leaf with no more entries than that looks for a neighbour to join. */
#define IMAP_SMALL (IMAP_SLOTS / 3)

/* Without a call: compilers make one of __builtin_popcount() for processors that need not have it. */
static inline int node_used_count(const struct imap_node *node)
{
	uint32_t bits = node_used(node);

	bits -= bits >> 1 & 0x55555555;
	bits = (bits & 0x33333333) + (bits >> 2 & 0x33333333);
	bits = (bits + (bits >> 4)) & 0x0f0f0f0f;
	return (int)(bits * 0x01010101 >> 24);
}

/* As leaf_search(); first where the last address was, and behind that: changes mostly come one after the other. */
static inline unsigned int search_from(const struct imap_node *leaf, unsigned int n, uint64_t at)
{
	unsigned int count = node_count(leaf), end = n + 1;

	for (; n <= end && n <= count; n++) {
		if (n && at < node_key(leaf, n - 1))
			break;
		if (n == count || at < node_key(leaf, n))
			return n;
	}
	return leaf_search(leaf, count, at);
}

/* The way to the leaf where an address belongs; the map is not empty. The map keeps it, so it is good until the next such call. */
static inline struct imap_path *imap_descend(const struct imap *map, uint64_t at)
{
	/* What it remembers is no part of what the map holds. */
	struct imap_path *path = (struct imap_path *)&map->finger;

	if (path->searched && at == path->at)
		return path;
	if (at < path->first || at > path->last)
		imap_descend_apart(map, at, path);
	else
		path->index[0] = search_from(path->node[0], path->index[0], at);
	path->at = at;
	path->searched = true;
	return path;
}

/* There may be a gap of that size below the path's node at `level`: tells those above. */
static inline void imap_widen_gap(struct imap *map, const struct imap_path *path,
				  unsigned int level, uint64_t gap)
{
	while (++level < map->levels && node_extent(path->node[level], path->index[level]) < gap)
		node_set_extent(path->node[level], path->index[level], gap);
}

/* The gap around a slot of the path's leaf that has become empty, if it begins in this leaf: tells the nodes above. */
static inline void leaf_widen(struct imap *map, const struct imap_path *path, unsigned int slot)
{
	const struct imap_node *leaf = path->node[0];
	uint32_t used = node_used(leaf), below = used & slots_below(slot), above = used & ~below;
	uint64_t limit;

	if (!below)
		return;
	limit = above ? node_key(leaf, lowest_slot(above)) - 1 : path->last;
	imap_widen_gap(map, path, 0, limit - node_extent(leaf, highest_slot(below)));
}

static inline void node_set_state(struct imap_node *node, uint64_t state)
{
	atomic_store_explicit(&node->state, state, memory_order_release);
}

/* An entry goes and leaves its slot empty. */
static inline void leaf_empty(struct imap *map, const struct imap_path *path, unsigned int slot)
{
	struct imap_node *leaf = path->node[0];

	node_set_link(leaf, slot, NULL);
	node_set_state(leaf, node_state(leaf) & ~state_of_slot(slot));
	leaf_widen(map, path, slot);
}

/* The slot behind all others. */
static inline void node_append(struct imap_node *node, unsigned int i, const struct imap_slot *slot)
{
	node_put(node, i, *slot);
	node_set_state(node, node_state(node) + 1 + state_of_slot(i));
}

/* An empty slot gets an entry of the gap that it is in: readers who may see a part of it see the new serial number. */
static inline void leaf_fill(struct imap_node *leaf, unsigned int i, const struct imap_slot *slot)
{
	node_set_state(leaf, (node_state(leaf) + STATE_SERIAL) | state_of_slot(i));
	node_set_key(leaf, i, slot->key);
	node_set_extent(leaf, i, slot->extent);
	node_set_link(leaf, i, slot->link);
}

/* The slot beside the place `pos` that an entry up to `last` can fill in place; IMAP_SLOTS: there is none. */
static inline unsigned int leaf_slot_for(uint64_t state, const struct imap_node *leaf,
					 unsigned int pos, uint64_t last)
{
	uint32_t used = state_used(state);
	unsigned int count = state_count(state);

	if (pos && !(used >> (pos - 1) & 1))
		pos--;
	else if (used >> pos & 1)
		return IMAP_SLOTS;
	/* No address of the entry may lead to another slot that is empty. */
	return pos + 1 < count && node_key(leaf, pos + 1) <= last ? IMAP_SLOTS : pos;
}

static inline bool leaf_put(struct imap_node *leaf, unsigned int pos, const struct imap_slot *slot)
{
	uint64_t state = node_state(leaf);

	pos = leaf_slot_for(state, leaf, pos, slot->extent);
	if (pos == IMAP_SLOTS)
		return false;
	if (pos < state_count(state))
		leaf_fill(leaf, pos, slot);
	else
		node_append(leaf, pos, slot);
	return true;
}

/* Puts an entry at the path's place, if it can be done in place. */
static inline bool imap_put(struct imap_path *path, const struct imap_slot *slot)
{
	unsigned int pos = path->index[0];

	path->searched = false;
	if (!leaf_put(path->node[0], pos, slot))
		return false;
	path->index[0] = pos + 1; /* where the next one may come */
	return true;
}

/* Is a leaf that an entry goes from to be looked at for joining? When the last one goes, else from every fourth slot: looking costs more than a removal. */
static inline bool leaf_may_join(const struct imap_node *leaf, unsigned int slot)
{
	uint32_t used = node_used(leaf);

	return !(used & (used - 1)) || (slot % 4 == 3 && node_used_count(leaf) <= IMAP_SMALL + 1);
}

/* Takes the entry in slot `pos` of the path's leaf out. `levels` spare nodes must be there. */
static inline void imap_take(struct imap *map, struct imap_path *path, unsigned int pos)
{
	path->searched = false;
	if (leaf_may_join(path->node[0], pos))
		imap_take_and_join(map, path, pos);
	else
		leaf_empty(map, path, pos);
}

#endif
