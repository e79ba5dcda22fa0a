/* SPDX-License-Identifier: MIT */
/*
 * The fuzzer of the core. Bytes are a program: calls on two contexts of one machine, made in this process, with ids, addresses and
 * lengths drawn from small pools of likely and of awkward values. What is looked for: crashes, sanitizers' findings, counts that don't add
 * up, and anything that is still charged when all is closed.
 *
 * core.c plays the program, calls.c knows the structs, prelude.c makes first objects, stage.c the machine and its client, check.c adds up. replay.c is a main() that
 * plays files, for compilers without a fuzzer and as a test.
 */
#ifndef UIOMMUFD_FUZZ_FUZZ_H
#define UIOMMUFD_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/client.h"
#include "core/ctx.h"
#include "core/file.h"
#include "core/machine.h"

#define FUZZ_PAGE   ((uint64_t)4096)
#define FUZZ_NPAGES 64
#define FUZZ_NCTX   2
#define FUZZ_FDS    16
#define FUZZ_FD0    5000

/* The input that is left. Where it ends, there are zeroes. */
struct input {
	const uint8_t *at, *end;
};

static inline uint8_t take8(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static inline uint64_t take64(struct input *in)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value |= (uint64_t)take8(in) << (8 * i);
	return value;
}

struct stage {
	struct client client; /* the first: ops find the stage by it */
	struct machine *machine;
	struct file *contexts[FUZZ_NCTX]; /* NULL: closed */
	struct file *fds[FUZZ_FDS];
	char *memory; /* FUZZ_NPAGES, then a page that can't be read; a page in front can only be read */
	int memfd;
};

/* Fails the run with words. */
__attribute__((noreturn, format(printf, 1, 2))) void fuzz_fail(const char *format, ...);

void stage_init(struct stage *stage);
/* Closes all that is open, in an order that the input says, and looks whether anything is left. */
void stage_done(struct stage *stage, struct input *in);
/* Fresh memory where the program may have unmapped, moved or protected some. */
void stage_renew_memory(struct stage *stage);
void stage_close_fd(struct stage *stage, unsigned int i);

/* Makes objects: none, or some with page tables of all kinds (bit 0), an access (bit 1). */
void fuzz_prelude(struct stage *stage, unsigned int parts);
/* A call with a struct that the input fills. */
void fuzz_ioctl(struct stage *stage, struct file *file, struct input *in);
/* Values from the pools. */
uint64_t fuzz_id(struct input *in);
uint64_t fuzz_iova(struct input *in);
uint64_t fuzz_length(struct input *in);
uint64_t fuzz_pointer(struct stage *stage, struct input *in);
uint64_t fuzz_fd(struct stage *stage, struct input *in);

/* Do the counts of all contexts add up? */
void fuzz_check(struct stage *stage);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
