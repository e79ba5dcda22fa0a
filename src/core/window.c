/* SPDX-License-Identifier: MIT */
#include "core/window.h"

#include <string.h>

#include "core/client.h"

static bool inside(const struct client_window *window, uint64_t at, size_t len)
{
	return at >= window->at && len <= window->len && at - window->at <= window->len - len;
}

static bool apart(const struct client_window *window, uint64_t at, size_t len)
{
	return at >= window->at + window->len || (at < window->at && len <= window->at - at);
}

static int memory_read(struct client *client, void *dst, uint64_t src, size_t len)
{
	return client->ops->read ? client->ops->read(client, dst, src, len)
				 : mm_read(client->mm, dst, src, len);
}

static int memory_write(struct client *client, uint64_t dst, const void *src, size_t len)
{
	return client->ops->write ? client->ops->write(client, dst, src, len)
				  : mm_write(client->mm, dst, src, len);
}

/* Partly inside: the window is given up, and all goes to the memory itself from now on. */
static int give_up(struct client *client)
{
	struct client_window *window = client->window;
	uint32_t first = window->dirty_first, end = window->dirty_end;

	client->window = NULL;
	window->dirty_first = window->dirty_end = 0;
	if (first == end)
		return 0;
	return memory_write(client, window->at + first, window->bytes + first, end - first);
}

int client_window_read(struct client *client, void *dst, uint64_t src, size_t len)
{
	struct client_window *window = client->window;
	int rc = 0;

	if (inside(window, src, len)) {
		memcpy(dst, window->bytes + (src - window->at), len);
		return 0;
	}
	if (!apart(window, src, len))
		rc = give_up(client);
	return rc ? rc : memory_read(client, dst, src, len);
}

/* What is written must be one range: what lies between two the client may have changed meanwhile. */
static bool extend(struct client_window *window, uint32_t first, uint32_t end)
{
	if (window->dirty_first == window->dirty_end) {
		window->dirty_first = first;
		window->dirty_end = end;
		return true;
	}
	if (first > window->dirty_end || end < window->dirty_first)
		return false;
	if (first < window->dirty_first)
		window->dirty_first = first;
	if (end > window->dirty_end)
		window->dirty_end = end;
	return true;
}

int client_window_write(struct client *client, uint64_t dst, const void *src, size_t len)
{
	struct client_window *window = client->window;
	int rc = 0;

	if (!inside(window, dst, len)) {
		if (!apart(window, dst, len))
			rc = give_up(client);
		return rc ? rc : memory_write(client, dst, src, len);
	}
	uint32_t at = (uint32_t)(dst - window->at);

	if (!window->writable || !extend(window, at, at + (uint32_t)len))
		rc = memory_write(client, dst, src, len);
	if (!rc)
		memcpy(window->bytes + at, src, len);
	return rc;
}
