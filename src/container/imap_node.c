/* SPDX-License-Identifier: MIT */
/*
 * Memory of the interval map's nodes. base/pool.h is not used because the link of a free node must be stored as readers
 * expect, and because nodes are to start on cache lines.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/inject.h"
#include "container/imap_node.h"

/* Bytes. Huge pages were tried: a lookup among a million entries waits for the lines, not for their translation. */
#define CHUNK_FIRST 4096
#define CHUNK_MAX   (256 * 1024)

/* Stands in the place of the first node. */
struct chunk {
	struct chunk *next;
};

/* Each chunk is as large as all before it, within the limits. */
static int add_chunk(struct imap_store *store)
{
	size_t bytes = CHUNK_FIRST;
	struct chunk *chunk;

	while (bytes < store->bytes && bytes < CHUNK_MAX)
		bytes *= 2;
	chunk = inject_fail() ? NULL : aligned_alloc(_Alignof(struct imap_node), bytes);
	if (!chunk)
		return -ENOMEM;
	chunk->next = store->chunks;
	store->chunks = chunk;
	store->bytes += bytes;
	/* What was left of the last chunk. */
	while (store->fresh_count) {
		atomic_init(&store->fresh->state, 0);
		store->spare--;
		store->fresh_count--;
		imap_store_give(store, store->fresh++);
	}
	store->fresh = (struct imap_node *)chunk + 1;
	store->fresh_count = bytes / sizeof(struct imap_node) - 1;
	store->spare += store->fresh_count;
	return 0;
}

int imap_store_reserve(struct imap_store *store, size_t count)
{
	while (store->spare < count)
		if (add_chunk(store))
			return -ENOMEM;
	return 0;
}

struct imap_node *imap_store_take(struct imap_store *store)
{
	struct imap_node *node = store->free;

	assert(store->spare);
	store->spare--;
	if (node) {
		store->free = node_link(node, 0);
		return node;
	}
	store->fresh_count--;
	node = store->fresh++;
	atomic_init(&node->state, 0);
	return node;
}

/* The next state: a new serial number, so that no reader takes it for the old one. All slots are used. */
static void set_state(struct imap_node *node, unsigned int level, unsigned int count)
{
	uint64_t serial = (node_state(node) >> STATE_SERIAL_SHIFT) + 1;

	atomic_store_explicit(&node->state,
			      serial << STATE_SERIAL_SHIFT |
				      (uint64_t)slots_below(count) << STATE_USED_SHIFT |
				      level << STATE_LEVEL_SHIFT | count,
			      memory_order_release);
}

void imap_node_seal(struct imap_node *node, unsigned int level, unsigned int count)
{
	for (unsigned int i = count; i < IMAP_SLOTS; i++)
		node_set_key(node, i, UINT64_MAX);
	if (level)
		node_set_key(node, 0, 0);
	set_state(node, level, count);
}

void imap_store_give(struct imap_store *store, struct imap_node *node)
{
	set_state(node, 0, 0);
	node_set_link(node, 0, store->free);
	store->free = node;
	store->spare++;
}

void imap_store_done(struct imap_store *store)
{
	struct chunk *chunk;

	while ((chunk = store->chunks)) {
		store->chunks = chunk->next;
		free(chunk);
	}
	*store = (struct imap_store){};
}
