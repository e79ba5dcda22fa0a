/* SPDX-License-Identifier: MIT */
/*
 * The fuzzer of stage 1: a hostile guest behind an IOMMU of each kind. Bytes are a program: words of its memory, which has tables and descriptors in it and commands,
 * page tables nested on it, invalidations, registers of command queues, and DMA of its device. What is looked for: crashes, sanitizers' findings, work
 * without end, and DMA that touches what the guest has not.
 */
#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <uiommufd/iommufd.h>

#include "base/guard.h"
#include "device/dma.h"
#include "hw/amd/amd.h"
#include "hw/smmuv3/smmuv3.h"
#include "hw/vtd/vtd.h"
#include "viommu/viommu.h"

#define MAX_STEPS  200
#define NPAGES	   64u
#define GUEST_SIZE (NPAGES * FUZZ_PAGE)
#define VA	   0x7f0000001000ull

enum kind { KIND_SMMU, KIND_AMD, KIND_VTD, KINDS };

struct play {
	struct client client;
	struct machine *machine;
	struct file *file;
	struct ctx *ctx;
	enum kind kind;
	struct smmuv3_iommu smmu_iommu;
	struct smmuv3_device smmu;
	struct amd_iommu amd_iommu;
	struct amd_device amd;
	struct vtd_iommu vtd_iommu;
	struct vtd_device vtd;
	struct iommu_dev *dev;
	struct device *device;
	struct dma_port port;
	uint32_t ioas, parent, viommu, nested;
	char *memory; /* a page in front and one behind are the host's own */
	struct input *in;
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

static uint64_t take_page(struct input *in)
{
	return take8(in) % (NPAGES + 2) * FUZZ_PAGE;
}

static uint64_t take_gpa(struct input *in)
{
	uint64_t page = take_page(in) % GUEST_SIZE;

	return page + take8(in) * 8 + (take8(in) & 1) * 2048;
}

/* Where the tables of the beginning have something, or anywhere. */
static uint64_t take_va(struct input *in)
{
	uint8_t byte = take8(in);

	if (byte & 0x80)
		return take64(in);
	return VA + (byte & 7) * FUZZ_PAGE + take8(in) * 8;
}

/* Something like an entry of a table, a descriptor, a command; or not. */
static uint64_t take_word(struct input *in)
{
	uint8_t byte = take8(in);
	uint64_t page = take_page(in);

	switch (byte % 6) {
	case 0:
		return page | 3;
	case 1:
		return page | take8(in) | (uint64_t)take8(in) << 8;
	case 2:
		return page | 0x7 | (uint64_t)take8(in) << 51;
	case 3:
		return 0x1 | (uint64_t)take8(in) << 59 | page;
	case 4:
		return byte & 0x80 ? 0 : UINT64_MAX;
	}
	return take64(in);
}

static uint64_t *word_at(struct play *play, uint64_t gpa)
{
	return (uint64_t *)(play->memory + gpa);
}

static long call(struct play *play, unsigned int cmd, void *arg)
{
	return file_ioctl(play->file, &play->client, cmd, (uintptr_t)arg);
}

/* ---- steps ---- */

static void step_word(struct play *play)
{
	uint64_t at = take_gpa(play->in);

	*word_at(play, at) = take_word(play->in);
}

/* One bit of a word that may be good. */
static void step_bit(struct play *play)
{
	uint64_t at = take_gpa(play->in);

	*word_at(play, at) ^= (uint64_t)1 << take8(play->in) % 64;
}

static void attach(struct play *play, uint32_t pasid, uint32_t pt_id)
{
	LOCK_SCOPED(&play->ctx->lock);
	if (device_attachment_find(play->device, pasid))
		device_replace(play->device, pasid, &pt_id);
	else
		device_attach(play->device, pasid, &pt_id);
}

static size_t nested_data(struct play *play, uint64_t words[4], uint32_t *ret_type)
{
	static const size_t sizes[KINDS] = {16, 32, 24};
	static const uint32_t types[KINDS] = {IOMMU_HWPT_DATA_ARM_SMMUV3, IOMMU_HWPT_DATA_AMD_GUEST,
					      IOMMU_HWPT_DATA_VTD_S1};
	static const uint64_t good[KINDS][4] = {
		{1 | 5 << 1 | 0x1000},
		{1 | 1ull << 55 | 1ull << 54 | 1ull << 58},
		{0, 0x2000, 48},
	};

	memcpy(words, good[play->kind], 32);
	for (unsigned int i = take8(play->in) % 4; i; i--)
		words[take8(play->in) % 4] ^= (uint64_t)1 << take8(play->in) % 64;
	*ret_type = types[play->kind];
	return sizes[play->kind];
}

static void step_nest(struct play *play)
{
	uint64_t words[4];
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = play->device->object.id,
		.pt_id = play->kind == KIND_VTD ? play->parent : play->viommu,
		.data_uptr = (uintptr_t)words,
	};

	cmd.data_len = (uint32_t)nested_data(play, words, &cmd.data_type);
	if (call(play, IOMMU_HWPT_ALLOC, &cmd))
		return;
	play->nested = cmd.out_hwpt_id;
	attach(play, 0, cmd.out_hwpt_id);
}

static void step_attach(struct play *play)
{
	attach(play, take8(play->in) % 4, take8(play->in) % 16);
}

static void step_detach(struct play *play)
{
	LOCK_SCOPED(&play->ctx->lock);
	device_detach(play->device, take8(play->in) % 4);
}

static void step_destroy(struct play *play)
{
	struct iommu_destroy cmd = {.size = sizeof(cmd), .id = take8(play->in) % 32};

	call(play, IOMMU_DESTROY, &cmd);
}

/* One entry like a good one, one of anything. */
static void step_invalidate(struct play *play)
{
	static const uint8_t opcodes[] = {5, 6, 0x10, 0x11, 0x12, 0x13, 0x30, 0x40};
	uint64_t entries[2][3] = {{0}};
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = play->kind == KIND_VTD ? play->nested : play->viommu,
		.data_uptr = (uintptr_t)entries,
		.data_type = play->kind == KIND_VTD ? IOMMU_HWPT_INVALIDATE_DATA_VTD_S1
						    : IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3,
		.entry_len = play->kind == KIND_VTD ? 24 : 16,
		.entry_num = 2,
	};

	if (play->kind == KIND_VTD) {
		entries[0][0] = take_va(play->in) & ~(FUZZ_PAGE - 1);
		entries[0][1] = take8(play->in);
	} else {
		entries[0][0] = opcodes[take8(play->in) % 8] | (uint64_t)take8(play->in) << 48 |
				(take8(play->in) & 1 ? 7ull << 32 : 0);
		entries[0][1] = take_va(play->in) & ~0xfffull;
	}
	entries[1][0] = take64(play->in);
	entries[1][1] = take64(play->in);
	call(play, IOMMU_HWPT_INVALIDATE, &cmd);
}

static void step_dma(struct play *play)
{
	char data[3 * 4096];
	uint8_t what = take8(play->in);
	const struct dma_access access = {
		.pasid = what & 0x40 ? what % 8 : 0,
		.perm = 1u << what % 6,
		.iova = take_va(play->in),
		.buf = data,
		.len = 1 + take8(play->in) * 40,
	};

	memset(data, what, sizeof(data));
	dma_copy(&play->port, &access, NULL);
}

static void step_map(struct play *play)
{
	uint64_t at = take_page(play->in) % GUEST_SIZE;
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = play->ioas, .length = UINT64_MAX};
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | (2u << take8(play->in) % 3 & 6),
		.ioas_id = play->ioas,
		.user_va = (uintptr_t)play->memory + at,
		.length = (1 + take8(play->in) % 8) * FUZZ_PAGE,
		.iova = at,
	};

	if (map.length > GUEST_SIZE - at)
		map.length = GUEST_SIZE - at;
	if (take8(play->in) & 1)
		call(play, IOMMU_IOAS_UNMAP, &unmap);
	call(play, IOMMU_IOAS_MAP, &map);
}

/* Only the SMMU has queues; their registers are stored to by the program at any time. */
static void step_queue(struct play *play)
{
	struct iommu_hw_queue_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = play->viommu,
		.type = IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV,
		.index = take8(play->in) % 3,
		.nesting_parent_iova = take_page(play->in),
		.length = 16ull << take8(play->in) % 9,
	};

	call(play, IOMMU_HW_QUEUE_ALLOC, &cmd);
}

static void step_register(struct play *play)
{
	uint8_t which = take8(play->in) % 6, queue = take8(play->in) % 2;
	uint32_t value = take8(play->in);
	struct viommu *viommu;

	LOCK_SCOPED(&play->ctx->lock);
	viommu = viommu_find(play->ctx, play->viommu);
	if (viommu && viommu->region)
		__atomic_store_n((uint32_t *)(viommu->region->memory.host + queue * 0x80) + which,
				 value, __ATOMIC_RELAXED);
}

static void take_step(struct play *play)
{
	static void (*const steps[])(struct play *) = {
		step_word, step_bit,	 step_bit,	  step_nest,	   step_dma,	step_dma,
		step_dma,  step_dma,	 step_invalidate, step_invalidate, step_attach, step_detach,
		step_map,  step_destroy, step_queue,	  step_register,
	};

	steps[take8(play->in) % (sizeof(steps) / sizeof(steps[0]))](play);
}

/* ---- the beginning and the end ---- */

static void make_device(struct play *play)
{
	const struct smmuv3_options smmu_options = {.cmdqv = true, .tlb_entries = 16};
	const struct smmuv3_device_options smmu = {.pasid_bits = 3, .ats = true};
	const struct amd_options amd_options = {.nesting = true};
	const struct amd_device_options amd = {.pasid_bits = 3};
	const struct vtd_device_options vtd = {.pasid_bits = 3, .ats = true};
	int rc = 0;

	switch (play->kind) {
	case KIND_SMMU:
		rc |= smmuv3_iommu_init(&play->smmu_iommu, play->machine, &smmu_options);
		rc |= smmuv3_device_init(&play->smmu, &play->smmu_iommu, 1, &smmu);
		play->dev = &play->smmu.dev;
		break;
	case KIND_AMD:
		rc |= amd_iommu_init(&play->amd_iommu, play->machine, &amd_options);
		rc |= amd_device_init(&play->amd, &play->amd_iommu, 1, &amd);
		play->dev = &play->amd.dev;
		break;
	default:
		rc |= vtd_iommu_init(&play->vtd_iommu, play->machine, NULL);
		rc |= vtd_device_init(&play->vtd, &play->vtd_iommu, 1, &vtd);
		play->dev = &play->vtd.dev;
		break;
	}
	if (rc)
		fuzz_fail("no device");
}

static void end_device(struct play *play)
{
	if (play->kind == KIND_SMMU) {
		smmuv3_device_done(&play->smmu);
		smmuv3_iommu_done(&play->smmu_iommu);
	} else if (play->kind == KIND_AMD) {
		amd_device_done(&play->amd);
		amd_iommu_done(&play->amd_iommu);
	} else {
		vtd_device_done(&play->vtd);
		vtd_iommu_done(&play->vtd_iommu);
	}
}

static void make_objects(struct play *play)
{
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	struct iommu_ioas_map map = {.size = sizeof(map),
				     .flags = 7,
				     .user_va = (uintptr_t)play->memory,
				     .length = GUEST_SIZE};
	struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt),
					.flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
					.dev_id = play->device->object.id};
	struct iommu_viommu_alloc viommu = {.size = sizeof(viommu),
					    .type = IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV,
					    .dev_id = play->device->object.id};
	struct iommu_vdevice_alloc vdevice = {
		.size = sizeof(vdevice), .dev_id = play->device->object.id, .virt_id = 7};

	call(play, IOMMU_IOAS_ALLOC, &ioas);
	play->ioas = map.ioas_id = hwpt.pt_id = ioas.out_ioas_id;
	call(play, IOMMU_IOAS_MAP, &map);
	call(play, IOMMU_HWPT_ALLOC, &hwpt);
	play->parent = viommu.hwpt_id = hwpt.out_hwpt_id;
	if (play->kind == KIND_VTD)
		return;
	call(play, IOMMU_VIOMMU_ALLOC, &viommu);
	play->viommu = vdevice.viommu_id = viommu.out_viommu_id;
	call(play, IOMMU_VDEVICE_ALLOC, &vdevice);
}

/* Page 1: a context descriptor, or a GCR3 table. Pages 2 to 5: tables that map VA to page 8. */
static void make_tables(struct play *play)
{
	const uint64_t leaf = play->kind == KIND_SMMU ? 0x443 : 7;

	*word_at(play, 0x1000) = play->kind == KIND_SMMU ? 0x0000620540000010 | 1ull << 31 : 0x2001;
	*word_at(play, 0x1008) = 0x2000;
	for (unsigned int level = 0; level < 4; level++)
		*word_at(play, 0x2000 + level * FUZZ_PAGE + (VA >> (39 - 9 * level) & 511) * 8) =
			level < 3 ? (0x3000 + level * FUZZ_PAGE) | (leaf & 7) : 0x8000 | leaf;
}

static void begin(struct play *play)
{
	static const struct client_ops no_descriptors;

	play->client = (struct client){.ops = &no_descriptors, .mm = mm_self()};
	play->memory = mmap(NULL, GUEST_SIZE + 2 * FUZZ_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!play->client.mm || play->memory == MAP_FAILED || machine_new(&play->machine))
		fuzz_fail("out of memory");
	play->memory += FUZZ_PAGE;
	make_device(play);
	if (machine_open(play->machine, &play->client, "iommu", &play->file))
		fuzz_fail("no context");
	play->ctx = ctx_of_file(play->file);
	lock_take(&play->ctx->lock);
	if (device_bind(play->ctx, play->dev, NULL, &play->device))
		fuzz_fail("no device");
	lock_release(&play->ctx->lock);
	if (dma_port_init(&play->port, play->device))
		fuzz_fail("no port");
	make_objects(play);
	make_tables(play);
}

static void check_host_pages(const struct play *play)
{
	for (unsigned int i = 0; i < FUZZ_PAGE; i++)
		if (play->memory[-(long)FUZZ_PAGE + i] || play->memory[GUEST_SIZE + i])
			fuzz_fail("the device has written beyond the guest's memory");
}

static void finish(struct play *play)
{
	dma_port_done(&play->port);
	lock_take(&play->ctx->lock);
	device_unbind(play->device);
	lock_release(&play->ctx->lock);
	file_put(play->file);
	end_device(play);
	machine_put(play->machine);
	mm_put(play->client.mm);
	check_host_pages(play);
	munmap(play->memory - FUZZ_PAGE, GUEST_SIZE + 2 * FUZZ_PAGE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	struct play play = {.in = &in};

	play.kind = take8(&in) % KINDS;
	begin(&play);
	step_nest(&play);
	for (unsigned int i = 0; i < MAX_STEPS && in.at < in.end; i++)
		take_step(&play);
	finish(&play);
	return 0;
}
