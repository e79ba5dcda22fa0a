/* SPDX-License-Identifier: MIT */
/*
 * The files of fault injection; see the header. A thread's file is a file of the core like
 * /dev/iommu, and not a text made when it is opened: it is read and written while it is open, also
 * by processes that got the descriptor. Its own calls pass no injection point, so that an armed
 * thread can always read its counter.
 */
#include "frontend/preload/fail_nth.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/inject.h"
#include "base/sys.h"
#include "core/client.h"
#include "frontend/preload/number.h"
#include "frontend/preload/text_file.h"
#include "frontend/preload/view.h"

#define NAME "fail-nth"

static bool thread_lives(pid_t pid, pid_t tid)
{
	return sys_raw(SYS_tgkill, pid, tid, 0) != -ESRCH;
}

/*
 * The paths.
 */

bool fail_nth_may_be(const char *path)
{
	size_t length = strlen(path), name = strlen(NAME);

	return length >= name && !memcmp(path + length - name, NAME, name) &&
	       (length == name || path[length - name - 1] == '/');
}

static bool skip(const char **path, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(*path, word, length) != 0)
		return false;
	*path += length;
	return true;
}

/* "123/": the number, 0 if there is none. */
static pid_t skip_number(const char **path)
{
	int saved = errno;
	unsigned long number;
	char *end;

	if (**path < '1' || **path > '9')
		return 0;
	number = strtoul(*path, &end, 10);
	errno = saved;
	if (number > INT_MAX || *end != '/')
		return 0;
	*path = end + 1;
	return (pid_t)number;
}

/* The thread that a path names, 0 if it names none. */
static pid_t path_tid(const char *path)
{
	pid_t tid;

	if (!skip(&path, "/proc/"))
		return 0;
	if (skip(&path, "self/"))
		tid = getpid();
	else if (skip(&path, "thread-self/"))
		tid = (pid_t)sys_raw(SYS_gettid);
	else
		tid = skip_number(&path);
	if (tid && skip(&path, "task/"))
		tid = thread_lives(getpid(), tid) ? skip_number(&path) : 0;
	return strcmp(path, NAME) != 0 ? 0 : tid;
}

const struct vnode *fail_nth_node(const char *path)
{
	static _Thread_local struct vnode vnode;
	pid_t tid = path_tid(path);

	if (!tid || !thread_lives(getpid(), tid))
		return NULL;
	vnode = (struct vnode){
		.kind = VNODE_TASK,
		.mode = 0644,
		.ino = (uint64_t)tid << 8 | 1, /* past those of a tree */
		.name = (char *)NAME,
		.tid = tid,
	};
	return &vnode;
}

int fail_nth_open(const struct vnode *vnode, int flags)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/task/%d/" NAME, getpid(), vnode->tid);
	return preload_open_node(name, flags);
}

/*
 * The file.
 */

struct fail_nth {
	struct text_file text; /* first */
	pid_t pid, tid;
};

static ssize_t counter_text(struct text_file *file, char *buf, size_t size)
{
	const struct fail_nth *counter = (struct fail_nth *)file;

	if (!thread_lives(counter->pid, counter->tid))
		return -ESRCH;
	return snprintf(buf, size, "%u\n", inject_left_thread(counter->tid));
}

/* The position doesn't count and doesn't move. */
static ssize_t counter_write(struct file *file, struct client *client, uint64_t buf, size_t count,
			     int64_t pos)
{
	struct fail_nth *counter = (struct fail_nth *)file;
	char text[35] = ""; /* 32 binary digits, sign and newline: what is longer is cut */
	unsigned int nth;
	int rc;

	if (counter->text.accmode == O_RDONLY)
		return -EBADF;
	if (client_read(client, text, buf, count < sizeof(text) ? count : sizeof(text) - 1))
		return -EFAULT;
	rc = number_read(text, UINT_MAX, &nth);
	if (rc)
		return rc;
	if (!thread_lives(counter->pid, counter->tid))
		return -ESRCH;
	rc = inject_arm_thread(counter->tid, nth);
	return rc ? rc : (ssize_t)count;
}

static void counter_release(struct file *file)
{
	free(file);
}

static const struct file_ops counter_ops = {
	.link = "/proc/self/" NAME,
	.read = text_file_read,
	.write = counter_write,
	.release = counter_release,
};

int fail_nth_file(const char *name, int accmode, struct file **ret_file)
{
	struct fail_nth *counter;
	pid_t tid = path_tid(name);

	if (!tid)
		return -ENOENT;
	counter = malloc(sizeof(*counter));
	if (!counter)
		return -ENOMEM;
	*counter = (struct fail_nth){.text.text = counter_text, .pid = getpid(), .tid = tid};
	text_file_init(&counter->text, &counter_ops, accmode);
	*ret_file = &counter->text.file;
	return 0;
}

/*
 * /sys/kernel/debug. The files say how things are: every allocation counts, whatever its flags and
 * its size, and nothing is logged. That can't be changed.
 */

static ssize_t no_text(const struct vnode *vnode, char *buf, size_t size)
{
	return snprintf(buf, size, "N\n");
}

static ssize_t zero_text(const struct vnode *vnode, char *buf, size_t size)
{
	return snprintf(buf, size, "0\n");
}

int fail_nth_add_nodes(struct vtree *tree)
{
#define DEBUG "/sys/kernel/debug/"
	static const struct {
		const char *path;
		vnode_text_fn text;
	} files[] = {
		{DEBUG "failslab/ignore-gfp-wait", no_text},
		{DEBUG "failslab/verbose", zero_text},
		{DEBUG "fail_page_alloc/ignore-gfp-wait", no_text},
		{DEBUG "fail_page_alloc/ignore-gfp-highmem", no_text},
		{DEBUG "fail_page_alloc/min-order", zero_text},
		{DEBUG "fail_page_alloc/verbose", zero_text},
		{DEBUG "fail_iommufd/verbose", zero_text},
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !r; i++)
		r = vtree_add_text(tree, files[i].path, 0600, files[i].text);
	return r;
}
