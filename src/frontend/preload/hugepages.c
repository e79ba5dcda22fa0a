/* SPDX-License-Identifier: MIT */
/*
 * Pretended huge pages. An anonymous mapping keeps its promise about size and alignment: the length
 * is rounded up and the address aligned to the huge page's size. A memory file (memfd_create with
 * MFD_HUGETLB) carries the size in its name, so that mappings of it are aligned too, in whatever
 * process it ends up.
 */
#include "frontend/preload/hugepages.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mm.h"
#include "frontend/preload/next.h"
#include "frontend/preload/path_tree.h"
#include "frontend/preload/view.h"

#define SHIFT_BITS    26 /* MAP_HUGE_SHIFT and its kin: the same everywhere */
#define SHIFT_MASK    0x3f
#define DEFAULT_SHIFT 21
#define ORDINARY_PAGE 4096

/* How many 2 MiB pages there seem to be: 64 GiB, for programs that look before they ask. */
#define PRETENDED_PAGES 32768

/* What marks a memory file; the shift follows. */
#define MARK " (huge "

static bool pretended;

/* Before the tree is built, which asks. */
__attribute__((constructor(101))) static void hugepages_init(void)
{
	const char *value = getenv("UIOMMUFD_PRETEND_HUGEPAGES");

	pretended = value && !strcmp(value, "1");
}

bool hugepages_pretended(void)
{
	return pretended;
}

static unsigned int shift_of(unsigned int flags)
{
	unsigned int shift = flags >> SHIFT_BITS & SHIFT_MASK;

	return shift ? shift : DEFAULT_SHIFT;
}

/* The kernel has these sizes on a machine that reserves huge pages. */
static bool is_size(unsigned int shift)
{
	return shift == 21 || shift == 30;
}

/* The shift of a marked memory file, or 0. */
static unsigned int file_shift(int fd)
{
	char link[32], text[512];
	const char *mark;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = syscall(SYS_readlinkat, AT_FDCWD, link, text, sizeof(text) - 1);
	if (n < 0)
		return 0;
	text[n] = '\0';
	if (strncmp(text, "/memfd:", 7))
		return 0;
	mark = strstr(text, MARK);
	return mark ? strtoul(mark + strlen(MARK), NULL, 10) : 0;
}

static void *real_mmap(const struct mmap_call *call)
{
	return (void *)syscall(SYS_mmap, call->addr, call->length, call->prot, call->flags,
			       call->fd, call->offset);
}

/* Maps at a multiple of `align`: reserves enough to have one inside, maps there, and gives back the ends. */
static void *mmap_aligned(struct mmap_call call, size_t align)
{
	const struct mmap_call reserve = {.length = call.length + align,
					  .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
					  .fd = -1};
	char *room = real_mmap(&reserve), *start, *end;
	int error;

	if (room == MAP_FAILED)
		return room;
	start = (char *)(((uintptr_t)room + align - 1) & -align);
	end = room + reserve.length;
	call.addr = start;
	call.flags |= MAP_FIXED;
	if (real_mmap(&call) == MAP_FAILED) {
		error = errno;
		syscall(SYS_munmap, room, reserve.length);
		errno = error;
		return MAP_FAILED;
	}
	if (start > room)
		syscall(SYS_munmap, room, start - room);
	if (start + call.length < end)
		syscall(SYS_munmap, start + call.length, end - start - call.length);
	return start;
}

/* With the rules for huge pages of 1 << shift bytes. */
static void *mmap_huge(struct mmap_call call, unsigned int shift)
{
	bool fixed = call.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
	size_t align = (size_t)1 << shift;

	errno = EINVAL;
	if (!is_size(shift) || !call.length || (fixed && ((uintptr_t)call.addr & (align - 1))) ||
	    (call.offset & (align - 1)))
		return MAP_FAILED;
	errno = ENOMEM;
	if (call.length > SIZE_MAX / 2)
		return MAP_FAILED;
	call.length = (call.length + align - 1) & -align;
	call.flags &= ~(MAP_HUGETLB | SHIFT_MASK << SHIFT_BITS);
	return fixed ? real_mmap(&call) : mmap_aligned(call, align);
}

/* The core takes the pages for what the program was told: an IOMMU's entries for them are large. */
static void tell_core(const void *addr, size_t length, size_t page_size)
{
	struct mm *mm = mm_self();

	if (!mm)
		return;
	mm_pretend_pages(mm, (uintptr_t)addr, length, page_size);
	mm_put(mm);
}

void hugepages_gone(const void *addr, size_t length)
{
	int saved = errno;

	if (pretended)
		tell_core(addr, length, ORDINARY_PAGE);
	errno = saved;
}

bool hugepages_mmap(const struct mmap_call *call, void **ret_addr)
{
	bool anonymous = call->flags & MAP_ANONYMOUS;
	unsigned int shift;
	size_t align;
	int saved = errno;

	if (!pretended || (anonymous && !(call->flags & MAP_HUGETLB)))
		return false;
	/* MAP_HUGETLB is ignored for files: those that have huge pages have them anyway. */
	shift = anonymous ? shift_of(call->flags) : file_shift(call->fd);
	if (!shift)
		return false;
	*ret_addr = mmap_huge(*call, shift);
	if (*ret_addr == MAP_FAILED)
		return true;
	align = (size_t)1 << shift;
	tell_core(*ret_addr, (call->length + align - 1) & -align, align);
	errno = saved;
	return true;
}

EXPORT int memfd_create(const char *name, unsigned int flags)
{
	char marked[256];
	unsigned int shift;

	if (!pretended || !(flags & MFD_HUGETLB))
		return NEXT(memfd_create)(name, flags);
	shift = shift_of(flags);
	if (!is_size(shift) || strlen(name) > 249) {
		errno = is_size(shift) ? EINVAL : ENODEV;
		return -1;
	}
	snprintf(marked, sizeof(marked), "%.200s" MARK "%u)", name, shift);
	return NEXT(memfd_create)(marked, flags & ~(MFD_HUGETLB | SHIFT_MASK << SHIFT_BITS));
}

/* A segment is attached by shmat(), whose address the program may choose: SHM_RND or none. Only its
 * size is rounded. */
EXPORT int shmget(key_t key, size_t size, int flags)
{
	size_t align;

	if (!pretended || !(flags & SHM_HUGETLB))
		return NEXT(shmget)(key, size, flags);
	align = (size_t)1 << shift_of(flags);
	if (size <= SIZE_MAX - align)
		size = (size + align - 1) & -align;
	return NEXT(shmget)(key, size, flags & ~(SHM_HUGETLB | SHIFT_MASK << SHIFT_BITS));
}

static void correct_statfs(int fd, struct statfs *st)
{
	unsigned int shift = st->f_type == TMPFS_MAGIC && pretended ? file_shift(fd) : 0;

	if (!shift)
		return;
	st->f_type = HUGETLBFS_MAGIC;
	st->f_bsize = 1l << shift;
}

EXPORT int fstatfs(int fd, struct statfs *st)
{
	int r = NEXT(fstatfs)(fd, st);

	if (!r && pretended)
		correct_statfs(fd, st);
	return r;
}

EXPORT int fstatfs64(int fd, struct statfs64 *st)
{
	return fstatfs(fd, (struct statfs *)st);
}

static ssize_t pages_text(const struct vnode *vnode, char *buf, size_t size)
{
	return snprintf(buf, size, "%d\n", PRETENDED_PAGES);
}

static ssize_t zero_text(const struct vnode *vnode, char *buf, size_t size)
{
	return snprintf(buf, size, "0\n");
}

/* The real text, in which the lines about huge pages are ours. */
static ssize_t meminfo_text(const struct vnode *vnode, char *buf, size_t size)
{
	static const char *const lines[][2] = {
		{"HugePages_Total:", "HugePages_Total:   32768\n"},
		{"HugePages_Free:", "HugePages_Free:    32768\n"},
		{"HugePages_Rsvd:", "HugePages_Rsvd:        0\n"},
		{"HugePages_Surp:", "HugePages_Surp:        0\n"},
		{"Hugepagesize:", "Hugepagesize:       2048 kB\n"},
	};
	char line[128];
	size_t length = 0;
	FILE *real = NEXT(fopen)("/proc/meminfo", "re");

	if (!real)
		return -errno;
	while (fgets(line, sizeof(line), real)) {
		const char *text = line;

		for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
			if (!strncmp(line, lines[i][0], strlen(lines[i][0])))
				text = lines[i][1];
		length += snprintf(buf + length, size - length, "%s", text);
		if (length >= size)
			break;
	}
	fclose(real);
	return length < size ? (ssize_t)length : -EFBIG;
}

int hugepages_add_nodes(struct vtree *tree)
{
#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/"
	static const struct {
		const char *path;
		vnode_text_fn text;
	} files[] = {
		{POOL "nr_hugepages", pages_text},
		{POOL "free_hugepages", pages_text},
		{POOL "resv_hugepages", zero_text},
		{POOL "surplus_hugepages", zero_text},
		{POOL "nr_overcommit_hugepages", zero_text},
		{"/proc/sys/vm/nr_hugepages", pages_text},
		{"/proc/meminfo", meminfo_text},
	};
	int r = 0;

	if (!pretended)
		return 0;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !r; i++)
		r = vtree_add_text(tree, files[i].path, 0644, files[i].text);
	return r;
}
