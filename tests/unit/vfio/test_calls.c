/* SPDX-License-Identifier: MIT */
/* The calls on a device: sizes, flags and bad pointers, what they do, and what is left behind where a resource can't be had. */
#include "rig.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/inject.h"

static int set_up(void **state)
{
	static struct rig rig;

	rig_init(&rig, 2);
	rig_start(&rig);
	*state = &rig;
	return 0;
}

static int tear_down(void **state)
{
	rig_done(*state);
	return 0;
}

/* ---- the front door ---- */

static const struct {
	unsigned int cmd;
	uint32_t min;
} sizes[] = {
	{VFIO_DEVICE_ATTACH_IOMMUFD_PT, 12},
	{VFIO_DEVICE_DETACH_IOMMUFD_PT, 8},
	{VFIO_DEVICE_GET_INFO, 16},
	{VFIO_DEVICE_GET_REGION_INFO, 32},
	{VFIO_DEVICE_GET_IRQ_INFO, 16},
	{VFIO_DEVICE_SET_IRQS, 20},
	{VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, 12},
	{VFIO_DEVICE_PCI_HOT_RESET, 12},
	{VFIO_DEVICE_IOEVENTFD, 28},
	{VFIO_DEVICE_FEATURE, 8},
};

static void sizes_and_pointers(void **state)
{
	struct rig *rig = *state;
	char *guard = rig->memory + RIG_PAGES * (size_t)4096;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t cmd[16] = {0};

		for (cmd[0] = 0; cmd[0] < sizes[i].min; cmd[0]++)
			assert_int_equal(rig_call(rig, rig->cdev, sizes[i].cmd, cmd), -EINVAL);
		assert_int_equal(rig_call(rig, rig->cdev, sizes[i].cmd, guard), -EFAULT);
		assert_int_equal(rig_call(rig, rig->cdev, sizes[i].cmd, guard - sizes[i].min + 4),
				 -EFAULT);
	}
}

static void nothing_before_bind(void **state)
{
	struct rig *rig = *state;
	struct file *cdev = rig_open(rig, "vfio/devices/vfio4");
	struct file_mapping mapping = {.length = 4096, .flags = 1};
	uint32_t cmd[16] = {64};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_int_equal(rig_call(rig, cdev, sizes[i].cmd, cmd), -EINVAL);
	assert_int_equal(rig_call(rig, cdev, 0x1234, cmd), -EINVAL);
	assert_int_equal(file_read(cdev, &rig->bench.client, (uintptr_t)cmd, 4, 0), -EINVAL);
	assert_int_equal(file_write(cdev, &rig->bench.client, (uintptr_t)cmd, 4, 0), -EINVAL);
	assert_int_equal(file_mmap(cdev, &rig->bench.client, &mapping), -EINVAL);
	file_put(cdev);
	assert_int_equal(rig_call(rig, rig->cdev, 0x1234, cmd), -ENOTTY);
}

static void bind_errors(void **state)
{
	struct rig *rig = *state;
	struct bench *bench = &rig->bench;
	struct file *cdev = rig_open(rig, "vfio/devices/vfio4"), *again;
	int fd = bench->client.ops->fd_install(&bench->client, file_get(bench->file));
	int other = bench->client.ops->fd_install(&bench->client, file_get(cdev));
	struct {
		struct vfio_device_bind_iommufd bind;
		uint64_t tail;
	} cmd = {.bind = {.argsz = 15, .iommufd = fd}};

	assert_int_equal(rig_call(rig, cdev, VFIO_DEVICE_BIND_IOMMUFD, &cmd), -EINVAL);
	cmd.bind.argsz = sizeof(cmd);
	cmd.tail = 1;
	assert_int_equal(rig_call(rig, cdev, VFIO_DEVICE_BIND_IOMMUFD, &cmd), -E2BIG);
	cmd.tail = 0;
	cmd.bind.flags = 2;
	assert_int_equal(rig_call(rig, cdev, VFIO_DEVICE_BIND_IOMMUFD, &cmd), -EINVAL);
	cmd.bind.flags = VFIO_DEVICE_BIND_FLAG_TOKEN;
	assert_int_equal(rig_call(rig, cdev, VFIO_DEVICE_BIND_IOMMUFD, &cmd), -EFAULT);
	cmd.bind.token_uuid_ptr = (uintptr_t)rig->memory;
	assert_int_equal(rig_call(rig, cdev, VFIO_DEVICE_BIND_IOMMUFD, &cmd), -EINVAL);
	cmd.bind.flags = 0;
	cmd.bind.iommufd = -2;
	assert_int_equal(rig_call(rig, cdev, VFIO_DEVICE_BIND_IOMMUFD, &cmd), -EINVAL);
	cmd.bind.iommufd = BENCH_FD0 + BENCH_FDS - 1;
	assert_int_equal(rig_call(rig, cdev, VFIO_DEVICE_BIND_IOMMUFD, &cmd), -EBADF);
	cmd.bind.iommufd = other;
	assert_int_equal(rig_call(rig, cdev, VFIO_DEVICE_BIND_IOMMUFD, &cmd), -EBADFD);
	cmd.bind.iommufd = fd;
	cmd.bind.argsz = 16;
	assert_int_equal(rig_call(rig, cdev, VFIO_DEVICE_BIND_IOMMUFD, &cmd), 0);
	assert_int_equal(rig_call(rig, cdev, VFIO_DEVICE_BIND_IOMMUFD, &cmd), -EINVAL);
	again = rig_open(rig, "vfio/devices/vfio4");
	assert_int_equal(rig_call(rig, again, VFIO_DEVICE_BIND_IOMMUFD, &cmd), -EINVAL);
	file_put(again);
	bench_close(bench, fd);
	bench_close(bench, other);
	file_put(cdev);
}

/* ---- what they do ---- */

static void pasids(void **state)
{
	struct rig *rig = *state;
	struct vfio_device_attach_iommufd_pt cmd = {
		.argsz = 12, .flags = VFIO_DEVICE_ATTACH_PASID, .pt_id = rig->ioas, .pasid = 1};

	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd), -EINVAL);
	cmd.argsz = sizeof(cmd);
	cmd.pasid = 0x80000000;
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd), -ENOSPC);
	cmd.pasid = 1; /* the device has none */
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd), -EINVAL);
	cmd.flags = 2;
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd), -EINVAL);
}

static void regions(void **state)
{
	struct rig *rig = *state;
	struct {
		struct vfio_region_info info;
		char caps[256];
	} cmd = {.info = {.argsz = sizeof(cmd.info)}};
	struct vfio_region_info_cap_sparse_mmap *sparse = (void *)cmd.caps;

	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_GET_REGION_INFO, &cmd), 0);
	assert_int_equal(cmd.info.size, TOY_PAGES * 4096);
	assert_int_equal(cmd.info.flags, 15);
	assert_int_equal(cmd.info.cap_offset, 0);
	assert_true(cmd.info.argsz > sizeof(cmd.info));
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_GET_REGION_INFO, &cmd), 0);
	assert_int_equal(cmd.info.cap_offset, sizeof(cmd.info));
	assert_int_equal(sparse->header.id, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	assert_int_equal(sparse->header.next, 0);
	assert_int_equal(sparse->nr_areas, 2);
	assert_int_equal(sparse->areas[0].size, TOY_NO_MMAP);
	assert_int_equal(sparse->areas[1].offset, TOY_MEMORY);
	for (cmd.info.index = 1; cmd.info.index < 8; cmd.info.index++) {
		cmd.info.argsz = sizeof(cmd.info);
		assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_GET_REGION_INFO, &cmd), 0);
		assert_int_equal(cmd.info.offset, (uint64_t)cmd.info.index << 40);
	}
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_GET_REGION_INFO, &cmd), -EINVAL);
	/* Loads with effects, and memory without. */
	assert_int_equal(rig_load(rig, rig->cdev, TOY_HOOKED, 4), 1);
	assert_int_equal(rig_load(rig, rig->cdev, TOY_HOOKED, 4), 2);
	rig_store(rig, rig->cdev, TOY_MEMORY, 7, 8);
	assert_int_equal(rig_load(rig, rig->cdev, TOY_STORES, 8), 0);
	/* Not decoded. */
	rig_config_store(rig, rig->cdev, PCI_COMMAND, 0, 2);
	assert_int_equal(file_read(rig->cdev, &rig->bench.client, (uintptr_t)&cmd, 4, 0), -EIO);
}

static void config_space(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(rig_config_load(rig, rig->cdev, 0, 4), 0x56781234);
	rig_config_store(rig, rig->cdev, 0, 0xffffffff, 4);
	assert_int_equal(rig_config_load(rig, rig->cdev, 0, 4), 0x56781234);
	rig_config_store(rig, rig->cdev, PCI_BASE_ADDRESS_0, 0xffffffff, 4);
	assert_int_equal(rig_config_load(rig, rig->cdev, PCI_BASE_ADDRESS_0, 4), 0xffffc000);
	rig_config_store(rig, rig->cdev, PCI_BASE_ADDRESS_2, 0xffffffff, 4);
	assert_int_equal(rig_config_load(rig, rig->cdev, PCI_BASE_ADDRESS_2, 4), 0xffff000c);
	rig_config_store(rig, rig->cdev, PCI_BASE_ADDRESS_5, 0xffffffff, 4);
	assert_int_equal(rig_config_load(rig, rig->cdev, PCI_BASE_ADDRESS_5, 4), 0xffffffe1);
	/* A byte of the command register alone. */
	rig_config_store(rig, rig->cdev, PCI_COMMAND + 1, PCI_COMMAND_INTX_DISABLE >> 8, 1);
	assert_int_equal(rig_config_load(rig, rig->cdev, PCI_COMMAND, 2),
			 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	/* A function level reset, by the capability. */
	rig_store(rig, rig->cdev, TOY_VALUE, 9, 8);
	rig_config_store(rig, rig->cdev, 0x80 + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR, 2);
	assert_int_equal(rig_load(rig, rig->cdev, TOY_VALUE, 8), 0);
	assert_int_equal(rig_config_load(rig, rig->cdev, 0x80 + PCI_EXP_DEVCTL, 2), 0);
}

static void hot_reset(void **state)
{
	struct rig *rig = *state;
	struct {
		struct vfio_pci_hot_reset_info info;
		struct vfio_pci_dependent_device devices[2];
	} cmd = {.info = {.argsz = sizeof(cmd.info)}};
	struct vfio_pci_hot_reset reset = {.argsz = sizeof(reset), .flags = 1};

	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &cmd),
			 -ENOSPC);
	assert_int_equal(cmd.info.count, 2);
	cmd.info.argsz = sizeof(cmd);
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &cmd), 0);
	assert_int_equal(cmd.info.flags, 3);
	for (int i = 0; i < 2; i++)
		assert_int_equal(cmd.devices[i].devid,
				 cmd.devices[i].devfn ? VFIO_PCI_DEVID_OWNED : rig->devid);
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_PCI_HOT_RESET, &reset), -EINVAL);
	reset.flags = 0;
	rig_store(rig, rig->cdev, TOY_VALUE, 9, 8);
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_PCI_HOT_RESET, &reset), 0);
	assert_int_equal(rig_load(rig, rig->cdev, TOY_VALUE, 8), 0);
	reset.count = 1;
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_PCI_HOT_RESET, &reset), -EINVAL);
}

static long feature(struct rig *rig, uint32_t flags, const void *data, size_t size)
{
	struct {
		struct vfio_device_feature head;
		char data[64];
	} cmd = {.head = {(uint32_t)(sizeof(cmd.head) + size), flags}};

	if (size)
		memcpy(cmd.data, data, size);
	return rig_call(rig, rig->cdev, VFIO_DEVICE_FEATURE, &cmd);
}

#define GET   VFIO_DEVICE_FEATURE_GET
#define SET_  VFIO_DEVICE_FEATURE_SET
#define PROBE VFIO_DEVICE_FEATURE_PROBE

static void features(void **state)
{
	struct rig *rig = *state;
	const uint32_t master = 10, low = 3, out = 5, op = 0;

	assert_int_equal(feature(rig, GET | 99, NULL, 0), -ENOTTY);
	assert_int_equal(feature(rig, PROBE | GET | VFIO_DEVICE_FEATURE_MIGRATION, NULL, 0),
			 -ENOTTY);
	assert_int_equal(feature(rig, 1 << 20 | master, NULL, 0), -EINVAL);
	assert_int_equal(feature(rig, GET | SET_ | master, NULL, 0), -EINVAL);
	assert_int_equal(feature(rig, PROBE | GET | master, NULL, 0), -EINVAL);
	assert_int_equal(feature(rig, PROBE | SET_ | master, NULL, 0), 0);
	assert_int_equal(feature(rig, master, NULL, 0), -EINVAL);
	assert_int_equal(feature(rig, SET_ | master, NULL, 0), -EINVAL);
	assert_int_equal(feature(rig, SET_ | master, &op, sizeof(op)), 0);
	assert_int_equal(rig_config_load(rig, rig->cdev, PCI_COMMAND, 2), PCI_COMMAND_MEMORY);
	assert_int_equal(feature(rig, SET_ | low, NULL, 0), 0);
	assert_int_equal(feature(rig, SET_ | low, NULL, 0), -EINVAL);
	assert_int_equal(feature(rig, SET_ | out, NULL, 0), 0);
	assert_int_equal(feature(rig, SET_ | low, NULL, 0), 0); /* the close ends it */
}

/* A BAR as memory for others, until a reset. */
static void bar_as_dmabuf(void **state)
{
	struct rig *rig = *state;
	struct {
		struct vfio_device_feature_dma_buf get;
		struct vfio_region_dma_range range;
	} data = {.get = {.nr_ranges = 1}, .range = {TOY_MEMORY, 4096}};
	struct iommu_ioas_map_file map = {.size = sizeof(map),
					  .flags = 7,
					  .ioas_id = rig->ioas,
					  .length = 4096,
					  .iova = 0x7000};
	long fd;

	data.range.offset = TOY_NO_MMAP;
	assert_int_equal(feature(rig, GET | VFIO_DEVICE_FEATURE_DMA_BUF, &data, sizeof(data)),
			 -EINVAL);
	/* A piece that can be mapped, and behind it one that can't. */
	data.range.offset = TOY_HOOKED;
	data.range.length = 2 * TOY_HOOKED;
	assert_int_equal(feature(rig, GET | VFIO_DEVICE_FEATURE_DMA_BUF, &data, sizeof(data)),
			 -EINVAL);
	data.range.length = 0x1000;
	data.range.offset = TOY_MEMORY;
	fd = feature(rig, GET | VFIO_DEVICE_FEATURE_DMA_BUF, &data, sizeof(data));
	assert_true(fd >= BENCH_FD0);
	map.fd = (int)fd;
	assert_int_equal(bench_ioctl(&rig->bench, IOMMU_IOAS_MAP_FILE, &map), 0);
	rig_store(rig, rig->cdev, TOY_VALUE, 0x77, 8);
	assert_int_equal(rig_command(rig, rig->cdev, 0x7000, TOY_WRITE), 0);
	assert_int_equal(rig_load(rig, rig->cdev, TOY_MEMORY, 8), 0x77);
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_RESET, NULL), 0);
	assert_int_equal((int64_t)rig_command(rig, rig->cdev, 0x7000, TOY_WRITE), -EFAULT);
}

static void store_by_eventfd(void **state)
{
	struct rig *rig = *state;
	int fd = eventfd(0, EFD_CLOEXEC);
	struct vfio_device_ioeventfd cmd = {
		.argsz = sizeof(cmd), .flags = 3, .fd = fd, .offset = TOY_VALUE, .data = 0x55};

	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_IOEVENTFD, &cmd), -EINVAL);
	cmd.flags = VFIO_DEVICE_IOEVENTFD_64;
	cmd.offset = (uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40;
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_IOEVENTFD, &cmd), -EINVAL);
	cmd.offset = TOY_VALUE;
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_IOEVENTFD, &cmd), 0);
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_IOEVENTFD, &cmd), -EEXIST);
	assert_int_equal(eventfd_write(fd, 1), 0);
	while (rig_load(rig, rig->cdev, TOY_VALUE, 8) != 0x55)
		poll(NULL, 0, 1);
	cmd.fd = -1;
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_IOEVENTFD, &cmd), 0);
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_IOEVENTFD, &cmd), -ENODEV);
	close(fd);
}

/* ---- each resource fails in turn; what is left behind, the rig's end notices ---- */

static void failing_resources(void **state)
{
	struct rig *rig = *state;
	int fd = eventfd(0, EFD_CLOEXEC);
	const int32_t fds[] = {fd, fd, -1, fd};
	const struct rig_irqs on = {VFIO_PCI_MSIX_IRQ_INDEX,
				    VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD, 0, 4,
				    fds};
	struct vfio_device_ioeventfd store = {
		.argsz = sizeof(store), .flags = 8, .fd = fd, .offset = TOY_VALUE};
	struct file *cdev = rig_open(rig, "vfio/devices/vfio4");
	unsigned int failures = 0;

	for (unsigned int call = 0; call < 4; call++) {
		for (unsigned int nth = 1;; nth++) {
			int64_t rc;
			bool hit;

			inject_arm(nth);
			rc = call == 0	 ? rig_bind(rig, cdev)
			     : call == 1 ? rig_attach(rig, cdev, rig->ioas)
			     : call == 2 ? rig_irqs(rig, cdev, on)
					 : rig_call(rig, cdev, VFIO_DEVICE_IOEVENTFD, &store);
			hit = !inject_left();
			inject_arm(0);
			if (!hit) {
				assert_true(rc >= 0);
				break;
			}
			assert_true(rc < 0);
			failures++;
		}
	}
	assert_true(failures > 8);
	file_put(cdev);
	close(fd);
}

static long low_power(struct rig *rig, uint32_t number, int32_t fd)
{
	struct {
		struct vfio_device_feature head;
		struct vfio_device_low_power_entry_with_wakeup entry;
	} feature = {.head = {sizeof(feature), VFIO_DEVICE_FEATURE_SET | number},
		     .entry = {.wakeup_eventfd = fd}};

	return rig_call(rig, rig->cdev, VFIO_DEVICE_FEATURE, &feature);
}

static void who_touches_it_wakes_it(void **state)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	const uint32_t enter = VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP;
	struct rig *rig = *state;

	assert_int_equal(low_power(rig, enter, fd), 0);
	assert_int_equal(rig_events(fd), 0);
	rig_load(rig, rig->cdev, TOY_VALUE, 8);
	assert_int_equal(rig_events(fd), 1);
	assert_int_equal(rig_command(rig, rig->cdev, RIG_IOVA, TOY_READ), 0);
	assert_int_equal(rig_events(fd), 0);
	assert_int_equal(low_power(rig, enter, fd), 0);
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_GET_INFO, &info), 0);
	assert_int_equal(rig_events(fd), 1);
	/* Entering again is an access too, and then it is asleep again. */
	assert_int_equal(low_power(rig, enter, fd), 0);
	assert_int_equal(low_power(rig, enter, fd), 0);
	assert_int_equal(rig_events(fd), 1);
	assert_int_equal(low_power(rig, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT, 0), 0);
	assert_int_equal(rig_events(fd), 1);
	/* Without an eventfd nothing ends it but the exit. */
	assert_int_equal(low_power(rig, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY, 0), 0);
	rig_load(rig, rig->cdev, TOY_VALUE, 8);
	assert_int_equal(low_power(rig, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY, 0), -EINVAL);
	assert_int_equal(low_power(rig, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT, 0), 0);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sizes_and_pointers),
		TEST(nothing_before_bind),
		TEST(bind_errors),
		TEST(pasids),
		TEST(regions),
		TEST(config_space),
		TEST(hot_reset),
		TEST(features),
		TEST(who_touches_it_wakes_it),
		TEST(bar_as_dmabuf),
		TEST(store_by_eventfd),
		TEST(failing_resources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
