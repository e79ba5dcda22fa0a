/* SPDX-License-Identifier: MIT */
/* Config space: what loads give and stores change, BAR sizing (PCI 3.0, 6.2.5.1), the lists of capabilities, and what an opener finds. */
#include "vfio/rig.h"

#include <string.h>

#include "pci/registers.h"

static struct rig rig;
static struct pci_function *toy;

static int set_up(void **state)
{
	rig_init(&rig, 1);
	toy = rig.function[0];
	return 0;
}

static int tear_down(void **state)
{
	rig_done(&rig);
	return 0;
}

static uint32_t load(unsigned int offset, unsigned int len)
{
	return pci_config_read(toy, offset, len);
}

static bool store(unsigned int offset, uint32_t value, unsigned int len)
{
	bool reset = true;

	pci_config_write(toy, offset, value, len, &reset);
	return reset;
}

static uint32_t bar(unsigned int i)
{
	return load(PCI_BASE_ADDRESS_0 + 4 * i, 4);
}

/* All ones, and what stays of them. */
static uint32_t sized(unsigned int i)
{
	uint32_t old = bar(i), mask;

	store(PCI_BASE_ADDRESS_0 + 4 * i, UINT32_MAX, 4);
	mask = bar(i);
	store(PCI_BASE_ADDRESS_0 + 4 * i, old, 4);
	assert_int_equal(bar(i), old);
	return mask;
}

static void header(void **state)
{
	assert_int_equal(load(PCI_VENDOR_ID, 4), 0x56781234);
	assert_int_equal(load(PCI_CLASS_REVISION, 4), 0x08800003);
	assert_int_equal(load(PCI_SUBSYSTEM_VENDOR_ID, 4), 0x11001af4);
	assert_int_equal(load(PCI_INTERRUPT_PIN, 1), 1);
	assert_int_equal(load(PCI_HEADER_TYPE, 1), 0);
	/* None of these is the user's. */
	for (unsigned int at = 0; at < PCI_STD_HEADER_SIZEOF; at += 4) {
		uint32_t old = load(at, 4);

		if (at >= PCI_BASE_ADDRESS_0 && at <= PCI_BASE_ADDRESS_5)
			continue;
		store(at, ~old, 4);
		if (at == PCI_COMMAND)
			assert_int_equal(load(at, 4) >> 16, old >> 16);
		else if (at == PCI_CACHE_LINE_SIZE)
			assert_int_equal(load(at, 4) >> 8, old >> 8);
		else if (at == PCI_INTERRUPT_LINE)
			assert_int_equal(load(at, 4) >> 8, old >> 8);
		else
			assert_int_equal(load(at, 4), old);
	}
	assert_int_equal(load(PCI_INTERRUPT_LINE, 1), 0xff);
}

static void bar_sizes(void **state)
{
	assert_int_equal(sized(0), ~(TOY_PAGES * 4096u - 1));
	assert_int_equal(sized(1), 0); /* there is none */
	assert_int_equal(sized(2),
			 (~0xffffu) | PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH);
	assert_int_equal(sized(3), UINT32_MAX); /* the upper half of 2 */
	assert_int_equal(sized(4), ~0xfffu);
	assert_int_equal(sized(5), ~0x1fu | PCI_BASE_ADDRESS_SPACE_IO);
}

/* Byte by byte it is the same as in one. */
static void narrow_stores(void **state)
{
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		unsigned int at = PCI_BASE_ADDRESS_0 + 4 * i;
		uint32_t whole = sized(i), parts;

		for (unsigned int b = 0; b < 4; b++)
			store(at + b, 0xff, 1);
		parts = load(at + 2, 2) << 16 | load(at + 1, 1) << 8 | load(at, 1);
		assert_int_equal(parts, whole);
		store(at, 0, 2);
		store(at + 2, 0, 2);
		assert_int_equal(bar(i), whole & 0xf & (i == 5 ? 3 : i == 3 ? 0 : 0xf));
	}
}

static void opened(void **state)
{
	uint32_t first[PCI_BARS];

	for (unsigned int i = 0; i < PCI_BARS; i++) {
		first[i] = bar(i);
		store(PCI_BASE_ADDRESS_0 + 4 * i, 0x12345678, 4);
	}
	store(PCI_INTERRUPT_LINE, 9, 1);
	store(PCI_COMMAND, 0xffff, 2);
	assert_true(pci_command(toy) & PCI_COMMAND_MASTER);
	pci_config_open(toy);
	for (unsigned int i = 0; i < PCI_BARS; i++)
		assert_int_equal(bar(i), first[i]);
	assert_int_equal(load(PCI_INTERRUPT_LINE, 1), 0);
	assert_int_equal(load(PCI_COMMAND, 2), PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	pci_set_command(toy, PCI_COMMAND_MASTER, PCI_COMMAND_IO);
	assert_int_equal(pci_command(toy), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void capabilities(void **state)
{
	unsigned int at = load(PCI_CAPABILITY_LIST, 1), seen = 0;

	assert_true(load(PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
	for (int steps = 0; at; steps++) {
		unsigned int id = load(at + PCI_CAP_LIST_ID, 1);

		assert_true(steps < 8 && at >= PCI_STD_HEADER_SIZEOF && at % 4 == 0);
		store(at, 0, 2); /* the list is not the user's */
		assert_int_equal(load(at + PCI_CAP_LIST_ID, 1), id);
		seen |= 1u << id;
		at = load(at + PCI_CAP_LIST_NEXT, 1);
	}
	assert_int_equal(seen, 1u << PCI_CAP_ID_PM | 1u << PCI_CAP_ID_MSI | 1u << PCI_CAP_ID_MSIX |
				       1u << PCI_CAP_ID_EXP);
	assert_int_equal(load(toy->config.msix + PCI_MSIX_FLAGS, 2), TOY_VECTORS - 1);
	assert_int_equal(load(toy->config.msix + PCI_MSIX_TABLE, 4), TOY_MSIX_BAR);
	assert_int_equal(load(toy->config.msix + PCI_MSIX_PBA, 4), 0x800 | TOY_MSIX_BAR);
	assert_int_equal(load(PCI_CFG_SPACE_SIZE, 4), 0); /* no extended one */
}

static void interrupts_shown(void **state)
{
	unsigned int msi = toy->config.msi + PCI_MSI_FLAGS,
		     msix = toy->config.msix + PCI_MSIX_FLAGS;

	assert_int_equal(load(msi, 2) & PCI_MSI_FLAGS_QMASK, 2 << 1);
	store(msi, PCI_MSI_FLAGS_ENABLE, 2);
	store(msix, PCI_MSIX_FLAGS_ENABLE, 2);
	assert_false(load(msi, 2) & PCI_MSI_FLAGS_ENABLE); /* by SET_IRQS alone */
	assert_false(load(msix, 2) & PCI_MSIX_FLAGS_ENABLE);
	pci_irq_set_kind(toy, PCI_IRQ_MSI);
	assert_true(load(msi, 2) & PCI_MSI_FLAGS_ENABLE);
	pci_irq_set_kind(toy, PCI_IRQ_MSIX);
	assert_false(load(msi, 2) & PCI_MSI_FLAGS_ENABLE);
	assert_true(load(msix, 2) & PCI_MSIX_FLAGS_ENABLE);
	pci_irq_set_kind(toy, PCI_IRQ_NONE);
	assert_false(load(msix, 2) & PCI_MSIX_FLAGS_ENABLE);
}

static void status_of_intx(void **state)
{
	uiommufd_intx(pci_model_device(toy), true);
	assert_true(load(PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	assert_true(load(PCI_COMMAND, 4) >> 16 & PCI_STATUS_INTERRUPT);
	uiommufd_intx(pci_model_device(toy), false);
	assert_false(load(PCI_STATUS, 1) & PCI_STATUS_INTERRUPT);
}

/* PCI Express Base 7.5.3.4: the bit asks, and reads as 0. */
static void asks_for_reset(void **state)
{
	unsigned int control = toy->config.pcie + PCI_EXP_DEVCTL;

	assert_false(store(control, 0x7fff, 2));
	assert_true(store(control, PCI_EXP_DEVCTL_BCR_FLR, 2));
	assert_true(store(control, PCI_EXP_DEVCTL_BCR_FLR | 0xffff0000, 4));
	assert_true(store(control + 1, PCI_EXP_DEVCTL_BCR_FLR >> 8, 1));
	assert_false(store(control, 0xff, 1));
	assert_false(load(control, 2) & PCI_EXP_DEVCTL_BCR_FLR);
	assert_false(store(PCI_COMMAND, 0x8000, 2));
}

static void addresses(void **state)
{
	const struct uiommufd_bar bars[6] = {
		{1 << 20}, {16, UIOMMUFD_BAR_IO}, {1ull << 40, UIOMMUFD_BAR_64BIT}, {},
		{4096},	   {64, UIOMMUFD_BAR_IO}};
	uint64_t last[2][6] = {};

	for (unsigned int i = 0; i < 64; i++) {
		uint64_t *now = last[i % 2];

		pci_assign_addresses(i, 1, bars, now);
		for (unsigned int b = 0; b < 6; b++) {
			if (!bars[b].size) {
				assert_int_equal(now[b], 0);
				continue;
			}
			assert_int_equal(now[b] % bars[b].size, 0);
			if (i)
				assert_true(now[b] >= last[!(i % 2)][b] + bars[b].size);
		}
	}
}

/* What sysfs shows of a function that this process need not have made. */
static void described(void **state)
{
	uint8_t physical[PCI_EXT_CONFIG_SIZE], virtual[PCI_EXT_CONFIG_SIZE];
	struct share share = {.vfs = 3};
	struct pci_setup setup = {
		.model = &rig_toy,
		.share = &share,
		.addresses = {0x80000000, 0, 0x10000000000, 0, 0x80100000, 0x1000},
		.sriov = {.total = 4, .first = 2}};

	assert_int_equal(pci_config_describe(&setup, false, physical), 0);
	/* The toy's own, before anybody has used it. */
	for (unsigned int at = 0; at < PCI_COMMAND; at += 4)
		assert_int_equal(load(at, 4), pci_get(physical, at, 4));
	assert_int_equal(pci_get(physical, PCI_BASE_ADDRESS_0, 4), 0x80000000);
	assert_int_equal(pci_get(physical, 0x100, 2), PCI_EXT_CAP_ID_SRIOV);
	assert_int_equal(pci_get(physical, 0x100 + PCI_SRIOV_NUM_VF, 2), 3);
	assert_int_equal(pci_get(physical, 0x100 + PCI_SRIOV_VF_OFFSET, 2), 2);
	setup.sriov.total = 0;
	assert_int_equal(pci_config_describe(&setup, true, virtual), 0);
	assert_int_equal(pci_get(virtual, PCI_VENDOR_ID, 4), 0xffffffff);
	assert_int_equal(pci_get(virtual, PCI_CLASS_REVISION, 4), 0x08800003);
	assert_int_equal(pci_get(virtual, PCI_BASE_ADDRESS_0, 4), 0);
	assert_int_equal(pci_get(virtual, PCI_INTERRUPT_PIN, 1), 0);
	assert_int_equal(pci_get(virtual, 0x100, 4), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(header),	      TEST(bar_sizes),
		TEST(narrow_stores),  TEST(opened),
		TEST(capabilities),   TEST(interrupts_shown),
		TEST(status_of_intx), TEST(asks_for_reset),
		TEST(described),      cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
