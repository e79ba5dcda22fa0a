/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/inject.h"
#include "frontend/service/identity.h"
#include "frontend/service/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int events(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN | POLLOUT};

	poll(&poll_fd, 1, 0);
	return poll_fd.revents;
}

static int lowest(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static void test_known_again(void **state)
{
	struct identity made, seen;
	struct identity_pair pair;
	int copy;

	assert_int_equal(identity_new("vfio/devices/vfio0", O_RDWR, &made, &pair), 0);
	copy = dup(pair.a);
	assert_int_equal(identity_of(copy, &seen), 0);
	assert_memory_equal(&made, &seen, sizeof(made));
	assert_string_equal(seen.node, "vfio/devices/vfio0");
	assert_int_equal(seen.accmode, O_RDWR);
	assert_int_equal(identity_of(pair.b, &seen), -ENOENT);
	close(copy);
	close(pair.a);
	close(pair.b);
	assert_int_equal(identity_of(pair.a, &seen), -EBADF);
}

static void test_flags(void **state)
{
	static const int flags[] = {O_RDONLY, O_WRONLY | O_NONBLOCK, O_RDWR | O_CLOEXEC};
	struct identity identity;
	int fd;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(identity_open("iommu", flags[i], &fd), 0);
		assert_int_equal(identity_of(fd, &identity), 0);
		assert_int_equal(identity.accmode, flags[i] & O_ACCMODE);
		assert_int_equal(fcntl(fd, F_GETFD), flags[i] & O_CLOEXEC ? FD_CLOEXEC : 0);
		assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, flags[i] & O_NONBLOCK);
		close(fd);
	}
}

static void test_never_equal(void **state)
{
	struct identity one, two;
	int a, b;

	assert_int_equal(identity_open("iommu", O_RDWR, &a), 0);
	assert_int_equal(identity_open("iommu", O_RDWR, &b), 0);
	identity_of(a, &one);
	identity_of(b, &two);
	assert_memory_not_equal(one.id, two.id, sizeof(one.id));
	close(a);
	close(b);
}

/* Ends of newborns are on their way, and Linux counts those of a user without rights. */
static void open_too_many(void *arg)
{
	struct rlimit limit = {.rlim_cur = 64, .rlim_max = 64};
	int fds[8], low = lowest();

	if (setuid(65534))
		_exit(77);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(identity_open("iommu", O_RDWR, &fds[i]), 0);
	/* Two numbers that are free, and fewer than are on their way. */
	close(dup2(fds[0], 60) < 0 ? -1 : fds[0]);
	close(dup2(fds[1], 61) < 0 ? -1 : fds[1]);
	limit.rlim_cur = (rlim_t)low + 2;
	assert_true(low + 2 < 8);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(identity_open("iommu", O_RDWR, &fds[0]), -EMFILE);
	assert_int_equal(lowest(), low);
}

static void test_too_many_on_their_way(void **state)
{
	int status = unit_in_child(open_too_many, NULL);

	if (unit_exited(status, 77))
		skip();
	assert_true(unit_exited(status, 0));
}

static void test_long_names(void **state)
{
	char node[IDENTITY_NODE_MAX + 1] = "";
	struct identity identity;
	int fd, free_number = lowest();

	memset(node, 'n', IDENTITY_NODE_MAX - 1);
	assert_int_equal(identity_open(node, O_RDWR, &fd), 0);
	assert_int_equal(identity_of(fd, &identity), 0);
	assert_string_equal(identity.node, node);
	close(fd);
	node[IDENTITY_NODE_MAX - 1] = 'n';
	assert_int_equal(identity_open(node, O_RDWR, &fd), -ENAMETOOLONG);
	assert_int_equal(lowest(), free_number);
}

/* A socket of somebody else's with this name. */
static int named(const char *name)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	memcpy(addr.sun_path + 1, name, strlen(name));
	assert_int_equal(
		bind(fd, (struct sockaddr *)&addr,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))),
		0);
	return fd;
}

static void test_strangers(void **state)
{
	static const char *const names[] = {
		"uiommufd/",
		"uiommufd/0123456789abcdef0123456789abcdef/b/",
		"uiommufd/0123456789abcdef0123456789abcdeX/b/iommu",
		"uiommufd/0123456789abcdef0123456789abcdef/x/iommu",
		"somebody/0123456789abcdef0123456789abcdef/b/iommu",
	};
	struct identity identity;
	int fds[2], fd;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fd = named(names[i]);
		assert_int_equal(identity_of(fd, &identity), -ENOENT);
		close(fd);
	}
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(identity_of(fds[0], &identity), -ENOENT);
	close(fds[0]);
	close(fds[1]);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(identity_of(fd, &identity), -ENOENT);
	close(fd);
}

static void test_claimed_once(void **state)
{
	int a, b, other;

	assert_int_equal(identity_open("iommu", O_RDWR, &a), 0);
	assert_int_equal(events(a), POLLIN | POLLOUT);
	assert_true(identity_newborn(a));
	assert_true(identity_newborn(a)); /* to look is not to take */
	assert_int_equal(identity_claim(a, &b), 0);
	assert_false(identity_newborn(a));
	assert_int_equal(identity_claim(a, &other), -EAGAIN);
	/* Given back, it can be had again. */
	assert_int_equal(identity_abandon(b), 0);
	assert_int_equal(identity_claim(a, &b), 0);
	close(a);
	assert_true(events(b) & POLLHUP);
	close(b);
}

static void test_unclaimed_leaves_nothing(void **state)
{
	struct identity_pair pair;
	struct identity identity;
	int a, probe[2], free_number = lowest();

	/* A pipe's end rides along with B: it closes when B does. */
	assert_int_equal(pipe(probe), 0);
	assert_int_equal(identity_new("iommu", O_RDWR, &identity, &pair), 0);
	assert_int_equal(wire_send_bytes(pair.a, "x", 1, probe[1]), 0);
	close(probe[1]);
	assert_int_equal(identity_abandon(pair.b), 0);
	a = pair.a;
	assert_int_equal(events(probe[0]), 0);
	close(a);
	assert_true(events(probe[0]) & POLLHUP);
	close(probe[0]);
	assert_int_equal(lowest(), free_number);
}

static void test_marker(void **state)
{
	struct identity_pair pair;
	struct identity identity;

	assert_int_equal(identity_new("iommu", O_RDWR, &identity, &pair), 0);
	assert_int_equal(events(pair.a), POLLOUT);
	assert_false(identity_marked(pair.b));
	assert_int_equal(identity_mark(pair.b), 0);
	assert_true(identity_marked(pair.b));
	assert_int_equal(events(pair.a), POLLIN | POLLOUT);
	assert_false(identity_newborn(pair.a));
	identity_unmark(pair.a);
	assert_false(identity_marked(pair.b));
	assert_int_equal(events(pair.a), POLLOUT);
	identity_unmark(pair.a);
	close(pair.a);
	assert_int_not_equal(identity_mark(pair.b), 0);
	close(pair.b);
}

static void test_filler(void **state)
{
	struct identity_pair pair;
	struct identity identity;
	char data[16];
	int fd = -1;

	assert_int_equal(identity_new("event", O_RDWR, &identity, &pair), 0);
	assert_false(identity_filled(pair.a));
	assert_int_equal(identity_fill(pair.a), 0);
	assert_true(identity_filled(pair.a));
	assert_int_equal(identity_receive(pair.b, data, sizeof(data), &fd), -EAGAIN);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(write(pair.a, "said", 4), 4);
		assert_int_equal(identity_fill(pair.a), 0);
		assert_int_equal(identity_receive(pair.b, data, sizeof(data), &fd), 4);
		assert_memory_equal(data, "said", 4);
		assert_int_equal(identity_receive(pair.b, data, sizeof(data), &fd), -EAGAIN);
		assert_true(identity_filled(pair.a));
	}
	/* Two at once, whose fillers come last. */
	assert_int_equal(write(pair.a, "one", 3), 3);
	assert_int_equal(write(pair.a, "other", 5), 5);
	assert_int_equal(identity_fill(pair.a), 0);
	assert_int_equal(identity_receive(pair.b, data, sizeof(data), &fd), 3);
	assert_int_equal(identity_receive(pair.b, data, sizeof(data), &fd), 5);
	assert_int_equal(identity_receive(pair.b, data, sizeof(data), &fd), -EAGAIN);
	assert_true(identity_filled(pair.a));
	close(pair.a);
	close(pair.b);
}

static void test_every_failure_is_clean(void **state)
{
	int fd, rc, free_number = lowest();
	unsigned int nth = 0;

	do {
		inject_arm(++nth);
		rc = identity_open("iommu", O_RDWR, &fd);
		assert_true(rc == 0 || rc == -ENOMEM);
		assert_int_equal(lowest(), rc ? free_number : fd + 1);
	} while (rc);
	inject_arm(0);
	assert_true(nth > 1);
	close(fd);
}

static void *send_one(void *a)
{
	assert_int_equal(identity_send(*(int *)a, 'A', 0), 0);
	assert_int_equal(identity_fill(*(int *)a), 0);
	return NULL;
}

static bool is_waiting(pid_t tid)
{
	char path[64], text[256] = "";
	const char *state;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	state = strrchr(text, ')');
	return state && state[2] == 'S';
}

static atomic_int sender;

static void *send_two(void *a)
{
	atomic_store(&sender, gettid());
	send_one(a);
	return send_one(a);
}

/* More than there is room for, by one that waits for room: the kernel doesn't say when there is. */
static void test_full(void **state)
{
	struct identity identity;
	struct identity_pair pair;
	pthread_t thread;
	char data[16];
	unsigned int got = 0;
	int fd, rc;

	assert_int_equal(identity_new("iommu", O_RDWR, &identity, &pair), 0);
	assert_int_equal(identity_fill(pair.a), 0);
	/* Until there is room for nothing. */
	while (send(pair.a, "x", 1, MSG_DONTWAIT) == 1)
		got--;
	assert_int_equal(pthread_create(&thread, NULL, send_two, &pair.a), 0);
	while (!atomic_load(&sender) || !is_waiting(atomic_load(&sender)))
		sched_yield();
	alarm(30);
	while (got != 2) {
		fd = -1;
		rc = identity_receive(pair.b, data, sizeof(data), &fd);
		assert_true(rc == 1 || rc == -EAGAIN);
		got += rc == 1;
		if (fd >= 0)
			close(fd);
	}
	pthread_join(thread, NULL);
	alarm(0);
	assert_int_equal(identity_receive(pair.b, data, sizeof(data), &fd), -EAGAIN);
	assert_true(identity_filled(pair.a));
	close(pair.a);
	close(pair.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_again),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_never_equal),
		cmocka_unit_test(test_too_many_on_their_way),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_claimed_once),
		cmocka_unit_test(test_unclaimed_leaves_nothing),
		cmocka_unit_test(test_marker),
		cmocka_unit_test(test_filler),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_every_failure_is_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
