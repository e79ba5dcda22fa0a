/* SPDX-License-Identifier: MIT */
/*
 * The guarded copy itself, and how threads that block the signals get by without it. The handler's
 * side is guard_signal.c.
 *
 * The copy keeps nothing on the stack and in no register that a caller wants back, so that mending
 * a fault is one assignment: the instruction pointer goes to guard_bytes_fault, which returns
 * -EFAULT from wherever the fault was. Measured (ns for 8/40/96/512/4096 bytes):
 * this 1.2/1.4/1.6/5.4/28, rep movsb alone 2.7/2.7/2.6/12.6/28.
 */
#include "base/guard.h"
#include "base/guard_private.h"
#include "base/sys.h"
#include "base/tls.h"

#include <stdint.h>
#include <sys/uio.h>

#if defined(__x86_64__)

/*
 * rdi: destination, rsi: source, rdx: length. Small sizes load all before they store, in halves
 * that may overlap.
 */
__asm__(".text\n"
	".p2align 6\n"
	".hidden guard_bytes, guard_bytes_fault, guard_bytes_end\n"
	".globl guard_bytes, guard_bytes_fault, guard_bytes_end\n"
	".type guard_bytes, @function\n"
	"guard_bytes:\n"
	".cfi_startproc\n"
	"	cmpq	$16, %rdx\n"
	"	jb	2f\n"
	"	cmpq	$64, %rdx\n"
	"	ja	6f\n"
	/* 16 to 64 */
	"	movdqu	(%rsi), %xmm0\n"
	"	movdqu	-16(%rsi,%rdx), %xmm1\n"
	"	cmpq	$32, %rdx\n"
	"	ja	1f\n"
	"	movdqu	%xmm0, (%rdi)\n"
	"	movdqu	%xmm1, -16(%rdi,%rdx)\n"
	"	xorl	%eax, %eax\n"
	"	ret\n"
	"1:	movdqu	16(%rsi), %xmm2\n"
	"	movdqu	-32(%rsi,%rdx), %xmm3\n"
	"	movdqu	%xmm0, (%rdi)\n"
	"	movdqu	%xmm2, 16(%rdi)\n"
	"	movdqu	%xmm3, -32(%rdi,%rdx)\n"
	"	movdqu	%xmm1, -16(%rdi,%rdx)\n"
	"	xorl	%eax, %eax\n"
	"	ret\n"
	/* 8 to 15 */
	"2:	cmpl	$8, %edx\n"
	"	jb	3f\n"
	"	movq	(%rsi), %rax\n"
	"	je	10f\n"
	"	movq	-8(%rsi,%rdx), %rcx\n"
	"	movq	%rax, (%rdi)\n"
	"	movq	%rcx, -8(%rdi,%rdx)\n"
	"	xorl	%eax, %eax\n"
	"	ret\n"
	/* 4 to 7 */
	"3:	cmpl	$4, %edx\n"
	"	jb	4f\n"
	"	movl	(%rsi), %eax\n"
	"	je	11f\n"
	"	movl	-4(%rsi,%rdx), %ecx\n"
	"	movl	%eax, (%rdi)\n"
	"	movl	%ecx, -4(%rdi,%rdx)\n"
	"	xorl	%eax, %eax\n"
	"	ret\n"
	/* 2 to 3 */
	"4:	cmpl	$2, %edx\n"
	"	jb	5f\n"
	"	movzwl	(%rsi), %eax\n"
	"	je	12f\n"
	"	movzwl	-2(%rsi,%rdx), %ecx\n"
	"	movw	%ax, (%rdi)\n"
	"	movw	%cx, -2(%rdi,%rdx)\n"
	"	xorl	%eax, %eax\n"
	"	ret\n"
	/* 0 to 1 */
	"5:	xorl	%eax, %eax\n"
	"	testl	%edx, %edx\n"
	"	jz	9f\n"
	"	movzbl	(%rsi), %ecx\n"
	"	movb	%cl, (%rdi)\n"
	"9:	ret\n"
	/* 8, 4 and 2 exactly: one load, one store */
	"10:	movq	%rax, (%rdi)\n"
	"	xorl	%eax, %eax\n"
	"	ret\n"
	"11:	movl	%eax, (%rdi)\n"
	"	xorl	%eax, %eax\n"
	"	ret\n"
	"12:	movw	%ax, (%rdi)\n"
	"	xorl	%eax, %eax\n"
	"	ret\n"
	/* 65 to 1024: blocks of 64, then the last 64, which were read first */
	"6:	cmpq	$1024, %rdx\n"
	"	ja	8f\n"
	"	movdqu	-64(%rsi,%rdx), %xmm4\n"
	"	movdqu	-48(%rsi,%rdx), %xmm5\n"
	"	movdqu	-32(%rsi,%rdx), %xmm6\n"
	"	movdqu	-16(%rsi,%rdx), %xmm7\n"
	"	leaq	-64(%rdi,%rdx), %rcx\n"
	"7:	movdqu	(%rsi), %xmm0\n"
	"	movdqu	16(%rsi), %xmm1\n"
	"	movdqu	32(%rsi), %xmm2\n"
	"	movdqu	48(%rsi), %xmm3\n"
	"	movdqu	%xmm0, (%rdi)\n"
	"	movdqu	%xmm1, 16(%rdi)\n"
	"	movdqu	%xmm2, 32(%rdi)\n"
	"	movdqu	%xmm3, 48(%rdi)\n"
	"	addq	$64, %rsi\n"
	"	addq	$64, %rdi\n"
	"	cmpq	%rcx, %rdi\n"
	"	jb	7b\n"
	"	movdqu	%xmm4, (%rcx)\n"
	"	movdqu	%xmm5, 16(%rcx)\n"
	"	movdqu	%xmm6, 32(%rcx)\n"
	"	movdqu	%xmm7, 48(%rcx)\n"
	"	xorl	%eax, %eax\n"
	"	ret\n"
	"8:	movq	%rdx, %rcx\n"
	"	rep movsb\n"
	"	xorl	%eax, %eax\n"
	"	ret\n"
	"guard_bytes_fault:\n"
	"	movl	$-14, %eax\n" /* -EFAULT */
	"	ret\n"
	"guard_bytes_end:\n"
	".cfi_endproc\n"
	".size guard_bytes, . - guard_bytes\n");

_Static_assert(EFAULT == 14, "the assembly says so");

#endif

enum {
	THREAD_UNKNOWN = 0, /* ask the kernel */
	THREAD_OPEN,	    /* a fault comes to our handler */
	THREAD_BLOCKS,	    /* a fault would kill */
};

static TLS int thread_state;

void guard_thread_blocks(bool blocks)
{
	thread_state = blocks ? THREAD_BLOCKS : THREAD_OPEN;
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

#if defined(__x86_64__)

static int copy_open(void *dst, const void *src, size_t len)
{
	return guard_bytes(dst, src, len);
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

#endif

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

#if defined(__x86_64__)
	if (ret != 0 && ret != -EFAULT)
		ret = copy_opened(dst, src, len);
#endif
	return ret == 0 ? 0 : -EFAULT;
}

int guard_copy(void *dst, const void *src, size_t len)
{
#if defined(__x86_64__)
	if (__builtin_expect(thread_state == THREAD_OPEN || thread_open(), 1))
		return copy_open(dst, src, len);
#endif
	return copy_blocked(dst, src, len);
}
