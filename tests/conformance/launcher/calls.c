/* SPDX-License-Identifier: MIT */
/*
 * What a program sees that nothing can be preloaded into, under `uiommufd run --device dmatest`: this one is linked statically. With the argument "raw" it makes
 * the calls that libc makes no more, by their numbers. In TAP.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>
#include <uiommufd/vfio.h>

#define NODE  "/dev/vfio/devices/vfio0"
#define LEN   (64 << 10)
#define IOVA  0x40000000ull
#define CHILD 20 /* a child's exit status if all was well */

/* dmatest's registers (src/model/dmatest.c). */
enum { ADDRESS = 0x00, COMMAND = 0x08, STATUS = 0x0c, LENGTH = 0x14, MEMORY = 0x1000 };
enum { START = 1, TO_MEMORY = 2, INTERRUPT = 4, DONE = 1, FAULT = 2 };

static int number, failed, iommu = -1, device = -1;
static uint32_t ioas;
static uint64_t bar0, config;
static bool raw;

static void ok(bool good, const char *name)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++number, name);
	if (!good)
		printf("# errno %d (%s)\n", errno, strerror(errno));
	failed += !good;
	fflush(stdout);
}

/* The call has failed with this. */
static bool is(long result, int error)
{
	return result == -1 && errno == error;
}

static int open_path(const char *path, int flags)
{
#if defined(__x86_64__)
	if (raw)
		return (int)syscall(SYS_open, path, flags, 0);
#endif
	return open(path, flags);
}

static int stat_path(const char *path, struct stat *st)
{
#if defined(__x86_64__)
	if (raw)
		return (int)syscall(SYS_stat, path, st);
#endif
	return stat(path, st);
}

static int access_path(const char *path, int mode)
{
#if defined(__x86_64__)
	if (raw)
		return (int)syscall(SYS_access, path, mode);
#endif
	return access(path, mode);
}

/* ---- paths ---- */

static bool lists(const char *folder, const char *name)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int times = 0;

	while (dir && (entry = readdir(dir)))
		times += !strcmp(entry->d_name, name);
	if (dir)
		closedir(dir);
	return times == 1;
}

static bool opens_below(const char *folder, const char *name)
{
	int dir = open(folder, O_RDONLY | O_DIRECTORY), fd = openat(dir, name, O_RDWR);

	close(fd);
	close(dir);
	return dir >= 0 && fd >= 0;
}

static void test_paths(void)
{
	struct statx stx;
	char text[64] = "";
	struct stat st;
	FILE *file;

	ok(!stat_path("/dev/iommu", &st) && S_ISCHR(st.st_mode) && (st.st_mode & 0777) == 0660 &&
		   major(st.st_rdev) == 10,
	   "stat of a node");
	ok(!statx(AT_FDCWD, "/dev/vfio/../iommu", 0, STATX_BASIC_STATS, &stx) &&
		   S_ISCHR(stx.stx_mode),
	   "statx, by another spelling");
	ok(!access_path(NODE, R_OK | W_OK) && is(access_path(NODE, X_OK), EACCES), "access");
	ok(is(open_path("/dev/vfio/nothing", O_RDWR), ENOENT), "no such node");
	ok(is(open_path("/dev/iommu", O_RDWR | O_CREAT | O_EXCL), EEXIST), "a node is there");
	ok(lists("/dev", "iommu") && lists("/dev", "null"), "a real folder shows both");
	ok(lists("/dev/vfio/devices", "vfio0"), "a folder of the machine's alone");
	ok(opens_below("/dev/vfio", "vfio") && opens_below("/dev", "iommu"), "openat");
	file = fopen("/sys/bus/pci/drivers/vfio-pci/../../../../class/vfio-dev/vfio0/device/vendor",
		     "r");
	ok(file && fgets(text, sizeof(text), file) && !strcmp(text, "0x1234\n"), "sysfs");
	if (file)
		fclose(file);
	ok(!access_path("/etc", R_OK) && !stat_path("/proc/self/status", &st) &&
		   !S_ISCHR(st.st_mode),
	   "other paths are the kernel's");
}

/* ---- /dev/iommu ---- */

static int map(int fd, void *at, uint64_t length, uint64_t iova)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas,
		.user_va = (uintptr_t)at,
		.length = length,
		.iova = iova,
	};

	return ioctl(fd, IOMMU_IOAS_MAP, &cmd);
}

static int unmap(int fd, uint64_t iova, uint64_t length)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = ioas, .iova = iova, .length = length};

	return ioctl(fd, IOMMU_IOAS_UNMAP, &cmd);
}

static void *memory(void)
{
	void *at = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void test_iommu(void)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct stat st;

	iommu = open_path("/dev/iommu", O_RDWR | O_CLOEXEC);
	ok(iommu >= 0 && fcntl(iommu, F_GETFD) == FD_CLOEXEC, "open /dev/iommu");
	ok(!fstat(iommu, &st) && S_ISCHR(st.st_mode), "fstat says what it is");
	ok(!ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc), "IOAS_ALLOC");
	ioas = alloc.out_ioas_id;
	ok(!map(iommu, memory(), LEN, IOVA), "MAP");
	ok(is(map(iommu, memory(), LEN, IOVA), EEXIST), "what is mapped is taken");
	ok(is(ioctl(iommu, IOMMU_IOAS_MAP, (void *)8), EFAULT), "a bad pointer");
	ok(is(ioctl(iommu, _IO(';', 0xff), NULL), ENOTTY), "an unknown number");
	ok(!unmap(iommu, IOVA, LEN) && is(unmap(iommu, IOVA, LEN), ENOENT), "UNMAP");
	ok(is(ioctl(STDIN_FILENO, IOMMU_IOAS_ALLOC, &alloc), ENOTTY) &&
		   is(ioctl(999, IOMMU_IOAS_ALLOC, &alloc), EBADF),
	   "descriptors that aren't ours");
	ok(is(pread(STDIN_FILENO, &alloc, 1, -1), EINVAL), "a bad position");
}

/* ---- a device ---- */

static uint32_t load(uint64_t offset)
{
	uint32_t value = 0xdeadbeef;

	return pread(device, &value, 4, (off_t)(bar0 + offset)) == 4 ? value : 0xdeadbeef;
}

static void store(uint64_t offset, uint64_t value, size_t length)
{
	if (pwrite(device, &value, length, (off_t)(bar0 + offset)) != (ssize_t)length)
		perror("pwrite");
}

static uint32_t transfer(uint64_t address, uint32_t command, uint32_t length)
{
	uint32_t status;

	store(ADDRESS, address, 8);
	store(LENGTH, length, 4);
	store(COMMAND, command | START, 4);
	while (!((status = load(STATUS)) & DONE))
		usleep(100);
	return status;
}

static uint64_t region(uint32_t index, uint32_t *ret_flags)
{
	struct vfio_region_info info = {.argsz = sizeof(info), .index = index};

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info))
		return UINT64_MAX;
	*ret_flags = info.flags;
	return info.offset;
}

static int attach(void)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = iommu};
	struct vfio_device_attach_iommufd_pt pt = {.argsz = sizeof(pt), .pt_id = ioas};

	return ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind)	   ? 1
	       : ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &pt) ? 2
								   : 0;
}

static void test_device(void)
{
	const uint16_t command = 0x6;
	uint32_t flags = 0, id = 0;

	device = open_path(NODE, O_RDWR | O_CLOEXEC);
	ok(device >= 0, "open a device");
	ok(is(pread(device, &id, 4, 0), EINVAL), "it is nobody's yet");
	ok(!attach(), "BIND_IOMMUFD, ATTACH_IOMMUFD_PT");
	config = region(VFIO_PCI_CONFIG_REGION_INDEX, &flags);
	bar0 = region(VFIO_PCI_BAR0_REGION_INDEX, &flags);
	ok(bar0 != UINT64_MAX && !(flags & VFIO_REGION_INFO_FLAG_MMAP),
	   "regions are for pread and pwrite");
	ok(mmap(NULL, 4096, PROT_READ, MAP_SHARED, device, (off_t)bar0) == MAP_FAILED &&
		   errno == ENODEV,
	   "and not for mmap");
	ok(pread(device, &id, 4, (off_t)config) == 4 && id == 0x11e91234, "config space");
	ok(pwrite(device, &command, 2, (off_t)config + 4) == 2, "Bus Master");
}

static void test_dma(void)
{
	char *at = memory(), back[4096];

	memset(at, 'p', LEN);
	ok(!map(iommu, at, LEN, IOVA), "MAP for the device");
	ok(transfer(IOVA + 100, 0, 4096) == DONE, "the device reads");
	ok(pread(device, back, 4096, (off_t)(bar0 + MEMORY)) == 4096 && back[0] == 'p' &&
		   back[4095] == 'p',
	   "what the program wrote");
	memset(back, 'd', sizeof(back));
	ok(pwrite(device, back, 4096, (off_t)(bar0 + MEMORY)) == 4096, "its memory is written");
	ok(transfer(IOVA + 8192, TO_MEMORY, 4096) == DONE && at[8191] == 'p' && at[8192] == 'd' &&
		   at[8192 + 4095] == 'd' && at[8192 + 4096] == 'p',
	   "the device writes to the program's memory");
	ok(!unmap(iommu, IOVA, LEN), "UNMAP under the device");
	ok(transfer(IOVA, TO_MEMORY, 64) & FAULT, "nothing is there any more");
	munmap(at, LEN);
}

static void test_interrupt(void)
{
	struct {
		struct vfio_irq_set set;
		int fd;
	} irq = {{.argsz = sizeof(irq),
		  .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		  .index = VFIO_PCI_MSIX_IRQ_INDEX,
		  .count = 1},
		 eventfd(0, EFD_CLOEXEC)};
	struct pollfd p = {.fd = irq.fd, .events = POLLIN};
	void *at = memory();

	ok(!ioctl(device, VFIO_DEVICE_SET_IRQS, &irq), "SET_IRQS takes an eventfd");
	ok(!map(iommu, at, LEN, IOVA) && transfer(IOVA, INTERRUPT, 64) == DONE &&
		   poll(&p, 1, 10000) == 1,
	   "the device interrupts");
	unmap(iommu, IOVA, LEN);
	munmap(at, LEN);
	close(irq.fd);
}

/* Nobody tells of a close(): it has its effect before the next call all the same. */
static void test_close(void)
{
	bool good = true;

	for (int i = 0; i < 100 && good; i++) {
		close(device);
		device = open_path(NODE, O_RDWR | O_CLOEXEC);
		good = device >= 0 && !attach();
	}
	ok(good, "a device that is closed can be opened and bound at once");
	close(device);
	close(iommu);
	iommu = open_path("/dev/iommu", O_RDWR | O_CLOEXEC);
	device = open_path(NODE, O_RDWR | O_CLOEXEC);
	ioas = 0;
}

/* ---- page requests ---- */

static void test_faults(void)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iommu_test_cmd domain = {.size = sizeof(domain), .op = IOMMU_TEST_OP_MOCK_DOMAIN};
	struct iommu_fault_alloc fault = {.size = sizeof(fault)};
	struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt), .flags = IOMMU_HWPT_FAULT_ID_VALID};
	struct iommu_test_cmd replace = {.size = sizeof(replace),
					 .op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE};
	struct iommu_test_cmd trigger = {.size = sizeof(trigger), .op = IOMMU_TEST_OP_TRIGGER_IOPF};
	struct iommu_hwpt_page_response response = {};
	struct iommu_hwpt_pgfault message = {};
	struct pollfd p = {.events = POLLIN};
	int fd = open_path("/dev/iommu", O_RDWR);

	ok(!ioctl(fd, IOMMU_IOAS_ALLOC, &alloc) && !ioctl(fd, IOMMU_FAULT_QUEUE_ALLOC, &fault),
	   "FAULT_QUEUE_ALLOC");
	p.fd = (int)fault.out_fault_fd;
	ok(fcntl(p.fd, F_GETFD) == FD_CLOEXEC && !poll(&p, 1, 0), "it hands out a descriptor");
	domain.id = hwpt.pt_id = alloc.out_ioas_id;
	hwpt.fault_id = fault.out_fault_id;
	ok(!ioctl(fd, IOMMU_TEST_CMD, &domain), "a mock device");
	hwpt.dev_id = trigger.trigger_iopf.dev_id = domain.mock_domain.out_idev_id;
	replace.id = domain.mock_domain.out_stdev_id;
	ok(!ioctl(fd, IOMMU_HWPT_ALLOC, &hwpt), "a page table that takes page requests");
	replace.mock_domain_replace.pt_id = hwpt.out_hwpt_id;
	ok(!ioctl(fd, IOMMU_TEST_CMD, &replace) && !ioctl(fd, IOMMU_TEST_CMD, &trigger),
	   "a page request");
	ok(is(read(p.fd, &message, 4), ESPIPE), "a read that is too short takes nothing");
	ok(poll(&p, 1, 0) == 1 && read(p.fd, &message, sizeof(message)) == sizeof(message),
	   "poll and read have it");
	ok(!poll(&p, 1, 0) && read(p.fd, &message, sizeof(message)) == 0, "and then no more");
	response.cookie = message.cookie + 1;
	ok(is(write(p.fd, &response, sizeof(response)), EINVAL), "a wrong answer is refused");
	response.cookie = message.cookie;
	ok(write(p.fd, &response, sizeof(response)) == sizeof(response), "it is answered");
	close(p.fd);
	close(fd);
}

/* ---- processes ---- */

static bool ended_well(pid_t pid)
{
	int status = 0;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == CHILD;
}

static void send_fd(int sock, int fd)
{
	char byte = 'x', control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	if (sendmsg(sock, &msg, 0) != 1)
		exit(1);
}

static int receive_fd(int sock)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(sock, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* A child's own memory, and one IOMMU. */
static void test_fork(void)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	char *at = memory();
	pid_t pid;

	ok(!ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc), "an IOAS for two processes");
	ioas = alloc.out_ioas_id;
	ok(!attach(), "a device for two processes");
	ok(pwrite(device, &(uint16_t){6}, 2, (off_t)config + 4) == 2, "its Bus Master");
	memset(at, 'a', LEN);
	pid = fork();
	if (!pid) {
		memset(at, 'c', LEN);
		_exit(map(iommu, at, LEN, IOVA) || transfer(IOVA, 0, 64) != DONE ||
				      load(MEMORY) != 0x63636363
			      ? 1
			      : CHILD);
	}
	ok(ended_well(pid), "a child maps its own memory");
	ok(load(MEMORY) == 0x63636363, "its parent sees the device");
	ok(transfer(IOVA, 0, 64) == DONE && load(MEMORY) == 0x63636363,
	   "what the child had pinned outlives it");
	ok(!unmap(iommu, IOVA, LEN), "and its parent takes it away");
	munmap(at, LEN);
}

static void test_rights(void)
{
	int socks[2], fd;
	pid_t pid;

	ok(!socketpair(AF_UNIX, SOCK_STREAM, 0, socks), "a socket pair");
	pid = fork();
	if (!pid) {
		struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};

		fd = open_path("/dev/iommu", O_RDWR);
		if (ioctl(fd, IOMMU_IOAS_ALLOC, &alloc))
			_exit(1);
		send_fd(socks[1], fd);
		_exit(CHILD);
	}
	fd = receive_fd(socks[0]);
	ok(ended_well(pid), "a child opens and sends");
	ok(!ioctl(fd, IOMMU_DESTROY, &(struct iommu_destroy){.size = 8, .id = 1}),
	   "what was received goes on as it is");
	close(fd);
}

static void *thread(void *arg)
{
	char *at = memory();
	bool good = true;
	uint64_t iova = IOVA + (uintptr_t)arg * LEN;

	for (int i = 0; i < 200 && good; i++)
		good = !map(iommu, at, LEN, iova) && !unmap(iommu, iova, LEN);
	return good ? NULL : at;
}

static void test_threads(void)
{
	pthread_t threads[8];
	void *bad = NULL, *result;

	for (uintptr_t i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, thread, (void *)i);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], &result);
		bad = bad ? bad : result;
	}
	ok(!bad, "threads call at the same time");
}

static atomic_int alarms;

static void on_alarm(int sig)
{
	alarms++;
}

static void test_signals(void)
{
	const struct itimerval often = {{0, 200}, {0, 200}}, never = {};
	char *at = memory();
	bool good = true;

	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 2000 && good; i++)
		good = !map(iommu, at, LEN, IOVA) && !unmap(iommu, IOVA, LEN);
	setitimer(ITIMER_REAL, &never, NULL);
	ok(good && alarms, "no call is made twice because of a signal");
}

static void test_limits(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &limit);
	ok(is(open_path("/dev/iommu", O_RDWR), EMFILE), "no number is left");
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	raw = argc > 1 && !strcmp(argv[1], "raw");
	test_paths();
	test_iommu();
	test_device();
	test_dma();
	test_interrupt();
	test_close();
	test_faults();
	test_fork();
	test_rights();
	test_threads();
	test_signals();
	test_limits();
	printf("1..%d\n", number);
	return failed != 0;
}
