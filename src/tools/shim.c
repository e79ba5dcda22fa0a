/* SPDX-License-Identifier: MIT */
/*
 * Finds the preload library. The executable's own place decides, not the environment: two versions
 * on one machine must never mix, and a moved tree must work.
 */
#include "tools/shim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHIM_NAME "libuiommufd-preload.so"

/* Relative to the executable's folder: the build folder, then the installed tree. */
static const char *const near[] = {
	"../frontend/preload/" SHIM_NAME,
	SHIM_BINDIR_TO_LIBDIR "/uiommufd/" SHIM_NAME,
};

static int take_if_there(const char *path, char ret_path[static PATH_MAX])
{
	char real[PATH_MAX];

	if (!realpath(path, real) || access(real, R_OK))
		return -ENOENT;
	strcpy(ret_path, real);
	return 0;
}

int shim_find(char ret_path[static PATH_MAX])
{
	char path[2 * PATH_MAX], exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (n > 0) {
		exe[n] = '\0';
		slash = strrchr(exe, '/');
		*slash = '\0';
		for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
			snprintf(path, sizeof(path), "%s/%s", exe, near[i]);
			if (!take_if_there(path, ret_path))
				return 0;
		}
	}
	return take_if_there(SHIM_LIBDIR "/uiommufd/" SHIM_NAME, ret_path);
}

static int put_in_front(const char *path)
{
	const char *old = getenv("LD_PRELOAD");
	char *both;
	int r = 0;

	if (strpbrk(path, " \t\n:"))
		return -EINVAL;
	if (!old || !*old)
		return setenv("LD_PRELOAD", path, 1) ? -ENOMEM : 0;
	if (asprintf(&both, "%s:%s", path, old) < 0)
		return -ENOMEM;
	if (setenv("LD_PRELOAD", both, 1))
		r = -ENOMEM;
	free(both);
	return r;
}

int shim_preload(const char *path)
{
	int r = put_in_front(path);

	return r || !*SHIM_RUNTIME ? r : put_in_front(SHIM_RUNTIME);
}
