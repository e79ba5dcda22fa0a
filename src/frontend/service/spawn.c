/* SPDX-License-Identifier: MIT */
/*
 * Starts a service's process: clone() with CLONE_VM alone, no CLONE_THREAD, no CLONE_FILES, no signal to the parent (so
 * that the program's wait() doesn't see it).
 *
 * libc's functions need a thread descriptor, and two tasks must not share one. So a pthread is made for it, which
 * clones the process on the lower part of its own stack and then ends by the bare system call: its descriptor and stack
 * live on and are the process's. libc counts it as a thread that never ends; one for a program's life. The descriptor's
 * thread id has to be the new task's: libc's recursive locks, the loader's among them, know their owner by it.
 *
 * ThreadSanitizer can't follow that, nor can Valgrind, nor a sandbox that forbids clone() without CLONE_THREAD: there the pthread
 * itself goes on with a descriptor table of its own. Then the files end with the program.
 */
#include "frontend/service/internal.h"

#include "base/inject.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK_SIZE    (512 * 1024)
#define PARENTS_SHARE (64 * 1024) /* of the stack, while the pthread that clones still runs */

/* Of service->started; below 0 it is what failed. */
enum { STARTING, STARTED };

/* Of the object that Valgrind preloads, whatever the tool; and of a program that is built with ThreadSanitizer (a type that compilers know). */
extern char _vgnU_freeres[] __attribute__((weak));
void __tsan_init(void) __attribute__((weak));

static bool in_a_thread(void)
{
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
	return true;
#else
	return _vgnU_freeres || __tsan_init;
#endif
}

void service_started(struct service *service, int rc)
{
	atomic_store(&service->started, rc ? rc : STARTED);
	syscall(SYS_futex, &service->started, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

/*
 * Where libc keeps this thread's id: the kernel knows, for it clears it when the thread ends. A kernel without
 * checkpoint support doesn't tell; then it is looked for in the thread descriptor.
 */
static pid_t *tid_address(void)
{
	pid_t *address = NULL, tid = gettid(), *word = (pid_t *)pthread_self();

	if (!prctl(PR_GET_TID_ADDRESS, &address) && address && *address == tid)
		return address;
	for (int i = 0; i < 512; i++) {
		if (word[i] == tid)
			return &word[i];
	}
	return NULL;
}

static int process_run(void *arg)
{
	((struct service *)arg)->pid = getpid();
	setsid();
	if (chdir("/"))
		errno = 0; /* the working directory stays busy, no more */
	service_main(arg);
	return 0;
}

static void *thread_run(void *arg)
{
	struct service *service = arg;
	char *stack = (char *)__builtin_frame_address(0) - PARENTS_SHARE;
	pid_t *tid = in_a_thread() ? NULL : tid_address();
	int rc = -1;

	stack = (char *)((uintptr_t)stack & ~(uintptr_t)63);
	if (tid) {
		/* Its end must not clear what is the process's by then. */
		syscall(SYS_set_tid_address, NULL);
		rc = clone(process_run, stack, CLONE_VM | CLONE_PARENT_SETTID, service, tid);
		if (rc < 0)
			syscall(SYS_set_tid_address, tid);
	}
	if (rc > 0) {
		syscall(SYS_exit, 0);
	} else {
		service->pid = getpid();
		service->in_program = true;
		unshare(CLONE_FILES);
		service_main(service);
	}
	return NULL;
}

int service_thread(void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int rc;

	if (inject_fail())
		return -EAGAIN;
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, &attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -rc;
}

int service_spawn(struct service *service)
{
	int rc;

	atomic_store(&service->started, STARTING);
	rc = service_thread(thread_run, service);
	if (rc)
		return rc;
	while ((rc = atomic_load(&service->started)) == STARTING)
		syscall(SYS_futex, &service->started, FUTEX_WAIT_PRIVATE, STARTING, NULL, NULL, 0);
	return rc < 0 ? rc : 0;
}
