/* SPDX-License-Identifier: MIT */
/* SET_IRQS in all its forms: what is refused, and which eventfd hears of what. */
#include "rig.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NONE	VFIO_IRQ_SET_DATA_NONE
#define BOOL	VFIO_IRQ_SET_DATA_BOOL
#define EVENT	VFIO_IRQ_SET_DATA_EVENTFD
#define TRIGGER VFIO_IRQ_SET_ACTION_TRIGGER
#define MASK	VFIO_IRQ_SET_ACTION_MASK
#define UNMASK	VFIO_IRQ_SET_ACTION_UNMASK

#define INTX VFIO_PCI_INTX_IRQ_INDEX
#define MSI  VFIO_PCI_MSI_IRQ_INDEX
#define MSIX VFIO_PCI_MSIX_IRQ_INDEX
#define ERR  VFIO_PCI_ERR_IRQ_INDEX
#define REQ  VFIO_PCI_REQ_IRQ_INDEX

#define ASSERT	 0x80000000
#define DEASSERT 0x40000000

struct irq_rig {
	struct rig rig;
	int32_t fds[TOY_VECTORS];
};

static int set_up(void **state)
{
	static struct irq_rig irq;

	rig_init(&irq.rig, 1);
	rig_start(&irq.rig);
	for (int i = 0; i < TOY_VECTORS; i++)
		irq.fds[i] = eventfd(0, EFD_CLOEXEC);
	*state = &irq;
	return 0;
}

static int tear_down(void **state)
{
	struct irq_rig *irq = *state;

	for (int i = 0; i < TOY_VECTORS; i++)
		close(irq->fds[i]);
	rig_done(&irq->rig);
	return 0;
}

static long set(struct irq_rig *irq, struct rig_irqs irqs)
{
	return rig_irqs(&irq->rig, irq->rig.cdev, irqs);
}

static void raise_vector(struct irq_rig *irq, uint64_t what)
{
	rig_store(&irq->rig, irq->rig.cdev, TOY_RAISE, what, 8);
}

static uint32_t config(struct irq_rig *irq, unsigned int offset, size_t len)
{
	return rig_config_load(&irq->rig, irq->rig.cdev, offset, len);
}

static void refusals(void **state)
{
	struct irq_rig *irq = *state;
	const int32_t bad[] = {9999, -1}, no_event[] = {irq->rig.bench.native_fds ? 0 : 0};
	const struct {
		struct rig_irqs irqs;
		long error;
	} rows[] = {
		{{9, TRIGGER | NONE, 0, 0, NULL}, -EINVAL},
		{{MSIX, TRIGGER | NONE | 64, 0, 1, NULL}, -EINVAL},
		{{MSIX, TRIGGER, 0, 1, NULL}, -EINVAL},
		{{MSIX, TRIGGER | NONE | BOOL, 0, 1, NULL}, -EINVAL},
		{{MSIX, NONE, 0, 1, NULL}, -ENOTTY},
		{{MSIX, TRIGGER | MASK | NONE, 0, 1, NULL}, -ENOTTY},
		{{MSIX, MASK | NONE, 0, 1, NULL}, -ENOTTY},
		{{MSIX, UNMASK | NONE, 0, 1, NULL}, -ENOTTY},
		{{MSIX, TRIGGER | NONE, TOY_VECTORS, 0, NULL}, -EINVAL},
		{{MSIX, TRIGGER | NONE, 1, TOY_VECTORS, NULL}, -EINVAL},
		{{MSIX, TRIGGER | NONE, 1, UINT32_MAX - 1, NULL}, -EINVAL},
		{{MSIX, TRIGGER | EVENT, 0, 0, NULL}, -EINVAL},
		{{MSIX, TRIGGER | NONE, 0, 1, NULL}, -EINVAL}, /* nothing is on */
		{{MSIX, TRIGGER | NONE, 0, 0, NULL}, -EINVAL},
		{{MSIX, TRIGGER | EVENT, 0, 1, bad}, -EBADF},
		{{MSIX, TRIGGER | EVENT, 0, 1, no_event}, -EINVAL},
		{{INTX, TRIGGER | EVENT, 0, 2, bad}, -EINVAL},
		{{INTX, MASK | NONE, 0, 1, NULL}, -EINVAL},
		{{INTX, UNMASK | NONE, 0, 1, NULL}, -EINVAL},
		{{ERR, MASK | NONE, 0, 1, NULL}, -ENOTTY},
		{{ERR, TRIGGER | BOOL, 0, 0, NULL}, -EINVAL},
		{{REQ, TRIGGER | NONE, 0, 2, NULL}, -EINVAL},
		{{REQ, TRIGGER | EVENT, 0, 1, bad}, -EBADF},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		long rc = set(irq, rows[i].irqs);

		if (rc != rows[i].error)
			fail_msg("row %zu: %ld instead of %ld", i, rc, rows[i].error);
	}
}

static void short_data(void **state)
{
	struct irq_rig *irq = *state;
	struct {
		struct vfio_irq_set head;
		int32_t fds[2];
	} cmd = {.head = {sizeof(cmd) - 1, TRIGGER | EVENT, MSIX, 0, 2}};

	cmd.fds[0] = irq->fds[0];
	cmd.fds[1] = irq->fds[1];
	assert_int_equal(rig_call(&irq->rig, irq->rig.cdev, VFIO_DEVICE_SET_IRQS, &cmd), -EINVAL);
	cmd.head.argsz = sizeof(cmd);
	assert_int_equal(rig_call(&irq->rig, irq->rig.cdev, VFIO_DEVICE_SET_IRQS, &cmd), 0);
}

static void msix_vectors(void **state)
{
	struct irq_rig *irq = *state;

	assert_int_equal(set(irq, (struct rig_irqs){MSIX, TRIGGER | EVENT, 0, 2, irq->fds}), 0);
	raise_vector(irq, 0);
	raise_vector(irq, 1);
	raise_vector(irq, 1);
	assert_int_equal(rig_events(irq->fds[0]), 1);
	assert_int_equal(rig_events(irq->fds[1]), 2);
	/* It may grow, and a vector may change. */
	assert_int_equal(set(irq, (struct rig_irqs){MSIX, TRIGGER | EVENT, 7, 1, &irq->fds[7]}), 0);
	raise_vector(irq, 7);
	assert_int_equal(rig_events(irq->fds[7]), 1);
	assert_int_equal(set(irq, (struct rig_irqs){MSIX, TRIGGER | EVENT, 0, 1, &irq->fds[3]}), 0);
	raise_vector(irq, 0);
	assert_int_equal(rig_events(irq->fds[0]), 0);
	assert_int_equal(rig_events(irq->fds[3]), 1);
	/* Other kinds can't be turned on meanwhile. */
	assert_int_equal(set(irq, (struct rig_irqs){MSI, TRIGGER | EVENT, 0, 1, irq->fds}),
			 -EINVAL);
	assert_int_equal(config(irq, 0x70 + PCI_MSIX_FLAGS, 2),
			 PCI_MSIX_FLAGS_ENABLE | (TOY_VECTORS - 1));
	assert_int_equal(set(irq, (struct rig_irqs){MSIX, TRIGGER | NONE, 0, 0, NULL}), 0);
	raise_vector(irq, 7);
	assert_int_equal(rig_events(irq->fds[7]), 0);
	assert_int_equal(config(irq, 0x70 + PCI_MSIX_FLAGS, 2), TOY_VECTORS - 1);
}

/* A vector without eventfd is pending: the program sees that in the PBA, and hears of it when there is one. */
static void pending_vector(void **state)
{
	struct irq_rig *irq = *state;
	const int32_t none = -1;
	const uint64_t pba = ((uint64_t)TOY_MSIX_BAR << 40) + 0x800;

	assert_int_equal(set(irq, (struct rig_irqs){MSIX, TRIGGER | EVENT, 0, 1, &none}), 0);
	raise_vector(irq, 5);
	assert_int_equal(rig_load(&irq->rig, irq->rig.cdev, pba, 8), 1 << 5);
	assert_int_equal(set(irq, (struct rig_irqs){MSIX, TRIGGER | EVENT, 5, 1, &irq->fds[5]}), 0);
	assert_int_equal(rig_events(irq->fds[5]), 1);
	assert_int_equal(rig_load(&irq->rig, irq->rig.cdev, pba, 8), 0);
}

static void fired_by_the_program(void **state)
{
	struct irq_rig *irq = *state;
	const uint8_t which[] = {0, 1, 0, 1};

	assert_int_equal(set(irq, (struct rig_irqs){MSIX, TRIGGER | EVENT, 0, 4, irq->fds}), 0);
	assert_int_equal(set(irq, (struct rig_irqs){MSIX, TRIGGER | NONE, 0, 4, NULL}), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(rig_events(irq->fds[i]), 1);
	assert_int_equal(set(irq, (struct rig_irqs){MSIX, TRIGGER | BOOL, 0, 4, which}), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(rig_events(irq->fds[i]), i & 1);
}

/* All or nothing: one of the eventfds is none. */
static void block_fails(void **state)
{
	struct irq_rig *irq = *state;
	const int32_t fds[] = {irq->fds[0], 9999};

	assert_int_equal(set(irq, (struct rig_irqs){MSIX, TRIGGER | EVENT, 0, 2, fds}), -EBADF);
	assert_int_equal(config(irq, 0x70 + PCI_MSIX_FLAGS, 2), TOY_VECTORS - 1);
	assert_int_equal(set(irq, (struct rig_irqs){MSIX, TRIGGER | EVENT, 0, 1, irq->fds}), 0);
	assert_int_equal(set(irq, (struct rig_irqs){MSIX, TRIGGER | EVENT, 0, 2, fds}), -EBADF);
	raise_vector(irq, 0);
	assert_int_equal(rig_events(irq->fds[0]), 0);
}

static void msi_does_not_grow(void **state)
{
	struct irq_rig *irq = *state;

	assert_int_equal(set(irq, (struct rig_irqs){MSI, TRIGGER | EVENT, 0, 2, irq->fds}), 0);
	assert_int_equal(set(irq, (struct rig_irqs){MSI, TRIGGER | EVENT, 2, 1, irq->fds}),
			 -EINVAL);
	raise_vector(irq, 1);
	assert_int_equal(rig_events(irq->fds[1]), 1);
	assert_int_equal(config(irq, 0x50 + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_ENABLE, 1);
	/* The program may turn it off for a while. */
	assert_int_equal(set(irq, (struct rig_irqs){MSI, TRIGGER | NONE, 0, 0, NULL}), 0);
	assert_int_equal(config(irq, 0x50 + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_ENABLE, 0);
}

/* A level: it is sent once, and again when the program has unmasked it while it is asserted. */
static void intx_level(void **state)
{
	struct irq_rig *irq = *state;

	assert_int_equal(set(irq, (struct rig_irqs){INTX, TRIGGER | EVENT, 0, 1, irq->fds}), 0);
	raise_vector(irq, ASSERT);
	raise_vector(irq, ASSERT);
	assert_int_equal(rig_events(irq->fds[0]), 1);
	assert_int_equal(config(irq, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, PCI_STATUS_INTERRUPT);
	assert_int_equal(set(irq, (struct rig_irqs){INTX, UNMASK | NONE, 0, 1, NULL}), 0);
	assert_int_equal(rig_events(irq->fds[0]), 1);
	raise_vector(irq, DEASSERT);
	assert_int_equal(set(irq, (struct rig_irqs){INTX, UNMASK | NONE, 0, 1, NULL}), 0);
	assert_int_equal(rig_events(irq->fds[0]), 0);
	assert_int_equal(set(irq, (struct rig_irqs){INTX, MASK | NONE, 0, 1, NULL}), 0);
	raise_vector(irq, ASSERT);
	assert_int_equal(rig_events(irq->fds[0]), 0);
	assert_int_equal(set(irq, (struct rig_irqs){INTX, UNMASK | BOOL, 0, 1, &(uint8_t){0}}), 0);
	assert_int_equal(rig_events(irq->fds[0]), 0);
	assert_int_equal(set(irq, (struct rig_irqs){INTX, UNMASK | BOOL, 0, 1, &(uint8_t){1}}), 0);
	assert_int_equal(rig_events(irq->fds[0]), 1);
}

static void intx_is_held_back_by_command(void **state)
{
	struct irq_rig *irq = *state;
	struct rig *rig = &irq->rig;

	assert_int_equal(set(irq, (struct rig_irqs){INTX, TRIGGER | EVENT, 0, 1, irq->fds}), 0);
	rig_config_store(rig, rig->cdev, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE,
			 2);
	raise_vector(irq, ASSERT);
	assert_int_equal(rig_events(irq->fds[0]), 0);
	rig_config_store(rig, rig->cdev, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	assert_int_equal(rig_events(irq->fds[0]), 1);
}

static void intx_unmasked_by_event(void **state)
{
	struct irq_rig *irq = *state;
	struct pollfd event = {.fd = irq->fds[0], .events = POLLIN};

	assert_int_equal(set(irq, (struct rig_irqs){INTX, MASK | EVENT, 0, 1, irq->fds}), -EINVAL);
	assert_int_equal(set(irq, (struct rig_irqs){INTX, TRIGGER | EVENT, 0, 1, irq->fds}), 0);
	assert_int_equal(set(irq, (struct rig_irqs){INTX, MASK | EVENT, 0, 1, irq->fds}), -ENOTTY);
	assert_int_equal(set(irq, (struct rig_irqs){INTX, UNMASK | EVENT, 0, 1, &irq->fds[1]}), 0);
	raise_vector(irq, ASSERT);
	assert_int_equal(rig_events(irq->fds[0]), 1);
	assert_int_equal(eventfd_write(irq->fds[1], 1), 0);
	assert_int_equal(poll(&event, 1, -1), 1);
	assert_int_equal(rig_events(irq->fds[0]), 1);
	assert_int_equal(set(irq, (struct rig_irqs){INTX, UNMASK | EVENT, 0, 1, &(int32_t){-1}}),
			 0);
}

static void err_and_req(void **state)
{
	struct irq_rig *irq = *state;
	const uint32_t indices[] = {ERR, REQ};

	for (int i = 0; i < 2; i++) {
		struct rig_irqs irqs = {indices[i], TRIGGER | EVENT, 0, 1, &irq->fds[i]};

		assert_int_equal(set(irq, irqs), 0);
		irqs = (struct rig_irqs){indices[i], TRIGGER | NONE, 0, 1, NULL};
		assert_int_equal(set(irq, irqs), 0);
		assert_int_equal(rig_events(irq->fds[i]), 1);
		irqs = (struct rig_irqs){indices[i], TRIGGER | BOOL, 0, 1, &(uint8_t){1}};
		assert_int_equal(set(irq, irqs), 0);
		assert_int_equal(rig_events(irq->fds[i]), 1);
		irqs = (struct rig_irqs){indices[i], TRIGGER | NONE, 0, 0, NULL};
		assert_int_equal(set(irq, irqs), 0);
		irqs = (struct rig_irqs){indices[i], TRIGGER | NONE, 0, 1, NULL};
		assert_int_equal(set(irq, irqs), 0);
		assert_int_equal(rig_events(irq->fds[i]), 0);
	}
}

/* The program may close its eventfd: what was handed over stays. */
static void eventfd_closed(void **state)
{
	struct irq_rig *irq = *state;
	int copy = dup(irq->fds[0]);

	assert_int_equal(set(irq, (struct rig_irqs){MSIX, TRIGGER | EVENT, 0, 1, irq->fds}), 0);
	close(irq->fds[0]);
	raise_vector(irq, 0);
	assert_int_equal(rig_events(copy), 1);
	irq->fds[0] = copy;
}

/* Nobody waits for who does not read: not the driver, not the device (a write() would; the alarm then kills the test). */
static void eventfd_full(void **state)
{
	struct irq_rig *irq = *state;
	const uint64_t most = UINT64_MAX - 1;

	assert_int_equal(set(irq, (struct rig_irqs){MSIX, TRIGGER | EVENT, 0, 1, irq->fds}), 0);
	assert_int_equal(set(irq, (struct rig_irqs){ERR, TRIGGER | EVENT, 0, 1, irq->fds + 1}), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(eventfd_write(irq->fds[i], most), 0);
	alarm(20);
	assert_int_equal(set(irq, (struct rig_irqs){MSIX, TRIGGER | NONE, 0, 1, NULL}), 0);
	raise_vector(irq, 0);
	assert_int_equal(set(irq, (struct rig_irqs){ERR, TRIGGER | NONE, 0, 1, NULL}), 0);
	alarm(0);
	assert_true(rig_events(irq->fds[0]) >= most);
	assert_true(rig_events(irq->fds[1]) >= most);
	raise_vector(irq, 0);
	assert_int_equal(rig_events(irq->fds[0]), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refusals),
		TEST(short_data),
		TEST(msix_vectors),
		TEST(pending_vector),
		TEST(fired_by_the_program),
		TEST(block_fails),
		TEST(msi_does_not_grow),
		TEST(intx_level),
		TEST(intx_is_held_back_by_command),
		TEST(intx_unmasked_by_event),
		TEST(err_and_req),
		TEST(eventfd_closed),
		TEST(eventfd_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
