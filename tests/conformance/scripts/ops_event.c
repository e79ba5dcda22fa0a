/* SPDX-License-Identifier: MIT */
/* Page faults and events of a vIOMMU: the queues, their descriptors, and what makes one happen. */
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "ops.h"

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>

static void op_fault_alloc(struct world *world, const struct args *args)
{
	struct iommu_fault_alloc cmd = {.size = sizeof(cmd), .flags = arg(args, "fl")};

	if (!slot_room(world, &world->faults) || !call(world, IOMMU_FAULT_QUEUE_ALLOC, &cmd))
		return;
	say(world, " id=%u", cmd.out_fault_id);
	slot_add(&world->faults, cmd.out_fault_fd);
}

/* Reads at most `room` bytes, says how many came or the errno's name. */
static ssize_t read_some(struct world *world, int fd, void *buffer, uint64_t want, size_t room)
{
	ssize_t got;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	got = read(fd, buffer, want < room ? want : room);
	if (got < 0)
		say_errno(world);
	else
		say(world, "%zd", got);
	return got;
}

static void op_fault_read(struct world *world, const struct args *args)
{
	struct iommu_hwpt_pgfault faults[8] = {};
	ssize_t got;
	int fd;

	if (!slot_fd(world, &world->faults, args, &fd))
		return;
	got = read_some(world, fd, faults, arg(args, "bytes"), sizeof(faults));
	for (ssize_t i = 0; i < got / (ssize_t)sizeof(faults[0]); i++) {
		const struct iommu_hwpt_pgfault *f = &faults[i];

		say(world, " [fl=%u dev=%u pasid=%u grp=%u perm=%u addr=0x%llx len=%u cookie=%u]",
		    f->flags, f->dev_id, f->pasid, f->grpid, f->perm, (unsigned long long)f->addr,
		    f->length, f->cookie);
	}
}

static void op_fault_write(struct world *world, const struct args *args)
{
	struct iommu_hwpt_page_response responses[8] = {};
	uint64_t numbers[16];
	int n = arg_list(args, "r", numbers, 16) / 2, fd;
	ssize_t put;

	if (!slot_fd(world, &world->faults, args, &fd))
		return;
	for (int i = 0; i < n; i++) {
		responses[i].cookie = numbers[2 * i];
		responses[i].code = numbers[2 * i + 1];
	}
	put = write(fd, responses, n * sizeof(responses[0]) + arg(args, "extra"));
	if (put < 0)
		say_errno(world);
	else
		say(world, "%zd", put);
}

static void say_poll(struct world *world, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

	poll(&p, 1, 0);
	say(world, "%s%s%s%s", p.revents & POLLIN ? "in" : "", p.revents & POLLOUT ? "out" : "",
	    p.revents & POLLERR ? "err" : "", p.revents & POLLHUP ? "hup" : "");
}

static void op_fault_poll(struct world *world, const struct args *args)
{
	int fd;

	if (slot_fd(world, &world->faults, args, &fd))
		say_poll(world, fd);
}

static void op_fault_close(struct world *world, const struct args *args)
{
	slot_close(world, &world->faults, args);
}

static void op_iopf(struct world *world, const struct args *args)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_TRIGGER_IOPF,
		.trigger_iopf = {.dev_id = arg(args, "dev"),
				 .pasid = arg(args, "pasid"),
				 .grpid = arg(args, "grp"),
				 .perm = arg(args, "perm"),
				 .addr = arg(args, "addr")},
	};

	call_mock(world, &cmd);
}

static void op_veventq_alloc(struct world *world, const struct args *args)
{
	struct iommu_veventq_alloc cmd = {
		.size = sizeof(cmd),
		.flags = arg(args, "fl"),
		.viommu_id = arg(args, "viommu"),
		.type = arg(args, "type"),
		.veventq_depth = arg(args, "depth"),
		.__reserved = arg(args, "rsv"),
	};

	if (!slot_room(world, &world->vevents) || !call(world, IOMMU_VEVENTQ_ALLOC, &cmd))
		return;
	say(world, " id=%u", cmd.out_veventq_id);
	slot_add(&world->vevents, cmd.out_veventq_fd);
}

static void op_vevent_read(struct world *world, const struct args *args)
{
	uint32_t words[64] = {};
	ssize_t got;
	int fd;

	if (!slot_fd(world, &world->vevents, args, &fd))
		return;
	got = read_some(world, fd, words, arg(args, "bytes"), sizeof(words));
	for (ssize_t i = 0; i < got / 4; i++)
		say(world, " %x", words[i]);
}

static void op_vevent_poll(struct world *world, const struct args *args)
{
	int fd;

	if (slot_fd(world, &world->vevents, args, &fd))
		say_poll(world, fd);
}

static void op_vevent_close(struct world *world, const struct args *args)
{
	slot_close(world, &world->vevents, args);
}

static void op_trigger_vevent(struct world *world, const struct args *args)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_TRIGGER_VEVENT,
		.trigger_vevent = {.dev_id = arg(args, "dev")},
	};

	call_mock(world, &cmd);
}

const struct op event_ops[] = {
	{"fault_alloc", op_fault_alloc},       {"fault_read", op_fault_read},
	{"fault_write", op_fault_write},       {"fault_poll", op_fault_poll},
	{"fault_close", op_fault_close},       {"iopf", op_iopf},
	{"veventq_alloc", op_veventq_alloc},   {"vevent_read", op_vevent_read},
	{"vevent_poll", op_vevent_poll},       {"vevent_close", op_vevent_close},
	{"trigger_vevent", op_trigger_vevent}, {},
};
