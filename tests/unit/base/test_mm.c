/* SPDX-License-Identifier: MIT */
/* Address spaces, ours and another process's: access, probing, keys, rights, and their end. */
#include "base/inject.h"
#include "base/mm.h"
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#define PAGE  4096ul
#define ANON  (MAP_PRIVATE | MAP_ANONYMOUS)
#define VA(p) ((uint64_t)(uintptr_t)(p))

static struct mm *mm;

static int setup(void **state)
{
	mm = mm_self();
	return mm ? 0 : -1;
}

static int teardown(void **state)
{
	mm_put(mm);
	return 0;
}

static char *map(size_t pages, int prot, int flags, int fd)
{
	char *p = mmap(NULL, pages * PAGE, prot, flags, fd, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

static int memfd(size_t pages)
{
	int fd = memfd_create("mm", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, (off_t)(pages * PAGE)), 0);
	return fd;
}

static void same_object(void **state)
{
	struct mm *again = mm_self();

	assert_ptr_equal(again, mm);
	assert_true(mm->self);
	assert_int_equal(mm->pid, getpid());
	assert_ptr_equal(mm_get(again), mm);
	mm_put(again);
	mm_put(again);
	mm_put(NULL);
}

static void *get_self(void *arg)
{
	return mm_self();
}

static void one_object(void *arg)
{
	pthread_t threads[4];
	void *got[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, get_self, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], &got[i]);
	for (int i = 0; i < 4; i++)
		assert_ptr_equal(got[i], got[0]);
	assert_non_null(got[0]);
	assert_ptr_not_equal(got[0], mm);
	assert_int_not_equal(((struct mm *)got[0])->serial, mm->serial);
	assert_int_equal(((struct mm *)got[0])->pid, getpid());
}

static void forked_child(void *arg)
{
	static char memory[] = "copied";
	char buf[7];

	one_object(NULL);
	/* The parent's stands for memory that we have a copy of. */
	assert_int_equal(mm_read(mm, buf, VA(memory), 7), 0);
	assert_string_equal(buf, "copied");
	munmap(arg, PAGE);
	assert_int_equal(mm_probe(mm, VA(arg), PAGE, false), -EFAULT);
	one_object(NULL);
}

/* By libc, and behind its back. */
static void after_fork(void **state)
{
	char *p = map(1, PROT_READ, ANON, -1);
	int status;
	pid_t pid;

	assert_int_equal(mm_probe(mm, VA(p), PAGE, false), 0);
	assert_true(unit_exited(unit_in_child(forked_child, p), 0));
	assert_int_equal(mm_probe(mm, VA(p), PAGE, false), 0);
	munmap(p, PAGE);
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		struct mm *ours = mm_self();

		_exit(ours && ours != mm && ours->pid == getpid() ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(unit_exited(status, 0));
}

static void self_access(void **state)
{
	char *p = map(2, PROT_READ | PROT_WRITE, ANON, -1), buf[100];

	mprotect(p + PAGE, PAGE, PROT_READ);
	assert_int_equal(mm_write(mm, VA(p), "hello", 6), 0);
	assert_int_equal(mm_read(mm, buf, VA(p), 6), 0);
	assert_string_equal(buf, "hello");
	assert_int_equal(mm_write(mm, VA(p) + PAGE - 1, "hello", 6), -EFAULT);
	assert_int_equal(mm_read(mm, buf, VA(p) + PAGE - 1, 6), 0);
	assert_int_equal(mm_read(mm, buf, 0, 1), -EFAULT);
	assert_int_equal(mm_read(mm, buf, UINT64_MAX, 1), -EFAULT);
	assert_int_equal(mm_read(mm, buf, UINT64_MAX, 2), -EFAULT);
	assert_int_equal(mm_read(mm, buf, (1ul << 63) - 1, 2), -EFAULT);
	assert_int_equal(mm_write(mm, 0xffffffffff600000, "x", 1), -EFAULT);
	munmap(p, 2 * PAGE);
}

/* What a kernel of version 7.3 with a mock device answered for a MAP of each. */
static void check(char *p, size_t len, int readable, int writable)
{
	for (int i = 0; i < 2; i++) { /* the second time, perhaps, from what is remembered */
		assert_int_equal(mm_probe(mm, VA(p), len, false), readable ? 0 : -EFAULT);
		assert_int_equal(mm_probe(mm, VA(p), len, true), writable ? 0 : -EFAULT);
	}
}

static void probe_anonymous(void)
{
	static const struct {
		int prot, readable, writable;
	} cases[] = {
		{PROT_READ | PROT_WRITE, 1, 1},
		{PROT_NONE, 0, 0},
		{PROT_READ, 1, 0},
		{PROT_WRITE, 0, 1},
		{PROT_EXEC, 0, 0},
		{PROT_WRITE | PROT_EXEC, 0, 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *p = map(1, cases[i].prot, ANON, -1);

		check(p, PAGE, cases[i].readable, cases[i].writable);
		munmap(p, PAGE);
		mm_forget(mm, VA(p), PAGE);
	}
}

static void probe_several_areas(void)
{
	char *p = map(4, PROT_READ | PROT_WRITE, ANON, -1);

	check(p, 4 * PAGE, 1, 1);
	mprotect(p + PAGE, PAGE, PROT_READ);
	mm_forget(mm, VA(p) + PAGE, PAGE);
	check(p, 4 * PAGE, 1, 0);
	check(p, PAGE, 1, 1);
	check(p + 2 * PAGE, 2 * PAGE, 1, 1);
	check(p + 2 * PAGE - 1, 1, 1, 0);
	munmap(p + 2 * PAGE, PAGE);
	mm_forget(mm, VA(p) + 2 * PAGE, PAGE);
	check(p, 4 * PAGE, 0, 0);
	check(p, 2 * PAGE + 1, 0, 0);
	check(p, 2 * PAGE, 1, 0);
	check(p + 3 * PAGE, PAGE, 1, 1);
	munmap(p, 4 * PAGE);
	mm_forget(mm, VA(p), 4 * PAGE);
	check(p, PAGE, 0, 0);
}

static void probe_files(void)
{
	int fd = memfd(2), exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *p = map(4, PROT_READ | PROT_WRITE, MAP_SHARED, fd);

	check(p, PAGE, 1, 1);
	check(p, 2 * PAGE, 1, 1);
	check(p, 2 * PAGE + 1, 0, 0);
	check(p, 4 * PAGE, 0, 0);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	mm_forget(mm, 0, UINT64_MAX);
	check(p, 2 * PAGE, 0, 0);
	check(p, PAGE, 1, 1);
	munmap(p, 4 * PAGE);
	mm_forget(mm, VA(p), 4 * PAGE);
	p = map(2, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
	check(p, PAGE, 1, 1);
	check(p, 2 * PAGE, 0, 0);
	munmap(p, 2 * PAGE);
	mm_forget(mm, VA(p), 2 * PAGE);
	p = map(1, PROT_READ | PROT_WRITE, MAP_PRIVATE, exe);
	check(p, PAGE, 1, 1);
	munmap(p, PAGE);
	mm_forget(mm, VA(p), PAGE);
	p = map(1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	check(p, PAGE, 1, 1);
	munmap(p, PAGE);
	mm_forget(mm, VA(p), PAGE);
	close(fd);
	close(exe);
}

/* A file that is written back to a disk can't be pinned for writing through a shared mapping. */
static void probe_disk_file(void)
{
	char name[] = "./unit-mm-XXXXXX";
	int fd = mkstemp(name);
	char *p;

	assert_true(fd >= 0);
	unlink(name);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	p = map(1, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	if (system("stat -f -c %T . | grep -qE 'tmpfs|ramfs'") == 0)
		check(p, PAGE, 1, 1);
	else
		check(p, PAGE, 1, 0);
	munmap(p, PAGE);
	mm_forget(mm, VA(p), PAGE);
	close(fd);
}

static void probe_special(void)
{
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");
	uint64_t start, end;
	int local;

	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		if (strstr(line, "[vvar"))
			check((char *)start, end - start, 0, 0);
		if (strstr(line, "[vdso]"))
			check((char *)start, end - start, 1, 0);
		if (strstr(line, "[stack]"))
			check((char *)start, end - start, 1, 1);
	}
	fclose(maps);
	check((char *)&local, sizeof(local), 1, 1);
	check((char *)(UINT64_MAX - PAGE), PAGE, 0, 0);
	assert_int_equal(mm_probe(mm, UINT64_MAX - 5, 10, false), -EFAULT);
	check(NULL, PAGE, 0, 0);
}

static void probes(void **state)
{
	for (int tracked = 0; tracked < 2; tracked++) {
		mm_track(mm, tracked);
		probe_anonymous();
		probe_several_areas();
		probe_files();
		probe_disk_file();
		probe_special();
	}
	mm_track(mm, false);
}

/* Only what a tracked address space said is remembered, until it is forgotten. */
static void remembers(void **state)
{
	char *p = map(2, PROT_READ | PROT_WRITE, ANON, -1);

	check(p, PAGE, 1, 1);
	munmap(p, 2 * PAGE);
	check(p, PAGE, 0, 0);
	mm_track(mm, true);
	p = map(2, PROT_READ | PROT_WRITE, ANON, -1);
	check(p, PAGE, 1, 1);
	munmap(p, 2 * PAGE);
	check(p, 2 * PAGE, 1, 1); /* as it was told */
	mm_forget(mm, VA(p), PAGE);
	check(p, PAGE, 0, 0);
	mm_track(mm, false);
}

static void probe_reports_no_descriptor(void **state)
{
	struct mm *other;
	char c;

	assert_int_equal(mm_new_remote(getpid(), &other), 0);
	mm_put(other);
	inject_arm(1);
	assert_int_equal(mm_new_remote(getpid(), &other), -ENOMEM);
	inject_arm(2);
	assert_int_equal(mm_new_remote(getpid(), &other), -EMFILE);
	inject_arm(0);
	assert_int_equal(mm_probe(mm, VA(&c), 1, true), 0);
}

static void take_self_fails(void *arg)
{
	/* In a child, so that there is an object to be made. */
	inject_arm(1);
	assert_null(mm_self());
	assert_int_equal(inject_left(), 0);
	assert_non_null(mm_self());
	inject_arm(1);
	assert_int_equal(mm_probe(mm_self(), VA(&arg), 1, true), -ENOMEM);
	assert_int_equal(mm_probe(mm_self(), VA(&arg), 1, true), 0);
}

static void self_can_fail(void **state)
{
	assert_true(unit_exited(unit_in_child(take_self_fails, NULL), 0));
}

static struct page_key key(const void *p)
{
	struct page_key k;

	assert_int_equal(mm_key(mm, VA(p), &k), 0);
	return k;
}

static bool same(struct page_key a, struct page_key b)
{
	return a.space == b.space && a.inode == b.inode && a.page == b.page;
}

static void check_keys(void)
{
	int fd = memfd(4);
	char *a = map(4, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	char *b = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE);
	char *c = map(4, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
	char *d = map(1, PROT_READ | PROT_WRITE, ANON, -1);
	struct page_key k;
	struct stat st;

	assert_true(same(key(a + 2 * PAGE), key(b + 17)));
	assert_false(same(key(a + PAGE), key(b)));
	assert_false(same(key(a), key(c)));
	assert_int_equal(fstat(fd, &st), 0);
	k = (struct page_key){page_key_space(major(st.st_dev), minor(st.st_dev)), st.st_ino, 2};
	assert_true(same(key(b), k));
	k = (struct page_key){mm->serial, 0, VA(d) / PAGE};
	assert_true(same(key(d + 99), k));
	k.page = VA(c) / PAGE;
	assert_true(same(key(c), k));
	munmap(d, PAGE);
	mm_forget(mm, VA(d), PAGE);
	assert_int_equal(mm_key(mm, VA(d), &k), -EFAULT);
	munmap(a, 4 * PAGE);
	munmap(b, PAGE);
	munmap(c, 4 * PAGE);
	mm_forget(mm, 0, UINT64_MAX);
	close(fd);
}

static void keys(void **state)
{
	char *p;
	struct page_key before;

	check_keys();
	mm_track(mm, true);
	check_keys();
	p = map(1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	before = key(p);
	assert_int_equal(mm_probe(mm, VA(p), PAGE, true), 0);
	assert_true(same(before, key(p))); /* from what is remembered */
	munmap(p, PAGE);
	mm_track(mm, false);
}

static void own_creds(void *arg)
{
	struct rlimit limit = {1 << 20, 1 << 20};

	assert_int_equal(mm->creds.uid, getuid());
	setrlimit(RLIMIT_MEMLOCK, &limit);
	mm_refresh_creds(mm);
	assert_int_equal(mm->creds.memlock, 1 << 20);
	if (getuid() != 0)
		return;
	assert_true(mm->creds.caps >> CAP_IPC_LOCK & 1);
	assert_int_equal(setuid(12345), 0);
	mm_refresh_creds(mm);
	assert_int_equal(mm->creds.uid, 12345);
	assert_int_equal(mm->creds.caps, 0);
}

static void creds(void **state)
{
	assert_true(unit_exited(unit_in_child(own_creds, NULL), 0));
}

/* A child that does what single letters tell it, and confirms. */
struct helper {
	pid_t pid;
	int to, from;
};

static char *helper_page; /* at the same place in both */

static void helper_main(int in, int out)
{
	struct rlimit limit = {1 << 20, 1 << 20};
	char order;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(in, &order, 1) == 1) {
		if (order == 'u')
			munmap(helper_page, PAGE);
		if (order == 'l')
			setrlimit(RLIMIT_MEMLOCK, &limit);
		if (order == 'x')
			execl("/bin/cat", "cat", NULL);
		if (write(out, &order, 1) != 1)
			break;
	}
	_exit(0);
}

static struct helper helper_new(void)
{
	struct helper helper;
	int to[2], from[2];

	assert_int_equal(pipe2(to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from, O_CLOEXEC), 0);
	helper = (struct helper){fork(), to[1], from[0]};
	if (helper.pid == 0) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		close(to[1]);
		close(from[0]);
		helper_main(0, 1);
	}
	close(to[0]);
	close(from[1]);
	return helper;
}

static void order(struct helper *helper, char what)
{
	char done;

	assert_int_equal(write(helper->to, &what, 1), 1);
	assert_int_equal(read(helper->from, &done, 1), what == 'x' ? 0 : 1);
}

static void helper_done(struct helper *helper)
{
	close(helper->to);
	close(helper->from);
	assert_int_equal(waitpid(helper->pid, NULL, 0), helper->pid);
}

static void remote_access(void **state)
{
	struct page_key theirs, ours;
	struct helper helper;
	struct mm *other;
	char buf[PAGE];

	helper_page = map(2, PROT_READ | PROT_WRITE, ANON, -1);
	strcpy(helper_page, "before the fork");
	mprotect(helper_page + PAGE, PAGE, PROT_READ);
	helper = helper_new();
	strcpy(helper_page, "ours");
	assert_int_equal(mm_new_remote(helper.pid, &other), 0);
	assert_false(other->self);
	assert_int_equal(other->creds.uid, getuid());
	assert_int_equal(mm_read(other, buf, VA(helper_page), 16), 0);
	assert_string_equal(buf, "before the fork");
	assert_int_equal(mm_write(other, VA(helper_page), "from outside", 13), 0);
	assert_string_equal(helper_page, "ours");
	assert_int_equal(mm_read(other, buf, VA(helper_page), 13), 0);
	assert_string_equal(buf, "from outside");
	assert_int_equal(mm_write(other, VA(helper_page) + PAGE, "x", 1), -EFAULT);
	assert_int_equal(mm_write(other, VA(helper_page) + PAGE - 2, "xxx", 3), -EFAULT);
	assert_int_equal(mm_read(other, buf, 0, 1), -EFAULT);
	assert_int_equal(mm_read(other, buf, VA(helper_page) + PAGE, PAGE), 0);
	assert_int_equal(mm_probe(other, VA(helper_page), PAGE, true), 0);
	assert_int_equal(mm_probe(other, VA(helper_page), 2 * PAGE, true), -EFAULT);
	assert_int_equal(mm_probe(other, VA(helper_page), 2 * PAGE, false), 0);
	assert_int_equal(mm_key(other, VA(helper_page), &theirs), 0);
	assert_int_equal(mm_key(mm, VA(helper_page), &ours), 0);
	assert_false(same(theirs, ours));
	order(&helper, 'u');
	assert_int_equal(mm_probe(other, VA(helper_page), PAGE, false), -EFAULT);
	assert_int_equal(mm_read(other, buf, VA(helper_page), 1), -EFAULT);
	assert_int_equal(mm_probe(mm, VA(helper_page), PAGE, false), 0);
	order(&helper, 'l');
	mm_refresh_creds(other);
	assert_int_equal(other->creds.memlock, 1 << 20);
	helper_done(&helper);
	assert_int_equal(mm_read(other, buf, VA(helper_page) + PAGE, 1), -EFAULT);
	assert_true(other->gone);
	mm_put(other);
	assert_int_equal(mm_new_remote(helper.pid, &other), -ESRCH);
	munmap(helper_page, 2 * PAGE);
}

/* The pid is still there, and has memory: of another program. */
static int count_fds(void)
{
	DIR *dir = opendir("/proc/thread-self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* A thread with a descriptor table of its own, in which our numbers mean other things. */
static void *other_table(void *arg)
{
	struct page_key k;
	struct mm *other;
	int before;

	assert_int_equal(syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_UNSHARE), 0);
	mm_thread_files(&before);
	before = count_fds();
	for (int i = 0; i < 10; i++) {
		assert_int_equal(mm_probe(mm, VA(&before), 4, true), 0);
		assert_int_equal(mm_key(mm, VA(&before), &k), 0);
	}
	assert_int_equal(count_fds(), before);
	assert_int_equal(mm_new_remote(*(pid_t *)arg, &other), 0);
	assert_int_equal(count_fds(), before + 1);
	return other;
}

static void tables(void **state)
{
	struct helper helper;
	struct mm *other;
	pthread_t thread;
	char buf[5];
	int before;
	void *got;

	helper_page = map(1, PROT_READ | PROT_WRITE, ANON, -1);
	helper = helper_new();
	assert_int_equal(mm_probe(mm, VA(buf), 4, true), 0);
	before = count_fds();
	pthread_create(&thread, NULL, other_table, &helper.pid);
	pthread_join(thread, &got);
	other = got;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(mm_probe(mm, VA(buf), 4, true), 0);
		assert_int_equal(mm_probe(other, VA(helper_page), PAGE, true), 0);
		assert_int_equal(mm_write(other, VA(helper_page), "1234", 5), 0);
		assert_int_equal(mm_read(other, buf, VA(helper_page), 5), 0);
		assert_string_equal(buf, "1234");
	}
	assert_int_equal(count_fds(), before);
	order(&helper, 'u');
	assert_int_equal(mm_probe(other, VA(helper_page), PAGE, true), -EFAULT);
	helper_done(&helper);
	assert_int_equal(mm_read(other, buf, VA(helper_page), 5), -EFAULT);
	mm_put(other);
	munmap(helper_page, PAGE);
}

static void remote_executes(void **state)
{
	struct helper helper;
	struct mm *other;
	char buf[4];

	helper_page = map(1, PROT_READ | PROT_WRITE, ANON, -1);
	helper = helper_new();
	assert_int_equal(mm_new_remote(helper.pid, &other), 0);
	assert_int_equal(mm_read(other, buf, VA(helper_page), 1), 0);
	close(helper.from);
	helper.from = open("/dev/null", O_RDONLY | O_CLOEXEC);
	order(&helper, 'x');
	do { /* until it has happened: no way to be told */
		mm_read(other, buf, VA(helper_page), 1);
	} while (!other->gone);
	assert_int_equal(mm_read(other, buf, VA(helper_page), 1), -EFAULT);
	assert_int_equal(mm_probe(other, VA(helper_page), PAGE, false), -EFAULT);
	kill(helper.pid, SIGKILL);
	helper_done(&helper);
	mm_put(other);
	munmap(helper_page, PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_object),	 cmocka_unit_test(after_fork),
		cmocka_unit_test(self_access),	 cmocka_unit_test(probes),
		cmocka_unit_test(remembers),	 cmocka_unit_test(probe_reports_no_descriptor),
		cmocka_unit_test(self_can_fail), cmocka_unit_test(keys),
		cmocka_unit_test(creds),	 cmocka_unit_test(remote_access),
		cmocka_unit_test(tables),	 cmocka_unit_test(remote_executes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
