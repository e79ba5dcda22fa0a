/* SPDX-License-Identifier: MIT */
/* model/nvme: commands on blocks, where their data are (PRP and SGL), and what goes wrong with them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "nvme_driver.h"
#include "unit.h"

#define BLOCKS 8192 /* of 512 bytes: 4 MiB */

static int setup(void **state)
{
	static struct driver driver;

	driver_open(&driver, "size=4M");
	driver_enable(&driver);
	driver_make_queues(&driver, 8);
	*state = &driver;
	return 0;
}

static int teardown(void **state)
{
	driver_close(*state);
	return 0;
}

static void fill(struct driver *driver, uint64_t address, size_t len, unsigned int seed)
{
	char *at = host_at(&driver->host, address);

	for (size_t i = 0; i < len; i++)
		at[i] = seed + i * 7 + i / 251;
}

/* ---- PRP ---- */

static void test_read_write(void **state)
{
	/* Blocks, and where in a page the data begin: one page, two, a list, and at most. */
	static const struct {
		unsigned int n, offset;
	} cases[] = {{1, 0},  {1, 4},	  {1, 3996},  {8, 0},	 {8, 4},    {16, 0},
		     {17, 0}, {17, 2048}, {100, 516}, {1024, 0}, {1017, 0}, {1016, 4092}};
	struct driver *driver = *state;

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t from = DATA + cases[i].offset, to = DATA + 200 * PAGE + cases[i].offset;
		size_t len = cases[i].n * 512;

		fill(driver, from, len, i);
		memset(host_at(&driver->host, to - 4), 0x55, len + 8);
		assert_int_equal(driver_rw(driver, NVME_IO_WRITE, i * 300, cases[i].n, from), 0);
		assert_int_equal(driver_rw(driver, NVME_IO_READ, i * 300, cases[i].n, to), 0);
		assert_memory_equal(host_at(&driver->host, from), host_at(&driver->host, to), len);
		assert_int_equal(*(uint32_t *)host_at(&driver->host, to - 4), 0x55555555);
		assert_int_equal(*(char *)host_at(&driver->host, to + len), 0x55);
	}
}

/* Pages in any order, and lists that begin in the middle of a page and lead to another. */
static void test_scattered(void **state)
{
	struct driver *driver = *state;
	uint64_t *list = host_at(&driver->host, LISTS),
		 *more = host_at(&driver->host, LISTS + PAGE);
	struct nvme_cmd cmd = {.opcode = NVME_IO_WRITE, .nsid = 1, .cdw12 = 40 * 8 - 1};

	cmd.dptr[0] = DATA + 39 * PAGE;
	for (unsigned int first = 505; first < 512; first++) {
		unsigned int page = 38;

		fill(driver, DATA, 40 * PAGE, first);
		cmd.dptr[1] = LISTS + first * 8;
		for (unsigned int i = first; i < 511; i++)
			list[i] = DATA + page-- * PAGE;
		list[511] = LISTS + PAGE;
		for (unsigned int i = 0; page < 39; i++)
			more[i] = DATA + page-- * PAGE;
		assert_int_equal(driver_do(driver, 1, cmd, NULL), 0);
		assert_int_equal(driver_rw(driver, NVME_IO_READ, 0, 320, DATA + 100 * PAGE), 0);
		for (unsigned int i = 0; i < 40; i++)
			assert_memory_equal(host_at(&driver->host, DATA + (100 + i) * PAGE),
					    host_at(&driver->host, DATA + (39 - i) * PAGE), PAGE);
	}
}

/* A transfer that ends with the last entry of a page, and a next list that lies just behind the data. */
static void test_list_edges(void **state)
{
	struct driver *driver = *state;
	uint64_t *list = host_at(&driver->host, LISTS),
		 *more = host_at(&driver->host, LISTS + PAGE);
	struct nvme_cmd cmd = {.opcode = NVME_IO_WRITE, .nsid = 1, .dptr = {DATA, LISTS + 8 * 510}};

	fill(driver, DATA, 4 * PAGE, 5);
	list[510] = DATA + PAGE;
	list[511] = DATA + 3 * PAGE;
	cmd.cdw12 = 3 * 8 - 1;
	assert_int_equal(driver_do(driver, 1, cmd, NULL), 0);
	assert_int_equal(driver_rw(driver, NVME_IO_READ, 16, 8, DATA + 100 * PAGE), 0);
	assert_memory_equal(host_at(&driver->host, DATA + 100 * PAGE),
			    host_at(&driver->host, DATA + 3 * PAGE), PAGE);

	list[510] = LISTS;
	list[511] = LISTS + PAGE;
	more[0] = DATA + 2 * PAGE;
	more[1] = DATA + PAGE;
	cmd.cdw12 = 4 * 8 - 1;
	assert_int_equal(driver_do(driver, 1, cmd, NULL), 0);
	assert_int_equal(driver_rw(driver, NVME_IO_READ, 16, 16, DATA + 100 * PAGE), 0);
	assert_memory_equal(host_at(&driver->host, DATA + 100 * PAGE),
			    host_at(&driver->host, DATA + 2 * PAGE), PAGE);
	assert_memory_equal(host_at(&driver->host, DATA + 101 * PAGE),
			    host_at(&driver->host, DATA + PAGE), PAGE);
}

static void test_wrong_prps(void **state)
{
	struct driver *driver = *state;
	uint64_t *list = host_at(&driver->host, LISTS);
	static const struct {
		uint64_t prp1, prp2;
		unsigned int n;
		int status;
	} wrong[] = {
		{DATA + 2, 0, 1, NVME_PRP_OFFSET},
		{DATA, DATA + 512, 16, NVME_PRP_OFFSET},
		{DATA, LISTS + 4, 17, NVME_PRP_OFFSET},
		{ABSENT, 0, 1, NVME_DATA_TRANSFER_ERROR},
		{DATA, ABSENT, 16, NVME_DATA_TRANSFER_ERROR},
		{DATA, ABSENT, 17, NVME_DATA_TRANSFER_ERROR},
		{HOST_END - 512, ABSENT, 2, NVME_DATA_TRANSFER_ERROR},
		{UINT64_MAX & ~UINT64_C(3), 0, 1, NVME_DATA_TRANSFER_ERROR},
		{0, 0, 1, NVME_DATA_TRANSFER_ERROR},
	};

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		for (unsigned int opcode = NVME_IO_WRITE; opcode <= NVME_IO_READ; opcode++)
			assert_int_equal(
				driver_do(driver, 1,
					  (struct nvme_cmd){.opcode = opcode,
							    .nsid = 1,
							    .dptr = {wrong[i].prp1, wrong[i].prp2},
							    .cdw12 = wrong[i].n - 1},
					  NULL),
				wrong[i].status);
	/* In the list: an entry with an offset, and one that leads on with an offset. */
	for (unsigned int i = 0; i < 512; i++)
		list[i] = DATA;
	list[3] = DATA + 8;
	assert_int_equal(driver_do(driver, 1,
				   (struct nvme_cmd){.opcode = NVME_IO_READ,
						     .nsid = 1,
						     .dptr = {DATA, LISTS},
						     .cdw12 = 8 * 8 - 1},
				   NULL),
			 NVME_PRP_OFFSET);
	list[511] = LISTS + 8;
	assert_int_equal(driver_do(driver, 1,
				   (struct nvme_cmd){.opcode = NVME_IO_READ,
						     .nsid = 1,
						     .dptr = {DATA, LISTS + 8 * 510},
						     .cdw12 = 8 * 8 - 1},
				   NULL),
			 NVME_PRP_OFFSET);
	/* A list that leads to itself ends with the transfer. */
	list[3] = DATA;
	list[511] = LISTS;
	assert_int_equal(driver_do(driver, 1,
				   (struct nvme_cmd){.opcode = NVME_IO_READ,
						     .nsid = 1,
						     .dptr = {DATA, LISTS + 8 * 510},
						     .cdw12 = 1023},
				   NULL),
			 0);
}

/* ---- SGL ---- */

#define SGL(type, address_, length_)                                                               \
	((struct nvme_sgl){.address = (address_), .length = (length_), .id = (type) << 4})

static int do_sgl(struct driver *driver, uint8_t opcode, unsigned int n, struct nvme_sgl sgl)
{
	struct nvme_cmd cmd = {.opcode = opcode, .flags = 0x40, .nsid = 1, .cdw12 = n - 1};

	memcpy(cmd.dptr, &sgl, sizeof(sgl));
	return driver_do(driver, 1, cmd, NULL);
}

static void test_sgl(void **state)
{
	struct driver *driver = *state;
	struct nvme_sgl *list = host_at(&driver->host, LISTS);
	char *to = host_at(&driver->host, DATA + 100 * PAGE);

	fill(driver, DATA, 64 * 512, 3);
	/* One piece, longer than needed. */
	assert_int_equal(do_sgl(driver, NVME_IO_WRITE, 64, SGL(NVME_SGL_DATA, DATA, 100000)), 0);
	/* Odd pieces, in two segments. */
	list[0] = SGL(NVME_SGL_DATA, DATA + 100 * PAGE, 1);
	list[1] = SGL(NVME_SGL_DATA, DATA + 100 * PAGE + 1, 0);
	list[2] = SGL(NVME_SGL_DATA, DATA + 100 * PAGE + 1, 10000);
	list[3] = SGL(NVME_SGL_LAST_SEGMENT, LISTS + 1024, 40 * 16);
	for (unsigned int i = 0; i < 40; i++)
		list[64 + i] = SGL(NVME_SGL_DATA, DATA + 100 * PAGE + 10001 + i * 1000, 1000);
	memset(to, 0, 64 * 512);
	assert_int_equal(do_sgl(driver, NVME_IO_READ, 64, SGL(NVME_SGL_SEGMENT, LISTS, 64)), 0);
	assert_memory_equal(to, host_at(&driver->host, DATA), 64 * 512);
	/* Bytes that are dropped: of a read; a write has none there. */
	list[0] = SGL(NVME_SGL_DATA, DATA + 100 * PAGE, 100);
	list[1] = SGL(NVME_SGL_BIT_BUCKET, ABSENT, 300);
	list[2] = SGL(NVME_SGL_DATA, DATA + 100 * PAGE + 100, 412);
	memset(to, 0, 512);
	assert_int_equal(do_sgl(driver, NVME_IO_READ, 1, SGL(NVME_SGL_LAST_SEGMENT, LISTS, 48)), 0);
	assert_memory_equal(to, host_at(&driver->host, DATA), 100);
	assert_memory_equal(to + 100, (char *)host_at(&driver->host, DATA) + 400, 112);
	assert_int_equal(to[212], 0);
	assert_int_equal(do_sgl(driver, NVME_IO_WRITE, 1, SGL(NVME_SGL_LAST_SEGMENT, LISTS, 48)),
			 0);
	assert_int_equal(driver_rw(driver, NVME_IO_COMPARE, 0, 1, DATA + 100 * PAGE), 0);
}

static void test_wrong_sgls(void **state)
{
	struct driver *driver = *state;
	struct nvme_sgl *list = host_at(&driver->host, LISTS);
	const struct {
		struct nvme_sgl sgl, first, second;
		int status;
	} wrong[] = {
		{SGL(NVME_SGL_DATA, DATA, 511), {0}, {0}, NVME_SGL_LENGTH},
		{SGL(NVME_SGL_DATA, ABSENT, 512), {0}, {0}, NVME_DATA_TRANSFER_ERROR},
		{SGL(4, DATA, 512), {0}, {0}, NVME_SGL_TYPE},
		{SGL(15, DATA, 512), {0}, {0}, NVME_SGL_TYPE},
		{{.address = DATA, .length = 512, .id = 1}, {0}, {0}, NVME_SGL_TYPE},
		{SGL(NVME_SGL_SEGMENT, LISTS, 0), {0}, {0}, NVME_INVALID_SGL_SEGMENT},
		{SGL(NVME_SGL_SEGMENT, LISTS, 24), {0}, {0}, NVME_INVALID_SGL_SEGMENT},
		{SGL(NVME_SGL_SEGMENT, ABSENT, 32), {0}, {0}, NVME_DATA_TRANSFER_ERROR},
		/* A segment that does not lead on, one that does too early, a last one that does. */
		{SGL(NVME_SGL_SEGMENT, LISTS, 32), SGL(NVME_SGL_DATA, DATA, 256),
		 SGL(NVME_SGL_DATA, DATA, 256), NVME_INVALID_SGL_SEGMENT},
		{SGL(NVME_SGL_SEGMENT, LISTS, 32), SGL(NVME_SGL_LAST_SEGMENT, DATA, 256),
		 SGL(NVME_SGL_DATA, DATA, 256), NVME_INVALID_SGL_SEGMENT},
		{SGL(NVME_SGL_LAST_SEGMENT, LISTS, 32), SGL(NVME_SGL_DATA, DATA, 256),
		 SGL(NVME_SGL_LAST_SEGMENT, LISTS, 32), NVME_INVALID_SGL_SEGMENT},
		{SGL(NVME_SGL_LAST_SEGMENT, LISTS, 32), SGL(NVME_SGL_DATA, DATA, 256),
		 SGL(NVME_SGL_DATA, DATA, 255), NVME_SGL_LENGTH},
		{SGL(NVME_SGL_LAST_SEGMENT, LISTS, 32), SGL(NVME_SGL_DATA, DATA, 256),
		 SGL(7, DATA, 255), NVME_SGL_TYPE},
		/* In a circle. */
		{SGL(NVME_SGL_SEGMENT, LISTS, 32), SGL(NVME_SGL_DATA, DATA, 0),
		 SGL(NVME_SGL_SEGMENT, LISTS, 32), NVME_SGL_COUNT},
		{SGL(NVME_SGL_SEGMENT, LISTS + 16, 16),
		 {0},
		 SGL(NVME_SGL_SEGMENT, LISTS + 16, 16),
		 NVME_SGL_COUNT},
		{SGL(NVME_SGL_LAST_SEGMENT, LISTS + 4096, UINT32_MAX & ~15u),
		 {0},
		 {0},
		 NVME_SGL_COUNT},
	};

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		list[0] = wrong[i].first;
		list[1] = wrong[i].second;
		assert_int_equal(do_sgl(driver, NVME_IO_READ, 1, wrong[i].sgl), wrong[i].status);
	}
	/* Reserved values of PSDT, and SGLs with the admin queue. */
	for (unsigned int i = 2; i < 4; i++)
		assert_int_equal(driver_do(driver, 1,
					   (struct nvme_cmd){.opcode = NVME_IO_READ,
							     .flags = i << 6,
							     .nsid = 1,
							     .dptr = {DATA}},
					   NULL),
				 NVME_INVALID_FIELD);
	assert_int_equal(
		driver_do(
			driver, 0,
			(struct nvme_cmd){.opcode = NVME_ADMIN_IDENTIFY, .flags = 0x40, .cdw10 = 1},
			NULL),
		NVME_INVALID_FIELD);
}

/* ---- commands ---- */

static int do_io(struct driver *driver, uint8_t opcode, uint32_t nsid, uint64_t first,
		 unsigned int n)
{
	return driver_do(driver, 1,
			 (struct nvme_cmd){.opcode = opcode,
					   .nsid = nsid,
					   .dptr = {DATA},
					   .cdw10 = first,
					   .cdw11 = first >> 32,
					   .cdw12 = n - 1},
			 NULL);
}

static void test_ranges(void **state)
{
	static const uint8_t opcodes[] = {NVME_IO_READ, NVME_IO_WRITE, NVME_IO_COMPARE,
					  NVME_IO_WRITE_ZEROES, NVME_IO_VERIFY};
	struct driver *driver = *state;

	memset(host_at(&driver->host, DATA), 0, PAGE);
	for (unsigned int i = 0; i < sizeof(opcodes); i++) {
		assert_int_equal(do_io(driver, opcodes[i], 1, BLOCKS - 1, 1), 0);
		assert_int_equal(do_io(driver, opcodes[i], 1, BLOCKS, 1), NVME_LBA_RANGE);
		assert_int_equal(do_io(driver, opcodes[i], 1, BLOCKS - 1, 2), NVME_LBA_RANGE);
		assert_int_equal(do_io(driver, opcodes[i], 1, 0, 65536), NVME_LBA_RANGE);
		assert_int_equal(do_io(driver, opcodes[i], 1, UINT64_MAX, 2), NVME_LBA_RANGE);
		assert_int_equal(do_io(driver, opcodes[i], 1, UINT64_C(1) << 55, 1),
				 NVME_LBA_RANGE);
		assert_int_equal(do_io(driver, opcodes[i], 0, 0, 1), NVME_INVALID_NAMESPACE);
		assert_int_equal(do_io(driver, opcodes[i], 2, 0, 1), NVME_INVALID_NAMESPACE);
		assert_int_equal(do_io(driver, opcodes[i], UINT32_MAX, 0, 1),
				 NVME_INVALID_NAMESPACE);
	}
	/* More than MDTS says. */
	assert_int_equal(do_io(driver, NVME_IO_READ, 1, 0, 1025), NVME_INVALID_FIELD);
	assert_int_equal(do_io(driver, NVME_IO_FLUSH, UINT32_MAX, 0, 1), 0);
	assert_int_equal(do_io(driver, 0x7f, 1, 0, 1), NVME_INVALID_OPCODE);
	assert_int_equal(
		driver_do(driver, 1,
			  (struct nvme_cmd){.opcode = NVME_IO_FLUSH, .flags = 1, .nsid = 1}, NULL),
		NVME_INVALID_FIELD);
}

static void test_compare(void **state)
{
	struct driver *driver = *state;

	fill(driver, DATA, 20 * PAGE, 9);
	assert_int_equal(driver_rw(driver, NVME_IO_WRITE, 5, 160, DATA), 0);
	assert_int_equal(driver_rw(driver, NVME_IO_COMPARE, 5, 160, DATA), 0);
	*(char *)host_at(&driver->host, DATA + 20 * PAGE - 1) ^= 1;
	assert_int_equal(driver_rw(driver, NVME_IO_COMPARE, 5, 160, DATA), NVME_COMPARE_FAILURE);
}

static void test_zeroes(void **state)
{
	/* Less than a page, across two, whole pages with and without the rest around them. */
	static const struct {
		unsigned int first, n;
	} cases[] = {{1, 1}, {7, 2}, {8, 8}, {3, 50}, {0, 512}};
	struct driver *driver = *state;
	char *at = host_at(&driver->host, DATA + 200 * PAGE);

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		unsigned int first = cases[i].first * 512, end = first + cases[i].n * 512;

		memset(host_at(&driver->host, DATA), 'x', 600 * 512);
		assert_int_equal(driver_rw(driver, NVME_IO_WRITE, 0, 600, DATA), 0);
		assert_int_equal(do_io(driver, NVME_IO_WRITE_ZEROES, 1, cases[i].first, cases[i].n),
				 0);
		assert_int_equal(driver_rw(driver, NVME_IO_READ, 0, 600, DATA + 200 * PAGE), 0);
		for (unsigned int j = 0; j < 600 * 512; j++)
			if (at[j] != (j >= first && j < end ? 0 : 'x'))
				fail_msg("byte %u after zeroes at %u to %u", j, first, end);
	}
}

static void test_dsm(void **state)
{
	struct driver *driver = *state;
	struct {
		uint32_t attributes, n;
		uint64_t first;
	} *ranges = host_at(&driver->host, DATA);
	struct nvme_cmd cmd = {
		.opcode = NVME_IO_DSM, .nsid = 1, .dptr = {DATA}, .cdw10 = 1, .cdw11 = 4};

	memset(host_at(&driver->host, DATA + PAGE), 'x', PAGE);
	assert_int_equal(driver_rw(driver, NVME_IO_WRITE, 0, 8, DATA + PAGE), 0);
	memset(ranges, 0, PAGE);
	ranges[0].n = 8;
	ranges[1].first = BLOCKS;
	assert_int_equal(driver_do(driver, 1, cmd, NULL), 0);
	assert_int_equal(driver_rw(driver, NVME_IO_READ, 0, 8, DATA + PAGE), 0);
	assert_int_equal(*(char *)host_at(&driver->host, DATA + PAGE), 0);
	ranges[1].n = 1;
	assert_int_equal(driver_do(driver, 1, cmd, NULL), NVME_LBA_RANGE);
	ranges[1].first = UINT64_MAX;
	assert_int_equal(driver_do(driver, 1, cmd, NULL), NVME_LBA_RANGE);
	cmd.dptr[0] = ABSENT;
	assert_int_equal(driver_do(driver, 1, cmd, NULL), NVME_DATA_TRANSFER_ERROR);
	cmd.dptr[0] = DATA;
	cmd.cdw10 = 255;
	ranges[1].first = 0;
	assert_int_equal(driver_do(driver, 1, cmd, NULL), 0);
}

/* Each DMA of a command fails in turn: a status says so, and the next command is served. */
static void test_failure_sweep(void **state)
{
	struct driver *driver = *state;
	struct uiommufd_device *host = &driver->host;
	unsigned int n;

	for (unsigned int opcode = NVME_IO_WRITE; opcode <= NVME_IO_READ; opcode++) {
		host->dmas = 0;
		assert_int_equal(driver_rw(driver, opcode, 0, 100, DATA + 4), 0);
		n = host->dmas;
		assert_in_range(n, 5, 40);
		/* The first fetches the command, the last two complete it: those are fatal, see test_nvme_regs.c. */
		for (unsigned int i = 2; i <= n - 2; i++) {
			host->dmas = 0;
			host->fail_at = i;
			host->fail_with = i % 2 ? -EFAULT : -EACCES;
			assert_int_equal(driver_rw(driver, opcode, 0, 100, DATA + 4),
					 NVME_DATA_TRANSFER_ERROR);
			host->fail_at = 0;
			assert_int_equal(driver_rw(driver, opcode, 0, 100, DATA + 4), 0);
		}
	}
}

/* ---- a file ---- */

struct disk {
	char path[64], options[128];
	int fd;
};

static void disk_make(struct disk *disk, const char *more)
{
	strcpy(disk->path, "/tmp/uiommufd-nvme-XXXXXX");
	disk->fd = mkstemp(disk->path);
	assert_true(disk->fd >= 0);
	assert_int_equal(ftruncate(disk->fd, 1 << 20), 0);
	snprintf(disk->options, sizeof(disk->options), "file=%s%s", disk->path, more);
}

static void disk_done(struct disk *disk)
{
	unlink(disk->path);
	close(disk->fd);
}

static void test_file(void **state)
{
	struct driver driver;
	struct disk disk;
	char bytes[512];

	disk_make(&disk, ",block=4096");
	driver_open(&driver, disk.options);
	driver_enable(&driver);
	driver_make_queues(&driver, 8);
	memset(host_at(&driver.host, DATA), 'x', PAGE);
	assert_int_equal(do_io(&driver, NVME_IO_WRITE, 1, 255, 1), 0);
	assert_int_equal(do_io(&driver, NVME_IO_WRITE, 1, 256, 1), NVME_LBA_RANGE);
	assert_int_equal(do_io(&driver, NVME_IO_FLUSH, 1, 0, 1), 0);
	assert_int_equal(pread(disk.fd, bytes, 512, 255 * 4096 + 3584), 512);
	assert_int_equal(bytes[511], 'x');
	driver_close(&driver);
	/* It is there again, for who may only read. */
	snprintf(disk.options, sizeof(disk.options), "file=%s,ro=on", disk.path);
	driver_open(&driver, disk.options);
	driver_enable(&driver);
	driver_make_queues(&driver, 8);
	assert_int_equal(do_io(&driver, NVME_IO_READ, 1, 2047, 1), 0);
	assert_int_equal(*(char *)host_at(&driver.host, DATA), 'x');
	assert_int_equal(do_io(&driver, NVME_IO_WRITE, 1, 0, 1), NVME_WRITE_PROTECTED);
	assert_int_equal(do_io(&driver, NVME_IO_WRITE_ZEROES, 1, 0, 1), NVME_WRITE_PROTECTED);
	assert_int_equal(do_io(&driver, NVME_IO_DSM, 1, 0, 1), NVME_WRITE_PROTECTED);
	driver_close(&driver);
	disk_done(&disk);
}

static int write_cache(struct driver *driver, uint8_t opcode, uint32_t value, uint32_t *ret_value)
{
	struct nvme_cqe cqe;
	int status = driver_do(driver, 0,
			       (struct nvme_cmd){.opcode = opcode,
						 .cdw10 = NVME_FEATURE_WRITE_CACHE,
						 .cdw11 = value},
			       &cqe);

	*ret_value = cqe.dw0;
	return status;
}

/* In front of a file there is one: on after a reset. With it off, or with FUA, a write is on the disk when it has ended. */
static void test_write_cache(void **state)
{
	struct driver driver;
	struct disk disk;
	uint32_t value;

	disk_make(&disk, "");
	driver_open(&driver, disk.options);
	driver_enable(&driver);
	driver_make_queues(&driver, 8);
	assert_int_equal(write_cache(&driver, NVME_ADMIN_GET_FEATURES, 0, &value), 0);
	assert_int_equal(value, 1);
	assert_int_equal(write_cache(&driver, NVME_ADMIN_SET_FEATURES, 0, &value), 0);
	assert_int_equal(write_cache(&driver, NVME_ADMIN_GET_FEATURES, 0, &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(do_io(&driver, NVME_IO_WRITE, 1, 9, 1), 0);
	assert_int_equal(do_io(&driver, NVME_IO_WRITE_ZEROES, 1, 9, 20), 0);
	assert_int_equal(write_cache(&driver, NVME_ADMIN_SET_FEATURES, 1, &value), 0);
	assert_int_equal(driver_do(&driver, 1,
				   (struct nvme_cmd){.opcode = NVME_IO_WRITE,
						     .nsid = 1,
						     .dptr = {DATA},
						     .cdw12 = 1u << 30},
				   NULL),
			 0);
	assert_int_equal(do_io(&driver, NVME_IO_VERIFY, 1, 0, 2048), 0);
	driver_close(&driver);
	disk_done(&disk);
}

/* size makes a file, or makes it longer. */
static void test_file_size(void **state)
{
	struct driver driver;
	struct disk disk;

	disk_make(&disk, ",size=2M");
	driver_open(&driver, disk.options);
	assert_int_equal(lseek(disk.fd, 0, SEEK_END), 2 << 20);
	driver_close(&driver);
	unlink(disk.path);
	driver_open(&driver, disk.options);
	driver_close(&driver);
	assert_int_equal(access(disk.path, R_OK), 0);
	disk_done(&disk);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_read_write),
		T(test_scattered),
		T(test_list_edges),
		T(test_wrong_prps),
		T(test_sgl),
		T(test_wrong_sgls),
		T(test_ranges),
		T(test_compare),
		T(test_zeroes),
		T(test_dsm),
		T(test_failure_sweep),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_write_cache),
		cmocka_unit_test(test_file_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
