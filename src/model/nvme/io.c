/* SPDX-License-Identifier: MIT */
/*
 * Commands on blocks (NVMe 1.4, 6). A command has the backend's lock from the look at its range to the last byte that it changes or takes, so it is atomic, and a format
 * comes before or after it. Nobody waits for a page with that lock: who supplies it may need the blocks. So what the driver hands over has been
 * gathered before, and what it is given leaves the blocks at once, or from a copy (lane.c).
 */
#include "model/nvme/nvme.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FUA	       0x40000000u
#define PIECE	       4096
#define DSM_DEALLOCATE 0x4u

/* The blocks that a command names, as bytes of the backend. */
struct extent {
	uint64_t offset, len;
};

static struct nvme_backend *backend_of(struct nvme_request *request)
{
	return &request->nvme->backend;
}

/* 6.1.4: Starting LBA and Number of Logical Blocks. */
static int find_extent(struct nvme_request *request, struct extent *ret_extent)
{
	const struct nvme_cmd *cmd = request->cmd;
	uint64_t first = cmd->cdw10 | (uint64_t)cmd->cdw11 << 32, n = (cmd->cdw12 & 0xffff) + 1;
	uint64_t blocks = nvme_blocks(request->nvme);

	if (first >= blocks || n > blocks - first)
		return NVME_LBA_RANGE;
	ret_extent->offset = first << request->nvme->lba_shift;
	ret_extent->len = n << request->nvme->lba_shift;
	return NVME_OK;
}

/* The same under the lock, for a command whose data were gathered before: there may have been a format since. */
static int find_again(struct nvme_request *request, struct extent *ret_extent)
{
	int status = find_extent(request, ret_extent);

	return !status && ret_extent->len != request->gathered ? NVME_FORMAT_IN_PROGRESS : status;
}

/* As find_extent(), for what moves data: not more than MDTS. */
static int find_data(struct nvme_request *request, struct extent *ret_extent)
{
	int status = find_extent(request, ret_extent);

	return !status && ret_extent->len > NVME_TRANSFER ? NVME_INVALID_FIELD : status;
}

static void count(uint64_t *commands, uint64_t *blocks, uint64_t len)
{
	__atomic_add_fetch(commands, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(blocks, len >> 9, __ATOMIC_RELAXED);
}

/* After a change: on the disk already, if the command or the cache says so. */
static int written(struct nvme_request *request, const struct extent *extent)
{
	bool cached = __atomic_load_n(&request->nvme->features.write_cache, __ATOMIC_SEQ_CST);

	if (cached && !(request->cmd->cdw12 & FUA))
		return NVME_OK;
	return nvme_backend_flush_range(backend_of(request), extent->offset, extent->len);
}

static int to_driver(struct nvme_request *request, void *buf, uint32_t len)
{
	struct nvme_data data;
	int status = nvme_data_init(&data, request, len, false);

	return status ? status : nvme_data_move(&data, buf, len);
}

/* Without a copy. Only a port that does not wait may do that. */
static int do_read(struct nvme_request *request, const char *data)
{
	struct nvme_backend *backend = backend_of(request);
	struct nvme_log *log = &request->nvme->log;
	struct extent extent;
	int status = find_data(request, &extent);

	if (status)
		return status;
	status = to_driver(request, backend->base + extent.offset, extent.len);
	if (status == NVME_DATA_TRANSFER_ERROR &&
	    !nvme_backend_good(backend, extent.offset, extent.len))
		return NVME_READ_ERROR;
	if (status != -EAGAIN)
		count(&log->reads, &log->blocks_read, extent.len);
	return status;
}

static int do_write(struct nvme_request *request, const char *data)
{
	struct nvme_backend *backend = backend_of(request);
	struct nvme_log *log = &request->nvme->log;
	struct extent extent;
	int status = find_again(request, &extent);

	if (status)
		return status;
	count(&log->writes, &log->blocks_written, extent.len);
	if (uiommufd_copy(backend->base + extent.offset, data, extent.len))
		return NVME_WRITE_FAULT;
	return written(request, &extent);
}

/* 6.6: Compare. */
static int do_compare(struct nvme_request *request, const char *theirs)
{
	char ours[PIECE];
	struct extent extent;
	int status = find_again(request, &extent);

	for (uint64_t at = 0, n; at < extent.len && !status; at += n) {
		n = extent.len - at < PIECE ? extent.len - at : PIECE;
		if (uiommufd_copy(ours, backend_of(request)->base + extent.offset + at, n))
			status = NVME_READ_ERROR;
		else if (memcmp(ours, theirs + at, n))
			status = NVME_COMPARE_FAILURE;
	}
	return status;
}

/* 6.17: Verify: can it be read? */
static int do_verify(struct nvme_request *request, const char *data)
{
	struct extent extent;
	int status = find_extent(request, &extent);

	if (status)
		return status;
	return nvme_backend_good(backend_of(request), extent.offset, extent.len) ? NVME_OK
										 : NVME_READ_ERROR;
}

/* 6.15 */
static int do_write_zeroes(struct nvme_request *request, const char *data)
{
	struct extent extent;
	int status = find_extent(request, &extent);

	if (!status)
		status = nvme_backend_zero(backend_of(request), extent.offset, extent.len);
	return status ? status : written(request, &extent);
}

/* 6.8: a range of Dataset Management. */
struct dsm_range {
	uint32_t attributes, n;
	uint64_t first;
};

static unsigned int dsm_ranges(const struct nvme_request *request)
{
	return (request->cmd->cdw10 & 0xff) + 1;
}

/* Only Deallocate has an effect. All ranges are looked at before the first is changed. */
static int do_dsm(struct nvme_request *request, const char *data)
{
	const struct dsm_range *ranges = (const struct dsm_range *)data;
	uint64_t blocks = nvme_blocks(request->nvme);
	unsigned int shift = request->nvme->lba_shift, n = dsm_ranges(request);

	for (unsigned int i = 0; i < n; i++)
		if (ranges[i].first > blocks || ranges[i].n > blocks - ranges[i].first)
			return NVME_LBA_RANGE;
	if (!(request->cmd->cdw11 & DSM_DEALLOCATE))
		return NVME_OK;
	for (unsigned int i = 0; i < n; i++)
		nvme_backend_discard(backend_of(request), ranges[i].first << shift,
				     (uint64_t)ranges[i].n << shift);
	return NVME_OK;
}

/* 6.8: what was written before is on the disk. */
static int do_flush(struct nvme_request *request, const char *data)
{
	return nvme_backend_flush(backend_of(request));
}

enum io_lock { UNLOCKED, TO_READ, TO_WRITE };

/* What is gathered before: nothing, blocks, or ranges of Dataset Management. */
enum io_data { NOTHING, BLOCKS, RANGES };

static const struct io {
	uint8_t opcode;
	enum io_lock lock;
	enum io_data data;
	int (*run)(struct nvme_request *request, const char *data);
} ios[] = {
	{NVME_IO_READ, TO_READ, NOTHING, do_read},
	{NVME_IO_WRITE, TO_WRITE, BLOCKS, do_write},
	{NVME_IO_FLUSH, UNLOCKED, NOTHING, do_flush},
	{NVME_IO_COMPARE, TO_READ, BLOCKS, do_compare},
	{NVME_IO_WRITE_ZEROES, TO_WRITE, NOTHING, do_write_zeroes},
	{NVME_IO_DSM, TO_WRITE, RANGES, do_dsm},
	{NVME_IO_VERIFY, TO_READ, NOTHING, do_verify},
};

static const struct io *find_io(uint8_t opcode)
{
	for (unsigned int i = 0; i < sizeof(ios) / sizeof(*ios); i++)
		if (ios[i].opcode == opcode)
			return &ios[i];
	return NULL;
}

static int run_locked(struct nvme_request *request, const struct io *io, const char *data)
{
	pthread_rwlock_t *lock = &backend_of(request)->lock;
	int status;

	if (io->lock == UNLOCKED)
		return io->run(request, data);
	if (io->lock == TO_WRITE)
		pthread_rwlock_wrlock(lock);
	else
		pthread_rwlock_rdlock(lock);
	status = io->run(request, data);
	pthread_rwlock_unlock(lock);
	return status;
}

static int find_data_locked(struct nvme_request *request, struct extent *ret_extent)
{
	int status;

	pthread_rwlock_rdlock(&backend_of(request)->lock);
	status = find_data(request, ret_extent);
	pthread_rwlock_unlock(&backend_of(request)->lock);
	return status;
}

/* How much there is to gather. */
static int measure(struct nvme_request *request, const struct io *io)
{
	struct extent extent;
	int status;

	if (io->data == RANGES) {
		request->gathered = dsm_ranges(request) * sizeof(struct dsm_range);
		return NVME_OK;
	}
	status = find_data_locked(request, &extent);
	if (!status)
		request->gathered = extent.len;
	return status;
}

static int from_driver(struct nvme_request *request, char *buf)
{
	struct nvme_data data;
	int status = nvme_data_init(&data, request, request->gathered, true);

	return status ? status : nvme_data_move(&data, buf, request->gathered);
}

static int run_gathered(struct nvme_request *request, const struct io *io)
{
	int status = measure(request, io);
	char *buf;

	if (status)
		return status;
	buf = malloc(request->gathered);
	if (!buf)
		return NVME_INTERNAL_ERROR;
	status = from_driver(request, buf);
	if (!status)
		status = run_locked(request, io, buf);
	free(buf);
	return status;
}

/* The blocks as they are now. */
static int copy_blocks(struct nvme_request *request, char *buf, uint32_t len)
{
	struct nvme_backend *backend = backend_of(request);
	struct extent extent;
	int status;

	pthread_rwlock_rdlock(&backend->lock);
	request->gathered = len;
	status = find_again(request, &extent);
	if (!status && uiommufd_copy(buf, backend->base + extent.offset, len))
		status = NVME_READ_ERROR;
	pthread_rwlock_unlock(&backend->lock);
	return status;
}

/* A read that may wait for pages: from a copy. */
static int read_waiting(struct nvme_request *request)
{
	struct nvme_log *log = &request->nvme->log;
	struct extent extent;
	int status = find_data_locked(request, &extent);
	char *buf;

	if (status)
		return status;
	buf = malloc(extent.len);
	if (!buf)
		return NVME_INTERNAL_ERROR;
	status = copy_blocks(request, buf, extent.len);
	if (!status)
		status = to_driver(request, buf, extent.len);
	count(&log->reads, &log->blocks_read, extent.len);
	free(buf);
	return status;
}

int nvme_io(struct nvme_request *request)
{
	const struct nvme_cmd *cmd = request->cmd;
	const struct io *io = find_io(cmd->opcode);
	bool all = cmd->nsid == NVME_ALL_NAMESPACES && cmd->opcode == NVME_IO_FLUSH;

	if (!io)
		return NVME_INVALID_OPCODE;
	/* SGL with a metadata pointer that is an SGL (2) needs metadata; 3 is reserved. */
	if (NVME_CMD_PSDT(cmd->flags) > 1 || NVME_CMD_FUSED(cmd->flags))
		return NVME_INVALID_FIELD;
	if (cmd->nsid != NVME_NSID && !all)
		return NVME_INVALID_NAMESPACE;
	if (io->lock == TO_WRITE && backend_of(request)->readonly)
		return NVME_WRITE_PROTECTED;
	if (io->data)
		return run_gathered(request, io);
	return request->waits && io->run == do_read ? read_waiting(request)
						    : run_locked(request, io, NULL);
}
