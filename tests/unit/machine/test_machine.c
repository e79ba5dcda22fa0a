/* SPDX-License-Identifier: MIT */
/* From descriptions to machines: what is built, what is refused and with which words, and that nothing is left behind. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include <uiommufd/vfio.h>

#include "base/inject.h"
#include "core/client.h"
#include "core/share.h"
#include "machine/machine.h"

static const char *toy_path;

static int describe(const char *text, struct config **ret_config, struct config_error *error)
{
	struct config *config = NULL;
	int r = config_new(&config);

	if (r)
		return r;
	r = config_read(config, text, error);
	r = r ? r : config_complete(config, NULL, error);
	r = r ? r : machine_learn(config, error);
	if (r)
		config_free(config);
	else
		*ret_config = config;
	return r;
}

static int build(const char *text, struct machine **ret_machine, struct config_error *error)
{
	struct config *config = NULL;
	int r = describe(text, &config, error);

	if (r)
		return r;
	r = machine_build(config, NULL, NULL, error, ret_machine);
	config_free(config);
	return r;
}

static int has(struct machine *machine, const char *node)
{
	struct client client = {.mm = mm_self()};
	struct file *file;
	int r = machine_open(machine, &client, node, &file);

	if (!r)
		file_put(file);
	mm_put(client.mm);
	return r;
}

static int give_shares(struct machine *machine, void *shares)
{
	machine_set_shares(machine, shares);
	return 0;
}

static void nodes_are_there(void **state)
{
	struct config_error error;
	struct machine *machine;

	(void)state;
	assert_int_equal(build("iommu vtd\niommu vtd address-bits=57\ndevice dmatest\n"
			       "device ioat iommu=vtd1 vfio=7 group=3",
			       &machine, &error),
			 0);
	assert_int_equal(has(machine, "vfio/devices/vfio0"), 0);
	assert_int_equal(has(machine, "vfio/devices/vfio7"), 0);
	assert_int_equal(has(machine, "vfio/devices/vfio1"), -ENOENT);
	assert_int_equal(has(machine, "vfio/0"), 0);
	assert_int_equal(has(machine, "vfio/3"), 0);
	assert_int_equal(has(machine, "vfio/1"), -ENOENT);
	assert_int_equal(has(machine, "iommu"), 0);
	machine_put(machine);
}

static void virtual_functions_are_there_when_they_are(void **state)
{
	struct share shares[3] = {};
	struct config_error error;
	struct machine *machine;
	struct config *config = NULL;

	(void)state;
	assert_int_equal(describe("device dmatest sriov=2", &config, &error), 0);
	assert_int_equal(machine_build(config, NULL, NULL, &error, &machine), 0);
	assert_int_equal(has(machine, "vfio/devices/vfio0"), 0);
	assert_int_equal(has(machine, "vfio/devices/vfio1"), -ENOENT);
	machine_put(machine);
	assert_int_equal(machine_build(config, give_shares, shares, &error, &machine), 0);
	assert_int_equal(has(machine, "vfio/devices/vfio1"), -ENOENT);
	shares[0].vfs = 1;
	assert_int_equal(has(machine, "vfio/devices/vfio1"), 0);
	assert_int_equal(has(machine, "vfio/1"), 0);
	assert_int_equal(has(machine, "vfio/devices/vfio2"), -ENOENT);
	machine_put(machine);
	config_free(config);
}

static void kinds_of_iommus(void **state)
{
	struct config_error error;
	struct machine *machine;

	(void)state;
	assert_int_equal(
		build("iommu smmuv3 cmdqv=on caches=off seed=7 invalidation-errors=report\n"
		      "iommu vtd iotlb-entries=0 table-entries=0 device-entries=0\n"
		      "iommu smmuv3 iotlb-entries=0 table-entries=4K\n"
		      "iommu amd nesting=on five-levels=off pasid-bits=8\n"
		      "device dmatest iommu=smmuv30 stalls=on ats-answer=never\n"
		      "device dmatest iommu=amd0",
		      &machine, &error),
		0);
	assert_int_equal(has(machine, "vfio/devices/vfio0"), 0);
	assert_int_equal(has(machine, "vfio/devices/vfio1"), 0);
	machine_put(machine);
}

static void identities_are_learned(void **state)
{
	struct config_error error;
	struct config *config = NULL;

	(void)state;
	assert_int_equal(describe("device ioat", &config, &error), 0);
	assert_int_equal(config->devices[0].identity.vendor_id, 0x8086);
	assert_int_equal(config->devices[0].identity.bars[0].size, 0x4000);
	assert_null(config->devices[0].identity.create);
	assert_null(config->devices[0].identity.options);
	config_free(config);
}

/* What a description changes of a model. */
static void pri_is_of_the_function(void **state)
{
	struct config_error error;
	struct machine *machine;
	struct config *config = NULL;

	(void)state;
	assert_int_equal(describe("device nvme\ndevice nvme pri=on\ndevice dmatest pri=off",
				  &config, &error),
			 0);
	assert_false(config->devices[0].identity.flags & (UIOMMUFD_MODEL_ATS | UIOMMUFD_MODEL_PRI));
	assert_int_equal(config->devices[1].identity.flags &
				 (UIOMMUFD_MODEL_ATS | UIOMMUFD_MODEL_PRI),
			 UIOMMUFD_MODEL_ATS | UIOMMUFD_MODEL_PRI);
	assert_int_equal(config->devices[2].identity.flags &
				 (UIOMMUFD_MODEL_ATS | UIOMMUFD_MODEL_PRI),
			 UIOMMUFD_MODEL_ATS);
	assert_int_equal(machine_build(config, NULL, NULL, &error, &machine), 0);
	machine_put(machine);
	config_free(config);
}

static void models_come_from_files(void **state)
{
	struct config_error error;
	struct machine *machine;
	char text[4096];

	(void)state;
	snprintf(text, sizeof(text), "device \"%s\" add=0x10", toy_path);
	assert_int_equal(build(text, &machine, &error), 0);
	assert_int_equal(has(machine, "vfio/devices/vfio0"), 0);
	machine_put(machine);
	snprintf(text, sizeof(text), "\ndevice \"%s\" add=x", toy_path);
	assert_int_equal(build(text, &machine, &error), -EINVAL);
	assert_int_equal(error.line, 2);
	assert_non_null(strstr(error.text, "add"));
	snprintf(text, sizeof(text), "device \"%s\" sub=1", toy_path);
	assert_int_equal(build(text, &machine, &error), -EINVAL);
	assert_non_null(strstr(error.text, "has no option 'sub': it has add, ats-answer, pri"));
}

static const struct {
	const char *text, *cause;
	unsigned int line;
} wrong[] = {
	{"\niommu foo", "there is no kind of iommu 'foo': there are vtd", 2},
	{"iommu vtd bar=1", "'vtd' has no option 'bar': it has address-bits", 1},
	{"iommu vtd pasid-bits=21", "'pasid-bits' is a number from 1 to 20, not '21'", 1},
	{"iommu vtd iotlb-entries=18014398509481985K",
	 "'iotlb-entries' is a number from 0 to 1048576, not '18014398509481985K'", 1},
	{"iommu vtd iotlb-entries=1X", "'iotlb-entries' is a number from 0 to 1048576, not '1X'",
	 1},
	{"iommu vtd nesting=no", "'nesting' is on or off, not 'no'", 1},
	{"iommu vtd address-bits=50", "'vtd0' can't be made: Invalid argument", 1},
	{"iommu smmuv3 address-bits=48", "'smmuv3' has no option 'address-bits': it has pasid-bits",
	 1},
	{"iommu amd nesting=yes", "'nesting' is off or on, not 'yes'", 1},
	{"iommu amd\ndevice dmatest stalls=on", "'dmatest' has no option 'stalls'", 2},
	{"device foo", "there is no model 'foo': there are ", 1},
	{"device ioat foo=1",
	 "'ioat' has no option 'foo': it has xfercap, version, ats-answer, pri", 1},
	{"\ndevice ioat xfercap=3", "xfercap is a number from 12 to 30", 2},
	{"device ioat sriov=1", "'ioat' can't have virtual functions", 1},
	{"device ./none.so", "the model can't be loaded: ", 1},
	{"iommu smmuv3\ndevice nvme pri=on", "'nvme' has no option 'pri'", 2},
	{"device nvme pri=maybe", "'pri' is off or on, not 'maybe'", 1},
	{"device dmatest ats-answer=maybe", "'ats-answer' is right or wrong or never, not 'maybe'",
	 1},
};

static void what_is_wrong_is_said(void **state)
{
	struct config_error error;
	struct machine *machine;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(build(wrong[i].text, &machine, &error), -EINVAL);
		if (!strstr(error.text, wrong[i].cause))
			fail_msg("'%s' is not like '%s'", error.text, wrong[i].cause);
		assert_int_equal(error.line, wrong[i].line);
	}
}

static void each_failure_is_reported(void **state)
{
	struct config_error error;
	struct machine *machine;
	struct config *config = NULL;
	unsigned int nth = 1, left;
	int r;

	(void)state;
	assert_int_equal(describe("device dmatest sriov=1\ndevice ioat", &config, &error), 0);
	do {
		inject_arm(nth++);
		r = machine_build(config, NULL, NULL, &error, &machine);
		left = inject_left();
		inject_arm(0);
		if (!r)
			machine_put(machine);
		assert_true(left ? !r : r < 0);
	} while (!left);
	assert_in_range(nth, 20, 400);
	config_free(config);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_are_there),
		cmocka_unit_test(virtual_functions_are_there_when_they_are),
		cmocka_unit_test(kinds_of_iommus),
		cmocka_unit_test(identities_are_learned),
		cmocka_unit_test(pri_is_of_the_function),
		cmocka_unit_test(models_come_from_files),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(each_failure_is_reported),
	};

	toy_path = argc > 1 ? argv[1] : "";
	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
