/* SPDX-License-Identifier: MIT */
/*
 * A store to a page of registers, exact: the fault is decoded and performed. Its stand-in is what others do: open the page, let the processor do the store
 * in a single step, and close the page again; which loses the stores that other threads make meanwhile.
 */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/guard.h"
#include "bench.h"
#include "frontend/mmio/mmio.h"

#if FILE_TRAPS

#define PAGE 4096
#define TRAP ((greg_t)1 << 8) /* in RFLAGS */

struct registers {
	struct mmio_target target; /* first */
	volatile uint32_t *page;
	char *memory;
	size_t count;
};

static ssize_t registers_write(struct mmio_target *target, const void *buf, size_t len,
			       uint64_t offset)
{
	memcpy(((struct registers *)target)->memory + offset, buf, len);
	return (ssize_t)len;
}

static ssize_t registers_read(struct mmio_target *target, void *buf, size_t len, uint64_t offset)
{
	memcpy(buf, ((struct registers *)target)->memory + offset, len);
	return (ssize_t)len;
}

static void registers_release(struct mmio_target *target)
{
}

static const struct mmio_target_ops ops = {
	.read = registers_read,
	.write = registers_write,
	.release = registers_release,
};

static double stores(struct registers *s)
{
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++)
		s->page[4] = (uint32_t)i;
	return (bench_now() - start) / s->count;
}

static double exact_once(void *arg)
{
	return stores(arg);
}

/* For handlers. */
static volatile uint32_t *stepped;

static void on_store(int sig, siginfo_t *info, void *context)
{
	mprotect((void *)stepped, PAGE, PROT_READ | PROT_WRITE);
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= TRAP;
}

static void on_step(int sig, siginfo_t *info, void *context)
{
	mprotect((void *)stepped, PAGE, PROT_READ);
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP;
}

static double step_once(void *arg)
{
	struct registers *s = arg;
	struct sigaction store = {.sa_sigaction = on_store, .sa_flags = SA_SIGINFO}, old_store;
	struct sigaction step = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO}, old_step;
	double time;

	stepped = s->page;
	sigaction(SIGSEGV, &store, &old_store);
	sigaction(SIGTRAP, &step, &old_step);
	time = stores(s);
	sigaction(SIGTRAP, &old_step, NULL);
	sigaction(SIGSEGV, &old_store, NULL);
	return time;
}

/* The least that a fault can cost: a handler that skips the instruction, which is 3 bytes long. */

static void on_skip(int sig, siginfo_t *info, void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 3;
}

static double skip_once(void *arg)
{
	struct registers *s = arg;
	struct sigaction skip = {.sa_sigaction = on_skip, .sa_flags = SA_SIGINFO | SA_NODEFER}, old;
	double start;

	sigaction(SIGSEGV, &skip, &old);
	start = bench_now();
	for (size_t i = 0; i < s->count; i++)
		__asm__ volatile("movl %%eax, 16(%%rdx)" ::"a"(i), "d"(s->page) : "memory");
	start = bench_now() - start;
	sigaction(SIGSEGV, &old, NULL);
	return start / s->count;
}

static void map(struct registers *s)
{
	int fd = memfd_create("registers", MFD_CLOEXEC);
	struct mmio_area area = {
		.target = &s->target, .prot = PROT_READ | PROT_WRITE, .trap = FILE_TRAP_STORES};

	if (fd < 0 || ftruncate(fd, PAGE))
		bench_fail("memfd_create");
	s->memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	s->page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	area.start = (uintptr_t)s->page;
	area.end = area.start + PAGE;
	mmio_target_init(&s->target, &ops);
	if (guard_init(NULL))
		bench_fail("guard_init");
	mmio_init();
	if (mmio_add(&area))
		bench_fail("mmio_add");
}

void bench_mmio(void)
{
	static struct registers s;
	struct bench_work exact = {"trap, decode, write", exact_once, &s, .goal = 2000};
	struct bench_work over = {"trap, decode, write", exact_once, &s, .goal = 700, .over = true};
	struct bench_work step = {"open, step, close", step_once, &s};
	struct bench_work skip = {"a bare fault", skip_once, &s};

	s.count = bench_smoke() ? 10 : 20000;
	map(&s);
	bench_row("store to a mapped BAR", 0, &exact, &step);
	bench_row("store to a mapped BAR, over a fault", 0, &over, &skip);
	mmio_remove((uintptr_t)s.page, PAGE);
	munmap((void *)s.page, PAGE);
	munmap(s.memory, PAGE);
}

#else

void bench_mmio(void)
{
}

#endif
