/* SPDX-License-Identifier: MIT */
/* Handlers: threads of the program, and processes that have nothing but the queue and the memory. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storm.h"

/* The pages of windows have places; others don't exist. */
static enum iommufd_page_response_code map_page(void *arg, const struct iommu_hwpt_pgfault *fault)
{
	const struct handler *handler = arg;
	const struct storm *storm = handler->slot->storm;
	uint64_t window = (fault->addr - WINDOW(0)) >> 21, page = fault->addr / PAGE_BYTES % 512;

	if (fault->addr < WINDOW(0) || window >= DRIVERS || page >= REAL_PAGES)
		return IOMMUFD_PAGE_RESP_INVALID;
	stage1_map(&storm->tables, va_of(window, page), storm->frames[window] + page * PAGE_BYTES);
	return IOMMUFD_PAGE_RESP_SUCCESS;
}

static bool is_stopped(const struct handler *handler)
{
	return !handler->process && atomic_load(&handler->stop);
}

static void fail(struct handler *handler, const char *what)
{
	warn("the handler: %s", what);
	atomic_store(&handler->slot->counts->failed, 1);
}

/* In any order, and in writes of any length; some once more. */
static void give_answers(struct handler *handler, struct iommu_hwpt_page_response *answers,
			 unsigned int n)
{
	struct counts *counts = handler->slot->counts;

	for (unsigned int i = 0; i < n; i++) {
		unsigned int j = i + random_below(&handler->random, n - i);
		struct iommu_hwpt_page_response swap = answers[i];

		answers[i] = answers[j];
		answers[j] = swap;
	}
	for (unsigned int at = 0; at < n;) {
		unsigned int some = 1 + random_below(&handler->random, n - at);
		ssize_t put = write(handler->queue, &answers[at], some * sizeof(*answers));

		if (put < 0 && errno != EINVAL)
			return fail(handler, "write");
		if (put % (ssize_t)sizeof(*answers) != 0 && put > 0)
			return fail(handler, "half an answer was taken");
		atomic_fetch_add(put < 0 ? &counts->refused : &counts->taken,
				 put < 0 ? 1 : put / sizeof(*answers));
		at += put < 0 ? 1 : put / sizeof(*answers);
	}
	if (!n || random_below(&handler->random, 8))
		return;
	if (write(handler->queue, &answers[n - 1], sizeof(*answers)) != -1 || errno != EINVAL)
		return fail(handler, "an answer was taken twice");
	atomic_fetch_add(&counts->twice, 1);
}

/* Until it is killed, or the thread is stopped. */
static void freeze(struct handler *handler, unsigned int groups)
{
	struct counts *counts = handler->slot->counts;

	atomic_fetch_add(&counts->left, groups);
	atomic_store(&counts->frozen, 1);
	while (!is_stopped(handler))
		poll(NULL, 0, 5);
}

static void *serve(void *arg)
{
	struct handler *handler = arg;
	struct counts *counts = handler->slot->counts;
	struct iommu_hwpt_page_response answers[FAULTS_AT_ONCE];
	struct iommu_hwpt_pgfault messages[FAULTS_AT_ONCE];
	struct pollfd ready = {.fd = handler->queue, .events = POLLIN};
	unsigned long served = 0;

	while (!is_stopped(handler) && !atomic_load(&counts->failed)) {
		unsigned int n;
		ssize_t got;

		poll(&ready, 1, 20);
		got = read(handler->queue, messages, sizeof(messages));
		if (got < 0) {
			fail(handler, "read");
			break;
		}
		n = faults_answers(messages, (size_t)got, map_page, handler, answers);
		atomic_fetch_add(&counts->groups, n);
		served += n;
		if (n && handler->limit && served >= handler->limit) {
			freeze(handler, n);
			break;
		}
		give_answers(handler, answers, n);
	}
	return NULL;
}

/* A process that holds a queue holds no other's, nor the devices: so its death is the end of them. */
static void become_handler(struct handler *handler)
{
	struct storm *storm = handler->slot->storm;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct slot *slot = &storm->slots[i];

		close(slot->vfio.fd);
		if (slot->handler && slot->handler->queue >= 0)
			close(slot->handler->queue);
	}
	close(storm->tables.iommufd);
	serve(handler);
	_exit(0);
}

static void start_process(struct handler *handler)
{
	handler->process = 1;
	handler->process = fork();
	must(handler->process >= 0);
	if (!handler->process) {
		handler->process = 1;
		become_handler(handler);
	}
	/* Whose death is the queue's last close, or not. */
	if (random_below(&handler->random, 2)) {
		must(!close(handler->queue));
		handler->queue = -1;
	}
}

struct handler *handler_start(struct slot *slot, struct random *random)
{
	struct handler *handler = calloc(1, sizeof(*handler));

	must(handler);
	handler->slot = slot;
	handler->random.state = random->state;
	handler->limit = random_below(random, 2) ? 1 + random_below(random, 200) : 0;
	handler->queue = stage1_fault_queue(&slot->storm->tables, &handler->queue_id);
	atomic_store(&slot->counts->frozen, 0);
	if (random_below(random, 3))
		start_process(handler);
	else
		must(!pthread_create(&handler->thread, NULL, serve, handler));
	return handler;
}

void handler_kill(struct handler *handler)
{
	int status;

	if (handler->process) {
		must(!kill(handler->process, SIGKILL));
		must(waitpid(handler->process, &status, 0) == handler->process);
		must(WIFSIGNALED(status));
	} else {
		atomic_store(&handler->stop, true);
		must(!pthread_join(handler->thread, NULL));
	}
	if (handler->queue >= 0 && random_below(&handler->random, 2)) {
		must(!close(handler->queue));
		handler->queue = -1;
	}
}

/* Another handler that was forked meanwhile has it too, until it has closed it. */
void handler_free(struct handler *handler)
{
	const struct stage1 *tables = &handler->slot->storm->tables;
	struct iommu_destroy cmd = {.size = sizeof(cmd), .id = handler->queue_id};

	if (handler->queue >= 0)
		must(!close(handler->queue));
	while (ioctl(tables->iommufd, IOMMU_DESTROY, &cmd)) {
		must(errno == EBUSY);
		usleep(100);
	}
	free(handler);
}
