/* SPDX-License-Identifier: MIT */
#include "core/share.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/random.h>
#include <time.h>

#include "base/sys.h"

/* How often a user is asked to go. */
#define PATIENCE_S 10

static void set_random(struct share *share)
{
	uint64_t token[2] = {};

	(void)!getrandom(token, sizeof(token), 0);
	atomic_store(&share->token[0], token[0]);
	atomic_store(&share->token[1], token[1]);
}

void share_init(struct share *shares, size_t count)
{
	for (size_t i = 0; i < count; i++)
		set_random(&shares[i]);
}

/* A user says that it is there, then looks whether it may be; who takes the device away does the opposite: one of them sees the other. */
int share_enter(struct share *share)
{
	atomic_fetch_add(&share->users, 1);
	if (!atomic_load(&share->leaving))
		return 0;
	share_exit(share);
	return -ENODEV;
}

void share_exit(struct share *share)
{
	atomic_fetch_sub(&share->users, 1);
	if (atomic_load(&share->leaving))
		sys_raw(SYS_futex, &share->users, FUTEX_WAKE, INT_MAX);
}

void share_leave(struct share *share, share_ask_fn ask)
{
	const struct timespec patience = {.tv_sec = PATIENCE_S};
	unsigned int users;

	atomic_store(&share->leaving, 1);
	while ((users = atomic_load(&share->users))) {
		ask(share);
		while (sys_raw(SYS_futex, &share->users, FUTEX_WAIT, users, &patience) == -EINTR)
			;
	}
}

void share_settle(struct share *share)
{
	atomic_store(&share->leaving, 0);
}

/* None may be there. Who makes some at the same time writes the same before one of the two is told -EBUSY. */
static int make_vfs(struct share *pf, struct share *vfs, unsigned int count)
{
	unsigned int none = 0;

	for (unsigned int i = 0; i < count; i++)
		atomic_store(&vfs[i].unbound, atomic_load(&pf->no_autoprobe));
	return atomic_compare_exchange_strong(&pf->vfs, &none, count) ? 0 : -EBUSY;
}

static void end_vfs(struct share *pf, struct share *vfs, unsigned int count, share_ask_fn ask)
{
	for (unsigned int i = 0; i < count; i++)
		share_leave(&vfs[i], ask);
	atomic_store(&pf->vfs, 0);
	for (unsigned int i = 0; i < count; i++)
		share_settle(&vfs[i]);
}

int share_set_vfs(struct share *pf, struct share *vfs, unsigned int total, unsigned int count,
		  share_ask_fn ask)
{
	unsigned int old = atomic_load(&pf->vfs);

	if (count > total)
		return -ERANGE;
	if (count == old)
		return 0;
	if (count)
		return old ? -EBUSY : make_vfs(pf, vfs, count);
	end_vfs(pf, vfs, old, ask);
	return 0;
}
