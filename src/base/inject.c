/* SPDX-License-Identifier: MIT */
/*
 * The armed threads are a short table by thread number, and not a thread-local counter each, because
 * a thread may be armed by another one. While nobody is armed, which is nearly always, a point costs
 * one load.
 */
#include "base/inject.h"

#include "base/sys.h"

#include <stdatomic.h>
#include <stdint.h>

#define SLOTS 64

/* An armed thread: its number << 32 | points left, which are never 0. Or 0: free. */
static _Atomic uint64_t slots[SLOTS];
/* Slots that are or were just in use. */
static atomic_uint armed;

static pid_t own_tid(void)
{
	return (pid_t)sys_raw(SYS_gettid);
}

static pid_t slot_tid(uint64_t slot)
{
	return (pid_t)(slot >> 32);
}

static uint64_t slot_of(pid_t tid, unsigned int left)
{
	return left ? (uint64_t)tid << 32 | left : 0;
}

/* The slot of a thread, or NULL. */
static _Atomic uint64_t *find(pid_t tid)
{
	if (!atomic_load(&armed))
		return NULL;
	for (int i = 0; i < SLOTS; i++) {
		if (slot_tid(atomic_load(&slots[i])) == tid)
			return &slots[i];
	}
	return NULL;
}

/* Free, or of a thread that has ended armed. */
static bool reusable(uint64_t slot)
{
	return !slot || sys_raw(SYS_tkill, slot_tid(slot), 0) == -ESRCH;
}

static int take_slot(pid_t tid, unsigned int nth)
{
	for (int i = 0; i < SLOTS; i++) {
		uint64_t old = atomic_load(&slots[i]);

		if (!reusable(old))
			continue;
		atomic_fetch_add(&armed, 1);
		if (atomic_compare_exchange_strong(&slots[i], &old, slot_of(tid, nth))) {
			if (old)
				atomic_fetch_sub(&armed, 1);
			return 0;
		}
		atomic_fetch_sub(&armed, 1);
	}
	return -ENOMEM;
}

/* Replaces what the thread has: false if it is not armed (any more). */
static bool change_slot(_Atomic uint64_t *slot, pid_t tid, unsigned int nth)
{
	uint64_t old = atomic_load(slot);

	do {
		if (slot_tid(old) != tid)
			return false;
	} while (!atomic_compare_exchange_weak(slot, &old, slot_of(tid, nth)));
	if (!nth)
		atomic_fetch_sub(&armed, 1);
	return true;
}

int inject_arm_thread(pid_t tid, unsigned int nth)
{
	_Atomic uint64_t *slot = find(tid);

	if ((slot && change_slot(slot, tid, nth)) || !nth)
		return 0;
	return take_slot(tid, nth);
}

unsigned int inject_left_thread(pid_t tid)
{
	_Atomic uint64_t *slot = find(tid);
	uint64_t value = slot ? atomic_load(slot) : 0;

	return slot_tid(value) == tid ? (unsigned int)value : 0;
}

void inject_disarm_all(void)
{
	if (!atomic_load(&armed))
		return;
	for (int i = 0; i < SLOTS; i++)
		atomic_store(&slots[i], 0);
	atomic_store(&armed, 0);
}

void inject_arm(unsigned int nth)
{
	if (nth || atomic_load(&armed))
		inject_arm_thread(own_tid(), nth);
}

unsigned int inject_left(void)
{
	return atomic_load_explicit(&armed, memory_order_relaxed) ? inject_left_thread(own_tid())
								  : 0;
}

/* Counts this point: true if it is the one. */
static bool count(void)
{
	pid_t tid = own_tid();
	_Atomic uint64_t *slot = find(tid);
	uint64_t old = slot ? atomic_load(slot) : 0;
	unsigned int left;

	do {
		if (slot_tid(old) != tid)
			return false;
		left = (unsigned int)old - 1;
	} while (!atomic_compare_exchange_weak(slot, &old, slot_of(tid, left)));
	if (!left)
		atomic_fetch_sub(&armed, 1);
	return !left;
}

bool inject_fail(void)
{
	return atomic_load_explicit(&armed, memory_order_relaxed) && count();
}
