/* SPDX-License-Identifier: MIT */
/* A file of pages whose accesses are trapped, and which remembers them: what is stored goes to memory behind it. */
#ifndef UIOMMUFD_TESTS_RECORDER_H
#define UIOMMUFD_TESTS_RECORDER_H

#include "frontend/mmio/mmio.h"

#define RECORDER_PAGES 2
#define RECORDER_SIZE  (RECORDER_PAGES * 4096u)
#define RECORDS	       256

struct record {
	bool store;
	uint64_t offset, value;
	size_t len;
};

struct recorder {
	struct mmio_target target; /* first */
	char *memory;		   /* what the file has */
	char *map;		   /* the program's trapped view */
	int fd;
	enum file_trap trap;
	bool refuses;
	atomic_uint released;
	atomic_ulong stores, loads, bytes;
	unsigned int n; /* records, of one thread */
	struct record records[RECORDS];
};

/* Maps all of it, with PROT_READ | PROT_WRITE as the program's wish. */
void recorder_init(struct recorder *recorder, enum file_trap trap);
/* Undoes it: afterwards nothing may have a reference. */
void recorder_done(struct recorder *recorder);
void recorder_forget(struct recorder *recorder);

#endif
