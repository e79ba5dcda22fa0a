/* SPDX-License-Identifier: MIT */
/* Counters against limits. */
#include "mem/account.h"

#include <errno.h>

#include "core/machine_impl.h"
#include "mem/page.h"

/* The counter that the mode charges; NULL if it charges none, or (*rc = -ENOMEM) if it can't be made. */
static atomic_ulong *limited_counter(struct machine *machine, struct account_owner owner, int *rc)
{
	struct user_account *user;

	*rc = 0;
	if (owner.mode == ACCOUNT_MM)
		return &owner.mm->locked_vm;
	if (owner.mode == ACCOUNT_NONE)
		return NULL;
	user = machine_user(machine, owner.uid);
	if (!user)
		*rc = -ENOMEM;
	return user ? &user->locked : NULL;
}

int account_charge(struct machine *machine, struct account_owner owner, uint64_t npages)
{
	uint64_t limit = owner.mm->creds.memlock / PAGE_SIZE;
	atomic_ulong *counter;
	unsigned long now;
	int rc;

	counter = limited_counter(machine, owner, &rc);
	if (!counter)
		return rc;
	now = atomic_load_explicit(counter, memory_order_relaxed);
	do {
		if (now > limit || npages > limit - now)
			return -ENOMEM;
	} while (!atomic_compare_exchange_weak(counter, &now, now + npages));
	return 0;
}

void account_recharge(struct machine *machine, struct account_owner owner, uint64_t npages)
{
	int rc;
	atomic_ulong *counter = limited_counter(machine, owner, &rc);

	if (counter)
		atomic_fetch_add_explicit(counter, npages, memory_order_relaxed);
}

void account_uncharge(struct machine *machine, struct account_owner owner, uint64_t npages)
{
	account_recharge(machine, owner, -npages);
}
