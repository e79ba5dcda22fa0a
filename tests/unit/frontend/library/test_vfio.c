/* SPDX-License-Identifier: MIT */
/* A VFIO device by the library alone: bound by a descriptor of the node, its registers read and written, its DMA looked at by a sanitizer. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>
#include <uiommufd/uiommufd.h>

#define PAGE   4096u
#define CONFIG ((off_t)VFIO_PCI_CONFIG_REGION_INDEX << 40)

struct fixture {
	struct uiommufd_machine *machine;
	struct uiommufd_file *iommu, *device;
	uint32_t ioas;
	int fd; /* of iommu */
};

static _Atomic int findings;
static char finding[2048];

static void found(void *data, const char *text)
{
	assert_ptr_equal(data, finding);
	strncpy(finding, text, sizeof(finding) - 1);
	findings++;
}

static int set_up(void **state)
{
	static struct fixture f;
	const struct uiommufd_machine_options options = {
		.size = sizeof(options),
		.description = "device ioat\n",
		.finding = found,
		.finding_data = finding,
	};
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};

	assert_int_equal(uiommufd_machine_new(&options, &f.machine), 0);
	assert_int_equal(uiommufd_open(f.machine, "iommu", 0, &f.iommu), 0);
	assert_int_equal(uiommufd_open(f.machine, "vfio/devices/vfio0", 0, &f.device), 0);
	assert_int_equal(uiommufd_ioctl(f.iommu, IOMMU_IOAS_ALLOC, &alloc), 0);
	f.ioas = alloc.out_ioas_id;
	f.fd = uiommufd_file_fd(f.iommu);
	assert_true(f.fd >= 0);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	uiommufd_close(f->device);
	uiommufd_close(f->iommu);
	if (f->fd >= 0)
		assert_int_equal(uiommufd_close_fd(f->fd), 0);
	uiommufd_machine_unref(f->machine);
	return 0;
}

static void bind(struct fixture *f)
{
	struct vfio_device_bind_iommufd cmd = {.argsz = sizeof(cmd), .iommufd = f->fd};

	assert_int_equal(uiommufd_ioctl(f->device, VFIO_DEVICE_BIND_IOMMUFD, &cmd), 0);
}

static void attach(struct fixture *f)
{
	struct vfio_device_attach_iommufd_pt cmd = {.argsz = sizeof(cmd), .pt_id = f->ioas};

	assert_int_equal(uiommufd_ioctl(f->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd), 0);
}

static void test_bind(void **state)
{
	struct vfio_device_bind_iommufd cmd = {.argsz = sizeof(cmd), .iommufd = 9999};
	struct fixture *f = *state;
	uint16_t vendor = 0;
	int other = eventfd(0, EFD_CLOEXEC);

	assert_int_equal(uiommufd_ioctl(f->device, VFIO_DEVICE_BIND_IOMMUFD, &cmd), -EBADF);
	cmd.iommufd = other;
	assert_int_equal(uiommufd_ioctl(f->device, VFIO_DEVICE_BIND_IOMMUFD, &cmd), -EBADFD);
	assert_int_equal(uiommufd_pread(f->device, &vendor, 2, CONFIG), -EINVAL);
	bind(f);
	attach(f);
	close(other);
	/* The bind keeps the node; its descriptor is needed no longer. */
	assert_int_equal(uiommufd_close_fd(f->fd), 0);
	f->fd = -1;
	assert_int_equal(uiommufd_pread(f->device, &vendor, 2, CONFIG), 2);
	assert_int_equal(vendor, 0x8086);
}

static void test_config(void **state)
{
	struct fixture *f = *state;
	uint16_t command = 0x0007, back = 0;

	bind(f);
	assert_int_equal(uiommufd_pwrite(f->device, &command, 2, CONFIG + 4), 2);
	assert_int_equal(uiommufd_pread(f->device, &back, 2, CONFIG + 4), 2);
	assert_int_equal(back & 0x0006, 0x0006);
	assert_int_equal(uiommufd_pread(f->device, &back, 2, -1), -EINVAL);
	assert_int_equal(uiommufd_pwrite(f->device, &back, 2, -2), -EINVAL);
	assert_int_equal(uiommufd_pread(f->device, &back, 2, CONFIG + 4096), -EFAULT);
	assert_int_equal(uiommufd_pread(f->device, (void *)8, 2, CONFIG), -EFAULT);
	assert_int_equal(uiommufd_pread(f->iommu, &back, 2, 0), -EINVAL);
}

/* Each descriptor keeps the node open. */
static void test_descriptors(void **state)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct fixture *f = *state;
	int other = uiommufd_file_fd(f->iommu);

	assert_true(other >= 0 && other != f->fd);
	assert_true(fcntl(other, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(close(f->fd), 0);
	f->fd = other;
	assert_int_equal(uiommufd_ioctl(f->iommu, IOMMU_IOAS_ALLOC, &alloc), 0);
	bind(f);
}

static void map(struct fixture *f, void *memory, uint64_t iova)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = f->ioas,
		.user_va = (uintptr_t)memory,
		.length = PAGE,
		.iova = iova,
	};

	assert_int_equal(uiommufd_ioctl(f->iommu, IOMMU_IOAS_MAP, &cmd), 0);
}

static void unmap(struct fixture *f, uint64_t iova)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = f->ioas, .iova = iova, .length = PAGE};

	assert_int_equal(uiommufd_ioctl(f->iommu, IOMMU_IOAS_UNMAP, &cmd), 0);
}

static void store(struct fixture *f, off_t reg, uint64_t value, size_t len)
{
	assert_int_equal(uiommufd_pwrite(f->device, &value, len, reg), len);
}

/* IOAT: the channel's state, when it has come to an end. */
static unsigned int wait_for_end(struct fixture *f)
{
	uint64_t status = 0;

	do {
		assert_int_equal(uiommufd_pread(f->device, &status, 8, 0x88), 8);
	} while (!(status & 7));
	return status & 7;
}

/* A chain whose first descriptor the device may no longer read. */
static void test_finding(void **state)
{
	struct fixture *f = *state;
	uint16_t command = 0x0006;
	void *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	bind(f);
	attach(f);
	assert_int_equal(uiommufd_pwrite(f->device, &command, 2, CONFIG + 4), 2);
	map(f, memory, 0x10000);
	unmap(f, 0x10000);
	findings = 0;
	store(f, 0x90, 0x10000, 8); /* CHAINADDR */
	store(f, 0x86, 1, 2);	    /* DMACOUNT */
	alarm(60);
	wait_for_end(f);
	while (!findings)
		usleep(1000);
	alarm(0);
	assert_non_null(strstr(finding, "DMA after unmap"));
	assert_non_null(strstr(finding, "IOVA 0x10000"));
	munmap(memory, PAGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bind),
		TEST(test_config),
		TEST(test_descriptors),
		TEST(test_finding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
