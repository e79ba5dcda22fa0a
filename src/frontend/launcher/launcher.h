/* SPDX-License-Identifier: MIT */
/*
 * The launcher: the way in for programs that nothing can be preloaded into. A filter of theirs notifies a process of ours, the supervisor, of
 * the system calls that may concern the machine (seccomp_unotify(2)); it makes them in their place, reads and writes their memory, and
 * hands out descriptors.
 *
 *     shell ── waiter ── supervisor ── program ── its children
 *
 * The waiter is the process that was started: it hands signals on and ends as the program ends. The supervisor is the program's parent, for Yama
 * lets a process look at its descendants' memory alone, and lives until no process with the filter is left.
 */
#ifndef UIOMMUFD_LAUNCHER_LAUNCHER_H
#define UIOMMUFD_LAUNCHER_LAUNCHER_H

#include "config/config.h"

/*
 * Returns 0 in a new process, which is to execute the program: it and all that comes of it are served. `config` is complete, or NULL for the
 * default machine. The caller has one thread; it doesn't come back, but for -errno of what failed: *ret_step says what ("system calls can't
 * be handed on").
 */
int launcher_enter(const struct config *config, const char **ret_step);

#endif
