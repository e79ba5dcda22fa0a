/* SPDX-License-Identifier: MIT */
/*
 * Which way a guarded copy goes: threads that block the signals get by without the copying function (guard_bytes_*.c). The
 * handler's side is guard_signal.c.
 */
#include "base/guard.h"
#include "base/guard_private.h"
#include "base/sys.h"
#include "base/tls.h"

#include <stdint.h>
#include <sys/uio.h>

enum {
	THREAD_UNKNOWN = 0, /* ask the kernel */
	THREAD_OPEN,	    /* a fault comes to our handler */
	THREAD_BLOCKS,	    /* a fault would kill */
};

static TLS int thread_state;
static TLS uint64_t thread_hidden;

void guard_thread_blocks(bool blocks)
{
	thread_state = blocks ? THREAD_BLOCKS : THREAD_OPEN;
}

void guard_thread_hide(uint64_t signals)
{
	thread_hidden = signals & GUARD_SIGNALS;
}

uint64_t guard_thread_hidden(void)
{
	return thread_hidden;
}

int guard_thread_forget(void)
{
	int state = thread_state;

	thread_state = THREAD_UNKNOWN;
	return state;
}

void guard_thread_restore(int state)
{
	thread_state = state;
}

/* What was found open is remembered. What was found blocked is asked again: nobody may tell when
 * that ends. */
static bool thread_open(void)
{
	uint64_t mask = 0;

	if (thread_state != THREAD_UNKNOWN)
		return thread_state == THREAD_OPEN;
	sys_raw(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof(mask));
	if (mask & GUARD_SIGNALS)
		return false;
	thread_state = THREAD_OPEN;
	return true;
}

/*
 * For where process_vm_readv is forbidden: the signals are opened for the length of the copy. A
 * SIGSEGV that somebody sent and the thread held back would come through, which is why this is not
 * the first choice.
 */
static int copy_opened(void *dst, const void *src, size_t len)
{
	uint64_t open = GUARD_SIGNALS, mask;
	int ret;

	sys_raw(SYS_rt_sigprocmask, SIG_UNBLOCK, &open, &mask, sizeof(mask));
	ret = guard_bytes(dst, src, len);
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
	return ret;
}

/* The kernel takes 2 GiB less a page at once. */
#define KERNEL_MOST ((size_t)1 << 30)

static int copy_by_kernel(void *dst, const void *src, size_t len)
{
	long pid = sys_raw(SYS_getpid);

	for (size_t done = 0; done < len;) {
		size_t now = len - done < KERNEL_MOST ? len - done : KERNEL_MOST;
		struct iovec local = {(char *)dst + done, now};
		struct iovec remote = {(char *)(uintptr_t)src + done, now};
		long got = sys_raw(SYS_process_vm_readv, pid, &local, 1, &remote, 1, 0);

		if (got < 0 && got != -EFAULT)
			return (int)got;
		if (got != (long)now)
			return -EFAULT;
		done += now;
	}
	return 0;
}

static int copy_blocked(void *dst, const void *src, size_t len)
{
	int ret = copy_by_kernel(dst, src, len);

	if (ret != 0 && ret != -EFAULT)
		ret = copy_opened(dst, src, len);
	return ret == 0 ? 0 : -EFAULT;
}

/* Not a part of guard_copy(), which would save registers for it each time. */
static __attribute__((noinline)) int copy_asking(void *dst, const void *src, size_t len)
{
	return thread_open() ? guard_bytes(dst, src, len) : copy_blocked(dst, src, len);
}

int guard_copy(void *dst, const void *src, size_t len)
{
	if (__builtin_expect(thread_state == THREAD_OPEN, 1))
		return guard_bytes(dst, src, len);
	return copy_asking(dst, src, len);
}

/* The kernel has no such call, so where the signals are blocked they are opened. */
int guard_exchange(void *at, uint64_t *expected, uint64_t word)
{
	uint64_t open = GUARD_SIGNALS, mask;
	int ret;

	if (__builtin_expect(thread_state == THREAD_OPEN || thread_open(), 1))
		return guard_word(at, expected, word);
	sys_raw(SYS_rt_sigprocmask, SIG_UNBLOCK, &open, &mask, sizeof(mask));
	ret = guard_word(at, expected, word);
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
	return ret;
}
