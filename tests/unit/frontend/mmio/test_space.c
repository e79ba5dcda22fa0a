/* SPDX-License-Identifier: MIT */
/* What is known of an address space follows what is done to it; and what happens to accesses that can't be done. */
#include "frontend/mmio/perform.h"
#include "frontend/mmio/insn.h"
#include "frontend/mmio/registers.h"
#include "recorder.h"
#include "unit.h"

#include "base/guard.h"
#include "base/inject.h"

#include <cpuid.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096
#define RW   (PROT_READ | PROT_WRITE)

static struct recorder recorder, second;

static int stores_setup(void **state)
{
	recorder_init(&recorder, FILE_TRAP_STORES);
	return 0;
}

static int all_setup(void **state)
{
	recorder_init(&recorder, FILE_TRAP_ALL);
	return 0;
}

static int teardown(void **state)
{
	recorder_done(&recorder);
	return 0;
}

/* ---- areas ---- */

static atomic_uint released;

static void count_release(struct mmio_target *target)
{
	atomic_fetch_add(&released, 1);
}

static const struct mmio_target_ops counted_ops = {.release = count_release};

#define AT 0x100000000ul

static void add(struct mmio_target *target, unsigned int first, unsigned int pages, int prot,
		enum file_trap trap)
{
	struct mmio_area area = {
		.start = AT + first * PAGE,
		.end = AT + (first + pages) * PAGE,
		.offset = first * PAGE,
		.target = target,
		.prot = prot,
		.trap = trap,
	};

	assert_int_equal(mmio_add(&area), 0);
}

static void check_area(unsigned int page, bool there, uint64_t offset)
{
	struct mmio_area area;

	assert_int_equal(mmio_first(AT + page * PAGE, PAGE, &area), there);
	if (there)
		assert_int_equal(area.offset + (AT + page * PAGE - area.start), offset * PAGE);
}

static void test_areas(void **state)
{
	struct mmio_target target;

	released = 0;
	assert_false(mmio_any());
	mmio_target_init(&target, &counted_ops);
	for (unsigned int i = 0; i < 600; i += 6)
		add(&target, i, 4, RW, FILE_TRAP_STORES);
	mmio_target_put(&target);
	for (unsigned int i = 0; i < 600; i++)
		check_area(i, i % 6 < 4, i);
	/* A part in the middle, parts of two, several with gaps; what is nowhere. */
	assert_int_equal(mmio_remove(AT + PAGE, 2 * PAGE), 0);
	assert_int_equal(mmio_remove(AT + 9 * PAGE, 4 * PAGE), 0);
	assert_int_equal(mmio_remove(AT + 18 * PAGE, 100 * PAGE), 0);
	assert_int_equal(mmio_remove(AT + 4 * PAGE, 2 * PAGE), 0);
	for (unsigned int i = 0; i < 600; i++)
		check_area(i,
			   i % 6 < 4 && i != 1 && i != 2 && !(i >= 9 && i < 13) &&
				   !(i >= 18 && i < 118),
			   i);
	/* Moving, over another area too, after what was there is out. */
	assert_int_equal(mmio_remove(AT + 126 * PAGE, 2 * PAGE), 0);
	mmio_move(AT + 120 * PAGE, AT + 126 * PAGE, 2 * PAGE);
	check_area(120, false, 0);
	check_area(122, true, 122);
	check_area(126, true, 120);
	check_area(127, true, 121);
	check_area(128, true, 128);
	assert_int_equal(released, 0);
	assert_int_equal(mmio_remove(AT, 600 * PAGE), 0);
	assert_false(mmio_any());
	assert_int_equal(released, 1);
}

static void test_protect(void **state)
{
	struct mmio_target target;
	struct mmio_area area;

	mmio_target_init(&target, &counted_ops);
	add(&target, 0, 4, RW, FILE_TRAP_STORES);
	add(&target, 6, 2, RW, FILE_TRAP_ALL);
	add(&target, 8, 1, RW, FILE_TRAP_NONE);
	mmio_target_put(&target);
	/* What the kernel would refuse and the program may. */
	assert_true(mmio_traps(AT, 8, true));
	assert_false(mmio_traps(AT, 8, false));
	assert_true(mmio_traps(AT + 3 * PAGE, 4 * PAGE, false));
	assert_false(mmio_traps(AT + 3 * PAGE, 3 * PAGE, false));
	assert_false(mmio_traps(AT + 8 * PAGE, PAGE, true));
	assert_false(mmio_traps(AT + 8 * PAGE, 0, true));
	assert_int_equal(mmio_protect(AT + PAGE, PAGE, PROT_READ), 0);
	assert_true(mmio_first(AT + PAGE, 1, &area) && area.prot == PROT_READ);
	assert_false(mmio_traps(AT + PAGE, 8, true));
	assert_true(mmio_first(AT, 1, &area) && area.prot == RW && area.end == AT + PAGE);
	assert_true(mmio_first(AT + 2 * PAGE, 1, &area) && area.prot == RW);
	assert_int_equal(area.offset, 2 * PAGE);
	assert_int_equal(mmio_prot(FILE_TRAP_STORES, PROT_WRITE), PROT_READ);
	assert_int_equal(mmio_prot(FILE_TRAP_ALL, RW), PROT_NONE);
	assert_int_equal(mmio_prot(FILE_TRAP_NONE, PROT_WRITE), RW);
	assert_int_equal(mmio_remove(AT, 16 * PAGE), 0);
}

static void without_memory(void *arg)
{
	struct mmio_target target;
	struct mmio_area area = {AT, AT + 3 * PAGE, 0, &target, RW, FILE_TRAP_STORES};

	mmio_target_init(&target, &counted_ops);
	inject_arm(1);
	assert_int_equal(mmio_add(&area), -ENOMEM);
	inject_arm(0);
	assert_false(mmio_any());
	assert_int_equal(target.refs, 1);
}

/* In a child that has no array yet. */
static void test_without_memory(void **state)
{
	assert_true(unit_exited(unit_in_child(without_memory, NULL), 0));
}

/* ---- accesses ---- */

static void check_record(unsigned int i, bool store, uint64_t offset, size_t len, uint64_t value)
{
	assert_true(i < recorder.n);
	assert_int_equal(recorder.records[i].store, store);
	assert_int_equal(recorder.records[i].offset, offset);
	assert_int_equal(recorder.records[i].len, len);
	assert_int_equal(recorder.records[i].value, value);
}

/* A device sees accesses of the size that they have, and longer or crooked ones in aligned pieces. */
static void test_pieces(void **state)
{
	static const uint64_t two[2] = {0x1111111122222222, 0x3333333344444444};

	errno = 7;
	*(volatile uint32_t *)(recorder.map + 8) = 0x12345678;
	*(volatile uint8_t *)(recorder.map + 3) = 0x9a;
	assert_int_equal(errno, 7);
	check_record(0, true, 8, 4, 0x12345678);
	check_record(1, true, 3, 1, 0x9a);
	assert_int_equal(recorder.n, 2);
	recorder_forget(&recorder);
	__asm__ volatile("movdqu (%0), %%xmm0; movdqu %%xmm0, (%1)" ::"r"(two),
			 "r"(recorder.map + 32)
			 : "xmm0", "memory");
	check_record(0, true, 32, 8, two[0]);
	check_record(1, true, 40, 8, two[1]);
	assert_int_equal(recorder.n, 2);
	recorder_forget(&recorder);
	__asm__ volatile("movl %0, (%1)" ::"r"(0xaabbccdd), "r"(recorder.map + 6) : "memory");
	check_record(0, true, 6, 2, 0xccdd);
	check_record(1, true, 8, 2, 0xaabb);
	recorder_forget(&recorder);
	__asm__ volatile("movq %0, (%1)" ::"r"(two[0]), "r"(recorder.map + 1) : "memory");
	check_record(0, true, 1, 1, 0x22);
	check_record(1, true, 2, 2, 0x2222);
	check_record(2, true, 4, 4, 0x11111122);
	check_record(3, true, 8, 1, 0x11);
	assert_int_equal(recorder.n, 4);
}

static void test_change_is_a_load_and_a_store(void **state)
{
	__asm__ volatile("lock addl $5, (%0)" ::"r"(recorder.map + 4) : "memory", "cc");
	check_record(0, false, 4, 4, 0);
	check_record(1, true, 4, 4, 5);
	__asm__ volatile("cmpl $5, (%0)" ::"r"(recorder.map + 4) : "memory", "cc");
	assert_int_equal(recorder.n, recorder.trap == FILE_TRAP_ALL ? 3 : 2);
}

/* Half of it in one file, half in another: both are stored to, under one lock. */
static void test_change_across_two_files(void **state)
{
	struct mmio_area area = {
		.start = (uintptr_t)recorder.map + PAGE,
		.end = (uintptr_t)recorder.map + 2 * PAGE,
		.offset = 0,
		.target = &second.target,
		.prot = RW,
		.trap = recorder.trap,
	};

	recorder_init(&second, recorder.trap);
	assert_int_equal(mmio_add(&area), 0);
	memset(recorder.memory, 0xff, PAGE);
	__asm__ volatile("incl (%0)" ::"r"(recorder.map + PAGE - 2) : "memory", "cc");
	assert_int_equal(*(uint16_t *)(recorder.memory + PAGE - 2), 0);
	assert_int_equal(*(uint16_t *)second.memory, 1);
	assert_int_equal(recorder.stores, 1);
	assert_int_equal(second.stores, 1);
	assert_int_equal(mmio_remove(area.start, PAGE), 0);
	recorder_done(&second);
}

/* A string's source may be below a segment's base. */
static void test_string_of_a_segment(void **state)
{
	static __thread uint64_t from[2] = {0x1111222233334444, 0x5555666677778888};
	uintptr_t base, source = (uintptr_t)from;
	char *to = recorder.map + 128;
	size_t count = 2;

	__asm__("movq %%fs:0, %0" : "=r"(base));
	source -= base;
	/* rep movsq %fs:(%rsi), %es:(%rdi): clang 14 puts the REX before the segment, where it counts for nothing. */
	__asm__ volatile(".byte 0xf3, 0x64, 0x48, 0xa5"
			 : "+S"(source), "+D"(to), "+c"(count)
			 :
			 : "memory");
	check_record(0, true, 128, 8, from[0]);
	check_record(1, true, 136, 8, from[1]);
	assert_int_equal(count, 0);
	assert_int_equal(recorder.n, 2);
}

/* Longer than what is done at a time, and into a page that is not there: as far as it goes, and from there it is the program's own fault. */

static sigjmp_buf back;
static siginfo_t seen;
static greg_t seen_count, seen_to;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	seen = *info;
	seen_count = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RCX];
	seen_to = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RDI];
	siglongjmp(back, 1);
}

static void handle_faults(void)
{
	struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	assert_int_equal(guard_sigaction(SIGSEGV, &act, NULL), 0);
	assert_int_equal(guard_sigaction(SIGBUS, &act, NULL), 0);
}

static void test_strings(void **state)
{
	char *to = recorder.map;
	size_t count = RECORDER_SIZE + 3;

	handle_faults();
	if (!sigsetjmp(back, 1)) {
		__asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(0x5a) : "memory");
		fail();
	}
	assert_int_equal(seen.si_signo, SIGSEGV);
	assert_ptr_equal(seen.si_addr, recorder.map + RECORDER_SIZE);
	assert_int_equal(seen_count, 3);
	assert_int_equal(seen_to, (uintptr_t)recorder.map + RECORDER_SIZE);
	assert_int_equal(recorder.stores, RECORDER_SIZE);
	assert_int_equal(recorder.memory[0], 0x5a);
	assert_int_equal(recorder.memory[RECORDER_SIZE - 1], 0x5a);
}

static void test_refused(void **state)
{
	handle_faults();
	recorder.refuses = true;
	if (!sigsetjmp(back, 1)) {
		*(volatile int *)(recorder.map + 12) = 1;
		fail();
	}
	assert_int_equal(seen.si_signo, SIGBUS);
	assert_int_equal(seen.si_code, BUS_ADRERR);
	assert_ptr_equal(seen.si_addr, recorder.map + 12);
}

static void test_not_permitted(void **state)
{
	handle_faults();
	assert_int_equal(mmio_protect((uintptr_t)recorder.map, PAGE, PROT_READ), 0);
	if (!sigsetjmp(back, 1)) {
		*(volatile int *)(recorder.map + 12) = 1;
		fail();
	}
	assert_int_equal(seen.si_signo, SIGSEGV);
	assert_int_equal(seen.si_code, SEGV_ACCERR);
	assert_int_equal(recorder.stores, 0);
	/* The next page is still writable; a store over the edge is none at all. */
	*(volatile int *)(recorder.map + PAGE) = 1;
	assert_int_equal(recorder.stores, 1);
}

/* An instruction that is not known (imul) is the program's fault, and a line says what it was. */
static void unknown(void *arg)
{
	struct sigaction act = {.sa_handler = SIG_DFL};
	int fd = *(int *)arg;

	dup2(fd, STDERR_FILENO);
	guard_sigaction(SIGSEGV, &act, NULL);
	__asm__ volatile("imull (%0), %%eax" ::"r"(recorder.map) : "eax", "cc", "memory");
}

static void test_unknown(void **state)
{
	char text[256] = {};
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_true(unit_died_of(unit_in_child(unknown, &fds[1]), SIGSEGV));
	assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "can't be performed on device memory"));
	assert_non_null(strstr(text, " 0f af "));
	close(fds[0]);
	close(fds[1]);
}

/* The last bytes of a page, with nothing behind it. */
static void test_code_at_the_edge(void **state)
{
	static const uint8_t code[] = {0x89, 0x37, 0xc3}; /* mov %esi, (%rdi); ret */
	char *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*store)(void *, int);

	assert_ptr_not_equal(page, MAP_FAILED);
	munmap(page + PAGE, PAGE);
	memcpy(page + PAGE - sizeof(code), code, sizeof(code));
	store = (void (*)(void *, int))(uintptr_t)(page + PAGE - sizeof(code));
	store(recorder.map + 16, 0x77);
	check_record(0, true, 16, 4, 0x77);
	munmap(page, PAGE);
}

/* ---- threads ---- */

#define THREADS 10
#define RINGS	2000

static void *ring(void *arg)
{
	for (int i = 0; i < RINGS; i++)
		__atomic_fetch_add((uint64_t *)(recorder.map + 64), 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ring, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(*(uint64_t *)(recorder.memory + 64), THREADS * RINGS);
	assert_int_equal(recorder.stores, THREADS * RINGS);
}

/* Areas come and go beside accesses elsewhere. */
static void *come_and_go(void *arg)
{
	struct mmio_target target;

	mmio_target_init(&target, &counted_ops);
	for (unsigned int i = 0; i < 2000; i++) {
		add(&target, i % 7, 3, RW, FILE_TRAP_STORES);
		mmio_remove(AT, 10 * PAGE);
	}
	mmio_target_put(&target);
	return NULL;
}

static void test_changes_beside_accesses(void **state)
{
	pthread_t threads[2];

	assert_int_equal(pthread_create(&threads[0], NULL, come_and_go, NULL), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, ring, NULL), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(recorder.stores, RINGS);
}

/* The count is the child's own, and memory is shared. */
static void ring_in_child(void *arg)
{
	unsigned long before = recorder.stores;

	ring(NULL);
	assert_int_equal(recorder.stores, before + RINGS);
}

static void test_fork(void **state)
{
	pthread_t thread;

	if (UNIT_TSAN)
		skip(); /* it takes the child's fresh lock for a race with the parent */
	/* Whatever another thread holds. */
	assert_int_equal(pthread_create(&thread, NULL, ring, NULL), 0);
	for (int i = 0; i < 10; i++)
		assert_true(unit_exited(unit_in_child(ring_in_child, NULL), 0));
	pthread_join(thread, NULL);
}

/* ---- registers that this machine may not have ---- */

#define XSTATE_BYTES 4096

struct frame {
	ucontext_t context;
	uint8_t area[XSTATE_BYTES] __attribute__((aligned(64)));
};

/* A frame as the kernel makes it on a machine that has all of AVX-512. */
static void frame_make(struct frame *frame)
{
	const uint32_t magic = 0x46505853;
	uint64_t features = 0xe7;

	registers_init();
	memset(frame, 0, sizeof(*frame));
	frame->context.uc_mcontext.fpregs = (void *)frame->area;
	memcpy(frame->area + 464, &magic, sizeof(magic));
	memcpy(frame->area + 472, &features, sizeof(features));
	memcpy(frame->area + 512, &features, sizeof(features));
}

/* Where opmasks are: Intel's place for them, if the processor has none. */
static unsigned int opmask_offset(void)
{
	unsigned int size = 0, offset = 0, c, d;

	__get_cpuid_count(0xd, 5, &size, &offset, &c, &d);
	return size ? offset : 1088;
}

static int perform_bytes(struct frame *frame, const uint8_t *code, size_t len, void *to)
{
	struct insn insn;

	assert_true(insn_decode(code, len, &insn));
	assert_int_equal(insn.length, len);
	frame->context.uc_mcontext.gregs[REG_RDI] = (greg_t)(uintptr_t)to;
	return insn_perform(&insn, &frame->context);
}

static void test_wide_registers(void **state)
{
	static struct frame frame;
	/* vmovdqu32 %zmm17, 64(%rdi){%k1}; vmovdqu8 128(%rdi), %zmm18{%k1}{z}; vextracti64x4 $1, %zmm17, (%rdi) */
	static const uint8_t store[] = {0x62, 0xe1, 0x7e, 0x49, 0x7f, 0x4f, 0x01};
	static const uint8_t load[] = {0x62, 0xe1, 0x7f, 0xc9, 0x6f, 0x57, 0x02};
	static const uint8_t extract[] = {0x62, 0xe3, 0xfd, 0x48, 0x3b, 0x0f, 0x01};
	uint8_t register_bytes[VECTOR_BYTES], memory[256], before[256];
	uint64_t mask = 0x8421;

	frame_make(&frame);
	for (int i = 0; i < VECTOR_BYTES; i++)
		register_bytes[i] = (uint8_t)(i + 1);
	memset(memory, 0xee, sizeof(memory));
	memcpy(before, memory, sizeof(memory));
	vector_write(&frame.context, 17, register_bytes);
	memcpy(frame.area + opmask_offset() + 8, &mask, sizeof(mask));
	assert_int_equal(perform_bytes(&frame, store, sizeof(store), memory), 0);
	for (int i = 0; i < 16; i++)
		if (mask >> i & 1)
			memcpy(before + 64 + 4 * i, register_bytes + 4 * i, 4);
	assert_memory_equal(memory, before, sizeof(memory));
	assert_int_equal(perform_bytes(&frame, load, sizeof(load), memory), 0);
	vector_read(&frame.context, 18, register_bytes);
	for (int i = 0; i < VECTOR_BYTES; i++)
		assert_int_equal(register_bytes[i], mask >> i & 1 ? 0xee : 0);
	assert_int_equal(perform_bytes(&frame, extract, sizeof(extract), memory), 0);
	for (int i = 0; i < 32; i++)
		assert_int_equal(memory[i], 33 + i);
}

/* Parts that the thread has not used are zeros, and come to be when one register is written. */
static void test_unused_registers(void **state)
{
	static struct frame frame;
	uint8_t bytes[VECTOR_BYTES], ones[VECTOR_BYTES];
	uint64_t live = 3, now;

	frame_make(&frame);
	memset(frame.area + 576, 0xcc, 256);
	memset(ones, 1, sizeof(ones));
	memcpy(frame.area + 512, &live, sizeof(live));
	vector_read(&frame.context, 3, bytes);
	assert_int_equal(bytes[16], 0);
	vector_write(&frame.context, 3, ones);
	vector_read(&frame.context, 3, bytes);
	assert_int_equal(bytes[31], 1);
	vector_read(&frame.context, 4, bytes);
	assert_int_equal(bytes[16], 0);
	memcpy(&now, frame.area + 512, sizeof(now));
	assert_int_equal(now & 7, 7);
}

#define WITH(test)     cmocka_unit_test_setup_teardown(test, stores_setup, teardown)
#define WITH_ALL(test) cmocka_unit_test_setup_teardown(test, all_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_areas),
		cmocka_unit_test(test_protect),
		WITH(test_pieces),
		WITH(test_change_is_a_load_and_a_store),
		WITH_ALL(test_change_is_a_load_and_a_store),
		WITH(test_change_across_two_files),
		WITH(test_string_of_a_segment),
		WITH(test_strings),
		WITH(test_refused),
		WITH(test_not_permitted),
		WITH_ALL(test_unknown),
		WITH(test_code_at_the_edge),
		WITH(test_threads),
		WITH_ALL(test_threads),
		WITH(test_changes_beside_accesses),
		WITH(test_fork),
		cmocka_unit_test(test_wide_registers),
		cmocka_unit_test(test_unused_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
