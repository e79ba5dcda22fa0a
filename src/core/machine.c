/* SPDX-License-Identifier: MIT */
/* The life of a machine, and the nodes that it shows. */
#include "core/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "core/ioctl.h"
#include "core/machine_impl.h"
#include "core/sanitizer.h"

int machine_new(struct machine **ret_machine)
{
	struct machine *machine = mem_zalloc(sizeof(*machine));

	if (!machine)
		return -ENOMEM;
	atomic_init(&machine->refs, 1);
	lock_init(&machine->contexts_lock, RANK_CONTEXTS);
	lock_init(&machine->lock, RANK_MACHINE);
	hazard_init(&machine->hazard);
	machine->rewrite = mock_rewrite;
	machine->host = &machine_own_host;
	*ret_machine = machine;
	return 0;
}

void machine_set_host(struct machine *machine, struct machine_host *host)
{
	machine->host = host;
}

void machine_set_shares(struct machine *machine, struct share *shares)
{
	machine->shares = shares;
}

struct machine *machine_get(struct machine *machine)
{
	atomic_fetch_add_explicit(&machine->refs, 1, memory_order_relaxed);
	return machine;
}

void machine_put(struct machine *machine)
{
	struct user_account *user, *next;
	struct machine_part *part;

	if (atomic_fetch_sub_explicit(&machine->refs, 1, memory_order_acq_rel) != 1)
		return;
	while ((part = LIST_FIRST(&machine->parts))) {
		LIST_REMOVE(part, link);
		part->free(part);
	}
	for (user = atomic_load(&machine->users); user; user = next) {
		next = user->next;
		free(user);
	}
	sanitizer_free(machine->sanitizer);
	hazard_done(&machine->hazard);
	lock_done(&machine->lock);
	lock_done(&machine->contexts_lock);
	free(machine);
}

static struct user_account *find_user(struct machine *machine, uid_t uid)
{
	struct user_account *user = atomic_load_explicit(&machine->users, memory_order_acquire);

	while (user && user->uid != uid)
		user = user->next;
	return user;
}

struct user_account *machine_user(struct machine *machine, uid_t uid)
{
	struct user_account *user = find_user(machine, uid);

	if (user)
		return user;
	LOCK_SCOPED(&machine->lock);
	user = find_user(machine, uid);
	if (user)
		return user;
	user = mem_zalloc(sizeof(*user));
	if (!user)
		return NULL;
	user->uid = uid;
	user->next = atomic_load_explicit(&machine->users, memory_order_relaxed);
	atomic_store_explicit(&machine->users, user, memory_order_release);
	return user;
}

struct machine_part *machine_find_part(struct machine *machine, const void *key)
{
	struct machine_part *part;

	LIST_FOREACH(part, &machine->parts, link)
		if (part->key == key)
			return part;
	return NULL;
}

/* Paths that differ in their numbers alone are spread evenly. */
static unsigned int chain_of(const char *path)
{
	unsigned int hash = 0;

	while (*path)
		hash = hash * 31 + (unsigned char)*path++;
	return hash % MACHINE_NODE_CHAINS;
}

void machine_add_node(struct machine *machine, struct machine_node *node)
{
	LOCK_SCOPED(&machine->lock);
	LIST_INSERT_HEAD(&machine->nodes[chain_of(node->path)], node, link);
}

static struct machine_node *find_node(struct machine *machine, const char *path)
{
	struct machine_node *node;

	LOCK_SCOPED(&machine->lock);
	LIST_FOREACH(node, &machine->nodes[chain_of(path)], link)
		if (!strcmp(node->path, path))
			break;
	return node;
}

/* The nodes that every machine has; `vfio/vfio` is the same code with the accounting that VFIO had. */
static const struct {
	const char *path;
	enum account_mode mode;
	bool maps_registers;
} nodes[] = {
	{"iommu", ACCOUNT_USER, false},
	{"vfio/vfio", ACCOUNT_MM, true},
};

int machine_open(struct machine *machine, struct client *client, const char *node,
		 struct file **ret_file)
{
	struct machine_node *own = find_node(machine, node);

	if (own)
		return own->open(machine, own, client, ret_file);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		struct ctx *ctx;
		int rc;

		if (strcmp(nodes[i].path, node))
			continue;
		rc = ctx_new(machine, nodes[i].mode, &ctx);
		if (rc)
			return rc;
		ctx->maps_registers = nodes[i].maps_registers;
		*ret_file = &ctx->file;
		return 0;
	}
	return -ENOENT;
}
