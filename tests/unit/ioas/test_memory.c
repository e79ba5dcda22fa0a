/* SPDX-License-Identifier: MIT */
/* Memory under an IOAS: what is charged to whom, what stays when programs take pinned memory away, dma-bufs, CHANGE_PROCESS. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/machine_impl.h"
#include "world.h"

#define RW	 (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define IOVA	 0x2000000
#define NPAGES	 16
#define NO_CAPS	 0
#define IPC_LOCK ((uint64_t)1 << CAP_IPC_LOCK)

/* An IOAS behind a device, one without, and an access to the first. */
struct fixture {
	struct bench bench;
	char *memory;
	uint32_t ioas, lazy;
	int access;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	bench_init(&f->bench);
	f->memory = bench_pages(NPAGES);
	for (size_t i = 0; i < NPAGES * WORLD_PAGE; i++)
		f->memory[i] = (char)(1 + i / WORLD_PAGE);
	f->ioas = bench_ioas(&f->bench);
	f->lazy = bench_ioas(&f->bench);
	bench_plug(&f->bench, f->ioas, 0);
	f->access = bench_access(&f->bench, f->ioas, 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	bench_done(&f->bench);
	munmap(f->memory, (NPAGES + 1) * WORLD_PAGE);
	free(f);
	return 0;
}

static unsigned long user_charge(const struct bench *bench)
{
	const struct user_account *user = atomic_load(&bench->machine->users);
	unsigned long sum = 0;

	for (; user; user = user->next)
		sum += atomic_load(&user->locked);
	return sum;
}

static long map_pages(struct fixture *f, uint32_t ioas, unsigned int page, unsigned int n,
		      uint64_t iova)
{
	return bench_try_map(&f->bench, ioas, (uintptr_t)f->memory + page * WORLD_PAGE,
			     n * WORLD_PAGE, &iova, RW | IOMMU_IOAS_MAP_FIXED_IOVA);
}

/* ---- accounting (7.6) ---- */

static void users_are_charged(void **state)
{
	struct fixture *f = *state;
	struct bench *bench = &f->bench;
	struct iommu_ioas_copy copy = {.flags = RW,
				       .src_ioas_id = f->ioas,
				       .dst_ioas_id = f->ioas,
				       .length = 2 * WORLD_PAGE,
				       .src_iova = IOVA,
				       .dst_iova = IOVA + 0x100000};
	char *before, *after;

	bench_creds(bench, NO_CAPS, 8 * WORLD_PAGE);
	assert_int_equal(map_pages(f, f->ioas, 0, 4, IOVA), 0);
	assert_int_equal(user_charge(bench), 4);
	assert_int_equal(bench_copy(bench, copy), 0);
	assert_int_equal(user_charge(bench), 4);
	/* The same memory, mapped twice, is charged twice. */
	assert_int_equal(map_pages(f, f->ioas, 0, 4, IOVA + 0x200000), 0);
	assert_int_equal(user_charge(bench), 8);
	before = bench_describe(bench);
	assert_int_equal(map_pages(f, f->ioas, 8, 1, IOVA + 0x300000), -ENOMEM);
	after = bench_describe(bench);
	assert_string_equal(before, after);
	free(before);
	free(after);
	/* Lazily mapped memory costs nothing until it is pinned. */
	assert_int_equal(map_pages(f, f->lazy, 8, 4, IOVA), 0);
	assert_int_equal(user_charge(bench), 8);
	assert_int_equal(bench_unmap(bench, f->ioas, IOVA, 4 * WORLD_PAGE), 4 * WORLD_PAGE);
	assert_int_equal(user_charge(bench), 6); /* the copy keeps two pages */
	assert_int_equal(bench_pinned(bench), 6);
	assert_int_equal(atomic_load(&bench->client.mm->locked_vm), 0);
}

/* Who mapped is charged, and given back, whoever the process is by then. */
static void users_change(void **state)
{
	struct fixture *f = *state;
	struct bench *bench = &f->bench;

	bench_creds(bench, NO_CAPS, 8 * WORLD_PAGE);
	assert_int_equal(map_pages(f, f->ioas, 0, 4, IOVA), 0);
	bench->client.mm->creds.uid++;
	assert_int_equal(map_pages(f, f->ioas, 4, 2, IOVA + 0x100000), 0);
	assert_int_equal(bench_unmap(bench, f->ioas, IOVA, 4 * WORLD_PAGE), 4 * WORLD_PAGE);
	/* Of the new user only its own pages are left: there is room for six more. */
	assert_int_equal(map_pages(f, f->ioas, 0, 6, IOVA), 0);
	assert_int_equal(map_pages(f, f->ioas, 6, 1, IOVA + 0x200000), -ENOMEM);
	bench->client.mm->creds.uid--;
	assert_int_equal(map_pages(f, f->ioas, 8, 8, IOVA + 0x300000), 0);
}

static void accesses_are_charged(void **state)
{
	struct fixture *f = *state;
	struct bench *bench = &f->bench;
	int access = bench_access(bench, f->lazy, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES);
	char byte;

	bench_creds(bench, NO_CAPS, 2 * WORLD_PAGE);
	assert_int_equal(map_pages(f, f->lazy, 0, 4, IOVA), 0);
	assert_int_equal(bench_pin(bench, access, IOVA, 3 * WORLD_PAGE, f->memory, 0), -ENOMEM);
	assert_int_equal(user_charge(bench), 0);
	assert_true(bench_pin(bench, access, IOVA, 2 * WORLD_PAGE, f->memory, 0) >= 0);
	assert_int_equal(user_charge(bench), 2);
	/* A read pins nothing for long. */
	assert_int_equal(
		bench_rw(bench, access, IOVA + 3 * WORLD_PAGE, &byte, 1, MOCK_ACCESS_RW_SLOW_PATH),
		0);
	assert_int_equal(byte, 4);
	assert_int_equal(user_charge(bench), 2);
}

/* Who may lock memory is not limited; what is pinned is counted all the same. The right at the time of the MAP decides. */
static void privileged_mappings(void **state)
{
	struct fixture *f = *state;
	struct bench *bench = &f->bench;

	bench_creds(bench, IPC_LOCK, WORLD_PAGE);
	assert_int_equal(map_pages(f, f->ioas, 0, 4, IOVA), 0);
	assert_int_equal(map_pages(f, f->lazy, 4, 4, IOVA), 0);
	assert_int_equal(user_charge(bench), 0);
	assert_int_equal(bench_pinned(bench), 4);
	bench_creds(bench, NO_CAPS, WORLD_PAGE);
	bench_plug(bench, f->lazy, 0);
	assert_int_equal(user_charge(bench), 0);
	assert_int_equal(bench_pinned(bench), 8);
	assert_int_equal(map_pages(f, f->ioas, 0, 2, IOVA + 0x100000), -ENOMEM);
}

/* The mode is chosen before there are objects. */
static void processes_are_charged(void **state)
{
	struct iommu_option option = {.size = sizeof(option),
				      .option_id = IOMMU_OPTION_RLIMIT_MODE,
				      .op = IOMMU_OPTION_OP_SET,
				      .val64 = 1};
	char *memory = bench_pages(4);
	struct bench bench;
	uint32_t ioas;

	bench_init(&bench);
	assert_int_equal(bench_ioctl(&bench, IOMMU_OPTION, &option), 0);
	bench_creds(&bench, NO_CAPS, 4 * WORLD_PAGE);
	ioas = bench_ioas(&bench);
	assert_int_equal(bench_ioctl(&bench, IOMMU_OPTION, &option), -EBUSY);
	bench_plug(&bench, ioas, 0);
	bench_map(&bench, ioas, memory, 4 * WORLD_PAGE, IOVA, RW);
	assert_int_equal(atomic_load(&bench.client.mm->locked_vm), 4);
	assert_int_equal(user_charge(&bench), 0);
	bench_done(&bench);
	bench_free_pages(memory, 4);
}

/* ---- memory that programs take away ---- */

/*
 * What a device would see: the pages that were pinned. An access does if it reads more than a page of an area, so this one begins in the page before
 * (`from`: that page, or the same one).
 */
static char seen_from(struct fixture *f, unsigned int from, unsigned int page)
{
	static char bytes[WORLD_PAGE + 1];
	uint64_t start = IOVA + from * WORLD_PAGE + 5 + (from < page);

	assert_int_equal(
		bench_rw(&f->bench, f->access, start, bytes, WORLD_PAGE, MOCK_ACCESS_RW_SLOW_PATH),
		0);
	return bytes[from < page ? WORLD_PAGE - 1 : 0];
}

/* Page 3 and page 7 end areas here, page 6 does one that begins with page 4. */
static char seen_at(struct fixture *f, unsigned int page)
{
	bool is_last = page == 3 || page > 5;

	return seen_from(f, is_last ? page - 1 : page, page);
}

/* A byte of the second of two pages. */
static void write_as_device(struct fixture *f, unsigned int page, char byte)
{
	static char bytes[WORLD_PAGE];

	memset(bytes, byte, sizeof(bytes));
	assert_int_equal(bench_rw(&f->bench, f->access, IOVA + (page - 1) * WORLD_PAGE + 6, bytes,
				  WORLD_PAGE, MOCK_ACCESS_RW_SLOW_PATH | MOCK_ACCESS_RW_WRITE),
			 0);
}

static void going(struct fixture *f, unsigned int page, unsigned int n)
{
	machine_memory_going(f->bench.machine, (uintptr_t)f->memory + page * WORLD_PAGE,
			     n * WORLD_PAGE);
}

static void memory_that_is_unmapped(void **state)
{
	struct fixture *f = *state;
	char byte;

	assert_int_equal(map_pages(f, f->ioas, 0, 8, IOVA), 0);
	going(f, 2, 4);
	assert_int_equal(munmap(f->memory + 2 * WORLD_PAGE, 4 * WORLD_PAGE), 0);
	mm_forget(f->bench.client.mm, 0, UINT64_MAX);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(seen_at(f, i), 1 + i);
	/* What is written there is kept, too. */
	write_as_device(f, 3, 'x');
	assert_int_equal(seen_at(f, 3), 'x');
	/* A single page is taken by its address. */
	assert_int_equal(bench_rw(&f->bench, f->access, IOVA + 3 * WORLD_PAGE + 5, &byte, 1,
				  MOCK_ACCESS_RW_SLOW_PATH),
			 -EFAULT);
	assert_int_equal(bench_rw(&f->bench, f->access, IOVA + 6 * WORLD_PAGE + 5, &byte, 1,
				  MOCK_ACCESS_RW_SLOW_PATH),
			 0);
	assert_int_equal(byte, 7);
	assert_int_equal(bench_unmap(&f->bench, f->ioas, IOVA, 8 * WORLD_PAGE), 8 * WORLD_PAGE);
	assert_int_equal(map_pages(f, f->ioas, 0, 8, IOVA), -EFAULT);
}

/* The next mapping of two pages will be at `hole`, which is free: all gaps above are filled. */
static unsigned int fill_gaps(char *hole, char **fillers, unsigned int room)
{
	unsigned int n = 0;

	for (; n < room; n++) {
		fillers[n] =
			mmap(NULL, 2 * WORLD_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (fillers[n] == hole)
			break;
	}
	assert_true(n < room);
	munmap(hole, 2 * WORLD_PAGE);
	return n;
}

/* What is taken over must not go into a hole of what the program unmaps. */
static void memory_with_a_hole(void **state)
{
	static char *fillers[20000];
	struct fixture *f = *state;
	char *hole = f->memory + 5 * WORLD_PAGE;
	unsigned int n;

	assert_int_equal(map_pages(f, f->ioas, 3, 2, IOVA), 0);
	assert_int_equal(munmap(hole, 2 * WORLD_PAGE), 0);
	n = fill_gaps(hole, fillers, 20000);
	going(f, 3, 6);
	assert_int_equal(munmap(f->memory + 3 * WORLD_PAGE, 6 * WORLD_PAGE), 0);
	mm_forget(f->bench.client.mm, 0, UINT64_MAX);
	assert_int_equal(seen_from(f, 0, 0), 4);
	assert_int_equal(seen_from(f, 0, 1), 5);
	while (n)
		munmap(fillers[--n], 2 * WORLD_PAGE);
}

static void memory_that_is_dropped(void **state)
{
	struct fixture *f = *state;
	char byte;

	assert_int_equal(map_pages(f, f->ioas, 0, 4, IOVA), 0);
	going(f, 0, 4);
	assert_int_equal(madvise(f->memory, 4 * WORLD_PAGE, MADV_DONTNEED), 0);
	assert_int_equal(f->memory[0], 0);
	assert_int_equal(seen_at(f, 0), 1);
	/* The mapper's own reads go by its addresses. */
	assert_int_equal(bench_rw(&f->bench, f->access, IOVA, &byte, 1, 0), 0);
	assert_int_equal(byte, 0);
	/* Mapped anew it is the new memory. */
	assert_int_equal(bench_unmap(&f->bench, f->ioas, IOVA, 4 * WORLD_PAGE), 4 * WORLD_PAGE);
	f->memory[5] = 'n';
	assert_int_equal(map_pages(f, f->ioas, 0, 4, IOVA), 0);
	assert_int_equal(seen_at(f, 0), 'n');
}

static void memory_that_moves(void **state)
{
	struct fixture *f = *state;
	char *to = mmap(NULL, 2 * WORLD_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_int_equal(map_pages(f, f->ioas, 0, 4, IOVA), 0);
	to = mremap(f->memory + WORLD_PAGE, 2 * WORLD_PAGE, 2 * WORLD_PAGE,
		    MREMAP_MAYMOVE | MREMAP_FIXED, to);
	assert_ptr_not_equal(to, MAP_FAILED);
	machine_memory_moved(f->bench.machine, (uintptr_t)f->memory + WORLD_PAGE, (uintptr_t)to,
			     2 * WORLD_PAGE);
	mm_forget(f->bench.client.mm, 0, UINT64_MAX);
	to[5] = 'm';
	assert_int_equal(seen_at(f, 0), 1);
	assert_int_equal(seen_at(f, 1), 'm');
	assert_int_equal(seen_at(f, 2), 3);
	/* And then goes from where it is. */
	machine_memory_going(f->bench.machine, (uintptr_t)to, 2 * WORLD_PAGE);
	assert_int_equal(munmap(to, 2 * WORLD_PAGE), 0);
	assert_int_equal(seen_at(f, 1), 'm');
	assert_int_equal(seen_at(f, 3), 4);
}

/* A move takes along what is in its range: the copy of what it replaces is in no hole there. */
static void replaced_beside_a_hole(void **state)
{
	struct fixture *f = *state;
	size_t len = 64 * WORLD_PAGE;
	char *room =
		mmap(NULL, 2 * len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *to = room + len;

	to[WORLD_PAGE + 5] = 'r';
	bench_map(&f->bench, f->ioas, to, len / 2, IOVA, RW);
	/* All but one page of where it moves from are a hole, which is the first that a copy fits into. */
	munmap(room + WORLD_PAGE, len - WORLD_PAGE);
	machine_memory_replaced(f->bench.machine, (uintptr_t)to, len,
				&(struct machine_move){(uintptr_t)room, (uintptr_t)to, len});
	assert_int_equal(munmap(room, 2 * len), 0);
	mm_forget(f->bench.client.mm, 0, UINT64_MAX);
	assert_int_equal(seen_at(f, 1), 'r');
	assert_int_equal(bench_unmap(&f->bench, f->ioas, IOVA, len / 2), len / 2);
}

/* Shared memory is not copied: who else has it and the device go on seeing each other. */
static void shared_memory_that_is_unmapped(void **state)
{
	struct fixture *f = *state;
	int fd = memfd_create("shared", MFD_CLOEXEC);
	char *at[2];

	assert_int_equal(ftruncate(fd, 2 * WORLD_PAGE), 0);
	for (int i = 0; i < 2; i++) {
		at[i] = mmap(NULL, 2 * WORLD_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		assert_ptr_not_equal(at[i], MAP_FAILED);
	}
	close(fd);
	bench_map(&f->bench, f->ioas, at[0], 2 * WORLD_PAGE, IOVA, RW);
	machine_memory_going(f->bench.machine, (uintptr_t)at[0], 2 * WORLD_PAGE);
	munmap(at[0], 2 * WORLD_PAGE);
	mm_forget(f->bench.client.mm, 0, UINT64_MAX);
	at[1][5] = 's';
	assert_int_equal(seen_at(f, 0), 's');
	assert_int_equal(bench_unmap(&f->bench, f->ioas, IOVA, 2 * WORLD_PAGE), 2 * WORLD_PAGE);
	munmap(at[1], 2 * WORLD_PAGE);
}

static long map_fd(struct fixture *f, int fd, uint64_t iova)
{
	struct iommu_ioas_map_file cmd = {.size = sizeof(cmd),
					  .flags = RW | IOMMU_IOAS_MAP_FIXED_IOVA,
					  .ioas_id = f->ioas,
					  .fd = fd,
					  .length = WORLD_PAGE,
					  .iova = iova};

	return bench_ioctl(&f->bench, IOMMU_IOAS_MAP_FILE, &cmd);
}

/* A file of four pages, mapped through its descriptor and, from the second page on, through the program's addresses. */
static char *map_file_twice(struct fixture *f, int fd)
{
	struct iommu_ioas_map_file cmd = {.size = sizeof(cmd),
					  .flags = RW | IOMMU_IOAS_MAP_FIXED_IOVA,
					  .ioas_id = f->ioas,
					  .fd = fd,
					  .length = 4 * WORLD_PAGE,
					  .iova = IOVA};
	char *at;

	assert_int_equal(ftruncate(fd, 4 * WORLD_PAGE), 0);
	at = mmap(NULL, 4 * WORLD_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	for (int i = 0; i < 4; i++)
		at[i * WORLD_PAGE + 5] = (char)('a' + i);
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_IOAS_MAP_FILE, &cmd), 0);
	bench_map(&f->bench, f->ioas, at + WORLD_PAGE, 3 * WORLD_PAGE, IOVA + 4 * WORLD_PAGE, RW);
	return at;
}

static void file_going(struct fixture *f, int fd, const char *at, uint64_t first, uint64_t npages)
{
	struct machine_file file = {
		.npages = npages, .fd = at ? -1 : fd, .at = (uintptr_t)at + first * WORLD_PAGE};
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	file.first = (struct page_key){page_key_space(major(st.st_dev), minor(st.st_dev)),
				       st.st_ino, first};
	machine_file_going(f->bench.machine, &file);
}

/* Pages of a file that lost them: all who pinned them have the same, and who maps the file now has others. */
static void files_that_are_cut(void **state)
{
	struct fixture *f = *state;
	int fd = memfd_create("cut", MFD_CLOEXEC);
	char *at = map_file_twice(f, fd);
	char byte;

	file_going(f, fd, NULL, 2, 2);
	assert_int_equal(ftruncate(fd, 2 * WORLD_PAGE), 0);
	assert_int_equal(ftruncate(fd, 4 * WORLD_PAGE), 0);
	mm_forget(f->bench.client.mm, 0, UINT64_MAX);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(seen_at(f, i), 'a' + i);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(seen_at(f, 4 + i), 'b' + i);
	/* Page 2 is the same one by both ways, page 1 the program's too. */
	write_as_device(f, 2, 'X');
	assert_int_equal(seen_at(f, 5), 'X');
	assert_int_equal(at[2 * WORLD_PAGE + 5], 0);
	at[WORLD_PAGE + 5] = 'Y';
	assert_int_equal(seen_at(f, 1), 'Y');
	assert_int_equal(seen_at(f, 4), 'Y');
	/* It goes once more: there is nothing left of the file that is pinned. */
	file_going(f, fd, NULL, 2, 2);
	assert_int_equal(seen_at(f, 2), 'X');
	/* Mapped anew it is the file. */
	assert_int_equal(bench_unmap(&f->bench, f->ioas, IOVA, 7 * WORLD_PAGE), 7 * WORLD_PAGE);
	assert_int_equal(map_fd(f, fd, IOVA), 0);
	at[5] = 'n';
	assert_int_equal(bench_rw(&f->bench, f->access, IOVA + 5, &byte, 1, 0), 0);
	assert_int_equal(byte, 'n');
	munmap(at, 4 * WORLD_PAGE);
	close(fd);
}

/* A hole, out of the program's memory; only pages that are pinned are kept, and only as long. */
static void files_with_holes(void **state)
{
	struct fixture *f = *state;
	int fd = memfd_create("hole", MFD_CLOEXEC);
	char *at = map_file_twice(f, fd);
	char byte;

	assert_int_equal(bench_unmap(&f->bench, f->ioas, IOVA, 4 * WORLD_PAGE), 4 * WORLD_PAGE);
	file_going(f, fd, at, 0, 2);
	assert_int_equal(madvise(at, 2 * WORLD_PAGE, MADV_REMOVE), 0);
	mm_forget(f->bench.client.mm, 0, UINT64_MAX);
	assert_int_equal(at[WORLD_PAGE + 5], 0);
	assert_int_equal(seen_at(f, 4), 'b');
	assert_int_equal(seen_at(f, 5), 'c');
	/* The mapper's own reads go by its addresses. */
	assert_int_equal(bench_rw(&f->bench, f->access, IOVA + 4 * WORLD_PAGE + 5, &byte, 1, 0), 0);
	assert_int_equal(byte, 0);
	munmap(at, 4 * WORLD_PAGE);
	close(fd);
}

static void memory_that_nobody_pinned(void **state)
{
	struct fixture *f = *state;
	char byte;
	int access = bench_access(&f->bench, f->lazy, 0);

	assert_int_equal(map_pages(f, f->lazy, 0, 2, IOVA), 0);
	going(f, 0, 2);
	assert_int_equal(munmap(f->memory, 2 * WORLD_PAGE), 0);
	mm_forget(f->bench.client.mm, 0, UINT64_MAX);
	assert_int_equal(bench_rw(&f->bench, access, IOVA, &byte, 1, 0), -EFAULT);
	assert_int_equal(bench_rw(&f->bench, access, IOVA, &byte, 1, MOCK_ACCESS_RW_SLOW_PATH),
			 -EFAULT);
}

/* ---- looking from outside ---- */

static long check_map(struct bench *bench, uint32_t hwpt, const char *memory, uint64_t offset,
		      uint64_t length)
{
	struct iommu_test_cmd cmd = {.op = IOMMU_TEST_OP_MD_CHECK_MAP,
				     .id = hwpt,
				     .check_map = {.iova = IOVA + offset,
						   .length = length,
						   .uptr = (uintptr_t)memory + offset}};

	return bench_test(bench, &cmd);
}

/* Recorded: ranges are checked by the table's own smallest page. */
static void tables_are_checked_by_their_pages(void **state)
{
	struct fixture *f = *state;
	struct bench_device device = bench_plug(&f->bench, f->ioas, 0);
	struct iommu_hwpt_selftest data = {.pagetable_type = MOCK_IOMMUPT_HUGE};
	struct iommu_hwpt_alloc alloc = {.size = sizeof(alloc),
					 .dev_id = device.dev,
					 .pt_id = f->ioas,
					 .data_type = IOMMU_HWPT_DATA_SELFTEST,
					 .data_len = sizeof(data),
					 .data_uptr = (uintptr_t)&data};

	assert_int_equal(map_pages(f, f->ioas, 0, 4, IOVA), 0);
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_ALLOC, &alloc), 0);
	assert_int_equal(check_map(&f->bench, device.hwpt, f->memory, 2048, 2048), 0);
	assert_int_equal(check_map(&f->bench, alloc.out_hwpt_id, f->memory, 4096, 4096), 0);
	assert_int_equal(check_map(&f->bench, alloc.out_hwpt_id, f->memory, 2048, 4096), -EINVAL);
	assert_int_equal(check_map(&f->bench, alloc.out_hwpt_id, f->memory, 4096, 2048), -EINVAL);
}

/* Recorded: an access is its own context's, whichever context is asked. */
static void accesses_of_other_contexts(void **state)
{
	struct fixture *f = *state;
	struct file *own = f->bench.file;
	uint32_t ioas;
	char byte = 0;

	assert_int_equal(map_pages(f, f->ioas, 0, 4, IOVA), 0);
	assert_int_equal(machine_open(f->bench.machine, &f->bench.client, "iommu", &f->bench.file),
			 0);
	ioas = bench_ioas(&f->bench);
	assert_int_equal(bench_rw(&f->bench, f->access, IOVA, &byte, 1, 0), 0);
	assert_int_equal(byte, 1);
	assert_int_equal(bench_rw(&f->bench, f->access, IOVA + 0x100000, &byte, 1, 0), -ENOENT);
	assert_int_equal(bench_destroy(&f->bench, ioas), 0);
	file_put(f->bench.file);
	f->bench.file = own;
}

/* ---- dma-bufs (7.14) ---- */

static void set_revoked(struct fixture *f, int fd, uint32_t revoked)
{
	struct iommu_test_cmd cmd = {.op = IOMMU_TEST_OP_DMABUF_REVOKE,
				     .dmabuf_revoke = {.dmabuf_fd = fd, .revoked = revoked}};

	assert_int_equal(bench_test(&f->bench, &cmd), 0);
}

static void dmabufs_are_revoked(void **state)
{
	struct fixture *f = *state;
	struct iommu_test_cmd get = {.op = IOMMU_TEST_OP_DMABUF_GET,
				     .dmabuf_get = {.length = WORLD_PAGE}};
	int fd = bench_test(&f->bench, &get);
	char byte;

	assert_true(fd >= BENCH_FD0);
	bench_creds(&f->bench, NO_CAPS, 0);
	assert_int_equal(map_fd(f, fd, IOVA), 0); /* never charged */
	assert_int_equal(bench_pinned(&f->bench), 0);
	assert_int_equal(bench_rw(&f->bench, f->access, IOVA, &byte, 1, 0), -EINVAL);
	set_revoked(f, fd, 1);
	assert_int_equal(map_fd(f, fd, IOVA + WORLD_PAGE), -ENODEV);
	set_revoked(f, fd, 0);
	assert_int_equal(map_fd(f, fd, IOVA + WORLD_PAGE), 0);
	bench_close(&f->bench, fd);
	assert_int_equal(bench_unmap(&f->bench, f->ioas, 0, UINT64_MAX), 2 * WORLD_PAGE);
}

/* Recorded: what may not be pinned for its permissions is EPERM, before it is EINVAL for what it is. Lengths are rounded up, to 2 MiB at most. */
static void dmabufs_are_not_pinned(void **state)
{
	struct fixture *f = *state;
	int access = bench_access(&f->bench, f->ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES);
	struct iommu_test_cmd get = {.op = IOMMU_TEST_OP_DMABUF_GET, .dmabuf_get = {.length = 1}};
	struct iommu_ioas_map_file map = {.size = sizeof(map),
					  .flags = IOMMU_IOAS_MAP_READABLE |
						   IOMMU_IOAS_MAP_FIXED_IOVA,
					  .ioas_id = f->ioas,
					  .length = WORLD_PAGE,
					  .iova = IOVA};

	map.fd = bench_test(&f->bench, &get);
	assert_true(map.fd >= BENCH_FD0);
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_IOAS_MAP_FILE, &map), 0);
	assert_int_equal(
		bench_pin(&f->bench, access, IOVA, WORLD_PAGE, f->memory, MOCK_FLAGS_ACCESS_WRITE),
		-EPERM);
	assert_int_equal(bench_pin(&f->bench, access, IOVA, WORLD_PAGE, f->memory, 0), -EINVAL);
	get.dmabuf_get.length = 512 * WORLD_PAGE + 1;
	assert_int_equal(bench_test(&f->bench, &get), -EINVAL);
	get.dmabuf_get.length = 0;
	assert_int_equal(bench_test(&f->bench, &get), -EINVAL);
}

/* ---- CHANGE_PROCESS ---- */

/* In the child's memory too, where it is read for the child. */
static struct iommu_ioas_change_process change = {.size = sizeof(change)};

static void expect_charges(const struct bench *a, const struct bench *b, unsigned long of_a,
			   unsigned long of_b)
{
	assert_int_equal(bench_pinned(a), of_a);
	assert_int_equal(bench_pinned(b), of_b);
}

static void processes_change(void **state)
{
	struct fixture *f = *state;
	int fd = memfd_create("file", MFD_CLOEXEC);
	struct bench other;
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	assert_int_equal(ftruncate(fd, WORLD_PAGE), 0);
	bench_init_beside(&other, &f->bench);
	mm_put(other.client.mm);
	assert_int_equal(mm_new_remote(pid, &other.client.mm), 0);
	other.file = f->bench.file;
	bench_creds(&other, NO_CAPS, 2 * WORLD_PAGE);
	bench_creds(&f->bench, NO_CAPS, UINT64_MAX);
	/* The accounts of both are one user's, so the limit is one of all three pages. */
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(map_fd(f, fd, IOVA + i * WORLD_PAGE), 0);
	assert_int_equal(bench_ioctl(&other, IOMMU_IOAS_CHANGE_PROCESS, &change), -ENOMEM);
	expect_charges(&f->bench, &other, 3, 0);
	assert_int_equal(user_charge(&other), 3);
	bench_creds(&other, NO_CAPS, 8 * WORLD_PAGE);
	/* Memory of a process can't change hands: then nothing does. */
	assert_int_equal(map_pages(f, f->lazy, 0, 1, IOVA), 0);
	assert_int_equal(bench_ioctl(&other, IOMMU_IOAS_CHANGE_PROCESS, &change), -EINVAL);
	assert_int_equal(bench_unmap(&f->bench, f->lazy, IOVA, WORLD_PAGE), WORLD_PAGE);
	assert_int_equal(bench_ioctl(&other, IOMMU_IOAS_CHANGE_PROCESS, &change), 0);
	expect_charges(&f->bench, &other, 0, 3);
	assert_int_equal(bench_unmap(&f->bench, f->ioas, IOVA, WORLD_PAGE), WORLD_PAGE);
	expect_charges(&f->bench, &other, 0, 2);
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_IOAS_CHANGE_PROCESS, &change), 0);
	expect_charges(&f->bench, &other, 2, 0);
	close(fd);
	other.file = NULL;
	bench_done(&other);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(users_are_charged),
		TEST(users_change),
		TEST(accesses_are_charged),
		TEST(privileged_mappings),
		cmocka_unit_test(processes_are_charged),
		TEST(memory_that_is_unmapped),
		TEST(memory_with_a_hole),
		TEST(memory_that_is_dropped),
		TEST(memory_that_moves),
		TEST(replaced_beside_a_hole),
		TEST(shared_memory_that_is_unmapped),
		TEST(files_that_are_cut),
		TEST(files_with_holes),
		TEST(memory_that_nobody_pinned),
		TEST(tables_are_checked_by_their_pages),
		TEST(accesses_of_other_contexts),
		TEST(dmabufs_are_revoked),
		TEST(dmabufs_are_not_pinned),
		TEST(processes_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
