/* SPDX-License-Identifier: MIT */
/*
 * usage: fault_handler [poll|io_uring [FAULTS]]
 *
 * A device asks for pages that aren't mapped; the program reads each request from a fault queue, maps the page, and answers. By poll(), read() and
 * write(), or by io_uring, in which nothing of the program is called for a request: it is the queue's descriptor itself that is read.
 *
 * Here the device is one that the mock has for tests; fault_dma.c has devices that do DMA.
 *
 * Reading never waits with a kernel's fault queue, so a program polls first, and is ready to be given several groups at once.
 */
#include <err.h>
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>

#include "faults.h"
#include "iommu.h"

#define PAGE 4096
/* The device can't address anything below. */
#define BASE (1u << 24)
/* Requests that the device has under way at once, as hardware has a limit. */
#define UNDER_WAY 64

static struct iommu *iommu;
static char *memory;
static sem_t slots; /* of the device's requests */

static struct {
	uint32_t ioas, device, hwpt;
	int queue;
} ids;

static unsigned long faults = 1000000, handled;

static void call(const char *what, unsigned long cmd, void *arg)
{
	long rc = iommu_ioctl(iommu, cmd, arg);

	if (rc < 0) {
		errno = (int)-rc;
		err(1, "%s", what);
	}
}

/* A device that is attached to a page table whose faults go to a queue. */
static void set_up(void)
{
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	struct iommu_test_cmd device = {.size = sizeof(device), .op = IOMMU_TEST_OP_MOCK_DOMAIN};
	struct iommu_fault_alloc queue = {.size = sizeof(queue)};
	struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt), .flags = IOMMU_HWPT_FAULT_ID_VALID};
	struct iommu_test_cmd attach = {.size = sizeof(attach),
					.op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE};

	call("IOMMU_IOAS_ALLOC", IOMMU_IOAS_ALLOC, &ioas);
	device.id = ioas.out_ioas_id;
	call("MOCK_DOMAIN", IOMMU_TEST_CMD, &device);
	call("IOMMU_FAULT_QUEUE_ALLOC", IOMMU_FAULT_QUEUE_ALLOC, &queue);
	hwpt.dev_id = device.mock_domain.out_idev_id;
	hwpt.pt_id = ioas.out_ioas_id;
	hwpt.fault_id = queue.out_fault_id;
	call("IOMMU_HWPT_ALLOC", IOMMU_HWPT_ALLOC, &hwpt);
	attach.id = device.mock_domain.out_stdev_id;
	attach.mock_domain_replace.pt_id = hwpt.out_hwpt_id;
	call("MOCK_DOMAIN_REPLACE", IOMMU_TEST_CMD, &attach);
	ids.ioas = ioas.out_ioas_id;
	ids.device = device.mock_domain.out_idev_id;
	ids.hwpt = hwpt.out_hwpt_id;
	ids.queue = (int)queue.out_fault_fd;
}

/* The device's side. Each request is for the next page of 16. */
static void *device_run(void *arg)
{
	(void)arg;
	for (unsigned long i = 0; i < faults; i++) {
		struct iommu_test_cmd cmd = {
			.size = sizeof(cmd),
			.op = IOMMU_TEST_OP_TRIGGER_IOPF,
			.trigger_iopf =
				{
					.dev_id = ids.device,
					.grpid = (uint32_t)(i % 512),
					.perm = IOMMU_PGFAULT_PERM_READ,
					.addr = BASE + i % 16 * PAGE,
				},
		};

		sem_wait(&slots);
		call("TRIGGER_IOPF", IOMMU_TEST_CMD, &cmd);
	}
	return NULL;
}

/* The page may be there by now, from an earlier request. */
static enum iommufd_page_response_code map_page(void *arg, const struct iommu_hwpt_pgfault *fault)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
		.ioas_id = ids.ioas,
		.user_va = (uintptr_t)memory + (fault->addr - BASE),
		.length = PAGE,
		.iova = fault->addr,
	};
	long rc = iommu_ioctl(iommu, IOMMU_IOAS_MAP, &map);

	(void)arg;
	return !rc || rc == -EEXIST ? IOMMUFD_PAGE_RESP_SUCCESS : IOMMUFD_PAGE_RESP_INVALID;
}

/* Deals with what was read, and fills in the answers: their number. Here each request is a group. */
static unsigned int handle(const struct iommu_hwpt_pgfault *messages, size_t bytes,
			   struct iommu_hwpt_page_response *responses)
{
	unsigned int answers = faults_answers(messages, bytes, map_page, NULL, responses);

	for (unsigned int i = 0; i < answers; i++)
		if (messages[i].grpid != (handled + i) % 512 ||
		    responses[i].code != IOMMUFD_PAGE_RESP_SUCCESS)
			errx(1, "request %lu is not the one that was made", handled + i);
	return answers;
}

static void answered(unsigned int n)
{
	handled += n;
	while (n--)
		sem_post(&slots);
}

/* ---- by system calls ---- */

static void run_poll(void)
{
	struct pollfd queue = {.fd = ids.queue, .events = POLLIN};
	struct iommu_hwpt_page_response responses[FAULTS_AT_ONCE];
	struct iommu_hwpt_pgfault messages[FAULTS_AT_ONCE];

	while (handled < faults) {
		unsigned int n;
		ssize_t got;

		if (poll(&queue, 1, -1) < 0)
			err(1, "poll");
		got = read(ids.queue, messages, sizeof(messages));
		if (got < 0)
			err(1, "read");
		n = handle(messages, (size_t)got, responses);
		if (n && write(ids.queue, responses, n * sizeof(responses[0])) !=
				 (ssize_t)(n * sizeof(responses[0])))
			err(1, "write");
		answered(n);
	}
}

/* ---- by io_uring ---- */

enum { POLLED, GOT, WROTE };

static struct io_uring_sqe *next_entry(struct io_uring *ring)
{
	struct io_uring_sqe *entry = io_uring_get_sqe(ring);

	if (!entry)
		errx(1, "the ring is full");
	return entry;
}

/* Reads when there is something. */
static void ask(struct io_uring *ring, struct iommu_hwpt_pgfault *messages)
{
	struct io_uring_sqe *entry = next_entry(ring);

	io_uring_prep_poll_add(entry, ids.queue, POLLIN);
	io_uring_sqe_set_data(entry, (void *)(uintptr_t)POLLED);
	entry->flags |= IOSQE_IO_LINK;
	entry = next_entry(ring);
	io_uring_prep_read(entry, ids.queue, messages, FAULTS_AT_ONCE * sizeof(*messages),
			   (uint64_t)-1);
	io_uring_sqe_set_data(entry, (void *)(uintptr_t)GOT);
}

static void respond(struct io_uring *ring, const struct iommu_hwpt_page_response *responses,
		    unsigned int n)
{
	struct io_uring_sqe *entry = next_entry(ring);

	io_uring_prep_write(entry, ids.queue, responses, n * sizeof(*responses), (uint64_t)-1);
	io_uring_sqe_set_data(entry, (void *)(uintptr_t)WROTE);
}

static void run_ring(struct io_uring *ring)
{
	struct iommu_hwpt_page_response responses[FAULTS_AT_ONCE];
	struct iommu_hwpt_pgfault messages[FAULTS_AT_ONCE];
	struct io_uring_cqe *done;
	unsigned int n = 0;

	ask(ring, messages);
	while (handled < faults) {
		int rc = io_uring_submit_and_wait(ring, 1);

		if (rc < 0 || (rc = io_uring_peek_cqe(ring, &done)) < 0) {
			errno = -rc;
			err(1, "io_uring");
		}
		if (done->res < 0) {
			errno = -done->res;
			err(1, "a request of the ring");
		}
		switch ((uintptr_t)io_uring_cqe_get_data(done)) {
		case GOT:
			n = handle(messages, (size_t)done->res, responses);
			if (n)
				respond(ring, responses, n);
			else
				ask(ring, messages);
			break;
		case WROTE:
			answered(n);
			if (handled < faults)
				ask(ring, messages);
			break;
		}
		io_uring_cqe_seen(ring, done);
	}
}

/* Exit status 77 where io_uring is forbidden, as in many containers. */
static void run_io_uring(void)
{
	struct io_uring ring;
	int rc = io_uring_queue_init(8, &ring, 0);

	if (rc < 0) {
		fprintf(stderr, "io_uring: %s\n", strerror(-rc));
		exit(77);
	}
	run_ring(&ring);
	io_uring_queue_exit(&ring);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "io_uring";
	pthread_t device;

	if (argc > 2)
		faults = strtoul(argv[2], NULL, 10);
	if (strcmp(how, "poll") && strcmp(how, "io_uring"))
		errx(2, "usage: fault_handler [poll|io_uring [FAULTS]]");
	memory = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || sem_init(&slots, 0, UNDER_WAY))
		err(1, NULL);
	iommu = iommu_open();
	set_up();
	if (pthread_create(&device, NULL, device_run, NULL))
		errx(1, "no thread");
	if (!strcmp(how, "poll"))
		run_poll();
	else
		run_io_uring();
	pthread_join(device, NULL);
	printf("%lu page requests were handled\n", handled);
	close(ids.queue);
	iommu_close(iommu);
	return 0;
}
