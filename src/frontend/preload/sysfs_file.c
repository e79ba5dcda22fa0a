/* SPDX-License-Identifier: MIT */
#include "frontend/preload/sysfs_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/client.h"
#include "frontend/preload/path_view.h"
#include "frontend/preload/text_file.h"
#include "frontend/preload/view.h"

struct sysfs_file {
	struct text_file text; /* first */
	const struct vnode *vnode;
};

static ssize_t node_text(struct text_file *file, char *buf, size_t size)
{
	const struct vnode *vnode = ((struct sysfs_file *)file)->vnode;

	return vnode->text ? vnode->text(vnode, buf, size) : -EIO;
}

static ssize_t text_write(struct file *base, struct client *client, uint64_t buf, size_t count,
			  int64_t pos)
{
	struct sysfs_file *file = (struct sysfs_file *)base;
	char text[TEXT_FILE_MAX + 1];
	int r;

	if (file->text.accmode == O_RDONLY)
		return -EBADF;
	if (count > TEXT_FILE_MAX)
		count = TEXT_FILE_MAX;
	if (client_read(client, text, buf, count))
		return -EFAULT;
	text[count] = '\0';
	r = count ? file->vnode->store(file->vnode, text, count) : 0;
	return r ? r : (ssize_t)count;
}

static void text_release(struct file *file)
{
	free(file);
}

static const struct file_ops text_ops = {
	.link = "/sys",
	.read = text_file_read,
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
	text_file_init(&file->text, &text_ops, accmode);
	file->text.text = node_text;
	file->vnode = vnode;
	*ret_file = &file->text.file;
	return 0;
}
