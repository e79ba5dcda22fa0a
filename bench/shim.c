/* SPDX-License-Identifier: MIT */
/*
 * ioctl() through the preload shim: to be run under it,
 *
 *	uiommufd run -- build/bench/uiommufd-bench shim
 *
 * Calls on /dev/iommu against the same call on a context of the program's own, which is the work without the shim; and calls on a
 * descriptor that is none of ours against the bare system call. Without the shim only the latter is measured (and costs nothing).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "world.h"

struct setting {
	struct world world;
	int iommu, null;
	size_t count;
};

static struct iommu_option option(void)
{
	return (struct iommu_option){.size = sizeof(struct iommu_option),
				     .option_id = IOMMU_OPTION_RLIMIT_MODE,
				     .op = IOMMU_OPTION_OP_GET};
}

static double ours_once(void *arg)
{
	struct setting *s = arg;
	struct iommu_option cmd = option();
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++)
		if (ioctl(s->iommu, IOMMU_OPTION, &cmd))
			exit(1);
	return (bench_now() - start) / s->count;
}

static double core_once(void *arg)
{
	struct setting *s = arg;
	struct iommu_option cmd = option();
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++)
		world_call(&s->world, IOMMU_OPTION, &cmd);
	return (bench_now() - start) / s->count;
}

static double foreign_once(void *arg)
{
	struct setting *s = arg;
	double start = bench_now();
	int flags;

	for (size_t i = 0; i < s->count; i++)
		bench_keep(ioctl(s->null, FIONREAD, &flags));
	return (bench_now() - start) / s->count;
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

void bench_shim(void)
{
	static struct setting s;
	struct bench_work ours = {"ioctl", ours_once, &s, .goal = 30, .over = true};
	struct bench_work core = {"the work alone", core_once, &s};
	struct bench_work foreign = {"ioctl", foreign_once, &s, .goal = 10, .over = true};
	struct bench_work bare = {"syscall", syscall_once, &s};

	s.count = bench_smoke() ? 10 : 200000;
	s.iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	s.null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (s.iommu >= 0) {
		world_init(&s.world, 4096);
		bench_row("ioctl, ours", 0, &ours, &core);
		world_done(&s.world);
		close(s.iommu);
	} else {
		printf("no shim: only what is not ours\n");
	}
	bench_row("ioctl, not ours", 0, &foreign, &bare);
	close(s.null);
}
