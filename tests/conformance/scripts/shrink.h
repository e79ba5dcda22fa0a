/* SPDX-License-Identifier: MIT */
/*
 * Cutting a script that differs down to a short one that still does.
 *
 * Without a reference the recorded results are all the truth there is, and they are true only of
 * the whole script: ids shift when a line that makes an object goes. So a shorter script is kept
 * only if every line before the difference still gives its recorded result and the line that
 * differs still gives the same wrong one. What depends on a line keeps that line in by itself.
 *
 * With a reference, a command that records a script anew on an implementation taken as right, the
 * truth of a candidate is asked for: it is kept if the first difference is still one of the same
 * operation. References follow (RUN_REBIND).
 */
#ifndef REPLAY_SHRINK_H
#define REPLAY_SHRINK_H

#include "script.h"

/*
 * reference: a shell command in which {} stands for a file of the current folder and which prints
 * that file's script with fresh results; NULL for none. Prints the short script; says what it does
 * on stderr. 0; 1 if script does not differ; 2 if the reference fails.
 */
int shrink(const struct script *script, const char *reference);

#endif
