/* SPDX-License-Identifier: MIT */
#ifndef UIOMMUFD_TESTS_SPEC_ROUNDS_H
#define UIOMMUFD_TESTS_SPEC_ROUNDS_H

#include <stdlib.h>

/* SPEC_ROUNDS in the environment: how many times as much as by default is tried at random. */
static inline unsigned int spec_rounds(void)
{
	const char *env = getenv("SPEC_ROUNDS");

	return env ? (unsigned int)atoi(env) : 1;
}

#endif
