/* SPDX-License-Identifier: MIT */
/* Memory behind a descriptor, until it is revoked. */
#include "mem/dmabuf.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/inject.h"
#include "mem/page.h"

static void dmabuf_release(struct file *file)
{
	struct dmabuf *dmabuf = (struct dmabuf *)file;

	dmabuf->done(dmabuf);
}

static const struct file_ops dmabuf_ops = {
	.link = "/dmabuf:",
	.release = dmabuf_release,
};

void dmabuf_init(struct dmabuf *dmabuf, char *host, uint64_t len,
		 void (*done)(struct dmabuf *dmabuf))
{
	*dmabuf = (struct dmabuf){.host = host, .len = len, .done = done};
	file_init(&dmabuf->file, &dmabuf_ops);
}

static void unmap_memory(struct dmabuf *dmabuf)
{
	munmap(dmabuf->host, dmabuf->len);
	free(dmabuf);
}

int dmabuf_new(uint64_t len, struct dmabuf **ret_dmabuf)
{
	struct dmabuf *dmabuf = mem_zalloc(sizeof(*dmabuf));
	char *host = MAP_FAILED;

	if (!dmabuf)
		return -ENOMEM;
	len = page_ceil(len);
	if (!inject_fail())
		host = mmap(NULL, len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (host == MAP_FAILED) {
		free(dmabuf);
		return -ENOMEM;
	}
	dmabuf_init(dmabuf, host, len, unmap_memory);
	*ret_dmabuf = dmabuf;
	return 0;
}

struct dmabuf *dmabuf_of_file(struct file *file)
{
	return file->ops == &dmabuf_ops ? (struct dmabuf *)file : NULL;
}

void dmabuf_revoke(struct dmabuf *dmabuf, bool revoked)
{
	if (revoked && !atomic_load(&dmabuf->revoked))
		atomic_fetch_add(&dmabuf->revocations, 1);
	atomic_store(&dmabuf->revoked, revoked);
}

char *dmabuf_host(struct dmabuf *dmabuf, unsigned int seen, uint64_t offset)
{
	if (atomic_load_explicit(&dmabuf->revocations, memory_order_acquire) != seen)
		return NULL;
	return dmabuf->host + offset;
}
