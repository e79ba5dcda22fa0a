/* SPDX-License-Identifier: MIT */
/*
 * The program's processes, and each as a client. The kernel names the thread that calls, by a number which may have been another's before; a
 * process is held by its pidfd, and its memory by what /proc gives of it, so neither is ever mistaken for the next with the same number.
 */
#include "frontend/launcher/supervisor.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/inject.h"
#include "frontend/launcher/filter.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pid_t process_of(pid_t tid)
{
	char path[64], line[256];
	FILE *file;
	int pid = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	file = fopen(path, "re");
	while (file && !pid && fgets(line, sizeof(line), file))
		(void)!sscanf(line, "Tgid: %d", &pid);
	if (file)
		fclose(file);
	return pid;
}

static struct target *target_new(pid_t pid, int *ret_error)
{
	struct target *target = mem_zalloc(sizeof(*target));

	*ret_error = -ENOMEM;
	if (!target)
		return NULL;
	target->users = 1;
	target->pid = pid;
	target->pidfd = inject_fail() ? -EMFILE : (int)sys_raw(SYS_pidfd_open, pid, 0);
	*ret_error = target->pidfd < 0 ? target->pidfd : mm_new_remote(pid, &target->mm);
	if (!*ret_error)
		return target;
	if (target->pidfd >= 0)
		sys_raw(SYS_close, target->pidfd);
	free(target);
	return NULL;
}

static void target_free(struct target *target)
{
	atomic_store(&target->mm->gone, true);
	mm_put(target->mm);
	sys_raw(SYS_close, target->pidfd);
	free(target);
}

static bool ended(const struct target *target)
{
	struct pollfd poll_pidfd = {.fd = target->pidfd, .events = POLLIN};

	return poll(&poll_pidfd, 1, 0) == 1;
}

/* The lock is held. */
static struct target *find(struct supervisor *supervisor, pid_t pid)
{
	struct target *target;

	LIST_FOREACH(target, &supervisor->targets[(unsigned int)pid % TARGET_BUCKETS], entry) {
		if (target->pid == pid)
			return target;
	}
	return NULL;
}

/* The process that the number of a thread led to last, if it still has that thread. The lock is held. */
static struct target *find_thread(struct supervisor *supervisor, pid_t tid)
{
	struct target *target = supervisor->recent[(unsigned int)tid % TARGET_BUCKETS];

	if (!target || sys_raw(SYS_tgkill, target->pid, tid, 0))
		return NULL;
	target->users++;
	return target;
}

/* The same by its process, of which `fresh` may become the one that stands for it. */
static struct target *enter(struct supervisor *supervisor, pid_t tid, struct target *fresh)
{
	struct target *target;

	LOCK_SCOPED(&supervisor->lock);
	target = find(supervisor, fresh->pid);
	if (target && !ended(target)) {
		target->users++;
	} else {
		target = fresh;
		target->users = 2;
		LIST_INSERT_HEAD(&supervisor->targets[(unsigned int)fresh->pid % TARGET_BUCKETS],
				 fresh, entry);
	}
	supervisor->recent[(unsigned int)tid % TARGET_BUCKETS] = target;
	return target;
}

struct target *target_known(struct supervisor *supervisor, const struct notice *notice)
{
	LOCK_SCOPED(&supervisor->lock);
	return find_thread(supervisor, (pid_t)notice->call->pid);
}

int target_get(struct supervisor *supervisor, const struct notice *notice,
	       struct target **ret_target)
{
	pid_t tid = (pid_t)notice->call->pid, pid;
	struct target *target = target_known(supervisor, notice), *fresh;
	int rc;

	if (!target) {
		pid = process_of(tid);
		fresh = pid ? target_new(pid, &rc) : NULL;
		if (!fresh)
			return pid ? rc : -ESRCH;
		target = enter(supervisor, tid, fresh);
		if (target != fresh)
			target_free(fresh);
		/* Now it is known whom the number meant. */
		if (!notice_valid(notice)) {
			target_put(supervisor, target);
			return -ESRCH;
		}
	}
	*ret_target = target;
	return 0;
}

void target_put(struct supervisor *supervisor, struct target *target)
{
	bool last;

	lock_take(&supervisor->lock);
	last = !--target->users;
	lock_release(&supervisor->lock);
	if (last)
		target_free(target);
}

/* The lock is held. */
static void forget(struct supervisor *supervisor, struct target *target)
{
	LIST_REMOVE(target, entry);
	for (int i = 0; i < TARGET_BUCKETS; i++) {
		if (supervisor->recent[i] == target)
			supervisor->recent[i] = NULL;
	}
}

static struct target *take_ended(struct supervisor *supervisor)
{
	struct target *target;

	LOCK_SCOPED(&supervisor->lock);
	for (int i = 0; i < TARGET_BUCKETS; i++) {
		LIST_FOREACH(target, &supervisor->targets[i], entry) {
			if (!ended(target))
				continue;
			forget(supervisor, target);
			return target;
		}
	}
	return NULL;
}

void targets_collect(struct supervisor *supervisor)
{
	struct target *target;

	while ((target = take_ended(supervisor)))
		target_put(supervisor, target);
}

/* Its memory was another program's, or is the same and was taken over in vain: either way a new object is right. */
static void renew(struct target *target)
{
	struct mm *mm;

	if (mm_new_remote(target->pid, &mm))
		return;
	atomic_store(&target->mm->gone, true);
	mm_put(target->mm);
	target->mm = mm;
}

struct mm *target_mm(struct supervisor *supervisor, struct target *target)
{
	LOCK_SCOPED(&supervisor->lock);
	if (atomic_exchange(&target->execs, false))
		renew(target);
	if (atomic_exchange(&target->rights, false))
		mm_refresh_creds(target->mm);
	return mm_get(target->mm);
}

/* What the core asks of a client. */

static struct call *of_client(struct client *client)
{
	return (struct call *)client;
}

static int call_fd_native(struct client *client, int fd)
{
	if (inject_fail())
		return -EMFILE;
	return (int)sys_raw(SYS_pidfd_getfd, of_client(client)->target->pidfd, fd, 0);
}

static int call_fd_file(struct client *client, int fd, struct file **ret_file)
{
	struct endpoint *endpoint;
	int a, rc = call_endpoint(of_client(client), fd, &endpoint, &a);

	if (rc)
		return rc == -EBADF ? -EBADF : -ENOENT;
	*ret_file = file_get(endpoint->file);
	endpoint_put(endpoint);
	sys_raw(SYS_close, a);
	return 0;
}

/* Where the filter can tell it, if there is room; else anywhere. */
static int hand_out(struct call *call, int a)
{
	int number, taken;

	for (number = FILTER_FIRST_EVENT; number < FILTER_FIRST_EVENT + FILTER_EVENTS; number++) {
		taken = (int)sys_raw(SYS_pidfd_getfd, call->target->pidfd, number, 0);
		if (taken == -EBADF)
			break;
		if (taken >= 0)
			sys_raw(SYS_close, taken);
	}
	if (number < FILTER_FIRST_EVENT + FILTER_EVENTS)
		number = notice_replace(call->notice, a, number);
	else
		number = -EBADF;
	return number < 0 ? notice_install(call->notice, a, O_CLOEXEC) : number;
}

static int call_fd_install(struct client *client, struct file *file)
{
	struct call *call = of_client(client);
	struct endpoint *endpoint;
	int a, number, rc = service_here_install(call->supervisor->service, file, &a, &endpoint);

	if (rc)
		return rc;
	number = inject_fail() ? -EMFILE : hand_out(call, a);
	sys_raw(SYS_close, a);
	if (number < 0) {
		service_here_withdraw(endpoint, true);
		return number;
	}
	atomic_store(&endpoint->hint, number);
	atomic_store(&endpoint->holder, call->target->pid);
	call->installed = endpoint;
	return number;
}

/* Nobody can close a number of another process; what stands there can be put in the place of the file. */
static void call_fd_close(struct client *client, int fd)
{
	struct call *call = of_client(client);
	CLEANUP_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0)
		(void)notice_replace(call->notice, null, fd);
}

const struct client_ops call_client_ops = {
	.fd_file = call_fd_file,
	.fd_native = call_fd_native,
	.fd_install = call_fd_install,
	.fd_close = call_fd_close,
};
