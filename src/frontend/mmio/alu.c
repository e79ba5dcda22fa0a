/* SPDX-License-Identifier: MIT */
#include "frontend/mmio/alu.h"

#if defined(__x86_64__)

enum {
	CF = 1 << 0,
	PF = 1 << 2,
	AF = 1 << 4,
	ZF = 1 << 6,
	SF = 1 << 7,
	OF = 1 << 11,
};

#define ARITHMETIC ((uint64_t)(CF | PF | AF | ZF | SF | OF))

/* The stack below its pointer may be in use (System V ABI, 3.2.2). */
#define FLAGS_IN  "leaq -128(%%rsp), %%rsp\n\tpushq %[flags]\n\tpopfq\n\t"
#define FLAGS_OUT "\n\tpushfq\n\tpopq %[flags]\n\tleaq 128(%%rsp), %%rsp"

#define RUN(text, ...)                                                                             \
	__asm__ volatile(FLAGS_IN text FLAGS_OUT                                                   \
			 : [a] "+r"(a), [flags] "+r"(f)                                            \
			 : __VA_ARGS__                                                             \
			 : "cc", "memory")

static uint64_t flags_merge(uint64_t flags, uint64_t f)
{
	return (flags & ~ARITHMETIC) | (f & ARITHMETIC);
}

/* Two operands. */
#define DEFINE_TWO(name)                                                                           \
	static uint64_t run_##name(unsigned int width, uint64_t a, uint64_t b, uint64_t *flags)    \
	{                                                                                          \
		uint64_t f = *flags & ARITHMETIC;                                                  \
                                                                                                   \
		switch (width) {                                                                   \
		case 1:                                                                            \
			RUN(#name "b %b[b], %b[a]", [b] "r"(b));                                   \
			break;                                                                     \
		case 2:                                                                            \
			RUN(#name "w %w[b], %w[a]", [b] "r"(b));                                   \
			break;                                                                     \
		case 4:                                                                            \
			RUN(#name "l %k[b], %k[a]", [b] "r"(b));                                   \
			break;                                                                     \
		default:                                                                           \
			RUN(#name "q %q[b], %q[a]", [b] "r"(b));                                   \
		}                                                                                  \
		*flags = flags_merge(*flags, f);                                                   \
		return a;                                                                          \
	}

/* One operand, and a count in CL where the text says so. */
#define DEFINE_ONE(name, count)                                                                    \
	static uint64_t run_##name(unsigned int width, uint64_t a, uint64_t b, uint64_t *flags)    \
	{                                                                                          \
		uint64_t f = *flags & ARITHMETIC;                                                  \
                                                                                                   \
		switch (width) {                                                                   \
		case 1:                                                                            \
			RUN(#name "b " count "%b[a]", "c"(b));                                     \
			break;                                                                     \
		case 2:                                                                            \
			RUN(#name "w " count "%w[a]", "c"(b));                                     \
			break;                                                                     \
		case 4:                                                                            \
			RUN(#name "l " count "%k[a]", "c"(b));                                     \
			break;                                                                     \
		default:                                                                           \
			RUN(#name "q " count "%q[a]", "c"(b));                                     \
		}                                                                                  \
		*flags = flags_merge(*flags, f);                                                   \
		return a;                                                                          \
	}

#define DEFINE_BIT(name)                                                                           \
	static uint64_t run_##name(unsigned int width, uint64_t a, uint64_t b, uint64_t *flags)    \
	{                                                                                          \
		uint64_t f = *flags & ARITHMETIC;                                                  \
                                                                                                   \
		switch (width) {                                                                   \
		case 2:                                                                            \
			RUN(#name "w %w[b], %w[a]", [b] "r"(b));                                   \
			break;                                                                     \
		case 4:                                                                            \
			RUN(#name "l %k[b], %k[a]", [b] "r"(b));                                   \
			break;                                                                     \
		default:                                                                           \
			RUN(#name "q %q[b], %q[a]", [b] "r"(b));                                   \
		}                                                                                  \
		*flags = flags_merge(*flags, f);                                                   \
		return a;                                                                          \
	}

DEFINE_TWO(add)
DEFINE_TWO(or)
DEFINE_TWO(adc)
DEFINE_TWO(sbb)
DEFINE_TWO(and)
DEFINE_TWO(sub)
DEFINE_TWO(xor)
DEFINE_TWO(cmp)
DEFINE_TWO(test)
DEFINE_ONE(inc, "")
DEFINE_ONE(dec, "")
DEFINE_ONE(not, "")
DEFINE_ONE(neg, "")
DEFINE_ONE(rol, "%%cl, ")
DEFINE_ONE(ror, "%%cl, ")
DEFINE_ONE(rcl, "%%cl, ")
DEFINE_ONE(rcr, "%%cl, ")
DEFINE_ONE(shl, "%%cl, ")
DEFINE_ONE(shr, "%%cl, ")
DEFINE_ONE(sar, "%%cl, ")
DEFINE_BIT(bt)
DEFINE_BIT(bts)
DEFINE_BIT(btr)
DEFINE_BIT(btc)

typedef uint64_t (*run_fn)(unsigned int width, uint64_t a, uint64_t b, uint64_t *flags);

uint64_t alu_two(unsigned int kind, unsigned int width, uint64_t a, uint64_t b, uint64_t *flags)
{
	static const run_fn run[] = {run_add, run_or,  run_adc, run_sbb,
				     run_and, run_sub, run_xor, run_cmp};

	return run[kind & 7](width, a, b, flags);
}

void alu_test(unsigned int width, uint64_t a, uint64_t b, uint64_t *flags)
{
	run_test(width, a, b, flags);
}

uint64_t alu_one(enum alu_one kind, unsigned int width, uint64_t a, uint64_t *flags)
{
	static const run_fn run[] = {run_inc, run_dec, run_not, run_neg};

	return run[kind](width, a, 0, flags);
}

uint64_t alu_shift(unsigned int kind, unsigned int width, uint64_t a, uint8_t count,
		   uint64_t *flags)
{
	static const run_fn run[] = {run_rol, run_ror, run_rcl, run_rcr,
				     run_shl, run_shr, run_shl, run_sar};

	return run[kind & 7](width, a, count, flags);
}

uint64_t alu_bit(unsigned int kind, unsigned int width, uint64_t a, uint64_t bit, uint64_t *flags)
{
	static const run_fn run[] = {run_bt, run_bts, run_btr, run_btc};

	return run[kind & 3](width, a, bit, flags);
}

bool alu_condition(unsigned int condition, uint64_t flags)
{
	bool less = !(flags & SF) != !(flags & OF), holds = false;

	switch (condition >> 1) {
	case 0:
		holds = flags & OF;
		break;
	case 1:
		holds = flags & CF;
		break;
	case 2:
		holds = flags & ZF;
		break;
	case 3:
		holds = flags & (CF | ZF);
		break;
	case 4:
		holds = flags & SF;
		break;
	case 5:
		holds = flags & PF;
		break;
	case 6:
		holds = less;
		break;
	case 7:
		holds = less || flags & ZF;
		break;
	}
	return holds != (condition & 1);
}

#endif
