/* SPDX-License-Identifier: MIT */
/*
 * frontend/service: ring and channel. Two sides exchange messages that say what they should, with and without a ring, with looking and
 * without, at random paces; the other side's turn is put between any two instructions of who is about to sleep; a side ends in the middle.
 */
#include "unit.h"

#include "base/inject.h"
#include "container/step.h"
#include "frontend/service/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct pair {
	struct channel client, service;
	unsigned int seed, rounds;
};

static void open_pair(struct pair *pair, bool ring, enum spin_mode mode)
{
	int ends[2], memory;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	channel_init(&pair->client, ends[0], RING_CLIENT, mode);
	channel_init(&pair->service, ends[1], RING_SERVICE, mode);
	if (!ring)
		return;
	memory = channel_make_ring(&pair->client);
	assert_true(memory >= 0);
	assert_int_equal(channel_map_ring(&pair->service, memory), 0);
	close(memory);
}

static void close_side(struct channel *channel)
{
	channel_done(channel);
	close(channel->sock);
}

static void dawdle(unsigned int *seed)
{
	int pace = rand_r(seed) % 8;

	for (int i = 0; i < pace - 4; i++)
		sched_yield();
}

static bool by_socket(unsigned int round)
{
	return round % 7 == 3;
}

/* Sends message `value`, now and then with a descriptor. */
static bool say(struct channel *channel, unsigned int value)
{
	struct wire_msg msg = {.op = WIRE_IOCTL, .arg = {value, ~(uint64_t)value}};

	return !channel_send(channel, &msg, by_socket(value) ? channel->sock : -1);
}

static bool hear(struct channel *channel, unsigned int value)
{
	struct wire_msg msg;
	int fd = -1;
	bool right = !channel_recv(channel, &msg, &fd) && msg.arg[0] == value &&
		     msg.arg[1] == ~(uint64_t)value && (fd >= 0) == by_socket(value);

	if (fd >= 0)
		close(fd);
	return right;
}

static void *service_side(void *arg)
{
	struct pair *pair = arg;
	unsigned int seed = pair->seed + 1;
	uintptr_t wrong = 0;

	for (unsigned int i = 0; i < pair->rounds; i++) {
		wrong += !hear(&pair->service, 2 * i);
		dawdle(&seed);
		wrong += !say(&pair->service, 2 * i + 1);
	}
	return (void *)wrong;
}

static void exchange(bool ring, enum spin_mode mode, unsigned int seed, unsigned int rounds)
{
	struct pair pair = {.seed = seed, .rounds = rounds};
	pthread_t thread;
	void *wrong;

	open_pair(&pair, ring, mode);
	/* Else nobody would sleep on the socket. */
	if (seed % 2)
		pair.client.page_ns = pair.service.page_ns = 0;
	if (ring && seed % 3 == 0) {
		/* At one address, so that ThreadSanitizer sees who writes when. */
		channel_done(&pair.service);
		pair.service.ring = pair.client.ring;
	}
	assert_int_equal(pthread_create(&thread, NULL, service_side, &pair), 0);
	for (unsigned int i = 0; i < rounds; i++) {
		dawdle(&seed);
		assert_true(say(&pair.client, 2 * i));
		assert_true(hear(&pair.client, 2 * i + 1));
	}
	pthread_join(thread, &wrong);
	assert_null(wrong);
	if (pair.service.ring == pair.client.ring)
		pair.service.ring = NULL;
	close_side(&pair.client);
	close_side(&pair.service);
}

static void test_exchange(void **state)
{
	for (unsigned int seed = 1; seed <= 5; seed++) {
		exchange(true, SPIN_NEVER, seed, 300);
		exchange(true, SPIN_ALWAYS, seed, 300);
		exchange(true, SPIN_ADAPTIVE, seed, 300);
		exchange(false, SPIN_ADAPTIVE, seed, 50);
	}
}

/* ---- between any two instructions ---- */

struct going_to_sleep {
	struct stepper stepper; /* first */
	struct ring ring;
	enum ring_side side;
	unsigned int stop, word;
	enum ring_sleep wakes;
	bool passed, sleeps;
};

static void pass_at(struct stepper *stepper)
{
	struct going_to_sleep *going = (struct going_to_sleep *)stepper;

	if (stepper->count < going->stop)
		return;
	step_no_more();
	going->passed = true;
	going->wakes = ring_pass(&going->ring, going->side ^ 1);
}

static void go_to_sleep(void *arg)
{
	struct going_to_sleep *going = arg;

	going->sleeps = ring_sleep(&going->ring, going->side, RING_ON_SOCKET, &going->word);
}

/* Who goes to sleep is woken up, or sees that it need not sleep. */
static void test_no_wakeup_is_lost(void **state)
{
	unsigned int woken = 0, awake = 0;

	if (!STEP_POSSIBLE)
		skip();
	for (unsigned int side = RING_CLIENT; side <= RING_SERVICE; side++) {
		struct going_to_sleep going = {.passed = true};

		for (unsigned int stop = 1; going.passed; stop++) {
			going = (struct going_to_sleep){
				.stepper = {.step = pass_at}, .side = side, .stop = stop};
			going.ring.turn = side ^ 1;
			run_stepped(&going.stepper, go_to_sleep, &going);
			if (!going.passed)
				continue;
			assert_int_equal(going.sleeps, going.wakes == RING_ON_SOCKET);
			assert_true(ring_mine(&going.ring, side));
			woken += going.sleeps;
			awake += !going.sleeps;
		}
	}
	assert_true(woken && awake);
}

/* ---- ends ---- */

static void *end_client(void *arg)
{
	sched_yield();
	close_side(arg);
	return NULL;
}

static void test_client_ends(void **state)
{
	for (int mode = SPIN_ADAPTIVE; mode <= SPIN_NEVER; mode++) {
		struct pair pair = {};
		struct wire_msg msg;
		pthread_t thread;

		open_pair(&pair, true, mode);
		pthread_create(&thread, NULL, end_client, &pair.client);
		assert_int_equal(channel_recv(&pair.service, &msg, NULL), -EPIPE);
		pthread_join(thread, NULL);
		close_side(&pair.service);
	}
}

/* Serves one call; gets another one, and is killed in it. */
static pid_t start_mortal(struct pair *pair)
{
	pid_t child = fork();

	if (child)
		return child;
	/* A ring is not for children: as a service does, it maps its own. */
	close(pair->client.sock);
	hear(&pair->service, 0);
	say(&pair->service, 1);
	hear(&pair->service, 2);
	raise(SIGKILL);
	_exit(0);
}

static void test_service_is_killed(void **state)
{
	for (int mode = SPIN_ADAPTIVE; mode <= SPIN_NEVER; mode++) {
		struct pair pair = {};
		struct wire_msg msg;
		pid_t child;

		open_pair(&pair, true, mode);
		madvise(pair.service.ring, RING_BYTES, MADV_DOFORK);
		child = start_mortal(&pair);
		close_side(&pair.service);
		assert_true(say(&pair.client, 0));
		assert_true(hear(&pair.client, 1));
		assert_true(say(&pair.client, 2));
		assert_int_equal(channel_recv(&pair.client, &msg, NULL), -EPIPE);
		close_side(&pair.client);
		assert_int_equal(waitpid(child, NULL, 0), child);
	}
}

/* What it said last counts. */
static void test_last_words(void **state)
{
	struct pair pair = {};

	open_pair(&pair, true, SPIN_NEVER);
	assert_true(say(&pair.client, 2));
	assert_true(hear(&pair.service, 2));
	assert_true(say(&pair.service, 5));
	close_side(&pair.service);
	assert_true(hear(&pair.client, 5));
	close_side(&pair.client);
}

/* Who waits for a reply gets one, though its descriptor can't be sent. */
static void test_reply_without_its_descriptor(void **state)
{
	for (int ring = 0; ring <= 1; ring++) {
		struct wire_msg msg = {.op = WIRE_REPLY};
		struct pair pair = {};
		int fd;

		open_pair(&pair, ring, SPIN_NEVER);
		assert_true(say(&pair.client, 2));
		assert_true(hear(&pair.service, 2));
		inject_arm(1);
		assert_int_equal(channel_reply(&pair.service, &msg, pair.service.sock), 0);
		inject_arm(0);
		assert_int_equal(channel_recv(&pair.client, &msg, &fd), 0);
		assert_int_equal(msg.result, -ENOMEM);
		assert_int_equal(fd, -1);
		close_side(&pair.service);
		close_side(&pair.client);
	}
}

/* ---- memory ---- */

static int memory_of(off_t size, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void refuse(int fd)
{
	struct channel channel;

	channel_init(&channel, -1, RING_SERVICE, SPIN_ADAPTIVE);
	assert_int_equal(channel_map_ring(&channel, fd), -EINVAL);
	assert_null(channel.ring);
	close(fd);
}

/* Memory that a client could take away would kill the service. */
static void test_refuses_memory(void **state)
{
	struct channel channel;
	int fd = memory_of(RING_BYTES, F_SEAL_SHRINK);

	channel_init(&channel, -1, RING_SERVICE, SPIN_ADAPTIVE);
	assert_int_equal(channel_map_ring(&channel, fd), 0);
	channel_done(&channel);
	close(fd);
	refuse(memory_of(RING_BYTES, 0));
	refuse(memory_of(RING_BYTES - 1, F_SEAL_SHRINK));
	refuse(open("/dev/zero", O_RDWR | O_CLOEXEC));
	refuse(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange),
		cmocka_unit_test_setup(test_no_wakeup_is_lost, step_set_handler),
		cmocka_unit_test(test_client_ends),
		cmocka_unit_test(test_service_is_killed),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_reply_without_its_descriptor),
		cmocka_unit_test(test_refuses_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
