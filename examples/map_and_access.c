/* SPDX-License-Identifier: MIT */
/*
 * Maps memory into an address space of the IOMMU, and lets a device read and write it there.
 *
 * The device is one that the IOMMU's test command offers (IOMMU_TEST_CMD, <uiommufd/mock.h>): it stands for hardware, and sees nothing but
 * IOVAs. A kernel has that command only if it was built for its own tests; uiommufd always has it.
 */
#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>

#include "iommu.h"

#define LENGTH 8192

static struct iommu *iommu;

/* Every ioctl of this program has to work. */
static long call(const char *what, unsigned long cmd, void *arg)
{
	long rc = iommu_ioctl(iommu, cmd, arg);

	if (rc < 0) {
		errno = (int)-rc;
		err(1, "%s", what);
	}
	return rc;
}

static uint32_t new_ioas(void)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};

	call("IOMMU_IOAS_ALLOC", IOMMU_IOAS_ALLOC, &alloc);
	return alloc.out_ioas_id;
}

/* The IOMMU chooses the IOVA. */
static uint64_t map(uint32_t ioas, void *memory)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas,
		.user_va = (uintptr_t)memory,
		.length = LENGTH,
	};

	call("IOMMU_IOAS_MAP", IOMMU_IOAS_MAP, &map);
	return map.iova;
}

static void unmap(uint32_t ioas, uint64_t iova)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = ioas, .iova = iova, .length = LENGTH};

	call("IOMMU_IOAS_UNMAP", IOMMU_IOAS_UNMAP, &unmap);
}

/* A device behind the IOMMU, attached to the IOAS through a page table of its own. */
static uint32_t new_device(uint32_t ioas)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_MOCK_DOMAIN, .id = ioas};

	call("MOCK_DOMAIN", IOMMU_TEST_CMD, &cmd);
	return cmd.mock_domain.out_hwpt_id;
}

/* Does the page table lead from the IOVA to the memory? */
static void check_map(uint32_t hwpt, uint64_t iova, void *memory)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MD_CHECK_MAP,
		.id = hwpt,
		.check_map = {.iova = iova, .length = LENGTH, .uptr = (uintptr_t)memory},
	};

	call("MD_CHECK_MAP", IOMMU_TEST_CMD, &cmd);
}

/* A device that lives in software: its descriptor. */
static int new_access(uint32_t ioas)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_CREATE_ACCESS, .id = ioas};

	call("CREATE_ACCESS", IOMMU_TEST_CMD, &cmd);
	return (int)cmd.create_access.out_access_fd;
}

/* The device copies between its own buffer and an IOVA: the result, or -errno. */
static long access_rw(int access, uint64_t iova, void *buffer, size_t length, uint32_t flags)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_ACCESS_RW,
		.id = (uint32_t)access,
		.access_rw = {.iova = iova,
			      .length = length,
			      .uptr = (uintptr_t)buffer,
			      .flags = flags},
	};

	return iommu_ioctl(iommu, IOMMU_TEST_CMD, &cmd);
}

int main(void)
{
	char *memory =
		mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char buffer[32] = "", answer[] = "the device was here";
	uint32_t ioas, hwpt;
	uint64_t iova;
	int access;

	if (memory == MAP_FAILED)
		err(1, "mmap");
	iommu = iommu_open();
	ioas = new_ioas();
	hwpt = new_device(ioas);
	iova = map(ioas, memory);
	printf("%d bytes are mapped at IOVA %#llx\n", LENGTH, (unsigned long long)iova);
	check_map(hwpt, iova, memory);

	access = new_access(ioas);
	strcpy(memory + 4096, "hello, device");
	if (access_rw(access, iova + 4096, buffer, sizeof(buffer), 0))
		errx(1, "the device can't read");
	printf("the device reads:  %s\n", buffer);
	if (access_rw(access, iova, answer, sizeof(answer), MOCK_ACCESS_RW_WRITE))
		errx(1, "the device can't write");
	printf("the program reads: %s\n", memory);

	unmap(ioas, iova);
	if (access_rw(access, iova, buffer, sizeof(buffer), 0) != -ENOENT)
		errx(1, "the device still reads what is unmapped");
	printf("unmapped: the device reads no more\n");
	close(access);
	iommu_close(iommu);
	return strcmp(buffer, "hello, device") || strcmp(memory, answer);
}
