/* SPDX-License-Identifier: MIT */
/*
 * The fuzzer of device models: a hostile driver on the host that their unit tests have (tests/unit/model/host.h). Bytes are a program: stores to registers,
 * descriptors and commands with values from small pools of likely and of awkward ones, permissions that change, DMA that fails. What is looked for: crashes,
 * sanitizers' findings, rules of device.h that are broken (the host aborts), work without end, and a device that does not work after a reset.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/unit/model/host.h"
#include "model/models.h"
#include "model/nvme/spec.h"

#define MAX_STEPS 300
#define PAGES(n)  (HOST_BASE + (uint64_t)(n)*HOST_PAGE)

/* Where a driver that behaves has its things. */
enum {
	PAGE_ASQ = 0,
	PAGE_ACQ = 1,
	PAGE_SQ = 2,
	PAGE_CQ = 4,
	PAGE_LIST = 6,
	PAGE_RING = 8,
	PAGE_COMPLETION = 9,
	PAGE_DATA = 10
};

struct play {
	struct uiommufd_device host;
	struct input *in;
	unsigned int tails[3];
};

void fuzz_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

/* ---- values ---- */

static uint64_t take_address(struct input *in)
{
	uint8_t byte = take8(in);

	switch (byte % 8) {
	case 0:
		return HOST_END - byte;
	case 1:
		return UINT64_MAX - byte;
	case 2:
		return take64(in);
	case 3:
		return PAGES(byte / 8) + take8(in) * (uint64_t)16;
	case 4:
		return byte / 8;
	default:
		return PAGES(byte / 8);
	}
}

static uint64_t take_number(struct input *in)
{
	uint8_t byte = take8(in);

	switch (byte % 8) {
	case 0:
		return take64(in);
	case 1:
		return UINT64_MAX >> (byte / 8);
	case 2:
		return UINT64_C(1) << (byte / 4);
	case 3:
		return take8(in) | (uint64_t)take8(in) << 8;
	case 4:
		return (uint64_t)take8(in) << 16 | byte / 8;
	default:
		return byte / 8;
	}
}

/* ---- steps for all models ---- */

static void step_store(struct play *play)
{
	uint64_t size = play->host.model->bars[0].size;
	unsigned int len = 1u << (take8(play->in) % 4);
	uint64_t offset = take8(play->in) | (uint64_t)take8(play->in) << 8;
	uint64_t value = take8(play->in) & 1 ? take_address(play->in) : take_number(play->in);

	/* Mostly where registers are. */
	offset = offset & 0x8000 ? offset % size : offset % 0x100;
	if (offset > size - len)
		offset = size - len;
	host_store(&play->host, 0, offset, value, len);
}

static void step_config(struct play *play)
{
	unsigned int offset = 0x100 + take8(play->in) * 4;

	host_config_store(&play->host, offset, take_number(play->in), 4);
}

static void step_memory(struct play *play)
{
	uint64_t at = PAGES(take8(play->in) % 16) + (take8(play->in) * (uint64_t)16) % HOST_PAGE;
	unsigned int n = take8(play->in) % 8;

	for (unsigned int i = 0; i < n; i++, at += 8) {
		uint64_t value =
			take8(play->in) & 1 ? take_address(play->in) : take_number(play->in);

		memcpy(host_at(&play->host, at), &value, 8);
	}
}

static void step_protect(struct play *play)
{
	uint64_t page = take8(play->in) % 32;

	host_protect(&play->host, PAGES(page), 1, take8(play->in) % 4);
}

static void step_fail(struct play *play)
{
	static const int with[] = {-EFAULT, -EACCES, -ECANCELED};
	uint8_t byte = take8(play->in);

	play->host.fail_with = with[byte % 3];
	play->host.fail_on = byte & 0x80;
	play->host.fail_at = play->host.dmas + take8(play->in) % 16 + 1;
}

/* After -ECANCELED there is a reset. */
static void step_run(struct play *play)
{
	unsigned int n = host_run(&play->host, 200);

	if (n == 200)
		fuzz_fail("%s is kicked without end", play->host.model->name);
	if (play->host.fail_at && play->host.dmas >= play->host.fail_at) {
		if (play->host.fail_with == -ECANCELED)
			host_reset(&play->host);
		play->host.fail_at = 0;
	}
}

static void step_reset(struct play *play)
{
	if (take8(play->in) < 32)
		host_reset(&play->host);
}

/* ---- steps for some ---- */

static void nvme_enable(struct play *play)
{
	struct uiommufd_device *host = &play->host;

	host_store(host, 0, NVME_CC, 0, 4);
	host_run(host, 10);
	host_store(host, 0, NVME_AQA, 15 << 16 | 15, 4);
	host_store(host, 0, NVME_ASQ, PAGES(PAGE_ASQ), 8);
	host_store(host, 0, NVME_ACQ, PAGES(PAGE_ACQ), 8);
	host_store(host, 0, NVME_CC, 0x460001, 4);
	memset(play->tails, 0, sizeof(play->tails));
}

static void nvme_submit(struct play *play, unsigned int queue, const struct nvme_cmd *cmd)
{
	struct nvme_cmd *sq =
		host_at(&play->host, queue ? PAGES(PAGE_SQ + queue - 1) : PAGES(PAGE_ASQ));
	unsigned int size = queue ? 8 : 16;

	sq[play->tails[queue]] = *cmd;
	play->tails[queue] = (play->tails[queue] + 1) % size;
	host_store(&play->host, 0, NVME_DOORBELLS + 8 * queue, play->tails[queue], 4);
}

static void nvme_make_queue(struct play *play, unsigned int queue)
{
	nvme_submit(play, 0,
		    &(struct nvme_cmd){.opcode = NVME_ADMIN_CREATE_CQ,
				       .dptr = {PAGES(PAGE_CQ + queue - 1)},
				       .cdw10 = 7 << 16 | queue,
				       .cdw11 = queue << 16 | 3});
	nvme_submit(play, 0,
		    &(struct nvme_cmd){.opcode = NVME_ADMIN_CREATE_SQ,
				       .dptr = {PAGES(PAGE_SQ + queue - 1)},
				       .cdw10 = 7 << 16 | queue,
				       .cdw11 = queue << 16 | 1});
	host_run(&play->host, 10);
	host_store(&play->host, 0, NVME_DOORBELLS + 4, play->tails[0], 4);
	play->tails[queue] = 0;
}

static void step_nvme_begin(struct play *play)
{
	nvme_enable(play);
	nvme_make_queue(play, 1);
	nvme_make_queue(play, 2);
}

static void take_command(struct play *play, struct nvme_cmd *cmd, bool admin)
{
	static const uint8_t admins[] = {0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 0x80},
			     ios[] = {0, 1, 2, 5, 8, 9, 12};
	uint8_t byte = take8(play->in), what = take8(play->in);
	uint32_t *rest = &cmd->cdw10;

	cmd->opcode = byte & 0x80 ? byte
		      : admin	  ? admins[byte % sizeof(admins)]
				  : ios[byte % sizeof(ios)];
	cmd->flags = what & 1 ? (what & 2 ? 0x40 : take8(play->in)) : 0;
	cmd->nsid = what & 4 ? 1 : take_number(play->in);
	cmd->dptr[0] = take_address(play->in);
	cmd->dptr[1] = what & 8 ? take_address(play->in) : PAGES(PAGE_LIST);
	if (cmd->flags == 0x40 && what & 0x10)
		cmd->dptr[1] = (uint64_t)(take8(play->in) % 4) << 60 | (take8(play->in) * 16);
	for (unsigned int i = 0; i < 3; i++)
		rest[i] = what & (0x20 << i) ? take_number(play->in) : take8(play->in);
}

static void step_nvme_command(struct play *play)
{
	unsigned int queue = take8(play->in) % 3;
	struct nvme_cmd cmd = {.cid = take8(play->in)};

	take_command(play, &cmd, !queue);
	nvme_submit(play, queue, &cmd);
}

static void step_nvme_doorbell(struct play *play)
{
	host_store(&play->host, 0, NVME_DOORBELLS + 4 * (take8(play->in) % 8), take8(play->in) % 20,
		   4);
}

static void step_ioat_ring(struct play *play)
{
	struct {
		uint32_t size, control;
		uint64_t source, destination, next, rest[4];
	} *ring = host_at(&play->host, PAGES(PAGE_RING));
	unsigned int n = take8(play->in) % 8 + 1;

	for (unsigned int i = 0; i < n; i++) {
		uint8_t byte = take8(play->in);

		ring[i].size = byte & 1 ? take_number(play->in) : take8(play->in) * 17u;
		ring[i].control = byte & 2
					  ? take_number(play->in)
					  : (uint64_t)(byte & 0x38) | (uint64_t)(byte & 0x40) << 18;
		ring[i].source = take_address(play->in);
		ring[i].destination = take_address(play->in);
		ring[i].next =
			byte & 4 ? take_address(play->in) : PAGES(PAGE_RING) + 64 * ((i + 1) % n);
	}
	host_store(&play->host, 0, 0x90, PAGES(PAGE_RING), 8);
	host_store(&play->host, 0, 0x98, PAGES(PAGE_COMPLETION), 8);
	host_store(&play->host, 0, 0x86, take8(play->in) * (n & 1 ? 1 : 64), 2);
}

typedef void step_fn(struct play *play);

static step_fn *const steps[] = {step_store, step_run, step_memory, step_protect,
				 step_fail,  step_run, step_config, step_reset};
static step_fn *const nvme_steps[] = {step_nvme_command, step_nvme_command, step_nvme_doorbell,
				      step_nvme_begin};

static step_fn *take_step(struct play *play)
{
	uint8_t byte = take8(play->in);

	if (byte & 1 && play->host.model == &model_nvme)
		return nvme_steps[byte / 2 % 4];
	if (byte & 1 && play->host.model == &model_ioat)
		return step_ioat_ring;
	return steps[byte / 2 % 8];
}

/* ---- does it still work? ---- */

static void check_nvme(struct play *play)
{
	const struct nvme_cqe *cqe = host_at(&play->host, PAGES(PAGE_ACQ));

	memset(host_at(&play->host, PAGES(PAGE_ACQ)), 0, HOST_PAGE);
	nvme_enable(play);
	nvme_submit(play, 0,
		    &(struct nvme_cmd){
			    .opcode = NVME_ADMIN_IDENTIFY, .dptr = {PAGES(PAGE_DATA)}, .cdw10 = 1});
	host_run(&play->host, 10);
	if (cqe->status != 1)
		fuzz_fail("NVMe is dead after a reset: %x", cqe->status);
}

static void check_ioat(struct play *play)
{
	uint32_t *desc = host_at(&play->host, PAGES(PAGE_RING));

	memset(desc, 0, 64);
	desc[0] = 8;
	desc[2] = PAGES(PAGE_DATA);
	desc[4] = PAGES(PAGE_DATA + 1);
	host_store(&play->host, 0, 0x90, PAGES(PAGE_RING), 8);
	host_store(&play->host, 0, 0x86, 1, 2);
	host_run(&play->host, 10);
	if ((host_load(&play->host, 0, 0x88, 8) & 7) != 1)
		fuzz_fail("IOAT is dead after a reset");
}

static void check_dmatest(struct play *play)
{
	host_store(&play->host, 0, 0, PAGES(PAGE_DATA), 8);
	host_store(&play->host, 0, 8, 1, 4);
	host_run(&play->host, 10);
	if (host_load(&play->host, 0, 12, 4) != 1)
		fuzz_fail("dmatest is dead after a reset");
}

static void check(struct play *play)
{
	play->host.fail_at = 0;
	host_protect(&play->host, HOST_BASE, HOST_PAGES * HOST_PAGE, HOST_READ | HOST_WRITE);
	host_reset(&play->host);
	if (play->host.model == &model_nvme)
		check_nvme(play);
	else if (play->host.model == &model_ioat)
		check_ioat(play);
	else
		check_dmatest(play);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct uiommufd_model *const which[] = {&model_nvme, &model_nvme, &model_ioat,
							     &model_dmatest};
	struct input in = {data, data + size};
	struct play play = {.in = &in};
	uint8_t byte = take8(&in);
	const struct uiommufd_model *model = which[byte % 4];

	if (host_init(&play.host, model,
		      model != &model_nvme ? NULL
		      : byte & 4	   ? "size=1M,block=4096"
					   : "size=64K"))
		fuzz_fail("%s can't be made", model->name);
	if (model == &model_nvme && byte & 8)
		step_nvme_begin(&play);
	for (unsigned int i = 0; i < MAX_STEPS && in.at < in.end; i++)
		take_step (&play)(&play);
	step_run(&play);
	check(&play);
	host_done(&play.host);
	return 0;
}
