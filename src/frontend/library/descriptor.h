/* SPDX-License-Identifier: MIT */
/* Descriptors that the library has handed out. What they are is in themselves (frontend/service/identity.h). */
#ifndef UIOMMUFD_LIBRARY_DESCRIPTOR_H
#define UIOMMUFD_LIBRARY_DESCRIPTOR_H

struct endpoint;
struct service;

/* The endpoint behind a descriptor, with a use: 0, -EBADF, -ENOTTY if it isn't served here, -ECHILD if it was the parent's. */
int descriptor_get(int fd, struct endpoint **ret_endpoint);
/* Where the program got it: probably still there when the service wants to take something out. */
void descriptor_remember(struct endpoint *endpoint, int fd);
/* The service's hook: that number. */
int library_descriptor(struct service *service, struct endpoint *endpoint);

#endif
