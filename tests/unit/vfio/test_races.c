/* SPDX-License-Identifier: MIT */
/*
 * Threads that use devices as if they were alone: one maps and unmaps under running DMA, one resets, one changes interrupts, while
 * another opens and closes a second device. Nothing is promised of the order; all must end, and ThreadSanitizer must see nothing.
 */
#include "rig.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ROUNDS 200

static struct rig rig;
static atomic_bool over;

static void *map_and_unmap(void *arg)
{
	while (!atomic_load(&over)) {
		uint64_t iova = 0x40000000;

		if (!bench_try_map(&rig.bench, rig.ioas, (uintptr_t)rig.memory, 4096, &iova,
				   IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
					   IOMMU_IOAS_MAP_WRITEABLE))
			bench_unmap(&rig.bench, rig.ioas, iova, 4096);
	}
	return NULL;
}

static void *reset(void *arg)
{
	while (!atomic_load(&over))
		rig_call(&rig, rig.cdev, VFIO_DEVICE_RESET, NULL);
	return NULL;
}

static void *change_interrupts(void *arg)
{
	const int32_t fd = eventfd(0, EFD_CLOEXEC);

	while (!atomic_load(&over)) {
		const struct rig_irqs on = {VFIO_PCI_MSIX_IRQ_INDEX,
					    VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD,
					    0, 1, &fd};
		const struct rig_irqs off = {VFIO_PCI_MSIX_IRQ_INDEX,
					     VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE,
					     0, 0, NULL};

		rig_irqs(&rig, rig.cdev, on);
		rig_irqs(&rig, rig.cdev, off);
	}
	close(fd);
	return NULL;
}

static void *ring(void *arg)
{
	while (!atomic_load(&over)) {
		rig_store(&rig, rig.cdev, TOY_IOVA, 0x40000000, 8);
		rig_store(&rig, rig.cdev, TOY_COMMAND, TOY_WRITE, 8);
	}
	return NULL;
}

static void together(void **state)
{
	void *(*const runs[])(void *) = {map_and_unmap, reset, change_interrupts, ring};
	pthread_t threads[4];

	atomic_store(&over, false);
	rig_init(&rig, 2);
	rig_start(&rig);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, runs[i], NULL), 0);
	for (int i = 0; i < ROUNDS; i++) {
		struct file *cdev = rig_open(&rig, "vfio/devices/vfio4");

		assert_true(rig_bind(&rig, cdev) > 0);
		assert_int_equal(rig_attach(&rig, cdev, rig.ioas), 0);
		rig_config_store(&rig, cdev, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
				 2);
		rig_store(&rig, cdev, TOY_IOVA, RIG_IOVA, 8);
		rig_store(&rig, cdev, TOY_COMMAND, TOY_READ, 8);
		file_put(cdev);
	}
	atomic_store(&over, true);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	rig_done(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(together)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
