/* SPDX-License-Identifier: MIT */
/* The library's state of a process: how it comes, and what a fork does to it. */
#include "frontend/library/library.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "frontend/library/descriptor.h"
#include "frontend/service/service.h"

static struct library *_Atomic current;
/* Forks between this process and the one that loaded the library. */
static atomic_uint generation;

/* ---- what the service asks ---- */

/* Nobody opens a node by a descriptor here: there are no newborns. */
static int open_node(struct service *service, struct client *client, const char *node,
		     struct file **ret_file)
{
	return -ENOENT;
}

static void unplace(int fd)
{
	close(fd);
}

/* Nothing is remembered of descriptors but their identity. */
static void forget(struct service *service, struct endpoint *endpoint)
{
}

/* The program has ended, or executed another one; other processes may have descriptors. */
static void moved(struct service *service)
{
	struct library *library = service->owner;
	struct uiommufd_machine *machine;

	library->client.mm->pid = service->pid;
	LOCK_SCOPED(&library->lock);
	LIST_FOREACH(machine, &library->machines, link)
		machine_host_moved(machine->machine, library->client.mm);
}

static bool account(struct service *service, pid_t pid, uint64_t ret_pages[2])
{
	struct library *library = service->owner;
	struct uiommufd_machine *machine;
	uint64_t part[2];
	bool known = false;

	ret_pages[0] = ret_pages[1] = 0;
	LOCK_SCOPED(&library->lock);
	LIST_FOREACH(machine, &library->machines, link) {
		if (!machine_account(machine->machine, pid, &part[0], &part[1]))
			continue;
		ret_pages[0] += part[0];
		ret_pages[1] += part[1];
		known = true;
	}
	return known;
}

static void going(struct service *service, struct mm *mm, uint64_t va, uint64_t len)
{
	struct library *library = service->owner;
	struct uiommufd_machine *machine;

	LOCK_SCOPED(&library->lock);
	LIST_FOREACH(machine, &library->machines, link)
		machine_client_memory_going(machine->machine, mm, va, len);
}

static void leaving(struct service *service, struct mm *mm)
{
	struct library *library = service->owner;
	struct uiommufd_machine *machine;

	LOCK_SCOPED(&library->lock);
	LIST_FOREACH(machine, &library->machines, link)
		machine_client_leaving(machine->machine, mm);
}

static const struct service_hooks hooks = {
	.open = open_node,
	.place = library_place,
	.unplace = unplace,
	.forget = forget,
	.descriptor = library_descriptor,
	.moved = moved,
	.account = account,
	.going = going,
	.leaving = leaving,
};

/* ---- its life ---- */

/* The child has a copy of the link, which would hold the parent's service. All else of the parent's stays as it is, unused. */
static void after_fork_in_child(void)
{
	struct library *library = atomic_exchange(&current, NULL);

	atomic_fetch_add(&generation, 1);
	if (library && library->service->link >= 0)
		close(library->service->link);
}

static void library_free(struct library *library)
{
	if (library->client.mm)
		mm_put(library->client.mm);
	free(library->service);
	lock_done(&library->lock);
	free(library);
}

static struct library *library_new(void)
{
	struct library *library = mem_zalloc(sizeof(*library));

	if (!library)
		return NULL;
	lock_init(&library->lock, RANK_ENDPOINTS);
	library->client = (struct client){.ops = &library_client_ops, .mm = mm_self()};
	if (!library->client.mm || service_new(&hooks, library, &library->service)) {
		library_free(library);
		return NULL;
	}
	library->service->program = &library->client;
	return library;
}

struct library *library_get(void)
{
	return atomic_load_explicit(&current, memory_order_acquire);
}

int library_init(struct library **ret_library)
{
	static atomic_flag watched = ATOMIC_FLAG_INIT;
	struct library *library = library_get(), *other = NULL;

	if (!atomic_flag_test_and_set(&watched) &&
	    pthread_atfork(NULL, NULL, after_fork_in_child)) {
		atomic_flag_clear(&watched);
		return -ENOMEM;
	}
	if (!library) {
		library = library_new();
		if (!library)
			return -ENOMEM;
		if (!atomic_compare_exchange_strong(&current, &other, library)) {
			library_free(library);
			library = other;
		}
	}
	*ret_library = library;
	return 0;
}

unsigned int library_generation(void)
{
	return atomic_load_explicit(&generation, memory_order_relaxed);
}

int library_check(unsigned int made)
{
	return made == library_generation() ? 0 : -ECHILD;
}

int library_options(void *options, size_t size, size_t first, const void *given)
{
	const unsigned char *bytes = given;
	size_t given_size;

	if (!given)
		return 0;
	memcpy(&given_size, given, sizeof(given_size));
	if (given_size < first)
		return -EINVAL;
	for (size_t i = size; i < given_size; i++) {
		if (bytes[i])
			return -E2BIG;
	}
	memcpy(options, given, given_size < size ? given_size : size);
	return 0;
}
