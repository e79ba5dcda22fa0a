/* SPDX-License-Identifier: MIT */
/*
 * The program's processes, which are clients (client.c). The kernel names the thread that calls, by a number which may have been another's before; a
 * process is held by its pidfd, and its memory by what /proc gives of it, so neither is ever mistaken for the next with the same number.
 */
#include "frontend/launcher/supervisor.h"

#include "base/alloc.h"
#include "base/inject.h"
#include "base/sys.h"

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

bool target_ended(const struct target *target)
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

struct target *target_guess(struct supervisor *supervisor, const struct notice *notice)
{
	pid_t tid = (pid_t)notice->call.pid;
	struct target *target;

	LOCK_SCOPED(&supervisor->lock);
	target = supervisor->recent[(unsigned int)tid % TARGET_BUCKETS];
	if (!target || (target->pid != tid && sys_raw(SYS_tgkill, target->pid, tid, 0)))
		return NULL;
	target->users++;
	return target;
}

/* The one that stands for the process of `fresh`: that may become it. */
static struct target *enter(struct supervisor *supervisor, pid_t tid, struct target *fresh)
{
	struct target *target;

	LOCK_SCOPED(&supervisor->lock);
	target = find(supervisor, fresh->pid);
	if (target && !target_ended(target)) {
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

int target_get(struct supervisor *supervisor, const struct notice *notice,
	       struct target **ret_target)
{
	pid_t tid = (pid_t)notice->call.pid, pid = process_of(tid);
	struct target *target, *fresh;
	int rc = -ESRCH;

	fresh = pid ? target_new(pid, &rc) : NULL;
	if (!fresh)
		return rc;
	target = enter(supervisor, tid, fresh);
	if (target != fresh)
		target_free(fresh);
	/* Now it is known whom the number meant. */
	if (!notice_valid(notice)) {
		target_put(supervisor, target);
		return -ESRCH;
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
			if (!target_ended(target))
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
