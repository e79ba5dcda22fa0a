/* SPDX-License-Identifier: MIT */
/* BARs: what a load or store of each place comes to, and how each page may be mapped. */
#include "vfio/rig.h"

#include <string.h>

#include "core/file.h"
#include "pci/model.h"

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

static void widths(void **state)
{
	pci_bar_write(toy, 0, TOY_VALUE, 0x1122334455667788, 8);
	assert_int_equal(pci_bar_read(toy, 0, TOY_VALUE, 8), 0x1122334455667788);
	assert_int_equal(pci_bar_read(toy, 0, TOY_VALUE, 4), 0x55667788);
	assert_int_equal(pci_bar_read(toy, 0, TOY_VALUE + 4, 2), 0x3344);
	assert_int_equal(pci_bar_read(toy, 0, TOY_VALUE + 7, 1), 0x11);
	pci_bar_write(toy, 0, TOY_VALUE + 2, 0xaabb, 2);
	assert_int_equal(pci_bar_read(toy, 0, TOY_VALUE, 8), 0x11223344aabb7788);
	assert_int_equal(pci_bar_read(toy, 0, TOY_STORES, 8), 2);
}

static void windows(void **state)
{
	assert_int_equal(pci_bar_read(toy, 0, TOY_HOOKED, 4), 1);
	assert_int_equal(pci_bar_read(toy, 0, TOY_HOOKED + 0xff8, 8), 2);
	/* Memory: the model does not hear of it. */
	pci_bar_write(toy, 0, TOY_MEMORY + 0x10, 0xabcd, 2);
	assert_int_equal(pci_bar_read(toy, 0, TOY_MEMORY + 0x10, 8), 0xabcd);
	assert_int_equal(pci_bar_read(toy, 0, TOY_STORES, 8), 0);
}

static void msix_is_the_hosts(void **state)
{
	for (uint64_t at = 0; at < TOY_VECTORS * 16; at += 8)
		pci_bar_write(toy, TOY_MSIX_BAR, at, UINT64_MAX, 8);
	pci_bar_write(toy, TOY_MSIX_BAR, 0x800, UINT64_MAX, 8);
	pci_bar_write(toy, TOY_MSIX_BAR, 0x800, 0xff, 1);
	assert_int_equal(pci_bar_read(toy, TOY_MSIX_BAR, 0, 8), 0);
	assert_int_equal(pci_bar_read(toy, TOY_MSIX_BAR, 0x800, 8), 0);
	assert_true(pci_bar_is_msix_table(toy, TOY_MSIX_BAR, TOY_VECTORS * 16 - 1, 1));
	assert_false(pci_bar_is_msix_table(toy, TOY_MSIX_BAR, TOY_VECTORS * 16, 8));
	assert_false(pci_bar_is_msix_table(toy, 0, 0, 8));
}

static void pieces(void **state)
{
	const enum pci_piece trapped = FILE_TRAPS ? PCI_PIECE_STORES : PCI_PIECE_NONE;
	const struct {
		uint64_t at;
		enum pci_piece piece;
	} rows[] = {
		{0, trapped},
		{TOY_HOOKED, FILE_TRAPS ? PCI_PIECE_ALL : PCI_PIECE_NONE},
		{TOY_NO_MMAP, PCI_PIECE_NONE},
		{TOY_MEMORY, PCI_PIECE_MEMORY},
	};
	uint64_t length;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(pci_bar_piece(toy, 0, rows[i].at, &length), rows[i].piece);
		assert_int_equal(length, 0x1000);
	}
	assert_int_equal(pci_bar_piece(toy, TOY_MSIX_BAR, 0, &length), trapped);
	assert_int_equal(pci_bar_piece(toy, 2, 0, &length), PCI_PIECE_NONE); /* not MMAP */
	assert_int_equal(length, 0x10000);
}

/* Models of which something is wrong, and what is said of it. */
static void refused(void **state)
{
	static const struct {
		const char *what;
		struct uiommufd_bar bar0, bar1;
		uint16_t msi, msix;
		uint32_t msix_table;
		uint8_t msix_bar;
	} rows[] = {
		{"power of two", {24}},
		{"power of two", {8}},
		{"power of two", {2ull << 40, UIOMMUFD_BAR_64BIT}},
		{"at least 4096", {16, UIOMMUFD_BAR_MMAP}},
		{"next slot", {4096, UIOMMUFD_BAR_64BIT}, {4096}},
		{"2 MiB", {4 << 20}},
		{"power of two up to 32", {4096}, {}, 3},
		{"power of two up to 32", {4096}, {}, 64},
		{"2048", {4096}, {}, 0, 2049},
		{"in their BAR", {4096}, {}, 0, 8, 0xfff8},
		{"in their BAR", {4096}, {}, 0, 8, 4},
		{"in their BAR", {4096}, {}, 0, 8, UINT32_MAX & ~7u},
		{"not overlap", {4096}, {}, 0, 8, 0x7f8},
		{"name a BAR", {4096}, {}, 0, 8, 0, 6},
	};
	struct pci_setup setup = {.iommu = &rig.iommu[0].dev};
	struct uiommufd_model model;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pci_function *function = NULL;

		model = (struct uiommufd_model){.size = sizeof(model),
						.name = "bad",
						.bars = {rows[i].bar0, rows[i].bar1},
						.msi_vectors = rows[i].msi,
						.msix_vectors = rows[i].msix,
						.msix_bar = rows[i].msix_bar,
						.msix_table = rows[i].msix_table,
						.msix_pba = 0x800};
		setup.model = &model;
		assert_int_equal(pci_function_new(rig.bench.machine, &setup, &function), -22);
		assert_null(function);
		assert_non_null(
			strstr(pci_model_take(&model, &(struct uiommufd_model){}), rows[i].what));
	}
}

/* What stood in an image is there when programs can map it, and its address stays. */
static void shared(void **state)
{
	char *image = uiommufd_bar(pci_model_device(toy), 0);

	image[TOY_MEMORY + 5] = 42;
	assert_null(toy->bars[0].memory.keeper);
	pci_hold(toy);
	assert_int_equal(pci_share_bars(toy), 0);
	assert_int_equal(pci_share_bars(toy), 0);
	pci_release(toy);
	assert_non_null(toy->bars[0].memory.keeper);
	assert_null(toy->bars[2].memory.keeper); /* nobody can map it */
	assert_ptr_equal(uiommufd_bar(pci_model_device(toy), 0), image);
	assert_int_equal(image[TOY_MEMORY + 5], 42);
	assert_int_equal(image[TOY_MEMORY + 6], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(widths), TEST(windows), TEST(msix_is_the_hosts),
		TEST(pieces), TEST(refused), TEST(shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
