/* SPDX-License-Identifier: MIT */
/* model/ioat: a channel as drivers use it, and as they should not. */
#include <errno.h>
#include <string.h>

#include "host.h"
#include "model/models.h"
#include "unit.h"

enum { XFERCAP = 1, INTRCTRL = 3, ATTNSTATUS = 4, CBVER = 8, DMACAPABILITY = 0x10 };
enum {
	CHANCTRL = 0x80,
	CHANCMD = 0x84,
	DMACOUNT = 0x86,
	CHANSTS = 0x88,
	CHAINADDR = 0x90,
	CHANCMP = 0x98,
	CHANERR = 0xa8
};
enum { CHANERR_INT = 0x180 };
enum { SUSPEND = 4, ABORT = 8, RESUME = 0x10, RESET = 0x20 };
enum { ACTIVE, DONE, SUSPENDED, HALTED, ARMED };
enum { INT = 1, COMPLETION = 8, NULL_COPY = 0x20, FILL = 1 << 24 };

#define RING   (HOST_BASE)
#define CMP    (HOST_BASE + 0x8000)
#define SRC    (HOST_BASE + 0x10000)
#define DST    (HOST_BASE + 0x40000)
#define ABSENT (HOST_END + 0x1000)

struct desc {
	uint32_t size, control;
	uint64_t src, dst, next, rest[4];
};

static int setup(void **state)
{
	static struct uiommufd_device host;
	int rc = host_init(&host, &model_ioat, NULL);

	*state = &host;
	if (rc)
		return rc;
	for (unsigned int i = 0; i < 0x30000; i++)
		((char *)host_at(&host, SRC))[i] = i * 7 + i / 256;
	return 0;
}

static int teardown(void **state)
{
	host_done(*state);
	return 0;
}

static struct desc *ring(struct uiommufd_device *host, unsigned int i)
{
	return (struct desc *)host_at(host, RING) + i;
}

/* n copies of `size` bytes each, one after the other, in a ring. */
static void make_ring(struct uiommufd_device *host, unsigned int n, uint32_t size)
{
	for (unsigned int i = 0; i < n; i++)
		*ring(host, i) = (struct desc){.size = size,
					       .control = COMPLETION,
					       .src = SRC + i * size,
					       .dst = DST + i * size,
					       .next = RING + (i + 1) % n * 64};
}

static uint64_t status(struct uiommufd_device *host)
{
	return host_load(host, 0, CHANSTS, 8);
}

static void reset(struct uiommufd_device *host)
{
	host_store(host, 0, CHANERR, host_load(host, 0, CHANERR, 4), 4);
	host_store(host, 0, CHANCMD, RESET, 1);
	assert_int_equal(host_load(host, 0, CHANCMD, 1) & RESET, 0);
	assert_int_equal(status(host), HALTED);
}

/* From a reset to n descriptors done, or an error. */
static void go(struct uiommufd_device *host, unsigned int n)
{
	reset(host);
	host_store(host, 0, CHAINADDR, RING, 8);
	assert_int_equal(status(host), ARMED);
	host_store(host, 0, CHANCMP, CMP, 8);
	host_store(host, 0, CHANCTRL, 0x0d, 2);
	host_store(host, 0, DMACOUNT, n, 2);
	assert_int_equal(status(host) & 7, ACTIVE);
	host_run(host, 100);
}

static uint64_t written_back(struct uiommufd_device *host)
{
	return *(uint64_t *)host_at(host, CMP);
}

static void test_identity(void **state)
{
	struct uiommufd_device *host = *state;

	assert_int_equal(host_load(host, 0, 0, 1), 1);
	assert_int_equal(host_load(host, 0, XFERCAP, 1), 16);
	assert_int_equal(host_load(host, 0, CBVER, 1), 0x33);
	assert_int_equal(host_load(host, 0, DMACAPABILITY, 4), 1 << 6);
	host_store(host, 0, 0, 0, 8);
	host_store(host, 0, CBVER, 0, 1);
	assert_int_equal(host_load(host, 0, 0, 2), 0x1001);
	assert_int_equal(host_load(host, 0, CBVER, 1), 0x33);
}

static void test_copies(void **state)
{
	struct uiommufd_device *host = *state;

	make_ring(host, 32, 1000);
	go(host, 20);
	assert_int_equal(status(host), (RING + 19 * 64) | DONE);
	assert_int_equal(written_back(host), (RING + 19 * 64) | DONE);
	assert_memory_equal(host_at(host, DST), host_at(host, SRC), 20000);
	assert_int_equal(*(char *)host_at(host, DST + 20000), 0);
	/* On round the ring: DMACOUNT goes on counting. */
	host_store(host, 0, DMACOUNT, 40, 2);
	host_run(host, 100);
	assert_int_equal(status(host), (RING + 7 * 64) | DONE);
	assert_memory_equal(host_at(host, DST), host_at(host, SRC), 32000);
	/* Nothing new: nothing happens. */
	host_store(host, 0, DMACOUNT, 40, 2);
	assert_int_equal(host->kicked, 0);
	assert_int_equal(status(host) & 7, DONE);
}

/* The selftest's way: one descriptor that is its own successor, and a suspend between rounds. */
static void test_storm(void **state)
{
	struct uiommufd_device *host = *state;

	make_ring(host, 1, 4096);
	ring(host, 0)->control = 0;
	go(host, 65535);
	assert_int_equal(status(host), RING | DONE);
	/* One read of the descriptor for all, and two looks for each copy. */
	assert_in_range(host->dmas, 2 * 65535, 2 * 65535 + 1);
	for (int i = 0; i < 3; i++) {
		host_store(host, 0, CHANCMD, SUSPEND, 1);
		assert_int_equal(status(host), RING | SUSPENDED);
		host->dmas = 0;
		host_store(host, 0, CHAINADDR, RING, 8);
		host_store(host, 0, DMACOUNT, 3, 2);
		host_run(host, 100);
		assert_int_equal(status(host), RING | DONE);
		assert_in_range(host->dmas, 6, 7);
	}
}

static void test_fill(void **state)
{
	struct uiommufd_device *host = *state;
	char *to = host_at(host, DST);

	make_ring(host, 1, 10003);
	ring(host, 0)->control = FILL;
	ring(host, 0)->src = UINT64_C(0x0807060504030201);
	go(host, 1);
	assert_int_equal(status(host) & 7, DONE);
	for (int i = 0; i < 10003; i++)
		assert_int_equal(to[i], i % 8 + 1);
	assert_int_equal(to[10003], 0);
}

static void test_null(void **state)
{
	struct uiommufd_device *host = *state;

	make_ring(host, 1, 0);
	ring(host, 0)->control = NULL_COPY | COMPLETION | INT;
	ring(host, 0)->src = ring(host, 0)->dst = ABSENT;
	host_store(host, 0, INTRCTRL, 8, 1);
	go(host, 1);
	assert_int_equal(written_back(host), RING | DONE);
	assert_int_equal(host->interrupts[0], 1);
}

static void test_overlap(void **state)
{
	struct uiommufd_device *host = *state;
	char *at = host_at(host, SRC), want[3000];

	memcpy(want, at, 3000);
	make_ring(host, 1, 3000);
	ring(host, 0)->dst = SRC - 100;
	go(host, 1);
	assert_int_equal(status(host) & 7, DONE);
	assert_memory_equal(at - 100, want, 3000);
	ring(host, 0)->dst = SRC;
	go(host, 1);
	assert_int_equal(status(host) & 7, DONE);
}

static void test_interrupts(void **state)
{
	struct uiommufd_device *host = *state;

	make_ring(host, 4, 8);
	ring(host, 1)->control |= INT;
	ring(host, 2)->control |= INT;
	go(host, 4);
	assert_int_equal(host->interrupts[0], 0); /* not enabled */
	host_store(host, 0, INTRCTRL, 1, 1);
	go(host, 4);
	assert_int_equal(host->interrupts[0], 1); /* the second finds it unarmed */
	assert_true(host->intx);
	assert_int_equal(host_load(host, 0, INTRCTRL, 1), 7);
	assert_int_equal(host_load(host, 0, ATTNSTATUS, 4), 1);
	host_store(host, 0, CHANCTRL, 1, 2);
	assert_false(host->intx);
	assert_int_equal(host_load(host, 0, INTRCTRL, 1), 1);
	host_store(host, 0, DMACOUNT, 8, 2);
	host_run(host, 100);
	assert_int_equal(host->interrupts[0], 2);
}

struct wrong {
	struct desc desc;
	uint32_t error;
};

static void expect_halt(struct uiommufd_device *host, unsigned int done, uint32_t error)
{
	uint64_t last = done ? RING + (done - 1) * 64 : 0;

	assert_int_equal(host_load(host, 0, CHANERR, 4), error);
	assert_int_equal(status(host), last | HALTED);
	assert_int_equal(*(uint32_t *)(host->config + CHANERR_INT), error);
	host_config_store(host, CHANERR_INT, error, 4);
	assert_int_equal(*(uint32_t *)(host->config + CHANERR_INT), 0);
	/* It stays so until the error is cleared. */
	host_store(host, 0, CHAINADDR, RING, 8);
	host_store(host, 0, DMACOUNT, 9, 2);
	assert_int_equal(status(host), last | HALTED);
	assert_int_equal(host->kicked, 0);
}

static void test_errors(void **state)
{
	struct uiommufd_device *host = *state;
	const struct wrong wrongs[] = {
		{{.size = 64, .src = ABSENT, .dst = DST}, 1},
		{{.size = 64, .src = HOST_END - 8, .dst = DST}, 1},
		{{.size = 64, .src = UINT64_MAX - 8, .dst = DST}, 1},
		{{.size = 64, .src = SRC, .dst = ABSENT}, 2},
		{{.size = 64, .src = SRC, .dst = UINT64_MAX}, 2},
		{{.size = 64, .src = 1, .dst = ABSENT, .control = FILL}, 2},
		{{.size = 64, .src = ABSENT, .dst = ABSENT + 8}, 1},
		{{.size = 64, .src = SRC, .dst = DST, .control = 2u << 24}, 1 << 10},
		{{.size = 64, .src = SRC, .dst = DST, .control = 255u << 24}, 1 << 10},
		{{.size = 0, .src = SRC, .dst = DST}, 1 << 11},
		{{.size = 65537, .src = SRC, .dst = DST}, 1 << 11},
	};

	for (unsigned int i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++)
		for (unsigned int at = 0; at < 2; at++) {
			make_ring(host, 4, 64);
			*ring(host, at) = wrongs[i].desc;
			go(host, 4);
			assert_int_equal(written_back(host), (at ? RING : 0) | HALTED);
			expect_halt(host, at, wrongs[i].error);
		}
}

static void test_wrong_addresses(void **state)
{
	struct uiommufd_device *host = *state;

	make_ring(host, 4, 64);
	ring(host, 1)->next = RING + 32;
	go(host, 4);
	expect_halt(host, 2, 1 << 3);
	ring(host, 1)->next = ABSENT;
	go(host, 4);
	expect_halt(host, 2, 1 << 8);
	ring(host, 1)->next = RING + 128;

	go(host, 4);
	assert_int_equal(status(host) & 7, DONE);
	reset(host);
	host_store(host, 0, CHAINADDR, RING, 8);
	host_store(host, 0, CHANCMP, CMP + 4, 8);
	host_store(host, 0, DMACOUNT, 4, 2);
	host_run(host, 100);
	expect_halt(host, 0, 1 << 12);
	reset(host);
	host_store(host, 0, CHAINADDR, RING, 8);
	host_store(host, 0, CHANCMP, ABSENT, 8);
	host_store(host, 0, DMACOUNT, 4, 2);
	host_run(host, 100);
	expect_halt(host, 0, 1 << 12);
}

static void test_error_interrupt(void **state)
{
	struct uiommufd_device *host = *state;

	make_ring(host, 1, 64);
	ring(host, 0)->src = ABSENT;
	host_store(host, 0, INTRCTRL, 9, 1);
	go(host, 1);
	assert_int_equal(host->interrupts[0], 0);
	for (unsigned int masked = 0; masked < 2; masked++) {
		reset(host);
		host_store(host, 0, 0xac, masked, 4);
		host_store(host, 0, CHAINADDR, RING, 8);
		host_store(host, 0, CHANCTRL, 0x1d, 2);
		host_store(host, 0, DMACOUNT, 1, 2);
		host_run(host, 100);
		assert_int_equal(host->interrupts[0], 1);
	}
}

/* Every DMA in turn fails: the channel halts and says so, and works again after a reset. */
static void test_failure_sweep(void **state)
{
	struct uiommufd_device *host = *state;
	unsigned int n;

	make_ring(host, 24, 64);
	ring(host, 3)->control |= FILL;
	go(host, 24);
	n = host->dmas;
	for (unsigned int i = 1; i <= n; i++) {
		host->dmas = 0;
		host->fail_at = i;
		host->fail_with = -EFAULT;
		go(host, 24);
		assert_int_equal(status(host) & 7, HALTED);
		assert_int_not_equal(host_load(host, 0, CHANERR, 4), 0);
		host->fail_at = 0;
		go(host, 24);
		assert_int_equal(status(host), (RING + 23 * 64) | DONE);
	}
}

static void test_cancel(void **state)
{
	struct uiommufd_device *host = *state;

	make_ring(host, 24, 64);
	for (unsigned int i = 1; i < 50; i += 7) {
		host->dmas = 0;
		host->fail_at = i;
		host->fail_on = true;
		host->fail_with = -ECANCELED;
		go(host, 24);
		assert_int_equal(host_load(host, 0, CHANERR, 4), 0);
		host->fail_at = 0;
		host_reset(host);
		assert_int_equal(status(host), HALTED);
		go(host, 24);
		assert_int_equal(status(host) & 7, DONE);
	}
}

static void test_commands(void **state)
{
	struct uiommufd_device *host = *state;

	make_ring(host, 4, 64);
	reset(host);
	host_store(host, 0, CHANCMD, SUSPEND, 1);
	assert_int_equal(status(host), HALTED);
	host_store(host, 0, CHAINADDR, RING, 4);
	host_store(host, 0, CHAINADDR + 4, RING >> 32, 4);
	host_store(host, 0, CHANCMP, CMP, 8);
	/* Suspended before it began: resumed later. */
	host_store(host, 0, DMACOUNT, 4, 2);
	host_store(host, 0, CHANCMD, SUSPEND, 1);
	assert_int_equal(status(host) & 7, SUSPENDED);
	host_run(host, 100);
	assert_int_equal(status(host), SUSPENDED);
	host_store(host, 0, CHANCMD, RESUME, 1);
	host_run(host, 100);
	assert_int_equal(status(host), (RING + 3 * 64) | DONE);
	host_store(host, 0, CHANCMD, ABORT, 1);
	assert_int_equal(status(host) & 7, HALTED);
	/* CHAINADDR of an active channel counts for nothing. */
	reset(host);
	host_store(host, 0, CHAINADDR, RING, 8);
	host_store(host, 0, DMACOUNT, 0, 2);
	assert_int_equal(status(host), ARMED);
	host_store(host, 0, DMACOUNT, 1, 2);
	host_store(host, 0, CHAINADDR, ABSENT, 8);
	host_run(host, 100);
	assert_int_equal(status(host), RING | DONE);
}

static void test_options(void **state)
{
	static const char *const wrong[] = {"xfercap=11", "xfercap=31",	 "xfercap=x",
					    "version=3",  "version=3.5", "version=3.33"};
	struct uiommufd_device host;

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(host_init(&host, &model_ioat, wrong[i]), -EINVAL);
		assert_string_not_equal(host.complaint, "");
		host_done(&host);
	}
	assert_int_equal(host_init(&host, &model_ioat, "xfercap=20,version=3.4"), 0);
	assert_int_equal(host_load(&host, 0, CBVER, 1), 0x34);
	assert_int_equal(host_load(&host, 0, XFERCAP, 1), 20);
	host_done(&host);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_identity),
		T(test_copies),
		T(test_storm),
		T(test_fill),
		T(test_null),
		T(test_overlap),
		T(test_interrupts),
		T(test_errors),
		T(test_wrong_addresses),
		T(test_error_interrupt),
		T(test_failure_sweep),
		T(test_cancel),
		T(test_commands),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
