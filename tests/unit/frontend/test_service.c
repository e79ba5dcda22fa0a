/* SPDX-License-Identifier: MIT */
/* A service in the process, without the shim: as an embedder's frontend would use it. Runs under the sanitizers too. */
#include "unit.h"

#include "frontend/tables.h"

#include "base/alloc.h"
#include "base/guard.h"
#include "base/inject.h"
#include "core/client.h"
#include "frontend/service/remote.h"
#include "frontend/service/service.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <string.h>

struct probe {
	struct file file;
	atomic_bool released;
	atomic_bool readable;
	bool unwritable;
	atomic_int asked; /* what CMD_ASK got */
	atomic_bool waiting;
	struct mm *held;
};

#define CMD_ADD	 0x3b00 /* adds 1 to a number of the caller's */
#define CMD_ASK	 0x3b01 /* asks the caller for a descriptor */
#define CMD_HOLD 0x3b02 /* refers to the caller's memory from now on, as a mapping does */
#define CMD_WAIT 0x3b03 /* until `waiting` is false again */

static unsigned int probe_poll(struct file *file)
{
	struct probe *probe = (struct probe *)file;

	return (probe->unwritable ? 0 : EPOLLOUT) | (probe->readable ? EPOLLIN : 0);
}

static long probe_ioctl(struct file *file, struct client *client, unsigned int cmd, uint64_t arg)
{
	struct probe *probe = (struct probe *)file;
	uint64_t number = 0;
	int rc;

	if (cmd == CMD_ASK) {
		rc = client->ops->fd_native(client, (int)arg);
		atomic_store(&probe->asked, rc);
		return rc < 0 ? rc : close(rc);
	}
	if (cmd == CMD_HOLD) {
		probe->held = mm_get(client->mm);
		return 0;
	}
	if (cmd == CMD_WAIT) {
		atomic_store(&probe->waiting, true);
		while (atomic_load(&probe->waiting))
			sched_yield();
		return 0;
	}
	rc = client_read(client, &number, arg, sizeof(number));
	number++;
	return rc ? rc : client_write(client, arg, &number, sizeof(number));
}

static void probe_release(struct file *file)
{
	((struct probe *)file)->released = true;
}

static const struct file_ops probe_ops = {
	.ioctl = probe_ioctl,
	.poll = probe_poll,
	.release = probe_release,
};

static int forgotten;

static void forget(struct service *service, struct endpoint *endpoint)
{
	forgotten++;
}

static void nothing(struct service *service)
{
}

static int descriptor(struct service *service, struct endpoint *endpoint)
{
	return *(int *)service->owner;
}

static void leaving(struct service *service, struct mm *mm)
{
}

static uint64_t gone_len;

static void going(struct service *service, struct mm *mm, uint64_t va, uint64_t len)
{
	gone_len = len;
}

static int place(int fd)
{
	return fd;
}

static void unplace(int fd)
{
	close(fd);
}

static const struct service_hooks hooks = {
	.place = place,
	.unplace = unplace,
	.forget = forget,
	.descriptor = descriptor,
	.moved = nothing,
	.going = going,
	.leaving = leaving,
};

static int owned_fd;

static struct service *start(void)
{
	struct service *service;

	assert_int_equal(service_new(&hooks, &owned_fd, &service), 0);
	assert_int_equal(service_start(service), 0);
	assert_int_equal(service_start(service), 0);
	return service;
}

static int readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLIN;
}

static void test_last_close(void **state)
{
	struct service *service = start();
	struct probe probe = {};
	struct endpoint *endpoint;
	struct identity identity;
	int fd, copy;

	file_init(&probe.file, &probe_ops);
	assert_int_equal(service_install(service, &probe.file, &fd, &endpoint), 0);
	assert_int_equal(identity_of(fd, &identity), 0);
	assert_ptr_equal(service_find(service, identity.id), endpoint);
	endpoint_put(endpoint);
	copy = dup(fd);
	close(fd);
	service_closed(service, identity.id);
	assert_false(probe.released);
	/* A call in flight keeps the file. */
	assert_true(endpoint_get(endpoint));
	close(copy);
	service_closed(service, identity.id);
	assert_false(probe.released);
	assert_null(service_find(service, identity.id));
	assert_int_equal(forgotten, 1);
	endpoint_put(endpoint);
	assert_true(probe.released);
	assert_false(endpoint_get(endpoint));
}

static void test_claim(void **state)
{
	struct service *service = start();
	struct probe probe = {};
	struct identity identity;
	int fd;

	file_init(&probe.file, &probe_ops);
	assert_int_equal(identity_open("iommu", O_RDWR, &fd), 0);
	assert_int_equal(identity_of(fd, &identity), 0);
	assert_int_equal(service_claim(service, fd, &identity, &probe.file), 0);
	assert_int_equal(service_claim(service, fd, &identity, &probe.file), -EAGAIN);
	close(fd);
	service_catch_up(service);
	assert_true(probe.released);
	assert_int_equal(service_served(service), 0);
}

static void test_readiness(void **state)
{
	struct service *service = start();
	struct probe probe = {};
	struct endpoint *endpoint;

	file_init(&probe.file, &probe_ops);
	assert_int_equal(service_install(service, &probe.file, &owned_fd, &endpoint), 0);
	for (int i = 0; i < 3; i++) {
		assert_false(readable(owned_fd));
		probe.readable = true;
		file_changed(&probe.file);
		file_changed(&probe.file);
		assert_true(readable(owned_fd));
		probe.readable = false;
		file_changed(&probe.file);
	}
	close(owned_fd);
	service_catch_up(service);
	assert_true(probe.released);
}

static int writable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLOUT;
}

static const struct remote_ops remote_ops = {.place = place, .unplace = unplace};

/* What another process does; that it is the same one makes no difference to the service. */
static void test_remote_call(void **state)
{
	struct service *service = start();
	struct probe probe = {};
	struct endpoint *endpoint;
	struct remote_host *host, *again;
	struct remotes remotes = {};
	struct identity identity;
	uint64_t number = 5;
	int fd;

	file_init(&probe.file, &probe_ops);
	assert_int_equal(service_install(service, &probe.file, &fd, &endpoint), 0);
	identity_of(fd, &identity);
	assert_int_equal(guard_init(NULL), 0);
	remotes_init(&remotes, &remote_ops);
	assert_int_equal(remote_attach(&remotes, fd, &host), 0);
	assert_int_equal(remote_attach(&remotes, fd, &again), 0);
	assert_ptr_equal(host, again);
	for (int i = 0; i < 3; i++) {
		struct wire_msg msg = {
			.op = WIRE_IOCTL,
			.id = {identity.id[0], identity.id[1]},
			.arg = {0x3b00, (uintptr_t)&number},
		};

		assert_int_equal(remote_call(&remotes, host, fd, &msg, NULL), 0);
	}
	assert_int_equal(number, 8);
	struct wire_msg bad = {
		.op = WIRE_IOCTL, .id = {identity.id[0], identity.id[1]}, .arg = {0x3b00, 1}};
	assert_int_equal(remote_call(&remotes, host, fd, &bad, NULL), -EFAULT);
	struct wire_msg closed = {.op = WIRE_CLOSED, .id = {identity.id[0], identity.id[1]}};
	close(fd);
	assert_int_equal(remote_call(&remotes, host, -1, &closed, NULL), 0);
	assert_true(probe.released);
	remotes_done(&remotes);
}

/* A window as no client of ours makes it: what of it can't be believed is not looked at, and the service goes on. */
static void call_with_window(struct channel *channel, const struct identity *identity,
			     const struct client_window *window)
{
	struct wire_msg msg = {
		.op = WIRE_IOCTL,
		.flags = WIRE_WINDOW,
		.id = {identity->id[0], identity->id[1]},
		.arg = {CMD_ADD, window->at},
	};

	channel->ring->window = *window;
	assert_int_equal(channel_send(channel, &msg, -1), 0);
	assert_int_equal(channel_recv(channel, &msg, NULL), 0);
	assert_int_equal(msg.op, WIRE_REPLY);
}

static void test_hostile_window(void **state)
{
	struct service *service = start();
	struct probe probe = {};
	struct endpoint *endpoint;
	struct remotes remotes = {};
	struct remote_host *host;
	struct identity identity;
	struct channel *channel;
	uint64_t number = 1;
	int fd;
	const uint64_t at = (uintptr_t)&number;
	const struct client_window windows[] = {
		{.at = at, .len = 0, .dirty_first = 0, .dirty_end = 1u << 30},
		{.at = at, .len = UINT32_MAX, .dirty_first = 1u << 30, .dirty_end = 1u << 31},
		{.at = at, .len = CLIENT_WINDOW_MAX, .dirty_first = 300, .dirty_end = UINT32_MAX},
		{.at = UINT64_MAX, .len = CLIENT_WINDOW_MAX, .writable = 1},
		{.at = at, .len = 8, .writable = 2, .dirty_first = 9, .dirty_end = 5},
	};

	file_init(&probe.file, &probe_ops);
	assert_int_equal(service_install(service, &probe.file, &fd, &endpoint), 0);
	identity_of(fd, &identity);
	assert_int_equal(guard_init(NULL), 0);
	remotes_init(&remotes, &remote_ops);
	assert_int_equal(remote_attach(&remotes, fd, &host), 0);
	channel = &LIST_FIRST(&remotes.links)->channel;
	assert_non_null(channel->ring);
	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++)
		call_with_window(channel, &identity, &windows[i]);
	close(fd);
	remotes_done(&remotes);
	service_catch_up(service);
	assert_true(probe.released);
}

/* A file that can't be written never looks writable, however many have attached to it. */
static void test_unwritable(void **state)
{
	struct service *service = start();
	struct probe probe = {.unwritable = true};
	struct endpoint *endpoint;
	struct remote_host *host;
	struct remotes remotes = {};
	int fd;

	file_init(&probe.file, &probe_ops);
	assert_int_equal(service_install(service, &probe.file, &fd, &endpoint), 0);
	assert_false(writable(fd));
	remotes_init(&remotes, &remote_ops);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(remote_attach(&remotes, fd, &host), 0);
		assert_false(writable(fd));
		assert_false(readable(fd));
	}
	close(fd);
	remotes_done(&remotes);
	service_catch_up(service);
	assert_true(probe.released);
}

#define THREADS 4
#define CALLS	200

struct caller {
	struct remotes *remotes;
	struct remote_host *host;
	struct identity identity;
	int fd;
};

static int64_t call(const struct caller *caller, unsigned int cmd, uint64_t arg)
{
	struct wire_msg msg = {
		.op = WIRE_IOCTL,
		.id = {caller->identity.id[0], caller->identity.id[1]},
		.arg = {cmd, arg},
	};

	return remote_call(caller->remotes, caller->host, caller->fd, &msg, NULL);
}

/* A number that passes for its own size, so it comes in a window; below its window, and so partly outside; and without one. */
static void *call_often(void *arg)
{
	uint64_t inside = 8, partly = 5, without = (uint64_t)1 << 32;
	uintptr_t wrong = 0;

	for (unsigned int i = 0; i < CALLS; i++) {
		wrong += call(arg, CMD_ADD, (uintptr_t)&inside) != 0;
		wrong += call(arg, CMD_ADD, (uintptr_t)&partly) != 0;
		wrong += call(arg, CMD_ADD, (uintptr_t)&without) != 0;
		if (i % 10 == 0)
			wrong += call(arg, CMD_ASK, 0) != 0;
	}
	wrong += inside != 8 + CALLS || partly != 5 + CALLS ||
		 without != ((uint64_t)1 << 32) + CALLS;
	return (void *)wrong;
}

static int standard_input(int fd)
{
	return fd;
}

static const struct remote_ops answering_ops = {
	.place = place, .unplace = unplace, .fd_native = standard_input};

static void call_from_threads(enum spin_mode mode)
{
	struct service *service;
	struct probe probe = {};
	struct endpoint *endpoint;
	struct remotes remotes = {.mode = mode};
	struct caller caller = {.remotes = &remotes};
	pthread_t threads[THREADS];
	void *wrong;

	service = start();
	service->mode = mode;
	file_init(&probe.file, &probe_ops);
	assert_int_equal(service_install(service, &probe.file, &caller.fd, &endpoint), 0);
	identity_of(caller.fd, &caller.identity);
	assert_int_equal(guard_init(NULL), 0);
	remotes_init(&remotes, &answering_ops);
	assert_int_equal(remote_attach(&remotes, caller.fd, &caller.host), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, call_often, &caller), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	close(caller.fd);
	remotes_done(&remotes);
	service_catch_up(service);
	assert_true(probe.released);
}

static void test_threads_call(void **state)
{
	call_from_threads(SPIN_NEVER);
	call_from_threads(SPIN_ALWAYS);
	call_from_threads(SPIN_ADAPTIVE);
}

/* ---- a service by hand: it asks once in the middle of a call ---- */

struct by_hand {
	int b;
	bool replies;
	struct wire_msg answer; /* what it got */
};

/* The end of a connection that somebody attaches by. */
static int accept_by_hand(int b)
{
	struct pollfd poll_b = {.fd = b, .events = POLLIN};
	int sock = -1;
	char byte;

	return poll(&poll_b, 1, -1) == 1 && identity_receive(b, &byte, 1, &sock) == 1 ? sock : -1;
}

/* There is no ring. */
static bool greet_by_hand(int sock)
{
	struct wire_msg msg;
	int memory;

	if (wire_recv(sock, &msg, &memory))
		return false;
	if (memory >= 0)
		close(memory);
	msg = (struct wire_msg){.op = WIRE_REPLY, .id = {1, 2}, .result = getpid()};
	return !wire_send(sock, &msg, -1);
}

static void *serve_by_hand(void *arg)
{
	struct by_hand *service = arg;
	struct wire_msg msg = {}, ask = {.op = WIRE_FD_NATIVE};
	int kept = accept_by_hand(service->b), sock, fd = -1;

	greet_by_hand(kept);
	sock = accept_by_hand(service->b);
	if (greet_by_hand(sock) && !wire_recv(sock, &msg, NULL) && !wire_send(sock, &ask, -1))
		wire_recv(sock, &service->answer, &fd);
	msg = (struct wire_msg){.op = WIRE_REPLY, .result = 7};
	if (service->replies)
		wire_send(sock, &msg, -1);
	if (fd >= 0)
		close(fd);
	close(sock);
	close(kept);
	return NULL;
}

static int no_descriptor(int fd)
{
	return 1 << 29;
}

static const struct remote_ops unable_ops = {
	.place = place, .unplace = unplace, .fd_native = no_descriptor};

static int64_t call_by_hand(struct by_hand *service, const struct remote_ops *ops)
{
	struct remotes remotes = {};
	struct caller caller = {.remotes = &remotes};
	struct identity_pair pair;
	pthread_t thread;
	int64_t result;

	assert_int_equal(identity_new("iommu", O_RDWR, &caller.identity, &pair), 0);
	caller.fd = pair.a;
	service->b = pair.b;
	assert_int_equal(guard_init(NULL), 0);
	remotes_init(&remotes, ops);
	assert_int_equal(pthread_create(&thread, NULL, serve_by_hand, service), 0);
	assert_int_equal(remote_attach(&remotes, caller.fd, &caller.host), 0);
	result = call(&caller, CMD_ASK, 0);
	pthread_join(thread, NULL);
	remotes_done(&remotes);
	close(pair.a);
	close(pair.b);
	return result;
}

/* The caller is told so, and not what its answer was. */
static void test_service_ends_after_it_has_asked(void **state)
{
	struct by_hand service = {};

	assert_int_equal(call_by_hand(&service, &answering_ops), -EIO);
	assert_int_equal(service.answer.op, WIRE_REPLY);
}

/* A descriptor that the program has closed in another thread meanwhile: the service hears why it gets none, and the call goes on. */
static void test_answer_without_its_descriptor(void **state)
{
	struct by_hand service = {.replies = true};

	assert_int_equal(call_by_hand(&service, &unable_ops), 7);
	assert_int_equal(service.answer.result, -EBADF);
}

/* ---- what has to be told while all connections are in use ---- */

static void *call_for_long(void *arg)
{
	return (void *)(uintptr_t)call(arg, CMD_WAIT, 0);
}

static void test_told_during_a_call(void **state)
{
	struct service *service = start();
	struct probe probe = {};
	struct endpoint *endpoint;
	struct remotes remotes = {};
	struct caller caller = {.remotes = &remotes};
	pthread_t thread;

	file_init(&probe.file, &probe_ops);
	assert_int_equal(service_install(service, &probe.file, &caller.fd, &endpoint), 0);
	identity_of(caller.fd, &caller.identity);
	assert_int_equal(guard_init(NULL), 0);
	remotes_init(&remotes, &remote_ops);
	assert_int_equal(remote_attach(&remotes, caller.fd, &caller.host), 0);
	assert_int_equal(call(&caller, CMD_HOLD, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, call_for_long, &caller), 0);
	while (!atomic_load(&probe.waiting))
		sched_yield();
	remotes_going(&remotes, 0x1000, 0x2000);
	assert_int_equal(gone_len, 0x2000);
	atomic_store(&probe.waiting, false);
	pthread_join(thread, NULL);
	mm_put(probe.held);
	close(caller.fd);
	remotes_done(&remotes);
	service_catch_up(service);
	assert_true(probe.released);
}

static int die(int fd)
{
	raise(SIGKILL);
	return fd;
}

static const struct remote_ops dying_ops = {.place = place, .unplace = unplace, .fd_native = die};

static void attach_and_die(void *arg)
{
	struct remotes remotes = {.mode = *(enum spin_mode *)arg};
	struct caller caller = {.remotes = &remotes, .fd = owned_fd};

	identity_of(caller.fd, &caller.identity);
	if (guard_init(NULL))
		_exit(1);
	remotes_init(&remotes, &dying_ops);
	if (!remote_attach(&remotes, caller.fd, &caller.host))
		call(&caller, CMD_ASK, 0);
}

/* It is asked something in the middle of its call, and is no more. */
static void test_client_is_killed(void **state)
{
	for (enum spin_mode mode = SPIN_ADAPTIVE; mode <= SPIN_NEVER; mode++) {
		struct service *service = start();
		struct probe probe = {};
		struct endpoint *endpoint;

		service->mode = mode;
		file_init(&probe.file, &probe_ops);
		assert_int_equal(service_install(service, &probe.file, &owned_fd, &endpoint), 0);
		assert_true(unit_died_of(unit_in_child(attach_and_die, &mode), SIGKILL));
		while (!atomic_load(&probe.asked))
			sched_yield();
		assert_int_equal(probe.asked, -EPIPE);
		close(owned_fd);
		while (!atomic_load(&probe.released))
			service_catch_up(service);
	}
}

/* ---- a service that is killed ---- */

static int native(struct client *client, int fd)
{
	return dup(fd);
}

static void count(void *arg)
{
	atomic_fetch_add((atomic_uint *)arg, 1);
}

/* What its threads watched can be given back: a wait for one that no longer lives would have no end. */
static void test_service_is_killed(void **state)
{
	static const struct client_ops ops = {.fd_native = native};
	struct service *service = start();
	struct machine_host *host = &service->host;
	struct client client = {.ops = &ops};
	struct host_event *event;
	static atomic_uint fired;
	int fd = eventfd(0, EFD_CLOEXEC);

	if (service->in_program) /* with the sanitizers: there is no process to kill */
		skip();
	assert_int_equal(host->ops->event_take(host, &client, fd, &event), 0);
	assert_int_equal(host->ops->event_watch(host, event, count, &fired), 0);
	eventfd_write(fd, 1);
	while (!atomic_load(&fired))
		sched_yield();
	assert_int_equal(kill(service->pid, SIGKILL), 0);
	alarm(20);
	host->ops->event_put(host, event);
	alarm(0);
	assert_int_equal(host->ops->event_take(host, &client, fd, &event), -EIO);
	close(fd);
}

/* ---- a thread that was cancelled ---- */

struct cancelled {
	struct service *service;
	struct probe *probe;
	struct endpoint *endpoint;
	struct caller caller;
	atomic_bool through;
};

static void *call_cancelled(void *arg)
{
	struct cancelled *all = arg;
	uint64_t number = 1;

	pthread_cancel(pthread_self());
	if (!service_install(all->service, &all->probe->file, &all->caller.fd, &all->endpoint) &&
	    !identity_of(all->caller.fd, &all->caller.identity) &&
	    !remote_attach(all->caller.remotes, all->caller.fd, &all->caller.host) &&
	    !call(&all->caller, CMD_ADD, (uintptr_t)&number))
		atomic_store(&all->through, number == 2);
	pthread_testcancel();
	return NULL;
}

/* In Linux an ioctl is no cancellation point: it is not left with locks held. */
static void test_no_cancellation_point(void **state)
{
	struct probe probe = {};
	struct remotes remotes = {};
	struct cancelled all = {
		.service = start(), .probe = &probe, .caller = {.remotes = &remotes}};
	pthread_t thread;
	void *end;

	if (all.service
		    ->in_program) /* AddressSanitizer does not survive a thread that is cancelled */
		skip();
	file_init(&probe.file, &probe_ops);
	assert_int_equal(guard_init(NULL), 0);
	remotes_init(&remotes, &remote_ops);
	assert_int_equal(pthread_create(&thread, NULL, call_cancelled, &all), 0);
	pthread_join(thread, &end);
	assert_ptr_equal(end, PTHREAD_CANCELED);
	assert_true(all.through);
	close(all.caller.fd);
	remotes_done(&remotes);
	service_catch_up(all.service);
	assert_true(probe.released);
}

/* ---- failures ---- */

static void start_without_descriptors(void *arg)
{
	struct rlimit limit;
	struct service *service;

	close_range(3, ~0u, 0);
	/* Two for the link; the service needs one more. */
	limit.rlim_cur = limit.rlim_max = 5;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(service_new(&hooks, &owned_fd, &service), 0);
	assert_int_equal(service_start(service), -EMFILE);
	_exit(service->link == -1 ? 0 : 1);
}

static void test_start_fails(void **state)
{
	assert_true(unit_exited(unit_in_child(start_without_descriptors, NULL), 0));
}

static void test_every_failure_is_clean(void **state)
{
	struct service *service = start();
	struct probe probe = {};
	struct endpoint *endpoint;
	unsigned int nth = 0;
	int fd, rc, before = dup(0);

	close(before);
	file_init(&probe.file, &probe_ops);
	do {
		inject_arm(++nth);
		rc = service_install(service, &probe.file, &fd, &endpoint);
		assert_false(probe.released);
		if (rc) {
			assert_int_equal(rc, -ENOMEM);
			assert_int_equal(service_served(service), 0);
			assert_int_equal(probe.file.refs, 1);
		}
	} while (rc);
	inject_arm(0);
	assert_int_equal(fd, before);
	close(fd);
	service_catch_up(service);
	assert_true(probe.released);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_close),
		cmocka_unit_test(test_claim),
		cmocka_unit_test(test_readiness),
		cmocka_unit_test(test_remote_call),
		cmocka_unit_test(test_hostile_window),
		cmocka_unit_test(test_unwritable),
		cmocka_unit_test(test_threads_call),
		cmocka_unit_test(test_service_ends_after_it_has_asked),
		cmocka_unit_test(test_answer_without_its_descriptor),
		cmocka_unit_test(test_told_during_a_call),
		cmocka_unit_test(test_client_is_killed),
		cmocka_unit_test(test_service_is_killed),
		cmocka_unit_test(test_no_cancellation_point),
		cmocka_unit_test(test_start_fails),
		cmocka_unit_test(test_every_failure_is_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
