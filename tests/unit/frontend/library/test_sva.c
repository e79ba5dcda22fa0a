/* SPDX-License-Identifier: MIT */
/* Shared virtual addressing by the library: which binds it takes. What DMA makes of them is tests/unit/device/test_sva.c. */
#include "unit.h"

#include <errno.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>
#include <uiommufd/uiommufd.h>

static void binds(void **state)
{
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	struct iommu_test_cmd plug = {
		.size = sizeof(plug),
		.op = IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS,
		.mock_domain_flags = {.dev_flags = MOCK_FLAGS_DEVICE_PASID},
	};
	struct uiommufd_machine *machine;
	struct uiommufd_file *file;
	pid_t other = fork();
	uint32_t dev;

	if (!other)
		pause();
	assert_int_equal(uiommufd_machine_new(NULL, &machine), 0);
	assert_int_equal(uiommufd_open(machine, "iommu", 0, &file), 0);
	assert_int_equal(uiommufd_ioctl(file, IOMMU_IOAS_ALLOC, &ioas), 0);
	plug.id = ioas.out_ioas_id;
	assert_int_equal(uiommufd_ioctl(file, IOMMU_TEST_CMD, &plug), 0);
	dev = plug.mock_domain_flags.out_idev_id;
	assert_int_equal(uiommufd_sva_bind(file, dev + 100, 3, 0), -ENOENT);
	assert_int_equal(uiommufd_sva_bind(file, dev, 0, 0), -EINVAL);
	assert_int_equal(uiommufd_sva_bind(file, dev, 3, 0), 0);
	assert_int_equal(uiommufd_sva_bind(file, dev, 3, getpid()), 0);
	assert_int_equal(uiommufd_sva_bind(file, dev, 3, other), -EBUSY);
	assert_int_equal(uiommufd_sva_bind(file, dev, 4, other), 0);
	assert_int_equal(uiommufd_sva_unbind(file, dev, 3), 0);
	assert_int_equal(uiommufd_sva_unbind(file, dev, 3), 0);
	assert_int_equal(uiommufd_sva_unbind(file, dev, 3), -ENOENT);
	assert_int_equal(uiommufd_sva_unbind(file, dev + 100, 3), -ENOENT);
	uiommufd_close(file);
	uiommufd_machine_unref(machine);
	assert_int_equal(kill(other, SIGKILL), 0);
	assert_int_equal(waitpid(other, NULL, 0), other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(binds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
