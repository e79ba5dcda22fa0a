/* SPDX-License-Identifier: MIT */
/*
 * Every call of our descriptors and nodes that takes a pointer, with pointers that lead nowhere: EFAULT, and never a signal. The kernel gives the same.
 * Each in a child. With an argument it prints what is answered instead of judging, so that a real kernel can be asked the same.
 *
 * What the C library reads by itself (times, sets of signals that are changed, messages' names) is not here: there bad pointers are fatal on Linux, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>

static int iommu, queue, pair[2], epoll;

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* A fault queue with a fault in it, so that a read comes as far as the buffer. */
static void set_up(void)
{
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	struct iommu_test_cmd domain = {.size = sizeof(domain), .op = IOMMU_TEST_OP_MOCK_DOMAIN};
	struct iommu_fault_alloc fault = {.size = sizeof(fault)};
	struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt), .flags = IOMMU_HWPT_FAULT_ID_VALID};
	struct iommu_test_cmd attach = {.size = sizeof(attach),
					.op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE};
	struct iommu_test_cmd raise = {.size = sizeof(raise), .op = IOMMU_TEST_OP_TRIGGER_IOPF};

	iommu = open("/dev/iommu", O_RDWR);
	must(iommu >= 0 && !ioctl(iommu, IOMMU_IOAS_ALLOC, &ioas), "/dev/iommu");
	domain.id = hwpt.pt_id = ioas.out_ioas_id;
	must(!ioctl(iommu, IOMMU_TEST_CMD, &domain), "a mock device");
	must(!ioctl(iommu, IOMMU_FAULT_QUEUE_ALLOC, &fault), "a fault queue");
	hwpt.fault_id = fault.out_fault_id;
	hwpt.dev_id = raise.trigger_iopf.dev_id = domain.mock_domain.out_idev_id;
	must(!ioctl(iommu, IOMMU_HWPT_ALLOC, &hwpt), "a page table");
	attach.id = domain.mock_domain.out_stdev_id;
	attach.mock_domain_replace.pt_id = hwpt.out_hwpt_id;
	must(!ioctl(iommu, IOMMU_TEST_CMD, &attach), "attach");
	raise.trigger_iopf.perm = IOMMU_PGFAULT_PERM_READ;
	must(!ioctl(iommu, IOMMU_TEST_CMD, &raise), "a fault");
	queue = (int)fault.out_fault_fd;
	epoll = epoll_create1(0);
	must(epoll >= 0, "epoll");
}

/* For each call its own, with a message in it. */
static void set_up_pair(void)
{
	must(!socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), "socketpair");
	must(write(pair[1], "x", 1) == 1, "a message");
}

/* ---- the calls ---- */

#define CALL(name, expression)                                                                     \
	static long do_##name(void *bad)                                                           \
	{                                                                                          \
		return (long)(expression);                                                         \
	}

static struct iovec to_bad(void *bad)
{
	return (struct iovec){bad, sizeof(struct iommu_hwpt_pgfault)};
}

CALL(ioctl, ioctl(iommu, IOMMU_IOAS_ALLOC, bad))
CALL(ioctl_mock, ioctl(iommu, IOMMU_TEST_CMD, bad))
CALL(ioctl_nonblock, ioctl(iommu, FIONBIO, bad))
CALL(ioctl_queue_nonblock, ioctl(queue, FIONBIO, bad))
CALL(read, read(queue, bad, sizeof(struct iommu_hwpt_pgfault)))
CALL(write, write(queue, bad, sizeof(struct iommu_hwpt_page_response)))
CALL(readv, readv(queue, bad, 1))
CALL(readv_two, readv(queue, bad, 2))
CALL(writev, writev(queue, bad, 1))
CALL(preadv2, preadv2(queue, bad, 1, -1, 0))
CALL(pwritev2, pwritev2(queue, bad, 1, -1, 0))
CALL(pipe_readv, readv(pair[0], bad, 1))

static long do_readv_buffer(void *bad)
{
	struct iovec iov = to_bad(bad);

	return readv(queue, &iov, 1);
}

static long do_writev_buffer(void *bad)
{
	struct iovec iov = {bad, sizeof(struct iommu_hwpt_page_response)};

	return writev(queue, &iov, 1);
}

CALL(recvmsg, recvmsg(pair[0], bad, MSG_DONTWAIT))
CALL(sendmsg, sendmsg(pair[0], bad, MSG_DONTWAIT))
CALL(queue_recvmsg, recvmsg(queue, bad, MSG_DONTWAIT))
CALL(recvmmsg, recvmmsg(pair[0], bad, 1, MSG_DONTWAIT, NULL))

static long do_recvmsg_vector(void *bad)
{
	struct msghdr msg = {.msg_iov = bad, .msg_iovlen = 1};

	return recvmsg(pair[0], &msg, MSG_DONTWAIT);
}

static long do_sendmsg_control(void *bad)
{
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = bad, .msg_controllen = 64};

	return sendmsg(pair[1], &msg, MSG_DONTWAIT);
}

CALL(recv, recv(pair[0], bad, 1, MSG_DONTWAIT))
CALL(send, send(pair[0], bad, 1, MSG_DONTWAIT))
CALL(poll, poll(bad, 1, 0))
CALL(ppoll, ppoll(bad, 1, &(struct timespec){0}, NULL))
CALL(ppoll_mask, ppoll(&(struct pollfd){.fd = queue}, 1, &(struct timespec){0}, bad))
CALL(pselect, pselect(1, bad, NULL, NULL, &(struct timespec){0}, NULL))
CALL(pselect_mask, pselect(0, NULL, NULL, NULL, &(struct timespec){0}, bad))
CALL(epoll_ctl, epoll_ctl(epoll, EPOLL_CTL_ADD, queue, bad))
CALL(epoll_pwait_mask, epoll_pwait(epoll, &(struct epoll_event){0}, 1, 0, bad))
CALL(sigsuspend, sigsuspend(bad))
CALL(sigprocmask_old, sigprocmask(SIG_BLOCK, NULL, bad))

CALL(fstat, fstat(iommu, bad))
CALL(fstat_queue, fstat(queue, bad))
CALL(fstatat_empty, fstatat(iommu, "", bad, AT_EMPTY_PATH))
CALL(stat, stat("/dev/iommu", bad))
CALL(lstat, lstat("/dev/iommu", bad))
CALL(fstatat, fstatat(AT_FDCWD, "/dev/iommu", bad, 0))
CALL(stat_spelled, stat("/dev/../dev/iommu", bad))
CALL(statx, statx(AT_FDCWD, "/dev/iommu", 0, STATX_BASIC_STATS, bad))
CALL(statx_fd, statx(iommu, "", AT_EMPTY_PATH, STATX_BASIC_STATS, bad))
CALL(fstatfs, fstatfs(iommu, bad))
CALL(readlink, readlink("/proc/self/fd/0", bad, 64))

static long do_readlink_fd(void *bad)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", iommu);
	return readlink(path, bad, 64);
}

CALL(open_path, open(bad, O_RDONLY))
CALL(openat_path, openat(AT_FDCWD, bad, O_RDONLY))
CALL(creat_path, creat(bad, 0600))
CALL(stat_path, stat(bad, &(struct stat){0}))
CALL(lstat_path, lstat(bad, &(struct stat){0}))
CALL(fstatat_path, fstatat(iommu, bad, &(struct stat){0}, 0))
CALL(access_path, access(bad, F_OK))
CALL(faccessat_path, faccessat(AT_FDCWD, bad, F_OK, 0))
CALL(readlink_path, readlink(bad, (char[64]){0}, 64))
CALL(chdir_path, chdir(bad))
CALL(chmod_path, chmod(bad, 0600))
CALL(chown_path, chown(bad, 0, 0))
CALL(unlink_path, unlink(bad))
CALL(rename_path, rename(bad, "/nowhere/at/all"))
CALL(getxattr_path, getxattr(bad, "user.x", NULL, 0))
CALL(listxattr_path, listxattr(bad, NULL, 0))
CALL(getxattr_name, getxattr("/dev/iommu", bad, NULL, 0))
CALL(execve_path, execve(bad, (char *[]){(char *)"x", NULL}, (char *[]){NULL}))
CALL(execve_arguments, execve("/bin/true", bad, (char *[]){NULL}))

#undef CALL

/* ---- the pointers ---- */

enum {
	NOTHING = 1, /* NULL */
	LOW = 2,     /* near it */
	HOLE = 4,    /* an address where nothing can be read */
	KERNEL = 8,  /* one of the kernel's half */
	READ_ONLY = 16,
	EDGE = 32, /* the last byte before a hole */
	OUT = NOTHING | LOW | HOLE | KERNEL | READ_ONLY | EDGE,
	IN = NOTHING | LOW | HOLE | KERNEL | EDGE,
	NOT_NULL = LOW | HOLE | KERNEL | EDGE, /* NULL means something */
};

static void *pointers[6];

static void make_pointers(void)
{
	char *pages =
		mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(pages != MAP_FAILED && read_only != MAP_FAILED, "memory");
	pages[4095] = 'x';
	must(!mprotect(pages + 4096, 2 * 4096, PROT_NONE), "a hole");
	pointers[0] = NULL;
	pointers[1] = (void *)0x10;
	pointers[2] = pages + 4096;
	pointers[3] = (void *)0xffff888000000000u;
	pointers[4] = read_only;
	pointers[5] = pages + 4095;
}

static const char *const kinds[] = {"NULL", "low", "hole", "kernel", "read-only", "edge"};

static const struct row {
	const char *name;
	long (*call)(void *bad);
	int pointers;
} rows[] = {
#define ROW(name, which)                                                                           \
	{                                                                                          \
#name, do_##name, which                                                            \
	}
	ROW(ioctl, IN),
	ROW(ioctl_mock, IN),
	ROW(ioctl_nonblock, IN),
	ROW(ioctl_queue_nonblock, IN),
	ROW(read, OUT),
	ROW(write, IN),
	ROW(readv, IN),
	ROW(readv_two, IN),
	ROW(writev, IN),
	ROW(preadv2, IN),
	ROW(pwritev2, IN),
	ROW(pipe_readv, IN),
	ROW(readv_buffer, OUT),
	ROW(writev_buffer, IN),
	ROW(recvmsg, IN),
	ROW(sendmsg, IN),
	ROW(queue_recvmsg, IN),
	ROW(recvmmsg, IN),
	ROW(recvmsg_vector, IN),
	ROW(sendmsg_control, IN),
	ROW(recv, NOTHING | LOW | HOLE | KERNEL | READ_ONLY),
	ROW(send, NOTHING | LOW | HOLE | KERNEL),
	ROW(poll, OUT),
	ROW(ppoll, OUT),
	ROW(ppoll_mask, NOT_NULL),
	ROW(pselect, NOT_NULL),
	ROW(pselect_mask, NOT_NULL),
	ROW(epoll_ctl, IN),
	ROW(epoll_pwait_mask, NOT_NULL),
	ROW(sigsuspend, IN),
	ROW(sigprocmask_old, NOT_NULL),
	ROW(fstat, OUT),
	ROW(fstat_queue, OUT),
	ROW(fstatat_empty, OUT),
	ROW(stat, OUT),
	ROW(lstat, OUT),
	ROW(fstatat, OUT),
	ROW(stat_spelled, OUT),
	ROW(statx, OUT),
	ROW(statx_fd, OUT),
	ROW(fstatfs, OUT),
	ROW(readlink, OUT),
	ROW(readlink_fd, OUT),
	ROW(open_path, IN),
	ROW(openat_path, IN),
	ROW(creat_path, IN),
	ROW(stat_path, IN),
	ROW(lstat_path, IN),
	ROW(fstatat_path, IN),
	ROW(access_path, IN),
	ROW(faccessat_path, IN),
	ROW(readlink_path, IN),
	ROW(chdir_path, IN),
	ROW(chmod_path, IN),
	ROW(chown_path, IN),
	ROW(unlink_path, IN),
	ROW(rename_path, IN),
	ROW(getxattr_path, IN),
	ROW(listxattr_path, IN),
	ROW(getxattr_name, IN),
	ROW(execve_path, IN),
	ROW(execve_arguments, NOT_NULL),
#undef ROW
};

/* An errno, 0, or 1000 and the signal that ended it. */
static int answer(const struct row *row, void *bad)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		alarm(10);
		set_up_pair();
		errno = 0;
		_exit(row->call(bad) == -1 ? errno : 0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static const char *name_of(int answer)
{
	static char text[16];

	if (answer < 1000)
		return answer ? strerrorname_np(answer) : "0";
	snprintf(text, sizeof(text), "SIG%s", sigabbrev_np(answer - 1000));
	return text;
}

int main(int argc, char **argv)
{
	int n = 0, failures = 0;

	set_up();
	make_pointers();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int kind = 0; kind < 6; kind++) {
			int got;

			if (!(rows[i].pointers & 1 << kind))
				continue;
			got = answer(&rows[i], pointers[kind]);
			if (argc > 1)
				printf("%s %s: %s\n", rows[i].name, kinds[kind], name_of(got));
			else
				printf("%sok %d - %s, %s: %s\n", got == EFAULT ? "" : "not ", ++n,
				       rows[i].name, kinds[kind], name_of(got));
			failures += got != EFAULT;
		}
	if (argc == 1)
		printf("1..%d\n", n);
	return argc == 1 && failures;
}
