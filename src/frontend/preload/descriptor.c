/* SPDX-License-Identifier: MIT */
/* Which descriptors are ours, and the numbers that the shim keeps for itself. */
#include "frontend/preload/descriptor.h"

#include "frontend/preload/process.h"
#include "frontend/preload/real.h"

#include <limits.h>
#include <sys/resource.h>

/* Where our own descriptors go: high, but not so high that the kernel's table grows for nothing. */
#define RESERVED_HIGH 1000
#define RESERVED_MAX  32

/* Number + 1, 0 is free. Ordinary memory: a child after fork has to know what to close. */
static atomic_int reserved[RESERVED_MAX];
/* One more than the highest number that ever was known: where searches end. */
static atomic_int slots_end;
/* This process or an ancestor of its memory has seen a descriptor of ours. */
static atomic_bool any_ours;

unsigned int descriptor_end(void)
{
	return (unsigned int)atomic_load(&slots_end);
}

void descriptor_forget_all(uintptr_t slot)
{
	int end = atomic_load(&slots_end);

	for (int fd = 0; fd < end; fd++) {
		uintptr_t old = slot;

		atomic_compare_exchange_strong(&descriptors->slots[fd], &old, 0);
	}
}

int descriptor_of(uintptr_t slot)
{
	int end = atomic_load(&slots_end);

	for (int fd = 0; fd < end; fd++) {
		if (descriptor_slot(fd) == slot)
			return fd;
	}
	return -1;
}

void descriptor_remember(int fd, uintptr_t slot)
{
	int end = atomic_load(&slots_end);

	if (slot != SLOT_FOREIGN)
		atomic_store(&any_ours, true);
	if (!descriptors || fd >= DESCRIPTOR_SLOTS)
		return;
	while (end <= fd && !atomic_compare_exchange_weak(&slots_end, &end, fd + 1))
		;
	descriptor_set(fd, slot);
}

/* Serves the newborn fd here: 0, -EAGAIN if another process was faster, or another -errno. */
static int claim(struct process *process, int fd, const struct identity *identity,
		 struct endpoint **ret_endpoint)
{
	struct file *file;
	int rc = service_start(process->service, descriptor_reserve);

	if (rc)
		return rc;
	rc = machine_open(process->machine, &process->client, identity->node, &file);
	if (rc)
		return rc;
	rc = service_claim(process->service, fd, identity, file, ret_endpoint);
	if (rc)
		file_put(file);
	return rc;
}

static int find_ours(int fd, struct descriptor *descriptor)
{
	struct process *process = process_get();
	int rc = 0;

	if (!process)
		return -ENOMEM;
	descriptor->local = service_find(process->service, descriptor->identity.id);
	if (!descriptor->local && identity_newborn(fd)) {
		rc = claim(process, fd, &descriptor->identity, &descriptor->local);
		if (rc && rc != -EAGAIN)
			return rc;
		/* Another thread may have been faster, even to the last close. */
		descriptor->local = service_find(process->service, descriptor->identity.id);
	}
	if (descriptor->local)
		descriptor_remember(fd, (uintptr_t)descriptor->local);
	return 0;
}

int descriptor_find(int fd, struct descriptor *ret_descriptor)
{
	struct descriptor descriptor = {};
	uintptr_t slot = descriptor_slot(fd);
	int rc;

	if (descriptor_reserved(fd))
		return -EBADF;
	descriptor.local = descriptor_local(fd, slot);
	if (!descriptor.local) {
		rc = identity_of(fd, &descriptor.identity);
		if (rc == -ENOENT)
			descriptor_remember(fd, SLOT_FOREIGN);
		if (!rc)
			rc = find_ours(fd, &descriptor);
		if (rc)
			return rc;
	}
	*ret_descriptor = descriptor;
	return 0;
}

void descriptor_done(struct descriptor *descriptor)
{
	if (descriptor->local)
		endpoint_put(descriptor->local);
}

bool descriptor_closing(int fd, struct identity *ret_identity)
{
	uintptr_t slot = descriptor_slot(fd);

	if (slot == SLOT_FOREIGN || (!slot && !atomic_load(&any_ours))) {
		descriptor_forget(fd);
		return false;
	}
	descriptor_forget(fd);
	return !identity_of(fd, ret_identity);
}

void descriptor_closed(const struct identity *identity)
{
	struct process *process;
	int saved = errno;

	if (descriptors && (process = atomic_load(&descriptors->process)))
		service_closed(process->service, identity->id);
	errno = saved;
}

bool descriptor_reserved(int fd)
{
	for (int i = 0; i < RESERVED_MAX; i++) {
		if (atomic_load_explicit(&reserved[i], memory_order_relaxed) == fd + 1)
			return true;
	}
	return false;
}

static int high_start(void)
{
	struct rlimit limit;
	int start = RESERVED_HIGH;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < RESERVED_HIGH + RESERVED_MAX)
		start = (int)limit.rlim_cur - RESERVED_MAX;
	return start < 3 ? 3 : start;
}

int descriptor_reserve(int fd)
{
	int high = REAL(fcntl)(fd, F_DUPFD_CLOEXEC, high_start());

	if (high < 0)
		return errno == EINVAL ? -EMFILE : -errno;
	for (int i = 0; i < RESERVED_MAX; i++) {
		int none = 0;

		if (atomic_compare_exchange_strong(&reserved[i], &none, high + 1)) {
			REAL(close)(fd);
			return high;
		}
	}
	REAL(close)(high);
	return -EMFILE;
}

unsigned int descriptor_next_reserved(unsigned int first)
{
	unsigned int next = UINT_MAX;

	for (int i = 0; i < RESERVED_MAX; i++) {
		int number = atomic_load_explicit(&reserved[i], memory_order_relaxed);

		if (number && (unsigned int)number - 1 >= first && (unsigned int)number - 1 < next)
			next = (unsigned int)number - 1;
	}
	return next;
}

void descriptor_yield(int fd)
{
	int moved;

	for (int i = 0; i < RESERVED_MAX; i++) {
		if (atomic_load(&reserved[i]) != fd + 1)
			continue;
		moved = REAL(fcntl)(fd, F_DUPFD_CLOEXEC, fd + 1);
		if (moved < 0)
			return;
		process_moved_descriptor(fd, moved);
		atomic_store(&reserved[i], moved + 1);
	}
}

void descriptor_reserved_drop(void)
{
	for (int i = 0; i < RESERVED_MAX; i++) {
		int number = atomic_exchange(&reserved[i], 0);

		if (number)
			REAL(close)(number - 1);
	}
}
