/* SPDX-License-Identifier: MIT */
/*
 * A storm of page faults: threads drive real devices (dmatest, NVMe) at pages that are absent, handlers map them and answer, and meanwhile devices are detached,
 * moved to other page tables and reset, and handlers die. Written as any program would be, by Linux's interfaces and the code of examples/.
 *
 * What is checked:
 *  - every transfer ends: with the right data, or with the error that the device reports;
 *  - with an error only if its page is one that the handler refuses, or something happened to the device meanwhile;
 *  - no answer is taken twice; every group that was read is answered, refused, or its handler has died;
 *  - at the end nothing is in use any more: all objects can be destroyed.
 *
 * Everything is decided by a seed; the machine decides only which of several right outcomes it is. A watchdog turns a hang into a failure.
 */
#ifndef TESTS_FAULTS_STORM_H
#define TESTS_FAULTS_STORM_H

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include "../../../examples/faults.h"
#include "../../../examples/stage1.h"
#include "../../../examples/vfio.h"

#define must(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			errx(1, "%s:%d: %s (errno %d)", __func__, __LINE__, #condition, errno);    \
	} while (0)

#define DRIVERS 4
#define SLOTS	3 /* devices: two dmatests and an NVMe with two queues */

/* Each driver has a window of addresses, and the controller of the NVMe one more. Its pages, in order: */
#define WINDOW(n) (0x7f0000000000ull + ((uint64_t)(n) << 21))
enum { DATA_PAGES = 16, LIST_PAGE = 16, SQ_PAGE, CQ_PAGE, REAL_PAGES, REFUSED_PAGE = 32 };

struct random {
	uint64_t state;
};

static inline uint32_t random_below(struct random *random, uint32_t n)
{
	random->state =
		random->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(random->state >> 33) % n;
}

/* Lets others work, the longer it takes the longer. */
static inline void pause_for(unsigned int *tries)
{
	if (++*tries < 10)
		sched_yield();
	else
		usleep(*tries < 100 ? 10 : 200);
}

/* ---- handlers (handler.c) ---- */

/* Shared with handlers that are processes. */
struct counts {
	atomic_ulong groups;  /* that were read */
	atomic_ulong taken;   /* answers */
	atomic_ulong refused; /* answers that were not wanted any more */
	atomic_ulong twice;   /* answers that were given once more, and refused */
	atomic_ulong left;    /* groups whose handler died before */
	atomic_uint frozen;   /* the handler has read and will not answer */
	atomic_uint failed;   /* a handler has seen what must not be */
};

struct handler {
	struct slot *slot;
	uint32_t queue_id;
	int queue;     /* -1: only its process has it */
	pid_t process; /* 0: it is a thread */
	pthread_t thread;
	atomic_bool stop;    /* of a thread */
	unsigned long limit; /* after so many groups it answers no more; 0: never */
	struct random random;
};

/* A new queue and who serves it. */
struct handler *handler_start(struct slot *slot, struct random *random);
/* Kills the process, or ends the thread and closes its queue, wherever it is. Requests that it has read stay without an answer. */
void handler_kill(struct handler *handler);
/* Its queue is of no use any more. */
void handler_free(struct handler *handler);

/* ---- devices ---- */

struct nvme;

struct slot {
	struct storm *storm;
	unsigned int number;
	struct vfio vfio;
	char *bar;
	struct nvme *nvme; /* NULL: a dmatest */
	/* Held by who attaches, and by who takes pages away. */
	pthread_mutex_t pages;
	uint32_t vdevice;
	uint32_t object; /* the page table that it is attached to; 0: none */
	struct handler *handler;
	/* Odd while a transfer may fail; what changes in between may have made it fail. */
	atomic_ulong disturbed;
	atomic_ulong resets; /* of the function: its memory is empty after it */
	atomic_uint drivers; /* that have not finished */
	struct counts *counts;
};

enum outcome {
	MOVED,
	FAILED, /* the device has reported an error */
	LOST,	/* it was reset, or has given up */
};

struct driver {
	struct storm *storm;
	struct slot *slot;
	unsigned int number;
	unsigned int queue; /* of an NVMe */
	struct random random;
	pthread_t thread;
	unsigned long moved, failed, lost;
	/* NVMe: what is on the disk at each page of its part; 0: not known. */
	uint8_t shadow[64];
};

enum event { DETACH, REPLACE, REPLACE_WITHOUT, REPLACE_BY_PARENT, DEATH, RESET, EVENTS };

struct storm {
	struct stage1 tables;
	uint64_t frames[DRIVERS + 1]; /* addresses of the pages of each window */
	struct slot slots[SLOTS];
	struct driver drivers[DRIVERS];
	unsigned long wanted; /* of each driver */
	bool clean; /* nothing is done that a sanitizer would be right to tell of: no DMA where a page was taken away and nobody takes the fault */
	struct random random;
	unsigned long events[EVENTS];
};

static inline uint64_t va_of(unsigned int window, unsigned int page)
{
	return WINDOW(window) + (uint64_t)page * PAGE_BYTES;
}

/* The memory behind a page of a window. */
static inline char *frame_of(const struct storm *storm, unsigned int window, unsigned int page)
{
	return storm->tables.memory + storm->frames[window] + (uint64_t)page * PAGE_BYTES;
}

/* Takes pages away: the device's next access finds them absent. */
void slot_clear(struct slot *slot, unsigned int window, unsigned int first, unsigned int n);
/* Puts the slot behind another page table, with 0 behind none. The parent is none of the tables. */
void slot_attach(struct slot *slot, uint32_t object);

/* One transfer, to the end (drive_dmatest.c, drive_nvme.c). *ret_bad: data were wrong. `refused`: it is to touch a page that is never there. */
enum outcome dmatest_transfer(struct driver *driver, bool refused, bool *ret_bad);
enum outcome nvme_transfer(struct driver *driver, bool refused, bool *ret_bad);
struct nvme *nvme_new(struct slot *slot);

/* ---- disturbances (churn.c) ---- */

/* Until all drivers have finished. */
void churn(struct storm *storm);

#endif
