/* SPDX-License-Identifier: MIT */
/* See toy.h. */
#include "toy.h"

#include "core/client.h"
#include "core/machine.h"
#include "vfio/vfio.h"
#include "machine/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

struct machine {
	atomic_int live;
};

struct toy {
	struct file file;
	struct machine *machine;
	_Atomic uint64_t number;
	atomic_bool readable;
	/* Registers, made when they are used first, and whose descriptor they are. */
	pthread_mutex_t bar_lock;
	char *bar;
	int bar_fd;
	pid_t bar_owner;
	_Atomic uint64_t loads;
};

static const struct file_ops toy_ops, event_ops;

static int toy_new(struct machine *machine, const struct file_ops *ops, struct toy **ret_toy)
{
	struct toy *toy = calloc(1, sizeof(*toy));

	if (!toy)
		return -ENOMEM;
	file_init(&toy->file, ops);
	toy->machine = machine;
	pthread_mutex_init(&toy->bar_lock, NULL);
	atomic_fetch_add(&machine->live, 1);
	*ret_toy = toy;
	return 0;
}

static void toy_release(struct file *file)
{
	struct toy *toy = (struct toy *)file;

	atomic_fetch_sub(&toy->machine->live, 1);
	if (toy->bar)
		munmap(toy->bar, TOY_BAR_PAGES);
	if (getpid() == toy->bar_owner)
		close(toy->bar_fd);
	free(toy);
}

static long toy_install(struct toy *toy, struct client *client, const struct file_ops *ops)
{
	struct toy *other;
	int rc = toy_new(toy->machine, ops, &other);

	if (rc)
		return rc;
	rc = client->ops->fd_install(client, &other->file);
	if (rc < 0)
		file_put(&other->file);
	return rc;
}

static long toy_fd(struct client *client, int fd)
{
	struct file *file;
	int rc = client->ops->fd_file(client, fd, &file);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	rc = file->ops == &toy_ops || file->ops == &event_ops;
	file_put(file);
	return rc;
}

static long toy_native(struct client *client, int fd)
{
	int native = client->ops->fd_native(client, fd);
	ssize_t rc;

	if (native < 0)
		return native;
	rc = write(native, "toy", 3);
	close(native);
	return rc;
}

static long toy_number(struct toy *toy, struct client *client, unsigned int cmd, uint64_t arg)
{
	uint64_t number = toy->number;
	int rc;

	if (cmd == TOY_GET)
		return client_write(client, arg, &number, sizeof(number));
	rc = client_read(client, &number, arg, sizeof(number));
	if (!rc)
		toy->number = number;
	return rc;
}

static long toy_ioctl(struct file *file, struct client *client, unsigned int cmd, uint64_t arg)
{
	struct toy *toy = (struct toy *)file;

	switch (cmd) {
	case TOY_GET:
	case TOY_SET:
		return toy_number(toy, client, cmd, arg);
	case TOY_NEW:
		return toy_install(toy, client, &toy_ops);
	case TOY_EVENT:
		return toy_install(toy, client, &event_ops);
	case TOY_LIVE:
		return toy->machine->live;
	case TOY_HOST:
		return getpid();
	case TOY_FD:
		return toy_fd(client, (int)arg);
	case TOY_NATIVE:
		return toy_native(client, (int)arg);
	case TOY_READABLE:
		toy->readable = arg;
		file_changed(file);
		return 0;
	default:
		return -ENOTTY;
	}
}

static unsigned int event_poll(struct file *file)
{
	return EPOLLOUT | (((struct toy *)file)->readable ? EPOLLIN | EPOLLRDNORM : 0);
}

/* One read takes the event. */
static ssize_t event_read(struct file *file, struct client *client, uint64_t buf, size_t count,
			  int64_t pos)
{
	struct toy *toy = (struct toy *)file;
	int rc;

	if (pos != -1 || count < 5)
		return -EINVAL;
	if (!toy->readable)
		return 0;
	rc = client_write(client, buf, "event", 5);
	if (rc)
		return rc;
	toy->readable = false;
	file_changed(file);
	return 5;
}

static void toy_store(struct toy *toy, uint64_t at, uint64_t value, size_t len)
{
	if (at == TOY_BELL)
		__atomic_fetch_add((uint64_t *)(toy->bar + TOY_RUNG), value, __ATOMIC_SEQ_CST);
	else
		memcpy(toy->bar + at, &value, len);
}

static void toy_make_bar(struct toy *toy)
{
	pthread_mutex_lock(&toy->bar_lock);
	if (!toy->bar) {
		toy->bar_owner = getpid();
		toy->bar_fd = memfd_create("toy", MFD_CLOEXEC);
		if (toy->bar_fd < 0 || ftruncate(toy->bar_fd, TOY_BAR_PAGES))
			abort();
		toy->bar = mmap(NULL, TOY_BAR_PAGES, PROT_READ | PROT_WRITE, MAP_SHARED,
				toy->bar_fd, 0);
	}
	pthread_mutex_unlock(&toy->bar_lock);
}

static bool toy_register(struct toy *toy, size_t count, int64_t pos)
{
	toy_make_bar(toy);
	return pos >= 0 && count <= 8 && pos + (int64_t)count <= TOY_BAR_PAGES;
}

static ssize_t toy_write(struct file *file, struct client *client, uint64_t buf, size_t count,
			 int64_t pos)
{
	uint64_t value = 0;
	int rc;

	if (!toy_register((struct toy *)file, count, pos))
		return -EINVAL;
	if (pos == TOY_REFUSED)
		return -EIO;
	rc = client_read(client, &value, buf, count);
	if (rc)
		return rc;
	toy_store((struct toy *)file, (uint64_t)pos, value, count);
	return (ssize_t)count;
}

static ssize_t toy_read(struct file *file, struct client *client, uint64_t buf, size_t count,
			int64_t pos)
{
	struct toy *toy = (struct toy *)file;
	uint64_t value = 0;
	int rc;

	if (!toy_register((struct toy *)file, count, pos))
		return -EINVAL;
	if (pos == TOY_REFUSED)
		return -EIO;
	memcpy(&value, toy->bar + pos, count);
	if (pos == TOY_COUNT)
		value = atomic_fetch_add(&toy->loads, 1) + 1;
	rc = client_write(client, buf, &value, count);
	return rc ? rc : (ssize_t)count;
}

/* The caller's table may be another one. */
static int toy_memory(const struct toy *toy)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)toy->bar_owner, toy->bar_fd);
	return open(path, O_RDWR | O_CLOEXEC);
}

static int toy_mmap(struct file *file, struct client *client, struct file_mapping *mapping)
{
	static const enum file_trap traps[] = {FILE_TRAP_STORES, FILE_TRAP_NONE, FILE_TRAP_ALL};

	if ((mapping->flags & MAP_TYPE) != MAP_SHARED || mapping->offset >= TOY_BAR_PAGES ||
	    mapping->length > TOY_BAR_PAGES - mapping->offset)
		return -EINVAL;
	toy_make_bar((struct toy *)file);
	mapping->fd = toy_memory((struct toy *)file);
	mapping->fd_offset = mapping->offset;
	mapping->piece = 4096;
	mapping->trap = traps[mapping->offset / 4096];
	return mapping->fd < 0 ? -ENOMEM : 0;
}

static const struct file_ops toy_ops = {
	.link = "/dev/iommu",
	.ioctl = toy_ioctl,
	.read = toy_read,
	.write = toy_write,
	.mmap = toy_mmap,
	.release = toy_release,
};

static const struct file_ops event_ops = {
	.link = "anon_inode:[toy-event]",
	.ioctl = toy_ioctl,
	.read = event_read,
	.poll = event_poll,
	.release = toy_release,
};

int machine_new(struct machine **ret_machine)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	if (!machine)
		return -ENOMEM;
	*ret_machine = machine;
	return 0;
}

int machine_build(const struct config *config, int (*prepare)(struct machine *machine, void *arg),
		  void *arg, struct config_error *ret_error, struct machine **ret_machine)
{
	return machine_new(ret_machine);
}

void machine_put(struct machine *machine)
{
	free(machine);
}

void machine_set_host(struct machine *machine, struct machine_host *host)
{
}

void machine_set_shares(struct machine *machine, struct share *shares)
{
}

void vfio_request(struct machine *machine, const struct share *share)
{
}

int machine_open(struct machine *machine, struct client *client, const char *node,
		 struct file **ret_file)
{
	struct toy *toy;
	int rc;

	(void)client;
	if (strcmp(node, "iommu"))
		return -ENOENT;
	rc = toy_new(machine, &toy_ops, &toy);
	if (!rc)
		*ret_file = &toy->file;
	return rc;
}

/* A toy pins nothing. */

void machine_memory_going(struct machine *machine, uint64_t va, uint64_t len)
{
}

void machine_memory_replaced(struct machine *machine, uint64_t va, uint64_t len,
			     const struct machine_move *move)
{
}

void machine_file_going(struct machine *machine, const struct machine_file *file)
{
}

void machine_memory_moved(struct machine *machine, uint64_t from, uint64_t to, uint64_t len)
{
}

void machine_client_memory_going(struct machine *machine, struct mm *mm, uint64_t va, uint64_t len)
{
}

void machine_client_leaving(struct machine *machine, struct mm *mm)
{
}

void machine_host_moved(struct machine *machine, struct mm *mm)
{
}

bool machine_account(struct machine *machine, pid_t pid, uint64_t *ret_pinned, uint64_t *ret_locked)
{
	return false;
}
