/* SPDX-License-Identifier: MIT */
/*
 * The rules of a fault queue's descriptor, with page requests of a device: what read and write refuse, which answers are taken, groups and their last page, PASIDs.
 * The device's accesses tell what became of the answers.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <uiommufd/vfio.h>

#include "storm.h"

#define DMATEST 0x123411e9u
#define MEMORY	(2u << 20)
#define PASID	5u

enum {
	ADDRESS = 0x00,
	COMMAND = 0x08,
	STATUS = 0x0c,
	PASID_REGISTER = 0x10,
	LENGTH = 0x14,
	BUFFER = 0x1000
};
enum { START = 1, TO_MEMORY = 2, DONE = 1, FAULTED = 2 };

static struct vfio devices[2];
static char *bars[2];
static struct stage1 tables;
static uint64_t frames;
static uint32_t queue_id, objects[2];
static int queue;
/* The first page is never there. */
static const void *volatile bad_address = (const void *)16;

/* ---- the device ---- */

static void start(unsigned int device, uint64_t address, uint32_t length)
{
	put64(bars[device] + ADDRESS, address);
	put32(bars[device] + LENGTH, length);
	put32(bars[device] + COMMAND, START);
}

static uint32_t end(unsigned int device)
{
	unsigned int tries = 0;

	while (get32(bars[device] + COMMAND) & START)
		pause_for(&tries);
	return get32(bars[device] + STATUS);
}

/* ---- the queue ---- */

static unsigned int read_group(struct iommu_hwpt_pgfault *messages, unsigned int n)
{
	struct pollfd ready = {.fd = queue, .events = POLLIN};
	ssize_t got;

	must(poll(&ready, 1, -1) == 1 && ready.revents & POLLIN);
	got = read(queue, messages, n * sizeof(*messages));
	must(got > 0 && got % (ssize_t)sizeof(*messages) == 0);
	return (unsigned int)(got / (ssize_t)sizeof(*messages));
}

static ssize_t answer(uint32_t cookie, uint32_t code)
{
	struct iommu_hwpt_page_response response = {.cookie = cookie, .code = code};

	return write(queue, &response, sizeof(response));
}

static void map(uint64_t va)
{
	stage1_map(&tables, va, frames + (va - WINDOW(0)));
}

static void unmap_all(void)
{
	for (unsigned int i = 0; i < DATA_PAGES; i++)
		stage1_unmap(&tables, va_of(0, i), objects[0]);
}

static bool fails(ssize_t rc, int error)
{
	return rc == -1 && errno == error;
}

/* ---- the rules ---- */

static void empty_queue(void)
{
	struct iommu_hwpt_pgfault message;
	struct pollfd ready = {.fd = queue, .events = POLLIN | POLLOUT};

	must(read(queue, &message, sizeof(message)) == 0);
	must(read(queue, &message, 0) == 0);
	must(fails(read(queue, &message, 39), ESPIPE));
	must(fails(pread(queue, &message, sizeof(message), 0), ESPIPE));
	must(poll(&ready, 1, 0) == 1 && ready.revents == POLLOUT);
	must(fails(lseek(queue, 0, SEEK_SET), ESPIPE));
}

static void wrong_answers(void)
{
	struct iommu_hwpt_pgfault message;
	struct iommu_hwpt_page_response response;

	start(0, va_of(0, 0) + 8, 8);
	must(read_group(&message, 1) == 1);
	must(message.flags == IOMMU_PGFAULT_FLAGS_LAST_PAGE && message.dev_id == devices[0].id);
	must(message.perm == IOMMU_PGFAULT_PERM_READ && !message.length && !message.pasid);
	must((message.addr & ~0xfffull) == va_of(0, 0));
	must(message.cookie == 1);
	response = (struct iommu_hwpt_page_response){.cookie = message.cookie};
	must(fails(write(queue, &response, 7), ESPIPE));
	must(fails(pwrite(queue, &response, sizeof(response), 0), ESPIPE));
	must(write(queue, &response, 0) == 0);
	must(fails(answer(message.cookie, 2), EINVAL));
	must(fails(answer(message.cookie + 1, 0), EINVAL));
	must(fails(answer(0, 0), EINVAL));
	must(fails(write(queue, bad_address, sizeof(response)), EFAULT));
	must(get32(bars[0] + COMMAND) & START);
	map(va_of(0, 0));
	must(answer(message.cookie, IOMMUFD_PAGE_RESP_SUCCESS) == sizeof(response));
	must(end(0) == DONE);
	must(fails(answer(message.cookie, IOMMUFD_PAGE_RESP_SUCCESS), EINVAL));
}

/* What was taken before the wrong one is told, and what comes after it isn't looked at. */
static void short_writes(void)
{
	struct iommu_hwpt_page_response responses[3] = {0};
	struct iommu_hwpt_pgfault messages[2];

	unmap_all();
	start(0, va_of(0, 1), 8);
	must(read_group(&messages[0], 1) == 1);
	start(1, va_of(0, 2), 8);
	must(read_group(&messages[1], 1) == 1);
	must(messages[0].cookie != messages[1].cookie && messages[1].dev_id == devices[1].id);
	map(va_of(0, 1));
	map(va_of(0, 2));
	responses[0].cookie = messages[0].cookie;
	responses[1].cookie = 77;
	responses[2].cookie = messages[1].cookie;
	must(write(queue, responses, sizeof(responses)) == sizeof(responses[0]));
	must(end(0) == DONE);
	must(get32(bars[1] + COMMAND) & START);
	must(answer(messages[1].cookie, IOMMUFD_PAGE_RESP_SUCCESS) == sizeof(responses[0]));
	must(end(1) == DONE);
}

static void invalid(void)
{
	struct iommu_hwpt_pgfault message;

	unmap_all();
	start(0, va_of(0, 3), 8);
	must(read_group(&message, 1) == 1);
	must(answer(message.cookie, IOMMUFD_PAGE_RESP_INVALID) > 0);
	must(end(0) == (DONE | FAULTED));
	must(get64(bars[0] + 0x18) == va_of(0, 3));
}

/* A success that maps nothing leads to the next request. */
static void success_of_nothing(void)
{
	struct iommu_hwpt_pgfault message;

	start(0, va_of(0, 3), 8);
	for (unsigned int i = 0; i < 3; i++) {
		must(read_group(&message, 1) == 1);
		must(answer(message.cookie, IOMMUFD_PAGE_RESP_SUCCESS) > 0);
	}
	must(read_group(&message, 1) == 1);
	map(va_of(0, 3));
	must(answer(message.cookie, IOMMUFD_PAGE_RESP_SUCCESS) > 0);
	must(end(0) == DONE);
}

/* A page request asks for all that is missing (PCI Express), a stalled access for what it needs next. A group comes whole or not at all. */
static void groups(void)
{
	struct iommu_hwpt_pgfault messages[4];
	unsigned int pages = tables.smmu ? 1 : 2;

	unmap_all();
	start(0, va_of(0, 4) + 0x800, PAGE_BYTES);
	do {
		struct pollfd ready = {.fd = queue, .events = POLLIN};

		must(poll(&ready, 1, -1) == 1);
		must(fails(read(queue, messages, 0), EINVAL));
		if (pages > 1)
			must(fails(read(queue, messages, sizeof(messages[0])), EINVAL));
		must(read_group(messages, 4) == pages);
		for (unsigned int i = 0; i < pages; i++) {
			must(messages[i].flags ==
			     (i == pages - 1 ? IOMMU_PGFAULT_FLAGS_LAST_PAGE : 0));
			must(messages[i].grpid == messages[0].grpid);
			must(messages[i].cookie == messages[0].cookie);
			map(messages[i].addr & ~0xfffull);
		}
		must(answer(messages[0].cookie, IOMMUFD_PAGE_RESP_SUCCESS) > 0);
	} while ((messages[pages - 1].addr & ~0xfffull) != va_of(0, 5));
	must(end(0) == DONE);
}

/* Two groups of two devices: as many as fit, whole, and in order. */
static void several_groups(void)
{
	struct iommu_hwpt_pgfault messages[3];

	unmap_all();
	start(0, va_of(0, 6), 8);
	must(read_group(messages, 1) == 1);
	must(answer(messages[0].cookie, IOMMUFD_PAGE_RESP_INVALID) > 0);
	must(end(0) == (DONE | FAULTED));
	start(0, va_of(0, 6), 8);
	start(1, va_of(0, 7), 8);
	for (unsigned int got = 0; got < 2;)
		got += read_group(&messages[got], 3 - got);
	must(messages[0].dev_id + messages[1].dev_id == devices[0].id + devices[1].id);
	must(messages[0].cookie == 1 && messages[1].cookie == 2);
	map(va_of(0, 6));
	map(va_of(0, 7));
	must(answer(2, 0) > 0 && answer(1, 0) > 0);
	must(end(0) == DONE && end(1) == DONE);
}

/* Detaching and replacing answer for the program: what it says later isn't wanted. Nor is what another attachment's requests are left with. */
static void end_of_an_attachment(void)
{
	uint32_t other = stage1_object(&tables, devices[0].id, queue_id);
	struct iommu_hwpt_pgfault messages[2];

	unmap_all();
	start(0, va_of(0, 8), 8);
	must(read_group(&messages[0], 1) == 1);
	start(1, va_of(0, 8), 8);
	must(read_group(&messages[1], 1) == 1);
	vfio_attach(&devices[0], other);
	must(end(0) == (DONE | FAULTED));
	must(fails(answer(messages[0].cookie, IOMMUFD_PAGE_RESP_SUCCESS), EINVAL));
	must(get32(bars[1] + COMMAND) & START);
	start(0, va_of(0, 9), 8);
	must(read_group(&messages[0], 1) == 1);
	vfio_detach(&devices[0]);
	must(end(0) == (DONE | FAULTED));
	must(fails(answer(messages[0].cookie, IOMMUFD_PAGE_RESP_SUCCESS), EINVAL));
	map(va_of(0, 8));
	must(answer(messages[1].cookie, IOMMUFD_PAGE_RESP_SUCCESS) > 0);
	must(end(1) == DONE);
	vfio_attach(&devices[0], objects[0]);
	stage1_destroy(&tables, other);
}

/* A PASID's requests say so. On the SMMUv3 PASIDs are the guest's table's, which has one entry. */
static void pasid_requests(void)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach), .flags = VFIO_DEVICE_ATTACH_PASID, .pasid = PASID};
	struct vfio_device_detach_iommufd_pt detach = {
		.argsz = sizeof(detach), .flags = VFIO_DEVICE_DETACH_PASID, .pasid = PASID};
	struct iommu_hwpt_pgfault message;

	if (tables.smmu)
		return;
	unmap_all();
	vfio_detach(&devices[0]);
	attach.pt_id = stage1_pasid_object(&tables, devices[0].id, queue_id);
	must(!ioctl(devices[0].fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));
	put32(bars[0] + PASID_REGISTER, PASID | 1u << 31);
	start(0, va_of(0, 10), 8);
	must(read_group(&message, 1) == 1);
	must(message.flags == (IOMMU_PGFAULT_FLAGS_LAST_PAGE | IOMMU_PGFAULT_FLAGS_PASID_VALID));
	must(message.pasid == PASID);
	map(va_of(0, 10));
	must(answer(message.cookie, IOMMUFD_PAGE_RESP_SUCCESS) > 0);
	must(end(0) == DONE);
	start(0, va_of(0, 11), 8);
	must(read_group(&message, 1) == 1);
	must(!ioctl(devices[0].fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach));
	must(end(0) == (DONE | FAULTED));
	must(fails(answer(message.cookie, IOMMUFD_PAGE_RESP_SUCCESS), EINVAL));
	put32(bars[0] + PASID_REGISTER, 0);
	stage1_destroy(&tables, attach.pt_id);
	vfio_attach(&devices[0], objects[0]);
}

/*
 * The queue is another process's alone. A request that it has not read is not its to answer, though it may guess the cookie; and its death ends all of them.
 */
static void guess(int done)
{
	struct iommu_hwpt_pgfault messages[2];

	must(read_group(messages, 1) == 1);
	for (uint32_t cookie = 1; cookie < 10; cookie++)
		if (cookie != messages[0].cookie)
			must(fails(answer(cookie, IOMMUFD_PAGE_RESP_SUCCESS), EINVAL));
	must(read_group(&messages[1], 1) == 1);
	must(messages[1].dev_id != messages[0].dev_id);
	map(messages[0].addr & ~0xfffull);
	must(answer(messages[0].cookie, IOMMUFD_PAGE_RESP_SUCCESS) > 0);
	must(write(done, "", 1) == 1);
	pause();
}

static void another_process(void)
{
	struct iommu_destroy destroy = {.size = sizeof(destroy), .id = queue_id};
	int done[2];
	pid_t child;
	char byte;

	unmap_all();
	start(0, va_of(0, 12), 8);
	start(1, va_of(0, 13), 8);
	must(fails(ioctl(tables.iommufd, IOMMU_DESTROY, &destroy), EBUSY));
	must(!pipe(done));
	child = fork();
	must(child >= 0);
	if (!child) {
		guess(done[1]);
		_exit(0);
	}
	must(!close(queue) && !close(done[1]));
	must(read(done[0], &byte, 1) == 1);
	must(!kill(child, SIGKILL) && waitpid(child, NULL, 0) == child);
	must(end(0) + end(1) == (DONE | FAULTED) + DONE);
	start(0, va_of(0, 14), 8);
	must(end(0) == (DONE | FAULTED));
}

static void in_child(uint32_t id)
{
	struct iommu_destroy destroy = {.size = sizeof(destroy), .id = id};
	pid_t child = fork();
	int status;

	must(child >= 0);
	if (!child)
		_exit(ioctl(tables.iommufd, IOMMU_DESTROY, &destroy) ? errno : 0);
	must(waitpid(child, &status, 0) == child && status == 0);
}

/* A process that has been waited for holds nothing any more, whoever asks. */
static void death_of_a_holder(void)
{
	for (unsigned int i = 0; i < 200; i++) {
		struct iommu_destroy destroy = {.size = sizeof(destroy)};
		int fd = stage1_fault_queue(&tables, &destroy.id);
		pid_t holder = fork();

		must(holder >= 0);
		if (!holder)
			pause();
		must(!close(fd));
		must(fails(ioctl(tables.iommufd, IOMMU_DESTROY, &destroy), EBUSY));
		must(!kill(holder, SIGKILL) && waitpid(holder, NULL, 0) == holder);
		if (i % 2)
			must(!ioctl(tables.iommufd, IOMMU_DESTROY, &destroy));
		else
			in_child(destroy.id);
	}
}

/* ---- all of it ---- */

static void set_up(void)
{
	int iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	void *memory =
		mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(iommufd >= 0 && memory != MAP_FAILED);
	for (unsigned int i = 0; i < 2; i++) {
		vfio_bind(&devices[i], DMATEST, i, iommufd);
		bars[i] = vfio_bar(&devices[i], 0);
	}
	stage1_init(&tables, iommufd, devices[0].id, memory, MEMORY);
	stage1_prepare(&tables, WINDOW(0), DATA_PAGES);
	frames = stage1_take(&tables, DATA_PAGES);
	queue = stage1_fault_queue(&tables, &queue_id);
	for (unsigned int i = 0; i < 2; i++) {
		stage1_add_device(&tables, devices[i].id, i + 1);
		objects[i] = stage1_object(&tables, devices[i].id, queue_id);
		vfio_attach(&devices[i], objects[i]);
	}
}

static const struct {
	void (*run)(void);
	const char *what;
} rules[] = {
	{empty_queue, "an empty queue"},
	{wrong_answers, "answers that are wrong"},
	{short_writes, "a write ends before the wrong answer"},
	{invalid, "INVALID ends the access"},
	{success_of_nothing, "a success that maps nothing leads to the next request"},
	{groups, "groups are whole, and their last page says so"},
	{several_groups, "several groups in one read"},
	{end_of_an_attachment, "detach and replace end the requests of their attachment"},
	{pasid_requests, "requests of a PASID"},
	{death_of_a_holder, "a queue whose holder was killed is in nobody's use"},
	{another_process, "a queue that is another process's, and its death"},
};

int main(void)
{
	unsigned int n = sizeof(rules) / sizeof(rules[0]);

	printf("1..%u\n", n);
	set_up();
	for (unsigned int i = 0; i < n; i++) {
		rules[i].run();
		printf("ok %u - %s\n", i + 1, rules[i].what);
	}
	return 0;
}
