/* SPDX-License-Identifier: MIT */
/* Files: the references, and what an empty slot of the operations means. */
#include "core/file.h"

#include <errno.h>
#include <sys/epoll.h>

void file_init(struct file *file, const struct file_ops *ops)
{
	file->ops = ops;
	atomic_init(&file->refs, 1);
	atomic_init(&file->front, NULL);
}

struct file *file_get(struct file *file)
{
	atomic_fetch_add_explicit(&file->refs, 1, memory_order_relaxed);
	return file;
}

void file_put(struct file *file)
{
	if (atomic_fetch_sub_explicit(&file->refs, 1, memory_order_acq_rel) == 1)
		file->ops->release(file);
}

void file_changed(struct file *file)
{
	struct file_front *front = atomic_load_explicit(&file->front, memory_order_acquire);

	if (front)
		front->changed(front);
}

bool file_offer(struct file *file, const void *message, size_t len)
{
	struct file_front *front = atomic_load_explicit(&file->front, memory_order_acquire);

	return front && front->offer && front->offer(front, message, len);
}

enum file_offer file_withdraw(struct file *file)
{
	struct file_front *front = atomic_load_explicit(&file->front, memory_order_acquire);

	/* Without descriptors there are no readers. */
	return front ? front->withdraw(front) : FILE_WITHDRAWN;
}

void file_taken(struct file *file)
{
	if (file->ops->taken)
		file->ops->taken(file);
}

long file_ioctl(struct file *file, struct client *client, unsigned int cmd, uint64_t arg)
{
	return file->ops->ioctl ? file->ops->ioctl(file, client, cmd, arg) : -ENOTTY;
}

ssize_t file_read(struct file *file, struct client *client, uint64_t buf, size_t count, int64_t pos)
{
	return file->ops->read ? file->ops->read(file, client, buf, count, pos) : -EINVAL;
}

ssize_t file_write(struct file *file, struct client *client, uint64_t buf, size_t count,
		   int64_t pos)
{
	return file->ops->write ? file->ops->write(file, client, buf, count, pos) : -EINVAL;
}

unsigned int file_poll(struct file *file)
{
	if (!file->ops->poll)
		return EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM;
	return file->ops->poll(file);
}

int file_mmap(struct file *file, struct client *client, struct file_mapping *mapping)
{
	int rc;

	if (!file->ops->mmap)
		return -ENODEV;
	mapping->piece = 0;
	mapping->trap = FILE_TRAP_NONE;
	rc = file->ops->mmap(file, client, mapping);
	if (!rc && !mapping->piece)
		mapping->piece = mapping->length;
	return rc;
}
