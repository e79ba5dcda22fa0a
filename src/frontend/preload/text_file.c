/* SPDX-License-Identifier: MIT */
#include "frontend/preload/text_file.h"

#include <errno.h>
#include <fcntl.h>

#include "core/client.h"

void text_file_init(struct text_file *file, const struct file_ops *ops, int accmode)
{
	file_init(&file->file, ops);
	file->accmode = accmode;
	atomic_init(&file->position, 0);
}

ssize_t text_file_read(struct file *base, struct client *client, uint64_t buf, size_t count,
		       int64_t pos)
{
	struct text_file *file = (struct text_file *)base;
	int64_t at = pos < 0 ? atomic_load(&file->position) : pos;
	char text[TEXT_FILE_MAX];
	ssize_t length;

	if (file->accmode == O_WRONLY)
		return -EBADF;
	length = file->text(file, text, sizeof(text));
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
