/* SPDX-License-Identifier: MIT */
/* Areas as the kernel lists them, by both ways to ask, also when the program takes our descriptor away. */
#include "base/inject.h"
#include "base/mounts.h"
#include "base/vma.h"
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define PAGE 4096ul

/* Five pages: rw private, hole, r private, shared file page 1, none; with other pages around. */
static char *layout_new(int *ret_fd)
{
	char *p = mmap(NULL, 7 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*ret_fd = memfd_create("vma", MFD_CLOEXEC);
	assert_int_equal(ftruncate(*ret_fd, 2 * PAGE), 0);
	assert_int_equal(mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
	assert_int_equal(munmap(p + 2 * PAGE, PAGE), 0);
	assert_int_equal(mprotect(p + 3 * PAGE, PAGE, PROT_READ), 0);
	assert_ptr_equal(mmap(p + 4 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			      *ret_fd, PAGE),
			 p + 4 * PAGE);
	return p;
}

static void check_layout(struct vma_view *view, const char *p, int fd)
{
	uint64_t at = (uint64_t)p;
	struct stat st;
	struct vma vma;

	assert_int_equal(vma_begin(view), 0);
	assert_int_equal(vma_find(view, at + PAGE + 5, &vma), 0);
	assert_int_equal(vma.start, at + PAGE);
	assert_int_equal(vma.end, at + 2 * PAGE);
	assert_int_equal(vma.flags, VMA_READ | VMA_WRITE);
	assert_int_equal(vma.inode, 0);
	assert_int_equal(vma_find(view, at + 2 * PAGE, &vma), 0); /* the next one */
	assert_int_equal(vma.start, at + 3 * PAGE);
	assert_int_equal(vma.flags, VMA_READ);
	assert_int_equal(vma_find(view, at + 4 * PAGE, &vma), 0);
	assert_int_equal(vma.flags, VMA_READ | VMA_WRITE | VMA_SHARED);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(vma.inode, st.st_ino);
	assert_int_equal(vma.major, major(st.st_dev));
	assert_int_equal(vma.minor, minor(st.st_dev));
	assert_int_equal(vma.offset, PAGE);
	assert_int_equal(vma_find(view, at + 5 * PAGE, &vma), 0);
	assert_int_equal(vma.flags, 0);
}

static void finds(struct vma_view *view)
{
	struct vma vma;
	int fd;
	char *p = layout_new(&fd);

	check_layout(view, p, fd);
	assert_int_equal(vma_find(view, UINT64_MAX, &vma), -ENOENT);
	close(fd);
	munmap(p, 7 * PAGE);
}

static void by_query(void **state)
{
	struct vma_view view;

	vma_view_init(&view, 0);
	finds(&view);
	vma_view_done(&view);
}

static void by_text(void **state)
{
	struct vma_view view;

	vma_view_init(&view, 0);
	view.text = true;
	finds(&view);
	finds(&view);
	vma_view_done(&view);
}

/* The list is longer than what is read at once. */
static void long_text(void **state)
{
	enum { N = 600 };
	struct vma_view view;
	struct vma vma;
	char *p = mmap(NULL, N * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < N; i += 2)
		assert_int_equal(mprotect(p + i * PAGE, PAGE, PROT_NONE), 0);
	vma_view_init(&view, 0);
	view.text = true;
	assert_int_equal(vma_begin(&view), 0);
	for (int i = 0; i < N; i++) {
		assert_int_equal(vma_find(&view, (uint64_t)p + i * PAGE, &vma), 0);
		assert_int_equal(vma.flags, i % 2 ? VMA_READ : 0);
	}
	vma_view_done(&view);
	munmap(p, N * PAGE);
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void descriptor_is_out_of_the_way(void **state)
{
	struct vma_view view;
	int before = count_fds(), low;

	vma_view_init(&view, 0);
	assert_int_equal(vma_begin(&view), 0);
	assert_true(view.fd >= 400);
	assert_true(fcntl(view.fd, F_GETFD) & FD_CLOEXEC);
	low = dup(0);
	assert_true(low < 100);
	close(low);
	vma_view_done(&view);
	assert_int_equal(count_fds(), before);
}

static void descriptor_taken_away(void **state)
{
	struct vma_view view;
	int before = count_fds(), number;

	vma_view_init(&view, 0);
	finds(&view);
	close(view.fd);
	finds(&view);
	number = view.fd;
	assert_int_equal(dup2(0, number), number); /* the program's now */
	finds(&view);
	assert_int_not_equal(view.fd, number);
	assert_int_equal(close(number), 0);
	vma_view_done(&view);
	vma_view_done(&view);
	assert_int_equal(count_fds(), before);
	/* And nothing of the program's is closed. */
	finds(&view);
	assert_int_equal(dup2(0, view.fd), view.fd);
	number = view.fd;
	vma_view_done(&view);
	assert_int_equal(close(number), 0);
}

static void no_room(void *arg)
{
	struct rlimit limit = {64, 64};
	struct vma_view view;

	setrlimit(RLIMIT_NOFILE, &limit);
	vma_view_init(&view, 0);
	finds(&view);
	assert_true(view.fd >= 50 && view.fd < 64);
	vma_view_done(&view);
	while (dup(0) >= 0)
		;
	assert_int_equal(vma_begin(&view), -EMFILE);
	close(3);
	assert_int_equal(vma_begin(&view), 0);
	assert_int_equal(view.fd, 3);
}

static void few_descriptors(void **state)
{
	assert_true(unit_exited(unit_in_child(no_room, NULL), 0));
}

static void fails_on_purpose(void **state)
{
	struct vma_view view;

	vma_view_init(&view, 0);
	inject_arm(1);
	assert_int_equal(vma_begin(&view), -EMFILE);
	assert_int_equal(vma_begin(&view), 0);
	vma_view_done(&view);
}

static void another_process(void **state)
{
	struct vma_view view;
	struct vma vma;
	int ask[2], fd;
	char *p = layout_new(&fd), c;
	pid_t pid;

	assert_int_equal(pipe(ask), 0);
	pid = fork();
	if (pid == 0) {
		close(ask[1]);
		_exit(read(ask[0], &c, 1) == 0 ? 0 : 1);
	}
	close(ask[0]);
	munmap(p + PAGE, PAGE); /* ours, not the child's */
	for (int text = 0; text < 2; text++) {
		vma_view_init(&view, pid);
		view.text = text;
		check_layout(&view, p, fd);
		if (!text)
			vma_view_done(&view);
	}
	close(ask[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(vma_find(&view, 0, &vma), -ESRCH);
	view.text = false;
	assert_int_equal(vma_find(&view, 0, &vma), -ESRCH);
	vma_view_done(&view);
	assert_int_equal(vma_begin(&view), -ESRCH);
	close(fd);
	munmap(p, 7 * PAGE);
}

static void *after_main(void *arg)
{
	struct vma_view view;

	pthread_join(*(pthread_t *)arg, NULL);
	vma_view_init(&view, 0);
	finds(&view);
	_exit(5);
}

static void leave_main(void *arg)
{
	static pthread_t self, thread;

	self = pthread_self();
	pthread_create(&thread, NULL, after_main, &self);
	pthread_exit(NULL);
}

/* A process whose first thread has ended. */
static void without_main_thread(void **state)
{
	if (UNIT_TSAN) /* which doesn't know the first thread as one to wait for */
		skip();
	assert_true(unit_exited(unit_in_child(leave_main, NULL), 5));
}

static void file_systems(void **state)
{
	struct stat st;
	int fd = memfd_create("mounts", MFD_CLOEXEC);

	assert_int_equal(fstat(fd, &st), 0);
	assert_true(mounts_in_memory(0, major(st.st_dev), minor(st.st_dev)));
	assert_true(mounts_in_memory(getpid(), major(st.st_dev), minor(st.st_dev)));
	close(fd);
	assert_int_equal(stat("/proc", &st), 0); /* not a disk, but none of those that are known */
	assert_false(mounts_in_memory(0, major(st.st_dev), minor(st.st_dev)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_query),
		cmocka_unit_test(by_text),
		cmocka_unit_test(long_text),
		cmocka_unit_test(descriptor_is_out_of_the_way),
		cmocka_unit_test(descriptor_taken_away),
		cmocka_unit_test(few_descriptors),
		cmocka_unit_test(fails_on_purpose),
		cmocka_unit_test(another_process),
		cmocka_unit_test(without_main_thread),
		cmocka_unit_test(file_systems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
