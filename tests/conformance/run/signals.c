/* SPDX-License-Identifier: MIT */
/*
 * Signal handlers that use /dev/iommu themselves, or leave by siglongjmp(), while the program's own calls are under way: none may meet a call
 * that is half done. Another thread sends signals as fast as it can until the handlers have run often enough; a handler that waits
 * for the interrupted call would wait for ever, and the test's time limit says so. Prints TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>

#define HANDLED 3000

static int iommu, number;
static char memory[8192] __attribute__((aligned(4096)));
static atomic_int handled, failed;
static atomic_bool stop;
static sigjmp_buf back;
static volatile sig_atomic_t may_jump;

static void ok(bool good, const char *what)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++number, what);
}

/* An IOAS with a mapping comes and goes. */
static bool use(void)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iommu_ioas_map map = {.size = sizeof(map), .flags = IOMMU_IOAS_MAP_READABLE};
	struct iommu_destroy destroy = {.size = sizeof(destroy)};

	if (ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc))
		return false;
	map.ioas_id = destroy.id = alloc.out_ioas_id;
	map.user_va = (uintptr_t)memory;
	map.length = sizeof(memory);
	return !ioctl(iommu, IOMMU_IOAS_MAP, &map) && !ioctl(iommu, IOMMU_DESTROY, &destroy);
}

static void on_signal(int sig)
{
	int saved = errno;

	(void)sig;
	if (!use())
		atomic_fetch_add(&failed, 1);
	atomic_fetch_add(&handled, 1);
	errno = saved;
}

static void on_jump(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	if (info->si_code != SI_TKILL)
		atomic_fetch_add(&failed, 1);
	atomic_fetch_add(&handled, 1);
	if (may_jump)
		siglongjmp(back, 1);
}

static void *sender(void *arg)
{
	pthread_t *to = arg;

	while (!atomic_load(&stop))
		pthread_kill(*to, SIGUSR1);
	return NULL;
}

/* Uses the context until enough handlers have run, and for as long again as it takes to be interrupted often. */
static void storm(const char *what)
{
	pthread_t self = pthread_self(), thread;
	volatile int lost = 0;

	atomic_store(&handled, 0);
	atomic_store(&failed, 0);
	atomic_store(&stop, false);
	if (pthread_create(&thread, NULL, sender, &self)) {
		ok(false, "a thread");
		return;
	}
	while (atomic_load(&handled) < HANDLED) {
		/* What a jump leaves unfinished is destroyed with the context. */
		if (!sigsetjmp(back, 1)) {
			may_jump = 1;
			lost += !use();
			may_jump = 0;
		}
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	ok(!lost && !atomic_load(&failed), what);
}

static void actions(void)
{
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;

	sigaddset(&act.sa_mask, SIGUSR2);
	ok(!sigaction(SIGUSR1, &act, NULL) && !sigaction(SIGUSR1, NULL, &old) &&
		   old.sa_handler == on_signal && !(old.sa_flags & SA_SIGINFO) &&
		   old.sa_flags & SA_RESTART && sigismember(&old.sa_mask, SIGUSR2),
	   "sigaction() gives back what was set");
	ok(signal(SIGUSR1, SIG_IGN) == on_signal && signal(SIGUSR1, on_signal) == SIG_IGN,
	   "so does signal()");
	act.sa_flags = (int)SA_RESETHAND;
	sigaction(SIGUSR2, &act, NULL);
	sigemptyset(&act.sa_mask);
	atomic_store(&handled, 0);
	raise(SIGUSR2);
	ok(atomic_load(&handled) == 1 && !sigaction(SIGUSR2, NULL, &old) &&
		   old.sa_handler == SIG_DFL,
	   "SA_RESETHAND");
	errno = 0;
	ok(sigaction(0, &act, NULL) == -1 && errno == EINVAL &&
		   sigaction(SIGKILL, &act, NULL) == -1 && errno == EINVAL,
	   "EINVAL");
}

int main(int argc, char **argv)
{
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	sigset_t none, now;

	printf("1..7\n");
	iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (iommu < 0 || !use()) {
		perror("/dev/iommu");
		return 1;
	}
	actions();
	sigaction(SIGUSR1, &act, NULL);
	storm("handlers that make calls of their own");
	act.sa_sigaction = on_jump;
	act.sa_flags = SA_RESTART | SA_SIGINFO;
	sigaction(SIGUSR1, &act, NULL);
	/* AddressSanitizer's own calls can't be jumped out of. */
	if (argc > 1 && !strcmp(argv[1], "no-jumps"))
		printf("ok %d - handlers that jump out # SKIP under AddressSanitizer\n", ++number);
	else
		storm("handlers that jump out");
	sigemptyset(&none);
	ok(!sigprocmask(SIG_BLOCK, NULL, &now) && !memcmp(&now, &none, 8), "nothing stays blocked");
	return 0;
}
