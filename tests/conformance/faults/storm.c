/* SPDX-License-Identifier: MIT */
/* usage: storm [FAULTS [SEED [clean]]]: see storm.h. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "storm.h"

#define DMATEST 0x123411e9u
#define NVME	0x123411eau
#define MEMORY	(4u << 20)
/* Nothing takes as long, however loaded a machine is: a hang. */
#define WATCHDOG 900

static struct storm storm;

/* ---- slots ---- */

void slot_clear(struct slot *slot, unsigned int window, unsigned int first, unsigned int n)
{
	pthread_mutex_lock(&slot->pages);
	for (unsigned int i = first; i < first + n; i++)
		stage1_unmap(&slot->storm->tables, va_of(window, i), slot->object);
	pthread_mutex_unlock(&slot->pages);
}

void slot_attach(struct slot *slot, uint32_t object)
{
	pthread_mutex_lock(&slot->pages);
	if (object)
		vfio_attach(&slot->vfio, object);
	else
		vfio_detach(&slot->vfio);
	slot->object = object == slot->storm->tables.parent ? 0 : object;
	pthread_mutex_unlock(&slot->pages);
}

static void open_slot(unsigned int number, uint32_t id, unsigned int nth, int iommufd,
		      struct counts *counts)
{
	struct slot *slot = &storm.slots[number];

	slot->storm = &storm;
	slot->number = number;
	slot->counts = counts;
	pthread_mutex_init(&slot->pages, NULL);
	vfio_bind(&slot->vfio, id, nth, iommufd);
	slot->bar = vfio_bar(&slot->vfio, 0);
}

static void attach_slot(struct slot *slot)
{
	slot->vdevice = stage1_add_device(&storm.tables, slot->vfio.id, slot->number);
	slot->handler = handler_start(slot, &storm.random);
	slot_attach(slot, stage1_object(&storm.tables, slot->vfio.id, slot->handler->queue_id));
}

static void *shared(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(at != MAP_FAILED);
	return at;
}

static void set_up(void)
{
	struct counts *counts = shared(SLOTS * sizeof(*counts));
	int iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	must(iommufd >= 0);
	open_slot(0, DMATEST, 0, iommufd, &counts[0]);
	open_slot(1, DMATEST, 1, iommufd, &counts[1]);
	open_slot(2, NVME, 0, iommufd, &counts[2]);
	stage1_init(&storm.tables, iommufd, storm.slots[0].vfio.id, shared(MEMORY), MEMORY);
	for (unsigned int window = 0; window <= DRIVERS; window++) {
		stage1_prepare(&storm.tables, va_of(window, 0), 64);
		storm.frames[window] = stage1_take(&storm.tables, REAL_PAGES);
	}
	storm.slots[2].nvme = nvme_new(&storm.slots[2]);
	for (unsigned int i = 0; i < SLOTS; i++)
		attach_slot(&storm.slots[i]);
}

/* Everything can be destroyed, so nothing was left behind. */
static void tear_down(void)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct slot *slot = &storm.slots[i];
		uint32_t object = slot->object;

		handler_kill(slot->handler);
		slot_attach(slot, 0);
		stage1_destroy(&storm.tables, object);
		handler_free(slot->handler);
		if (slot->vdevice)
			stage1_destroy(&storm.tables, slot->vdevice);
		close(slot->vfio.fd);
	}
	if (storm.tables.smmu)
		stage1_destroy(&storm.tables, storm.tables.viommu);
	stage1_destroy(&storm.tables, storm.tables.parent);
	stage1_destroy(&storm.tables, storm.tables.ioas);
	close(storm.tables.iommufd);
}

/* ---- drivers ---- */

/* What a transfer has come to must have a reason. */
static void judge(struct driver *driver, enum outcome outcome, bool refused, bool disturbed)
{
	switch (outcome) {
	case MOVED:
		if (refused && !disturbed)
			errx(1, "driver %u: a page that does not exist was there", driver->number);
		driver->moved += !refused;
		break;
	case FAILED:
		if (!refused && !disturbed)
			errx(1, "driver %u: a transfer has failed for no reason", driver->number);
		driver->failed++;
		break;
	case LOST:
		driver->lost++;
		break;
	}
}

static void *drive(void *arg)
{
	struct driver *driver = arg;
	struct slot *slot = driver->slot;

	while (driver->moved < storm.wanted) {
		unsigned long disturbed = atomic_load(&slot->disturbed);
		unsigned long resets = atomic_load(&slot->resets);
		bool refused = !random_below(&driver->random, 32), bad = false;
		enum outcome outcome = slot->nvme ? nvme_transfer(driver, refused, &bad)
						  : dmatest_transfer(driver, refused, &bad);

		judge(driver, outcome, refused,
		      disturbed % 2 || atomic_load(&slot->disturbed) != disturbed);
		if (bad && resets % 2 == 0 && atomic_load(&slot->resets) == resets)
			errx(1, "driver %u: wrong data", driver->number);
	}
	atomic_fetch_sub(&slot->drivers, 1);
	return NULL;
}

static void start_drivers(void)
{
	for (unsigned int i = 0; i < DRIVERS; i++) {
		struct driver *driver = &storm.drivers[i];

		driver->storm = &storm;
		driver->number = i;
		driver->slot = &storm.slots[i < 2 ? i : 2];
		driver->queue = i & 1;
		driver->random.state = storm.random.state + i;
		atomic_fetch_add(&driver->slot->drivers, 1);
	}
	for (unsigned int i = 0; i < DRIVERS; i++)
		must(!pthread_create(&storm.drivers[i].thread, NULL, drive, &storm.drivers[i]));
}

/* ---- the end ---- */

static void on_alarm(int signal)
{
	(void)signal;
	for (unsigned int i = 0; i < DRIVERS; i++)
		fprintf(stderr, "driver %u: %lu moved, %lu failed, %lu lost\n", i,
			storm.drivers[i].moved, storm.drivers[i].failed, storm.drivers[i].lost);
	for (unsigned int i = 0; i < SLOTS; i++)
		fprintf(stderr, "slot %u: disturbed %lu, %lu groups, frozen %u\n", i,
			atomic_load(&storm.slots[i].disturbed),
			atomic_load(&storm.slots[i].counts->groups),
			atomic_load(&storm.slots[i].counts->frozen));
	abort();
}

/* Groups that a killed process was in the midst of are in none of the counts, or in two. */
static void report(void)
{
	unsigned long groups = 0, taken = 0, refused = 0, twice = 0, left = 0;
	unsigned long moved = 0, failed = 0, lost = 0;

	for (unsigned int i = 0; i < SLOTS; i++) {
		const struct counts *counts = storm.slots[i].counts;

		groups += atomic_load(&counts->groups);
		taken += atomic_load(&counts->taken);
		refused += atomic_load(&counts->refused);
		twice += atomic_load(&counts->twice);
		left += atomic_load(&counts->left);
	}
	for (unsigned int i = 0; i < DRIVERS; i++) {
		moved += storm.drivers[i].moved;
		failed += storm.drivers[i].failed;
		lost += storm.drivers[i].lost;
	}
	printf("%lu transfers with the right data, %lu failed, %lu lost to a reset or a controller "
	       "that gave up\n",
	       moved, failed, lost);
	printf("%lu groups of page requests: %lu answers taken, %lu not wanted any more, %lu left "
	       "by the dying; %lu given twice and refused\n",
	       groups, taken, refused, left, twice);
	printf("%lu detached, %lu replaced, %lu by one without faults, %lu by the parent, %lu "
	       "handlers died, %lu resets\n",
	       storm.events[DETACH], storm.events[REPLACE], storm.events[REPLACE_WITHOUT],
	       storm.events[REPLACE_BY_PARENT], storm.events[DEATH], storm.events[RESET]);
	must(groups >= taken &&
	     groups - taken - refused - left <= storm.events[DEATH] * FAULTS_AT_ONCE);
}

int main(int argc, char **argv)
{
	unsigned long faults = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;

	storm.random.state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	storm.clean = argc > 3 && !strcmp(argv[3], "clean");
	storm.wanted = (faults + DRIVERS - 1) / DRIVERS;
	signal(SIGALRM, on_alarm);
	alarm(WATCHDOG);
	set_up();
	printf("%s\n", storm.tables.smmu ? "SMMUv3" : "VT-d");
	start_drivers();
	churn(&storm);
	for (unsigned int i = 0; i < DRIVERS; i++)
		must(!pthread_join(storm.drivers[i].thread, NULL));
	tear_down();
	report();
	return 0;
}
