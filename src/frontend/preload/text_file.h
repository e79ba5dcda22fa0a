/* SPDX-License-Identifier: MIT */
/* Files of the core that are a text, made anew for each read, as those of sysfs and proc are. */
#ifndef UIOMMUFD_PRELOAD_TEXT_FILE_H
#define UIOMMUFD_PRELOAD_TEXT_FILE_H

#include <stdatomic.h>

#include "core/file.h"

/* What such a file gives or takes at once. */
#define TEXT_FILE_MAX 4096

/* A file's struct begins with it. */
struct text_file {
	struct file file;
	/* Puts the text into buf: its length, or -errno. */
	ssize_t (*text)(struct text_file *file, char *buf, size_t size);
	int accmode;	      /* O_RDONLY, O_WRONLY, O_RDWR */
	atomic_long position; /* of read() */
};

void text_file_init(struct text_file *file, const struct file_ops *ops, int accmode);
/* file_ops.read. -EBADF: not open for reading; -EFAULT; errors of `text`. */
ssize_t text_file_read(struct file *file, struct client *client, uint64_t buf, size_t count,
		       int64_t pos);

#endif
