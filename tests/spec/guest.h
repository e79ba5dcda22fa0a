/* SPDX-License-Identifier: MIT */
/* A guest's memory. Below GUEST_DATA it is zero at the beginning, from there each word holds its address, as the guest knows it. */
#ifndef UIOMMUFD_TESTS_SPEC_GUEST_H
#define UIOMMUFD_TESTS_SPEC_GUEST_H

#define GUEST_SIZE (64ull << 20)
#define GUEST_DATA (16ull << 20)

/* As at the beginning. It is one for all worlds of a program: touching it anew costs more than the tests. */
char *guest_memory(void);

#endif
