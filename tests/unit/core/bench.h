/* SPDX-License-Identifier: MIT */
/*
 * A bench for the core: a machine with one context open, and this process as its client, with a small table of descriptors of its
 * own. Calls go in by file_ioctl(), as from a frontend, with nothing in between.
 */
#ifndef UIOMMUFD_TESTS_CORE_BENCH_H
#define UIOMMUFD_TESTS_CORE_BENCH_H

#include <stdint.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>

#include "base/mm.h"
#include "core/client.h"
#include "core/ctx.h"
#include "core/file.h"
#include "core/machine.h"
#include "unit.h"

/* The bench's descriptors are numbered from here on; smaller numbers are native ones. */
#define BENCH_FD0 5000
#define BENCH_FDS 32

struct bench {
	struct client client; /* the first: ops find the bench by it */
	struct machine *machine;
	struct file *file; /* the context */
	struct ctx *ctx;
	struct file *fds[BENCH_FDS];
	pthread_mutex_t fds_lock;
	unsigned int room;	 /* how many descriptors the client may have */
	unsigned int native_fds; /* open in this process at the start */
};

void bench_init(struct bench *bench);
/* Closes everything, and fails the test if a native descriptor is left. */
void bench_done(struct bench *bench);

/* Another client of the same machine and process, with descriptors of its own. Shares nothing else; no context. */
void bench_init_beside(struct bench *bench, struct bench *first);

/* Sets what rights and limits the client has: capabilities as bits, bytes of RLIMIT_MEMLOCK. */
void bench_creds(struct bench *bench, uint64_t caps, uint64_t memlock);

long bench_ioctl(struct bench *bench, unsigned int cmd, void *arg);
/* The file behind a descriptor of the bench, which stays the bench's; NULL if it is closed. */
struct file *bench_file(struct bench *bench, int fd);
void bench_close(struct bench *bench, int fd);
unsigned int bench_open_fds(struct bench *bench);
/* Pages that are pinned on behalf of the bench's process, by all contexts of its machine. */
unsigned long bench_pinned(const struct bench *bench);
ssize_t bench_read(struct bench *bench, int fd, void *buf, size_t count);
ssize_t bench_write(struct bench *bench, int fd, const void *buf, size_t count);

/*
 * The state of a context in words: objects, areas, pins, accounts. Two calls that changed nothing in between give the same text.
 * To be freed.
 */
char *bench_describe(struct bench *bench);

/* Anonymous memory with an unreadable page behind it. To be unmapped by bench_free_pages(). */
char *bench_pages(size_t npages);
void bench_free_pages(char *pages, size_t npages);

#endif
