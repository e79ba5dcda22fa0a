/* SPDX-License-Identifier: MIT */
/*
 * Running a script in a fresh process, so that a crash fails that script alone and nothing is left
 * for the next one.
 */
#ifndef REPLAY_RUN_H
#define REPLAY_RUN_H

#include "script.h"

#define RUN_SECONDS 120 /* a script that takes longer hangs, and is killed by SIGALRM */

enum run_flags {
	/*
	 * The script's ids are those of another run, some of whose lines are gone: wherever a
	 * line's recorded result names another new object or slot than it now gets, later lines are
	 * changed to follow.
	 */
	RUN_REBIND = 1,
};

/*
 * Redoes every operation of script; *ret_got gets the lines that were reached, with the results
 * that were got. The process's wait status, or -errno if it could not be started.
 */
int run_script(const struct script *script, unsigned int flags, struct script *ret_got);

/* Says in words how a process ended that did not exit with 0. */
void run_explain(int status, char *text, size_t room);

#endif
