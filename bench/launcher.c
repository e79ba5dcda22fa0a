/* SPDX-License-Identifier: MIT */
/*
 * Calls under the launcher: to be run by it,
 *
 *	uiommufd run --launcher -- build/bench/uiommufd-bench launcher
 *
 * The supervisor and the program on one processor, and each on its own. The stand-in is a datagram there and one back, between two processes
 * in the same places. The other rows are what it costs a program that its calls may concern the machine and don't: against the work alone they
 * can't be measured here, for that call is handed on too.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dirent.h>
#include <uiommufd/iommufd.h>

#include "bench.h"
#include "datagrams.h"

struct setting {
	int iommu, null;
	uint32_t ioas;
	void *page;
	struct datagrams datagrams;
	size_t count;
	unsigned int cpu; /* of the caller; the other is on 0 */
};

bool bench_launched(void)
{
	char path[64], name[16] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)getppid());
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(name, sizeof(name), file))
		*name = '\0';
	fclose(file);
	return !strcmp(name, "uiommufd\n");
}

/* All threads of the supervisor, and those that they start. */
static void place_supervisor(void)
{
	struct dirent *entry;
	cpu_set_t first;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)getppid());
	tasks = opendir(path);
	if (!tasks)
		bench_fail(path);
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	while ((entry = readdir(tasks)))
		if (*entry->d_name != '.')
			sched_setaffinity(atoi(entry->d_name), sizeof(first), &first);
	closedir(tasks);
}

static double option_once(void *arg)
{
	struct setting *s = arg;
	struct iommu_option cmd = {.size = sizeof(cmd),
				   .option_id = IOMMU_OPTION_RLIMIT_MODE,
				   .op = IOMMU_OPTION_OP_GET};
	double start;

	run_on(s->cpu);
	start = bench_wall();
	for (size_t i = 0; i < s->count; i++)
		if (ioctl(s->iommu, IOMMU_OPTION, &cmd))
			bench_fail("ioctl");
	return (bench_wall() - start) / s->count;
}

/* Both calls together. */
static double map_once(void *arg)
{
	struct setting *s = arg;
	struct iommu_ioas_map map = {.size = sizeof(map),
				     .ioas_id = s->ioas,
				     .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
				     .user_va = (uintptr_t)s->page,
				     .iova = 0x100000,
				     .length = 4096};
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = s->ioas, .iova = 0x100000, .length = 4096};
	double start;

	run_on(s->cpu);
	start = bench_wall();
	for (size_t i = 0; i < s->count; i++)
		if (ioctl(s->iommu, IOMMU_IOAS_MAP, &map) ||
		    ioctl(s->iommu, IOMMU_IOAS_UNMAP, &unmap))
			bench_fail("map and unmap");
	return (bench_wall() - start) / s->count;
}

static double path_once(void *arg)
{
	struct setting *s = arg;
	double start;

	run_on(s->cpu);
	start = bench_wall();
	for (size_t i = 0; i < s->count; i++)
		bench_keep((uint64_t)access("/etc/no-such-file", F_OK));
	return (bench_wall() - start) / s->count;
}

static double stat_once(void *arg)
{
	struct setting *s = arg;
	struct stat st;
	double start;

	run_on(s->cpu);
	start = bench_wall();
	for (size_t i = 0; i < s->count; i++)
		bench_keep((uint64_t)fstat(s->null, &st));
	return (bench_wall() - start) / s->count;
}

static double datagrams_once(void *arg)
{
	struct setting *s = arg;

	run_on(s->cpu);
	return datagrams_exchange(&s->datagrams, s->count);
}

static void place(struct setting *s, const char *where, double goal)
{
	const struct bench_work works[] = {
		{"call", option_once, s, .goal = goal},
		{"MAP and UNMAP", map_once, s},
		{"path, not ours", path_once, s},
		{"fstat, not ours", stat_once, s},
	};
	struct bench_work standin = {"datagrams", datagrams_once, s};
	char name[64];

	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		snprintf(name, sizeof(name), "launcher: %s, %s", works[i].name, where);
		bench_row(name, 0, &works[i], &standin);
	}
}

void bench_launcher(void)
{
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	struct setting s = {.count = bench_count(1000)};
	cpu_set_t all;

	sched_getaffinity(0, sizeof(all), &all);
	s.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	s.null = open("/dev/null", O_RDWR | O_CLOEXEC);
	s.iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (s.iommu < 0 || s.page == MAP_FAILED || ioctl(s.iommu, IOMMU_IOAS_ALLOC, &ioas))
		bench_fail("/dev/iommu");
	s.ioas = ioas.out_ioas_id;
	place_supervisor();
	datagrams_start(&s.datagrams);
	place(&s, "one processor", 5000);
	s.cpu = 1;
	if (CPU_ISSET(1, &all))
		place(&s, "across", 0);
	datagrams_stop(&s.datagrams);
	close(s.iommu);
	close(s.null);
	munmap(s.page, 4096);
	sched_setaffinity(0, sizeof(all), &all);
}
