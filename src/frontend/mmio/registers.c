/* SPDX-License-Identifier: MIT */
/*
 * General registers are in the ucontext. Vectors are in an XSAVE area in its standard format (Intel SDM volume 1, 13.4), whose last 48 legacy
 * bytes the kernel uses to say how much of it there is (arch/x86/include/uapi/asm/sigcontext.h: struct _fpx_sw_bytes).
 */
#include "frontend/mmio/registers.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <stdbool.h>
#include <string.h>

#include "frontend/mmio/insn.h"

static const uint8_t gregs[] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8,	 REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

uint64_t register_read(const ucontext_t *context, uint8_t reg, unsigned int width)
{
	const greg_t *all = context->uc_mcontext.gregs;
	uint64_t value;

	if (reg & INSN_HIGH)
		return (uint64_t)all[gregs[reg & 3]] >> 8 & 0xff;
	value = (uint64_t)all[gregs[reg & 15]];
	return width >= 8 ? value : value & (((uint64_t)1 << 8 * width) - 1);
}

void register_write(ucontext_t *context, uint8_t reg, unsigned int width, uint64_t value)
{
	greg_t *full = &context->uc_mcontext.gregs[gregs[reg & (reg & INSN_HIGH ? 3 : 15)]];
	unsigned int shift = reg & INSN_HIGH ? 8 : 0;
	uint64_t mask = width >= 4 ? UINT64_MAX : (((uint64_t)1 << 8 * width) - 1) << shift;

	if (width == 4)
		value &= UINT32_MAX;
	*full = (greg_t)(((uint64_t)*full & ~mask) | (value << shift & mask));
}

uint64_t register_flags(const ucontext_t *context)
{
	return (uint64_t)context->uc_mcontext.gregs[REG_EFL];
}

void register_set_flags(ucontext_t *context, uint64_t flags)
{
	context->uc_mcontext.gregs[REG_EFL] = (greg_t)flags;
}

uint64_t register_ip(const ucontext_t *context)
{
	return (uint64_t)context->uc_mcontext.gregs[REG_RIP];
}

void register_set_ip(ucontext_t *context, uint64_t ip)
{
	context->uc_mcontext.gregs[REG_RIP] = (greg_t)ip;
}

/* ---- vectors ---- */

#define FRAME_MAGIC 0x46505853u

enum { PART_SSE = 1, PART_AVX = 2, PART_OPMASK = 5, PART_ZMM_HIGH = 6, PART_ZMM_MORE = 7, PARTS };

enum { LEGACY_XMM = 160, LEGACY_SOFTWARE = 464, LEGACY_END = 512 };

/* Where parts are, and how long they are; Intel's processors have them here. Written before any handler reads it. */
static struct {
	uint32_t offset, size;
} parts[PARTS] = {
	[PART_SSE] = {LEGACY_XMM, 256}, [PART_AVX] = {576, 256},	[PART_OPMASK] = {1088, 64},
	[PART_ZMM_HIGH] = {1152, 512},	[PART_ZMM_MORE] = {1664, 1024},
};

void registers_init(void)
{
	unsigned int size, offset, c, d;

	for (unsigned int i = PART_AVX; i < PARTS; i++) {
		if (!parts[i].size || !__get_cpuid_count(0xd, i, &size, &offset, &c, &d) || !size)
			continue;
		parts[i].offset = offset;
		parts[i].size = size;
	}
}

static uint64_t area_value(const ucontext_t *context, unsigned int at)
{
	uint64_t value;

	memcpy(&value, (const char *)context->uc_mcontext.fpregs + at, sizeof(value));
	return value;
}

/* A part of the frame, or NULL: this frame has no room for it. */
static uint8_t *part(const ucontext_t *context, unsigned int i)
{
	uint8_t *area = (uint8_t *)context->uc_mcontext.fpregs;

	if (!area)
		return NULL;
	if (i == PART_SSE)
		return area + LEGACY_XMM;
	if ((uint32_t)area_value(context, LEGACY_SOFTWARE) != FRAME_MAGIC ||
	    !(area_value(context, LEGACY_SOFTWARE + 8) >> i & 1))
		return NULL;
	return area + parts[i].offset;
}

/* Parts that the thread has not touched are not there but zeros: bits in the header say so. */
static bool part_live(const ucontext_t *context, unsigned int i)
{
	if ((uint32_t)area_value(context, LEGACY_SOFTWARE) != FRAME_MAGIC)
		return true;
	return area_value(context, LEGACY_END) >> i & 1;
}

static void part_read(const ucontext_t *context, unsigned int i, unsigned int at, uint8_t *to,
		      unsigned int len)
{
	const uint8_t *bytes = part(context, i);

	if (bytes && part_live(context, i))
		memcpy(to, bytes + at, len);
	else
		memset(to, 0, len);
}

static void part_write(ucontext_t *context, unsigned int i, unsigned int at, const uint8_t *from,
		       unsigned int len)
{
	uint8_t *bytes = part(context, i);
	uint64_t live;

	if (!bytes)
		return;
	if (!part_live(context, i)) {
		memset(bytes, 0, parts[i].size);
		live = area_value(context, LEGACY_END) | (uint64_t)1 << i;
		memcpy((char *)context->uc_mcontext.fpregs + LEGACY_END, &live, sizeof(live));
	}
	memcpy(bytes + at, from, len);
}

void vector_read(const ucontext_t *context, uint8_t reg, uint8_t ret_bytes[VECTOR_BYTES])
{
	if (reg >= 16) {
		part_read(context, PART_ZMM_MORE, 64u * (reg - 16u), ret_bytes, 64);
		return;
	}
	part_read(context, PART_SSE, 16u * reg, ret_bytes, 16);
	part_read(context, PART_AVX, 16u * reg, ret_bytes + 16, 16);
	part_read(context, PART_ZMM_HIGH, 32u * reg, ret_bytes + 32, 32);
}

void vector_write(ucontext_t *context, uint8_t reg, const uint8_t bytes[VECTOR_BYTES])
{
	if (reg >= 16) {
		part_write(context, PART_ZMM_MORE, 64u * (reg - 16u), bytes, 64);
		return;
	}
	part_write(context, PART_SSE, 16u * reg, bytes, 16);
	part_write(context, PART_AVX, 16u * reg, bytes + 16, 16);
	part_write(context, PART_ZMM_HIGH, 32u * reg, bytes + 32, 32);
}

uint64_t opmask_read(const ucontext_t *context, uint8_t reg)
{
	uint64_t mask;

	part_read(context, PART_OPMASK, 8u * reg, (uint8_t *)&mask, sizeof(mask));
	return mask;
}

#endif
