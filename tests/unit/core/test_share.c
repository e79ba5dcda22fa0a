/* SPDX-License-Identifier: MIT */
/* What processes share of devices: users that come and go, also in another process. */
#include "unit.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/share.h"

static void not_asked(struct share *share)
{
	(void)share;
	fail_msg("nobody is there");
}

static void tokens_are_random(void **state)
{
	struct share shares[2] = {};

	(void)state;
	share_init(shares, 2);
	assert_int_not_equal(shares[0].token[0], 0);
	assert_int_not_equal(shares[0].token[0], shares[1].token[0]);
}

static void counts(void **state)
{
	struct share pf = {}, vfs[3] = {};

	(void)state;
	assert_int_equal(share_set_vfs(&pf, vfs, 3, 4, not_asked), -ERANGE);
	assert_int_equal(share_set_vfs(&pf, vfs, 3, 2, not_asked), 0);
	assert_int_equal(pf.vfs, 2);
	assert_int_equal(share_set_vfs(&pf, vfs, 3, 2, not_asked), 0);
	assert_int_equal(share_set_vfs(&pf, vfs, 3, 3, not_asked), -EBUSY);
	assert_int_equal(share_set_vfs(&pf, vfs, 3, 0, not_asked), 0);
	pf.no_autoprobe = 1;
	assert_int_equal(share_set_vfs(&pf, vfs, 3, 3, not_asked), 0);
	assert_int_equal(vfs[2].unbound, 1);
}

/* What is refused changes nothing of those that there are. */
static void refused_count(void **state)
{
	struct share pf = {}, vfs[3] = {};

	(void)state;
	assert_int_equal(share_set_vfs(&pf, vfs, 3, 2, not_asked), 0);
	vfs[1].unbound = 1;
	assert_int_equal(share_set_vfs(&pf, vfs, 3, 3, not_asked), -EBUSY);
	assert_int_equal(vfs[1].unbound, 1);
	pf.no_autoprobe = 1;
	assert_int_equal(share_set_vfs(&pf, vfs, 3, 1, not_asked), -EBUSY);
	assert_int_equal(vfs[0].unbound, 0);
}

static void nobody_comes_in(void **state)
{
	struct share share = {};

	(void)state;
	assert_int_equal(share_enter(&share), 0);
	share_exit(&share);
	share_leave(&share, not_asked);
	assert_int_equal(share_enter(&share), -ENODEV);
	assert_int_equal(share.users, 0);
	share_settle(&share);
	assert_int_equal(share_enter(&share), 0);
}

static unsigned int asked;

static void count_asks(struct share *share)
{
	(void)share;
	asked++;
}

/* The user is a child, which goes when it sees that it should. */
static void another_process_is_waited_for(void **state)
{
	struct share *share =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	(void)state;
	assert_ptr_not_equal(share, MAP_FAILED);
	assert_int_equal(share_enter(share), 0);
	pid = fork();
	if (!pid) {
		while (!atomic_load(&share->leaving))
			usleep(100);
		share_exit(share);
		_exit(0);
	}
	share_leave(share, count_asks);
	assert_int_equal(share->users, 0);
	assert_true(asked <= 2);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	munmap(share, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_random),
		cmocka_unit_test(counts),
		cmocka_unit_test(refused_count),
		cmocka_unit_test(nobody_comes_in),
		cmocka_unit_test(another_process_is_waited_for),
	};

	return cmocka_run_group_tests_name("core share", tests, NULL, NULL);
}
