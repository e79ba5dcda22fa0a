/* SPDX-License-Identifier: MIT */
/*
 * syscall(): two calls that programs make by their number where the C library has been too old, and which matter. statx by Node.js and all that is
 * built on libuv; close_range, which would hit descriptors of ours. All others are the kernel's.
 */
#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "frontend/preload/descriptor.h"
#include "frontend/preload/real.h"

typedef long syscall_function(long number, ...);

/* Where to jump to: what a program gets, and what the rest of the library does. */
syscall_function *syscall_choose(long number) __attribute__((visibility("hidden")));
syscall_function *syscall_real(void) __attribute__((visibility("hidden")));

/*
 * A jump, for a call may return twice (vfork, clone), and then the frame of a function of ours would be gone. Arguments are left as they
 * are, also one on the stack.
 */
#if defined(__x86_64__)
#define SYSCALL_JUMP(name, chosen)                                                                 \
	__asm__(".text\n"                                                                          \
		".globl " name "\n"                                                                \
		".type " name ", @function\n" name ":\n"                                           \
		".cfi_startproc\n"                                                                 \
		"	endbr64\n"                                                                       \
		"	pushq	%rdi\n"                                                                    \
		"	pushq	%rsi\n"                                                                    \
		"	pushq	%rdx\n"                                                                    \
		"	pushq	%rcx\n"                                                                    \
		"	pushq	%r8\n"                                                                     \
		"	pushq	%r9\n"                                                                     \
		"	subq	$8, %rsp\n"                                                                 \
		".cfi_adjust_cfa_offset 56\n"                                                      \
		"	call	" chosen "\n"                                                      \
		"	addq	$8, %rsp\n"                                                                 \
		"	popq	%r9\n"                                                                      \
		"	popq	%r8\n"                                                                      \
		"	popq	%rcx\n"                                                                     \
		"	popq	%rdx\n"                                                                     \
		"	popq	%rsi\n"                                                                     \
		"	popq	%rdi\n"                                                                     \
		".cfi_adjust_cfa_offset -56\n"                                                     \
		"	jmp	*%rax\n"                                                                     \
		".cfi_endproc\n"                                                                   \
		".size " name ", . - " name "\n")
#elif defined(__aarch64__)
#define SYSCALL_JUMP(name, chosen)                                                                 \
	__asm__(".text\n"                                                                          \
		".globl " name "\n"                                                                \
		".type " name ", @function\n" name ":\n"                                           \
		".cfi_startproc\n"                                                                 \
		"	stp	x29, x30, [sp, #-80]!\n"                                                     \
		".cfi_adjust_cfa_offset 80\n"                                                      \
		".cfi_rel_offset x29, 0\n"                                                         \
		".cfi_rel_offset x30, 8\n"                                                         \
		"	stp	x0, x1, [sp, #16]\n"                                                         \
		"	stp	x2, x3, [sp, #32]\n"                                                         \
		"	stp	x4, x5, [sp, #48]\n"                                                         \
		"	stp	x6, x7, [sp, #64]\n"                                                         \
		"	bl	" chosen "\n"                                                      \
		"	mov	x16, x0\n"                                                                   \
		"	ldp	x0, x1, [sp, #16]\n"                                                         \
		"	ldp	x2, x3, [sp, #32]\n"                                                         \
		"	ldp	x4, x5, [sp, #48]\n"                                                         \
		"	ldp	x6, x7, [sp, #64]\n"                                                         \
		"	ldp	x29, x30, [sp], #80\n"                                                       \
		".cfi_adjust_cfa_offset -80\n"                                                     \
		".cfi_restore x29\n"                                                               \
		".cfi_restore x30\n"                                                               \
		"	br	x16\n"                                                                        \
		".cfi_endproc\n"                                                                   \
		".size " name ", . - " name "\n")
#endif
SYSCALL_JUMP("syscall", "syscall_choose");
SYSCALL_JUMP("__wrap_syscall", "syscall_real");
__asm__(".hidden __wrap_syscall\n");

syscall_function *syscall_real(void)
{
	static syscall_function *next;
	syscall_function *found = __atomic_load_n(&next, __ATOMIC_RELAXED);

	if (!found) {
		found = (syscall_function *)dlsym(RTLD_NEXT, "syscall");
		__atomic_store_n(&next, found, __ATOMIC_RELAXED);
	}
	return found;
}

/* Not at a call: a child of fork() may find the loader's lock held for ever (next.h). */
__attribute__((constructor(101))) static void resolve(void)
{
	syscall_real();
}

static long served_statx(long number, long dirfd, const char *path, long flags, long mask,
			 struct statx *stx)
{
	return statx((int)dirfd, path, (int)flags, (unsigned int)mask, stx);
}

static long served_close_range(long number, long first, long last, long flags)
{
	return descriptor_close_range((unsigned int)first, (unsigned int)last, (int)flags);
}

syscall_function *syscall_choose(long number)
{
	if (number == SYS_statx)
		return (syscall_function *)served_statx;
	if (number == SYS_close_range)
		return (syscall_function *)served_close_range;
	return syscall_real();
}
