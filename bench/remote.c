/* SPDX-License-Identifier: MIT */
/*
 * Calls of one process on a context that lives in another, which gave it the descriptor. Both on one processor, and each on its own. The stand-in
 * is what such calls are made of elsewhere: a datagram there and one back, between two processes in the same places.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>

#include "bench.h"
#include "datagrams.h"

struct setting {
	int iommu;
	struct datagrams datagrams;
	unsigned int cpu; /* of the caller */
	size_t count;
	double *answer; /* shared */
};

/* In the child, so that the file is another process's. */
static double calls(struct setting *s)
{
	struct iommu_option cmd = {.size = sizeof(cmd),
				   .option_id = IOMMU_OPTION_RLIMIT_MODE,
				   .op = IOMMU_OPTION_OP_GET};
	double start;

	for (int i = 0; i < 3; i++) /* connects */
		if (ioctl(s->iommu, IOMMU_OPTION, &cmd))
			bench_fail("ioctl");
	start = bench_wall();
	for (size_t i = 0; i < s->count; i++)
		if (ioctl(s->iommu, IOMMU_OPTION, &cmd))
			bench_fail("ioctl");
	return (bench_wall() - start) / s->count;
}

static double datagrams(struct setting *s)
{
	return datagrams_exchange(&s->datagrams, s->count);
}

static double in_child(struct setting *s, double (*work)(struct setting *))
{
	pid_t child = fork();
	int status;

	if (child < 0)
		bench_fail("fork");
	if (!child) {
		run_on(s->cpu);
		*s->answer = work(s);
		_exit(0);
	}
	if (waitpid(child, &status, 0) != child || status)
		bench_fail("the calling process");
	return *s->answer;
}

static double calls_once(void *arg)
{
	return in_child(arg, calls);
}

static double datagrams_once(void *arg)
{
	return in_child(arg, datagrams);
}

/* ---- the host ---- */

static void send_file(int end, int file)
{
	char space[CMSG_SPACE(sizeof(file))] = {0}, byte = 0;
	struct iovec data = {&byte, 1};
	struct msghdr msg = {.msg_iov = &data,
			     .msg_iovlen = 1,
			     .msg_control = space,
			     .msg_controllen = sizeof(space)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(file));
	memcpy(CMSG_DATA(head), &file, sizeof(file));
	if (sendmsg(end, &msg, 0) != 1)
		bench_fail("sendmsg");
}

static int receive_file(int end)
{
	char space[CMSG_SPACE(sizeof(int))], byte;
	struct iovec data = {&byte, 1};
	struct msghdr msg = {.msg_iov = &data,
			     .msg_iovlen = 1,
			     .msg_control = space,
			     .msg_controllen = sizeof(space)};
	int file;

	if (recvmsg(end, &msg, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&msg))
		bench_fail("the host");
	memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(file));
	return file;
}

/*
 * The process whose context it is, on processor 0, until it is killed. One of its own: what serves the contexts of this process, if earlier
 * groups have opened one, runs anywhere.
 */
static pid_t start_host(struct setting *s)
{
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	pid_t child;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		bench_fail("socketpair");
	child = fork();
	if (!child) {
		run_on(0); /* so is what serves */
		s->iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
		if (s->iommu < 0 || ioctl(s->iommu, IOMMU_IOAS_ALLOC, &ioas))
			bench_fail("/dev/iommu");
		send_file(ends[1], s->iommu);
		for (;;)
			pause();
	}
	close(ends[1]);
	s->iommu = receive_file(ends[0]);
	close(ends[0]);
	return child;
}

static void row(const char *name, struct setting s, double goal)
{
	struct bench_work ours = {"ioctl", calls_once, &s, .goal = goal};
	struct bench_work standin = {"datagrams", datagrams_once, &s};

	datagrams_start(&s.datagrams);
	bench_row(name, 0, &ours, &standin);
	datagrams_stop(&s.datagrams);
}

void bench_remote(void)
{
	struct setting s = {.count = bench_count(2000)};
	cpu_set_t all;
	pid_t host;

	sched_getaffinity(0, sizeof(all), &all);
	s.answer = mmap(NULL, sizeof(*s.answer), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (s.answer == MAP_FAILED)
		bench_fail("mmap");
	host = start_host(&s);
	row("call to another process, one processor", s, 5000);
	s.cpu = 1;
	if (CPU_ISSET(1, &all))
		row("call to another process, across", s, 1000);
	close(s.iommu);
	kill(host, SIGKILL);
	waitpid(host, NULL, 0);
	munmap(s.answer, sizeof(*s.answer));
}
