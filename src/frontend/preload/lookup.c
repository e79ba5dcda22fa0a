/* SPDX-License-Identifier: MIT */
/*
 * dlsym(): who asks the C library's own handle for a function (Python's ctypes.CDLL("libc.so.6"), Java's and .NET's calls of native code) gets
 * ours, as the linker would have given it to a plain call.
 */
#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <stdbool.h>
#include <stddef.h>

#include "frontend/preload/real.h"

typedef void *lookup_function(void *handle, const char *name);

/* Where to jump to for this handle. */
lookup_function *lookup_choose(void *handle) __attribute__((visibility("hidden")));

/*
 * dlsym() looks at its return address where the handle means "as seen by the caller". So it is reached by a jump, with the
 * caller's arguments and return address as they were.
 */
#if defined(__x86_64__)
__asm__(".text\n"
	".globl dlsym, __wrap_dlsym\n"
	".hidden __wrap_dlsym\n"
	".type dlsym, @function\n"
	"dlsym:\n"
	"__wrap_dlsym:\n"
	".cfi_startproc\n"
	"	endbr64\n"
	"	pushq	%rdi\n"
	".cfi_adjust_cfa_offset 8\n"
	"	pushq	%rsi\n"
	".cfi_adjust_cfa_offset 8\n"
	"	subq	$8, %rsp\n"
	".cfi_adjust_cfa_offset 8\n"
	"	call	lookup_choose\n"
	"	addq	$8, %rsp\n"
	".cfi_adjust_cfa_offset -8\n"
	"	popq	%rsi\n"
	".cfi_adjust_cfa_offset -8\n"
	"	popq	%rdi\n"
	".cfi_adjust_cfa_offset -8\n"
	"	jmp	*%rax\n"
	".cfi_endproc\n"
	".size dlsym, . - dlsym\n");
#define LOOKUP_OLD_VERSION "GLIBC_2.2.5"
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl dlsym, __wrap_dlsym\n"
	".hidden __wrap_dlsym\n"
	".type dlsym, @function\n"
	"dlsym:\n"
	"__wrap_dlsym:\n"
	".cfi_startproc\n"
	"	stp	x29, x30, [sp, #-32]!\n"
	".cfi_adjust_cfa_offset 32\n"
	".cfi_rel_offset x29, 0\n"
	".cfi_rel_offset x30, 8\n"
	"	stp	x0, x1, [sp, #16]\n"
	"	bl	lookup_choose\n"
	"	mov	x16, x0\n"
	"	ldp	x0, x1, [sp, #16]\n"
	"	ldp	x29, x30, [sp], #32\n"
	".cfi_adjust_cfa_offset -32\n"
	".cfi_restore x29\n"
	".cfi_restore x30\n"
	"	br	x16\n"
	".cfi_endproc\n"
	".size dlsym, . - dlsym\n");
#define LOOKUP_OLD_VERSION "GLIBC_2.17"
#endif

/* The next dlsym(), which can't be asked for by itself. */
static lookup_function *lookup_next(void)
{
	static lookup_function *next;
	lookup_function *found = __atomic_load_n(&next, __ATOMIC_RELAXED);

	if (found)
		return found;
	found = (lookup_function *)dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
	if (!found)
		found = (lookup_function *)dlvsym(RTLD_NEXT, "dlsym", LOOKUP_OLD_VERSION);
	__atomic_store_n(&next, found, __ATOMIC_RELAXED);
	return found;
}

/* As in syscall.c. */
__attribute__((constructor(101))) static void resolve(void)
{
	lookup_next();
}

/* Are two addresses in the same loaded file? */
static bool same_file(const void *one, const void *other)
{
	Dl_info a, b;

	return dladdr(one, &a) && dladdr(other, &b) && a.dli_fbase == b.dli_fbase;
}

/* By a handle of a file: what it has or needs. */
static void *lookup_in(void *handle, const char *name)
{
	void *found = lookup_next()(handle, name);
	void *first = found ? lookup_next()(RTLD_DEFAULT, name) : NULL;

	if (!found)
		return NULL; /* and dlerror() says why */
	if (!first)
		dlerror(); /* of the second question */
	if (first && first != found && same_file(first, (void *)lookup_choose) &&
	    same_file(found, (void *)gnu_get_libc_version))
		return first;
	return found;
}

lookup_function *lookup_choose(void *handle)
{
	return handle == RTLD_DEFAULT || handle == RTLD_NEXT ? lookup_next() : lookup_in;
}
