/* SPDX-License-Identifier: MIT */
/*
 * A host for one model: implements what <uiommufd/device.h> promises over a flat memory, in one thread. Kicks are remembered, and served by
 * host_run(). It aborts where a model breaks a rule of that header: DMA with the lock held or from a callback, the lock taken twice, a vector or
 * a queue that the model has not.
 */
#ifndef UIOMMUFD_TESTS_UNIT_MODEL_HOST_H
#define UIOMMUFD_TESTS_UNIT_MODEL_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include <uiommufd/device.h>

#define HOST_BASE  UINT64_C(0x100000) /* the first IOVA that is memory */
#define HOST_PAGE  UINT64_C(4096)
#define HOST_PAGES 1024
#define HOST_END   (HOST_BASE + HOST_PAGES * HOST_PAGE)

/* ABSENT: an access asks for the page, and waits. */
enum { HOST_READ = 1, HOST_WRITE = 2, HOST_ABSENT = 4 };

struct uiommufd_port {
	struct uiommufd_device *device;
	uint64_t fault;
	bool no_waits;
};

struct uiommufd_device {
	const struct uiommufd_model *model;
	void *state;
	const char *options; /* key=value,… */
	char values[256];    /* the same, taken apart */
	char complaint[256];
	void *bars[6];
	uint8_t *config;
	char *memory;		  /* what HOST_BASE leads to */
	uint8_t perm[HOST_PAGES]; /* HOST_READ | HOST_WRITE, of each page */
	struct uiommufd_port port;
	bool locked, in_callback;
	uint64_t kicked; /* a bit for each queue */
	unsigned int interrupts[64];
	bool intx;
	/* What goes wrong: the DMA of this number (from 1; 0: none) and, if fail_on, those that follow give fail_with. */
	unsigned int dmas, fail_at;
	int fail_with;
	bool fail_on;
	void (*on_dma)(struct uiommufd_device *host); /* before each; may store and load */
	/* An access waits for this page. It may store, load and run queues; it ends the wait by host_protect(), or with -ECANCELED. */
	int (*on_absent)(struct uiommufd_device *host, uint64_t iova);
	uint64_t running; /* a bit for each queue */
};

/* Makes the device; what create returns. The host is good for host_done() in any case. */
int host_init(struct uiommufd_device *host, const struct uiommufd_model *model,
	      const char *options);
void host_done(struct uiommufd_device *host);

void host_store(struct uiommufd_device *host, unsigned int bar, uint64_t offset, uint64_t value,
		unsigned int len);
uint64_t host_load(struct uiommufd_device *host, unsigned int bar, uint64_t offset,
		   unsigned int len);
void host_config_store(struct uiommufd_device *host, unsigned int offset, uint32_t value,
		       unsigned int len);
/* Runs queues until no kick is left, at most `most` times. Returns how often. Within on_absent(), those that are not running. */
unsigned int host_run(struct uiommufd_device *host, unsigned int most);
void host_reset(struct uiommufd_device *host);

/* The memory behind an IOVA, which must be some. */
void *host_at(struct uiommufd_device *host, uint64_t iova);
/* Permissions of the pages that [iova, iova + len) touches. */
void host_protect(struct uiommufd_device *host, uint64_t iova, uint64_t len, uint8_t perm);

#endif
