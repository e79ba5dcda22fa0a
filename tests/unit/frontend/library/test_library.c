/* SPDX-License-Identifier: MIT */
/* The public library as a program sees it: by its header alone. */
#include "unit.h"

#include "frontend/tables.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>
#include <uiommufd/vfio.h>
#include <uiommufd/uiommufd.h>

#define PAGE 4096u
#define IOVA 0x100000u

struct fixture {
	struct uiommufd_machine *machine;
	struct uiommufd_file *file;
	uint32_t ioas;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};

	assert_int_equal(uiommufd_machine_new(NULL, &f->machine), 0);
	assert_int_equal(uiommufd_open(f->machine, "iommu", 0, &f->file), 0);
	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_IOAS_ALLOC, &alloc), 0);
	f->ioas = alloc.out_ioas_id;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	uiommufd_close(f->file);
	uiommufd_machine_unref(f->machine);
	free(f);
	return 0;
}

static char *new_pages(size_t n)
{
	char *memory =
		mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

static long map(struct fixture *f, void *memory, size_t length, uint64_t iova)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = f->ioas,
		.user_va = (uintptr_t)memory,
		.length = length,
		.iova = iova,
	};

	return uiommufd_ioctl(f->file, IOMMU_IOAS_MAP, &cmd);
}

static long unmap(struct fixture *f, uint64_t iova, uint64_t length)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = f->ioas, .iova = iova, .length = length};

	return uiommufd_ioctl(f->file, IOMMU_IOAS_UNMAP, &cmd);
}

static long destroy(struct fixture *f, uint32_t id)
{
	struct iommu_destroy cmd = {.size = sizeof(cmd), .id = id};

	return uiommufd_ioctl(f->file, IOMMU_DESTROY, &cmd);
}

/* ---- machines and nodes ---- */

static void test_options(void **state)
{
	struct {
		struct uiommufd_machine_options known;
		uint64_t unknown;
	} longer = {.known.size = sizeof(longer)};
	struct uiommufd_machine_options options = {.size = sizeof(options)};
	struct uiommufd_machine *machine = NULL;

	assert_int_equal(uiommufd_machine_new(&options, &machine), 0);
	uiommufd_machine_unref(machine);
	assert_int_equal(uiommufd_machine_new(&longer.known, &machine), 0);
	uiommufd_machine_unref(machine);
	machine = NULL;
	longer.unknown = 1;
	assert_int_equal(uiommufd_machine_new(&longer.known, &machine), -E2BIG);
	options.flags = 1;
	assert_int_equal(uiommufd_machine_new(&options, &machine), -EINVAL);
	options = (struct uiommufd_machine_options){.size = sizeof(size_t)};
	assert_int_equal(uiommufd_machine_new(&options, &machine), -EINVAL);
	assert_null(machine);
}

static void test_nodes(void **state)
{
	struct fixture *f = *state;
	struct uiommufd_file *file = NULL;

	assert_int_equal(uiommufd_open(f->machine, "null", 0, &file), -ENOENT);
	assert_int_equal(uiommufd_open(f->machine, "iommu", 1, &file), -EINVAL);
	assert_null(file);
	assert_int_equal(uiommufd_open(f->machine, "vfio/vfio", 0, &file), 0);
	assert_int_equal(uiommufd_ioctl(file, VFIO_GET_API_VERSION, NULL), VFIO_API_VERSION);
	uiommufd_close(file);
	uiommufd_close(NULL);
	uiommufd_machine_unref(NULL);
}

static void test_ioctl_errors(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_IOAS_ALLOC, (void *)8), -EFAULT);
	assert_int_equal(uiommufd_ioctl(f->file, 0x5401, NULL), -ENOTTY);
	assert_int_equal(destroy(f, 4711), -ENOENT);
}

/* What was made from a machine and a node stays usable without them. */
static void test_order_of_ends(void **state)
{
	struct uiommufd_machine *machine;
	struct uiommufd_access *access;
	struct fixture g = {};
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	char *memory = new_pages(1), byte = 0;

	assert_int_equal(uiommufd_machine_new(NULL, &machine), 0);
	assert_int_equal(uiommufd_open(machine, "iommu", 0, &g.file), 0);
	uiommufd_machine_unref(machine);
	assert_int_equal(uiommufd_ioctl(g.file, IOMMU_IOAS_ALLOC, &alloc), 0);
	g.ioas = alloc.out_ioas_id;
	assert_int_equal(map(&g, memory, PAGE, IOVA), 0);
	assert_int_equal(uiommufd_access_new(g.file, NULL, &access), 0);
	assert_int_equal(uiommufd_access_attach(access, g.ioas), 0);
	uiommufd_close(g.file);
	memory[7] = 7;
	assert_int_equal(uiommufd_access_read(access, IOVA + 7, &byte, 1), 0);
	assert_int_equal(byte, 7);
	uiommufd_access_free(access);
	munmap(memory, PAGE);
}

/* ---- accesses ---- */

static void test_access_rw(void **state)
{
	struct fixture *f = *state;
	char *memory = new_pages(2), buf[16];
	struct uiommufd_access *access;

	assert_int_equal(uiommufd_access_new(f->file, NULL, &access), 0);
	assert_int_equal(uiommufd_access_read(access, IOVA, buf, 1), -ENOENT);
	assert_int_equal(uiommufd_access_detach(access), -ENOENT);
	assert_int_equal(uiommufd_access_attach(access, 4711), -ENOENT);
	assert_int_equal(uiommufd_access_attach(access, f->ioas), 0);
	assert_int_equal(destroy(f, f->ioas), -EBUSY);
	assert_int_equal(map(f, memory, 2 * PAGE, IOVA), 0);
	strcpy(memory + PAGE - 4, "across");
	assert_int_equal(uiommufd_access_read(access, IOVA + PAGE - 4, buf, 7), 0);
	assert_string_equal(buf, "across");
	assert_int_equal(uiommufd_access_write(access, IOVA + 3, "DMA", 4), 0);
	assert_string_equal(memory + 3, "DMA");
	assert_int_equal(uiommufd_access_read(access, IOVA, buf, 0), -EINVAL);
	assert_int_equal(uiommufd_access_read(access, UINT64_MAX, buf, 2), -EOVERFLOW);
	assert_int_equal(uiommufd_access_read(access, IOVA + 2 * PAGE - 1, buf, 2), -ENOENT);
	munmap(memory, 2 * PAGE);
	assert_int_equal(uiommufd_access_read(access, IOVA, buf, 1), -EFAULT);
	assert_int_equal(uiommufd_access_detach(access), 0);
	assert_int_equal(destroy(f, f->ioas), 0);
	uiommufd_access_free(access);
}

static void test_access_permission(void **state)
{
	struct fixture *f = *state;
	char *memory = new_pages(1), byte = 0;
	struct uiommufd_access *access;
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
		.ioas_id = f->ioas,
		.user_va = (uintptr_t)memory,
		.length = PAGE,
		.iova = IOVA,
	};

	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_IOAS_MAP, &cmd), 0);
	assert_int_equal(uiommufd_access_new(f->file, NULL, &access), 0);
	assert_int_equal(uiommufd_access_attach(access, f->ioas), 0);
	assert_int_equal(uiommufd_access_read(access, IOVA, &byte, 1), 0);
	assert_int_equal(uiommufd_access_write(access, IOVA, &byte, 1), -EPERM);
	uiommufd_access_free(access);
	munmap(memory, PAGE);
}

static struct {
	struct uiommufd_access *access;
	uint64_t first, last;
	unsigned int calls;
} unmapped;

static void on_unmap(void *data, uint64_t first, uint64_t last)
{
	assert_ptr_equal(data, &unmapped);
	unmapped.calls++;
	unmapped.first = first;
	unmapped.last = last;
	assert_int_equal(uiommufd_access_unpin(unmapped.access, IOVA, 2 * PAGE), 0);
}

static void test_access_pin(void **state)
{
	struct fixture *f = *state;
	struct uiommufd_access_options options = {
		.size = sizeof(options),
		.flags = UIOMMUFD_ACCESS_PINS,
		.unmap = on_unmap,
		.data = &unmapped,
	};
	char *memory = new_pages(2);
	struct uiommufd_access *access;
	void *pages[2] = {};

	unmapped.calls = 0;
	assert_int_equal(uiommufd_access_new(f->file, &options, &access), 0);
	unmapped.access = access;
	assert_int_equal(uiommufd_access_attach(access, f->ioas), 0);
	assert_int_equal(map(f, memory, 2 * PAGE, IOVA), 0);
	assert_int_equal(uiommufd_access_pin(access, IOVA, 0, 0, pages), -EINVAL);
	assert_int_equal(uiommufd_access_pin(access, IOVA, PAGE, 1, pages), -EINVAL);
	assert_int_equal(uiommufd_access_pin(access, UINT64_MAX, 2, 0, pages), -EOVERFLOW);
	assert_int_equal(uiommufd_access_pin(access, IOVA, 3 * PAGE, 0, NULL), -ENOENT);
	assert_int_equal(uiommufd_access_pin(access, IOVA, 2 * PAGE, UIOMMUFD_ACCESS_WRITE, pages),
			 0);
	assert_ptr_equal(pages[0], memory);
	assert_ptr_equal(pages[1], memory + PAGE);
	assert_int_equal(unmap(f, IOVA, 2 * PAGE), 0);
	assert_int_equal(unmapped.calls, 1);
	assert_int_equal(unmapped.first, IOVA);
	assert_int_equal(unmapped.last, IOVA + 2 * PAGE - 1);
	assert_int_equal(uiommufd_access_detach(access), 0);
	assert_int_equal(unmapped.calls, 2);
	assert_int_equal(unmapped.last, UINT64_MAX);
	uiommufd_access_free(access);
	munmap(memory, 2 * PAGE);
}

static void test_access_without_unmap(void **state)
{
	struct fixture *f = *state;
	char *memory = new_pages(1);
	struct uiommufd_access *access;

	assert_int_equal(uiommufd_access_new(f->file, NULL, &access), 0);
	assert_int_equal(uiommufd_access_attach(access, f->ioas), 0);
	assert_int_equal(map(f, memory, PAGE, IOVA), 0);
	assert_int_equal(uiommufd_access_pin(access, IOVA, PAGE, 0, NULL), 0);
	assert_int_equal(unmap(f, IOVA, PAGE), -EBUSY);
	assert_int_equal(uiommufd_access_unpin(access, IOVA, PAGE), 0);
	assert_int_equal(unmap(f, IOVA, PAGE), 0);
	uiommufd_access_free(access);
	munmap(memory, PAGE);
}

/* Devices go on seeing pinned memory that the program takes away, if it says so before. */
static void test_memory_going(void **state)
{
	struct fixture *f = *state;
	char *memory = new_pages(1), buf[8];
	struct uiommufd_access *access;

	assert_int_equal(uiommufd_access_new(f->file, NULL, &access), 0);
	assert_int_equal(uiommufd_access_attach(access, f->ioas), 0);
	assert_int_equal(map(f, memory, PAGE, IOVA), 0);
	assert_int_equal(uiommufd_access_pin(access, IOVA, PAGE, 0, NULL), 0);
	strcpy(memory, "pinned");
	assert_int_equal(uiommufd_memory_going(f->machine, memory, PAGE), 0);
	munmap(memory, PAGE);
	assert_int_equal(uiommufd_access_read(access, IOVA, buf, 7), 0);
	assert_string_equal(buf, "pinned");
	assert_int_equal(uiommufd_access_unpin(access, IOVA, PAGE), 0);
	uiommufd_access_free(access);
}

static void test_memory_moved(void **state)
{
	struct fixture *f = *state;
	char *memory = new_pages(2), *moved, buf[8];
	struct uiommufd_access *access;

	assert_int_equal(uiommufd_access_new(f->file, NULL, &access), 0);
	assert_int_equal(uiommufd_access_attach(access, f->ioas), 0);
	assert_int_equal(map(f, memory, PAGE, IOVA), 0);
	assert_int_equal(uiommufd_access_pin(access, IOVA, PAGE, 0, NULL), 0);
	strcpy(memory, "there");
	moved = mremap(memory, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, new_pages(1));
	assert_ptr_not_equal(moved, MAP_FAILED);
	assert_int_equal(uiommufd_memory_moved(f->machine, memory, moved, PAGE), 0);
	assert_int_equal(uiommufd_access_read(access, IOVA, buf, 6), 0);
	assert_string_equal(buf, "there");
	assert_int_equal(uiommufd_access_unpin(access, IOVA, PAGE), 0);
	uiommufd_access_free(access);
	munmap(moved, PAGE);
	munmap(memory + PAGE, PAGE);
}

/* ---- descriptors ---- */

struct faults {
	uint32_t stdev, idev, queue, hwpt;
	int fd;
};

/* A device whose page requests go to a fault queue. */
static struct faults new_faults(struct fixture *f)
{
	struct iommu_test_cmd domain = {
		.size = sizeof(domain), .op = IOMMU_TEST_OP_MOCK_DOMAIN, .id = f->ioas};
	struct iommu_fault_alloc queue = {.size = sizeof(queue)};
	struct iommu_hwpt_alloc hwpt = {
		.size = sizeof(hwpt), .flags = IOMMU_HWPT_FAULT_ID_VALID, .pt_id = f->ioas};
	struct iommu_test_cmd replace = {.size = sizeof(replace),
					 .op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE};

	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_TEST_CMD, &domain), 0);
	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_FAULT_QUEUE_ALLOC, &queue), 0);
	hwpt.dev_id = domain.mock_domain.out_idev_id;
	hwpt.fault_id = queue.out_fault_id;
	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_HWPT_ALLOC, &hwpt), 0);
	replace.id = domain.mock_domain.out_stdev_id;
	replace.mock_domain_replace.pt_id = hwpt.out_hwpt_id;
	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_TEST_CMD, &replace), 0);
	return (struct faults){
		.stdev = domain.mock_domain.out_stdev_id,
		.idev = domain.mock_domain.out_idev_id,
		.queue = queue.out_fault_id,
		.hwpt = hwpt.out_hwpt_id,
		.fd = (int)queue.out_fault_fd,
	};
}

static void trigger(struct fixture *f, const struct faults *faults, uint32_t group)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_TRIGGER_IOPF,
		.trigger_iopf = {.dev_id = faults->idev, .grpid = group, .addr = IOVA},
	};

	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_TEST_CMD, &cmd), 0);
}

static int ready(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

	assert_in_range(poll(&p, 1, 0), 0, 1);
	return p.revents;
}

static void test_fault_queue(void **state)
{
	struct fixture *f = *state;
	struct faults faults = new_faults(f);
	struct iommu_hwpt_pgfault messages[3] = {};
	struct iommu_hwpt_page_response response = {.code = IOMMUFD_PAGE_RESP_SUCCESS};

	assert_int_equal(ready(faults.fd), POLLOUT);
	assert_int_equal(uiommufd_read(faults.fd, messages, sizeof(messages)), 0);
	trigger(f, &faults, 1);
	trigger(f, &faults, 2);
	assert_int_equal(ready(faults.fd), POLLIN | POLLOUT);
	assert_int_equal(uiommufd_read(faults.fd, messages, 1), -ESPIPE);
	assert_int_equal(uiommufd_read(faults.fd, messages, 0), -EINVAL);
	assert_int_equal(uiommufd_read(faults.fd, messages, sizeof(messages)),
			 2 * sizeof(messages[0]));
	assert_int_equal(messages[0].grpid, 1);
	assert_int_equal(messages[1].grpid, 2);
	assert_int_equal(messages[0].cookie, 1);
	assert_int_equal(messages[1].cookie, 2);
	assert_int_equal(ready(faults.fd), POLLOUT);
	response.cookie = 2;
	assert_int_equal(uiommufd_write(faults.fd, &response, sizeof(response)), sizeof(response));
	assert_int_equal(uiommufd_write(faults.fd, &response, sizeof(response)), -EINVAL);
	assert_int_equal(uiommufd_write(faults.fd, &response, 1), -ESPIPE);
	assert_int_equal(destroy(f, faults.queue), -EBUSY);
	assert_int_equal(uiommufd_close_fd(faults.fd), 0);
	assert_int_equal(fcntl(faults.fd, F_GETFD), -1);
	assert_int_equal(destroy(f, faults.queue), -EBUSY); /* the page table's use */
}

static void detach(struct fixture *f, const struct faults *faults)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
		.id = faults->stdev,
		.mock_domain_replace = {.pt_id = f->ioas},
	};

	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_TEST_CMD, &cmd), 0);
}

/* By the system's read(): a group at a time. Waits until it is there. */
static struct iommu_hwpt_pgfault native_read(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct iommu_hwpt_pgfault messages[2] = {};

	assert_int_equal(poll(&p, 1, -1), 1);
	assert_int_equal(read(fd, messages, sizeof(messages)), sizeof(messages[0]));
	return messages[0];
}

static void test_native_read(void **state)
{
	struct fixture *f = *state;
	struct faults faults = new_faults(f);
	struct iommu_hwpt_page_response response = {.code = IOMMUFD_PAGE_RESP_SUCCESS};
	struct iommu_hwpt_pgfault message;

	for (uint32_t i = 1; i <= 4; i++)
		trigger(f, &faults, i);
	for (uint32_t i = 1; i <= 2; i++) {
		message = native_read(faults.fd);
		assert_int_equal(message.grpid, i);
		assert_int_equal(message.cookie, i);
		assert_int_equal(message.addr, IOVA);
		assert_int_equal(message.flags, IOMMU_PGFAULT_FLAGS_LAST_PAGE);
	}
	/* What was read is read, however it was; what follows is still there. */
	assert_int_equal(uiommufd_read(faults.fd, &message, sizeof(message)), sizeof(message));
	assert_int_equal(message.grpid, 3);
	assert_int_equal(message.cookie, 3);
	assert_int_equal(ready(faults.fd), POLLIN | POLLOUT);
	response.cookie = 4;
	assert_int_equal(uiommufd_write(faults.fd, &response, sizeof(response)), -EINVAL);
	assert_int_equal(native_read(faults.fd).cookie, 4);
	for (response.cookie = 4; response.cookie; response.cookie--)
		assert_int_equal(uiommufd_write(faults.fd, &response, sizeof(response)),
				 sizeof(response));
	assert_int_equal(ready(faults.fd), POLLOUT);
	assert_int_equal(uiommufd_close_fd(faults.fd), 0);
}

/* A cookie that was answered is the next one's. */
static void test_native_write(void **state)
{
	struct fixture *f = *state;
	struct faults faults = new_faults(f);
	struct iommu_hwpt_page_response response = {.code = IOMMUFD_PAGE_RESP_SUCCESS};
	struct iommu_hwpt_pgfault message = {};

	trigger(f, &faults, 1);
	response.cookie = native_read(faults.fd).cookie;
	assert_int_equal(response.cookie, 1);
	assert_int_equal(write(faults.fd, &response, sizeof(response)), sizeof(response));
	do {
		trigger(f, &faults, 2);
		assert_int_equal(uiommufd_read(faults.fd, &message, sizeof(message)),
				 sizeof(message));
		response.cookie = message.cookie;
		assert_int_equal(uiommufd_write(faults.fd, &response, sizeof(response)),
				 sizeof(response));
	} while (message.cookie != 1);
	assert_int_equal(uiommufd_close_fd(faults.fd), 0);
}

/* A group whose attachment ends is answered for the program: unread it disappears, read its answer is refused. */
static void test_withdrawn(void **state)
{
	struct fixture *f = *state;
	struct faults faults = new_faults(f);
	struct iommu_hwpt_page_response response = {.code = IOMMUFD_PAGE_RESP_SUCCESS};
	struct iommu_hwpt_pgfault message;

	trigger(f, &faults, 1);
	trigger(f, &faults, 2);
	response.cookie = native_read(faults.fd).cookie;
	detach(f, &faults);
	assert_int_equal(ready(faults.fd), POLLOUT);
	assert_int_equal(uiommufd_read(faults.fd, &message, sizeof(message)), 0);
	assert_int_equal(uiommufd_write(faults.fd, &response, sizeof(response)), -EINVAL);
	assert_int_equal(uiommufd_close_fd(faults.fd), 0);
}

/* Closed with a group in its queue: that is answered with the attachment's end. */
static void test_closed_unread(void **state)
{
	struct fixture *f = *state;
	struct faults faults = new_faults(f);

	trigger(f, &faults, 1);
	assert_int_equal(uiommufd_close_fd(faults.fd), 0);
	trigger(f, &faults, 2);
	detach(f, &faults);
	assert_int_equal(destroy(f, faults.hwpt), 0);
	assert_int_equal(destroy(f, faults.queue), 0);
}

struct events {
	uint32_t idev, viommu;
	struct iommu_viommu_selftest data;
	int fd;
};

static uint32_t new_hwpt(struct fixture *f, uint32_t dev, uint32_t parent, uint32_t flags,
			 uint32_t type)
{
	struct iommu_hwpt_selftest data = {};
	struct iommu_hwpt_alloc hwpt = {
		.size = sizeof(hwpt),
		.flags = flags,
		.dev_id = dev,
		.pt_id = parent,
		.data_type = type,
		.data_len = type ? sizeof(data) : 0,
		.data_uptr = type ? (uintptr_t)&data : 0,
	};

	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_HWPT_ALLOC, &hwpt), 0);
	return hwpt.out_hwpt_id;
}

/* A device behind a vIOMMU, whose events go to a queue of this depth. */
static struct events new_events(struct fixture *f, uint32_t depth)
{
	struct events events = {.data.in_data = 0x1234};
	struct iommu_test_cmd domain = {
		.size = sizeof(domain), .op = IOMMU_TEST_OP_MOCK_DOMAIN, .id = f->ioas};
	struct iommu_viommu_alloc viommu = {
		.size = sizeof(viommu),
		.type = IOMMU_VIOMMU_TYPE_SELFTEST,
		.data_len = sizeof(events.data),
		.data_uptr = (uintptr_t)&events.data,
	};
	struct iommu_vdevice_alloc vdevice = {.size = sizeof(vdevice), .virt_id = 99};
	struct iommu_veventq_alloc queue = {
		.size = sizeof(queue),
		.type = IOMMU_VEVENTQ_TYPE_SELFTEST,
		.veventq_depth = depth,
	};
	struct iommu_test_cmd attach = {.size = sizeof(attach),
					.op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE};

	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_TEST_CMD, &domain), 0);
	events.idev = viommu.dev_id = vdevice.dev_id = domain.mock_domain.out_idev_id;
	viommu.hwpt_id = new_hwpt(f, events.idev, f->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT, 0);
	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_VIOMMU_ALLOC, &viommu), 0);
	events.viommu = vdevice.viommu_id = queue.viommu_id = viommu.out_viommu_id;
	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_VDEVICE_ALLOC, &vdevice), 0);
	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_VEVENTQ_ALLOC, &queue), 0);
	attach.id = domain.mock_domain.out_stdev_id;
	attach.mock_domain_replace.pt_id =
		new_hwpt(f, events.idev, events.viommu, 0, IOMMU_HWPT_DATA_SELFTEST);
	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_TEST_CMD, &attach), 0);
	events.fd = (int)queue.out_veventq_fd;
	return events;
}

static void trigger_event(struct fixture *f, const struct events *events)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_TRIGGER_VEVENT,
		.trigger_vevent = {.dev_id = events->idev},
	};

	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_TEST_CMD, &cmd), 0);
}

struct event {
	struct iommufd_vevent_header header;
	struct iommu_viommu_event_selftest data;
};

static void test_event_queue(void **state)
{
	struct fixture *f = *state;
	struct events events = new_events(f, 2);
	struct event event[3] = {};

	assert_int_equal(ready(events.fd), 0);
	trigger_event(f, &events);
	assert_int_equal(ready(events.fd), POLLIN);
	assert_int_equal(read(events.fd, event, sizeof(event)), sizeof(event[0]));
	assert_int_equal(event[0].header.sequence, 0);
	assert_int_equal(event[0].data.virt_id, 99);
	/* The one that was read has made room, whether that is known yet or not. */
	trigger_event(f, &events);
	trigger_event(f, &events);
	assert_int_equal(uiommufd_read(events.fd, event, sizeof(event[0])), sizeof(event[0]));
	assert_int_equal(event[0].header.sequence, 1);
	trigger_event(f, &events);
	/* There is no room for this one. */
	trigger_event(f, &events);
	assert_int_equal(uiommufd_read(events.fd, event, sizeof(event)),
			 2 * sizeof(event[0]) + sizeof(event[0].header));
	assert_int_equal(event[1].header.sequence, 3);
	assert_int_equal(event[2].header.flags, IOMMU_VEVENTQ_FLAG_LOST_EVENTS);
	assert_int_equal(event[2].header.sequence, 4);
	assert_int_equal(ready(events.fd), 0);
	assert_int_equal(uiommufd_write(events.fd, event, 8), -EINVAL);
	assert_int_equal(uiommufd_close_fd(events.fd), 0);
}

/* The news of lost events changes while it is in the descriptor's queue. */
static void test_event_lost(void **state)
{
	struct fixture *f = *state;
	struct events events = new_events(f, 1);
	struct event event = {};

	for (int i = 0; i < 2; i++)
		trigger_event(f, &events);
	assert_int_equal(uiommufd_read(events.fd, &event, sizeof(event)), sizeof(event));
	assert_int_equal(ready(events.fd), POLLIN);
	assert_int_equal(read(events.fd, &event, sizeof(event)), sizeof(event.header));
	assert_int_equal(event.header.flags, IOMMU_VEVENTQ_FLAG_LOST_EVENTS);
	assert_int_equal(event.header.sequence, 1);
	for (int i = 0; i < 2; i++)
		trigger_event(f, &events);
	assert_int_equal(uiommufd_read(events.fd, &event, sizeof(event)), sizeof(event));
	assert_int_equal(ready(events.fd), POLLIN);
	trigger_event(f, &events); /* takes the place of the news */
	assert_int_equal(read(events.fd, &event, sizeof(event)), sizeof(event));
	assert_int_equal(event.header.flags, 0);
	assert_int_equal(event.header.sequence, 4);
	assert_int_equal(uiommufd_close_fd(events.fd), 0);
}

static void test_mmap(void **state)
{
	struct fixture *f = *state;
	struct events events = new_events(f, 1);
	size_t length = events.data.out_mmap_length;
	off_t offset = (off_t)events.data.out_mmap_offset;
	void *address = NULL;

	assert_int_equal(uiommufd_mmap(f->file, length, PROT_READ, MAP_PRIVATE, offset, &address),
			 -EINVAL);
	assert_int_equal(
		uiommufd_mmap(f->file, length, PROT_READ, MAP_SHARED, offset + PAGE, &address),
		-ENXIO);
	assert_null(address);
	assert_int_equal(uiommufd_mmap(f->file, length, PROT_READ, MAP_SHARED, offset, &address),
			 0);
	assert_int_equal(*(uint32_t *)address, events.data.in_data);
	munmap(address, length);
	assert_int_equal(uiommufd_close_fd(events.fd), 0);
}

static void test_close_is_awaited(void **state)
{
	struct fixture *f = *state;
	struct iommu_fault_alloc queue = {.size = sizeof(queue)};
	int copy;

	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_FAULT_QUEUE_ALLOC, &queue), 0);
	copy = dup((int)queue.out_fault_fd);
	assert_int_equal(uiommufd_close_fd((int)queue.out_fault_fd), 0);
	assert_int_equal(destroy(f, queue.out_fault_id), -EBUSY);
	assert_int_equal(uiommufd_close_fd(copy), 0);
	assert_int_equal(destroy(f, queue.out_fault_id), 0);
}

static void test_foreign_descriptors(void **state)
{
	char byte;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(uiommufd_read(fds[0], &byte, 1), -ENOTTY);
	assert_int_equal(uiommufd_write(fds[1], "x", 1), -ENOTTY);
	assert_int_equal(uiommufd_close_fd(fds[0]), -ENOTTY);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(uiommufd_close_fd(fds[0]), -EBADF);
	assert_int_equal(uiommufd_read(fds[0], &byte, 1), -EBADF);
}

/* ---- the process ---- */

static int hits;
static sigjmp_buf back;

static void on_fault(int sig, siginfo_t *info, void *ucontext)
{
	if (uiommufd_handle_fault(sig, info, ucontext))
		return;
	hits++;
	siglongjmp(back, 1);
}

/* A handler that was installed afterwards: the library's faults are mended, the program's are its own. */
static void test_handler_afterwards(void **state)
{
	struct fixture *f = *state;
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, old;
	char *hole = new_pages(1);

	munmap(hole, PAGE);
	hits = 0;
	assert_int_equal(sigaction(SIGSEGV, &action, &old), 0);
	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_IOAS_ALLOC, hole), -EFAULT);
	assert_int_equal(hits, 0);
	if (!sigsetjmp(back, 1))
		*(volatile char *)hole = 1;
	assert_int_equal(hits, 1);
	sigaction(SIGSEGV, &old, NULL);
}

static void in_child(void *arg)
{
	struct fixture *f = arg;
	struct uiommufd_machine *machine;
	struct uiommufd_file *file;
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};

	assert_int_equal(uiommufd_ioctl(f->file, IOMMU_IOAS_ALLOC, &alloc), -ECHILD);
	assert_int_equal(uiommufd_open(f->machine, "iommu", 0, &file), -ECHILD);
	assert_int_equal(uiommufd_memory_going(f->machine, f, 1), -ECHILD);
	assert_int_equal(uiommufd_creds_changed(), -ESRCH);
	uiommufd_close(f->file);
	uiommufd_machine_unref(f->machine);
	assert_int_equal(uiommufd_machine_new(NULL, &machine), 0);
	assert_int_equal(uiommufd_open(machine, "iommu", 0, &file), 0);
	assert_int_equal(uiommufd_ioctl(file, IOMMU_IOAS_ALLOC, &alloc), 0);
	uiommufd_close(file);
	uiommufd_machine_unref(machine);
}

static void test_fork(void **state)
{
	struct fixture *f = *state;
	struct faults faults = new_faults(f);

	assert_true(unit_exited(unit_in_child(in_child, f), 0));
	assert_int_equal(uiommufd_creds_changed(), 0);
	assert_int_equal(uiommufd_close_fd(faults.fd), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options), TEST(test_nodes),
		TEST(test_ioctl_errors),	cmocka_unit_test(test_order_of_ends),
		TEST(test_access_rw),		TEST(test_access_permission),
		TEST(test_access_pin),		TEST(test_access_without_unmap),
		TEST(test_memory_going),	TEST(test_memory_moved),
		TEST(test_fault_queue),		TEST(test_native_read),
		TEST(test_native_write),	TEST(test_withdrawn),
		TEST(test_closed_unread),	TEST(test_event_queue),
		TEST(test_event_lost),		TEST(test_mmap),
		TEST(test_close_is_awaited),	cmocka_unit_test(test_foreign_descriptors),
		TEST(test_handler_afterwards),	TEST(test_fork),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
