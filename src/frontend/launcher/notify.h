/* SPDX-License-Identifier: MIT */
/* Notifications of a filter: a system call that waits for an answer (seccomp_unotify(2)). */
#ifndef UIOMMUFD_LAUNCHER_NOTIFY_H
#define UIOMMUFD_LAUNCHER_NOTIFY_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

/* A call that a thread of a program makes, which stands still meanwhile. */
struct notice {
	int listener;
	union {
		struct seccomp_notif call;
		char room[256]; /* the kernel's is longer than ours, if it is newer */
	};
	uint64_t id;
};

/* Does the kernel's fit? -EMSGSIZE. */
int notice_check(void);
/* Wake-ups of a caller and its answerer stay on one processor, where the kernel can (Linux 6.6): 30 times as quick. */
void notify_quickly(int listener);

/* Waits for the next one. -ENOENT: it was withdrawn; any other error is final. */
int notice_wait(struct notice *notice);
/* Does its caller still wait? What was read of its memory before counts only then. */
bool notice_valid(const struct notice *notice);
/* The answers: a value or -errno; or that the kernel makes the call. */
void notice_answer(const struct notice *notice, int64_t result);
void notice_let_go(const struct notice *notice);
/* A new descriptor of the caller's for `fd`: its number, or -EMFILE. `flags`: O_CLOEXEC or 0. */
int notice_install(const struct notice *notice, int fd, int flags);
/* Makes the caller's descriptor `number`, whatever that was, one for `fd`: the number, or -EBADF if it is above the limit. */
int notice_replace(const struct notice *notice, int fd, int number);

#endif
