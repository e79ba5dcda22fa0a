/* SPDX-License-Identifier: MIT */
/*
 * Inside the interval map: the nodes of its tree. Only imap*.c include this.
 *
 * Leaves and inner nodes have one shape, so that they are copied, split and merged by the same code:
 *
 *		key			extent				link
 *   leaf	first of the entry	last of the entry		its value
 *   inner	first of the child	no gap after an entry		the child
 *		(of child 0: 0)     	below the child is larger
 *
 * Keys are exact: that of a child other than 0 is the first of its lowest entry. So the gap behind the last entry of a
 * leaf ends where the next key says, and an address inside a gap leads to the entry below the gap.
 *
 * Extents of inner nodes are bounds, so that an insertion, which makes gaps smaller, need not look for the one that is the largest now. A search
 * that has found nothing below a node sets its bound right. So what an insertion has left undone is done once at the most.
 *
 * How readers do without a lock: a node that a reader can reach is never shifted. A change fills a new node
 * and links it by storing one pointer. Only single words change in place: a link, a key of an inner node (which moves
 * within a gap, so no entry is lost), an extent of an inner node (which readers do not use), a leaf's next free slot
 * is filled, key last, and a slot of a leaf is emptied (below). A node that was unlinked is used again at once. Its state
 * changes before, and a reader that was still in it notices that by comparing the state after reading, and starts again.
 * Memory of nodes stays nodes until the map goes.
 *
 * A slot of a leaf is emptied by raising its key to the next slot's, so the last one never is: no address leads to it any
 * more, as a search takes the last of equal keys. Then its extent is set right below its key, so that it has no gap behind
 * it. Readers load the key last: who has seen that extent sees that the key is above the address. The copy that another
 * change makes leaves empty slots out.
 *
 * Why a reader is never led astray: it goes from a node to a child if, after it has taken the child's state, the node still
 * links the child and has not been given back. As parents are given back before their children, the child had not been
 * given back either when its state was taken; and while that state stands, the child holds what it held when it was
 * linked, or more.
 *
 * Orders: every word is stored with release and loaded with acquire. So a reader that saw a word of a later use sees the
 * later state too. There are no fences: the thread sanitizer does not know them.
 */
#ifndef UIOMMUFD_CONTAINER_IMAP_NODE_H
#define UIOMMUFD_CONTAINER_IMAP_NODE_H

#include "container/imap.h"

#define IMAP_SLOTS 21 /* a node is 8 cache lines */

struct imap_node {
	/* serial number << 24 | empty slots << 16 | level << 8 | number of slots, empty ones too */
	_Atomic uint64_t state;
	_Atomic uint64_t key[IMAP_SLOTS]; /* ascending; free slots have UINT64_MAX */
	struct {
		_Atomic uint64_t extent;
		void *_Atomic link;
	} at[IMAP_SLOTS];
} __attribute__((aligned(64)));

struct imap_slot {
	uint64_t key, extent;
	void *link;
};

static inline uint64_t node_state(const struct imap_node *node)
{
	return atomic_load_explicit(&node->state, memory_order_acquire);
}

static inline unsigned int state_count(uint64_t state)
{
	return state & 0xff;
}

static inline unsigned int state_level(uint64_t state)
{
	return state >> 8 & 0xff;
}

#define STATE_EMPTY ((uint64_t)1 << 16) /* one slot */

static inline unsigned int state_empty(uint64_t state)
{
	return state / STATE_EMPTY & 0xff;
}

/* The same use of the node, though perhaps with other entries. */
static inline bool state_same(uint64_t a, uint64_t b)
{
	return (a ^ b) >> 24 == 0;
}

static inline unsigned int node_count(const struct imap_node *node)
{
	return state_count(node_state(node));
}

static inline uint64_t node_key(const struct imap_node *node, unsigned int i)
{
	return atomic_load_explicit(&node->key[i], memory_order_acquire);
}

static inline uint64_t node_extent(const struct imap_node *node, unsigned int i)
{
	return atomic_load_explicit(&node->at[i].extent, memory_order_acquire);
}

static inline void *node_link(const struct imap_node *node, unsigned int i)
{
	return atomic_load_explicit(&node->at[i].link, memory_order_acquire);
}

/* Of a leaf. */
static inline bool slot_empty(const struct imap_node *node, unsigned int i)
{
	return node_extent(node, i) < node_key(node, i);
}

/* Slots that are not empty. */
static inline unsigned int node_used(const struct imap_node *node)
{
	uint64_t state = node_state(node);

	return state_count(state) - state_empty(state);
}

/* Of a leaf: the first of the empty slots right below `slot`, or that. */
static inline unsigned int empty_below(const struct imap_node *node, unsigned int slot)
{
	while (slot && slot_empty(node, slot - 1))
		slot--;
	return slot;
}

static inline void node_set_key(struct imap_node *node, unsigned int i, uint64_t key)
{
	atomic_store_explicit(&node->key[i], key, memory_order_release);
}

static inline void node_set_extent(struct imap_node *node, unsigned int i, uint64_t extent)
{
	atomic_store_explicit(&node->at[i].extent, extent, memory_order_release);
}

static inline void node_set_link(struct imap_node *node, unsigned int i, void *link)
{
	atomic_store_explicit(&node->at[i].link, link, memory_order_release);
}

/* The key goes last: with it readers see the slot. */
static inline void node_put(struct imap_node *node, unsigned int i, struct imap_slot slot)
{
	node_set_extent(node, i, slot.extent);
	node_set_link(node, i, slot.link);
	node_set_key(node, i, slot.key);
}

static inline struct imap_slot node_slot(const struct imap_node *node, unsigned int i)
{
	return (struct imap_slot){node_key(node, i), node_extent(node, i), node_link(node, i)};
}

/*
 * How many keys are at or below the address: first the third of the node, then within it. Without branches, which could
 * not be predicted; counting those above it is what compilers turn into the fewest instructions.
 */
static inline unsigned int node_search(const struct imap_node *node, uint64_t at)
{
	const size_t third = IMAP_SLOTS / 3;
	size_t start = 2 * third, above = 0;
	const _Atomic uint64_t *key;

	start -= at < node_key(node, third) ? third : 0;
	start -= at < node_key(node, 2 * third) ? third : 0;
	/* Else gcc chooses between three places for each of the loads below. */
	__asm__("" : "+r"(start));
	key = node->key + start;
#pragma GCC unroll 16
	for (size_t i = 0; i < third; i++)
		above += at < atomic_load_explicit(&key[i], memory_order_acquire);
	return start + third - above;
}

/* How many of a leaf's `count` entries begin at or below the address: free slots would count for UINT64_MAX. */
static inline unsigned int leaf_search(const struct imap_node *node, unsigned int count,
				       uint64_t at)
{
	unsigned int n = node_search(node, at);

	return n < count ? n : count;
}

/* The slot of an inner node's child where the address belongs. Within the node even if it is being filled anew. */
static inline unsigned int inner_search(const struct imap_node *node, unsigned int count,
					uint64_t at)
{
	unsigned int n = leaf_search(node, count, at);

	return n - (n > 0);
}

/* Makes sure of `count` spare nodes. 0 or -ENOMEM. */
int imap_store_reserve(struct imap_store *store, size_t count);
/* A spare node, which must have been reserved. */
struct imap_node *imap_store_take(struct imap_store *store);
/* Ends the filling of a node that was taken: it can be linked. */
void imap_node_seal(struct imap_node *node, unsigned int level, unsigned int count);
/* Takes back a node that was unlinked. */
void imap_store_give(struct imap_store *store, struct imap_node *node);
void imap_store_done(struct imap_store *store);

/* The way to the leaf where an address belongs; the map is not empty. The map keeps it, so it is good until the next such call. */
struct imap_path *imap_descend(const struct imap *map, uint64_t at);
/* The same, into a path of the caller's; the map's own stays. */
void imap_descend_apart(const struct imap *map, uint64_t at, struct imap_path *path);
/* The nodes that the map's own path leads through may have gone. */
void imap_forget_path(struct imap *map);
/*
 * Puts `n_new` slots in the place of `n_old` slots of the path's leaf, from slot `pos` on. 2 * levels + 1 spare nodes
 * must be there if the leaf grows, `levels` if not. The path is the map's own.
 */
void imap_change(struct imap *map, struct imap_path *path, unsigned int pos, unsigned int n_old,
		 const struct imap_slot *new_slots, unsigned int n_new);
/* The largest gap behind an entry of a leaf that ends at `limit`; of an inner node, the largest of its extents. */
uint64_t imap_node_gap(const struct imap_node *node, uint64_t limit);
/* There may be a gap of that size below the path's node at `level`: tells those above. */
void imap_widen_gap(struct imap *map, const struct imap_path *path, unsigned int level,
		    uint64_t gap);

#endif
