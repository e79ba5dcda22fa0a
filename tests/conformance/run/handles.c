/* SPDX-License-Identifier: MIT */
/*
 * Functions that are looked up by name, as languages do that call C by dlsym(): by the C library's handle, and as seen by the caller. Prints TAP.
 * usage: handles SHARED-OBJECT (handles_seen.c)
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <uiommufd/iommufd.h>

static int number;

static void ok(bool good, const char *what)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++number, what);
}

static void by_handle(const char *what, void *libc)
{
	int (*open_)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(libc, "open");
	int (*ioctl_)(int, unsigned long, ...) =
		(int (*)(int, unsigned long, ...))dlsym(libc, "ioctl");
	int (*close_)(int) = (int (*)(int))dlsym(libc, "close");
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	int fd = open_ ? open_("/dev/iommu", O_RDWR) : -1;

	ok(fd >= 0, what);
	ok(ioctl_ && !ioctl_(fd, IOMMU_IOAS_ALLOC, &alloc) && alloc.out_ioas_id == 1,
	   "and its ioctl is served");
	ok(close_ && !close_(fd), "and it is closed");
}

int main(int argc, char **argv)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW);
	void *object = dlopen(argc > 1 ? argv[1] : "", RTLD_NOW | RTLD_LOCAL);
	bool (*seen)(void) = object ? (bool (*)(void))dlsym(object, "seen_by_caller") : NULL;
	void *(*next)(const char *) =
		object ? (void *(*)(const char *))dlsym(object, "next") : NULL;
	const char *why;

	printf("1..13\n");
	by_handle("open of the C library's handle finds /dev/iommu", libc);
	by_handle("open of the program's handle does", dlopen(NULL, RTLD_NOW));
	by_handle("open of a handle that needs the C library does", object);
	ok(dlsym(libc, "strlen") && !dlerror(),
	   "other functions are found, and nothing is complained of");
	dlerror();
	ok(!dlsym(libc, "no_such_function") && (why = dlerror()) && strstr(why, "no_such_function"),
	   "what is not there is said so");
	ok(seen && seen(), "RTLD_DEFAULT is what the caller sees");
	ok(next && !next("handles_only_here") && next("open"),
	   "RTLD_NEXT is what comes behind the caller");
	return 0;
}
