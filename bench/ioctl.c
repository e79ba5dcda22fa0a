/* SPDX-License-Identifier: MIT */
/*
 * The calls as a program makes them: open("/dev/iommu") and ioctl(), nothing of ours. Under `uiommufd run` they measure us, without it
 * a kernel's iommufd where there is one. The stand-in is the system call alone, which a kernel's answer always costs.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>

#include "bench.h"

#define PAGE 4096ull
#define BASE 0x100000000ull

struct setting {
	int fd, null;
	uint32_t ioas;
	size_t n, count;
	uint64_t size; /* of a mapping */
	char *memory;
};

static void call(struct setting *s, unsigned long request, void *arg)
{
	if (ioctl(s->fd, request, arg))
		bench_fail("ioctl");
}

static void map(struct setting *s, size_t i)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = s->ioas,
		.user_va = (uintptr_t)s->memory + i * s->size,
		.length = s->size,
		.iova = BASE + i * s->size,
	};

	call(s, IOMMU_IOAS_MAP, &cmd);
}

static void unmap(struct setting *s, size_t i)
{
	struct iommu_ioas_unmap cmd = {.size = sizeof(cmd),
				       .ioas_id = s->ioas,
				       .iova = BASE + i * s->size,
				       .length = s->size};

	call(s, IOMMU_IOAS_UNMAP, &cmd);
}

/* Beside n others, so many that the time of one can be told. */
static double both(struct setting *s, bool time_map)
{
	double total = 0, start;

	for (size_t i = 0; i < s->count; i += 64) {
		start = bench_now();
		for (size_t j = 0; j < 64; j++)
			map(s, s->n + j);
		total += time_map ? bench_now() - start : 0;
		start = bench_now();
		for (size_t j = 0; j < 64; j++)
			unmap(s, s->n + j);
		total += time_map ? 0 : bench_now() - start;
	}
	return total / ((s->count + 63) / 64 * 64);
}

static double map_once(void *arg)
{
	return both(arg, true);
}

static double unmap_once(void *arg)
{
	return both(arg, false);
}

static double syscall_once(void *arg)
{
	struct setting *s = arg;
	double start = bench_now();
	int flags;

	for (size_t i = 0; i < s->count; i++)
		bench_keep(syscall(SYS_ioctl, s->null, FIONREAD, &flags));
	return (bench_now() - start) / s->count;
}

static void rows_for(struct setting *s, uint64_t size, size_t n)
{
	struct bench_work maps = {"ioctl", map_once, s}, unmaps = {"ioctl", unmap_once, s};
	struct bench_work bare = {"system call", syscall_once, s};
	char name[48];

	s->size = size;
	s->n = n;
	s->memory = mmap(NULL, (n + 64) * size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->memory == MAP_FAILED)
		bench_fail("mmap");
	for (size_t i = 0; i < n; i++)
		map(s, i);
	snprintf(name, sizeof(name), "ioctl IOAS_MAP, KiB %llu", (unsigned long long)size >> 10);
	bench_row(name, n, &maps, &bare);
	snprintf(name, sizeof(name), "ioctl IOAS_UNMAP, KiB %llu", (unsigned long long)size >> 10);
	bench_row(name, n, &unmaps, &bare);
	for (size_t i = 0; i < n; i++)
		unmap(s, i);
	munmap(s->memory, (n + 64) * size);
}

void bench_ioctl(void)
{
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	struct setting s = {.count = bench_count(20000)};

	s.fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	s.null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (s.fd < 0 || s.null < 0)
		bench_fail("open");
	call(&s, IOMMU_IOAS_ALLOC, &ioas);
	s.ioas = ioas.out_ioas_id;
	rows_for(&s, PAGE, 10);
	if (!bench_smoke()) {
		rows_for(&s, PAGE, 1000);
		rows_for(&s, PAGE, 100000);
	}
	rows_for(&s, 2 << 20, 10);
	close(s.null);
	close(s.fd);
}
