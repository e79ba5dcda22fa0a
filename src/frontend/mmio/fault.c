/* SPDX-License-Identifier: MIT */
/* From a fault to an access that is done. */
#include "frontend/mmio/mmio.h"

#include <errno.h>

#include "base/guard.h"

#if defined(__x86_64__)

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/sys.h"
#include "frontend/mmio/insn.h"
#include "frontend/mmio/original.h"
#include "frontend/mmio/perform.h"
#include "frontend/mmio/registers.h"

#define PAGE ((uintptr_t)4096)

/* Of REG_ERR: the fault was an instruction fetch. Intel SDM volume 3, 4.7. */
#define ERROR_FETCH 0x10

/* Bytes of code from ip; what follows may be in a page that is not there. */
static size_t read_code(uintptr_t ip, uint8_t code[INSN_LONGEST])
{
	size_t len = INSN_LONGEST, room = PAGE - ip % PAGE;

	if (!guard_copy(code, (const void *)ip, len))
		return len;
	if (room >= len || guard_copy(code, (const void *)ip, room))
		return 0;
	return room;
}

static void tell_unknown(uintptr_t ip, uintptr_t at, const uint8_t *code, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char text[160];
	int n = snprintf(
		text, sizeof(text),
		"uiommufd: instruction at %#lx can't be performed on device memory at %#lx:",
		(unsigned long)ip, (unsigned long)at);

	for (size_t i = 0; i < len && n + 4 < (int)sizeof(text); i++) {
		text[n++] = ' ';
		text[n++] = digits[code[i] >> 4];
		text[n++] = digits[code[i] & 15];
	}
	text[n++] = '\n';
	sys_raw(SYS_write, STDERR_FILENO, text, n);
}

/* The file has refused, as a device does whose memory is switched off: Linux answers SIGBUS. */
static void refuse(const siginfo_t *info, void *context)
{
	siginfo_t bus = {.si_signo = SIGBUS, .si_code = BUS_ADRERR};

	bus.si_addr = info->si_addr;
	guard_chain(SIGBUS, &bus, context);
}

/* A call of its own, so that what decoding needs of the stack is free again when the access is done. */
static __attribute__((noinline)) bool decode(uintptr_t ip, uintptr_t at, struct insn *ret_insn)
{
	uint8_t code[INSN_LONGEST];
	size_t len = read_code(ip, code);

	if (len && code[0] == BREAKPOINT)
		original_byte(ip, code);
	if (insn_decode(code, len, ret_insn))
		return true;
	tell_unknown(ip, at, code, len);
	return false;
}

static bool perform(const siginfo_t *info, ucontext_t *context)
{
	struct insn insn;
	int rc;

	if (!decode(register_ip(context), (uintptr_t)info->si_addr, &insn))
		return false;
	rc = insn_perform(&insn, context);
	if (rc == -EIO)
		refuse(info, context);
	return !rc || rc == -EIO;
}

/* Does the program have a right to the access, and is it trapped? */
static bool is_trapped(const siginfo_t *info)
{
	struct mmio_area area;
	bool trapped;

	if (!mmio_any() || !mmio_find((uintptr_t)info->si_addr, &area))
		return false;
	trapped = area.trap != FILE_TRAP_NONE &&
		  area.prot & (area.trap == FILE_TRAP_ALL ? PROT_READ | PROT_WRITE : PROT_WRITE);
	mmio_target_put(area.target);
	return trapped;
}

bool mmio_fault(int sig, siginfo_t *info, void *ucontext)
{
	ucontext_t *context = ucontext;
	int saved = errno;
	bool done;

	if (sig != SIGSEGV || info->si_code != SEGV_ACCERR ||
	    context->uc_mcontext.gregs[REG_ERR] & ERROR_FETCH)
		return false;
	done = is_trapped(info) && perform(info, context);
	errno = saved;
	return done;
}

static void init(void)
{
	registers_init();
	guard_on_fault(mmio_fault);
}

void mmio_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, init);
}

#else

bool mmio_fault(int sig, siginfo_t *info, void *ucontext)
{
	return false;
}

void mmio_init(void)
{
}

#endif
