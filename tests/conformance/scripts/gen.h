/* SPDX-License-Identifier: MIT */
/*
 * Making new scripts: random operations that are likely to mean something, because the generator
 * keeps a picture of the objects that the results told of. It runs on the implementation that it
 * asks, so what it prints is a recorded script.
 */
#ifndef REPLAY_GEN_H
#define REPLAY_GEN_H

#include <stdint.h>

/* Prints a script of `count` operations behind a prologue; the same seed and topic give the same
 * questions. 0 or 2. */
int gen_script(const char *topic, uint64_t seed, int count);

#endif
