/* SPDX-License-Identifier: MIT */
/* Where the preload library is. */
#ifndef UIOMMUFD_TOOLS_SHIM_H
#define UIOMMUFD_TOOLS_SHIM_H

#include <limits.h>

/*
 * The absolute path of the library that belongs to this executable: beside it in the build folder,
 * at the same distance as when installed (so that the installed tree can be moved), or where it was
 * configured to be. 0, or -ENOENT.
 */
int shim_find(char ret_path[static PATH_MAX]);
/*
 * Puts it in front of LD_PRELOAD; and in front of it the run-time library of the sanitizer that it was
 * built with, if any. -EINVAL if the dynamic linker could not read the path there (it splits at blanks
 * and colons), -ENOMEM.
 */
int shim_preload(const char *path);

#endif
