/* SPDX-License-Identifier: MIT */
/* A /dev of one's own, with real nodes for what opens paths past the preload library. */
#ifndef UIOMMUFD_TOOLS_NAMESPACE_H
#define UIOMMUFD_TOOLS_NAMESPACE_H

/*
 * Moves this process, which has one thread, into a mount namespace (with a user namespace unless it is root) whose /dev
 * is a tmpfs with everything that was there and the machine's nodes. The user stays who it is. 0; or -errno of the
 * step that failed, and *ret_step says which ("a user namespace can't be made"); then the process is good for
 * nothing but telling so.
 */
int namespace_enter(const char **ret_step);

#endif
