/* SPDX-License-Identifier: MIT */
/*
 * --pretend-hugepages: programs that insist on huge pages run where none are reserved. Requests for
 * huge pages get ordinary ones, with the sizes and addresses that huge pages would have, and the
 * places where a program looks whether there are any say that there are.
 */
#ifndef UIOMMUFD_PRELOAD_HUGEPAGES_H
#define UIOMMUFD_PRELOAD_HUGEPAGES_H

#include <stdbool.h>
#include <sys/types.h>

struct vtree;

/* Is the option on? Constant. */
bool hugepages_pretended(void);
/* The files that tell of huge pages: nothing unless the option is on. 0, -ENOMEM. */
int hugepages_add_nodes(struct vtree *tree);

#endif
