/* SPDX-License-Identifier: MIT */
/*
 * For tests with a service in the process. ThreadSanitizer goes by descriptor numbers, and takes the service's, which are in a
 * table of its own, for the program's.
 */
#ifndef UIOMMUFD_TESTS_TABLES_H
#define UIOMMUFD_TESTS_TABLES_H

__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race_top:close\nrace_top:dup2\nrace_top:epoll_ctl\nrace_top:epoll_wait\n"
	       "race_top:fopen\nrace_top:open\nrace_top:poll\nrace_top:read\nrace_top:recv\n"
	       "race_top:recvmsg\nrace_top:send\nrace_top:sendmsg\nrace_top:socketpair\n"
	       "race_top:write\n";
}

#endif
