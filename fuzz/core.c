/* SPDX-License-Identifier: MIT */
/* Bytes as a program. */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include <uiommufd/vfio.h>

#include "base/inject.h"
#include "device/device.h"
#include "device/dma.h"

#define MAX_STEPS 400

typedef void step_fn(struct stage *stage, struct input *in);

static struct file *take_context(struct stage *stage, struct input *in)
{
	return stage->contexts[take8(in) % FUZZ_NCTX];
}

static struct file *take_fd(struct stage *stage, struct input *in)
{
	return stage->fds[take8(in) % FUZZ_FDS];
}

static void step_ioctl(struct stage *stage, struct input *in)
{
	if (stage->contexts[0])
		fuzz_ioctl(stage, stage->contexts[0], in);
}

static void step_other_context(struct stage *stage, struct input *in)
{
	if (stage->contexts[1])
		fuzz_ioctl(stage, stage->contexts[1], in);
}

/* The nth thing that a call needs is not to be had. */
static void step_ioctl_that_fails(struct stage *stage, struct input *in)
{
	inject_arm(take8(in) % 16 + 1);
	step_ioctl(stage, in);
	inject_arm(0);
}

/* Those whose argument is no pointer. */
static void step_vfio(struct stage *stage, struct input *in)
{
	static const unsigned int cmds[] = {VFIO_GET_API_VERSION, VFIO_CHECK_EXTENSION,
					    VFIO_SET_IOMMU, 0x3b00 + 200};
	struct file *file = take_context(stage, in);
	uint8_t byte = take8(in);

	if (file)
		file_ioctl(file, &stage->client, cmds[byte % 4], byte / 4);
}

static void step_read(struct stage *stage, struct input *in)
{
	struct file *file = take_fd(stage, in);
	uint64_t at = fuzz_pointer(stage, in), n = take8(in) * (uint64_t)8;

	if (file)
		file_read(file, &stage->client, at, n, take8(in) > 0xf0 ? 0 : -1);
}

static void step_write(struct stage *stage, struct input *in)
{
	struct file *file = take_fd(stage, in);
	uint64_t at = fuzz_pointer(stage, in), n = take8(in) * (uint64_t)8;

	if (file)
		file_write(file, &stage->client, at, n, take8(in) > 0xf0 ? 0 : -1);
}

static void step_poll(struct stage *stage, struct input *in)
{
	struct file *file = take_fd(stage, in);

	if (file)
		file_poll(file);
}

static void step_mmap(struct stage *stage, struct input *in)
{
	struct file *file = take_context(stage, in);
	struct file_mapping mapping = {
		.offset = fuzz_length(in),
		.length = fuzz_length(in),
		.prot = take8(in) & 7,
		.flags = take8(in) > 0xf0 ? MAP_PRIVATE : MAP_SHARED,
	};
	void *at;

	if (!file || file_mmap(file, &stage->client, &mapping))
		return;
	at = mmap(NULL, mapping.length, mapping.prot & ~PROT_EXEC, MAP_SHARED, mapping.fd,
		  mapping.fd_offset);
	close(mapping.fd);
	if (at == MAP_FAILED)
		fuzz_fail("what may be mapped can't be");
	step_ioctl(stage, in); /* DESTROY, with luck */
	munmap(at, mapping.length);
}

static void step_close(struct stage *stage, struct input *in)
{
	stage_close_fd(stage, take8(in) % FUZZ_FDS);
}

static void step_close_context(struct stage *stage, struct input *in)
{
	unsigned int i = take8(in) % FUZZ_NCTX;

	if (stage->contexts[i])
		file_put(stage->contexts[i]);
	stage->contexts[i] = NULL;
}

/* ---- the program's memory ---- */

static void step_poke(struct stage *stage, struct input *in)
{
	uint64_t at = fuzz_pointer(stage, in);
	uint64_t words[4];
	uint8_t n = take8(in) % 4 + 1;

	for (uint8_t i = 0; i < n; i++)
		words[i] = take8(in) & 1 ? fuzz_iova(in) : take8(in);
	mm_write(stage->client.mm, at, words, n * sizeof(words[0]));
}

struct span {
	char *at;
	size_t len;
};

static struct span take_span(struct stage *stage, struct input *in)
{
	unsigned int first = take8(in) % FUZZ_NPAGES, n = take8(in) % 8 + 1;

	if (first + n > FUZZ_NPAGES)
		n = FUZZ_NPAGES - first;
	return (struct span){stage->memory + first * FUZZ_PAGE, n * FUZZ_PAGE};
}

/* Puts fresh memory, or none, where some stood. */
static void put_memory(const struct span *span, int prot)
{
	if (mmap(span->at, span->len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	    MAP_FAILED)
		fuzz_fail("no memory");
}

static void step_drop_memory(struct stage *stage, struct input *in)
{
	struct span span = take_span(stage, in);
	bool unmap = take8(in) & 1;

	machine_memory_going(stage->machine, (uintptr_t)span.at, span.len);
	if (unmap)
		put_memory(&span, PROT_NONE);
	else
		madvise(span.at, span.len, MADV_DONTNEED);
	mm_forget(stage->client.mm, (uintptr_t)span.at, span.len);
}

/* Moves memory out of the way; what stood there before goes. */
static void step_move_memory(struct stage *stage, struct input *in)
{
	struct span span = take_span(stage, in);
	char *to = span.at + (FUZZ_NPAGES + 1) * FUZZ_PAGE;

	machine_memory_going(stage->machine, (uintptr_t)to, span.len);
	if (mremap(span.at, span.len, span.len, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED)
		return; /* two areas at once */
	machine_memory_moved(stage->machine, (uintptr_t)span.at, (uintptr_t)to, span.len);
	put_memory(&span, PROT_NONE);
	mm_forget(stage->client.mm, 0, UINT64_MAX);
}

static void step_fresh_memory(struct stage *stage, struct input *in)
{
	struct span span = take_span(stage, in);

	machine_memory_going(stage->machine, (uintptr_t)span.at, span.len);
	put_memory(&span, PROT_READ | (take8(in) > 0x20 ? PROT_WRITE : 0));
	mm_forget(stage->client.mm, (uintptr_t)span.at, span.len);
}

static void step_rights(struct stage *stage, struct input *in)
{
	struct mm_creds *creds = &stage->client.mm->creds;
	uint8_t byte = take8(in);

	creds->caps ^= (uint64_t)(byte & 1) << CAP_IPC_LOCK;
	creds->memlock = byte & 2 ? byte / 4 * FUZZ_PAGE : UINT64_MAX;
}

/* ---- devices ---- */

static struct device *take_device(struct stage *stage, struct input *in)
{
	struct file *file = take_context(stage, in);
	uint32_t id = fuzz_id(in);

	return file ? device_find(ctx_of_file(file), id) : NULL;
}

static void step_dma(struct stage *stage, struct input *in)
{
	struct device *device = take_device(stage, in);
	uint64_t iova = fuzz_iova(in), fault;
	uint32_t pasid = take8(in) % 4;
	static char buf[4 * 4096];
	size_t len = fuzz_length(in) % sizeof(buf) + 1;
	struct dma_port port;

	if (!device || dma_port_init(&port, device))
		return;
	if (take8(in) & 1)
		dma_write(&port, pasid, iova, buf, len, &fault);
	else
		dma_read(&port, pasid, iova, buf, len, &fault);
	dma_port_done(&port);
}

static void step_page_request(struct stage *stage, struct input *in)
{
	struct device *device = take_device(stage, in);
	uint8_t byte = take8(in);
	struct page_request request = {
		.pasid_valid = byte & 1,
		.last = byte & 2,
		.pasid = take8(in) % 4,
		.grpid = take8(in) % 4,
		.addr = fuzz_iova(in),
	};

	if (!device)
		return;
	lock_take(&device->object.ctx->lock);
	device_page_request(device, &request);
	lock_release(&device->object.ctx->lock);
}

/* ---- the program ---- */

/* Each takes as much of the bytes as it is often here. */
static step_fn *const steps[] = {
	step_ioctl,	  step_ioctl,	      step_ioctl,	  step_ioctl,
	step_ioctl,	  step_ioctl,	      step_ioctl,	  step_ioctl,
	step_ioctl,	  step_ioctl,	      step_ioctl,	  step_ioctl,
	step_ioctl,	  step_other_context, step_other_context, step_ioctl_that_fails,
	step_vfio,	  step_read,	      step_write,	  step_poll,
	step_mmap,	  step_close,	      step_close_context, step_poke,
	step_drop_memory, step_move_memory,   step_fresh_memory,  step_rights,
	step_dma,	  step_page_request,  step_dma,		  step_page_request,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stage stage;
	struct input in = {data, data + size};

	stage_init(&stage);
	fuzz_prelude(&stage, take8(&in) % 4);
	for (int i = 0; i < MAX_STEPS && in.at < in.end; i++) {
		steps[take8(&in) % 32](&stage, &in);
		fuzz_check(&stage);
	}
	stage_done(&stage, &in);
	return 0;
}
