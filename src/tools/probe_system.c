/* SPDX-License-Identifier: MIT */
/* The kernel's means and the user's limits: areas, huge pages, locked memory, files, FUSE. */
#include "tools/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB (1ull << 20)

/* struct procmap_query of Linux 6.11, which most installed headers don't have. */
struct area_query {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset;
	uint64_t inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};
#define AREA_QUERY _IOWR('f', 17, struct area_query)

void probe_areas(struct finding *ret_finding)
{
	struct area_query query = {.size = sizeof(query), .query_addr = (uintptr_t)&query};
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		finding_set(ret_finding, VERDICT_BAD, "/proc/self/maps can't be read: %s",
			    strerror(errno));
		finding_follows(ret_finding, "No memory can be mapped: mount /proc.");
		return;
	}
	if (!ioctl(fd, AREA_QUERY, &query) && query.vma_start <= query.query_addr &&
	    query.query_addr < query.vma_end) {
		finding_set(ret_finding, VERDICT_GOOD, "PROCMAP_QUERY works");
		finding_follows(ret_finding,
				"Whether memory can be mapped is found out in less than a "
				"microsecond.");
	} else {
		finding_set(ret_finding, VERDICT_LIMITED,
			    "PROCMAP_QUERY is missing (it came with Linux 6.11)");
		finding_follows(ret_finding,
				"Whether memory can be mapped is read in /proc/self/maps: slow "
				"in programs with many mappings.");
	}
	close(fd);
}

void probe_hugepages(struct finding *ret_finding)
{
	void *page = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 21 << MAP_HUGE_SHIFT, -1, 0);

	if (page != MAP_FAILED) {
		munmap(page, 2 * MIB);
		finding_set(ret_finding, VERDICT_GOOD, "a page of 2 MiB is free");
		finding_follows(ret_finding,
				"Programs that ask for huge pages get them, as far as they go.");
		return;
	}
	finding_set(ret_finding, VERDICT_BAD, "none of 2 MiB is free (%s)", strerror(errno));
	finding_follows(ret_finding,
			"Programs that insist on huge pages fail: root can reserve some in "
			"/proc/sys/vm/nr_hugepages, or 'uiommufd run --pretend-hugepages' "
			"gives them ordinary ones.");
}

static bool has_capability(unsigned int capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	return !syscall(SYS_capget, &header, data) &&
	       (data[capability / 32].effective >> capability % 32 & 1);
}

void probe_memlock(struct finding *ret_finding)
{
	struct rlimit limit;

	if (has_capability(CAP_IPC_LOCK)) {
		finding_set(ret_finding, VERDICT_GOOD, "no limit for this user (CAP_IPC_LOCK)");
		finding_follows(ret_finding, "Programs can map as much memory as they have.");
		return;
	}
	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (limit.rlim_cur == RLIM_INFINITY) {
		finding_set(ret_finding, VERDICT_GOOD, "no limit (ulimit -l)");
		finding_follows(ret_finding, "Programs can map as much memory as they have.");
		return;
	}
	finding_set(ret_finding, VERDICT_LIMITED,
		    "%" PRIu64 " KiB, at most %" PRIu64 " KiB (ulimit -l)",
		    (uint64_t)limit.rlim_cur >> 10, (uint64_t)limit.rlim_max >> 10);
	finding_follows(ret_finding,
			"Mappings are charged as the kernel charges them: what a program maps "
			"beyond this fails with ENOMEM. 'ulimit -l' raises it.");
}

void probe_files(struct finding *ret_finding)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	finding_set(ret_finding, limit.rlim_cur < 256 ? VERDICT_LIMITED : VERDICT_GOOD,
		    "%" PRIu64 ", at most %" PRIu64 " (ulimit -n)", (uint64_t)limit.rlim_cur,
		    (uint64_t)limit.rlim_max);
	finding_follows(ret_finding,
			"Each open /dev/iommu, fault queue and device is one, and the library "
			"keeps a few for itself.");
}

/* Mounted in a namespace that ends with the child. */
static int try_fuse(void *arg)
{
	char options[64];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return errno;
	if (unshare(CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return errno;
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ||
	    mount("uiommufd", "/tmp", "fuse", MS_NOSUID | MS_NODEV, options))
		return errno;
	return 0;
}

void probe_fuse(struct finding *ret_finding)
{
	int r = probe_in_child(try_fuse, NULL);

	if (!r)
		finding_set(ret_finding, VERDICT_GOOD, "a FUSE file system can be mounted");
	else
		finding_set(ret_finding, VERDICT_BAD, "no FUSE file system can be mounted (%s)",
			    strerror(abs(r)));
	finding_follows(ret_finding, "Nothing today: this version of uiommufd doesn't use it.");
}
