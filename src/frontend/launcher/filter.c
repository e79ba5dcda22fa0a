/* SPDX-License-Identifier: MIT */
/* The filter, in the kernel's classic BPF (seccomp(2)). */
#include "frontend/launcher/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#endif

/* x86: numbers from here on are x32's, which has other structs. */
#define FOREIGN_NUMBERS 0x40000000u

#define OUR_TYPE 0x3b

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1ul << 5)
#endif

/* What is asked whatever its arguments are; call.c has a case for each. */
static const uint32_t asked[] = {
	SYS_openat,	SYS_pread64,   SYS_pwrite64,  SYS_newfstatat, SYS_statx,
	SYS_readlinkat, SYS_faccessat, SYS_openat2,   SYS_faccessat2, SYS_fstat,
	SYS_exit_group, SYS_execve,    SYS_execveat,  SYS_setrlimit,  SYS_prlimit64,
	SYS_setuid,	SYS_setreuid,  SYS_setresuid, SYS_capset,     SYS_getdents64,
#if defined(__x86_64__)
	SYS_open,	SYS_creat,     SYS_stat,      SYS_lstat,      SYS_access,
	SYS_readlink,
#endif
};

#define N_ASKED (sizeof(asked) / sizeof(asked[0]))
/* Where the verdicts stand, behind HEAD instructions and the calls. */
#define HEAD	 7
#define IOCTL	 (HEAD + N_ASKED + 1)
#define TRANSFER (IOCTL + 5)
#define ALLOW	 (TRANSFER + 2)
#define NOTIFY	 (ALLOW + 1)
#define LENGTH	 (NOTIFY + 1)

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* Goes to `target` from `at` if the word equals k, else to the next instruction. */
#define IF_EQUAL(at, k, target)                                                                    \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), (uint8_t)((target) - (at)-1), 0)

static void build(struct sock_filter *program)
{
	const struct sock_filter head[HEAD] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 0, ALLOW - 2),
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FOREIGN_NUMBERS, ALLOW - 4, 0),
		IF_EQUAL(4, SYS_ioctl, IOCTL),
		IF_EQUAL(5, SYS_read, TRANSFER),
		IF_EQUAL(6, SYS_write, TRANSFER),
	};
	const struct sock_filter tail[LENGTH - IOCTL] = {
		/* The commands of iommufd and VFIO are of one type; no other call pays for them. */
		LOAD(args[1]),
		BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 8),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff),
		IF_EQUAL(IOCTL + 3, OUR_TYPE, NOTIFY),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		LOAD(args[0]),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FILTER_FIRST_EVENT, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};

	for (size_t i = 0; i < HEAD; i++)
		program[i] = head[i];
	for (size_t i = 0; i < N_ASKED; i++)
		program[HEAD + i] = (struct sock_filter)IF_EQUAL(HEAD + i, asked[i], NOTIFY);
	program[HEAD + N_ASKED] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < LENGTH - IOCTL; i++)
		program[IOCTL + i] = tail[i];
}

static int install(const struct sock_fprog *program, unsigned long flags)
{
	int fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			      SECCOMP_FILTER_FLAG_NEW_LISTENER | flags, program);

	return fd < 0 ? -errno : fd;
}

int filter_install(int *ret_listener)
{
	struct sock_filter program[LENGTH];
	struct sock_fprog fprog = {LENGTH, program};
	int fd;

	build(program);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	/* A signal doesn't interrupt a call that is being served: it would be made twice. Since Linux 5.19. */
	fd = install(&fprog, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	if (fd == -EINVAL)
		fd = install(&fprog, 0);
	if (fd < 0)
		return fd;
	*ret_listener = fd;
	return 0;
}
