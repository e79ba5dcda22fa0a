/* SPDX-License-Identifier: MIT */
/*
 * Clients are asked for descriptors, and given them, with no lock held: while one takes its time, others' calls go on. A client here makes such a call itself
 * when it is asked, in another thread, and waits for its end.
 */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct rig rig;
static const struct client_ops *own;
static unsigned int asked;

/* One that takes the VFIO lock. */
static void *call(void *arg)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};

	assert_int_equal(rig_call(&rig, rig.cdev, VFIO_DEVICE_GET_INFO, &info), 0);
	return NULL;
}

static void take_time(void)
{
	pthread_t thread;

	asked++;
	assert_int_equal(pthread_create(&thread, NULL, call, NULL), 0);
	pthread_join(thread, NULL);
}

static int fd_file(struct client *client, int fd, struct file **ret_file)
{
	take_time();
	return own->fd_file(client, fd, ret_file);
}

static int fd_native(struct client *client, int fd)
{
	take_time();
	return own->fd_native(client, fd);
}

static int fd_install(struct client *client, struct file *file)
{
	take_time();
	return own->fd_install(client, file);
}

static void fd_close(struct client *client, int fd)
{
	take_time();
	own->fd_close(client, fd);
}

static const struct client_ops slow = {fd_file, fd_native, fd_install, fd_close};

static int set_up(void **state)
{
	rig_init(&rig, 2);
	rig_start(&rig);
	own = rig.bench.client.ops;
	rig.bench.client.ops = &slow;
	asked = 0;
	alarm(20); /* a call that waits for a lock waits for ever */
	return 0;
}

static int tear_down(void **state)
{
	alarm(0);
	rig.bench.client.ops = own;
	rig_done(&rig);
	return 0;
}

static long feature(uint32_t flags, const void *data, size_t size)
{
	struct {
		struct vfio_device_feature head;
		char data[64];
	} cmd = {.head = {sizeof(cmd.head) + (uint32_t)size, flags}};

	memcpy(cmd.data, data, size);
	return rig_call(&rig, rig.cdev, VFIO_DEVICE_FEATURE, &cmd);
}

static void interrupts(void **state)
{
	const uint32_t set = VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD;
	const uint32_t unmask = VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_EVENTFD;
	int32_t fds[] = {eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC)};
	const struct rig_irqs rows[] = {
		{VFIO_PCI_REQ_IRQ_INDEX, set, 0, 1, fds},
		{VFIO_PCI_ERR_IRQ_INDEX, set, 0, 1, fds},
		{VFIO_PCI_INTX_IRQ_INDEX, set, 0, 1, fds},
		{VFIO_PCI_INTX_IRQ_INDEX, unmask, 0, 1, fds},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(rig_irqs(&rig, rig.cdev, rows[i]), 0);
	assert_int_equal(asked, 4);
	close(fds[0]);
	close(fds[1]);
}

static void vectors(void **state)
{
	const uint32_t set = VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD;
	int32_t fds[] = {eventfd(0, EFD_CLOEXEC), -1, eventfd(0, EFD_CLOEXEC), 9999};
	struct rig_irqs irqs = {VFIO_PCI_MSIX_IRQ_INDEX, set, 1, 3, fds};

	assert_int_equal(rig_irqs(&rig, rig.cdev, irqs), 0);
	assert_int_equal(asked, 2);
	rig_store(&rig, rig.cdev, TOY_RAISE, 3, 8);
	assert_int_equal(rig_events(fds[2]), 1);
	/* The last can't be had: those before it are taken away, others stay. */
	irqs = (struct rig_irqs){VFIO_PCI_MSIX_IRQ_INDEX, set, 2, 2, fds + 2};
	assert_int_equal(rig_irqs(&rig, rig.cdev, irqs), -EBADF);
	rig_store(&rig, rig.cdev, TOY_RAISE, 1, 8);
	rig_store(&rig, rig.cdev, TOY_RAISE, 2, 8);
	assert_int_equal(rig_events(fds[0]), 1);
	assert_int_equal(rig_events(fds[2]), 0);
	close(fds[0]);
	close(fds[2]);
}

static void store_by_event(void **state)
{
	struct vfio_device_ioeventfd cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_DEVICE_IOEVENTFD_8,
		.fd = eventfd(0, EFD_CLOEXEC),
	};

	assert_int_equal(rig_call(&rig, rig.cdev, VFIO_DEVICE_IOEVENTFD, &cmd), 0);
	assert_int_equal(rig_call(&rig, rig.cdev, VFIO_DEVICE_IOEVENTFD, &cmd), -EEXIST);
	close(cmd.fd);
	cmd.fd = -1;
	assert_int_equal(asked, 2);
	assert_int_equal(rig_call(&rig, rig.cdev, VFIO_DEVICE_IOEVENTFD, &cmd), 0);
	assert_int_equal(rig_call(&rig, rig.cdev, VFIO_DEVICE_IOEVENTFD, &cmd), -ENODEV);
}

static void low_power(void **state)
{
	const uint32_t enter =
		VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP;
	struct vfio_device_low_power_entry_with_wakeup entry = {eventfd(0, EFD_CLOEXEC), 0};

	assert_int_equal(feature(enter, &entry, sizeof(entry)), 0);
	/* The call made when the client was asked came before; this one wakes it up. */
	call(NULL);
	assert_int_equal(rig_events(entry.wakeup_eventfd), 1);
	close(entry.wakeup_eventfd);
	assert_int_equal(feature(enter, &entry, sizeof(entry)), -EBADF);
	assert_int_equal(asked, 2);
}

static void dma_buf(void **state)
{
	struct {
		struct vfio_device_feature_dma_buf get;
		struct vfio_region_dma_range range;
	} data = {{0, O_CLOEXEC, 0, 1}, {TOY_MEMORY, 4096}};
	long fd =
		feature(VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF, &data, sizeof(data));

	assert_true(fd >= BENCH_FD0);
	assert_int_equal(asked, 1);
	bench_close(&rig.bench, (int)fd);
}

static void bind_device(void **state)
{
	struct file *cdev = rig_open(&rig, "vfio/devices/vfio4");

	assert_true(rig_bind(&rig, cdev) > 0);
	assert_true(asked > 0);
	file_put(cdev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(interrupts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(vectors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(store_by_event, set_up, tear_down),
		cmocka_unit_test_setup_teardown(low_power, set_up, tear_down),
		cmocka_unit_test_setup_teardown(dma_buf, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bind_device, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
