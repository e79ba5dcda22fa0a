/* SPDX-License-Identifier: MIT */
/*
 * The one way in which the interval map's tree changes: some slots of a node are replaced by others. If the node has
 * room it is replaced by a copy; but an entry behind all others of a leaf is added in place, one beside an empty slot
 * fills that, and one that goes leaves its slot empty. If a node has no room, or has become small, it is rebuilt together with a neighbour: the slots of both
 * are gathered and spread over the number of nodes that they need, and that is a change of the same kind one level up. The
 * store of the topmost link makes everything visible at once.
 */
#include <assert.h>

#include "container/imap_leaf.h"

/* A node of IMAP_SMALL slots joins a neighbour if both together are not larger than that. */
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

/* A neighbour under the same parent with at most `max` slots: the lower of the two slots of the parent. */
static bool find_neighbour(const struct imap_path *path, unsigned int level, int max,
			   unsigned int *ret_first)
{
	struct imap_node *parent = path->node[level + 1];
	unsigned int index = path->index[level + 1];

	if (index + 1 < node_count(parent) &&
	    node_used_count(node_link(parent, index + 1)) <= max) {
		*ret_first = index;
		return true;
	}
	if (index && node_used_count(node_link(parent, index - 1)) <= max) {
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
	if (count <= IMAP_SMALL && find_neighbour(path, level, JOINED - (int)count, &plan.first))
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

/* Where two nodes divide: descending insertion leaves full nodes behind. */
static unsigned int divide(const struct gathered *all, const struct edit *edit,
			   const struct plan *plan)
{
	if (plan->n_new < 2)
		return all->count;
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

/* The root was rebuilt, or another node has come behind it: none, or two nodes that need a new root. */
static void change_root(struct imap *map, const struct edit *edit)
{
	struct imap_node *old = atomic_load_explicit(&map->root, memory_order_relaxed), *root;
	unsigned int n = 0;

	if (!edit->n_new) {
		set_root(map, NULL, 0);
		return;
	}
	root = imap_store_take(&map->store);
	if (!edit->n_old)
		node_put(root, n++, (struct imap_slot){0, imap_node_gap(old, UINT64_MAX), old});
	for (unsigned int i = 0; i < edit->n_new; i++)
		node_put(root, n++, edit->slots[i]);
	imap_node_seal(root, edit->level, n);
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

/* A slot comes behind all others of a node, which has none that are empty. */
static bool is_append(const struct imap_path *path, const struct edit *edit)
{
	return !edit->n_old && edit->pos == node_count(path->node[edit->level]) &&
	       !has_empty(path->node[edit->level]);
}

/* It has room there: true. Else it is a new node's first, and that comes behind the node: ascending insertion leaves full nodes behind. */
static bool append(struct imap *map, struct imap_path *path, struct edit *edit)
{
	unsigned int level = edit->level;
	struct imap_slot slot = edit->slots[0];
	struct imap_node *node;

	if (edit->pos < IMAP_SLOTS) {
		node_append(path->node[level], edit->pos, &slot);
		return true;
	}
	node = imap_store_take(&map->store);
	node_put(node, 0, slot);
	imap_node_seal(node, level, 1);
	if (!level)
		edit->slots[0].extent = path->last - slot.extent;
	edit->slots[0].link = node;
	edit->pos = is_top(map, level) ? 1 : path->index[level + 1] + 1;
	edit->level++;
	return false;
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
		if (is_append(path, edit)) {
			if (append(map, path, edit))
				return;
			imap_forget_path(map);
			continue;
		}
		count = node_used_count(path->node[edit->level]) - edit->n_old + edit->n_new;
		plan = make_plan(map, path, edit->level, count);
		if (plan.n_old == 1 && plan.n_new == 1)
			break;
		rebuild(map, path, edit, &plan, leftover);
		imap_forget_path(map);
	}
	if (!edit->level && !edit->n_new) {
		leaf_empty(map, path, edit->pos);
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

void imap_take_and_join(struct imap *map, struct imap_path *path, unsigned int pos)
{
	struct edit edit = {.pos = pos, .n_old = 1};

	change_nodes(map, path, &edit);
}
