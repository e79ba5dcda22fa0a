/* SPDX-License-Identifier: MIT */
/* From a system call to the file that it is for. */
#include "frontend/launcher/supervisor.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#define PAGE ((uint64_t)4096)

/* From a guess to the process that calls. */
static int find_caller(struct call *call)
{
	int rc;

	if (call->target && !call->sure && target_ended(call->target)) {
		targets_collect(call->supervisor);
		target_put(call->supervisor, call->target);
		call->target = NULL;
	}
	if (!call->target) {
		rc = target_get(call->supervisor, call->notice, &call->target);
		if (rc)
			return rc;
		call->fresh = true;
	}
	call->sure = true;
	return 0;
}

int call_enter(struct call *call)
{
	int rc = find_caller(call);

	if (!rc && !call->client.mm)
		call->client = (struct client){
			&call_client_ops, target_mm(call->supervisor, call->target), &call->window};
	return rc;
}

int call_duplicate(struct call *call, int number)
{
	int fd = -ESRCH;

	/* Mostly the guess is right, and this says so as well. */
	if (call->target)
		fd = (int)sys_raw(SYS_pidfd_getfd, call->target->pidfd, number, 0);
	if (fd == -ESRCH) {
		fd = find_caller(call);
		if (!fd)
			fd = (int)sys_raw(SYS_pidfd_getfd, call->target->pidfd, number, 0);
	}
	call->sure |= fd != -ESRCH;
	return fd;
}

int call_endpoint(struct call *call, int number, struct endpoint **ret_endpoint, int *ret_a)
{
	int a = call_duplicate(call, number), rc;

	if (a < 0)
		return a;
	rc = service_here_find(call->supervisor->service, a, ret_endpoint);
	/* Opened outside, and not used yet: whoever is the first to use it serves it. */
	if (rc == -EIO && !call_enter(call) &&
	    !service_here_adopt(call->supervisor->service, &call->client, a))
		rc = service_here_find(call->supervisor->service, a, ret_endpoint);
	if (rc)
		sys_raw(SYS_close, a);
	else
		*ret_a = a;
	return rc;
}

/* What a descriptor of ours can't be needs no process looked up: most are files. */
bool call_may_be_ours(struct call *call, int number)
{
	char path[64], text[8];

	if (call->target)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)call->notice->call.pid, number);
	return sys_raw(SYS_readlinkat, AT_FDCWD, path, text, sizeof(text)) == sizeof(text) &&
	       !memcmp(text, "socket:[", sizeof(text));
}

/* Most ioctls have a struct: it is read at once, as much as is going to be asked for. */
static void look_ahead(struct call *call, uint64_t at)
{
	size_t len = PAGE - at % PAGE;
	long n;

	if (len > CLIENT_WINDOW_MAX)
		len = CLIENT_WINDOW_MAX;
	n = call_peek(call, call->window.bytes, at, len);
	call->window.at = at;
	call->window.len = n < 0 ? 0 : (uint32_t)n;
}

static int64_t on_file(struct call *call, struct file *file)
{
	const uint64_t *args = call->args;

	switch (call->notice->call.data.nr) {
	case SYS_ioctl:
		look_ahead(call, args[2]);
		return file_ioctl(file, &call->client, (unsigned int)args[1], args[2]);
	case SYS_read:
		if (!(file_poll(file) & EPOLLIN))
			workers_give_turn(&call->supervisor->workers, call->turn);
		return file_read(file, &call->client, args[1], args[2], -1);
	case SYS_write:
		return file_write(file, &call->client, args[1], args[2], -1);
	case SYS_pread64:
		return file_read(file, &call->client, args[1], args[2], (int64_t)args[3]);
	default:
		return file_write(file, &call->client, args[1], args[2], (int64_t)args[3]);
	}
}

/* A call on a descriptor, which may be anybody's. */
static int64_t on_descriptor(struct call *call)
{
	int number = (int)call->args[0], a, rc;
	struct endpoint *endpoint;
	int64_t result;

	if (!call_may_be_ours(call, number))
		return CALL_LET_GO;
	service_here_settle(call->supervisor->service);
	rc = call_endpoint(call, number, &endpoint, &a);
	/* Bad numbers and others' files are the kernel's. */
	if (rc)
		return rc == -EIO ? -EIO : CALL_LET_GO;
	endpoint_callers(a);
	result = call_enter(call);
	if (!result)
		result = on_file(call, endpoint->file);
	endpoint_callers(-1);
	endpoint_put(endpoint);
	if (result < 0 && call->installed)
		service_here_withdraw(call->installed, false);
	sys_raw(SYS_close, a);
	return result;
}

/* A position that no file has is refused by the kernel. */
static int64_t at_position(struct call *call)
{
	return (int64_t)call->args[3] < 0 ? CALL_LET_GO : on_descriptor(call);
}

/* What a process is about to lose is taken over first, if it has lent anything. */
static int64_t memory_ends(struct call *call)
{
	struct supervisor *supervisor = call->supervisor;
	struct mm *mm;

	if (!call->target)
		return CALL_LET_GO;
	mm = target_mm(supervisor, call->target);
	if (call->notice->call.data.nr == SYS_exit_group) {
		machine_client_leaving(supervisor->machine, mm);
	} else {
		/* It may fail, and then the memory goes on being the process's. */
		machine_client_memory_going(supervisor->machine, mm, 0, UINT64_MAX);
		atomic_store(&call->target->execs, true);
	}
	mm_put(mm);
	return CALL_LET_GO;
}

static int64_t rights_change(struct call *call)
{
	if (call->target)
		atomic_store(&call->target->rights, true);
	return CALL_LET_GO;
}

/* The calls that glibc no longer makes, and raw programs do. */
static int64_t old_path_call(struct call *call)
{
#if defined(__x86_64__)
	const uint64_t *args = call->args;

	switch (call->notice->call.data.nr) {
	case SYS_open:
		return call_openat(call, AT_FDCWD, args[0], (int)args[1]);
	case SYS_creat:
		return call_openat(call, AT_FDCWD, args[0], O_CREAT | O_WRONLY | O_TRUNC);
	case SYS_stat:
		return call_stat(call, AT_FDCWD, args[0], 0, args[1]);
	case SYS_lstat:
		return call_stat(call, AT_FDCWD, args[0], AT_SYMLINK_NOFOLLOW, args[1]);
	case SYS_access:
		return call_access(call, AT_FDCWD, args[0], (int)args[1], 0);
	case SYS_readlink:
		return call_readlink(call, AT_FDCWD, args[0], args[1], args[2]);
	}
#endif
	return CALL_LET_GO;
}

static int64_t path_call(struct call *call)
{
	const uint64_t *args = call->args;

	switch (call->notice->call.data.nr) {
	case SYS_openat:
		return call_openat(call, (int)args[0], args[1], (int)args[2]);
	case SYS_openat2:
		return call_openat2(call);
	case SYS_newfstatat:
		return call_stat(call, (int)args[0], args[1], (int)args[3], args[2]);
	case SYS_fstat:
		return call_stat(call, (int)args[0], 0, AT_EMPTY_PATH, args[1]);
	case SYS_statx:
		return call_statx(call);
	case SYS_faccessat:
		return call_access(call, (int)args[0], args[1], (int)args[2], 0);
	case SYS_faccessat2:
		return call_access(call, (int)args[0], args[1], (int)args[2], (int)args[3]);
	case SYS_getdents64:
		return call_getdents(call);
	case SYS_readlinkat:
		return call_readlink(call, (int)args[0], args[1], args[2], args[3]);
	default:
		return old_path_call(call);
	}
}

static int64_t dispatch(struct call *call)
{
	switch (call->notice->call.data.nr) {
	case SYS_ioctl:
	case SYS_read:
	case SYS_write:
		return on_descriptor(call);
	case SYS_pread64:
	case SYS_pwrite64:
		return at_position(call);
	case SYS_exit_group:
	case SYS_execve:
	case SYS_execveat:
		return memory_ends(call);
	case SYS_setrlimit:
	case SYS_prlimit64:
	case SYS_setuid:
	case SYS_setreuid:
	case SYS_setresuid:
	case SYS_capset:
		return rights_change(call);
	default:
		return path_call(call);
	}
}

void call_serve(struct supervisor *supervisor, struct notice *notice, unsigned long turn)
{
	/* The kernel's struct may be longer than ours, and the arguments are where they are. */
	uint64_t args[6];
	struct call call = {
		.supervisor = supervisor,
		.target = target_guess(supervisor, notice),
		.notice = notice,
		.turn = turn,
		.args = args,
	};
	int64_t result;

	for (int i = 0; i < 6; i++)
		args[i] = notice->call.data.args[i];
	result = dispatch(&call);
	if (result == CALL_LET_GO)
		notice_let_go(notice);
	else
		notice_answer(notice, result);
	if (call.client.mm)
		mm_put(call.client.mm);
	if (call.target)
		target_put(supervisor, call.target);
}
