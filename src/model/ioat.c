/* SPDX-License-Identifier: MIT */
/*
 * IOAT: Intel's DMA engine in servers ("CBDMA"), version 3.2 to 3.4, as PCI 8086:2021 with one channel.
 *
 * What its registers and descriptors are is known from drivers that are under the BSD licence (DPDK's drivers/dma/ioat, SPDK's ioat_spec.h) and
 * from the kernel's VFIO selftest. There is a copy, a fill and a null descriptor; XOR and PQ are not announced.
 *
 * A channel
 *   The driver stores the address of the first descriptor (CHAINADDR), then how many there are (DMACOUNT): the channel follows `next` until it has
 *   done as many as that 16-bit counter says since CHAINADDR was stored, so a ring and a descriptor that is its own successor end too. CHANSTS has
 *   the state, and the address of the last descriptor that was done; the same goes to memory (CHANCMP) for descriptors that ask for it.
 *   States: HALTED (after a reset, an error or an abort) -CHAINADDR→ ARMED -DMACOUNT→ ACTIVE → DONE. Suspend leads to SUSPENDED from all but HALTED; more
 *   DMACOUNT, or resume, goes on. What is stored to CHAINADDR while the channel is active counts for nothing.
 *
 * Errors
 *   halt the channel: CHANERR (and CHANERR_INT in config space, which has the same bits) say which, until they are cleared by storing ones;
 *   CHANSTS keeps the last descriptor that was done. CHANERRMASK keeps an error from raising an interrupt.
 *
 * Threads: the device's lock guards the fields of struct ioat. `chain`, `done` and `last` belong to run while `running` is set.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/models.h"
#include "model/reg.h"

enum {
	CHANCNT = 0x00,
	XFERCAP = 0x01,
	GENCTRL = 0x02,
	INTRCTRL = 0x03,
	ATTNSTATUS = 0x04,
	CBVER = 0x08,
	INTRDELAY = 0x0c,
	DMACAPABILITY = 0x10,
	CHANCTRL = 0x80,
	CHANCMD = 0x84,
	DMACOUNT = 0x86,
	CHANSTS = 0x88,
	CHAINADDR = 0x90,
	CHANCMP = 0x98,
	CHANERR = 0xa8,
	CHANERRMASK = 0xac,
	CONFIG_CHANERR_INT = 0x180, /* in config space */
};

enum {
	INTRCTRL_MASTER = 1 << 0,
	INTRCTRL_STATUS = 1 << 1,
	INTRCTRL_INT = 1 << 2,
	INTRCTRL_MSIX = 1 << 3
};
enum { DMACAPABILITY_FILL = 1 << 6 };
enum {
	CHANCTRL_INT =
		1
		<< 0, /* set: an interrupt was raised, and no more until it is rearmed by storing 1 */
	CHANCTRL_ERR_COMPLETION = 1 << 2,
	CHANCTRL_ERR_INT = 1 << 4,
};
enum {
	CHANCMD_START = 1 << 0,
	CHANCMD_APPEND = 1 << 1,
	CHANCMD_SUSPEND = 1 << 2,
	CHANCMD_ABORT = 1 << 3,
	CHANCMD_RESUME = 1 << 4,
	CHANCMD_RESET = 1 << 5,
};
enum channel_state { ACTIVE, DONE, SUSPENDED, HALTED, ARMED };
enum {
	ERR_SOURCE = 1 << 0,
	ERR_DESTINATION = 1 << 1,
	ERR_NEXT_ALIGNMENT = 1 << 3,
	ERR_READ = 1 << 8, /* of a descriptor */
	ERR_CONTROL = 1 << 10,
	ERR_LENGTH = 1 << 11,
	ERR_COMPLETION = 1 << 12,
};

struct descriptor {
	uint32_t size, control;
	uint64_t source, destination, next, unused[4];
};
_Static_assert(sizeof(struct descriptor) == 64, "is what the hardware fetches");
enum { CONTROL_INT = 1 << 0, CONTROL_COMPLETION = 1 << 3, CONTROL_NULL = 1 << 5 };
enum { OP_COPY = 0, OP_FILL = 1 };

#define BAR_SIZE      0x4000
#define XFERCAP_LEAST 12
#define XFERCAP_MOST  30
#define BATCH	      16 /* descriptors that are fetched at once */

struct ioat {
	struct uiommufd_device *device;
	char *bar;
	uint8_t *config;
	unsigned int xfercap, version;
	enum channel_state state;
	bool running;
	uint32_t
		stop; /* CHANCMD_SUSPEND, _ABORT, _RESET: to be done when run has stopped. Run looks without the lock */
	uint16_t count; /* DMACOUNT; atomic */
	uint16_t done;
	uint64_t chain; /* the next descriptor */
	uint64_t last;	/* the last that was done */
};

/* What a run of descriptors needs. */
struct batch {
	struct uiommufd_port *port;
	uint64_t at; /* where `fetched` come from */
	unsigned int n;
	struct descriptor fetched[BATCH];
};

static void put_status(struct ioat *ioat)
{
	reg_put64(ioat->bar, CHANSTS, ioat->last | ioat->state);
}

static void set_state(struct ioat *ioat, enum channel_state state)
{
	ioat->state = state;
	put_status(ioat);
}

/* ---- interrupts; with the lock ---- */

static void ioat_raise(struct ioat *ioat)
{
	uint64_t intrctrl = reg_get(ioat->bar, INTRCTRL, 1);
	uint64_t chanctrl = reg_get(ioat->bar, CHANCTRL, 2);

	if (!(intrctrl & (INTRCTRL_MASTER | INTRCTRL_MSIX)) || chanctrl & CHANCTRL_INT)
		return;
	reg_put16(ioat->bar, CHANCTRL, chanctrl | CHANCTRL_INT);
	reg_put8(ioat->bar, INTRCTRL, intrctrl | INTRCTRL_STATUS | INTRCTRL_INT);
	reg_put32(ioat->bar, ATTNSTATUS, 1);
	uiommufd_intx(ioat->device, true);
	uiommufd_interrupt(ioat->device, 0);
}

static void ioat_quieten(struct ioat *ioat)
{
	reg_put8(ioat->bar, INTRCTRL,
		 reg_get(ioat->bar, INTRCTRL, 1) & ~(INTRCTRL_STATUS | INTRCTRL_INT));
	reg_put32(ioat->bar, ATTNSTATUS, 0);
	uiommufd_intx(ioat->device, false);
}

/* ---- what a driver stores; with the lock ---- */

static void put_errors(struct ioat *ioat, uint32_t errors)
{
	reg_put32(ioat->bar, CHANERR, errors);
	reg_put32(ioat->config, CONFIG_CHANERR_INT,
		  reg_get32(ioat->config, CONFIG_CHANERR_INT) | errors);
}

static void channel_reset(struct ioat *ioat)
{
	ioat->stop = 0;
	ioat->count = ioat->done = 0;
	ioat->last = ioat->chain = 0;
	reg_put16(ioat->bar, DMACOUNT, 0);
	reg_put64(ioat->bar, CHAINADDR, 0);
	set_state(ioat, HALTED);
}

/* Does what CHANCMD has asked for, now that no run is in the way. A driver that sees CHANCMD cleared finds all of it done. */
static void channel_stopped(struct ioat *ioat)
{
	uint32_t stop = ioat->stop;

	ioat->stop = 0;
	if (stop & CHANCMD_RESET)
		channel_reset(ioat);
	else if (stop & CHANCMD_ABORT)
		set_state(ioat, HALTED);
	else if (stop & CHANCMD_SUSPEND && ioat->state != HALTED)
		set_state(ioat, SUSPENDED);
	reg_put8(ioat->bar, CHANCMD, 0);
}

static void channel_go(struct ioat *ioat)
{
	if (ioat->state == HALTED || ioat->state == ACTIVE || ioat->count == ioat->done)
		return;
	set_state(ioat, ACTIVE);
	uiommufd_kick(ioat->device, 0);
}

static void store_command(void *state, uint64_t now, uint64_t stored)
{
	struct ioat *ioat = state;
	uint32_t stop = stored & (CHANCMD_SUSPEND | CHANCMD_ABORT | CHANCMD_RESET);

	if (stop) {
		__atomic_or_fetch(&ioat->stop, stop, __ATOMIC_RELAXED);
		reg_put8(ioat->bar, CHANCMD, ioat->stop);
		if (!ioat->running)
			channel_stopped(ioat);
	} else if (stored & CHANCMD_RESUME && ioat->state == SUSPENDED) {
		set_state(ioat, DONE);
		channel_go(ioat);
	} else if (stored & (CHANCMD_START | CHANCMD_APPEND)) {
		channel_go(ioat);
	}
}

static void store_chain(void *state, uint64_t now, uint64_t stored)
{
	struct ioat *ioat = state;

	if (ioat->state == ACTIVE)
		return;
	ioat->chain = now;
	ioat->count = ioat->done = 0;
	if (ioat->state == HALTED && !reg_get32(ioat->bar, CHANERR))
		set_state(ioat, ARMED);
}

static void store_count(void *state, uint64_t now, uint64_t stored)
{
	struct ioat *ioat = state;

	__atomic_store_n(&ioat->count, now, __ATOMIC_RELAXED);
	channel_go(ioat);
}

static void store_control(void *state, uint64_t now, uint64_t stored)
{
	struct ioat *ioat = state;

	if (!(stored & CHANCTRL_INT))
		return;
	reg_put16(ioat->bar, CHANCTRL, reg_get(ioat->bar, CHANCTRL, 2) & ~CHANCTRL_INT);
	ioat_quieten(ioat);
}

static void store_intrctrl(void *state, uint64_t now, uint64_t stored)
{
	ioat_quieten(state);
}

static void store_error(void *state, uint64_t now, uint64_t stored)
{
	struct ioat *ioat = state;

	reg_put32(ioat->bar, CHANERR, now & ~stored);
}

static const struct reg_row ioat_rows[] = {
	{.offset = INTRCTRL,
	 .size = 1,
	 .writable = INTRCTRL_MASTER | INTRCTRL_MSIX,
	 .store = store_intrctrl},
	{.offset = INTRDELAY, .size = 2, .writable = 0x3fff},
	{.offset = CHANCTRL, .size = 2, .writable = 0xf33c, .store = store_control},
	{.offset = CHANERR, .size = 4, .store = store_error},
	{.offset = CHANERRMASK, .size = 4, .writable = 0x7ffff},
	{.offset = CHANCMD, .size = 1, .store = store_command},
	{.offset = CHAINADDR, .size = 8, .writable = UINT64_MAX, .store = store_chain},
	{.offset = CHANCMP, .size = 8, .writable = UINT64_MAX},
	{.offset = DMACOUNT, .size = 2, .writable = 0xffff, .store = store_count},
	{0},
};

static void ioat_bar_write(void *state, unsigned int bar, uint64_t offset, uint64_t value,
			   unsigned int len)
{
	struct ioat *ioat = state;

	reg_store(&(struct reg_file){ioat_rows, ioat->bar, ioat}, offset, value, len);
}

static void store_config_error(void *state, uint64_t now, uint64_t stored)
{
	struct ioat *ioat = state;

	reg_put32(ioat->config, CONFIG_CHANERR_INT, now & ~stored);
}

static const struct reg_row ioat_config_rows[] = {
	{.offset = CONFIG_CHANERR_INT, .size = 4, .store = store_config_error},
	{0},
};

static void ioat_config_write(void *state, unsigned int offset, uint32_t value, unsigned int len)
{
	struct ioat *ioat = state;

	reg_store(&(struct reg_file){ioat_config_rows, ioat->config, ioat}, offset, value, len);
}

/* ---- descriptors; without the lock. These return CHANERR's bits, or -ECANCELED ---- */

static int dma_error(int rc, int error)
{
	return rc == -ECANCELED ? rc : rc ? error : 0;
}

/* Of whom is the fault, when a copy could not be done? */
static int copy_error(struct batch *batch, const struct descriptor *desc)
{
	return uiommufd_fault(batch->port) - desc->source < desc->size ? ERR_SOURCE
								       : ERR_DESTINATION;
}

/* Forward, in pieces that are read before they are written: as the engine does it where the two overlap. */
static int copy_overlapping(struct batch *batch, const struct descriptor *desc)
{
	char piece[256];
	int rc = 0;

	for (uint32_t at = 0, n; at < desc->size && !rc; at += n) {
		n = desc->size - at < sizeof(piece) ? desc->size - at : sizeof(piece);
		rc = dma_error(uiommufd_dma_read(batch->port, UIOMMUFD_NO_PASID, desc->source + at,
						 piece, n),
			       ERR_SOURCE);
		if (!rc)
			rc = dma_error(uiommufd_dma_write(batch->port, UIOMMUFD_NO_PASID,
							  desc->destination + at, piece, n),
				       ERR_DESTINATION);
	}
	return rc;
}

static int do_copy(struct batch *batch, const struct descriptor *desc)
{
	int rc;

	if (desc->source - desc->destination < desc->size ||
	    desc->destination - desc->source < desc->size)
		return copy_overlapping(batch, desc);
	rc = uiommufd_dma_copy(batch->port, UIOMMUFD_NO_PASID, desc->destination, desc->source,
			       desc->size);
	return rc == -EFAULT ? copy_error(batch, desc) : dma_error(rc, ERR_SOURCE);
}

static int do_fill(struct batch *batch, const struct descriptor *desc)
{
	uint64_t pattern[512];
	int rc = 0;

	for (unsigned int i = 0; i < 512; i++)
		pattern[i] = desc->source;
	for (uint32_t at = 0, n; at < desc->size && !rc; at += n) {
		n = desc->size - at < sizeof(pattern) ? desc->size - at : sizeof(pattern);
		rc = uiommufd_dma_write(batch->port, UIOMMUFD_NO_PASID, desc->destination + at,
					pattern, n);
	}
	return dma_error(rc, ERR_DESTINATION);
}

static int do_descriptor(const struct ioat *ioat, struct batch *batch,
			 const struct descriptor *desc)
{
	unsigned int op = desc->control >> 24;

	if (op > OP_FILL)
		return ERR_CONTROL;
	if (op == OP_COPY && desc->control & CONTROL_NULL)
		return 0;
	if (!desc->size || desc->size > UINT32_C(1) << ioat->xfercap)
		return ERR_LENGTH;
	return op == OP_COPY ? do_copy(batch, desc) : do_fill(batch, desc);
}

/*
 * The descriptor at `at`. Fetches some more that follow it in memory, but none that the driver has not handed over (`left`), and not beyond the page,
 * which may be the last that is mapped.
 */
static int fetch(struct batch *batch, uint64_t at, unsigned int left,
		 const struct descriptor **ret_desc)
{
	unsigned int n = (4096 - at % 4096) / sizeof(struct descriptor);
	uint64_t index = (at - batch->at) / sizeof(struct descriptor);
	int rc;

	if (at % sizeof(struct descriptor))
		return ERR_NEXT_ALIGNMENT;
	if (index >= batch->n) {
		n = n < BATCH ? n : BATCH;
		n = n < left ? n : left;
		batch->n = 0;
		rc = uiommufd_dma_read(batch->port, UIOMMUFD_NO_PASID, at, batch->fetched,
				       n * sizeof(struct descriptor));
		if (rc)
			return dma_error(rc, ERR_READ);
		batch->at = at;
		batch->n = n;
		index = 0;
	}
	*ret_desc = &batch->fetched[index];
	return 0;
}

/* CHANSTS to memory. */
static int write_back(struct ioat *ioat, struct uiommufd_port *port, uint64_t status)
{
	uint64_t at = reg_get64(ioat->bar, CHANCMP);

	if (at % 8)
		return ERR_COMPLETION;
	return dma_error(uiommufd_dma_write(port, UIOMMUFD_NO_PASID, at, &status, sizeof(status)),
			 ERR_COMPLETION);
}

static int complete(struct ioat *ioat, struct batch *batch, uint64_t at,
		    const struct descriptor *desc)
{
	bool is_last =
		__atomic_load_n(&ioat->count, __ATOMIC_RELAXED) == (uint16_t)(ioat->done + 1);
	int rc = 0;

	if (desc->control & CONTROL_COMPLETION)
		rc = write_back(ioat, batch->port, at | (is_last ? DONE : ACTIVE));
	if (rc)
		return rc;
	ioat->last = at;
	ioat->chain = desc->next;
	ioat->done++;
	put_status(ioat);
	if (desc->control & CONTROL_INT) {
		uiommufd_lock(ioat->device);
		ioat_raise(ioat);
		uiommufd_unlock(ioat->device);
	}
	return 0;
}

/* Up to `left` descriptors. Stops early when it has to, which is no error. */
static int do_some(struct ioat *ioat, struct batch *batch, unsigned int left)
{
	const struct descriptor *desc;
	int rc = 0;

	/* What was fetched is good for those that were handed over by then. */
	batch->n = 0;
	for (; left && !rc && !__atomic_load_n(&ioat->stop, __ATOMIC_RELAXED); left--) {
		uint64_t at = ioat->chain;

		rc = fetch(batch, at, left, &desc);
		if (!rc)
			rc = do_descriptor(ioat, batch, desc);
		if (!rc)
			rc = complete(ioat, batch, at, desc);
	}
	return rc;
}

/* With the lock, which is let go for the write to memory. */
static void channel_fail(struct ioat *ioat, struct uiommufd_port *port, uint32_t error)
{
	uint64_t control = reg_get(ioat->bar, CHANCTRL, 2);

	put_errors(ioat, reg_get32(ioat->bar, CHANERR) | error);
	if (control & CHANCTRL_ERR_COMPLETION && error != ERR_COMPLETION) {
		uiommufd_unlock(ioat->device);
		error |= write_back(ioat, port, ioat->last | HALTED) > 0 ? ERR_COMPLETION : 0;
		uiommufd_lock(ioat->device);
		put_errors(ioat, reg_get32(ioat->bar, CHANERR) | error);
	}
	set_state(ioat, HALTED);
	if (control & CHANCTRL_ERR_INT && error & ~reg_get32(ioat->bar, CHANERRMASK))
		ioat_raise(ioat);
}

/* With the lock: until nothing is left, or something is in the way. */
static void channel_work(struct ioat *ioat, struct batch *batch)
{
	while (!ioat->stop) {
		unsigned int left = (uint16_t)(ioat->count - ioat->done);
		int rc;

		if (!left) {
			set_state(ioat, DONE);
			return;
		}
		uiommufd_unlock(ioat->device);
		rc = do_some(ioat, batch, left);
		uiommufd_lock(ioat->device);
		if (rc == -ECANCELED)
			return;
		if (rc) {
			channel_fail(ioat, batch->port, rc);
			return;
		}
	}
}

static void ioat_run(void *state, struct uiommufd_port *port, unsigned int queue)
{
	struct batch batch = {.port = port};
	struct ioat *ioat = state;

	uiommufd_lock(ioat->device);
	if (ioat->state == ACTIVE) {
		ioat->running = true;
		channel_work(ioat, &batch);
		ioat->running = false;
		if (ioat->stop)
			channel_stopped(ioat);
	}
	uiommufd_unlock(ioat->device);
}

/* ---- life ---- */

static void ioat_reset(void *state)
{
	struct ioat *ioat = state;

	memset(ioat->bar, 0, BAR_SIZE);
	reg_put32(ioat->config, CONFIG_CHANERR_INT, 0);
	reg_put8(ioat->bar, CHANCNT, 1);
	reg_put8(ioat->bar, XFERCAP, ioat->xfercap);
	reg_put8(ioat->bar, CBVER, ioat->version);
	reg_put32(ioat->bar, DMACAPABILITY, DMACAPABILITY_FILL);
	ioat->running = false;
	channel_reset(ioat);
}

/* CBVER; drivers expect more of some versions than of others. */
static int read_version(struct uiommufd_device *device, unsigned int *ret_version)
{
	const char *version = uiommufd_option(device, "version");

	*ret_version = 0x33;
	if (!version)
		return 0;
	if (strncmp(version, "3.", 2) || !strchr("234", version[2]) || strlen(version) != 3)
		return uiommufd_complain(device, "version is 3.2, 3.3 or 3.4");
	*ret_version = 0x30 + (unsigned int)(version[2] - '0');
	return 0;
}

static int ioat_create(struct uiommufd_device *device, void **ret_state)
{
	unsigned int version = 0;
	uint64_t xfercap = 16;
	struct ioat *ioat;
	int rc = uiommufd_option_number(device, "xfercap", &xfercap);

	if (rc)
		return rc;
	if (xfercap < XFERCAP_LEAST || xfercap > XFERCAP_MOST)
		return uiommufd_complain(device, "xfercap is a number from %d to %d", XFERCAP_LEAST,
					 XFERCAP_MOST);
	rc = read_version(device, &version);
	if (rc)
		return rc;
	ioat = calloc(1, sizeof(*ioat));
	if (!ioat)
		return -ENOMEM;
	ioat->device = device;
	ioat->bar = uiommufd_bar(device, 0);
	ioat->config = uiommufd_config(device);
	ioat->xfercap = xfercap;
	ioat->version = version;
	ioat_reset(ioat);
	*ret_state = ioat;
	return 0;
}

static const struct uiommufd_option ioat_options[] = {
	{"xfercap", "log2 of the bytes that a descriptor can copy, 12 to 30 (16)"},
	{"version", "of the engine: 3.2, 3.3 or 3.4 (3.3)"},
	{0},
};

const struct uiommufd_model model_ioat = {
	.size = sizeof(struct uiommufd_model),
	.name = "ioat",
	.summary = "Intel's DMA engine (CBDMA): copies and fills memory",
	.flags = UIOMMUFD_MODEL_PCIE | UIOMMUFD_MODEL_FLR,
	.vendor_id = 0x8086,
	.device_id = 0x2021,
	.subsystem_vendor_id = 0x8086,
	.subsystem_id = 0x2021,
	.class_code = 0x088000, /* another system peripheral */
	.revision = 4,
	.intx_pin = 1,
	.msi_vectors = 1,
	.msix_vectors = 1,
	.msix_bar = 2,
	.msix_pba = 0x800,
	.bars = {[0] = {BAR_SIZE, UIOMMUFD_BAR_64BIT | UIOMMUFD_BAR_MMAP}, [2] = {0x1000, 0}},
	.options = ioat_options,
	.create = ioat_create,
	.destroy = free,
	.reset = ioat_reset,
	.bar_write = ioat_bar_write,
	.config_write = ioat_config_write,
	.run = ioat_run,
};
