/* SPDX-License-Identifier: MIT */
/*
 * The NVMe controller: one namespace, up to 32 pairs of I/O queues.
 *
 *   nvme.c      the model: options, life               regs.c      registers, doorbells, enabling, shutdown, fatal errors
 *   queue.c     fetching commands, posting completions admin.c     admin commands: queues, abort, format
 *   identify.c  features.c  log.c  event.c             io.c        commands on blocks
 *   data.c      where a command's data are (PRP)       sgl.c       the same, by SGL
 *   backend.c   the blocks: memory, or a file          lane.c      commands that wait for pages
 *
 * Threads
 *   The device's lock guards `state`, `active`, `cc`, `shutdown`, `intx`, and what queues there are. Run enters (active++) and leaves: nothing that it uses is
 *   taken away in between; disabling the controller is over (CSTS.RDY) when the last has left.
 *   A submission queue's `lock` is held by the run that works on it, so a deletion waits for it. A completion queue's `lock` guards its tail.
 *   Order: submission queue, backend, lanes, completion queue or log, the device's. Tails and heads that doorbells store are atomic.
 *   Whose page is absent may be supplied by a driver that reads this disk, by the same queue even. So a command on blocks is tried without waiting; who would have to
 *   wait goes to a lane, with its place in the completion queue, and its queue goes on. There are as many workers as queues and lanes.
 *   Features, requests for events and the creation of queues belong to the admin queue's run, of which there is one at a time.
 *
 * Functions that carry out a command return its status (spec.h), or -ECANCELED: the device is being reset, nothing is to be completed; or -EAGAIN: it would have to wait
 * for a page, and its request does not wait.
 */
#ifndef UIOMMUFD_MODEL_NVME_NVME_H
#define UIOMMUFD_MODEL_NVME_NVME_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uiommufd/device.h>

#include "model/nvme/spec.h"

#define NVME_IO_QUEUES	 32
#define NVME_QUEUES	 (NVME_IO_QUEUES + 1)
#define NVME_ENTRIES	 1024 /* in a queue, at most */
#define NVME_BAR_SIZE	 0x4000
#define NVME_STRIDE_MOST 5  /* so that the doorbells fit */
#define NVME_PAGE_MOST	 16 /* log2 of the largest memory page */
#define NVME_MDTS	 7  /* a command moves up to 2^7 pages of 4 KiB */
#define NVME_TRANSFER	 (UINT32_C(4096) << NVME_MDTS)
#define NVME_EVENTS	 4  /* requests for asynchronous events at once */
#define NVME_ERRORS	 64 /* entries of the error log */
#define NVME_NSID	 1u
#define NVME_LANES	 8 /* commands that wait for pages at once */

/* ---- backend.c ---- */

struct nvme_backend {
	char *base; /* size bytes */
	uint64_t size;
	bool file, readonly;
	/* Held to read by who reads blocks, to write by who changes them: a command is atomic. */
	pthread_rwlock_t lock;
};

/* From the options size, file and ro. -EINVAL (told), -ENOMEM, or what opening the file gives. */
int nvme_backend_init(struct nvme_backend *backend, struct uiommufd_device *device);
void nvme_backend_done(struct nvme_backend *backend);
/* All that was written is on the disk when it returns. A status. */
int nvme_backend_flush(struct nvme_backend *backend);
int nvme_backend_flush_range(struct nvme_backend *backend, uint64_t offset, uint64_t len);
/* Zeroes, with memory and disk space given back where whole pages are. A status. */
int nvme_backend_zero(struct nvme_backend *backend, uint64_t offset, uint64_t len);
/* Gives back memory and disk space of whole pages, as far as that can be done at once. What is read then may be zeroes, or what was there. */
void nvme_backend_discard(struct nvme_backend *backend, uint64_t offset, uint64_t len);
/* Can these bytes be read? A file can be cut. */
bool nvme_backend_good(struct nvme_backend *backend, uint64_t offset, uint64_t len);

/* ---- queues ---- */

struct nvme_sq {
	pthread_mutex_t lock;
	bool live; /* atomic */
	uint16_t id, cq, size;
	uint16_t head; /* atomic; the run's */
	uint16_t tail; /* atomic: the doorbell's */
	uint64_t base;
};

struct nvme_cq {
	pthread_mutex_t lock;
	bool live; /* atomic */
	bool interrupts, phase;
	uint16_t id, size, vector;
	uint16_t head;	   /* atomic: the doorbell's */
	uint16_t tail;	   /* atomic; changes under `lock` */
	uint16_t reserved; /* entries that will be posted; under `lock` */
	uint64_t stalled;  /* atomic: a bit for each submission queue that waits for room */
	uint64_t base;
};

/* ---- features, logs and events ---- */

struct nvme_features {
	uint32_t arbitration, over, under, recovery, coalescing, atomicity, events;
	bool write_cache;	       /* atomic */
	uint16_t allocated;	       /* I/O queues that the driver was given */
	bool per_command[NVME_QUEUES]; /* vectors without coalescing */
	uint64_t timestamp;	       /* ms; as of `stamped`, on the monotonic clock */
	uint64_t stamped;
	uint8_t timestamp_origin;
};

struct nvme_error {
	uint64_t count;
	uint16_t sqid, cid, status, location;
	uint64_t lba;
	uint32_t nsid;
	uint8_t rest[36];
};
_Static_assert(sizeof(struct nvme_error) == 64, "5.14.1.1");

struct nvme_log {
	pthread_mutex_t lock; /* guards the errors */
	uint64_t errors_count;
	struct nvme_error errors[NVME_ERRORS]; /* entry n at n % NVME_ERRORS */
	/* Atomic. */
	uint64_t reads, writes, blocks_read, blocks_written, media_errors;
	bool changed;	  /* the namespace, since the log of that was read. The admin queue's */
	uint64_t started; /* monotonic, ms */
};

/* Kinds of events, by bit: event.c has the rest of each. */
enum nvme_event {
	NVME_EVENT_DOORBELL,
	NVME_EVENT_DOORBELL_VALUE,
	NVME_EVENT_TEMPERATURE,
	NVME_EVENT_CHANGED
};

struct nvme_events {
	uint32_t pending; /* atomic */
	/* The admin queue's. */
	uint32_t masked; /* reported, and their log was not read yet */
	unsigned int n;
	uint16_t cids[NVME_EVENTS];
};

/* ---- lanes ---- */

struct nvme_waiting;

struct nvme_lanes {
	pthread_mutex_t lock;
	struct nvme_waiting *first; /* the oldest */
	uint32_t
		busy; /* bits: lanes that were kicked and have not seen the end of the list since */
	/* Commands of a queue that lanes have, and who waits for their end. */
	unsigned int taken[NVME_QUEUES];
	pthread_cond_t left;
};

/* ---- the controller ---- */

enum nvme_state {
	NVME_OFF,
	NVME_READY,
	NVME_FATAL,    /* CSTS.CFS: nothing goes on until it is disabled */
	NVME_STOPPING, /* disabled, and some run has not left */
};

struct nvme {
	struct uiommufd_device *device;
	char *bar;
	unsigned int stride;
	char serial[21];
	enum nvme_state state; /* atomic: runs look */
	unsigned int active;
	uint32_t cc; /* atomic */
	uint32_t intms;
	bool shutdown, intx;
	unsigned int page_shift; /* CC.MPS, as it was when it was enabled */
	uint64_t live_cqs;	 /* atomic: bits */
	struct nvme_sq sqs[NVME_QUEUES];
	struct nvme_cq cqs[NVME_QUEUES];
	struct nvme_features features;
	struct nvme_log log;
	struct nvme_events events;
	struct nvme_lanes lanes;
	struct nvme_backend backend;
	unsigned int lba_shift; /* under the backend's lock */
};

/* A command that is being carried out. */
struct nvme_request {
	struct nvme *nvme;
	struct uiommufd_port *port;
	struct nvme_sq *sq;
	const struct nvme_cmd *cmd;
	bool waits; /* for pages; what the port does */
	uint32_t
		gathered; /* bytes that were taken from the driver before the command has the lock */
	uint64_t result;  /* dwords 0 and 1 of the completion */
};

/* As a status: this command is completed later. Its place in the completion queue is no longer the caller's. */
#define NVME_LATER 0x10000

/* ---- regs.c ---- */

void nvme_bar_write(void *state, unsigned int bar, uint64_t offset, uint64_t value,
		    unsigned int len);
/* All registers to what they are after power-on. With the lock, and no run. */
void nvme_power_on(struct nvme *nvme);
/* Around what run does; false: there is nothing to do. */
bool nvme_enter(struct nvme *nvme);
void nvme_leave(struct nvme *nvme);
/* What was to be flushed before power goes has been. Without the lock. */
void nvme_shutdown_done(struct nvme *nvme);
/* The controller can't go on. Without the lock. */
void nvme_fatal(struct nvme *nvme);
bool nvme_ready(const struct nvme *nvme);

/* ---- queue.c ---- */

void nvme_sq_open(struct nvme *nvme, const struct nvme_sq *as);
void nvme_cq_open(struct nvme *nvme, const struct nvme_cq *as);
/* All of them, at once: no run is in progress. */
void nvme_queues_close(struct nvme *nvme);
/* Carries out what is in a submission queue. */
void nvme_sq_work(struct nvme *nvme, struct uiommufd_port *port, unsigned int id);
/* Room for one completion, which must then be posted or given back. If there is none, `sq` is kicked when there is. */
bool nvme_cq_reserve(struct nvme_cq *cq, unsigned int sq);
void nvme_cq_give_back(struct nvme_cq *cq);
/* Posts one, in a place that was reserved. cqe->status is a status. -ECANCELED; a fault is fatal, and -EFAULT. */
int nvme_cq_post(struct nvme *nvme, struct uiommufd_port *port, struct nvme_cq *cq,
		 struct nvme_cqe cqe);
/* Completes a request that has a place, with a status. As nvme_cq_post(). */
int nvme_complete(struct nvme_request *request, int status);
/* After some have been posted. */
void nvme_cq_interrupt(struct nvme *nvme, struct nvme_cq *cq);
/* The INTx pin, by what is in the queues. With the lock. */
void nvme_update_intx(struct nvme *nvme);
/* CQ doorbell; with the lock. */
void nvme_cq_consumed(struct nvme *nvme, struct nvme_cq *cq, uint16_t head);

/* ---- lane.c ---- */

void nvme_lanes_init(struct nvme *nvme);
void nvme_lanes_done(struct nvme *nvme);
/* A request that would have to wait, with its place in the completion queue. False: there is no memory for that. */
bool nvme_lane_take(struct nvme_request *request);
/* Carries out what waits. A lane's run. */
void nvme_lane_work(struct nvme *nvme, struct uiommufd_port *port, unsigned int lane);
/* The queue is being deleted: what waits of it is aborted, what lanes have is waited for. */
void nvme_lanes_delete(struct nvme_request *request, struct nvme_sq *sq);
/* Forgets all: no run is in progress. */
void nvme_lanes_clear(struct nvme *nvme);

/* ---- commands ---- */

int nvme_admin(struct nvme_request *request);
int nvme_io(struct nvme_request *request);
int nvme_identify(struct nvme_request *request);
int nvme_get_log(struct nvme_request *request);
int nvme_get_features(struct nvme_request *request);
int nvme_set_features(struct nvme_request *request);
int nvme_async_event(struct nvme_request *request);
/* Of the namespace; with the backend's lock, or the admin queue's run. */
uint64_t nvme_blocks(const struct nvme *nvme);

void nvme_features_reset(struct nvme *nvme);

/* Notes a command that failed. */
void nvme_log_error(struct nvme_request *request, int status);
uint64_t nvme_now(void);	 /* monotonic, ms */
uint16_t nvme_temperature(void); /* Kelvin */

/* Something has happened. Any thread, with or without the lock. */
void nvme_event_raise(struct nvme *nvme, enum nvme_event event);
/* The log page of an event was read: it may be reported again. */
void nvme_event_unmask(struct nvme *nvme, unsigned int log);
/* Reports what is pending. The admin queue's run. As nvme_cq_post(). */
int nvme_events_report(struct nvme *nvme, struct uiommufd_port *port);
/* Completes a request as aborted: true if there was one with this id. */
bool nvme_event_abort(struct nvme_request *request, uint16_t cid);

/* ---- data.c, sgl.c: where a command's data are ---- */

/* Entries of PRP lists, and SGL descriptors, are read this many at a time. */
#define NVME_LIST_BATCH 32
#define NVME_SGL_MOST	4096 /* descriptors of one command */

struct nvme_data {
	struct nvme_request *request;
	uint32_t left; /* bytes that next has not handed out */
	bool from_host;
	/* What was handed out and is not used up. */
	uint64_t address;
	uint32_t length;
	bool bucket; /* not memory: bytes to be dropped */
	/* The list. */
	bool is_sgl, last_segment;
	uint64_t list;	    /* where it goes on */
	uint32_t list_left; /* SGL: bytes of the segment; PRP: not used */
	unsigned int seen;  /* SGL: descriptors */
	unsigned int at, n; /* in the batch */
	union {
		uint64_t prps[NVME_LIST_BATCH];
		struct nvme_sgl sgls[NVME_LIST_BATCH];
	};
};

/* Of `length` bytes, to the host or from it. A status. */
int nvme_data_init(struct nvme_data *data, struct nvme_request *request, uint32_t length,
		   bool from_host);
/* Moves the next len bytes between them and `buf`, which may be memory of a file that has gone (then it is a Data Transfer Error too). */
int nvme_data_move(struct nvme_data *data, void *buf, uint32_t len);
/* `len` bytes of a structure, to a command's data of `length` bytes; zeroes follow. */
int nvme_data_answer(struct nvme_request *request, const void *buf, uint32_t len, uint32_t length);
int nvme_sgl_init(struct nvme_data *data);
int nvme_sgl_next(struct nvme_data *data);
/* A DMA's result as a status. */
int nvme_dma_status(int rc);

#endif
