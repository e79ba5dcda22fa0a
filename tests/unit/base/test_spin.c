/* SPDX-License-Identifier: MIT */
/* Looking before sleeping: when it is done, and when not. The limits are none, or no time at all, so that no clock decides. */
#include "base/spin.h"

#include <sched.h>

#include "unit.h"

#define ELSEWHERE UINT32_MAX /* no processor's */

/* Is there at the look of this number, from 1; 0: never. */
struct event {
	unsigned int at, looks;
};

static bool is_there(void *arg)
{
	struct event *event = arg;

	return ++event->looks == event->at;
}

static bool look_for(struct spin *spin, unsigned int other, struct event *event)
{
	event->looks = 0;
	return spin_until(spin, other, is_there, event);
}

static void decided(void **state)
{
	struct spin always = {.mode = SPIN_ALWAYS, .limit = UINT64_MAX};
	struct spin never = {.mode = SPIN_NEVER, .limit = UINT64_MAX};
	struct event late = {.at = 1000}, now = {.at = 1};

	assert_true(look_for(&always, spin_here(), &late));
	assert_int_equal(late.looks, 1000);
	assert_false(look_for(&never, ELSEWHERE, &late));
	assert_int_equal(late.looks, 1);
	assert_true(look_for(&never, ELSEWHERE, &now));
}

/* It ends without the event. */
static void bounded(void **state)
{
	struct spin spin = {.mode = SPIN_ALWAYS};
	struct event none = {0};

	assert_false(look_for(&spin, ELSEWHERE, &none));
	assert_true(none.looks > 1);
}

static void stay_here(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	assert_int_equal(sched_setaffinity(0, sizeof(here), &here), 0);
}

/* Nobody is there who could do something meanwhile, or it is not known. */
static void one_processor(void **state)
{
	struct spin spin = {.limit = UINT64_MAX, .credit = 4};
	struct event late = {.at = 1000};

	stay_here();
	for (int i = 0; i < 100; i++) {
		assert_false(look_for(&spin, spin_here(), &late));
		assert_int_equal(late.looks, 1);
		assert_false(look_for(&spin, 0, &late));
		assert_int_equal(late.looks, 1);
	}
}

/* How many waits pass without a look beyond the first. */
static unsigned int waits_without(struct spin *spin)
{
	struct event none = {0};
	unsigned int n = 0;

	while (!look_for(spin, ELSEWHERE, &none) && none.looks == 1)
		n++;
	return n;
}

/* In vain it is tried now and then; after a success a few times. */
static void adaptive(void **state)
{
	struct spin spin = {0};
	struct event late = {.at = 20}, none = {0};

	assert_int_equal(waits_without(&spin), 31);
	assert_int_equal(waits_without(&spin), 31);
	spin.limit = UINT64_MAX;
	for (int i = 0; i < 31; i++)
		assert_false(look_for(&spin, ELSEWHERE, &late));
	assert_true(look_for(&spin, ELSEWHERE, &late));
	spin.limit = 0;
	for (int i = 0; i < 4; i++) {
		assert_false(look_for(&spin, ELSEWHERE, &none));
		assert_true(none.looks > 1);
	}
	assert_int_equal(waits_without(&spin), 31);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decided),
		cmocka_unit_test(bounded),
		cmocka_unit_test(one_processor),
		cmocka_unit_test(adaptive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
