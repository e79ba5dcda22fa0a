/* SPDX-License-Identifier: MIT */
/*
 * The scripts that are known to differ while the core is unfinished: a file of names, one a line, #
 * starts a comment. A script that starts to pass must be taken off the list, so the list can only
 * shrink.
 */
#ifndef REPLAY_EXPECT_H
#define REPLAY_EXPECT_H

#include <stdbool.h>

/* True if the script's file name is in the list; list may be NULL. Exits with 2 if the list can't
 * be read. */
bool expect_failure(const char *list, const char *path);

#endif
