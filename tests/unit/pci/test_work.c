/* SPDX-License-Identifier: MIT */
/* Work, DMA and holding still: kicks while held, resets, and ports against unbind. */
#include "core/host.h"
#include "vfio/rig.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

static struct rig rig;
static struct pci_function *toy;

static int set_up(void **state)
{
	rig_init(&rig, 1);
	rig_start(&rig);
	toy = rig.function[0];
	return 0;
}

static int tear_down(void **state)
{
	rig_done(&rig);
	return 0;
}

/* A command of the toy's, by its registers; the end is waited for elsewhere. */
static void begin(uint64_t command)
{
	pci_bar_write(toy, 0, TOY_IOVA, RIG_IOVA, 8);
	pci_bar_write(toy, 0, TOY_COMMAND, command, 8);
}

static uint64_t command_register(void)
{
	return pci_bar_read(toy, 0, TOY_COMMAND, 8);
}

static void await_end(void)
{
	while (command_register() == TOY_READ || command_register() == TOY_WRITE)
		sched_yield();
}

static unsigned int running(void)
{
	LOCK_SCOPED(&toy->work_lock);
	return toy->running;
}

static unsigned int kicked(void)
{
	LOCK_SCOPED(&toy->work_lock);
	return toy->kicked;
}

/* Holds nest; what was kicked meanwhile runs after the last release. */
static void kick_while_held(void **state)
{
	memset(rig.memory, 7, 8);
	pci_hold(toy);
	pci_hold(toy);
	begin(TOY_READ);
	pci_release(toy);
	for (int i = 0; i < 100; i++)
		sched_yield();
	assert_int_equal(command_register(), TOY_READ);
	assert_int_equal(running(), 0);
	pci_release(toy);
	await_end();
	assert_int_equal(command_register(), 0);
	assert_int_equal(pci_bar_read(toy, 0, TOY_VALUE, 8), 0x0707070707070707);
}

/* A reset forgets kicks, also one of who holds the function already. */
static void reset_while_held(void **state)
{
	pci_hold(toy);
	begin(TOY_READ);
	assert_int_equal(kicked(), 1);
	pci_reset(toy);
	assert_int_equal(kicked(), 0);
	assert_int_equal(command_register(), 0);
	pci_release(toy);
	for (int i = 0; i < 100; i++)
		sched_yield();
	assert_int_equal(pci_bar_read(toy, 0, TOY_VALUE, 8), 0);
	begin(TOY_READ);
	await_end();
	assert_int_equal(command_register(), 0);
}

static void refused(void **state)
{
	struct uiommufd_port *port;
	uint64_t word;

	assert_int_equal(uiommufd_port_new(pci_model_device(toy), &port), 0);
	assert_int_equal(uiommufd_dma_read(port, 0, RIG_IOVA, &word, 8), 0);
	assert_int_equal(uiommufd_dma_read(port, 0, 0x5000, &word, 8), -EFAULT);
	assert_int_equal(uiommufd_fault(port), 0x5000);
	assert_int_equal(uiommufd_dma_read(port, 0, UINT64_MAX - 3, &word, 8), -EFAULT);
	pci_set_command(toy, 0, PCI_COMMAND_MASTER);
	assert_int_equal(uiommufd_dma_read(port, 0, RIG_IOVA, &word, 8), -EACCES);
	assert_int_equal(uiommufd_dma_copy(port, 0, RIG_IOVA, RIG_IOVA + 64, 8), -EACCES);
	pci_set_command(toy, PCI_COMMAND_MASTER, 0);
	pci_hold(toy);
	assert_int_equal(uiommufd_dma_write(port, 0, RIG_IOVA, &word, 8), -ECANCELED);
	assert_null(uiommufd_dma_begin(port, 0, RIG_IOVA, &(size_t){8}, false));
	pci_release(toy);
	assert_int_equal(uiommufd_dma_write(port, 0, RIG_IOVA, &word, 8), 0);
	uiommufd_port_free(port);
	uiommufd_port_free(NULL);
}

static _Atomic bool stop;
static _Atomic unsigned long copies;

/* A thread of a model's own, which comes and goes as it likes. */
static void *do_dma(void *arg)
{
	uint64_t word = (uintptr_t)arg, back;
	uint64_t iova = RIG_IOVA + 8 * word;
	struct uiommufd_port *port;

	while (!stop) {
		assert_int_equal(uiommufd_port_new(pci_model_device(toy), &port), 0);
		for (int i = 0; i < 100; i++) {
			int rc = uiommufd_dma_write(port, 0, iova, &word, 8);

			if (!rc)
				rc = uiommufd_dma_read(port, 0, iova, &back, 8);
			if (!rc)
				assert_int_equal(back, word);
			else
				assert_true(rc == -ECANCELED || rc == -EFAULT);
			copies += !rc;
			if (rc)
				sched_yield(); /* to who holds it still */
		}
		uiommufd_port_free(port);
	}
	return NULL;
}

/* While it is unbound nothing is copied. */
static void unbind_for_a_moment(void)
{
	struct device *device = toy->device;
	unsigned long before;

	pci_hold(toy);
	pci_unbind(toy);
	memset(rig.memory, 0xee, 64);
	before = copies;
	for (int i = 0; i < 10; i++)
		sched_yield();
	for (int i = 0; i < 64; i++)
		assert_int_equal((unsigned char)rig.memory[i], 0xee);
	assert_true(copies <= before + 4); /* what was done and not counted yet */
	assert_int_equal(pci_bind(toy, device), 0);
	pci_release(toy);
}

static void ports_against_unbind(void **state)
{
	pthread_t threads[4];

	stop = false;
	copies = 0;
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, do_dma, (void *)i), 0);
	for (int i = 0; i < 300; i++)
		unbind_for_a_moment();
	while (!copies)
		sched_yield();
	stop = true;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static _Atomic bool begun;

/* A thread of a model's own that kicks in the midst of an access, once the function is being held. */
static void *kick_in_access(void *arg)
{
	struct uiommufd_port *port;
	size_t len = 8;

	assert_int_equal(uiommufd_port_new(pci_model_device(toy), &port), 0);
	assert_non_null(uiommufd_dma_begin(port, 0, RIG_IOVA, &len, false));
	begun = true;
	while (!atomic_load(&toy->holders))
		sched_yield();
	for (int i = 0; i < 1000; i++) {
		uiommufd_kick(pci_model_device(toy), 0);
		sched_yield();
	}
	begun = false;
	uiommufd_dma_end(port);
	uiommufd_port_free(port);
	return NULL;
}

static void kick_against_hold(void **state)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, kick_in_access, NULL), 0);
	while (!begun)
		sched_yield();
	pci_hold(toy);
	assert_false(begun);
	pci_release(toy);
	pthread_join(thread, NULL);
}

/* Those that nobody has freed go with the function. */
static void port_left_behind(void **state)
{
	struct uiommufd_port *port;

	assert_int_equal(uiommufd_port_new(pci_model_device(toy), &port), 0);
}

/* ---- workers ---- */

#define CROWD 5

static atomic_uint inside, runs;

/* Ends when all are there: each queue needs a worker of its own. */
static void run_together(void *state, struct uiommufd_port *port, unsigned int queue)
{
	atomic_fetch_add(&inside, 1);
	while (atomic_load(&inside) < CROWD)
		sched_yield();
	atomic_fetch_add(&runs, 1);
}

static void run_alone(void *state, struct uiommufd_port *port, unsigned int queue)
{
	assert_int_equal(atomic_fetch_add(&inside, 1), 0);
	sched_yield();
	atomic_fetch_sub(&inside, 1);
	atomic_fetch_add(&runs, 1);
}

static void set_up_crowd(void (*run)(void *state, struct uiommufd_port *port, unsigned int queue),
			 unsigned int workers)
{
	static struct uiommufd_model model;

	model = rig_toy;
	model.run = run;
	model.queues = CROWD;
	model.workers = workers;
	atomic_store(&inside, 0);
	atomic_store(&runs, 0);
	rig_init_model(&rig, &model, NULL, 0);
	rig_start(&rig);
	toy = rig.function[0];
}

static void kick_all(void)
{
	for (unsigned int i = 0; i < CROWD; i++)
		uiommufd_kick(pci_model_device(toy), i);
}

static unsigned int threads(void)
{
	LOCK_SCOPED(&toy->work_lock);
	return toy->threads;
}

/* They come as they are needed, and not more than the model has. */
static void workers_as_needed(void **state)
{
	set_up_crowd(run_together, CROWD);
	assert_int_equal(threads(), 1);
	kick_all();
	while (atomic_load(&runs) < CROWD)
		sched_yield();
	assert_int_equal(threads(), CROWD);
	rig_done(&rig);
}

static int no_thread(struct machine_host *host, void (*run)(void *arg), void *arg)
{
	return -EAGAIN;
}

/* Those that there are do it all. */
static void no_more_workers(void **state)
{
	struct machine_host_ops ops = *machine_own_host.ops;
	struct machine_host host = {.ops = &ops};
	struct machine_host *before;

	set_up_crowd(run_alone, CROWD);
	ops.thread = no_thread;
	before = toy->machine->host;
	toy->machine->host = &host;
	kick_all();
	while (atomic_load(&runs) < CROWD)
		sched_yield();
	assert_int_equal(threads(), 1);
	toy->machine->host = before;
	rig_done(&rig);
}

static unsigned int asked;
static void (*late_run)(void *arg);
static void *late_arg;

/* A thread that takes its time to begin. */
static int late_thread(struct machine_host *host, void (*run)(void *arg), void *arg)
{
	asked++;
	late_run = run;
	late_arg = arg;
	return 0;
}

/* While one is about to come no other is asked for. */
static void one_worker_at_a_time(void **state)
{
	struct machine_host_ops ops = *machine_own_host.ops;
	struct machine_host host = {.ops = &ops};
	struct machine_host *before;

	set_up_crowd(run_alone, CROWD);
	ops.thread = late_thread;
	asked = 0;
	before = toy->machine->host;
	toy->machine->host = &host;
	for (unsigned int i = 1; i <= CROWD; i++) {
		uiommufd_kick(pci_model_device(toy), 0);
		while (atomic_load(&runs) < i || running())
			sched_yield();
	}
	assert_int_equal(asked, 1);
	assert_int_equal(threads(), 2);
	toy->machine->host = before;
	assert_int_equal(before->ops->thread(before, late_run, late_arg), 0);
	rig_done(&rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kick_while_held),
		TEST(reset_while_held),
		TEST(refused),
		TEST(ports_against_unbind),
		TEST(kick_against_hold),
		TEST(port_left_behind),
		cmocka_unit_test(workers_as_needed),
		cmocka_unit_test(no_more_workers),
		cmocka_unit_test(one_worker_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
