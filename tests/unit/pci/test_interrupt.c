/* SPDX-License-Identifier: MIT */
/* Interrupts of a function: sent, pending, masked, by kind. */
#include "vfio/rig.h"

#include <string.h>

static struct rig rig;
static struct pci_function *toy;
static unsigned int sent[TOY_VECTORS];
static bool taken[TOY_VECTORS]; /* somebody takes this vector */

static bool take(void *arg, unsigned int vector)
{
	assert_ptr_equal(arg, &rig);
	assert_true(vector < TOY_VECTORS);
	sent[vector] += taken[vector];
	return taken[vector];
}

static int set_up(void **state)
{
	rig_init(&rig, 1);
	toy = rig.function[0];
	toy->irqs.send = take;
	toy->irqs.arg = &rig;
	memset(sent, 0, sizeof(sent));
	memset(taken, true, sizeof(taken));
	return 0;
}

static int tear_down(void **state)
{
	rig_done(&rig);
	return 0;
}

static uint64_t pba(void)
{
	return pci_bar_read(toy, TOY_MSIX_BAR, toy->model.msix_pba, 8);
}

static void raise_vector(unsigned int vector)
{
	uiommufd_interrupt(pci_model_device(toy), vector);
}

static void someone_takes(unsigned int vector)
{
	taken[vector] = true;
	LOCK_SCOPED(&toy->irqs.lock);
	pci_irq_taken(toy, vector);
}

static void counts(void **state)
{
	assert_int_equal(pci_irq_count(toy, PCI_IRQ_INTX), 1);
	assert_int_equal(pci_irq_count(toy, PCI_IRQ_MSI), 4);
	assert_int_equal(pci_irq_count(toy, PCI_IRQ_MSIX), TOY_VECTORS);
	assert_int_equal(pci_irq_count(toy, PCI_IRQ_NONE), 0);
}

static void only_what_is_on(void **state)
{
	raise_vector(1);
	pci_irq_set_kind(toy, PCI_IRQ_INTX);
	raise_vector(1);
	assert_int_equal(sent[1], 0);
	pci_irq_set_kind(toy, PCI_IRQ_MSI);
	raise_vector(3);
	raise_vector(4); /* MSI has four */
	assert_int_equal(sent[3], 1);
	assert_int_equal(sent[4], 0);
	pci_irq_set_kind(toy, PCI_IRQ_MSIX);
	raise_vector(7);
	raise_vector(TOY_VECTORS);
	raise_vector(UINT32_MAX);
	assert_int_equal(sent[7], 1);
	assert_int_equal(pba(), 0);
}

static void pending(void **state)
{
	pci_irq_set_kind(toy, PCI_IRQ_MSIX);
	taken[2] = taken[5] = false;
	raise_vector(2);
	raise_vector(2);
	raise_vector(5);
	assert_int_equal(pba(), 1 << 2 | 1 << 5);
	someone_takes(2);
	assert_int_equal(sent[2], 1); /* several count as one */
	assert_int_equal(pba(), 1 << 5);
	someone_takes(2);
	assert_int_equal(sent[2], 1);
	/* A reset, and another kind, forget it. */
	pci_irq_clear(toy);
	assert_int_equal(pba(), 0);
	someone_takes(5);
	assert_int_equal(sent[5], 0);
	taken[5] = false;
	raise_vector(5);
	pci_irq_set_kind(toy, PCI_IRQ_NONE);
	assert_int_equal(pba(), 0);
}

static void level(void **state)
{
	struct uiommufd_device *device = pci_model_device(toy);

	uiommufd_intx(device, true);
	assert_int_equal(sent[0], 0); /* it is not on */
	pci_irq_set_kind(toy, PCI_IRQ_INTX);
	assert_int_equal(sent[0], 1);
	uiommufd_intx(device, true); /* masked by itself */
	assert_int_equal(sent[0], 1);
	pci_intx_mask(toy, false);
	assert_int_equal(sent[0], 2);
	uiommufd_intx(device, false);
	pci_intx_mask(toy, false);
	assert_int_equal(sent[0], 2);
	pci_intx_mask(toy, true);
	uiommufd_intx(device, true);
	assert_int_equal(sent[0], 2);
	pci_irq_clear(toy);
	pci_intx_mask(toy, false);
	assert_int_equal(sent[0], 2);
}

static void level_by_command(void **state)
{
	bool reset;

	pci_irq_set_kind(toy, PCI_IRQ_INTX);
	pci_set_command(toy, PCI_COMMAND_INTX_DISABLE, 0);
	uiommufd_intx(pci_model_device(toy), true);
	assert_int_equal(sent[0], 0);
	pci_config_write(toy, PCI_COMMAND, 0, 2, &reset);
	assert_int_equal(sent[0], 1);
}

/* Nobody takes it: it is not masked, and sent to who comes. */
static void level_that_nobody_takes(void **state)
{
	taken[0] = false;
	pci_irq_set_kind(toy, PCI_IRQ_INTX);
	uiommufd_intx(pci_model_device(toy), true);
	assert_int_equal(sent[0], 0);
	taken[0] = true;
	pci_intx_update(toy);
	assert_int_equal(sent[0], 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(counts), TEST(only_what_is_on),  TEST(pending),
		TEST(level),  TEST(level_by_command), TEST(level_that_nobody_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
