/* SPDX-License-Identifier: MIT */
/*
 * Device models: software that unmodified drivers take for a PCI device.
 *
 * A model says what its device is (struct uiommufd_model) and what happens when a driver stores to a register. The host, which is
 * uiommufd, does the rest: config space and its capabilities, VFIO, BARs that programs map, interrupts, reset, and DMA through the IOMMU
 * that the device is behind. A model sees nothing of that, no descriptor and no other process.
 *
 * A model from outside the tree is a shared object with one symbol (UIOMMUFD_MODEL), which `uiommufd run --device ./mine.so` loads. It is linked
 * against nothing: the functions below are there when it is loaded.
 *
 * Registers are memory, stores are events
 *   Each BAR has an image (uiommufd_bar()). What a driver loads is what the image holds; a model changes a register by storing to
 *   the image, at any time and from any thread. What a driver stores goes to bar_write, which puts into the image what should be seen there:
 *   a load that follows in the same thread finds it. A BAR without bar_write is plain memory.
 *
 * Threads
 *   - The device's *lock* is held around each callback but `run`, so these come one at a time. They come in a thread of the program's, at
 *     the place where it touched the device, perhaps in a signal handler: they must be short, must not wait and must not do DMA.
 *   - `run` is called by the device's workers, without the lock; it is where DMA is done. uiommufd_kick() asks for it, for one of the
 *     model's queues. A queue is run by one worker at a time; queues are run at the same time if there are workers enough. After a kick
 *     run is called at least once; kicks in between count as one. A run that waits for a page keeps its worker: with as many workers as queues, no queue waits for another.
 *   - Workers run as threads of the process that hosts the machine's state, or of its helper process, which share memory. Signals are blocked there.
 *   - A reset waits until no run is in progress: DMA fails with -ECANCELED meanwhile, and run has to return then. Kicks from before are forgotten.
 *
 * Errors are negative errnos. Units are bytes unless said otherwise; offsets count from the BAR's or config space's first byte. PCI is little-endian, and so
 * are images and DMA; values in callbacks are numbers.
 */
#ifndef UIOMMUFD_DEVICE_H
#define UIOMMUFD_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef UIOMMUFD_API
#define UIOMMUFD_API __attribute__((visibility("default")))
#endif

/* A device of a machine, as its model sees it. */
struct uiommufd_device;
/* One thread's way to do DMA for a device. */
struct uiommufd_port;

/* ---- what a device is ---- */

enum {
	UIOMMUFD_BAR_64BIT = 1 << 0, /* takes the next slot too */
	UIOMMUFD_BAR_PREFETCHABLE = 1 << 1,
	UIOMMUFD_BAR_MMAP = 1 << 2, /* programs may map it; loads and stores of theirs stay exact */
	UIOMMUFD_BAR_IO = 1 << 3,   /* I/O ports; never mapped */
};

/* size: a power of two, at least 16 (4 for I/O), 4096 with MMAP; 0: there is no such BAR. */
struct uiommufd_bar {
	uint64_t size;
	uint32_t flags;
};

enum {
	UIOMMUFD_WINDOW_NO_MMAP = 1
				  << 0, /* reached by pread and pwrite alone: exact under KVM too */
	UIOMMUFD_WINDOW_READ_HOOK = 1 << 1, /* loads have effects: bar_read is called for each */
	UIOMMUFD_WINDOW_MEMORY = 1 << 2,    /* plain memory: bar_write is not called */
};

/* Part of a BAR that is special, in whole pages if the BAR is MMAP. */
struct uiommufd_window {
	uint32_t bar;
	uint32_t flags; /* UIOMMUFD_WINDOW_*; 0 ends a list */
	uint64_t offset, length;
};

/* An option of `--device NAME,key=value`; a list ends with a NULL key. */
struct uiommufd_option {
	const char *key;
	const char *help; /* a line: what it is for, its default */
};

enum {
	UIOMMUFD_MODEL_PCIE =
		1 << 0, /* has a PCI Express capability, and 4096 bytes of config space */
	UIOMMUFD_MODEL_FLR =
		1
		<< 1, /* function level reset; without it the device can't be reset but by its bus */
	UIOMMUFD_MODEL_ATS = 1 << 2,   /* keeps translations of its own (device TLB) */
	UIOMMUFD_MODEL_PRI = 1 << 3,   /* can wait for a page: see uiommufd_dma_read() */
	UIOMMUFD_MODEL_PASID = 1 << 4, /* has PASIDs, of pasid_bits */
	/*
	 * Can be a physical function: `sriov=N` gives it N virtual functions, each of which is a device of its own that runs this model.
	 * Needs FLR, and BARs of memory of at least 4096 bytes.
	 */
	UIOMMUFD_MODEL_SRIOV = 1 << 5,
};

/*
 * A model: constant. `size` is sizeof(struct uiommufd_model), so that fields can be added; what a model leaves 0 is absent. An empty
 * callback does what its comment says.
 */
struct uiommufd_model {
	size_t size;
	const char *name;    /* as in --device NAME: letters, digits, '-' */
	const char *summary; /* a line for `uiommufd devices` */
	uint32_t flags;	     /* UIOMMUFD_MODEL_* */
	uint16_t vendor_id, device_id, subsystem_vendor_id, subsystem_id;
	uint32_t class_code; /* 24 bits: class, subclass, programming interface */
	uint8_t revision;
	uint8_t intx_pin; /* 1 to 4: INTA to INTD */
	uint8_t pasid_bits;
	uint8_t msix_bar;
	uint16_t msi_vectors; /* a power of two up to 32 */
	uint16_t msix_vectors;
	uint32_t msix_table, msix_pba; /* offsets in msix_bar; the host owns these bytes */
	struct uiommufd_bar bars[6];
	const struct uiommufd_window *windows; /* NULL: none is special */
	const struct uiommufd_option *options; /* NULL: none */
	unsigned int queues;		       /* of `run`; 0 is 1 */
	unsigned int workers; /* threads at most, begun as queues need them; 0 is 1 */

	/*
	 * Makes the model's state; images are zero. Options have been checked for unknown keys; uiommufd_option() reads them. *ret_state comes
	 * with every callback. -EINVAL: an option's value, of which uiommufd_complain() has told; -ENOMEM or any other. Then resets the
	 * device itself, or leaves its registers as after a reset. Empty: *ret_state is NULL.
	 */
	int (*create)(struct uiommufd_device *device, void **ret_state);
	/* Frees the state; no run is in progress and none comes. */
	void (*destroy)(void *state);
	/* Puts registers to what they are after power-on. Nothing of before goes on: see Threads. Empty: the images are zeroed. */
	void (*reset)(void *state);
	/* A store of len (1, 2, 4 or 8) bytes; longer ones come in pieces, lowest first. Empty: the image takes it. */
	void (*bar_write)(void *state, unsigned int bar, uint64_t offset, uint64_t value,
			  unsigned int len);
	/* A load in a window with READ_HOOK: returns what it gives. */
	uint64_t (*bar_read)(void *state, unsigned int bar, uint64_t offset, unsigned int len);
	/*
	 * A store to config space beyond the header that is in no capability of the host's. The host has a byte image of it too
	 * (uiommufd_config()). Empty: ignored.
	 */
	void (*config_write)(void *state, unsigned int offset, uint32_t value, unsigned int len);
	/* Work: see Threads. Empty: uiommufd_kick() does nothing. */
	void (*run)(void *state, struct uiommufd_port *port, unsigned int queue);
	/*
	 * The machine wants the device to hold still (true: no run is in progress, and none comes until false). For what a model does by
	 * threads of its own. Empty: it has none.
	 */
	void (*quiesce)(void *state, bool still);
};

/* Makes `model`, a const struct uiommufd_model, the one of this shared object. */
#define UIOMMUFD_MODEL(model)                                                                      \
	__attribute__((visibility("default"))) const struct uiommufd_model *const uiommufd_model = \
		&(model)

/* ---- what a model can ask its host ---- */

/*
 * Where the device is on the bus, "1000:00:01.0".
 *
 * No other device of the machine has that name. It lives as long as the device.
 */
UIOMMUFD_API const char *uiommufd_name(struct uiommufd_device *device);

/*
 * The value of an option, or NULL if it was not given. It lives as long as the device.
 */
UIOMMUFD_API const char *uiommufd_option(struct uiommufd_device *device, const char *key);
/*
 * The value of an option as a number: decimal or 0x, with K, M, G or T for powers of 1024.
 *
 * *ret_value is left alone if the option was not given.
 *
 * Errors:
 *   -EINVAL  it is no number, and that has been told
 */
UIOMMUFD_API int uiommufd_option_number(struct uiommufd_device *device, const char *key,
					uint64_t *ret_value);
/*
 * Says in a sentence why create fails.
 *
 * It is shown to who started the machine, with the device's name before it.
 *
 * Errors:
 *   -EINVAL  always: so that create can return it
 */
UIOMMUFD_API int uiommufd_complain(struct uiommufd_device *device, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * The image of a BAR.
 *
 * It stays where it is, at a multiple of 4096. NULL: the model has no such BAR.
 */
UIOMMUFD_API void *uiommufd_bar(struct uiommufd_device *device, unsigned int bar);
/*
 * The image of config space, of 256 or 4096 bytes.
 *
 * It stays where it is. The host lays out the header and these capabilities: power management at 0x40, MSI at 0x50, MSI-X at 0x70, PCI Express
 * at 0x80 to 0xbb, ATS, PRI and PASID between 0x100 and 0x127, SR-IOV at 0x130 to 0x16f. What the model does not have leaves its place free, and a model may put registers of
 * its own there and in all the rest.
 */
UIOMMUFD_API uint8_t *uiommufd_config(struct uiommufd_device *device);

/*
 * Asks for `run` of a queue.
 *
 * Any thread, with or without the device's lock.
 */
UIOMMUFD_API void uiommufd_kick(struct uiommufd_device *device, unsigned int queue);
/*
 * Takes the device's lock.
 *
 * For run, which comes without it. Not for callbacks, which have it; no DMA while it is held.
 */
UIOMMUFD_API void uiommufd_lock(struct uiommufd_device *device);
/*
 * Gives the device's lock back.
 */
UIOMMUFD_API void uiommufd_unlock(struct uiommufd_device *device);

/*
 * Raises an MSI-X or MSI vector, whichever the driver has enabled.
 *
 * Nothing happens if neither is. A vector that the driver takes no interrupts of is pending, and raised when it does. Any thread, with or without
 * the device's lock.
 */
UIOMMUFD_API void uiommufd_interrupt(struct uiommufd_device *device, unsigned int vector);
/*
 * Drives the INTx pin.
 *
 * It counts only while MSI and MSI-X are off. Any thread, with or without the device's lock.
 */
UIOMMUFD_API void uiommufd_intx(struct uiommufd_device *device, bool asserted);

/* ---- DMA ---- */

/* As `pasid`: the access has none. */
#define UIOMMUFD_NO_PASID 0

/*
 * Makes a port for a thread of the model's own; workers get theirs.
 *
 * Not for two threads at once. Those that are left when destroy returns are freed.
 *
 * Errors:
 *   -ENOMEM
 */
UIOMMUFD_API int uiommufd_port_new(struct uiommufd_device *device, struct uiommufd_port **ret_port);
/*
 * Frees a port.
 */
UIOMMUFD_API void uiommufd_port_free(struct uiommufd_port *port);

/*
 * Copies bytes from an IOVA.
 *
 * Not from callbacks, nor with the device's lock held. An access of 1, 2, 4 or 8 bytes at a multiple of that is one load or store, and accesses of
 * one port are seen in their order.
 *
 * If the driver's page table lets the device ask for pages (PRI), a page that is absent is asked for, and waited for, as long as it takes;
 * then the access is tried again. Who supplies the page may need the device for that, so hold nothing that other commands need: see uiommufd_dma_waits().
 *
 * Errors:
 *   -EFAULT  nothing is attached, mapped or permitted there; uiommufd_fault() tells where. What comes before may have been copied
 *   -EAGAIN  a page is absent, and this port does not wait. The same
 *   -EACCES  Bus Master is off
 *   -ECANCELED  the device is being reset: return from run
 */
UIOMMUFD_API int uiommufd_dma_read(struct uiommufd_port *port, uint32_t pasid, uint64_t iova,
				   void *buf, size_t len);
/*
 * Copies bytes to an IOVA.
 *
 * All else is as for uiommufd_dma_read().
 *
 * Errors:
 *   -EFAULT  nothing is attached, mapped or permitted there
 *   -EAGAIN  a page is absent, and this port does not wait
 *   -EACCES  Bus Master is off
 *   -ECANCELED  the device is being reset: return from run
 */
UIOMMUFD_API int uiommufd_dma_write(struct uiommufd_port *port, uint32_t pasid, uint64_t iova,
				    const void *buf, size_t len);
/*
 * Copies from one IOVA to another, without a buffer in between.
 *
 * The ranges may not overlap. All else is as for uiommufd_dma_read().
 *
 * Errors:
 *   -EFAULT  nothing is attached, mapped or permitted at one of the two
 *   -EAGAIN  a page is absent, and this port does not wait
 *   -EACCES  Bus Master is off
 *   -ECANCELED  the device is being reset: return from run
 */
UIOMMUFD_API int uiommufd_dma_copy(struct uiommufd_port *port, uint32_t pasid, uint64_t to,
				   uint64_t from, size_t len);
/*
 * Whether DMA by this port waits for pages, as it does unless this says otherwise.
 *
 * A command that must not be in the way of others is tried without. If the answer is -EAGAIN, nothing has been asked for: the same DMA asks when the port waits again.
 */
UIOMMUFD_API void uiommufd_dma_waits(struct uiommufd_port *port, bool waits);
/*
 * Where the last DMA of a port failed with -EFAULT or -EAGAIN: the first IOVA that could not be had.
 */
UIOMMUFD_API uint64_t uiommufd_fault(const struct uiommufd_port *port);

/*
 * The memory behind an IOVA, for work in place.
 *
 * It is good until uiommufd_dma_end(); in between the thread must not wait, nor do other DMA by this port: the program's unmap waits for it. *len (in:
 * what is wanted, at least 1) becomes what follows in one piece. The program may take the memory's permissions away meanwhile: access it with
 * uiommufd_copy() only.
 *
 * NULL: it is as when uiommufd_dma_read() fails, or it is memory that can only be copied; then uiommufd_dma_end() is not called.
 */
UIOMMUFD_API void *uiommufd_dma_begin(struct uiommufd_port *port, uint32_t pasid, uint64_t iova,
				      size_t *len, bool write);
/*
 * Ends what uiommufd_dma_begin() began.
 */
UIOMMUFD_API void uiommufd_dma_end(struct uiommufd_port *port);
/*
 * As memcpy(), and survives memory which is gone.
 *
 * Errors:
 *   -EFAULT  it is; part may have been copied
 */
UIOMMUFD_API int uiommufd_copy(void *to, const void *from, size_t len);

/*
 * Asks for one page (PRI) and waits for the answer.
 *
 * For models that order pages ahead; accesses ask by themselves. `write`: the page will be written. 0: try again.
 *
 * Errors:
 *   -EFAULT  the answer was INVALID, or nobody takes requests
 *   -ECANCELED  the device is being reset: return from run
 */
UIOMMUFD_API int uiommufd_page_request(struct uiommufd_port *port, uint32_t pasid, uint64_t iova,
				       bool write);

#ifdef __cplusplus
}
#endif

#endif
