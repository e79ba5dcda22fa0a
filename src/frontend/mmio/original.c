/* SPDX-License-Identifier: MIT */
/* Code as it is in its file: what stands under a debugger's breakpoint. */
#include "frontend/mmio/original.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "base/sys.h"
#include "base/vma.h"

static bool find_area(uintptr_t ip, struct vma *ret_vma)
{
	struct vma_view view;
	bool found;

	vma_view_init(&view, 0);
	found = !vma_begin(&view) && !vma_find(&view, ip, ret_vma) && ret_vma->start <= ip &&
		ret_vma->inode;
	vma_view_done(&view);
	return found;
}

bool original_byte(uintptr_t ip, uint8_t *ret_byte)
{
	char link[64], path[PATH_MAX];
	struct vma vma;
	uint8_t byte = 0;
	long n, fd;

	if (!find_area(ip, &vma))
		return false;
	/* Its name can be read by everybody; only the privileged may open the link itself. */
	snprintf(link, sizeof(link), "/proc/self/map_files/%lx-%lx", (unsigned long)vma.start,
		 (unsigned long)vma.end);
	n = sys_raw(SYS_readlinkat, AT_FDCWD, link, path, sizeof(path) - 1);
	if (n <= 0)
		return false;
	path[n] = 0;
	fd = sys_raw(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = sys_raw(SYS_pread64, fd, &byte, 1, vma.offset + (ip - vma.start));
	sys_raw(SYS_close, fd);
	if (n != 1)
		return false;
	*ret_byte = byte;
	return true;
}
