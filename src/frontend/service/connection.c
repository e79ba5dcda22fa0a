/* SPDX-License-Identifier: MIT */
/* Serves another process over a connection. */
#include "frontend/service/internal.h"

#include <unistd.h>

void connection_start(struct service *service, int sock)
{
	(void)service;
	close(sock);
}
