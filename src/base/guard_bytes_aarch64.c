/* SPDX-License-Identifier: MIT */
/* The copying function on arm64; as on x86-64, nothing on the stack and only registers that a call may change. */
#include "base/guard_private.h"

#include <errno.h>

#if defined(__aarch64__)

/* x0: destination, x1: source, x2: length. Small sizes load all before they store, in halves that may overlap. */
__asm__(".text\n"
	".p2align 6\n"
	".hidden guard_bytes, guard_bytes_fault, guard_bytes_end\n"
	".globl guard_bytes, guard_bytes_fault, guard_bytes_end\n"
	".type guard_bytes, %function\n"
	"guard_bytes:\n"
	".cfi_startproc\n"
	"	add	x3, x1, x2\n" /* the ends */
	"	add	x4, x0, x2\n"
	"	cmp	x2, #16\n"
	"	b.lo	3f\n"
	/* 16 and more: pairs from the front, then the last 16, which were read first */
	"	ldp	x5, x6, [x3, #-16]\n"
	"	sub	x3, x4, #16\n"
	"1:	cmp	x0, x3\n"
	"	b.hs	2f\n"
	"	ldp	x7, x8, [x1], #16\n"
	"	stp	x7, x8, [x0], #16\n"
	"	b	1b\n"
	"2:	stp	x5, x6, [x3]\n"
	"	mov	w0, #0\n"
	"	ret\n"
	/* 8 to 15 */
	"3:	cmp	x2, #8\n"
	"	b.lo	4f\n"
	"	ldr	x5, [x1]\n"
	"	b.eq	8f\n"
	"	ldr	x6, [x3, #-8]\n"
	"	str	x5, [x0]\n"
	"	str	x6, [x4, #-8]\n"
	"	mov	w0, #0\n"
	"	ret\n"
	/* 4 to 7 */
	"4:	cmp	x2, #4\n"
	"	b.lo	5f\n"
	"	ldr	w5, [x1]\n"
	"	b.eq	9f\n"
	"	ldr	w6, [x3, #-4]\n"
	"	str	w5, [x0]\n"
	"	str	w6, [x4, #-4]\n"
	"	mov	w0, #0\n"
	"	ret\n"
	/* 2 to 3 */
	"5:	cmp	x2, #2\n"
	"	b.lo	6f\n"
	"	ldrh	w5, [x1]\n"
	"	b.eq	10f\n"
	"	ldrh	w6, [x3, #-2]\n"
	"	strh	w5, [x0]\n"
	"	strh	w6, [x4, #-2]\n"
	"	mov	w0, #0\n"
	"	ret\n"
	/* 0 to 1 */
	"6:	cbz	x2, 7f\n"
	"	ldrb	w5, [x1]\n"
	"	strb	w5, [x0]\n"
	"7:	mov	w0, #0\n"
	"	ret\n"
	/* 8, 4 and 2 exactly: one load, one store */
	"8:	str	x5, [x0]\n"
	"	mov	w0, #0\n"
	"	ret\n"
	"9:	str	w5, [x0]\n"
	"	mov	w0, #0\n"
	"	ret\n"
	"10:	strh	w5, [x0]\n"
	"	mov	w0, #0\n"
	"	ret\n"
	/* x0: a word, x1: what is expected there, x2: what to store */
	".globl guard_word\n"
	".hidden guard_word\n"
	"guard_word:\n"
	"	ldr	x5, [x1]\n"
	"11:	ldaxr	x6, [x0]\n"
	"	cmp	x6, x5\n"
	"	b.ne	12f\n"
	"	stlxr	w7, x2, [x0]\n"
	"	cbnz	w7, 11b\n"
	"12:	clrex\n"
	"	str	x6, [x1]\n"
	"	mov	w0, #0\n"
	"	ret\n"
	"guard_bytes_fault:\n"
	"	mov	w0, #-14\n" /* -EFAULT */
	"	ret\n"
	"guard_bytes_end:\n"
	".cfi_endproc\n"
	".size guard_bytes, . - guard_bytes\n");

_Static_assert(EFAULT == 14, "the assembly says so");

#endif
