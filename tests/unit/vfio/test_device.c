/* SPDX-License-Identifier: MIT */
/* A device from open to close, as a program drives it: bind, attach, registers, DMA, interrupts, reset. */
#include "rig.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

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

static void dma_both_ways(void **state)
{
	struct rig *rig = *state;

	memcpy(rig->memory + 64, "device!", 8);
	assert_int_equal(rig_command(rig, rig->cdev, RIG_IOVA + 64, TOY_READ), 0);
	assert_memory_equal("device!", &(uint64_t){rig_load(rig, rig->cdev, TOY_VALUE, 8)}, 8);
	rig_store(rig, rig->cdev, TOY_VALUE, 0x1122334455667788, 8);
	assert_int_equal(rig_command(rig, rig->cdev, RIG_IOVA + 4096, TOY_WRITE), 0);
	assert_int_equal(*(uint64_t *)(rig->memory + 4096), 0x1122334455667788);
}

static void dma_faults(void **state)
{
	struct rig *rig = *state;

	assert_int_equal((int64_t)rig_command(rig, rig->cdev, 0x5000, TOY_READ), -EFAULT);
	assert_int_equal(bench_unmap(&rig->bench, rig->ioas, RIG_IOVA, RIG_PAGES * 4096),
			 RIG_PAGES * 4096);
	assert_int_equal((int64_t)rig_command(rig, rig->cdev, RIG_IOVA, TOY_READ), -EFAULT);
}

static void no_dma_without_bus_master(void **state)
{
	struct rig *rig = *state;

	rig_config_store(rig, rig->cdev, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	assert_int_equal((int64_t)rig_command(rig, rig->cdev, RIG_IOVA, TOY_READ), -EACCES);
}

/* A thread is signalled; who waits for it waits for the eventfd. */
static void interrupt_of_a_worker(void **state)
{
	struct rig *rig = *state;
	const int32_t fd = eventfd(0, EFD_CLOEXEC);
	struct pollfd event = {.fd = fd, .events = POLLIN};

	const struct rig_irqs irqs = {VFIO_PCI_MSIX_IRQ_INDEX,
				      VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD, 0, 1,
				      &fd};

	assert_int_equal(rig_irqs(rig, rig->cdev, irqs), 0);
	rig_command(rig, rig->cdev, RIG_IOVA, TOY_READ);
	assert_int_equal(poll(&event, 1, -1), 1);
	assert_int_equal(rig_events(fd), 1);
	close(fd);
}

static void close_resets(void **state)
{
	struct rig *rig = *state;

	rig_store(rig, rig->cdev, TOY_VALUE, 5, 8);
	file_put(rig->cdev);
	rig->cdev = NULL;
	rig_start(rig);
	assert_int_equal(rig_load(rig, rig->cdev, TOY_VALUE, 8), 0);
	file_put(rig->cdev);
	rig->cdev = rig_open(rig, "vfio/devices/vfio3");
	assert_true(rig_bind(rig, rig->cdev) > 0);
	assert_int_equal(rig_config_load(rig, rig->cdev, PCI_COMMAND, 2),
			 PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
}

static void reset_keeps_config_and_attachment(void **state)
{
	struct rig *rig = *state;

	rig_store(rig, rig->cdev, TOY_VALUE, 5, 8);
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_RESET, NULL), 0);
	assert_int_equal(rig_load(rig, rig->cdev, TOY_VALUE, 8), 0);
	assert_int_equal(rig_command(rig, rig->cdev, RIG_IOVA, TOY_READ), 0);
}

static void group_and_container(void **state)
{
	struct rig *rig = *state;
	struct bench *bench = &rig->bench;
	struct file *container = rig_open(rig, "vfio/vfio"), *group, *device;
	struct vfio_group_status status = {.argsz = sizeof(status)};
	struct vfio_iommu_type1_dma_map map = {.argsz = sizeof(map),
					       .flags = 3,
					       .vaddr = (uintptr_t)rig->memory,
					       .iova = 0x7000,
					       .size = 4096};
	int fd = bench->client.ops->fd_install(&bench->client, container), device_fd;
	void *bar;

	assert_int_equal(machine_open(bench->machine, &bench->client, "vfio/7", &group), -EBUSY);
	file_put(rig->cdev);
	rig->cdev = NULL;
	group = rig_open(rig, "vfio/7");
	assert_int_equal(rig_call(rig, group, VFIO_GROUP_GET_DEVICE_FD, TOY_NAME), -EINVAL);
	assert_int_equal(rig_call(rig, group, VFIO_GROUP_SET_CONTAINER, &fd), 0);
	assert_int_equal(rig_call(rig, group, VFIO_GROUP_GET_STATUS, &status), 0);
	assert_int_equal(status.flags, 3);
	assert_int_equal(rig_call(rig, container, VFIO_SET_IOMMU, (void *)VFIO_TYPE1v2_IOMMU), 0);
	assert_int_equal(rig_call(rig, group, VFIO_GROUP_GET_DEVICE_FD, "0000:09:00.0"), -ENODEV);
	device_fd = (int)rig_call(rig, group, VFIO_GROUP_GET_DEVICE_FD, TOY_NAME);
	assert_true(device_fd >= BENCH_FD0);
	device = bench_file(bench, device_fd);
	assert_int_equal(rig_call(rig, group, VFIO_GROUP_UNSET_CONTAINER, NULL), -EBUSY);
	assert_int_equal(rig_call(rig, container, VFIO_IOMMU_MAP_DMA, &map), 0);
	rig_config_store(rig, device, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	assert_int_equal(rig_command(rig, device, 0x7000, TOY_READ), 0);
	bar = rig_map(rig, device, TOY_MEMORY, 4096);
	map.vaddr = (uintptr_t)bar;
	map.iova = 0x10000;
	assert_int_equal(rig_call(rig, container, VFIO_IOMMU_MAP_DMA, &map), 0);
	munmap(bar, 4096);
	file_put(group);
	assert_int_equal(machine_open(bench->machine, &bench->client, "vfio/7", &group), -EBUSY);
	bench_close(bench, device_fd);
	group = rig_open(rig, "vfio/7");
	file_put(group);
}

/* A BAR is no memory, but to VFIO's own container. */
static void bar_offered_for_mapping(void **state)
{
	struct rig *rig = *state;
	struct iommu_vfio_ioas set = {.size = sizeof(set), .op = IOMMU_VFIO_IOAS_SET};
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = 3, .iova = 0x7000, .size = 4096};
	uint64_t iova = 0x7000;
	void *bar = rig_map(rig, rig->cdev, TOY_MEMORY, 4096);

	map.vaddr = (uintptr_t)bar;
	assert_int_equal(bench_try_map(&rig->bench, rig->ioas, (uintptr_t)bar, 4096, &iova,
				       IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
					       IOMMU_IOAS_MAP_WRITEABLE),
			 -EFAULT);
	set.ioas_id = rig->ioas;
	assert_int_equal(bench_ioctl(&rig->bench, IOMMU_VFIO_IOAS, &set), 0);
	assert_int_equal(bench_ioctl(&rig->bench, VFIO_IOMMU_MAP_DMA, &map), -EFAULT);
	munmap(bar, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(dma_both_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(dma_faults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_dma_without_bus_master, set_up, tear_down),
		cmocka_unit_test_setup_teardown(interrupt_of_a_worker, set_up, tear_down),
		cmocka_unit_test_setup_teardown(close_resets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reset_keeps_config_and_attachment, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(bar_offered_for_mapping, set_up, tear_down),
		cmocka_unit_test_setup_teardown(group_and_container, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
