/* SPDX-License-Identifier: MIT */
/* The machine, the client with its descriptors and its memory. */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/machine_impl.h"

void fuzz_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

/* ---- descriptors ---- */

static struct stage *stage_of(struct client *client)
{
	return (struct stage *)client;
}

static int fd_file(struct client *client, int fd, struct file **ret_file)
{
	unsigned int i = fd - FUZZ_FD0;

	if (i >= FUZZ_FDS)
		return fcntl(fd, F_GETFD) < 0 ? -EBADF : -ENOENT;
	if (!stage_of(client)->fds[i])
		return -EBADF;
	*ret_file = file_get(stage_of(client)->fds[i]);
	return 0;
}

static int fd_native(struct client *client, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -EBADF : copy;
}

static int fd_install(struct client *client, struct file *file)
{
	for (int i = 0; i < FUZZ_FDS; i++) {
		if (stage_of(client)->fds[i])
			continue;
		stage_of(client)->fds[i] = file;
		return FUZZ_FD0 + i;
	}
	return -EMFILE;
}

void stage_close_fd(struct stage *stage, unsigned int i)
{
	struct file *file = stage->fds[i];

	stage->fds[i] = NULL;
	if (file)
		file_put(file);
}

static void fd_close(struct client *client, int fd)
{
	unsigned int i = fd - FUZZ_FD0;

	if (i < FUZZ_FDS)
		stage_close_fd(stage_of(client), i);
}

static const struct client_ops stage_client_ops = {fd_file, fd_native, fd_install, fd_close};

/* ---- memory ---- */

#define PROT_RW (PROT_READ | PROT_WRITE)

void stage_renew_memory(struct stage *stage)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	char *memory = stage->memory;

	/* Half private, half shared; the whole stays one reservation. */
	if (mmap(memory, FUZZ_NPAGES / 2 * FUZZ_PAGE, PROT_RW, flags, -1, 0) == MAP_FAILED ||
	    mmap(memory + FUZZ_NPAGES / 2 * FUZZ_PAGE, FUZZ_NPAGES / 2 * FUZZ_PAGE, PROT_RW,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ||
	    mmap(memory - FUZZ_PAGE, FUZZ_PAGE, PROT_READ, flags, -1, 0) == MAP_FAILED)
		fuzz_fail("no memory");
	mm_forget(stage->client.mm, 0, UINT64_MAX);
}

static void reserve_memory(struct stage *stage)
{
	/* Room for as much again, where the program moves memory to. */
	char *room = mmap(NULL, (2 * FUZZ_NPAGES + 4) * FUZZ_PAGE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		fuzz_fail("no room");
	stage->memory = room + FUZZ_PAGE;
	stage->memfd = memfd_create("fuzz", MFD_CLOEXEC);
	if (stage->memfd < 0 || ftruncate(stage->memfd, FUZZ_NPAGES * FUZZ_PAGE))
		fuzz_fail("no file");
}

/* ---- life ---- */

void stage_init(struct stage *stage)
{
	if (!stage->memory)
		reserve_memory(stage);
	stage->client.ops = &stage_client_ops;
	stage->client.mm = mm_self();
	if (!stage->client.mm)
		fuzz_fail("no address space");
	stage->client.mm->creds.caps &= ~((uint64_t)1 << CAP_IPC_LOCK);
	stage->client.mm->creds.memlock = UINT64_MAX;
	stage_renew_memory(stage);
	if (machine_new(&stage->machine) ||
	    machine_open(stage->machine, &stage->client, "iommu", &stage->contexts[0]) ||
	    machine_open(stage->machine, &stage->client, "vfio/vfio", &stage->contexts[1]))
		fuzz_fail("no machine");
}

/* Without the large ones: a move of pinned memory stays counted there for good. */
static void check_filter(const struct pin_filter *filter)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < PIN_FILTER_SIZE; i++)
		left |= atomic_load(&filter->count[i]);
	if (left)
		fuzz_fail("the filter believes that memory is pinned");
}

static void check_nothing_left(struct stage *stage)
{
	const struct user_account *user = atomic_load(&stage->machine->users);
	struct mm *mm = stage->client.mm;

	if (!LIST_EMPTY(&stage->machine->contexts))
		fuzz_fail("a context is left");
	for (; user; user = user->next)
		if (atomic_load(&user->locked))
			fuzz_fail("user %u is charged %lu", user->uid, atomic_load(&user->locked));
	if (atomic_load(&mm->locked_vm))
		fuzz_fail("locked %lu", atomic_load(&mm->locked_vm));
	check_filter(&stage->machine->pinned);
}

void stage_done(struct stage *stage, struct input *in)
{
	unsigned int first = take8(in) % FUZZ_FDS, between = take8(in);

	for (unsigned int i = 0; i < FUZZ_FDS; i++) {
		if (i < FUZZ_NCTX && between & 1)
			if (stage->contexts[i]) {
				file_put(stage->contexts[i]);
				stage->contexts[i] = NULL;
			}
		stage_close_fd(stage, (first + i) % FUZZ_FDS);
	}
	for (int i = 0; i < FUZZ_NCTX; i++) {
		if (stage->contexts[i])
			file_put(stage->contexts[i]);
		stage->contexts[i] = NULL;
	}
	check_nothing_left(stage);
	machine_put(stage->machine);
	mm_put(stage->client.mm);
}
