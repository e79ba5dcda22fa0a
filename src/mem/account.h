/* SPDX-License-Identifier: MIT */
/* Charging pinned pages to processes and users, as RLIMIT_MEMLOCK limits them. */
#ifndef UIOMMUFD_MEM_ACCOUNT_H
#define UIOMMUFD_MEM_ACCOUNT_H

#include <stdint.h>

#include "core/ctx.h"

/*
 * Who is charged: a process, and by mode USER the user that it was when it mapped. What a process is by now (mm->creds) says the limit only.
 */
struct account_owner {
	struct mm *mm;
	uid_t uid;
	enum account_mode mode;
};

/*
 * Charges `npages` that were pinned to what the mode says.
 * -ENOMEM: over the limit, or no memory for a user's account; nothing is charged then.
 */
int account_charge(struct machine *machine, struct account_owner owner, uint64_t npages);
/* Charges what had been charged there before, without a look at the limit. */
void account_recharge(struct machine *machine, struct account_owner owner, uint64_t npages);
void account_uncharge(struct machine *machine, struct account_owner owner, uint64_t npages);

#endif
