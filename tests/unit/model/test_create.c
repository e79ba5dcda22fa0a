/* SPDX-License-Identifier: MIT */
/* Models are made, or are not: each thing that they take is refused in turn, and nothing stays behind. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "host.h"
#include "model/models.h"
#include "unit.h"

/* The program is linked so that calls of these come here (--wrap). */
static unsigned int taken, refused_at;

static bool refused(void)
{
	return ++taken == refused_at;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
long __real_syscall(long nr, ...);
long __wrap_syscall(long nr, ...);

void *__wrap_calloc(size_t n, size_t size)
{
	return refused() ? NULL : __real_calloc(n, size);
}

long __wrap_syscall(long nr, ...)
{
	long arg[6];
	va_list args;

	if ((nr == SYS_mmap || nr == SYS_openat || nr == SYS_ftruncate) && refused()) {
		errno = nr == SYS_openat ? EMFILE : ENOMEM;
		return -1;
	}
	va_start(args, nr);
	for (unsigned int i = 0; i < 6; i++)
		arg[i] = va_arg(args, long);
	va_end(args);
	return __real_syscall(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

static unsigned int count_descriptors(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* How many things it takes. */
static unsigned int sweep(const struct uiommufd_model *model, const char *options)
{
	unsigned int before = count_descriptors();
	struct uiommufd_device host;
	int rc;

	for (refused_at = 1;; refused_at++) {
		taken = 0;
		rc = host_init(&host, model, options);
		if (!rc)
			assert_true(taken < refused_at);
		else
			assert_null(host.state);
		host_done(&host);
		assert_int_equal(count_descriptors(), before);
		if (!rc)
			return refused_at - 1;
		assert_true(rc == -ENOMEM || (rc == -EINVAL && *host.complaint));
	}
}

static void test_memory(void **state)
{
	assert_int_equal(sweep(&model_dmatest, NULL), 1);
	assert_int_equal(sweep(&model_ioat, NULL), 1);
	assert_int_equal(sweep(&model_nvme, "size=1M"), 2);
}

static void test_file(void **state)
{
	char path[] = "/tmp/uiommufd-create-XXXXXX", options[64];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	snprintf(options, sizeof(options), "file=%s,size=64K", path);
	/* The state, the file, its length, its mapping. */
	assert_int_equal(sweep(&model_nvme, options), 4);
	close(fd);
	unlink(path);
}

static void test_find(void **state)
{
	for (unsigned int i = 0; models[i]; i++)
		assert_ptr_equal(model_find(models[i]->name, strlen(models[i]->name)), models[i]);
	assert_null(model_find("nvm", 3));
	assert_null(model_find("nvmes", 5));
	assert_ptr_equal(model_find("nvme,size=1M", 4), &model_nvme);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
