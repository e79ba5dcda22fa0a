/* SPDX-License-Identifier: MIT */
/* Workers: threads that call a model's `run` for the queues that were kicked, and holding them still. */
#include <errno.h>

#include "core/host.h"
#include "device/stall.h"
#include "pci/function.h"
#include "pci/port.h"

/* ---- the worker ---- */

/* A queue that was kicked and that nobody runs, or NULL. Queues take turns. */
static struct pci_queue *next_queue(struct pci_function *function)
{
	unsigned int n = function->model.queues;

	for (unsigned int i = 0; function->kicked && i < n; i++) {
		struct pci_queue *queue = &function->queues[(function->next_queue + i) % n];

		if (!queue->kicked || queue->running)
			continue;
		function->next_queue = (unsigned int)(queue - function->queues + 1) % n;
		return queue;
	}
	return NULL;
}

static int start_worker(struct pci_function *function);

/*
 * With work_lock, which is released meanwhile. Who runs a queue sees to it that another worker waits for the next one, for the run may take as long as it likes. Where no
 * other can be had the queues wait.
 */
static void run_queue(struct pci_function *function, struct uiommufd_port *port,
		      struct pci_queue *queue)
{
	bool last = !function->waiting;

	queue->kicked = false;
	queue->running = true;
	function->kicked--;
	function->running++;
	lock_release(&function->work_lock);
	if (last)
		start_worker(function);
	function->model.run(function->state, port, (unsigned int)(queue - function->queues));
	lock_take(&function->work_lock);
	queue->running = false;
	function->running--;
	if (atomic_load(&function->holders))
		pthread_cond_broadcast(&function->idle);
	/* It was kicked again while it ran: another worker may have passed it by. */
	if (queue->kicked)
		pthread_cond_signal(&function->work);
}

static void worker_run(void *arg)
{
	struct uiommufd_port *port = arg;
	struct pci_function *function = port->function;
	struct pci_queue *queue;

	lock_take(&function->work_lock);
	function->waiting--; /* as count_worker() had it */
	while (!function->ending) {
		queue = atomic_load(&function->holders) ? NULL : next_queue(function);
		if (queue) {
			run_queue(function, port, queue);
			continue;
		}
		function->waiting++;
		lock_wait(&function->work_lock, &function->work);
		function->waiting--;
	}
	function->threads--;
	pthread_cond_broadcast(&function->idle);
	lock_release(&function->work_lock);
}

static int begin_thread(struct pci_function *function)
{
	struct machine_host *host = function->machine->host;
	struct uiommufd_port *port;
	int rc;

	rc = uiommufd_port_new(pci_model_device(function), &port);
	if (rc)
		return rc;
	rc = host->ops->thread(host, worker_run, port);
	if (rc)
		uiommufd_port_free(port);
	return rc;
}

/*
 * One of those that the model may have. Until it begins it counts as one that waits, for so it will: else who runs a short queue again and again meanwhile
 * would start one each time.
 */
static bool count_worker(struct pci_function *function)
{
	LOCK_SCOPED(&function->work_lock);
	if (function->ending || function->threads == function->model.workers)
		return false;
	function->threads++;
	function->waiting++;
	return true;
}

static void uncount_worker(struct pci_function *function)
{
	LOCK_SCOPED(&function->work_lock);
	function->threads--;
	function->waiting--;
	pthread_cond_broadcast(&function->idle);
}

/* One more, if the model may have more. -ENOMEM, -EAGAIN. */
static int start_worker(struct pci_function *function)
{
	int rc;

	if (!count_worker(function))
		return 0;
	rc = begin_thread(function);
	if (rc)
		uncount_worker(function);
	return rc;
}

static bool has_workers(struct pci_function *function)
{
	LOCK_SCOPED(&function->work_lock);
	return function->threads;
}

int pci_enable(struct pci_function *function)
{
	return !function->model.run || has_workers(function) ? 0 : start_worker(function);
}

void pci_end_workers(struct pci_function *function)
{
	LOCK_SCOPED(&function->work_lock);
	function->ending = true;
	atomic_fetch_add(&function->holders, 1);
	pthread_cond_broadcast(&function->work);
	while (function->threads)
		lock_wait(&function->work_lock, &function->idle);
}

/* ---- kicks ---- */

void uiommufd_kick(struct uiommufd_device *device, unsigned int queue)
{
	struct pci_function *function = pci_of(device);

	if (queue >= function->model.queues || !function->model.run)
		return;
	LOCK_SCOPED(&function->work_lock);
	if (function->queues[queue].kicked)
		return;
	function->queues[queue].kicked = true;
	function->kicked++;
	pthread_cond_signal(&function->work);
}

void uiommufd_lock(struct uiommufd_device *device)
{
	lock_take(&pci_of(device)->lock);
}

void uiommufd_unlock(struct uiommufd_device *device)
{
	lock_release(&pci_of(device)->lock);
}

/* ---- holding still ---- */

/* DMA that waits for a page is told not to, or may wait again. */
static void allow_stalls(struct pci_function *function, bool allowed)
{
	struct device *device = function->device;

	if (!device)
		return;
	LOCK_SCOPED(&device->object.ctx->lock);
	if (allowed)
		stall_allow(device);
	else
		stall_abort(device);
}

static void wait_for_runs(struct pci_function *function)
{
	LOCK_SCOPED(&function->work_lock);
	while (function->running)
		lock_wait(&function->work_lock, &function->idle);
}

void pci_hold(struct pci_function *function)
{
	bool first;

	lock_take(&function->work_lock);
	first = !atomic_fetch_add(&function->holders, 1);
	lock_release(&function->work_lock);
	if (first)
		allow_stalls(function, false);
	wait_for_runs(function);
	if (first && function->model.quiesce)
		function->model.quiesce(function->state, true);
	pci_wait_for_ports(function);
}

void pci_release(struct pci_function *function)
{
	if (atomic_load(&function->holders) == 1) {
		allow_stalls(function, true);
		if (function->model.quiesce)
			function->model.quiesce(function->state, false);
	}
	LOCK_SCOPED(&function->work_lock);
	atomic_fetch_sub(&function->holders, 1);
	pthread_cond_broadcast(&function->work);
}
