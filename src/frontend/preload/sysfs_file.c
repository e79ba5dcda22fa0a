/* SPDX-License-Identifier: MIT */
#include "frontend/preload/sysfs_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/client.h"
#include "frontend/preload/path_view.h"
#include "frontend/preload/view.h"

/* What a file of sysfs gives or takes at once. */
#define PAGE 4096

struct sysfs_file {
	struct file file;
	const struct vnode *vnode;
	int accmode;
	atomic_long position; /* of read() */
};

static struct sysfs_file *of_file(struct file *file)
{
	return (struct sysfs_file *)file;
}

/* Made anew for each read. */
static ssize_t text_read(struct file *base, struct client *client, uint64_t buf, size_t count,
			 int64_t pos)
{
	struct sysfs_file *file = of_file(base);
	int64_t at = pos < 0 ? atomic_load(&file->position) : pos;
	char text[PAGE];
	ssize_t length;

	if (file->accmode == O_WRONLY)
		return -EBADF;
	length = file->vnode->text ? file->vnode->text(file->vnode, text, sizeof(text)) : -EIO;
	if (length < 0 || at >= length)
		return length < 0 ? length : 0;
	if (count > (size_t)(length - at))
		count = (size_t)(length - at);
	if (client_write(client, buf, text + at, count))
		return -EFAULT;
	if (pos < 0)
		atomic_store(&file->position, at + (int64_t)count);
	return (ssize_t)count;
}

static ssize_t text_write(struct file *base, struct client *client, uint64_t buf, size_t count,
			  int64_t pos)
{
	struct sysfs_file *file = of_file(base);
	char text[PAGE + 1];
	int r;

	(void)pos;
	if (file->accmode == O_RDONLY)
		return -EBADF;
	if (count > PAGE)
		count = PAGE;
	if (client_read(client, text, buf, count))
		return -EFAULT;
	text[count] = '\0';
	r = count ? file->vnode->store(file->vnode, text, count) : 0;
	return r ? r : (ssize_t)count;
}

static void text_release(struct file *file)
{
	free(of_file(file));
}

static const struct file_ops text_ops = {
	.link = "/sys",
	.read = text_read,
	.write = text_write,
	.release = text_release,
};

int sysfs_file_open(const struct vnode *vnode, int flags)
{
	char path[PATH_MAX];
	int r = vnode_path(vnode, path, sizeof(path));

	return r < 0 ? r : preload_open_node(path, flags);
}

int sysfs_file_new(const char *name, int accmode, struct file **ret_file)
{
	const struct vnode *vnode = view_node(name);
	struct sysfs_file *file;

	if (!vnode || !vnode->store)
		return -ENOENT;
	file = mem_zalloc(sizeof(*file));
	if (!file)
		return -ENOMEM;
	file_init(&file->file, &text_ops);
	file->vnode = vnode;
	file->accmode = accmode;
	*ret_file = &file->file;
	return 0;
}
