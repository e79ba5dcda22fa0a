/* SPDX-License-Identifier: MIT */
/* A program that insists on huge pages, in TAP. Run it under `uiommufd run --pretend-hugepages`, or where there are some. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#define HUGE ((size_t)2 << 20)

static int number, failures;

static void check(bool holds, const char *what)
{
	int error = errno;

	printf("%sok %d - %s\n", holds ? "" : "not ", ++number, what);
	if (!holds)
		printf("# errno %s\n", strerror(error));
	failures += !holds;
}

static bool aligned(const void *addr, size_t size)
{
	return addr != MAP_FAILED && !((uintptr_t)addr & (size - 1));
}

static void *map(size_t length, int flags)
{
	return mmap(NULL, length, PROT_READ | PROT_WRITE, flags, -1, 0);
}

static void anonymous(void)
{
	char *page = map(HUGE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB), *two;

	check(aligned(page, HUGE), "a private mapping is aligned");
	page[HUGE - 1] = 1;
	check(!munmap(page, HUGE), "and goes again");
	page = map(2 * HUGE, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | 21 << MAP_HUGE_SHIFT);
	check(aligned(page, HUGE), "a shared one of a given size is, too");
	page[2 * HUGE - 1] = 1;
	two = mmap(page, HUGE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED, -1, 0);
	check(two == page, "a fixed address is kept");
	two = mmap(page + 4096, HUGE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED, -1, 0);
	check(two == MAP_FAILED && errno == EINVAL, "a crooked one is refused");
	munmap(page, 2 * HUGE);
	page = map(HUGE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 13 << MAP_HUGE_SHIFT);
	check(page == MAP_FAILED && errno == EINVAL, "a size that there isn't is refused");
	page = map(4096, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB);
	check(aligned(page, HUGE), "a length is rounded up");
	page[HUGE - 1] = 1;
	munmap(page, HUGE);
}

static void files(void)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB), copy;
	char *page, *again;

	check(fd >= 0, "a memory file");
	check(!ftruncate(fd, 2 * HUGE), "and its size");
	page = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(aligned(page, HUGE), "its mapping is aligned");
	page[HUGE] = 7;
	copy = dup(fd);
	again = mmap(NULL, HUGE, PROT_READ, MAP_SHARED, copy, HUGE);
	check(aligned(again, HUGE) && *again == 7,
	      "that of a copy, too, and it is the same memory");
	munmap(again, HUGE);
	again = mmap(NULL, HUGE, PROT_READ, MAP_SHARED, fd, 4096);
	check(again == MAP_FAILED && errno == EINVAL, "a crooked offset is refused");
	munmap(page, 2 * HUGE);
	close(copy);
	close(fd);
	fd = memfd_create("small", MFD_CLOEXEC);
	check(fd >= 0 && !ftruncate(fd, 8192), "an ordinary memory file");
	page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 4096);
	check(page != MAP_FAILED, "stays an ordinary one");
	munmap(page, 4096);
	close(fd);
}

static void segments(void)
{
	int id = shmget(IPC_PRIVATE, HUGE, IPC_CREAT | SHM_HUGETLB | 0600);
	char *page = id < 0 ? (char *)-1 : shmat(id, NULL, 0);

	check(id >= 0, "a segment");
	check(page != (char *)-1, "and its memory");
	if (page != (char *)-1)
		page[HUGE - 1] = 1;
	shmdt(page);
	shmctl(id, IPC_RMID, NULL);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	anonymous();
	files();
	segments();
	printf("1..%d\n", number);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
