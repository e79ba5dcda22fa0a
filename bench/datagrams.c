/* SPDX-License-Identifier: MIT */
#include "datagrams.h"

#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define MSG 88 /* bytes: as a request has */

void run_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Sends back what comes, until it is killed. */
void datagrams_start(struct datagrams *datagrams)
{
	char buf[MSG];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, datagrams->ends))
		bench_fail("socketpair");
	datagrams->echo = fork();
	if (datagrams->echo < 0)
		bench_fail("fork");
	if (datagrams->echo)
		return;
	run_on(0);
	while (recv(datagrams->ends[0], buf, MSG, 0) == MSG)
		send(datagrams->ends[0], buf, MSG, 0);
	_exit(0);
}

void datagrams_stop(struct datagrams *datagrams)
{
	kill(datagrams->echo, SIGKILL);
	waitpid(datagrams->echo, NULL, 0);
	close(datagrams->ends[0]);
	close(datagrams->ends[1]);
}

double datagrams_exchange(struct datagrams *datagrams, size_t count)
{
	char buf[MSG] = {0};
	double start = bench_wall();

	for (size_t i = 0; i < count; i++)
		if (send(datagrams->ends[1], buf, MSG, 0) != MSG ||
		    recv(datagrams->ends[1], buf, MSG, 0) != MSG)
			bench_fail("datagram");
	return (bench_wall() - start) / count;
}
