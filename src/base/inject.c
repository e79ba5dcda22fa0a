/* SPDX-License-Identifier: MIT */
/*
 * The counter is the thread's own, as the kernel's fail-nth is the task's: a sweep in one thread
 * doesn't disturb others.
 */
#include "base/inject.h"
#include "base/tls.h"

static TLS unsigned int left;

void inject_arm(unsigned int nth)
{
	left = nth;
}

unsigned int inject_left(void)
{
	return left;
}

bool inject_fail(void)
{
	return left && --left == 0;
}
