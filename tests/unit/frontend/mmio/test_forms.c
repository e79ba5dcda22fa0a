/* SPDX-License-Identifier: MIT */
/* Each form of instruction leaves on trapped memory what it leaves on plain memory: registers, flags, vectors, bytes. */
#include "forms.h"
#include "recorder.h"
#include "unit.h"

#include <string.h>
#include <sys/mman.h>

#define MIDDLE 0x800
#define FLAGS  0x8d5u /* CF PF AF ZF SF OF */
#define ROUNDS 6

static uint64_t seed = 12345;

static uint64_t random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void random_bytes(void *to, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)to)[i] = (uint8_t)random_number();
}

static bool can_run(const struct form *form)
{
	unsigned int a, b, c, d;

	if (form->needs == NEEDS_AVX2)
		return __builtin_cpu_supports("avx2");
	if (form->needs == NEEDS_MOVDIR) {
		__asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
		return c >> 27 & 1 && c >> 28 & 1;
	}
	return true;
}

/* One run: on memory at `at`, which held `before`. */
struct run {
	struct form_state state;
	uint8_t other[128]; /* what RSI points into */
	uint8_t after[RECORDER_SIZE];
};

static void execute(const struct form *form, const struct form_state *state, char *at,
		    const uint8_t *memory, struct run *run)
{
	char *other = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	assert_ptr_not_equal(other, MAP_FAILED);
	memcpy(other, memory, 128);
	run->state = *state;
	run->state.general[RDI] = (uintptr_t)at;
	run->state.general[RSI] = (uintptr_t)other + 64;
	form_run(&run->state, form->code);
	/* Pointers are compared by how far they moved, to whichever of both memories. */
	for (int i = 0; i < 16; i++) {
		uint64_t *value = &run->state.general[i];

		if (*value - (uintptr_t)at + 512 < 1024)
			*value -= (uintptr_t)at;
		else if (*value - (uintptr_t)other < 4096)
			*value -= (uintptr_t)other + 64;
	}
	memcpy(run->other, other, sizeof(run->other));
	munmap(other, 4096);
}

static void check(const struct form *form, const struct run *plain, const struct run *trapped)
{
	bool same = !memcmp(plain->state.general, trapped->state.general,
			    sizeof(plain->state.general)) &&
		    !((plain->state.flags ^ trapped->state.flags) & FLAGS) &&
		    !memcmp(plain->state.vectors, trapped->state.vectors,
			    sizeof(plain->state.vectors)) &&
		    !memcmp(plain->other, trapped->other, sizeof(plain->other)) &&
		    !memcmp(plain->after, trapped->after, sizeof(plain->after));

	if (same)
		return;
	print_error("%s: flags %#lx, %#lx\n", form->text, plain->state.flags & FLAGS,
		    trapped->state.flags & FLAGS);
	for (int i = 0; i < 16; i++)
		print_error("\tregister %d: %#lx, %#lx\n", i, plain->state.general[i],
			    trapped->state.general[i]);
	for (size_t i = 0; i < sizeof(plain->after); i++) {
		if (plain->after[i] != trapped->after[i])
			print_error("\tbyte %#zx: %#x, %#x\n", i, plain->after[i],
				    trapped->after[i]);
	}
	fail();
}

static void choose(struct form_state *state, uint8_t *memory)
{
	random_bytes(state, sizeof(*state));
	random_bytes(memory, RECORDER_SIZE);
	state->flags = (state->flags & FLAGS) | 2;
	state->general[RCX] %= 8;
	state->general[R9] %= 8;
	state->general[R10] = (state->general[R10] & 0xff) - 0x80;
	/* Comparisons of strings are equal for a while, now and then. */
	if (random_number() & 1)
		memcpy(memory + MIDDLE - 64, memory, 128);
	if (random_number() & 1)
		memset(memory + MIDDLE - 64, (int)(state->general[RAX] & 0xff), 128);
}

static void compare(const struct form *form, struct recorder *recorder, char *plain_map, size_t at)
{
	static struct run plain, trapped;
	static uint8_t memory[RECORDER_SIZE];
	struct form_state state;

	choose(&state, memory);
	memcpy(plain_map, memory, RECORDER_SIZE);
	memcpy(recorder->memory, memory, RECORDER_SIZE);
	execute(form, &state, plain_map + at, memory, &plain);
	execute(form, &state, recorder->map + at, memory, &trapped);
	memcpy(plain.after, plain_map, RECORDER_SIZE);
	memcpy(trapped.after, recorder->memory, RECORDER_SIZE);
	check(form, &plain, &trapped);
}

static void each_form(enum file_trap trap, size_t at)
{
	static struct recorder recorder;
	unsigned long trapped = 0, n = 0;
	char *plain = mmap(NULL, RECORDER_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	assert_ptr_not_equal(plain, MAP_FAILED);
	recorder_init(&recorder, trap);
	for (const struct form *form = forms; form < forms_end; form++) {
		if (!can_run(form))
			continue;
		if (at & 15 && strstr(form->text, "16b"))
			continue; /* wants alignment */
		n++;
		recorder_forget(&recorder);
		if (getenv("UNIT_VERBOSE"))
			print_message("%s\n", form->text);
		for (int i = 0; i < ROUNDS; i++)
			compare(form, &recorder, plain, at);
		trapped += recorder.stores || recorder.loads;
	}
	/* Nearly all of them: some only load, or do nothing. */
	assert_true(n > 400);
	assert_true(trapped > n / 2);
	recorder_done(&recorder);
	munmap(plain, RECORDER_SIZE);
}

static void test_stores(void **state)
{
	each_form(FILE_TRAP_STORES, MIDDLE);
}

static void test_all(void **state)
{
	each_form(FILE_TRAP_ALL, MIDDLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stores),
		cmocka_unit_test(test_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
