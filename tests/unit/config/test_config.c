/* SPDX-License-Identifier: MIT */
/* Descriptions: what they mean, what is wrong with them, and that text and struct say the same. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/inject.h"
#include "config/config.h"
#include "config/words.h"

static struct config *read_text(const char *text)
{
	struct config_error error;
	struct config *config;

	assert_int_equal(config_new(&config), 0);
	if (config_read(config, text, &error) || config_complete(config, NULL, &error))
		fail_msg("line %u: %s", error.line, error.text);
	return config;
}

static void all_that_can_be_said(void **state)
{
	struct config *config = read_text("# a machine\n"
					  "machine sanitize\n"
					  "iommu vtd\n"
					  "\n"
					  "iommu smmuv3 name=s  iotlb-entries=8 # small\n"
					  "device nvme size=64M bdf=c1:1f.7 iommu=s\n"
					  "  device \"./my model.so\" vfio=7 group=3\r\n"
					  "device ioat text=\"a \\\"b\\\" # \\\\\"");
	const struct config_device *device = config->devices;

	(void)state;
	assert_string_equal(config_option(&config->options, "sanitize"), "on");
	assert_int_equal(config->iommu_count, 2);
	assert_string_equal(config->iommus[0].name, "vtd0");
	assert_string_equal(config->iommus[1].kind, "smmuv3");
	assert_string_equal(config_option(&config->iommus[1].options, "iotlb-entries"), "8");
	assert_null(config_option(&config->iommus[1].options, "name"));
	assert_int_equal(config->device_count, 3);

	assert_string_equal(device->model, "nvme");
	assert_string_equal(config_option(&device->options, "size"), "64M");
	assert_int_equal(device->options.count, 1);
	assert_int_equal(device->iommu, 1);
	assert_int_equal(device->address.domain, 0);
	assert_int_equal(device->address.bus, 0xc1);
	assert_int_equal(device->address.device, 31);
	assert_int_equal(device->address.function, 7);
	assert_int_equal(device->group, 0);
	assert_int_equal(device->number, 0);
	assert_int_equal(device->line, 6);

	assert_string_equal((++device)->model, "./my model.so");
	assert_int_equal(device->group, 3);
	assert_int_equal(device->number, 7);
	assert_int_equal(device->iommu, 0);
	assert_int_equal(device->address.domain, 0x1000);
	assert_int_equal(device->address.device, 1);

	assert_string_equal(config_option(&(++device)->options, "text"), "a \"b\" # \\");
	assert_int_equal(device->group, 1);
	assert_int_equal(device->number, 1);
	assert_int_equal(device->address.device, 2);
	config_free(config);
}

static void virtual_functions_are_devices(void **state)
{
	struct config *config = read_text("iommu vtd name=a\niommu vtd name=b\ndevice nvme\n"
					  "device dmatest sriov=2 iommu=b file=x text=t\n"
					  "device dmatest bdf=1000:00:02.3\n"
					  "device dmatest sriov=9\n");
	const struct config_device *vf = config->devices + 4, *nvme = config->devices;
	struct config *again;
	char *text;

	(void)state;
	assert_int_equal(config->device_count, 4 + 2 + 9);
	assert_int_equal(nvme->number, 0);
	/* 1000:00:02.3 is taken, so they fit behind the function itself. */
	assert_true(vf->is_vf);
	assert_int_equal(vf->pf, 1);
	assert_int_equal(vf[1].vf, 1);
	assert_int_equal(config_requester(&vf->address), 0x11);
	assert_int_equal(config_requester(&vf[1].address), 0x12);
	assert_int_equal(vf->iommu, 1);
	assert_int_equal(vf->number, 4);
	assert_int_equal(vf->group, 4);
	assert_string_equal(vf->model, "dmatest");
	assert_string_equal(config_option(&vf->options, "text"), "t");
	assert_null(config_option(&vf->options, "file"));
	/* Nine don't: they get a bus of their own. */
	assert_int_equal(vf[2].pf, 3);
	assert_int_equal(config_requester(&vf[2].address), 0x100);
	assert_int_equal(config_requester(&vf[10].address), 0x108);
	assert_ptr_equal(config_first_vf(config, 3), &vf[2]);
	assert_null(config_first_vf(config, 0));
	/* Who reads it again finds the same, and adds none. */
	assert_int_equal(config_write(config, &text), 0);
	again = read_text(text);
	assert_int_equal(again->device_count, config->device_count);
	assert_int_equal(config_requester(&again->devices[14].address), 0x108);
	assert_int_equal(again->devices[14].number, config->devices[14].number);
	assert_int_equal(again->devices[14].vf, 8);
	free(text);
	config_free(again);
	config_free(config);
}

/* ---- many devices ---- */

#define MANY 5000

static unsigned int asked;

/* The computer has a few. */
static bool some_are_real(enum config_thing thing, int number)
{
	asked++;
	return thing == CONFIG_NUMBER && number < 3;
}

static void assert_same(const struct config *config, const struct config *again)
{
	assert_int_equal(again->device_count, config->device_count);
	for (size_t i = 0; i < config->device_count; i++) {
		const struct config_device *a = &config->devices[i], *b = &again->devices[i];

		assert_string_equal(a->model, b->model);
		assert_int_equal(a->address.domain, b->address.domain);
		assert_int_equal(config_requester(&a->address), config_requester(&b->address));
		assert_int_equal(a->group, b->group);
		assert_int_equal(a->number, b->number);
		assert_int_equal(a->iommu, b->iommu);
		assert_int_equal(a->vfs, b->vfs);
		assert_int_equal(a->is_vf, b->is_vf);
		assert_int_equal(a->pf, b->pf);
		assert_int_equal(a->vf, b->vf);
		assert_int_equal(a->options.count, b->options.count);
		assert_int_equal(a->identity.vendor_id, b->identity.vendor_id);
	}
}

/* Writes it and reads it again: how long the text is. */
static size_t assert_round_trip(const struct config *config)
{
	struct config *again;
	size_t length;
	char *text;

	assert_int_equal(config_write(config, &text), 0);
	length = strlen(text);
	again = read_text(text);
	assert_same(config, again);
	config_free(again);
	free(text);
	return length;
}

/* What is looked at grows with their number, not with its square; and what is alike is said once, for it has to fit into a variable of the environment. */
static void many(void **state)
{
	struct config_error error;
	struct config *config;

	(void)state;
	assert_int_equal(config_new(&config), 0);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(config_add_device(config, "dmatest", &error), 0);
	for (int i = 0; i < MANY; i++)
		config->devices[i].identity = (struct uiommufd_model){
			.size = sizeof(struct uiommufd_model), .vendor_id = 0x1234};
	asked = 0;
	assert_int_equal(config_complete(config, some_are_real, &error), 0);
	assert_true(asked < 3 * MANY);
	assert_int_equal(config->devices[MANY - 1].group, MANY - 1);
	assert_int_equal(config->devices[MANY - 1].number, MANY + 2);
	assert_int_equal(config->devices[31].address.bus, 1);
	assert_int_equal(config->devices[31].address.device, 1);
	assert_true(assert_round_trip(config) < 1000);
	config_free(config);
}

static void alike_but_for_something(void **state)
{
	struct config *config = read_text("iommu vtd name=a\niommu vtd name=b\n"
					  "device x count=3\nidentity vendor=1\n"
					  "device x count=2 iommu=b\ndevice x count=2 o=1\n"
					  "device y\nidentity vendor=2\n"
					  "device x count=2 o=2 sriov=3\nidentity vendor=3\n"
					  "device x group=20\nidentity vendor=4\n"
					  "device x count=2 bdf=0000:03:1e.1 vfio=30 group=40\n");
	const struct config_device *device = config->devices;

	(void)state;
	assert_int_equal(config->device_count, 13 + 2 * 3);
	for (int i = 0; i < 7; i++)
		assert_int_equal(device[i].identity.vendor_id, 1);
	assert_int_equal(device[7].identity.vendor_id, 2);
	assert_int_equal(device[9].identity.vendor_id, 3);
	assert_int_equal(device[12].identity.vendor_id, 4);
	assert_int_equal(config_requester(&device[12].address), 0x3f9);
	assert_int_equal(device[12].number, 31);
	assert_int_equal(device[12].group, 41);
	assert_int_equal(device[18].pf, 9);
	assert_int_equal(device[18].vf, 2);
	assert_round_trip(config);
	config_free(config);
}

static void devices_bring_an_iommu(void **state)
{
	struct config_error error;
	struct config *config = read_text("");

	(void)state;
	assert_int_equal(config->iommu_count, 0);
	assert_int_equal(config_add_device(config, "nvme,size=\"1,5\",ro", &error), 0);
	assert_int_equal(config_complete(config, NULL, &error), 0);
	assert_int_equal(config->iommu_count, 1);
	assert_string_equal(config->iommus[0].kind, "vtd");
	assert_string_equal(config_option(&config->devices[0].options, "size"), "1,5");
	assert_string_equal(config_option(&config->devices[0].options, "ro"), "on");
	assert_int_equal(config_add_iommu(config, "smmuv3,name=x,a=b", &error), 0);
	assert_string_equal(config->iommus[1].name, "x");
	config_free(config);
}

static const struct {
	const char *text;
	unsigned int line;
	const char *cause;
} wrong[] = {
	{"\n\ndevise nvme", 3, "'devise' is no statement: machine, iommu and device are"},
	{"device", 1, "a device starts with the name of its model"},
	{"device size=1", 1, "a device starts with the name of its model"},
	{"iommu", 1, "an iommu starts with its kind"},
	{"device a bdf=1:2", 1, "'1:2' is no address as in bdf=1000:00:01.0"},
	{"device a bdf=0000:00:20.0", 1, "'0000:00:20.0' is no address as in bdf=1000:00:01.0"},
	{"device a bdf=00:1f.8", 1, "'00:1f.8' is no address as in bdf=1000:00:01.0"},
	{"device a group=x", 1, "'group' needs a number from 0 to 9999"},
	{"device a group=10000", 1, "'group' needs a number from 0 to 9999"},
	{"device a sriov", 1, "'sriov' needs a number from 0 to 64"},
	{"device a sriov=65", 1, "'sriov' needs a number from 0 to 64"},
	{"device a vf-of=x", 1, "'x' is no address as in vf-of=1000:00:01.0"},
	{"device a bdf=0:1.1 vf-of=0:1.0", 1, "'vf-of' needs a 'a' with 'sriov' that comes before"},
	{"device a bdf=0:1.0 sriov=2\ndevice a bdf=0:1.1 vf-of=0:1.0", 1,
	 "there are 1 of 2 virtual functions"},
	{"device a bdf=0:1.0 sriov=2\ndevice a bdf=0:1.1 vf-of=0:1.0\n"
	 "device a bdf=0:1.3 vf-of=0:1.0",
	 3, "virtual functions come one behind the other"},
	{"device a b=1 b=2", 1, "'b' is there twice"},
	{"device a \"b", 1, "a quotation mark has no partner"},
	{"device a iommu=x", 1, "there is no iommu named 'x'"},
	{"iommu vtd name=x\niommu vtd name=x", 1, "there are two iommus named 'x'"},
	{"device a bdf=00:1.0\ndevice b bdf=0:01.0", 2,
	 "there is a device at 0000:00:01.0 already"},
	{"device a vfio=1\ndevice b vfio=1", 2, "there is a vfio1 already"},
	{"iommu vtd\niommu vtd name=x\ndevice a group=1\ndevice b group=1 iommu=x", 4,
	 "group 1 is behind two iommus"},
	{"identity vendor=1", 1, "there is no device before the identity"},
	{"device a\nidentity vendr=1", 2, "'vendr' is no part of an identity"},
	{"device a\nidentity vendor=65536", 2, "'vendor' needs a number of at most 16 bits"},
};

static void errors_say_where_and_why(void **state)
{
	struct config_error error;
	struct config *config;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int r;

		assert_int_equal(config_new(&config), 0);
		r = config_read(config, wrong[i].text, &error);
		if (!r)
			r = config_complete(config, NULL, &error);
		assert_int_equal(r, -EINVAL);
		assert_string_equal(error.text, wrong[i].cause);
		/* The second of two that don't agree may be either. */
		if (strncmp(wrong[i].cause, "there are two", 13))
			assert_int_equal(error.line, wrong[i].line);
		config_free(config);
	}
}

static const char everything[] =
	"machine \"sanitize\"=\"on\"\n"
	"iommu \"vtd\" name=\"vtd0\" unit=0 \"a\"=\"b c\"\n"
	"device \"x/y \\\"z\" bdf=1000:00:01.0 group=0 vfio=0 iommu=\"vtd0\" \"q=\"=\"\\\\\"\n"
	"identity vendor=0x8086 device=0x2021 class=0x88000 flags=0x3 msix=0x10 bar0=0x4000 "
	"bar0-flags=0x5 bar5=0x1000000000\n"
	"device \"nvme\" bdf=1000:00:02.0 group=1 vfio=1 iommu=\"vtd0\"\n";

static bool is_real(enum config_thing thing, int number)
{
	return number < 3 + (int)thing;
}

static void what_is_real_is_left_alone(void **state)
{
	struct config_error error;
	struct config *config;

	(void)state;
	assert_int_equal(config_new(&config), 0);
	assert_int_equal(config_read(config, "device a\ndevice b group=4\ndevice c", &error), 0);
	assert_int_equal(config_complete(config, is_real, &error), 0);
	assert_int_equal(config->devices[0].group, 3);
	assert_int_equal(config->devices[1].group, 4);
	assert_int_equal(config->devices[2].group, 5);
	assert_int_equal(config->devices[0].number, 4);
	assert_int_equal(config->devices[2].number, 6);
	assert_int_equal(config->iommus[0].unit, 5);
	config_free(config);
}

static void text_survives(void **state)
{
	struct config *config = read_text(everything);
	char *text;

	(void)state;
	assert_int_equal(config->devices[0].identity.vendor_id, 0x8086);
	assert_int_equal(config->devices[0].identity.bars[5].size, 0x1000000000);
	assert_int_equal(config->devices[1].identity.size, 0);
	assert_int_equal(config_write(config, &text), 0);
	assert_string_equal(text, everything);
	free(text);
	config_free(config);
}

static int whole_way(void)
{
	struct config_error error;
	struct config *config;
	char *text;
	int r = config_new(&config);

	if (r)
		return r;
	r = config_read(config, everything, &error);
	if (!r)
		r = config_add_device(config, "ioat", &error);
	if (!r)
		r = config_complete(config, NULL, &error);
	if (!r)
		r = config_write(config, &text);
	if (!r)
		free(text);
	config_free(config);
	return r;
}

static void each_failure_is_reported(void **state)
{
	unsigned int nth = 1, left;
	int r;

	(void)state;
	do {
		inject_arm(nth++);
		r = whole_way();
		left = inject_left();
		inject_arm(0);
		assert_int_equal(r, left ? 0 : -ENOMEM);
	} while (!left);
	assert_in_range(nth, 25, 100);
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t value; /* 0: it is none */
	} rows[] = {
		{"12", 12},
		{"010", 10},
		{"0x1f", 31},
		{"3K", 3 << 10},
		{"0x10M", 16 << 20},
		{"2G", UINT64_C(2) << 30},
		{"16777215T", UINT64_C(0xffffff) << 40},
		{"16777216T", 0},
		{"18014398509481985K", 0},
		{"18446744073709551615", UINT64_MAX},
		{"18446744073709551616", 0},
		{"", 0},
		{"K", 0},
		{"0x", 0},
		{"-1", 0},
		{" 1", 0},
		{"1KK", 0},
		{"1k", 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t value = 0;
		int rc = config_size(rows[i].text, UINT64_MAX, &value);

		assert_int_equal(rc, rows[i].value ? 0 : -EINVAL);
		assert_int_equal(value, rows[i].value);
	}
	assert_int_equal(config_number("1K", UINT64_MAX, &(uint64_t){0}), -EINVAL);
	assert_int_equal(config_size("1K", 1024, &(uint64_t){0}), 0);
	assert_int_equal(config_size("1K", 1023, &(uint64_t){0}), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_can_be_said),
		cmocka_unit_test(virtual_functions_are_devices),
		cmocka_unit_test(many),
		cmocka_unit_test(alike_but_for_something),
		cmocka_unit_test(devices_bring_an_iommu),
		cmocka_unit_test(errors_say_where_and_why),
		cmocka_unit_test(what_is_real_is_left_alone),
		cmocka_unit_test(text_survives),
		cmocka_unit_test(each_failure_is_reported),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
