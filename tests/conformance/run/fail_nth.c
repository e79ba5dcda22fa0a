/* SPDX-License-Identifier: MIT */
/*
 * An ordinary program that makes its own calls fail by the kernel's fail-nth files, and says in TAP
 * whether they answer as on Linux: a 7.3 kernel with fault injection passes numbers(), positions(), paths() and
 * debugfs(), too; the rest depends on where the points are. Run it under `uiommufd run`.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>

static int number, failures;

/* Prints what was looked at when it isn't so. */
#define CHECK(what)                                                                                \
	do {                                                                                       \
		bool holds = (what);                                                               \
		int saved = errno;                                                                 \
		printf("%sok %d - %s: %s\n", holds ? "" : "not ", ++number, __func__, #what);      \
		if (!holds) {                                                                      \
			printf("# line %d, errno %s\n", __LINE__, strerror(saved));                \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

static int own; /* /proc/self/fail-nth */

static bool put(int fd, const char *text)
{
	return pwrite(fd, text, strlen(text), 0) == (ssize_t)strlen(text);
}

static bool refused(int fd, const char *text, int error)
{
	return pwrite(fd, text, strlen(text), 0) == -1 && errno == error;
}

static bool shows(int fd, const char *text)
{
	char buf[64];
	ssize_t n = pread(fd, buf, sizeof(buf), 0);

	return n == (ssize_t)strlen(text) && !memcmp(buf, text, n);
}

static void numbers(void)
{
	char *volatile nowhere = (char *)8;

	CHECK(shows(own, "0\n"));
	CHECK(put(own, "100000") && shows(own, "100000\n"));
	CHECK(put(own, "0x20000\n") && shows(own, "131072\n"));
	CHECK(put(own, "010000000") && shows(own, "2097152\n"));
	CHECK(put(own, "+200000") && shows(own, "200000\n"));
	CHECK(put(own, "4294967295") && shows(own, "4294967295\n"));
	CHECK(refused(own, "4294967296", ERANGE));
	CHECK(refused(own, "-1", EINVAL) && refused(own, " 7", EINVAL) &&
	      refused(own, "7 ", EINVAL));
	CHECK(refused(own, "x", EINVAL) && refused(own, "", EINVAL) && refused(own, "+", EINVAL));
	CHECK(shows(own, "4294967295\n"));
	CHECK(pwrite(own, "77", 2, 5) == 2 && shows(own, "77\n"));
	CHECK(pwrite(own, nowhere, 2, 0) == -1 && errno == EFAULT);
	CHECK(pread(own, nowhere, 2, 0) == -1 && errno == EFAULT);
	CHECK(put(own, "0") && shows(own, "0\n"));
}

static void positions(void)
{
	char buf[8];
	int fd = open("/proc/thread-self/fail-nth", O_RDWR);

	CHECK(put(own, "12345"));
	CHECK(pread(own, buf, 2, 0) == 2 && !memcmp(buf, "12", 2));
	CHECK(pread(own, buf, 8, 3) == 3 && !memcmp(buf, "45\n", 3));
	CHECK(pread(own, buf, 8, 6) == 0 && pread(own, buf, 8, 60) == 0);
	CHECK(write(fd, "12345", 5) == 5);
	CHECK(read(fd, buf, 4) == 4 && read(fd, buf, 8) == 2 && !memcmp(buf, "5\n", 2));
	CHECK(read(fd, buf, 8) == 0);
	CHECK(lseek(fd, 0, SEEK_SET) == -1 && errno == ESPIPE);
	CHECK(put(own, "0"));
	close(fd);
}

static bool opens(const char *path, int flags)
{
	int fd = open(path, flags);

	return fd >= 0 && !close(fd);
}

static bool opens_not(const char *path, int flags, int error)
{
	return open(path, flags) == -1 && errno == error;
}

static void paths(void)
{
	char path[64], text[8] = "";
	int fd, dir = open("/proc/self", O_RDONLY | O_DIRECTORY);
	struct stat st = {};
	FILE *stream;

	snprintf(path, sizeof(path), "/proc/%d/fail-nth", getpid());
	CHECK(opens(path, O_RDWR) && !stat(path, &st) && st.st_mode == (S_IFREG | 0644));
	snprintf(path, sizeof(path), "/proc/self/task/%d/fail-nth", getpid());
	CHECK(opens(path, O_RDWR) && !access(path, R_OK | W_OK));
	snprintf(path, sizeof(path), "/proc/%d/task/%d/../%d/fail-nth", getpid(), getpid(),
		 getpid());
	CHECK(opens(path, O_RDWR));
	CHECK(opens("/proc//self/./fail-nth", O_RDWR | O_CREAT | O_TRUNC));
	CHECK(opens_not("/proc/self/fail-nth", O_RDWR | O_CREAT | O_EXCL, EEXIST));
	CHECK(opens_not("/proc/self/fail-nth", O_RDONLY | O_DIRECTORY, ENOTDIR));
	CHECK(opens_not("/proc/self/task/1073741823/fail-nth", O_RDWR, ENOENT));
	CHECK(opens_not("/tmp/fail-nth", O_RDWR, ENOENT) && opens_not("fail-nth", O_RDWR, ENOENT));
	fd = openat(dir, "fail-nth", O_RDONLY);
	CHECK(fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size == 0);
	CHECK(shows(fd, "0\n") && write(fd, "1", 1) == -1 && errno == EBADF);
	close(fd);
	fd = open("/proc/self/fail-nth", O_WRONLY);
	CHECK(read(fd, text, 1) == -1 && errno == EBADF);
	close(fd);
	stream = fopen("/proc/self/fail-nth", "w");
	CHECK(stream && fprintf(stream, "%d", 5000) == 4 && !fclose(stream) &&
	      shows(own, "5000\n"));
	stream = fopen("/proc/self/fail-nth", "r");
	CHECK(stream && fgets(text, sizeof(text), stream) &&
	      atoi(text) > 4000); /* opening counts too */
	CHECK(!fclose(stream) && put(own, "0"));
	close(dir);
}

static bool has_entry(DIR *dir, const char *name)
{
	struct dirent *entry;

	rewinddir(dir);
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, name))
			return true;
	}
	return false;
}

static void debugfs(void)
{
	DIR *dir = opendir("/sys/kernel/debug/");
	int fd;

	CHECK(dir && has_entry(dir, "failslab") && has_entry(dir, "fail_page_alloc"));
	fd = openat(dirfd(dir), "failslab/ignore-gfp-wait", O_RDWR);
	CHECK(fd >= 0 && write(fd, "N", 1) == 1 && shows(fd, "N\n"));
	close(fd);
	fd = openat(dirfd(dir), "fail_page_alloc/ignore-gfp-wait", O_WRONLY);
	CHECK(fd >= 0 && write(fd, "N", 1) == 1);
	close(fd);
	fd = openat(dirfd(dir), "fail_page_alloc/min-order", O_WRONLY);
	CHECK(fd >= 0 && write(fd, "0", 1) == 1);
	close(fd);
	closedir(dir);
}

/* An allocation fails, once, and says so; what it had is undone. */
static int alloc(int fd, uint32_t *ret_id)
{
	struct iommu_ioas_alloc cmd = {.size = sizeof(cmd)};

	if (ioctl(fd, IOMMU_IOAS_ALLOC, &cmd))
		return errno;
	*ret_id = cmd.out_ioas_id;
	return 0;
}

static void sweep(int fd)
{
	uint32_t id = 0;
	char text[8];
	int nth, error = ENOMEM;

	for (nth = 1; error == ENOMEM && nth < 100; nth++) {
		snprintf(text, sizeof(text), "%d", nth);
		if (!put(own, text))
			break;
		error = alloc(fd, &id);
		if (shows(own, "0\n") != !!error)
			break;
	}
	CHECK(!error && nth > 2 && id);
	CHECK(put(own, "0") && !alloc(fd, &id));
}

static void *other_thread(void *arg)
{
	int fd = *(int *)arg, thread = open("/proc/thread-self/fail-nth", O_RDWR);
	uint32_t id;

	CHECK(shows(thread, "0\n") && shows(own, "1\n"));
	CHECK(!alloc(fd, &id) && shows(own, "1\n"));
	CHECK(put(thread, "1") && alloc(fd, &id) == ENOMEM && shows(thread, "0\n"));
	*(int *)arg = thread;
	return NULL;
}

static void threads(int fd)
{
	pthread_t thread;
	uint32_t id;
	int arg = fd;

	CHECK(put(own, "1"));
	if (pthread_create(&thread, NULL, other_thread, &arg)) {
		CHECK(!"a thread");
		return;
	}
	pthread_join(thread, NULL);
	CHECK(refused(arg, "1", ESRCH) && pread(arg, &id, 1, 0) == -1 && errno == ESRCH);
	close(arg);
	CHECK(alloc(fd, &id) == ENOMEM);
}

/* The child uses its parent's context: the points that its calls pass there count as its own. */
static void child(int fd)
{
	int mine = open("/proc/self/fail-nth", O_RDWR);

	CHECK(shows(mine, "0\n") && shows(own, "1000\n"));
	CHECK(put(own, "2000") && shows(own, "2000\n") && shows(mine, "0\n"));
	own = mine;
	sweep(fd);
	fflush(stdout);
	_exit(failures ? 255 : number);
}

static void processes(int fd)
{
	int status = -1;
	pid_t pid;

	CHECK(put(own, "1000"));
	fflush(stdout);
	pid = fork();
	if (!pid)
		child(fd);
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) != 255)
		number = WEXITSTATUS(status);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) != 255);
	CHECK(shows(own, "2000\n") && put(own, "0"));
}

int main(void)
{
	int fd = open("/dev/iommu", O_RDWR);

	setvbuf(stdout, NULL, _IOLBF, 0);
	own = open("/proc/self/fail-nth", O_RDWR);
	CHECK(own >= 0 && fd >= 0);
	numbers();
	positions();
	paths();
	debugfs();
	sweep(fd);
	threads(fd);
	processes(fd);
	printf("1..%d\n", number);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
