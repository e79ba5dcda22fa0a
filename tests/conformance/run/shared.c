/* SPDX-License-Identifier: MIT */
/*
 * What a child inherits beside /dev/iommu itself: the descriptors of a fault queue, a vEVENTQ and an access, and a region to map. Everything is made by
 * the parent, whose process the context is in, and used by the child. Prints TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>

#define IOVA	   0x2000000
#define CHILD_IOVA 0x3000000
#define VIRT_ID	   9

static int number, iommu, access_fd;
static uint32_t ioas, stdev, dev;
static struct iommu_fault_alloc faults = {.size = sizeof(faults)};
static struct iommu_veventq_alloc events = {.size = sizeof(events)};
static struct iommu_viommu_selftest region = {.in_data = 0x1234};
static char memory[4096] __attribute__((aligned(4096)));

static bool ok(bool good, const char *what)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++number, what);
	return good;
}

static bool call(unsigned long cmd, void *arg)
{
	int rc = ioctl(iommu, cmd, arg);

	if (rc)
		printf("# ioctl 0x%lx: %s\n", cmd, strerror(errno));
	return !rc;
}

static struct iommu_test_cmd test_cmd(unsigned int op, uint32_t id)
{
	return (struct iommu_test_cmd){.size = sizeof(struct iommu_test_cmd), .op = op, .id = id};
}

static uint32_t hwpt(uint32_t flags, uint32_t pt_id, struct iommu_hwpt_selftest *data)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = dev,
		.pt_id = pt_id,
		.data_type = data ? IOMMU_HWPT_DATA_SELFTEST : IOMMU_HWPT_DATA_NONE,
		.data_len = data ? sizeof(*data) : 0,
		.data_uptr = (uintptr_t)data,
		.fault_id = faults.out_fault_id,
	};

	return call(IOMMU_HWPT_ALLOC, &cmd) ? cmd.out_hwpt_id : 0;
}

static bool map(const void *at, uint64_t iova)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas,
		.user_va = (uintptr_t)at,
		.length = 4096,
		.iova = iova,
	};

	return call(IOMMU_IOAS_MAP, &cmd);
}

/* A device behind a vIOMMU, on a nested page table that delivers faults. */
static bool set_up(void)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iommu_test_cmd cmd = test_cmd(IOMMU_TEST_OP_MOCK_DOMAIN, 0);
	struct iommu_viommu_alloc viommu = {.size = sizeof(viommu),
					    .type = IOMMU_VIOMMU_TYPE_SELFTEST,
					    .data_len = sizeof(region),
					    .data_uptr = (uintptr_t)&region};
	struct iommu_vdevice_alloc vdevice = {.size = sizeof(vdevice), .virt_id = VIRT_ID};
	struct iommu_hwpt_selftest data = {.iotlb = 1};

	if (!call(IOMMU_IOAS_ALLOC, &alloc))
		return false;
	cmd.id = ioas = alloc.out_ioas_id;
	if (!call(IOMMU_TEST_CMD, &cmd))
		return false;
	stdev = cmd.mock_domain.out_stdev_id;
	viommu.dev_id = vdevice.dev_id = dev = cmd.mock_domain.out_idev_id;
	viommu.hwpt_id = hwpt(IOMMU_HWPT_ALLOC_NEST_PARENT, ioas, NULL);
	if (!call(IOMMU_VIOMMU_ALLOC, &viommu) || !call(IOMMU_FAULT_QUEUE_ALLOC, &faults))
		return false;
	vdevice.viommu_id = events.viommu_id = viommu.out_viommu_id;
	events.type = IOMMU_VEVENTQ_TYPE_SELFTEST;
	events.veventq_depth = 4;
	if (!call(IOMMU_VDEVICE_ALLOC, &vdevice) || !call(IOMMU_VEVENTQ_ALLOC, &events))
		return false;
	cmd = test_cmd(IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, stdev);
	cmd.mock_domain_replace.pt_id =
		hwpt(IOMMU_HWPT_FAULT_ID_VALID, viommu.out_viommu_id, &data);
	if (!call(IOMMU_TEST_CMD, &cmd))
		return false;
	cmd = test_cmd(IOMMU_TEST_OP_CREATE_ACCESS, ioas);
	if (!call(IOMMU_TEST_CMD, &cmd))
		return false;
	access_fd = (int)cmd.create_access.out_access_fd;
	return map(memory, IOVA);
}

static short ready(int fd)
{
	struct pollfd poll_fd = {fd, POLLIN | POLLOUT, 0};

	poll(&poll_fd, 1, 0);
	return poll_fd.revents;
}

static bool copy(uint64_t iova, void *buf, uint64_t len, bool write)
{
	struct iommu_test_cmd cmd = test_cmd(IOMMU_TEST_OP_ACCESS_RW, (uint32_t)access_fd);

	cmd.access_rw.iova = iova;
	cmd.access_rw.length = len;
	cmd.access_rw.uptr = (uintptr_t)buf;
	cmd.access_rw.flags = write ? MOCK_ACCESS_RW_WRITE : 0;
	return call(IOMMU_TEST_CMD, &cmd);
}

static void use_faults(void)
{
	struct iommu_test_cmd cmd = test_cmd(IOMMU_TEST_OP_TRIGGER_IOPF, 0);
	struct iommu_hwpt_pgfault message[2] = {{0}};
	struct iommu_hwpt_page_response response = {.code = IOMMUFD_PAGE_RESP_SUCCESS};
	int fd = (int)faults.out_fault_fd;

	cmd.trigger_iopf.dev_id = dev;
	cmd.trigger_iopf.addr = 0x5000;
	cmd.trigger_iopf.grpid = 3;
	ok(ready(fd) == POLLOUT, "a fault queue without faults is not readable");
	ok(call(IOMMU_TEST_CMD, &cmd) && ready(fd) == (POLLIN | POLLOUT), "with one it is");
	ok(read(fd, message, sizeof(message)) == sizeof(message[0]) && message[0].addr == 0x5000 &&
		   message[0].grpid == 3 && message[0].dev_id == dev,
	   "the fault is read");
	ok(ready(fd) == POLLOUT, "and nothing is left");
	response.cookie = message[0].cookie;
	ok(write(fd, &response, sizeof(response)) == sizeof(response), "it is answered");
	ok(write(fd, &response, sizeof(response)) == -1 && errno == EINVAL, "once");
	ok(pread(fd, message, sizeof(message), 0) == -1 && errno == ESPIPE, "it has no positions");
}

static void use_events(void)
{
	struct iommu_test_cmd cmd = test_cmd(IOMMU_TEST_OP_TRIGGER_VEVENT, 0);
	struct {
		struct iommufd_vevent_header header;
		struct iommu_viommu_event_selftest event;
	} got = {0};
	int fd = (int)events.out_veventq_fd;

	cmd.trigger_vevent.dev_id = dev;
	ok(ready(fd) == 0, "a vEVENTQ without events is not ready");
	ok(call(IOMMU_TEST_CMD, &cmd) && ready(fd) == POLLIN, "with one it is readable");
	ok(read(fd, &got, sizeof(got)) == sizeof(got) && got.event.virt_id == VIRT_ID,
	   "the event is read");
}

static void use_region(void)
{
	unsigned int *at = mmap(NULL, region.out_mmap_length, PROT_READ | PROT_WRITE, MAP_SHARED,
				iommu, (off_t)region.out_mmap_offset);

	if (ok(at != MAP_FAILED && at[0] == region.in_data, "the region is mapped"))
		at[1] = 77;
}

static int child(void)
{
	static char own[4096] __attribute__((aligned(4096)));
	struct iommu_fault_alloc more = {.size = sizeof(more)};
	struct iommu_destroy destroy = {.size = sizeof(destroy)};
	char got[16] = "";

	use_faults();
	use_events();
	use_region();
	ok(copy(IOVA, got, 7, false) && !strcmp(got, "parent"),
	   "an access reads the parent's memory");
	strcpy(own, "child");
	ok(map(own, CHILD_IOVA), "memory of the child is mapped");
	ok(call(IOMMU_FAULT_QUEUE_ALLOC, &more) &&
		   fcntl((int)more.out_fault_fd, F_GETFD) == FD_CLOEXEC,
	   "a fault queue of the child's has a descriptor");
	destroy.id = more.out_fault_id;
	ok(ioctl(iommu, IOMMU_DESTROY, &destroy) == -1 && errno == EBUSY,
	   "it is busy while that is open");
	close((int)more.out_fault_fd);
	ok(call(IOMMU_DESTROY, &destroy), "and not when it is closed");
	fflush(stdout);
	return number;
}

int main(void)
{
	unsigned int *at;
	char got[16] = "";
	int status;
	pid_t pid;

	printf("1..18\n");
	iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	strcpy(memory, "parent");
	if (iommu < 0 || !set_up()) {
		printf("Bail out! no context\n");
		return 1;
	}
	at = mmap(NULL, region.out_mmap_length, PROT_READ, MAP_SHARED, iommu,
		  (off_t)region.out_mmap_offset);
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(child());
	waitpid(pid, &status, 0);
	number = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	ok(copy(CHILD_IOVA, got, 6, false) && !strcmp(got, "child"),
	   "the memory of a child that has gone stays mapped");
	return !ok(at != MAP_FAILED && at[1] == 77, "parent and child see the same region");
}
