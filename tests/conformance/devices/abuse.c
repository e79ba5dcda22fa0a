/* SPDX-License-Identifier: MIT */
/*
 * What careless and dying programs do to a device: a thousand opens and closes, kills in the middle of DMA, memory that goes away under a running
 * copy. Nothing may crash, hang or be left over; a fault is reported; and what UNMAP or close has taken away is not written to afterwards.
 *
 * Run under `uiommufd run --device ioat`, with the driver of examples/. No test depends on how fast anything is: where a copy ends before what is meant to
 * disturb it, both outcomes are right.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ioat_driver.h"

#define SIZE   (64 << 10)
#define OPENS  1000
#define KILLS  40
#define ROUNDS 200
#define STORM  65535 /* copies: seconds of work */

static char node[PATH_MAX];
static unsigned int passed, failed;

#define must(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			errx(1, "%s:%d: %s (errno %d)", __func__, __LINE__, #condition, errno);    \
	} while (0)

/* Two halves of SIZE that the device sees; the first is full of `fill`. */
struct memory {
	char *at;
	uint64_t iova;
};

static void map(struct ioat *ioat, struct memory *memory, char fill)
{
	memory->at =
		mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(memory->at != MAP_FAILED);
	memset(memory->at, fill, SIZE);
	must(!ioat_map(ioat, memory->at, 2 * SIZE, &memory->iova));
}

static void start(struct ioat *ioat, const struct memory *memory, uint16_t times)
{
	ioat_start(ioat, memory->iova, memory->iova + SIZE, SIZE, times, 0);
}

static bool is_filled(const char *at, char fill)
{
	return *at == fill && !memcmp(at, at + 1, SIZE - 1);
}

/* The whole of it: a device that is well copies. */
static void check_device(char fill)
{
	struct memory memory;
	struct ioat ioat;

	must(!ioat_open(&ioat, node));
	map(&ioat, &memory, fill);
	start(&ioat, &memory, 3);
	must(!ioat_wait(&ioat));
	must(is_filled(memory.at + SIZE, fill));
	ioat_close(&ioat);
	must(!munmap(memory.at, 2 * SIZE));
}

static unsigned int count_lines(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned int lines = 0;
	int c;

	must(file);
	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	return lines;
}

static unsigned int count_descriptors(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 65536; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Every seventh time a copy is left running; the close stops it. */
static void test_opens(void)
{
	unsigned int descriptors = 0, areas = 0;
	struct memory memory;
	struct ioat ioat;

	for (unsigned int i = 0; i < OPENS; i++) {
		must(!ioat_open(&ioat, node));
		map(&ioat, &memory, (char)i);
		start(&ioat, &memory, i % 7 ? 1 : STORM);
		if (i % 7)
			must(!ioat_wait(&ioat));
		ioat_close(&ioat);
		must(!munmap(memory.at, 2 * SIZE));
		if (i == 100) {
			descriptors = count_descriptors();
			areas = count_lines("/proc/self/maps");
		}
	}
	must(count_descriptors() == descriptors);
#ifndef __SANITIZE_ADDRESS__ /* whose allocator keeps what is freed */
	must(count_lines("/proc/self/maps") <= areas + 4);
#else
	(void)areas;
#endif
}

static void test_close_stops_dma(void)
{
	struct memory memory;
	struct ioat ioat;

	for (int i = 0; i < ROUNDS; i++) {
		must(!ioat_open(&ioat, node));
		map(&ioat, &memory, 'a');
		start(&ioat, &memory, STORM);
		if (i & 1)
			usleep((useconds_t)(i * 7 % 50) * 10);
		ioat_close(&ioat);
		memset(memory.at + SIZE, 'z', SIZE);
		sched_yield();
		must(is_filled(memory.at + SIZE, 'z'));
		must(!munmap(memory.at, 2 * SIZE));
	}
}

/* A child has the device to itself, and dies in mid-copy. */
static void test_kills(void)
{
	for (int i = 0; i < KILLS; i++) {
		int pipes[2], status;
		char byte;
		pid_t child;

		must(!pipe(pipes));
		child = fork();
		must(child >= 0);
		if (!child) {
			struct memory memory;
			struct ioat ioat;

			close(pipes[0]);
			must(!ioat_open(&ioat, node));
			map(&ioat, &memory, 'k');
			start(&ioat, &memory, STORM);
			must(write(pipes[1], "", 1) == 1);
			ioat_wait(&ioat);
			for (;;)
				pause();
		}
		close(pipes[1]);
		must(read(pipes[0], &byte, 1) == 1);
		usleep((useconds_t)(i * 37 % 100) * 20);
		must(!kill(child, SIGKILL) && waitpid(child, &status, 0) == child);
		must(WIFSIGNALED(status));
		close(pipes[0]);
		check_device((char)('A' + i % 26));
	}
}

/* A child inherits the open device, maps and unmaps, and dies; the parent's copies are not disturbed. */
static void test_kills_of_heirs(void)
{
	struct memory memory;
	struct ioat ioat;

	must(!ioat_open(&ioat, node));
	map(&ioat, &memory, 'p');
	for (int i = 0; i < KILLS; i++) {
		pid_t child = fork();

		must(child >= 0);
		if (!child)
			for (struct memory own;;) {
				own.at = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
				if (ioat_map(&ioat, own.at, 2 * SIZE, &own.iova) ||
				    ioat_unmap(&ioat, own.iova, 2 * SIZE) ||
				    munmap(own.at, 2 * SIZE))
					_exit(1);
			}
		for (int n = 0; n < 5; n++) {
			memset(memory.at + SIZE, 0, SIZE);
			start(&ioat, &memory, 10);
			must(!ioat_wait(&ioat));
			must(is_filled(memory.at + SIZE, 'p'));
		}
		usleep((useconds_t)(i * 13 % 40) * 50);
		must(!kill(child, SIGKILL) && waitpid(child, NULL, 0) == child);
	}
	ioat_close(&ioat);
	must(!munmap(memory.at, 2 * SIZE));
}

/* After UNMAP nothing is written any more, and the device says that it met a fault. */
static void test_unmap_under_copy(void)
{
	struct memory memory;
	struct ioat ioat;

	must(!ioat_open(&ioat, node));
	for (int i = 0; i < ROUNDS; i++) {
		map(&ioat, &memory, 'u');
		start(&ioat, &memory, STORM);
		if (i % 3)
			usleep((useconds_t)(i * 11 % 30) * 10);
		must(!ioat_unmap(&ioat, memory.iova, 2 * SIZE));
		memset(memory.at + SIZE, 'z', SIZE);
		must(ioat_wait(&ioat) == -EFAULT);
		must(is_filled(memory.at + SIZE, 'z'));
		must(!munmap(memory.at, 2 * SIZE));
	}
	ioat_close(&ioat);
	check_device('v');
}

/* Memory that the program itself unmaps stays what the device was promised, until the IOAS lets go of it. */
static void test_munmap_under_copy(void)
{
	struct memory memory;
	struct ioat ioat;

	must(!ioat_open(&ioat, node));
	for (int i = 0; i < ROUNDS / 4; i++) {
		map(&ioat, &memory, 'm');
		start(&ioat, &memory, 500);
		must(!munmap(memory.at, 2 * SIZE));
		must(!ioat_wait(&ioat));
		start(&ioat, &memory, 1);
		must(!ioat_wait(&ioat));
		must(!ioat_unmap(&ioat, memory.iova, 2 * SIZE));
	}
	ioat_close(&ioat);
	check_device('w');
}

static struct {
	struct ioat ioat;
	atomic_bool stop;
} shared;

static void *map_and_unmap(void *unused)
{
	struct memory memory;

	while (!shared.stop) {
		map(&shared.ioat, &memory, 't');
		must(!ioat_unmap(&shared.ioat, memory.iova, 2 * SIZE));
		must(!munmap(memory.at, 2 * SIZE));
	}
	return unused;
}

/* Copies while other threads change the rest of the address space. */
static void test_maps_beside_copies(void)
{
	struct memory memory;
	pthread_t threads[3];

	must(!ioat_open(&shared.ioat, node));
	map(&shared.ioat, &memory, 's');
	for (int i = 0; i < 3; i++)
		must(!pthread_create(&threads[i], NULL, map_and_unmap, NULL));
	for (int i = 0; i < ROUNDS; i++) {
		memset(memory.at + SIZE, 0, SIZE);
		start(&shared.ioat, &memory, 20);
		must(!ioat_wait(&shared.ioat));
		must(is_filled(memory.at + SIZE, 's'));
	}
	shared.stop = true;
	for (int i = 0; i < 3; i++)
		must(!pthread_join(threads[i], NULL));
	ioat_close(&shared.ioat);
	must(!munmap(memory.at, 2 * SIZE));
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{"a thousand opens and closes", test_opens},
	{"a close stops DMA", test_close_stops_dma},
	{"kills in mid-DMA", test_kills},
	{"kills of who shares the device", test_kills_of_heirs},
	{"UNMAP under a running copy", test_unmap_under_copy},
	{"munmap under a running copy", test_munmap_under_copy},
	{"maps beside copies", test_maps_beside_copies},
};

/* Each in a process of its own: a crash costs one test. */
int main(int argc, char **argv)
{
	must(!ioat_find(node));
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		pid_t child;
		int status;

		if (argc > 1 && strcmp(argv[1], tests[i].name))
			continue;
		fflush(stdout);
		child = fork();
		must(child >= 0);
		if (!child) {
			alarm(120);
			tests[i].run();
			exit(0);
		}
		must(waitpid(child, &status, 0) == child);
		if (status) {
			printf("%s: status %#x\n", tests[i].name, status);
			failed++;
		} else {
			passed++;
		}
	}
	printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed ? 1 : 0;
}
