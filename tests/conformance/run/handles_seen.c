/* SPDX-License-Identifier: MIT */
/* Looks functions up from inside of a shared object whose names nobody else sees. For handles.c. */
#include <dlfcn.h>
#include <stdbool.h>

#pragma GCC visibility push(default)
bool seen_by_caller(void);
void *next(const char *name);
int handles_only_here(void);
#pragma GCC visibility pop

int handles_only_here(void)
{
	return 1;
}

bool seen_by_caller(void)
{
	return dlsym(RTLD_DEFAULT, "handles_only_here") == (void *)handles_only_here;
}

void *next(const char *name)
{
	void *volatile found = dlsym(RTLD_NEXT, name); /* no tail call */

	return found;
}
