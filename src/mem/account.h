/* SPDX-License-Identifier: MIT */
/* Charging pinned pages to processes and users, as RLIMIT_MEMLOCK limits them. */
#ifndef UIOMMUFD_MEM_ACCOUNT_H
#define UIOMMUFD_MEM_ACCOUNT_H

#include <stdint.h>

#include "core/ctx.h"

/*
 * Charges `npages` that were pinned for a mapping of `mm` (pinned_vm always, and what `mode` says).
 * -ENOMEM: over the limit, or no memory for a user's account; nothing is charged then.
 */
int account_charge(struct machine *machine, struct mm *mm, enum account_mode mode, uint64_t npages);
/* Charges what had been charged there before, without a look at the limit. */
void account_recharge(struct machine *machine, struct mm *mm, enum account_mode mode,
		      uint64_t npages);
void account_uncharge(struct machine *machine, struct mm *mm, enum account_mode mode,
		      uint64_t npages);

#endif
