/* SPDX-License-Identifier: MIT */
/*
 * The interval map: what its users call. It is a B+ tree; imap_node.h says how its nodes look and how readers do without
 * a lock, imap_change.c changes them.
 */
#include <assert.h>
#include <errno.h>

#include "container/imap_leaf.h"

void imap_init(struct imap *map)
{
	map->levels = 0;
	map->count = 0;
	map->store = (struct imap_store){};
	imap_forget_path(map);
	atomic_init(&map->root, NULL);
	for (unsigned int i = 0; i < IMAP_PARTS; i++)
		atomic_init(&map->versions[i].number, 0);
}

void imap_done(struct imap *map)
{
	imap_store_done(&map->store);
	imap_init(map);
}

/* The link first: see imap_node.h. */
static struct imap_entry entry_at(const struct imap_node *leaf, unsigned int i)
{
	struct imap_entry entry;

	entry.value = node_link(leaf, i);
	entry.last = node_extent(leaf, i);
	entry.first = node_key(leaf, i);
	return entry;
}

/* After a removal or a change, so that what a reader looked up before it has a smaller number. */
void imap_touch(struct imap *map, uint64_t first, uint64_t last)
{
	uint64_t part = first >> IMAP_PART_SHIFT, parts = (last >> IMAP_PART_SHIFT) - part + 1;

	for (uint64_t i = 0; i < parts && i < IMAP_PARTS; i++) {
		_Atomic uint64_t *version = &map->versions[(part + i) % IMAP_PARTS].number;

		atomic_store_explicit(version,
				      atomic_load_explicit(version, memory_order_relaxed) + 1,
				      memory_order_release);
	}
}

/*
 * Memory for anything that adds a slot to a leaf: two nodes a level and a new root. As a level can be added, and an
 * insertion leaves at most one node a level behind, what is left is enough for a removal at any time.
 */
static int reserve(struct imap *map)
{
	if (map->levels + 1 > IMAP_MAX_LEVELS)
		return -ENOMEM;
	return imap_store_reserve(&map->store, 2 * map->levels + 2);
}

static void insert_root(struct imap *map, struct imap_slot slot)
{
	struct imap_node *leaf = imap_store_take(&map->store);

	node_put(leaf, 0, slot);
	imap_node_seal(leaf, 0, 1);
	map->levels = 1;
	imap_forget_path(map);
	atomic_store_explicit(&map->root, leaf, memory_order_release);
}

/* Is [.., last] free from the place of the path on? The path leads to the interval's first address. */
static bool is_free(const struct imap_path *path, uint64_t first, uint64_t last)
{
	const struct imap_node *leaf = path->node[0];
	uint32_t used = node_used(leaf), below = used & slots_below(path->index[0]);

	if (below && node_extent(leaf, highest_slot(below)) >= first)
		return false;
	used &= ~below;
	return last <= (used ? node_key(leaf, lowest_slot(used)) - 1 : path->last);
}

bool imap_is_free(const struct imap *map, uint64_t first, uint64_t last)
{
	return !map->levels || is_free(imap_descend(map, first), first, last);
}

/* The entry's leaf has no room, or there is none. */
static __attribute__((noinline)) int insert_anew(struct imap *map, struct imap_path *path,
						 struct imap_slot slot)
{
	int rc = reserve(map);

	if (rc)
		return rc;
	if (path)
		imap_add(map, path, &slot);
	else
		insert_root(map, slot);
	return 0;
}

int imap_insert_free(struct imap *map, uint64_t first, uint64_t last, void *value)
{
	const struct imap_slot slot = {first, last, value};
	struct imap_path *path = map->levels ? imap_descend(map, first) : NULL;

	assert(first <= last && value && imap_is_free(map, first, last));
	if (!path || !imap_put(path, &slot)) {
		int rc = insert_anew(map, path, slot);

		if (rc)
			return rc;
	}
	map->count++;
	return 0;
}

int imap_insert(struct imap *map, uint64_t first, uint64_t last, void *value)
{
	return imap_is_free(map, first, last) ? imap_insert_free(map, first, last, value) : -EEXIST;
}

/* The path to the entry that starts at `first`: in the slot before path->index[0]. */
static struct imap_path *find_exact(const struct imap *map, uint64_t first)
{
	struct imap_path *path;

	assert(map->levels);
	path = imap_descend(map, first);
	assert(path->index[0] && node_key(path->node[0], path->index[0] - 1) == first);
	return path;
}

/*
 * The entry of the path is about to go. If it is the lowest of some child, the key of that child is raised to the next
 * entry; nodes that have nothing else go as well. True if the gap will be that behind an entry of another leaf.
 */
static bool raise_key(struct imap_path *path, unsigned int levels)
{
	unsigned int level = 0, slot = path->index[0] - 1;
	uint32_t used = node_used(path->node[0]);
	uint64_t key;

	if (!path->first) /* the lowest leaf: no key leads to it */
		return false;
	while (!(used & (used - 1))) {
		if (++level == levels)
			return false;
		slot = path->index[level];
		used = node_used(path->node[level]);
	}
	if (used & slots_below(slot))
		return level > 0;
	used &= used - 1; /* those above the lowest, which goes */
	key = node_key(path->node[level], lowest_slot(used));
	while (++level < levels) {
		if (!path->index[level])
			continue;
		node_set_key(path->node[level], path->index[level], key);
		path->first = key;
		return true;
	}
	return false;
}

/* The gap that holds `at`, where nothing is any more: tells the nodes above its beginning. */
static __attribute__((noinline)) void widen_gap_at(struct imap *map, uint64_t at)
{
	struct imap_path path;
	uint32_t below;

	imap_descend_apart(map, at, &path);
	below = node_used(path.node[0]) & slots_below(path.index[0]);
	imap_widen_gap(map, &path, 0, path.last - node_extent(path.node[0], highest_slot(below)));
}

void *imap_remove(struct imap *map, uint64_t first)
{
	struct imap_path *path = find_exact(map, first);
	unsigned int slot = path->index[0] - 1;
	uint64_t last = node_extent(path->node[0], slot);
	void *value = node_link(path->node[0], slot);
	bool other_leaf = raise_key(path, map->levels);

	imap_take(map, path, slot);
	map->count--;
	if (other_leaf)
		widen_gap_at(map, first);
	imap_touch(map, first, last);
	return value;
}

void *imap_replace(struct imap *map, uint64_t first, void *value)
{
	struct imap_path *path = find_exact(map, first);
	unsigned int slot = path->index[0] - 1;
	void *old = node_link(path->node[0], slot);

	assert(value);
	node_set_link(path->node[0], slot, value);
	imap_touch(map, first, node_extent(path->node[0], slot));
	return old;
}

int imap_cut(struct imap *map, uint64_t first, uint64_t at, void *low, void *high)
{
	struct imap_path *path = find_exact(map, first);
	unsigned int slot = path->index[0] - 1;
	uint64_t last = node_extent(path->node[0], slot);
	const struct imap_slot slots[] = {{first, at - 1, low}, {at, last, high}};
	int rc;

	assert(first < at && at <= last && low && high);
	rc = reserve(map);
	if (rc)
		return rc;
	imap_divide(map, path, slot, slots);
	map->count++;
	imap_touch(map, first, last);
	return 0;
}

bool imap_first_in(const struct imap *map, uint64_t first, uint64_t last,
		   struct imap_entry *ret_entry)
{
	struct imap_path *path;
	uint32_t used, below;

	if (!map->levels)
		return false;
	path = imap_descend(map, first);
	used = node_used(path->node[0]);
	below = used & slots_below(path->index[0]);
	if (below && node_extent(path->node[0], highest_slot(below)) >= first) {
		*ret_entry = entry_at(path->node[0], highest_slot(below));
		return true;
	}
	if (used == below) {
		if (path->last >= last)
			return false;
		path = imap_descend(map, path->last + 1);
		used = node_used(path->node[0]);
		below = 0;
	}
	*ret_entry = entry_at(path->node[0], lowest_slot(used & ~below));
	return ret_entry->first <= last;
}

bool imap_next_in(const struct imap *map, const struct imap_entry *entry, uint64_t last,
		  struct imap_entry *ret_entry)
{
	return entry->last < last && imap_first_in(map, entry->last + 1, last, ret_entry);
}

void imap_visit(const struct imap *map, uint64_t first, uint64_t last,
		void (*visit)(const struct imap_entry *entry, void *arg), void *arg)
{
	struct imap_entry entry;
	struct imap_path path = {.last = first - 1};

	do {
		if (!map->levels)
			return;
		imap_descend_apart(map, path.last + 1, &path);
		for (uint32_t used = node_used(path.node[0]); used; used &= used - 1) {
			entry = entry_at(path.node[0], lowest_slot(used));
			if (entry.first > last)
				return;
			if (entry.last >= first)
				visit(&entry, arg);
		}
	} while (path.last < last);
}

/* A gap that is looked for, then found. */
struct gap_search {
	uint64_t from, min_length;
	uint64_t first, last;
};

/* Addresses that lead to a node. */
struct span {
	uint64_t first, last;
};

static bool search_gaps(struct imap_node *node, struct span span, struct gap_search *search);

/* Below a child. If all of it was searched for nothing, its bound is set right. */
static bool search_child(struct imap_node *node, unsigned int i, struct span span,
			 struct gap_search *search)
{
	if (node_extent(node, i) < search->min_length)
		return false;
	if (search_gaps(node_link(node, i), span, search))
		return true;
	if (search->from <= span.first)
		node_set_extent(node, i, imap_node_gap(node_link(node, i), span.last));
	return false;
}

/* The gap behind an entry of a leaf, which ends at `last`. */
static bool is_gap(const struct imap_node *leaf, unsigned int i, uint64_t last,
		   struct gap_search *search)
{
	if (last < search->from || last - node_extent(leaf, i) < search->min_length)
		return false;
	search->first = node_extent(leaf, i) + 1;
	search->last = last;
	return true;
}

static bool search_leaf(const struct imap_node *leaf, uint64_t last, struct gap_search *search)
{
	unsigned int i;

	for (uint32_t used = node_used(leaf); used;) {
		i = lowest_slot(used);
		used &= used - 1;
		if (is_gap(leaf, i, used ? node_key(leaf, lowest_slot(used)) - 1 : last, search))
			return true;
	}
	return false;
}

/* The gaps behind the entries below `node`. */
static bool search_gaps(struct imap_node *node, struct span span, struct gap_search *search)
{
	uint64_t state = node_state(node);
	unsigned int count = state_count(state);

	if (!state_level(state))
		return search_leaf(node, span.last, search);
	for (unsigned int i = inner_search(node, count, search->from); i < count; i++) {
		struct span child = {i ? node_key(node, i) : span.first,
				     i + 1 < count ? node_key(node, i + 1) - 1 : span.last};

		if (search_child(node, i, child, search))
			return true;
	}
	return false;
}

/* The lowest first address; the map is not empty. */
static uint64_t lowest(const struct imap *map)
{
	const struct imap_node *node = atomic_load_explicit(&map->root, memory_order_relaxed);

	while (state_level(node_state(node)))
		node = node_link(node, 0);
	return node_key(node, lowest_slot(node_used(node)));
}

bool imap_next_gap(const struct imap *map, uint64_t from, uint64_t min_length, uint64_t *ret_first,
		   uint64_t *ret_last)
{
	struct gap_search search = {.from = from, .min_length = min_length, .last = UINT64_MAX};
	struct imap_node *root = atomic_load_explicit(&map->root, memory_order_relaxed);
	uint64_t head = root ? lowest(map) : 0;

	assert(min_length);
	if (from < head && head >= min_length)
		search.last = head - 1;
	else if (root && !search_gaps(root, (struct span){0, UINT64_MAX}, &search))
		return false;
	*ret_first = search.first;
	*ret_last = search.last;
	return true;
}

/* The lines of a leaf that are needed after its keys: among very many entries each is a miss. */
static void prefetch_leaf(const struct imap_node *leaf)
{
#pragma GCC unroll 16
	for (unsigned int i = 0; i < IMAP_SLOTS; i += 4)
		__builtin_prefetch(&leaf->at[i]);
}

/* 1 found, 0 not there, -EAGAIN if a node changed its use meanwhile. */
static int try_lookup(const struct imap *map, uint64_t at, struct imap_entry *ret_entry)
{
	struct imap_node *node = atomic_load_explicit(&map->root, memory_order_acquire), *child;
	uint64_t state, child_state;
	struct imap_entry entry;
	unsigned int i;

	if (!node)
		return 0;
	state = node_state(node);
	if (atomic_load_explicit(&map->root, memory_order_acquire) != node)
		return -EAGAIN;
	for (; state_level(state); node = child, state = child_state) {
		i = inner_search(node, state_count(state), at);
		child = node_link(node, i);
		if (!state_same(node_state(node), state))
			return -EAGAIN; /* and child may be no node */
		if (state_level(state) == 1)
			prefetch_leaf(child);
		child_state = node_state(child);
		/* The child's state is that of this use if it is still linked after that. */
		if (node_link(node, i) != child || !state_same(node_state(node), state))
			return -EAGAIN;
	}
	i = leaf_search(node, state_count(state), at);
	entry = entry_at(node, i - (i > 0));
	if (!state_same(node_state(node), state))
		return -EAGAIN;
	if (!i || !entry.value || entry.last < at || entry.first > at)
		return 0;
	*ret_entry = entry;
	return 1;
}

bool imap_lookup(const struct imap *map, uint64_t at, struct imap_entry *ret_entry)
{
	int found;

	do
		found = try_lookup(map, at, ret_entry);
	while (found < 0);
	return found;
}
