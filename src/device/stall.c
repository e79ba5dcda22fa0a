/* SPDX-License-Identifier: MIT */
/* Page requests of DMA, and waiting for their answers. */
#include "device/stall.h"

#include <errno.h>
#include <stdatomic.h>

#include <uiommufd/iommufd.h>

#include "device/nested.h"

/* PCI Express, "Page Request Message": a group's index has 9 bits. */
#define GROUPS 512

/* A thread that waits, on its own stack. Under the context's lock until it is answered; from then on it is its thread's alone. */
struct stall {
	LIST_ENTRY(stall) link; /* while it is not answered */
	uint32_t grpid;
	int result; /* 0: try again */
	bool asleep;
	pthread_cond_t wake;
	atomic_bool answered;
};

static struct stall *find_stall(const struct device *device, uint32_t grpid)
{
	struct stall *stall;

	LIST_FOREACH(stall, &device->stalls, link)
		if (stall->grpid == grpid)
			return stall;
	return NULL;
}

/* Its thread may be looking at `answered` and go on at once, so that is stored last. */
void stall_answer(struct device *device, const struct page_request *last, int code)
{
	struct stall *stall = find_stall(device, last->grpid);

	if (!stall)
		return;
	LIST_REMOVE(stall, link);
	if (device->faults_aborted)
		stall->result = -ECANCELED;
	else
		stall->result = code == IOMMUFD_PAGE_RESP_SUCCESS ? 0 : -EFAULT;
	atomic_store_explicit(&device->answered_on, spin_here(), memory_order_relaxed);
	if (stall->asleep)
		pthread_cond_signal(&stall->wake);
	atomic_store_explicit(&stall->answered, true, memory_order_release);
}

/* The lowest index that no group has which waits. */
static int choose_group(const struct device *device, uint32_t *ret_grpid)
{
	uint64_t used[GROUPS / 64] = {0};
	const struct stall *stall;

	LIST_FOREACH(stall, &device->stalls, link)
		used[stall->grpid / 64] |= (uint64_t)1 << stall->grpid % 64;
	for (uint32_t i = 0; i < GROUPS; i++) {
		if (used[i / 64] >> i % 64 & 1)
			continue;
		*ret_grpid = i;
		return 0;
	}
	return -EBUSY;
}

static uint32_t pgfault_perm(uint32_t perm)
{
	uint32_t out = 0;

	if (perm & (PT_READ | PT_PRIV_READ))
		out |= IOMMU_PGFAULT_PERM_READ;
	if (perm & PT_ANY_WRITE)
		out |= IOMMU_PGFAULT_PERM_WRITE;
	if (perm & PT_ANY_EXEC)
		out |= IOMMU_PGFAULT_PERM_EXEC;
	if (perm & PT_PRIV)
		out |= IOMMU_PGFAULT_PERM_PRIV;
	return out;
}

/* Which pages are missing, from the first one on. */
static unsigned int find_missing(struct dma_port *port, const struct dma_access *missing,
				 uint64_t pages[STALL_PAGES])
{
	uint64_t page = missing->iova & ~(uint64_t)(PAGE_SIZE - 1);
	uint64_t end = missing->iova + (missing->len - 1);
	uint64_t last = end < missing->iova ? UINT64_MAX : end;
	unsigned int n = 0;

	/* An access that stalls names its own address (Arm IHI 0070, 7.3.13), and no other access has been made. */
	if (port->device->iommu_dev->stalls) {
		pages[0] = missing->iova;
		return 1;
	}
	for (;; page += PAGE_SIZE) {
		/* The first one has just failed. */
		if (!n || dma_would_fault(port, missing->pasid, page, missing->perm))
			pages[n++] = page;
		if (n == STALL_PAGES || last - page < PAGE_SIZE)
			return n;
	}
}

/* Raises a group for what is missing; the last request ends it. */
static int raise_group(struct dma_port *port, const struct dma_access *missing, uint32_t grpid)
{
	uint64_t pages[STALL_PAGES];
	unsigned int n = find_missing(port, missing, pages);
	int rc = 0;

	for (unsigned int i = 0; i < n && !rc; i++) {
		const struct page_request request = {
			.pasid_valid = missing->pasid,
			.last = i == n - 1,
			.pasid = missing->pasid,
			.grpid = grpid,
			.perm = pgfault_perm(missing->perm),
			.addr = pages[i],
		};

		rc = device_page_request(port->device, &request);
	}
	return rc;
}

/* With the context's lock. 0: `stall` is or will be answered, to be waited for by wait_for_answer(). */
static int ask_locked(struct dma_port *port, const struct dma_access *missing, struct stall *stall)
{
	struct device *device = port->device;
	int rc;

	if (device->faults_aborted)
		return -ECANCELED;
	if (choose_group(device, &stall->grpid))
		return -EFAULT;
	LIST_INSERT_HEAD(&device->stalls, stall, link);
	rc = raise_group(port, missing, stall->grpid);
	/* What can't be raised has been refused: that was its answer. */
	return rc == -ENOMEM ? rc : 0;
}

static bool is_answered(void *arg)
{
	const struct stall *stall = arg;

	return atomic_load_explicit(&stall->answered, memory_order_acquire);
}

static void sleep_until_answered(struct lock *lock, struct stall *stall)
{
	LOCK_SCOPED(lock);
	stall->asleep = true;
	while (!is_answered(stall))
		lock_wait(lock, &stall->wake);
}

/* Without locks: who answers needs the context's. */
static int wait_for_answer(struct dma_port *port, struct stall *stall)
{
	struct device *device = port->device;
	unsigned int other = atomic_load_explicit(&device->answered_on, memory_order_relaxed);

	if (!spin_until(&port->spin, other, is_answered, stall))
		sleep_until_answered(&device->object.ctx->lock, stall);
	return stall->result;
}

static int ask(struct dma_port *port, const struct dma_access *missing, struct stall *stall)
{
	LOCK_SCOPED(&port->device->object.ctx->lock);
	return ask_locked(port, missing, stall);
}

static int ask_and_wait(struct dma_port *port, const struct dma_access *missing)
{
	struct stall stall = {.wake = PTHREAD_COND_INITIALIZER};
	int rc = ask(port, missing, &stall);

	return rc ? rc : wait_for_answer(port, &stall);
}

int dma_copy_stalling(struct dma_port *port, const struct dma_access *access, uint64_t *ret_fault)
{
	struct dma_access left = *access;

	for (;;) {
		uint64_t fault;
		int rc = dma_copy(port, &left, &fault);
		size_t done;

		if (!rc)
			return 0;
		done = fault - left.iova;
		left.iova += done;
		left.buf = (char *)left.buf + done;
		left.len -= done;
		if (rc == -EFAULT && port->repairable)
			rc = ask_and_wait(port, &left);
		if (!rc)
			continue;
		if (ret_fault)
			*ret_fault = fault;
		return rc;
	}
}

/* Are page requests of this PASID taken by anybody? */
static bool may_ask(struct dma_port *port, uint32_t pasid)
{
	const struct device_attachment *own;

	LOCK_SCOPED(&port->device->object.ctx->lock);
	own = device_attachment_for(port->device, pasid);
	return own && own->hwpt->fault;
}

int dma_copy_at_once(struct dma_port *port, const struct dma_access *access, uint64_t *ret_fault)
{
	int rc = dma_copy(port, access, ret_fault);

	return rc == -EFAULT && port->repairable && may_ask(port, access->pasid) ? -EAGAIN : rc;
}

static bool is_missing(struct dma_port *port, const struct dma_access *access)
{
	LOCK_SCOPED(&port->device->object.ctx->lock);
	return dma_would_fault(port, access->pasid, access->iova, access->perm);
}

int dma_ask_for_page(struct dma_port *port, uint32_t pasid, uint64_t iova, uint32_t perm)
{
	const struct dma_access access = {.pasid = pasid, .perm = perm, .iova = iova, .len = 1};

	return is_missing(port, &access) ? ask_and_wait(port, &access) : 0;
}

void stall_abort(struct device *device)
{
	struct device_attachment *own;

	device->faults_aborted = true;
	for (own = atomic_load(&device->attachments); own; own = atomic_load(&own->next)) {
		struct hwpt *hwpt = own->hwpt;

		if (hwpt->fault)
			fault_forget(hwpt->fault, &own->faults);
	}
	device_drop_partial(device);
}

void stall_allow(struct device *device)
{
	device->faults_aborted = false;
}
