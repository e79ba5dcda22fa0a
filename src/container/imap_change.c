/* SPDX-License-Identifier: MIT */
/*
 * The one way in which the interval map's tree changes: some slots of a node are replaced by others. If the node has
 * room it is replaced by a copy; but an entry behind all others of a leaf is added in place, one beside an empty slot
 * fills that, and one that goes leaves its slot empty. If a node has no room, or has become small, it is rebuilt together with a neighbour: the slots of both
 * are gathered and spread over the number of nodes that they need, and that is a change of the same kind one level up. The
 * store of the topmost link makes everything visible at once.
 */
#include <assert.h>

#include "container/imap_node.h"

/* A node that is not larger than this joins a neighbour if both together are not larger than that. */
#define SMALL  (IMAP_SLOTS / 3)
#define JOINED (IMAP_SLOTS * 3 / 4)
/* Two neighbours spread their slots if together they have no more; else one of them is split. */
#define SPREAD (IMAP_SLOTS * 2 - 2)

/* What is replaced in the node at `level` of the path. */
struct edit {
	unsigned int level, pos, n_old, n_new;
	struct imap_slot slots[2];
};

/* The neighbours that are rebuilt, as slots of their parent, and the number of nodes that they become. */
struct plan {
	unsigned int first, n_old, n_new;
};

/* Slots of the nodes being rebuilt. */
struct gathered {
	unsigned int count;
	struct imap_slot slots[IMAP_SLOTS * 2 + 1];
};

/* Nodes that go back to the store when nothing leads to them any more: children before their parents. */
struct leftover {
	unsigned int count;
	struct imap_node *nodes[IMAP_MAX_LEVELS * 3];
};

static bool is_top(const struct imap *map, unsigned int level)
{
	return level + 1 == map->levels;
}

/* The last address before the first entry behind `slot` of the path's node at `level`. */
static uint64_t limit_behind(const struct imap *map, const struct imap_path *path,
			     unsigned int level, unsigned int slot)
{
	for (; level < map->levels; level++) {
		if (slot + 1 < node_count(path->node[level]))
			return node_key(path->node[level], slot + 1) - 1;
		if (!is_top(map, level))
			slot = path->index[level + 1];
	}
	return UINT64_MAX;
}

void imap_descend_apart(const struct imap *map, uint64_t at, struct imap_path *path)
{
	struct imap_node *node = atomic_load_explicit(&map->root, memory_order_relaxed);

	path->first = 0;
	path->last = UINT64_MAX;
	for (unsigned int level = map->levels - 1; level; level--) {
		unsigned int count = node_count(node), index = inner_search(node, count, at);

		path->node[level] = node;
		path->index[level] = index;
		if (index)
			path->first = node_key(node, index);
		if (index + 1 < count)
			path->last = node_key(node, index + 1) - 1;
		node = node_link(node, index);
	}
	path->node[0] = node;
	path->index[0] = leaf_search(node, node_count(node), at);
}

/* As leaf_search(); first where the last address was, and behind that: changes mostly come one after the other. */
static unsigned int search_from(const struct imap_node *leaf, unsigned int n, uint64_t at)
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

struct imap_path *imap_descend(const struct imap *map, uint64_t at)
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

void imap_forget_path(struct imap *map)
{
	map->finger.first = 1;
	map->finger.last = 0;
	map->finger.searched = false;
}

static uint64_t leaf_gap(const struct imap_node *node, uint64_t limit)
{
	uint64_t largest = 0, gap;
	unsigned int slot;

	for (uint32_t used = node_used(node); used; used &= slots_below(slot)) {
		slot = highest_slot(used);
		gap = limit - node_extent(node, slot);
		largest = gap > largest ? gap : largest;
		limit = node_key(node, slot) - 1;
	}
	return largest;
}

static uint64_t inner_gap(const struct imap_node *node, unsigned int count)
{
	uint64_t largest = 0, gap;

	for (unsigned int i = 0; i < count; i++) {
		gap = node_extent(node, i);
		largest = gap > largest ? gap : largest;
	}
	return largest;
}

uint64_t imap_node_gap(const struct imap_node *node, uint64_t limit)
{
	uint64_t state = node_state(node);

	return state_level(state) ? inner_gap(node, state_count(state)) : leaf_gap(node, limit);
}

void imap_widen_gap(struct imap *map, const struct imap_path *path, unsigned int level,
		    uint64_t gap)
{
	while (++level < map->levels && node_extent(path->node[level], path->index[level]) < gap)
		node_set_extent(path->node[level], path->index[level], gap);
}

/* Without a call: compilers make one of __builtin_popcount() for processors that need not have it. */
static int used_count(const struct imap_node *node)
{
	uint32_t bits = node_used(node);

	bits -= bits >> 1 & 0x55555555;
	bits = (bits & 0x33333333) + (bits >> 2 & 0x33333333);
	bits = (bits + (bits >> 4)) & 0x0f0f0f0f;
	return (int)(bits * 0x01010101 >> 24);
}

/* A neighbour under the same parent with at most `max` slots: the lower of the two slots of the parent. */
static bool find_neighbour(const struct imap_path *path, unsigned int level, int max,
			   unsigned int *ret_first)
{
	struct imap_node *parent = path->node[level + 1];
	unsigned int index = path->index[level + 1];

	if (index + 1 < node_count(parent) && used_count(node_link(parent, index + 1)) <= max) {
		*ret_first = index;
		return true;
	}
	if (index && used_count(node_link(parent, index - 1)) <= max) {
		*ret_first = index - 1;
		return true;
	}
	return false;
}

/* How a node that will have `count` slots is rebuilt: 1 for 1 means it alone. */
static struct plan make_plan(const struct imap *map, const struct imap_path *path,
			     unsigned int level, unsigned int count)
{
	bool top = is_top(map, level);
	struct plan plan = {.first = top ? 0 : path->index[level + 1], .n_old = 1};

	plan.n_new = count > IMAP_SLOTS ? 2 : count ? 1 : 0;
	if (top || !count)
		return plan;
	if (count > IMAP_SLOTS && find_neighbour(path, level, SPREAD - (int)count, &plan.first))
		plan.n_old = 2;
	if (count <= SMALL && find_neighbour(path, level, JOINED - (int)count, &plan.first))
		plan.n_old = 2;
	return plan;
}

static bool has_empty(const struct imap_node *node)
{
	uint64_t state = node_state(node);

	return state_used(state) != slots_below(state_count(state));
}

/* The slots of [start, end) that are not empty. */
static uint32_t used_between(const struct imap_node *node, unsigned int start, unsigned int end)
{
	return node_used(node) & slots_below(end) & ~slots_below(start);
}

static void gather_range(struct gathered *all, const struct imap_node *node, unsigned int start,
			 unsigned int end)
{
	for (uint32_t used = used_between(node, start, end); used; used &= used - 1)
		all->slots[all->count++] = node_slot(node, lowest_slot(used));
}

/* A node's slots as they will be after the edit. */
static void gather_edited(struct gathered *all, const struct imap_node *node,
			  const struct edit *edit)
{
	gather_range(all, node, 0, edit->pos);
	for (unsigned int i = 0; i < edit->n_new; i++)
		all->slots[all->count++] = edit->slots[i];
	gather_range(all, node, edit->pos + edit->n_old, node_count(node));
}

static void gather(struct gathered *all, const struct imap_path *path, const struct edit *edit,
		   const struct plan *plan, struct leftover *leftover)
{
	struct imap_node *own = path->node[edit->level], *node = own;

	all->count = 0;
	for (unsigned int i = 0; i < plan->n_old; i++) {
		unsigned int start = all->count;

		if (plan->n_old > 1)
			node = node_link(path->node[edit->level + 1], plan->first + i);
		if (node == own)
			gather_edited(all, node, edit);
		else
			gather_range(all, node, 0, node_count(node));
		/* An inner node's key 0 is known only to its parent. */
		if (edit->level && i && all->count > start)
			all->slots[start].key =
				node_key(path->node[edit->level + 1], plan->first + i);
		leftover->nodes[leftover->count++] = node;
	}
}

/* Where two nodes divide: ascending or descending insertion leaves full nodes behind. */
static unsigned int divide(const struct gathered *all, const struct edit *edit,
			   const struct plan *plan)
{
	if (plan->n_new < 2)
		return all->count;
	if (plan->n_old < 2 && edit->pos + edit->n_new == all->count)
		return all->count - 1;
	if (plan->n_old < 2 && !edit->pos)
		return 1;
	return all->count / 2;
}

/* A new node of slots [start, end), and the slot for its parent. */
static struct imap_slot emit(struct imap *map, unsigned int level, const struct gathered *all,
			     unsigned int start, unsigned int end, uint64_t limit)
{
	struct imap_node *node = imap_store_take(&map->store);
	unsigned int count = end - start;

	for (unsigned int i = 0; i < count; i++)
		node_put(node, i, all->slots[start + i]);
	imap_node_seal(node, level, count);
	return (struct imap_slot){
		.key = all->slots[start].key,
		.extent = imap_node_gap(node, limit),
		.link = node,
	};
}

/* Rebuilds the nodes of the plan, and turns the edit into that of the parent. */
static void rebuild(struct imap *map, struct imap_path *path, struct edit *edit,
		    const struct plan *plan, struct leftover *leftover)
{
	bool top = is_top(map, edit->level);
	unsigned int middle, level = edit->level;
	struct gathered all;
	uint64_t limit;

	gather(&all, path, edit, plan, leftover);
	middle = divide(&all, edit, plan);
	limit = top ? UINT64_MAX
		    : limit_behind(map, path, level + 1, plan->first + plan->n_old - 1);
	*edit = (struct edit){level + 1, plan->first, plan->n_old, plan->n_new, {}};
	if (plan->n_new)
		edit->slots[0] = emit(map, level, &all, 0, middle,
				      plan->n_new > 1 ? all.slots[middle].key - 1 : limit);
	if (plan->n_new > 1)
		edit->slots[1] = emit(map, level, &all, middle, all.count, limit);
	if (plan->n_new && !top)
		edit->slots[0].key = node_key(path->node[level + 1], plan->first);
}

static void set_root(struct imap *map, struct imap_node *root, unsigned int levels)
{
	map->levels = levels;
	atomic_store_explicit(&map->root, root, memory_order_release);
}

/* The root was rebuilt: none, or two nodes that need a new root. */
static void change_root(struct imap *map, const struct edit *edit)
{
	struct imap_node *root;

	if (!edit->n_new) {
		set_root(map, NULL, 0);
		return;
	}
	root = imap_store_take(&map->store);
	for (unsigned int i = 0; i < edit->n_new; i++)
		node_put(root, i, edit->slots[i]);
	imap_node_seal(root, edit->level, edit->n_new);
	set_root(map, root, edit->level + 1);
}

static unsigned int copy_used(struct imap_node *node, unsigned int to, const struct imap_node *old,
			      unsigned int start, unsigned int end)
{
	for (uint32_t used = used_between(old, start, end); used; used &= used - 1)
		node_put(node, to++, node_slot(old, lowest_slot(used)));
	return to;
}

/* Copies slots [start, end) to those from `to` on; the next free one. */
static unsigned int copy_slots(struct imap_node *node, unsigned int to, const struct imap_node *old,
			       unsigned int start, unsigned int end)
{
	ptrdiff_t shift = (ptrdiff_t)to - start;

	if (has_empty(old))
		return copy_used(node, to, old, start, end);
	for (size_t i = start; i < end; i++)
		node_set_key(node, i + shift, node_key(old, i));
	for (size_t i = start; i < end; i++) {
		node_set_extent(node, i + shift, node_extent(old, i));
		node_set_link(node, i + shift, node_link(old, i));
	}
	return end + shift;
}

/* Puts a copy with the edit in the place of the node, and says where the edit is there. */
static void replace(struct imap *map, struct imap_path *path, struct edit *edit)
{
	struct imap_node *old = path->node[edit->level], *node = imap_store_take(&map->store);
	unsigned int n = copy_slots(node, 0, old, 0, edit->pos), rest = edit->pos + edit->n_old;

	edit->pos = n;
	for (unsigned int i = 0; i < edit->n_new; i++)
		node_put(node, n++, edit->slots[i]);
	n = copy_slots(node, n, old, rest, node_count(old));
	imap_node_seal(node, edit->level, n);
	path->node[edit->level] = node;
	if (is_top(map, edit->level))
		set_root(map, node, map->levels);
	else
		node_set_link(path->node[edit->level + 1], path->index[edit->level + 1], node);
}

/* A root with one child gives way to it. */
static void drop_levels(struct imap *map, struct leftover *leftover)
{
	struct imap_node *root = atomic_load_explicit(&map->root, memory_order_relaxed);

	while (map->levels > 1 && node_count(root) == 1) {
		leftover->nodes[leftover->count++] = root;
		root = node_link(root, 0);
		set_root(map, root, map->levels - 1);
		imap_forget_path(map);
	}
}

/* The gap around a slot of the path's leaf that has become empty, if it begins in this leaf: tells the nodes above. */
static void widen_around(struct imap *map, const struct imap_path *path, unsigned int slot)
{
	const struct imap_node *leaf = path->node[0];
	uint32_t used = node_used(leaf), below = used & slots_below(slot), above = used & ~below;
	uint64_t limit;

	if (!below)
		return;
	limit = above ? node_key(leaf, lowest_slot(above)) - 1 : path->last;
	imap_widen_gap(map, path, 0, limit - node_extent(leaf, highest_slot(below)));
}

static void set_state(struct imap_node *node, uint64_t state)
{
	atomic_store_explicit(&node->state, state, memory_order_release);
}

/* An entry goes and leaves its slot empty. */
static void empty_slot(struct imap *map, const struct imap_path *path, unsigned int slot)
{
	struct imap_node *leaf = path->node[0];

	node_set_link(leaf, slot, NULL);
	set_state(leaf, node_state(leaf) & ~state_of_slot(slot));
	widen_around(map, path, slot);
}

/* An empty slot gets an entry of the gap that it is in: readers who may see a part of it see the new serial number. */
static void fill_slot(struct imap_node *leaf, unsigned int i, const struct imap_slot *slot)
{
	set_state(leaf, (node_state(leaf) + STATE_SERIAL) | state_of_slot(i));
	node_set_key(leaf, i, slot->key);
	node_set_extent(leaf, i, slot->extent);
	node_set_link(leaf, i, slot->link);
}

/* The slot beside the place `pos` that an entry up to `last` can fill in place; IMAP_SLOTS: there is none. */
static unsigned int slot_for(uint64_t state, const struct imap_node *leaf, unsigned int pos,
			     uint64_t last)
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

static bool put_in_place(struct imap_node *leaf, unsigned int pos, const struct imap_slot *slot)
{
	uint64_t state = node_state(leaf);

	pos = slot_for(state, leaf, pos, slot->extent);
	if (pos == IMAP_SLOTS)
		return false;
	if (pos < state_count(state)) {
		fill_slot(leaf, pos, slot);
		return true;
	}
	node_put(leaf, pos, *slot);
	set_state(leaf, state + 1 + state_of_slot(pos));
	return true;
}

static void apply(struct imap *map, struct imap_path *path, struct edit *edit,
		  struct leftover *leftover)
{
	unsigned int count;
	struct plan plan;

	for (;;) {
		if (edit->level == map->levels) {
			change_root(map, edit);
			return;
		}
		count = used_count(path->node[edit->level]) - edit->n_old + edit->n_new;
		plan = make_plan(map, path, edit->level, count);
		if (plan.n_old == 1 && plan.n_new == 1)
			break;
		rebuild(map, path, edit, &plan, leftover);
		imap_forget_path(map);
	}
	if (!edit->level && !edit->n_new) {
		empty_slot(map, path, edit->pos);
		return;
	}
	leftover->nodes[leftover->count++] = path->node[edit->level];
	replace(map, path, edit);
	for (unsigned int i = 0; edit->level && i < edit->n_new; i++)
		imap_widen_gap(map, path, edit->level, edit->slots[i].extent);
}

static __attribute__((noinline)) void change_nodes(struct imap *map, struct imap_path *path,
						   struct edit *edit)
{
	struct leftover leftover; /* not cleared: it is large */

	leftover.count = 0;
	apply(map, path, edit, &leftover);
	drop_levels(map, &leftover);
	/* From the top: a reader that finds a child given back must find its parent given back too. */
	while (leftover.count)
		imap_store_give(&map->store, leftover.nodes[--leftover.count]);
}

bool imap_put(struct imap_path *path, const struct imap_slot *slot)
{
	unsigned int pos = path->index[0];

	path->searched = false;
	if (!put_in_place(path->node[0], pos, slot))
		return false;
	path->index[0] = pos + 1; /* where the next one may come */
	return true;
}

void imap_add(struct imap *map, struct imap_path *path, const struct imap_slot *slot)
{
	struct edit edit = {.pos = path->index[0], .n_new = 1, .slots = {*slot}};

	path->searched = false;
	change_nodes(map, path, &edit);
}

void imap_divide(struct imap *map, struct imap_path *path, unsigned int pos,
		 const struct imap_slot halves[2])
{
	struct edit edit = {.pos = pos, .n_old = 1, .n_new = 2, .slots = {halves[0], halves[1]}};

	path->searched = false;
	change_nodes(map, path, &edit);
}

void imap_take(struct imap *map, struct imap_path *path, unsigned int pos)
{
	struct edit edit = {.pos = pos, .n_old = 1};

	path->searched = false;
	if (used_count(path->node[0]) > SMALL + 1)
		empty_slot(map, path, pos);
	else
		change_nodes(map, path, &edit);
}
