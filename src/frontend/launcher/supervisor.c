/* SPDX-License-Identifier: MIT */
/* The supervisor's parts. */
#include "frontend/launcher/supervisor.h"

#include "base/cleanup.h"
#include "frontend/preload/machine_view.h"
#include "frontend/preload/nodes.h"
#include "frontend/preload/view.h"
#include "frontend/sanitize.h"
#include "frontend/service/internal.h"
#include "machine/machine.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* There is one in a process, and preload_account() gets no argument. */
static struct supervisor *running;

static int open_node(struct service *service, struct client *client, const char *node,
		     struct file **ret_file)
{
	struct supervisor *supervisor = service->owner;

	return machine_open(supervisor->machine, client, node, ret_file);
}

static void forget(struct service *service, struct endpoint *endpoint)
{
}

static int place(int fd)
{
	return fd;
}

static void unplace(int fd)
{
	close(fd);
}

static int no_descriptor(struct service *service, struct endpoint *endpoint)
{
	return -1;
}

/* By whom it was handed out to, if he still has it: who is asked for it sees that it is the same. */
static int fetch(struct service *service, struct endpoint *endpoint)
{
	pid_t holder = atomic_load(&endpoint->holder);
	CLEANUP_FD int pidfd = holder ? (int)sys_raw(SYS_pidfd_open, holder, 0) : -1;
	int fd = -1;

	if (pidfd >= 0)
		fd = (int)sys_raw(SYS_pidfd_getfd, pidfd, atomic_load(&endpoint->hint), 0);
	return fd < 0 ? -1 : fd;
}

/* No program's memory is ours. */
static void moved(struct service *service)
{
}

static bool account(struct service *service, pid_t pid, uint64_t ret_pages[2])
{
	struct supervisor *supervisor = service->owner;

	return machine_account(supervisor->machine, pid, &ret_pages[0], &ret_pages[1]);
}

static void going(struct service *service, struct mm *mm, uint64_t va, uint64_t len)
{
	struct supervisor *supervisor = service->owner;

	machine_client_memory_going(supervisor->machine, mm, va, len);
}

static void leaving(struct service *service, struct mm *mm)
{
	struct supervisor *supervisor = service->owner;

	machine_client_leaving(supervisor->machine, mm);
}

static const struct service_hooks hooks = {
	.open = open_node,
	.forget = forget,
	.place = place,
	.unplace = unplace,
	.descriptor = no_descriptor,
	.fetch = fetch,
	.moved = moved,
	.account = account,
	.going = going,
	.leaving = leaving,
};

/* For the text of /proc/PID/status (frontend/preload/procfs.c). */
bool preload_account(pid_t pid, uint64_t *ret_pinned_pages, uint64_t *ret_locked_pages)
{
	return machine_account(running->machine, pid, ret_pinned_pages, ret_locked_pages);
}

static int make_machine(struct supervisor *supervisor, const struct config *config)
{
	struct config_error error;
	int rc;

	if (config)
		return machine_build(config, sanitize_machine, NULL, &error, &supervisor->machine);
	rc = machine_new(&supervisor->machine);
	return rc ? rc : sanitize_machine(supervisor->machine, NULL);
}

/* It has no virtual functions: the files that make them are sockets, whose write() is the kernel's. */
static int make_tree(struct supervisor *supervisor, const struct config *config)
{
	struct vtree *tree = &supervisor->tree;
	int rc = 0;

	supervisor->shown = (struct sysfs_machine){.config = config};
	vtree_init(tree);
	for (const struct node *node = nodes; node->path && !rc; node++)
		rc = vtree_add_char(tree, node->path, node->mode, node->major, node->minor);
	return rc || !config ? rc : machine_view_add(tree, &supervisor->shown);
}

int supervisor_init(struct supervisor *supervisor, const struct config *config,
		    const char **ret_step)
{
	int rc;

	*supervisor = (struct supervisor){.listener = -1};
	lock_init(&supervisor->lock, RANK_ENDPOINTS);
	*ret_step = "the machine can't be made";
	rc = make_machine(supervisor, config);
	if (!rc)
		rc = make_tree(supervisor, config);
	if (!rc)
		rc = service_new(&hooks, supervisor, &supervisor->service);
	if (rc)
		return rc;
	supervisor->self = (struct client){.ops = &call_client_ops, .mm = mm_self()};
	if (!supervisor->self.mm)
		return -ENOMEM;
	supervisor->service->program = &supervisor->self;
	/* A mapping is made by the kernel, of the descriptor that it finds: a socket, which has none. */
	supervisor->service->host.no_mmap = true;
	machine_set_host(supervisor->machine, &supervisor->service->host);
	running = supervisor;
	return 0;
}

static void begin(void *arg)
{
	struct supervisor *supervisor = arg;

	service_enter(supervisor->service);
}

static void serve(void *arg, struct notice *notice, unsigned long turn)
{
	call_serve(arg, notice, turn);
}

static void *loop_run(void *arg)
{
	struct supervisor *supervisor = arg;

	(void)service_here_run(supervisor->service);
	syscall(SYS_exit_group, 0);
	return NULL;
}

int supervisor_start(struct supervisor *supervisor, int listener)
{
	int rc = notice_check();

	if (!rc)
		rc = service_here(supervisor->service);
	supervisor->listener = listener;
	notify_quickly(listener);
	if (!rc)
		rc = service_thread(loop_run, supervisor);
	supervisor->workers = (struct workers){
		.listener = listener, .serve = serve, .begin = begin, .arg = supervisor};
	return rc ? rc : workers_start(&supervisor->workers, RANK_ENDPOINTS);
}

void supervisor_end(struct supervisor *supervisor)
{
	targets_collect(supervisor);
	service_here_end(supervisor->service);
}
