/* SPDX-License-Identifier: MIT */
#include "recorder.h"

#include "base/guard.h"
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static void note(struct recorder *recorder, const void *buf, size_t len, uint64_t offset,
		 bool store)
{
	unsigned int i = recorder->n;

	atomic_fetch_add(store ? &recorder->stores : &recorder->loads, 1);
	atomic_fetch_add(&recorder->bytes, len);
	if (i >= RECORDS)
		return;
	recorder->records[i] = (struct record){.store = store, .offset = offset, .len = len};
	memcpy(&recorder->records[i].value, buf, len);
	recorder->n = i + 1;
}

static ssize_t recorder_read(struct mmio_target *target, void *buf, size_t len, uint64_t offset)
{
	struct recorder *recorder = (struct recorder *)target;

	if (recorder->refuses)
		return -EIO;
	memcpy(buf, recorder->memory + offset, len);
	note(recorder, buf, len, offset, false);
	return (ssize_t)len;
}

static ssize_t recorder_write(struct mmio_target *target, const void *buf, size_t len,
			      uint64_t offset)
{
	struct recorder *recorder = (struct recorder *)target;

	if (recorder->refuses)
		return -EIO;
	memcpy(recorder->memory + offset, buf, len);
	note(recorder, buf, len, offset, true);
	errno = EXDEV; /* nobody may see it */
	return (ssize_t)len;
}

static void recorder_release(struct mmio_target *target)
{
	atomic_fetch_add(&((struct recorder *)target)->released, 1);
}

static const struct mmio_target_ops ops = {
	.read = recorder_read,
	.write = recorder_write,
	.release = recorder_release,
};

void recorder_init(struct recorder *recorder, enum file_trap trap)
{
	struct mmio_area area;

	memset(recorder, 0, sizeof(*recorder));
	assert_int_equal(guard_init(NULL), 0);
	mmio_init();
	recorder->trap = trap;
	recorder->fd = memfd_create("recorder", MFD_CLOEXEC);
	assert_true(recorder->fd >= 0);
	assert_int_equal(ftruncate(recorder->fd, RECORDER_SIZE), 0);
	recorder->memory =
		mmap(NULL, RECORDER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, recorder->fd, 0);
	/* Behind it there is nothing. */
	recorder->map = mmap(NULL, RECORDER_SIZE + 4096, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	assert_ptr_not_equal(recorder->map, MAP_FAILED);
	recorder->map = mmap(recorder->map, RECORDER_SIZE, mmio_prot(trap, PROT_READ | PROT_WRITE),
			     MAP_SHARED | MAP_FIXED, recorder->fd, 0);
	assert_ptr_not_equal(recorder->memory, MAP_FAILED);
	assert_ptr_not_equal(recorder->map, MAP_FAILED);
	mmio_target_init(&recorder->target, &ops);
	area = (struct mmio_area){
		.start = (uintptr_t)recorder->map,
		.end = (uintptr_t)recorder->map + RECORDER_SIZE,
		.target = &recorder->target,
		.prot = PROT_READ | PROT_WRITE,
		.trap = trap,
	};
	assert_int_equal(mmio_add(&area), 0);
	mmio_target_put(&recorder->target);
}

void recorder_done(struct recorder *recorder)
{
	assert_int_equal(mmio_remove((uintptr_t)recorder->map, RECORDER_SIZE), 0);
	assert_int_equal(recorder->released, 1);
	munmap(recorder->map, RECORDER_SIZE + 4096);
	munmap(recorder->memory, RECORDER_SIZE);
	close(recorder->fd);
}

void recorder_forget(struct recorder *recorder)
{
	recorder->n = 0;
	recorder->stores = recorder->loads = recorder->bytes = 0;
}
