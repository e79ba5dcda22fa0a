/* SPDX-License-Identifier: MIT */
/*
 * The stand-in for calls to another process: what such calls are made of elsewhere, a datagram there and one back. The other process is a
 * child, on processor 0.
 */
#ifndef UIOMMUFD_BENCH_DATAGRAMS_H
#define UIOMMUFD_BENCH_DATAGRAMS_H

#include <stddef.h>
#include <sys/types.h>

struct datagrams {
	int ends[2]; /* the other's, ours */
	pid_t echo;
};

void datagrams_start(struct datagrams *datagrams);
void datagrams_stop(struct datagrams *datagrams);
/* Nanoseconds for one there and back, in any process that has inherited them. */
double datagrams_exchange(struct datagrams *datagrams, size_t count);

/* This thread runs on one processor from now on; so do its children. */
void run_on(unsigned int cpu);

#endif
