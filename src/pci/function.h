/* SPDX-License-Identifier: MIT */
/*
 * A PCI function of a machine: what stands between a device model (uiommufd/device.h, which is its other side) and those who use the
 * device, VFIO. It has config space, BARs, interrupts, workers, and ports for DMA.
 *
 * Life: pci_function_new() makes it with its model's state. Nothing runs until pci_enable(), and DMA goes nowhere until pci_bind(). The owner,
 * VFIO, calls these one at a time.
 *
 * Locks. `lock` (RANK_FUNCTION) is what device.h calls the device's lock: it guards config space and the model's callbacks. `work_lock`
 * (RANK_WORK) guards what workers do, `irqs.lock` (RANK_WORK) interrupts. None is held around DMA or `run`.
 *
 * To hold a function still (pci_hold) is what reset, bind and unbind begin with: no run is in progress then, no DMA either, and what was in
 * progress has seen -ECANCELED.
 */
#ifndef UIOMMUFD_PCI_FUNCTION_H
#define UIOMMUFD_PCI_FUNCTION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <uiommufd/device.h>

#include "base/lock.h"
#include "core/machine_impl.h"
#include "core/share.h"
#include "core/shared_memory.h"
#include "pci/config_space.h"
#include "pci/interrupt.h"

struct device;
struct iommu_dev;

#define PCI_BARS 6

/* Where a function is. */
struct pci_slot {
	uint16_t domain;
	uint8_t bus, device, function;
};

/* "0000:00:00.0" */
#define PCI_NAME_BYTES 13

struct pci_option {
	const char *key, *value;
};

/* What makes a physical function (PCI Express Base 9). Its VFs' Requester IDs follow each other. */
struct pci_sriov {
	uint16_t total;		      /* VFs that it can have; 0: it is none */
	uint16_t first;		      /* First VF Offset: from its Requester ID to that of VF 0 */
	uint64_t addresses[PCI_BARS]; /* of VF 0's BARs; those of the others follow */
};

/* What pci_function_new() needs; nothing of it but `iommu`, and the model's lists and strings, has to live on. */
struct pci_setup {
	const struct uiommufd_model *model;
	struct pci_slot slot;
	const struct pci_option *options; /* n_options of them */
	size_t n_options;
	struct iommu_dev *iommu; /* outlives the function */
	/* Where the BARs seem to be on the bus: 0 for those that are not there. */
	uint64_t addresses[PCI_BARS];
	struct share *share; /* of the device; outlives the function. NULL: nobody shares it */
	struct pci_sriov sriov;
	struct pci_function
		*pf;	 /* a virtual function's physical one, which outlives it; else NULL */
	unsigned int vf; /* its number, from 0 */
	/* A sentence of why it can't be made, with the function's name before it. May be NULL. */
	void (*complain)(void *arg, const char *sentence);
	void *complain_arg;
};

struct pci_bar {
	struct shared_memory memory; /* its image; length 0: there is no such BAR */
	uint64_t size, address;
	uint32_t flags; /* UIOMMUFD_BAR_* */
	bool registers; /* programs can map it: base/registers.h knows it */
};

struct pci_queue {
	bool kicked, running;
};

struct pci_function {
	struct machine *machine;
	struct uiommufd_model model; /* a copy: fields that the model has not are 0 */
	struct pci_slot slot;
	char name[PCI_NAME_BYTES];
	struct pci_option *options; /* n_options of them, one block */
	size_t n_options;
	struct iommu_dev *iommu;
	struct share *share, own_share; /* never NULL */
	struct pci_sriov sriov;
	struct pci_function *pf; /* NULL: it is no virtual function */
	unsigned int vf;
	void (*complain)(void *arg, const char *sentence); /* NULL after create */
	void *complain_arg;

	struct pci_bar bars[PCI_BARS];

	struct lock lock; /* RANK_FUNCTION; guards the model's state and what follows */
	void *state;	  /* the model's */
	struct pci_config config;

	struct pci_irqs irqs;

	struct lock work_lock;	  /* RANK_WORK; guards what follows */
	pthread_cond_t work;	  /* for workers: a kick, the end of holding, or `ending` */
	pthread_cond_t idle;	  /* for who waits for workers: one has ended its run or itself */
	struct pci_queue *queues; /* model.queues of them */
	unsigned int kicked;	  /* how many are */
	unsigned int next_queue;  /* where the search goes on */
	unsigned int running, threads,
		waiting; /* queues; workers; those without work, or about to begin */
	bool ending;
	LIST_HEAD(, uiommufd_port) ports;

	atomic_uint holders;   /* changed with work_lock; > 0: no run begins, DMA is refused */
	struct device *device; /* while it is bound; changed while it is held */
};

/*
 * -EINVAL: the model is not well-formed, or does not take its options, of which `complain` has been told; -ENOMEM; errors of its create.
 */
int pci_function_new(struct machine *machine, const struct pci_setup *setup,
		     struct pci_function **ret_function);
/* Not bound. Ends its workers. */
void pci_function_free(struct pci_function *function);

static inline struct pci_function *pci_of(struct uiommufd_device *device)
{
	return (struct pci_function *)device;
}

static inline struct uiommufd_device *pci_model_device(struct pci_function *function)
{
	return (struct uiommufd_device *)function;
}

/* ---- virtual functions (sriov.c) ---- */

/* Is it there? Virtual functions come and go. */
static inline bool pci_exists(const struct pci_function *function)
{
	return !function->pf || function->vf < atomic_load(&function->pf->share->vfs);
}

/* What a model is as a virtual function: no INTx; PRI and PASID are its physical function's. */
void pci_make_vf(struct uiommufd_model *model);

/* ---- work (worker.c) ---- */

/* Starts the first worker, if there is none; it starts others as they are needed. -ENOMEM, -EAGAIN. */
int pci_enable(struct pci_function *function);
/* Ends them. */
void pci_end_workers(struct pci_function *function);
/* Holds it still; waits until it is. Nests. The caller holds RANK_VFIO at most. */
void pci_hold(struct pci_function *function);
void pci_release(struct pci_function *function);

/* ---- DMA (port.c) ---- */

/*
 * From now on DMA goes where `device` is attached. The function is held. -ENOMEM, and it is not bound.
 */
int pci_bind(struct pci_function *function, struct device *device);
/* The function is held. */
void pci_unbind(struct pci_function *function);
/* Frees ports that the model has left behind. */
void pci_free_ports(struct pci_function *function);
/* No DMA is in progress on any port, given that none can begin. */
void pci_wait_for_ports(struct pci_function *function);

/* ---- registers (function.c, bar.c) ---- */

/*
 * Makes images that programs may map into what can be mapped, if they aren't yet. The function is held, so that nobody stores to them meanwhile. -ENOMEM, and errors of the
 * machine's host.
 */
int pci_share_bars(struct pci_function *function);

/*
 * A load or store of 1, 2, 4 or 8 bytes at a multiple of that, inside of the BAR. Takes the function's lock where the model has to be asked.
 */
uint64_t pci_bar_read(struct pci_function *function, unsigned int bar, uint64_t offset,
		      unsigned int len);
void pci_bar_write(struct pci_function *function, unsigned int bar, uint64_t offset, uint64_t value,
		   unsigned int len);

/* Does the device take accesses of its BARs of memory? Of this BAR? */
bool pci_memory_decoded(const struct pci_function *function);
bool pci_bar_decoded(const struct pci_function *function, unsigned int bar);

/* Does this touch the MSI-X table, which programs don't reach by pread and pwrite? */
bool pci_bar_is_msix_table(const struct pci_function *function, unsigned int bar, uint64_t offset,
			   unsigned int len);

/* How a piece of a BAR may be mapped, from `offset` on. */
enum pci_piece {
	PCI_PIECE_MEMORY, /* loads and stores are the image's */
	PCI_PIECE_STORES, /* stores have effects */
	PCI_PIECE_ALL,	  /* loads too */
	PCI_PIECE_NONE,	  /* it can't be mapped */
};

/* *ret_length: bytes that this holds for, within the BAR's image. */
enum pci_piece pci_bar_piece(const struct pci_function *function, unsigned int bar, uint64_t offset,
			     uint64_t *ret_length);

/* Is [offset, offset + length), whole pages, in the BAR, and can all of it be mapped? */
bool pci_bar_can_map(const struct pci_function *function, unsigned int bar, uint64_t offset,
		     uint64_t length);

/* ---- reset (reset.c) ---- */

/* Can it be reset by itself? */
static inline bool pci_has_flr(const struct pci_function *function)
{
	return function->model.flags & UIOMMUFD_MODEL_FLR;
}

/*
 * A function level reset (PCI Express Base 6.6.2), as a kernel does it for its user: the model starts anew, and config space is put back to
 * what it was. Holds the function meanwhile.
 */
void pci_reset(struct pci_function *function);

#endif
