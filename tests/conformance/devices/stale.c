/* SPDX-License-Identifier: MIT */
/*
 * A driver whose device copies from memory that was unmapped: with --sanitize=exit or abort (which the argument says) that ends the program, though it is found in
 * another process.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ioat_driver.h"

#define SIZE   4096
#define STATUS 66

static void must(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static void drive(void)
{
	char node[PATH_MAX];
	struct ioat ioat;
	uint64_t iova;
	void *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(memory != MAP_FAILED, "mmap");
	must(!ioat_find(node), "an IOAT");
	must(!ioat_open(&ioat, node), "open");
	must(!ioat_map(&ioat, memory, SIZE, &iova), "map");
	ioat_start(&ioat, iova, iova, 64, 1, 0);
	must(!ioat_wait(&ioat), "a copy");
	must(!ioat_unmap(&ioat, iova, SIZE), "unmap");
	ioat_start(&ioat, iova, iova, 64, 1, 0);
	ioat_wait(&ioat);
}

int main(int argc, char **argv)
{
	const int aborts = argc > 1 && !strcmp(argv[1], "abort");
	int status;
	pid_t pid;

	signal(SIGABRT, SIG_DFL);
	pid = fork();
	if (!pid) {
		drive();
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid, "wait");
	if (aborts ? WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT
		   : WIFEXITED(status) && WEXITSTATUS(status) == STATUS)
		return 0;
	fprintf(stderr, "it ended with %#x\n", status);
	return 1;
}
