/* SPDX-License-Identifier: MIT */
/*
 * Inside the interval map: the nodes of its tree. Only imap*.c include this.
 *
 * Leaves and inner nodes have one shape, so that they are copied, split and merged by the same code:
 *
 *		key			extent				link
 *   leaf	first of the entry	last of the entry		its value, or NULL: empty
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
 * is filled, key last, and a slot of a leaf is emptied and filled again (below). A node that was unlinked is used again at once. Its state
 * changes before, and a reader that was still in it notices that by comparing the state after reading, and starts again.
 * Memory of nodes stays nodes until the map goes.
 *
 * A slot of a leaf is emptied by taking its link away. Its key stays, so its addresses still lead to it, and readers find nothing
 * there. An entry that comes beside an empty slot fills that: first the state gets a new serial number, then the key moves
 * within the gap, and the link goes last. A reader loads the link first: so either it finds the slot empty, or what belongs
 * to the link, or the new serial number. The copy that another change makes leaves empty slots out.
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
	/* serial number << 31 | a bit for each slot that is not empty << 10 | level << 5 | number of slots, empty ones too */
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

#define STATE_SERIAL_SHIFT 31
#define STATE_USED_SHIFT   10
#define STATE_LEVEL_SHIFT  5
#define STATE_SERIAL	   ((uint64_t)1 << STATE_SERIAL_SHIFT)

_Static_assert(STATE_USED_SHIFT + IMAP_SLOTS == STATE_SERIAL_SHIFT, "a bit for each slot");
_Static_assert(IMAP_SLOTS < 32 && IMAP_MAX_LEVELS < 32, "five bits");

static inline unsigned int state_count(uint64_t state)
{
	return state & 31;
}

static inline unsigned int state_level(uint64_t state)
{
	return state >> STATE_LEVEL_SHIFT & 31;
}

/* Slots that are not empty, as bits. */
static inline uint32_t state_used(uint64_t state)
{
	return state >> STATE_USED_SHIFT & ((1u << IMAP_SLOTS) - 1);
}

/* The lowest `n` slots, as bits. */
static inline uint32_t slots_below(unsigned int n)
{
	return (1u << n) - 1;
}

static inline uint64_t state_of_slot(unsigned int slot)
{
	return (uint64_t)1 << (STATE_USED_SHIFT + slot);
}

/* The same use of the node, though perhaps with other entries. */
static inline bool state_same(uint64_t a, uint64_t b)
{
	return (a ^ b) >> STATE_SERIAL_SHIFT == 0;
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

static inline uint32_t node_used(const struct imap_node *node)
{
	return state_used(node_state(node));
}

/* The highest of these slots; there is one. */
static inline unsigned int highest_slot(uint32_t used)
{
	return 31 - (unsigned int)__builtin_clz(used);
}

/* The lowest of these slots; there is one. */
static inline unsigned int lowest_slot(uint32_t used)
{
	return (unsigned int)__builtin_ctz(used);
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

/* The way to the leaf where an address belongs, into a path of the caller's; the map is not empty. */
void imap_descend_apart(const struct imap *map, uint64_t at, struct imap_path *path);
/* The nodes that the map's own path leads through may have gone. */
void imap_forget_path(struct imap *map);

/* Changes that nodes come and go by; the path is the map's own. */
/* Puts an entry at the path's place: 2 * levels + 1 spare nodes must be there. */
void imap_add(struct imap *map, struct imap_path *path, const struct imap_slot *slot);
/* Puts two entries in the place of the one in slot `pos`: spare nodes as for imap_add(). */
void imap_divide(struct imap *map, struct imap_path *path, unsigned int pos,
		 const struct imap_slot halves[2]);
/* Takes the entry in slot `pos` out, and joins the leaf with a neighbour if that fits. `levels` spare nodes must be there. */
void imap_take_and_join(struct imap *map, struct imap_path *path, unsigned int pos);
/* The largest gap behind an entry of a leaf that ends at `limit`; of an inner node, the largest of its extents. */
uint64_t imap_node_gap(const struct imap_node *node, uint64_t limit);

#endif
