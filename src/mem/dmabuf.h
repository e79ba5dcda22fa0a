/* SPDX-License-Identifier: MIT */
/*
 * dma-bufs: memory that a device or the mock exports as a descriptor, which MAP_FILE maps and the exporter can revoke.
 * What was mapped before a revocation has no memory for ever after, also when the exporter lifts the revocation.
 */
#ifndef UIOMMUFD_MEM_DMABUF_H
#define UIOMMUFD_MEM_DMABUF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/mm.h"
#include "core/file.h"

struct dmabuf {
	struct file file;
	char *host;   /* the memory, page-aligned */
	uint64_t len; /* bytes, a multiple of the page size */
	atomic_bool revoked;
	atomic_uint revocations; /* so far: a page-set remembers what it saw */
	/* Frees it, when nobody has it any more. A context's lock may be held. */
	void (*done)(struct dmabuf *dmabuf);
};

/* Memory that is somebody else's: a dma-buf with one reference, that he embeds. */
void dmabuf_init(struct dmabuf *dmabuf, char *host, uint64_t len,
		 void (*done)(struct dmabuf *dmabuf));

/* Zeroed memory of `len` bytes (rounded up to pages) behind a file with one reference. -ENOMEM. */
int dmabuf_new(uint64_t len, struct dmabuf **ret_dmabuf);
/* The dma-buf behind a file, if it is one; else NULL. Takes no reference. */
struct dmabuf *dmabuf_of_file(struct file *file);
/* Revokes or un-revokes. The caller waits for DMA that runs (hazard_wait). */
void dmabuf_revoke(struct dmabuf *dmabuf, bool revoked);
/* The memory at `offset`; NULL if there was a revocation since `seen`. */
char *dmabuf_host(struct dmabuf *dmabuf, unsigned int seen, uint64_t offset);

#endif
