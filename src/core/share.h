/* SPDX-License-Identifier: MIT */
/*
 * What processes with the same machine share of its devices: which virtual functions there are, which devices vfio-pci has, how many have each of
 * them open, and the VF tokens. All else each process has for itself.
 *
 * It is memory that a frontend may have shared with other processes, so it has no pointers and no locks: each field is one atomic, and who waits for one waits
 * in the kernel.
 */
#ifndef UIOMMUFD_CORE_SHARE_H
#define UIOMMUFD_CORE_SHARE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one device; an array of them is in the order of the description. */
struct share {
	/* Of a physical function: how many virtual functions there are. */
	atomic_uint vfs;
	/* New virtual functions stay without a driver. */
	atomic_uint no_autoprobe;
	/* No driver has it. */
	atomic_uint unbound;
	/* It is about to go from its driver: nobody may open it any more. */
	atomic_uint leaving;
	/* How many have it open: machines, each at most once. */
	atomic_uint users;
	/* Of a physical function: the VF token's halves. What is read while it is set matches nothing. */
	_Atomic uint64_t token[2];
};

/* Gives each a token that nobody knows. The memory is zero. */
void share_init(struct share *shares, size_t count);

/* One more user, or -ENODEV: it is leaving. */
int share_enter(struct share *share);
void share_exit(struct share *share);
/*
 * Lets nobody in any more, until share_settle(), and waits until nobody is left. Each time that it has to wait for a while it calls `ask` first, so
 * that users may be told.
 */
typedef void (*share_ask_fn)(struct share *share);
void share_leave(struct share *share, share_ask_fn ask);
void share_settle(struct share *share);

/*
 * A physical function's virtual functions come, or go: `vfs` are those of `total`. As the kernel's sriov_numvfs (Documentation/ABI/testing/sysfs-bus-pci):
 * -ERANGE: there can't be as many; -EBUSY: there are some, which have to go first. Those that go are waited for, as with share_leave().
 */
int share_set_vfs(struct share *pf, struct share *vfs, unsigned int total, unsigned int count,
		  share_ask_fn ask);

#endif
