/* SPDX-License-Identifier: MIT */
/* Which descriptors are ours, and the numbers that the shim keeps for itself. */
#include "frontend/preload/descriptor.h"

#include "base/inject.h"
#include "base/sys.h"
#include "frontend/preload/defer.h"
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"
#include "frontend/preload/view.h"
#include "frontend/service/quiet.h"

#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Where our own descriptors go: high, but not so high that the kernel's table grows for nothing. */
#define RESERVED_HIGH 1000
#define RESERVED_ROOM 64
#define RESERVED_MAX  1024

/* Number + 1, 0 is free. Ordinary memory: a child after fork has to know what to close. */
static atomic_int reserved[RESERVED_MAX];
/* Those that a child after fork keeps, as it keeps the mappings that they stand for. */
static atomic_bool kept[RESERVED_MAX];
static atomic_int reserved_by; /* the process whose they are */
/* One more than the highest number that ever was known: where searches end. */
static atomic_int slots_end;
/* This process or an ancestor of its memory has seen a descriptor of ours. */
static atomic_bool any_ours;

void descriptor_seen(void)
{
	atomic_store(&any_ours, true);
}

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

/* A vfork child has the memory but other descriptors. */
static bool owns_slots(void)
{
	int pid = getpid(), owner = 0;

	return atomic_compare_exchange_strong(&descriptors->owner, &owner, pid) || owner == pid;
}

void descriptor_remember(int fd, uintptr_t slot)
{
	int end = atomic_load(&slots_end);

	if (slot != SLOT_FOREIGN)
		atomic_store(&any_ours, true);
	if (!descriptors || fd >= DESCRIPTOR_SLOTS || !owns_slots())
		return;
	while (end <= fd && !atomic_compare_exchange_weak(&slots_end, &end, fd + 1))
		;
	descriptor_set(fd, slot);
}

/* The file that a newborn stands for, once all last closes that came before have had their effect. */
static int open_newborn(struct process *process, const struct identity *identity,
			struct file **ret_file)
{
	int rc = service_start(process->service);

	if (rc)
		return rc;
	service_catch_up(process->service);
	return process_open(process, &process->client, identity->node, identity->accmode, ret_file);
}

/* Serves the newborn fd here, unless somebody else does by now: 0, and *ret_endpoint may be NULL. */
static int claim(struct process *process, int fd, const struct identity *identity,
		 struct endpoint **ret_endpoint)
{
	struct file *file = NULL;
	int rc = 0;

	lock_take(&process->claiming);
	*ret_endpoint = service_find(process->service, identity->id);
	if (!*ret_endpoint && identity_newborn(fd)) {
		rc = open_newborn(process, identity, &file);
		if (!rc)
			rc = service_claim(process->service, fd, identity, file);
		if (!rc) {
			file = NULL;
			*ret_endpoint = service_find(process->service, identity->id);
		}
	}
	lock_release(&process->claiming);
	if (file)
		file_put(file);
	return rc == -EAGAIN ? 0 : rc;
}

/* Hosted elsewhere, by `slot` if that says so. */
static int find_remote(struct process *process, int fd, uintptr_t slot,
		       struct descriptor *descriptor)
{
	int rc = 0;

	if (slot & SLOT_REMOTE)
		descriptor->host = (struct remote_host *)(slot & ~SLOT_REMOTE);
	else
		rc = remote_attach(&process->remotes, fd, &descriptor->host);
	return rc;
}

static int find_ours(int fd, uintptr_t slot, struct descriptor *descriptor)
{
	QUIET;
	struct process *process = process_get();
	int rc = 0;

	if (!process)
		return -ENOMEM;
	if (slot & SLOT_REMOTE)
		return find_remote(process, fd, slot, descriptor);
	descriptor->local = service_find(process->service, descriptor->identity.id);
	if (!descriptor->local)
		rc = claim(process, fd, &descriptor->identity, &descriptor->local);
	if (rc)
		return rc;
	return descriptor->local ? 0 : find_remote(process, fd, 0, descriptor);
}

static uintptr_t slot_for(const struct descriptor *descriptor)
{
	return descriptor->local ? (uintptr_t)descriptor->local
				 : (uintptr_t)descriptor->host | SLOT_REMOTE;
}

static struct descriptor_known *known_of(int fd)
{
	return &descriptors->known[(unsigned int)fd % DESCRIPTOR_KNOWN];
}

/* False: another thread writes there. */
static bool known_write(int fd, const uint64_t id[2])
{
	struct descriptor_known *known = known_of(fd);
	unsigned int version = atomic_load(&known->version) & ~1u;

	if (!atomic_compare_exchange_strong(&known->version, &version, version + 1))
		return false;
	atomic_store(&known->fd, fd);
	atomic_store(&known->id[0], id[0]);
	atomic_store(&known->id[1], id[1]);
	atomic_store(&known->version, version + 2);
	return true;
}

static bool known_read(int fd, uint64_t ret_id[2])
{
	struct descriptor_known *known = known_of(fd);
	unsigned int version = atomic_load_explicit(&known->version, memory_order_acquire);
	bool found = atomic_load_explicit(&known->fd, memory_order_acquire) == fd;

	ret_id[0] = atomic_load_explicit(&known->id[0], memory_order_acquire);
	ret_id[1] = atomic_load_explicit(&known->id[1], memory_order_acquire);
	return found && !(version & 1) &&
	       atomic_load_explicit(&known->version, memory_order_relaxed) == version;
}

/* The file before the slot: who sees the slot sees the file. */
static void remember(int fd, const struct descriptor *descriptor)
{
	if (descriptor->local ||
	    (descriptors && owns_slots() && known_write(fd, descriptor->identity.id)))
		descriptor_remember(fd, slot_for(descriptor));
}

bool descriptor_remote(int fd, uintptr_t slot, struct descriptor *ret_descriptor)
{
	struct descriptor descriptor = {.host = (struct remote_host *)(slot & ~SLOT_TAGS)};

	if ((slot & SLOT_TAGS) != SLOT_REMOTE || atomic_load(&descriptors->leaving) ||
	    !known_read(fd, descriptor.identity.id) || descriptor_slot(fd) != slot)
		return false;
	*ret_descriptor = descriptor;
	return true;
}

void descriptors_leave(void)
{
	struct process *process = descriptors ? atomic_load(&descriptors->process) : NULL;

	if (!process || !service_served(process->service))
		return;
	atomic_store(&descriptors->leaving, gettid());
	service_quiesce(process->service);
}

void descriptors_stay(void)
{
	if (!descriptors || !atomic_exchange(&descriptors->leaving, 0))
		return;
	syscall(SYS_futex, &descriptors->leaving, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* Another thread is ending the process: there is nothing to go on with, unless it fails. */
static void wait_while_leaving(void)
{
	int tid;

	while ((tid = atomic_load(&descriptors->leaving)) && tid != gettid())
		syscall(SYS_futex, &descriptors->leaving, FUTEX_WAIT_PRIVATE, tid, NULL, NULL, 0);
}

int descriptor_find(int fd, struct descriptor *ret_descriptor)
{
	struct descriptor descriptor = {};
	uintptr_t slot = descriptor_slot(fd);
	int rc;

	if (descriptors)
		wait_while_leaving();

	if (descriptor_reserved(fd))
		return -EBADF;
	descriptor.local = descriptor_local(fd, slot);
	if (!descriptor.local) {
		rc = identity_of(fd, &descriptor.identity);
		if (rc == -ENOENT)
			descriptor_remember(fd, SLOT_FOREIGN);
		if (!rc)
			rc = find_ours(fd, slot, &descriptor);
		if (rc)
			return rc;
		remember(fd, &descriptor);
	}
	*ret_descriptor = descriptor;
	return 0;
}

int descriptor_find_kept(struct descriptor_kept *keep, struct descriptor *ret_descriptor)
{
	struct descriptor descriptor = {.identity = keep->identity};
	struct process *process;
	uintptr_t slot = 0;
	int rc;

	if (!descriptors)
		return -EBADF;
	wait_while_leaving();
	process = atomic_load_explicit(&descriptors->process, memory_order_acquire);
	if (process && atomic_load_explicit(&keep->process, memory_order_acquire) == process)
		slot = atomic_load_explicit(&keep->slot, memory_order_relaxed);
	if (slot && !(slot & SLOT_TAGS) && endpoint_get((struct endpoint *)slot)) {
		descriptor.local = (struct endpoint *)slot;
	} else {
		rc = find_ours(atomic_load(&keep->fd), slot & SLOT_REMOTE ? slot : 0, &descriptor);
		if (rc)
			return rc;
		/* In this order: who sees the process sees its slot. */
		atomic_store_explicit(&keep->slot, slot_for(&descriptor), memory_order_relaxed);
		atomic_store_explicit(&keep->process, process_get(), memory_order_release);
	}
	*ret_descriptor = descriptor;
	return 0;
}

struct process *descriptors_attach_all(void)
{
	struct descriptor descriptor;
	struct process *process = NULL;
	int end = atomic_load(&slots_end);

	if (!descriptors || !atomic_load(&any_ours))
		return NULL;
	for (int fd = 0; fd < end; fd++) {
		if (descriptor_slot(fd) == SLOT_FOREIGN || descriptor_reserved(fd) ||
		    identity_of(fd, &descriptor.identity) || identity_newborn(fd))
			continue;
		process = process_get();
		if (!descriptor_find(fd, &descriptor))
			descriptor_done(&descriptor);
	}
	return process ? process : atomic_load(&descriptors->process);
}

int64_t descriptor_ask(int fd, const struct descriptor *descriptor, struct wire_msg *msg,
		       int *ret_fd)
{
	struct process *process = process_get();
	int64_t result;

	memcpy(msg->id, descriptor->identity.id, sizeof(msg->id));
	defer_begin();
	result = remote_call(&process->remotes, descriptor->host, fd, msg, ret_fd);
	defer_end();
	return result;
}

void descriptor_done(struct descriptor *descriptor)
{
	if (descriptor->local)
		endpoint_put(descriptor->local);
}

/* A newborn has no effects to wait for; its end is the kernel's work. */
static bool closing_ours(int fd, uintptr_t slot, struct descriptor *closing)
{
	struct process *process = descriptors ? atomic_load(&descriptors->process) : NULL;
	QUIET;

	if (process)
		closing->local = service_find(process->service, closing->identity.id);
	if (closing->local)
		return true;
	if (identity_newborn(fd))
		return false;
	process = process_get();
	return process && !find_remote(process, fd, slot & SLOT_REMOTE ? slot : 0, closing);
}

bool descriptor_closing(int fd, struct descriptor *ret_closing)
{
	struct descriptor closing = {};
	uintptr_t slot = descriptor_slot(fd);
	int saved = errno;
	bool ours = false;

	descriptor_forget(fd);
	if (slot == SLOT_FOREIGN || (!slot && !atomic_load(&any_ours)))
		return false;
	if (!identity_of(fd, &closing.identity))
		ours = closing_ours(fd, slot, &closing);
	descriptor_forget(fd);
	*ret_closing = closing;
	errno = saved;
	return ours;
}

void descriptor_closed(struct descriptor *closing)
{
	struct process *process = atomic_load(&descriptors->process);
	struct wire_msg msg = {.op = WIRE_CLOSED};
	int saved = errno;
	QUIET;

	if (closing->local) {
		endpoint_put(closing->local);
		service_closed(process->service, closing->identity.id);
	} else {
		descriptor_ask(-1, closing, &msg, NULL);
	}
	errno = saved;
}

static int high_start(void)
{
	struct rlimit limit;
	int start = RESERVED_HIGH;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < RESERVED_HIGH + RESERVED_ROOM)
		start = (int)limit.rlim_cur - RESERVED_ROOM;
	return start < 3 ? 3 : start;
}

static bool note(int fd, bool keep)
{
	for (int i = 0; i < RESERVED_MAX; i++) {
		int none = 0;

		if (atomic_compare_exchange_strong(&reserved[i], &none, fd + 1)) {
			atomic_store(&kept[i], keep);
			atomic_store(&reserved_by, getpid());
			descriptor_set(fd, SLOT_RESERVED);
			return true;
		}
	}
	return false;
}

void preload_keep_fd(int fd)
{
	note(fd, true);
}

static int reserve(int fd, bool keep)
{
	int high = REAL(fcntl)(fd, F_DUPFD_CLOEXEC, high_start());

	if (high < 0)
		return errno == EINVAL ? -EMFILE : -errno;
	if (!note(high, keep)) {
		sys_raw(SYS_close, high);
		return -EMFILE;
	}
	sys_raw(SYS_close, fd);
	return high;
}

int descriptor_reserve(int fd)
{
	return reserve(fd, false);
}

int descriptor_keep(int fd)
{
	int copy = inject_fail() ? -1 : REAL(fcntl)(fd, F_DUPFD_CLOEXEC, 0), rc;

	if (copy < 0)
		return -EMFILE;
	rc = reserve(copy, true);
	if (rc < 0)
		sys_raw(SYS_close, copy);
	return rc;
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

	if (!descriptor_reserved(fd))
		return;
	for (int i = 0; i < RESERVED_MAX; i++) {
		if (atomic_load(&reserved[i]) != fd + 1)
			continue;
		moved = REAL(fcntl)(fd, F_DUPFD_CLOEXEC, fd + 1);
		if (moved < 0)
			moved = REAL(fcntl)(fd, F_DUPFD_CLOEXEC, 3);
		if (moved < 0)
			return;
		atomic_store(&reserved[i], moved + 1);
		descriptor_set(moved, SLOT_RESERVED);
		process_moved_descriptor(fd, moved);
		descriptor_set(fd, 0);
	}
}

void descriptor_release(int fd)
{
	for (int i = 0; i < RESERVED_MAX; i++) {
		int number = fd + 1;

		if (atomic_compare_exchange_strong(&reserved[i], &number, 0))
			break;
	}
	descriptor_set(fd, 0);
	sys_raw(SYS_close, fd);
}

/* In a child, whose table says nothing of them yet. */
static void keep_or_close(int i)
{
	int number = atomic_load(&reserved[i]);

	if (number && atomic_load(&kept[i]))
		descriptor_set(number - 1, SLOT_RESERVED);
	else if (atomic_exchange(&reserved[i], 0))
		sys_raw(SYS_close, number - 1);
}

void descriptor_reserved_drop(void)
{
	if (atomic_load(&reserved_by) == getpid())
		return;
	for (int i = 0; i < RESERVED_MAX; i++)
		keep_or_close(i);
}
