/* SPDX-License-Identifier: MIT */
/*
 * What the shim has of a process: its descriptors, the machine that its contexts are opened on, the service behind them. It is made at the first
 * use of a descriptor of ours, and again in a child after fork: the page that leads to it is wiped there.
 */
#include "frontend/preload/process.h"

#include "base/alloc.h"
#include "base/guard.h"
#include "base/inject.h"
#include "base/sys.h"
#include "frontend/preload/fail_nth.h"
#include "frontend/preload/held.h"
#include "frontend/preload/machine_view.h"
#include "frontend/preload/real.h"
#include "frontend/preload/sysfs_file.h"
#include "frontend/preload/view.h"
#include "machine/machine.h"
#include "vfio/vfio.h"
#include "frontend/sanitize.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct descriptors *descriptors;

static void forget(struct service *service, struct endpoint *endpoint)
{
	(void)service;
	descriptor_forget_all((uintptr_t)endpoint);
}

static int descriptor_number(struct service *service, struct endpoint *endpoint)
{
	return descriptor_of((uintptr_t)endpoint);
}

int process_open(struct process *process, struct client *client, const char *node, int accmode,
		 struct file **ret_file)
{
	if (!strncmp(node, "/sys/", 5))
		return sysfs_file_new(node, accmode, ret_file);
	if (*node == '/')
		return fail_nth_file(node, accmode, ret_file);
	return machine_open(process->machine, client, node, ret_file);
}

static int open_node(struct service *service, struct client *client, const char *node,
		     struct file **ret_file)
{
	return process_open(service->owner, client, node, O_RDWR, ret_file);
}

/* The memory is where it was; what looks it up by the process's number has to look at the service. */
static void moved(struct service *service)
{
	struct process *process = service->owner;

	process->client.mm->pid = service->pid;
	machine_host_moved(process->machine, process->client.mm);
}

static void going(struct service *service, struct mm *mm, uint64_t va, uint64_t len)
{
	struct process *process = service->owner;

	machine_client_memory_going(process->machine, mm, va, len);
}

static void leaving(struct service *service, struct mm *mm)
{
	struct process *process = service->owner;

	machine_client_leaving(process->machine, mm);
}

static bool account(struct service *service, pid_t pid, uint64_t ret_pages[2])
{
	struct process *process = service->owner;

	return machine_account(process->machine, pid, &ret_pages[0], &ret_pages[1]);
}

static const struct service_hooks hooks = {
	.place = descriptor_reserve,
	.unplace = descriptor_release,
	.open = open_node,
	.forget = forget,
	.descriptor = descriptor_number,
	.moved = moved,
	.account = account,
	.going = going,
	.leaving = leaving,
};

static void process_free(struct process *process)
{
	if (process->machine)
		machine_put(process->machine);
	if (process->client.mm)
		mm_put(process->client.mm);
	remotes_done(&process->remotes);
	free(process->service);
	free(process);
}

/* Ordinary memory: a forked child keeps the signal handlers that came with it. */
static atomic_bool used;

bool process_was_used(void)
{
	return atomic_load_explicit(&used, memory_order_relaxed);
}

/* `uiommufd run` has tried it, so what is told here has happened since. On its own, for a child may come here on a small signal stack. */
static __attribute__((noinline)) void tell_why(const struct config_error *error)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "uiommufd: the machine can't be made: %s.\n",
			 error->text);

	sys_raw(SYS_write, STDERR_FILENO, text, n);
}

/* Before the machine has devices. */
static int prepare_machine(struct machine *machine, void *arg)
{
	machine_set_shares(machine, preload_shares());
	return sanitize_machine(machine, arg);
}

void preload_ask(struct share *share)
{
	struct process *process = descriptors ? atomic_load(&descriptors->process) : NULL;

	if (process)
		vfio_request(process->machine, share);
}

static int make_machine(struct process *process)
{
	struct config_error error;
	int r;

	if (!preload_config()) {
		r = machine_new(&process->machine);
		return r ? r : sanitize_machine(process->machine, NULL);
	}
	r = machine_build(preload_config(), prepare_machine, NULL, &error, &process->machine);
	if (r)
		tell_why(&error);
	return r;
}

static struct process *process_new(void)
{
	struct process *process = mem_zalloc(sizeof(*process));

	if (!process)
		return NULL;
	atomic_store(&used, true);
	process->pid = getpid();
	lock_init(&process->claiming, RANK_ENDPOINTS);
	remotes_init(&process->remotes, &process_remote_ops);
	process->client = (struct client){.ops = &process_client_ops, .mm = mm_self()};
	if (!process->client.mm || make_machine(process) ||
	    service_new(&hooks, process, &process->service)) {
		process_free(process);
		return NULL;
	}
	process->service->program = &process->client;
	machine_set_host(process->machine, &process->service->host);
	mm_track(process->client.mm, true); /* map.c keeps the promise */
	return process;
}

struct process *process_get(void)
{
	struct process *process, *other = NULL;

	if (!descriptors)
		return NULL;
	process = atomic_load_explicit(&descriptors->process, memory_order_acquire);
	if (process)
		return process;
	descriptor_reserved_drop(); /* of a parent that cloned us past libc */
	process = process_new();
	if (process && !atomic_compare_exchange_strong(&descriptors->process, &other, process)) {
		process_free(process);
		process = other;
	}
	return process;
}

struct client *process_client(struct process *process)
{
	return &process->client;
}

void process_moved_descriptor(int from, int to)
{
	struct process *process = atomic_load(&descriptors->process);

	held_moved(from, to);
	if (!process)
		return;
	service_moved(process->service, from, to);
	remotes_moved(&process->remotes, from, to);
}

/* The child has copies of what we keep in the parent's table: they would hold the parent's service. */
static void after_fork_in_child(void)
{
	descriptor_reserved_drop();
	if (descriptors)
		atomic_store(&descriptors->owner, getpid());
	inject_disarm_all();
}

/* A leak checker in the process, the program's or ours, doesn't look for pointers in a mapping that it wasn't told of. */
__attribute__((weak)) void __lsan_register_root_region(const void *start, size_t length);

static void map_descriptors(void)
{
	void *map = mmap(NULL, sizeof(*descriptors), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return;
	if (madvise(map, sizeof(*descriptors), MADV_WIPEONFORK)) {
		munmap(map, sizeof(*descriptors));
		return;
	}
	if (__lsan_register_root_region)
		__lsan_register_root_region(map, sizeof(*descriptors));
	descriptors = map;
	atomic_store(&descriptors->owner, getpid());
}

__attribute__((constructor)) static void process_init(void)
{
	real_resolve();
	map_descriptors();
	preload_keep_shares();
	pthread_atfork(NULL, NULL, after_fork_in_child);
}

static void account_add(bool known, const uint64_t part[2], uint64_t total[2], bool *any)
{
	if (!known)
		return;
	total[0] += part[0];
	total[1] += part[1];
	*any = true;
}

bool preload_account(pid_t pid, uint64_t *ret_pinned_pages, uint64_t *ret_locked_pages)
{
	struct process *process = descriptors_attach_all();
	uint64_t total[2] = {}, part[2];
	struct remote_host *host;
	bool any = false;

	if (!process)
		return false;
	account_add(account(process->service, pid, part), part, total, &any);
	SLIST_FOREACH(host, &process->remotes.hosts, entry) {
		struct wire_msg msg = {.op = WIRE_ACCOUNT, .arg = {(uint64_t)pid}};
		bool known = !remote_call(&process->remotes, host, -1, &msg, NULL);

		account_add(known, msg.arg, total, &any);
	}
	*ret_pinned_pages = total[0];
	*ret_locked_pages = total[1];
	return any;
}
