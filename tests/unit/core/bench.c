/* SPDX-License-Identifier: MIT */
/* The machine, its client and the descriptors of both. */
#include "bench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096

/* ---- descriptors ---- */

static struct bench *bench_of(struct client *client)
{
	return (struct bench *)client;
}

static struct file **slot_of(struct bench *bench, int fd)
{
	int i = fd - BENCH_FD0;

	return i >= 0 && i < BENCH_FDS ? &bench->fds[i] : NULL;
}

static int fd_file(struct client *client, int fd, struct file **ret_file)
{
	struct bench *bench = bench_of(client);
	struct file **slot = slot_of(bench, fd);
	int rc = -EBADF;

	if (!slot)
		return fcntl(fd, F_GETFD) < 0 ? -EBADF : -ENOENT;
	pthread_mutex_lock(&bench->fds_lock);
	if (*slot) {
		*ret_file = file_get(*slot);
		rc = 0;
	}
	pthread_mutex_unlock(&bench->fds_lock);
	return rc;
}

static int fd_native(struct client *client, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -EBADF : copy;
}

static int fd_install(struct client *client, struct file *file)
{
	struct bench *bench = bench_of(client);
	int fd = -EMFILE;

	pthread_mutex_lock(&bench->fds_lock);
	for (unsigned int i = 0; i < bench->room && fd < 0; i++) {
		if (bench->fds[i])
			continue;
		bench->fds[i] = file;
		fd = BENCH_FD0 + i;
	}
	pthread_mutex_unlock(&bench->fds_lock);
	return fd;
}

static void fd_close(struct client *client, int fd)
{
	bench_close(bench_of(client), fd);
}

static const struct client_ops bench_client_ops = {fd_file, fd_native, fd_install, fd_close};

struct file *bench_file(struct bench *bench, int fd)
{
	struct file **slot = slot_of(bench, fd);

	return slot ? *slot : NULL;
}

void bench_close(struct bench *bench, int fd)
{
	struct file **slot = slot_of(bench, fd), *file;

	if (!slot)
		return;
	pthread_mutex_lock(&bench->fds_lock);
	file = *slot;
	*slot = NULL;
	pthread_mutex_unlock(&bench->fds_lock);
	if (file)
		file_put(file);
}

unsigned long bench_pinned(const struct bench *bench)
{
	uint64_t pinned, locked;

	machine_account(bench->machine, bench->client.mm->pid, &pinned, &locked);
	return pinned;
}

unsigned int bench_open_fds(struct bench *bench)
{
	unsigned int n = 0;

	for (int i = 0; i < BENCH_FDS; i++)
		n += bench->fds[i] != NULL;
	return n;
}

/* ---- life ---- */

static unsigned int count_native_fds(void)
{
	unsigned int n = 0;
	DIR *dir = opendir("/proc/self/fd");

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void init_client(struct bench *bench)
{
	bench->client.ops = &bench_client_ops;
	bench->client.mm = mm_self();
	assert_non_null(bench->client.mm);
	pthread_mutex_init(&bench->fds_lock, NULL);
	/* What an address space keeps open, it opens when it is first looked at. */
	mm_probe(bench->client.mm, (uintptr_t)bench, 1, false);
	bench->room = BENCH_FDS;
}

void bench_init(struct bench *bench)
{
	*bench = (struct bench){0};
	init_client(bench);
	bench->native_fds = count_native_fds();
	assert_int_equal(machine_new(&bench->machine), 0);
	assert_int_equal(machine_open(bench->machine, &bench->client, "iommu", &bench->file), 0);
	bench->ctx = ctx_of_file(bench->file);
	bench_creds(bench, UINT64_MAX & ~((uint64_t)1 << CAP_IPC_LOCK), UINT64_MAX);
}

void bench_init_beside(struct bench *bench, struct bench *first)
{
	*bench = (struct bench){0};
	init_client(bench);
	bench->machine = first->machine;
}

void bench_done(struct bench *bench)
{
	for (int i = 0; i < BENCH_FDS; i++)
		bench_close(bench, BENCH_FD0 + i);
	if (bench->file) {
		file_put(bench->file);
		machine_put(bench->machine);
		assert_int_equal(count_native_fds(), bench->native_fds);
	}
	mm_put(bench->client.mm);
	pthread_mutex_destroy(&bench->fds_lock);
}

void bench_creds(struct bench *bench, uint64_t caps, uint64_t memlock)
{
	bench->client.mm->creds.caps = caps;
	bench->client.mm->creds.memlock = memlock;
}

/* ---- calls ---- */

long bench_ioctl(struct bench *bench, unsigned int cmd, void *arg)
{
	return file_ioctl(bench->file, &bench->client, cmd, (uintptr_t)arg);
}

ssize_t bench_read(struct bench *bench, int fd, void *buf, size_t count)
{
	return file_read(bench_file(bench, fd), &bench->client, (uintptr_t)buf, count, -1);
}

ssize_t bench_write(struct bench *bench, int fd, const void *buf, size_t count)
{
	return file_write(bench_file(bench, fd), &bench->client, (uintptr_t)buf, count, -1);
}

/* ---- memory ---- */

char *bench_pages(size_t npages)
{
	char *pages = mmap(NULL, (npages + 1) * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(pages, MAP_FAILED);
	assert_int_equal(mprotect(pages + npages * PAGE, PAGE, PROT_NONE), 0);
	return pages;
}

void bench_free_pages(char *pages, size_t npages)
{
	munmap(pages, (npages + 1) * PAGE);
}
