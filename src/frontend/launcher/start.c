/* SPDX-License-Identifier: MIT */
/*
 * The three processes, and what goes between them: the supervisor reports to the waiter what becomes of the program; program and supervisor say
 * twice that they are ready.
 */
#include "frontend/launcher/launcher.h"

#include "frontend/launcher/filter.h"
#include "frontend/launcher/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Between program and supervisor, and to the waiter. */
struct report {
	enum { REPORT_FAILED, REPORT_PROGRAM, REPORT_STATUS, REPORT_LISTENER } what;
	int value;  /* -errno, a pid, what wait() gave, or a number */
	bool final; /* nothing is left, and the supervisor ends */
	char step[64];
};

static void tell(int sock, const struct report *report)
{
	(void)!send(sock, report, sizeof(*report), MSG_NOSIGNAL);
}

static bool hear(int sock, struct report *ret_report)
{
	ssize_t n;

	do {
		n = recv(sock, ret_report, sizeof(*ret_report), 0);
	} while (n < 0 && errno == EINTR);
	return n == sizeof(*ret_report);
}

static int pair(int ret_fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) ? -errno : 0;
}

/* ---- the program, until it executes ---- */

/* 0: the supervisor has the listener and serves. Else it has said why not, and this process is not needed. */
static int be_program(int sock, const sigset_t *mask)
{
	struct report report = {REPORT_LISTENER};
	int listener, rc = filter_install(&listener);

	report.value = rc ? rc : listener;
	tell(sock, &report);
	if (rc || !hear(sock, &report))
		_exit(127);
	close(sock);
	close(listener);
	sigprocmask(SIG_SETMASK, mask, NULL);
	return 0;
}

/* ---- the supervisor ---- */

struct watch {
	struct supervisor supervisor;
	int waiter; /* the socket to it */
	int signals, epoll;
	pid_t program;
};

static __attribute__((noreturn)) void give_up(const struct watch *watch, int error,
					      const char *step)
{
	struct report report = {REPORT_FAILED, error};

	strncpy(report.step, step, sizeof(report.step) - 1);
	tell(watch->waiter, &report);
	_exit(127);
}

static void add(struct watch *watch, int fd, unsigned int events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	epoll_ctl(watch->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Who waits for the end of the program's input or output must not wait for us. */
static void drop_stream(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	dup2(null, fd);
	close(null);
}

static bool nothing_left(struct watch *watch)
{
	struct pollfd listener = {.fd = watch->supervisor.listener};

	if (poll(&listener, 1, 0) != 1)
		return false;
	service_here_settle(watch->supervisor.service);
	return !service_served(watch->supervisor.service);
}

/* Children: the program, and orphans of its, for we are who they come to. */
static void reap(struct watch *watch, int options)
{
	struct signalfd_siginfo info;
	struct report report = {REPORT_STATUS};
	pid_t pid;

	(void)!read(watch->signals, &info, sizeof(info));
	while ((pid = waitpid(-1, &report.value, options)) > 0) {
		if (pid != watch->program)
			continue;
		if (WIFEXITED(report.value) || WIFSIGNALED(report.value)) {
			watch->program = -1;
			report.final = nothing_left(watch);
			drop_stream(STDERR_FILENO);
		}
		tell(watch->waiter, &report);
	}
	targets_collect(&watch->supervisor);
}

static void watch_event(struct watch *watch, int fd)
{
	if (fd == watch->signals)
		reap(watch, WNOHANG | WUNTRACED | WCONTINUED);
	if (fd != watch->waiter)
		return;
	/* Who killed the waiter wanted to kill the program. */
	epoll_ctl(watch->epoll, EPOLL_CTL_DEL, fd, NULL);
	if (watch->program > 0)
		kill(watch->program, SIGKILL);
}

/* Until the listener hangs up: nobody with the filter is left. */
static void watch_run(struct watch *watch)
{
	struct epoll_event event;

	for (;;) {
		if (epoll_wait(watch->epoll, &event, 1, -1) != 1)
			continue;
		if (event.data.fd == watch->supervisor.listener)
			break;
		watch_event(watch, event.data.fd);
	}
	/* Since Linux 6.11 a process leaves its filter before it has ended: there is nobody who doesn't end now. */
	reap(watch, 0);
}

/* The listener is the program's own; to take it shows, too, that descriptors of the program's can be had. */
static int take_listener(struct watch *watch, int sock, const char **ret_step)
{
	struct report report;
	int pidfd, listener;

	*ret_step = "the program's process has ended";
	if (!hear(sock, &report))
		return -ESRCH;
	*ret_step = "system calls can't be handed on to another process";
	if (report.value < 0)
		return report.value;
	*ret_step = "descriptors of another process can't be had";
	pidfd = (int)syscall(SYS_pidfd_open, watch->program, 0);
	listener = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, report.value, 0);
	if (listener < 0)
		return -errno;
	close(pidfd);
	return listener;
}

/* What the shell had open for the program is the program's. */
static void close_others(int a, int b)
{
	unsigned int low = (unsigned int)(a < b ? a : b), high = (unsigned int)(a < b ? b : a);

	close_range(STDERR_FILENO + 1, low - 1, 0);
	close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0u, 0);
}

static __attribute__((noreturn)) void be_supervisor(struct watch *watch, int sock)
{
	struct report report = {REPORT_PROGRAM, watch->program};
	sigset_t children, faults;
	const char *step;
	int listener, rc;

	close_others(watch->waiter, sock);
	listener = take_listener(watch, sock, &step);
	if (listener < 0)
		give_up(watch, listener, step);
	setsid();
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	prctl(PR_SET_NAME, "uiommufd");
	sigemptyset(&faults);
	sigaddset(&faults, SIGSEGV);
	sigaddset(&faults, SIGBUS);
	sigprocmask(SIG_UNBLOCK, &faults, NULL);
	drop_stream(STDIN_FILENO);
	drop_stream(STDOUT_FILENO);
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	watch->signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	watch->epoll = epoll_create1(EPOLL_CLOEXEC);
	rc = supervisor_start(&watch->supervisor, listener);
	if (rc)
		give_up(watch, rc, "threads can't be started");
	add(watch, watch->signals, EPOLLIN);
	add(watch, watch->waiter, 0);
	add(watch, listener, 0);
	tell(watch->waiter, &report);
	tell(sock, &report);
	close(sock);
	watch_run(watch);
	supervisor_end(&watch->supervisor);
	for (;;)
		pause();
}

/* In the supervisor-to-be, with one thread; comes back in the program. */
static int supervise(struct watch *watch, const struct config *config, const sigset_t *mask)
{
	const char *step;
	int ends[2], rc = supervisor_init(&watch->supervisor, config, &step);

	if (rc)
		give_up(watch, rc, step);
	rc = pair(ends);
	if (rc)
		give_up(watch, rc, "a socket can't be made");
	watch->program = fork();
	if (watch->program < 0)
		give_up(watch, -errno, "a process can't be made");
	if (!watch->program) {
		close(ends[0]);
		close(watch->waiter);
		return be_program(ends[1], mask);
	}
	close(ends[1]);
	be_supervisor(watch, ends[0]);
}

/* ---- the waiter ---- */

static __attribute__((noreturn)) void end_as(int status)
{
	const struct rlimit none = {};
	sigset_t all;

	if (!WIFSIGNALED(status))
		_exit(WEXITSTATUS(status));
	/* The program has left the core file that it was to leave. */
	setrlimit(RLIMIT_CORE, &none);
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	sigfillset(&all);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	_exit(128 + WTERMSIG(status));
}

/* What the terminal sends goes to the program as well as to us; what somebody sends to us is meant for it. */
static void hand_on(int signals, pid_t program)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info) || info.ssi_signo == SIGCHLD ||
	    info.ssi_code > 0)
		return;
	kill(program, (int)info.ssi_signo);
}

/* The program was stopped: who waits for us is to see it. Whoever continues us, continues it. */
static void stop_too(pid_t program)
{
	raise(SIGSTOP);
	kill(program, SIGCONT);
}

/* It went on purpose (--sanitize=exit), or was killed, and nobody answers the program any more. */
static __attribute__((noreturn)) void end_with(pid_t supervisor, pid_t program)
{
	int status = 127 << 8;

	kill(program, SIGKILL);
	waitpid(supervisor, &status, 0);
	end_as(status);
}

static __attribute__((noreturn)) void end_after(pid_t supervisor, const struct report *report)
{
	if (report->final)
		waitpid(supervisor, NULL, 0);
	end_as(report->value);
}

static __attribute__((noreturn)) void wait_for(int sock, int signals, pid_t supervisor,
					       pid_t program)
{
	struct pollfd fds[] = {{sock, POLLIN, 0}, {signals, POLLIN, 0}};
	struct report report;

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			hand_on(signals, program);
		if (!fds[0].revents)
			continue;
		if (!hear(sock, &report))
			end_with(supervisor, program);
		if (WIFSTOPPED(report.value))
			stop_too(program);
		else if (!WIFCONTINUED(report.value))
			end_after(supervisor, &report);
	}
}

/* Comes back if nothing was started. */
static int be_waiter(int sock, pid_t supervisor, const sigset_t *all, const char **ret_step)
{
	static struct report report;
	int signals = signalfd(-1, all, SFD_CLOEXEC);

	*ret_step = "the supervisor has ended";
	if (signals < 0 || !hear(sock, &report))
		return -ESRCH;
	if (report.what == REPORT_PROGRAM)
		wait_for(sock, signals, supervisor, report.value);
	*ret_step = report.step;
	waitpid(supervisor, NULL, 0);
	close(signals);
	return report.value;
}

int launcher_enter(const struct config *config, const char **ret_step)
{
	static struct watch watch;
	sigset_t all, mask;
	int ends[2], rc = pair(ends);
	pid_t pid;

	*ret_step = "a socket can't be made";
	if (rc)
		return rc;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	*ret_step = "a process can't be made";
	pid = fork();
	if (!pid) {
		close(ends[0]);
		watch.waiter = ends[1];
		return supervise(&watch, config, &mask);
	}
	close(ends[1]);
	rc = pid < 0 ? -errno : be_waiter(ends[0], pid, &all, ret_step);
	close(ends[0]);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return rc;
}
