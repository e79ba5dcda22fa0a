/* SPDX-License-Identifier: MIT */
/*
 * Commands on blocks (NVMe 1.4, 6). A command has the backend's lock from the look at its range to the last byte, so it is atomic, and a format
 * comes before or after it.
 */
#include "model/nvme/nvme.h"

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

/* The same, for what moves data: not more than MDTS. */
static int find_data(struct nvme_request *request, struct extent *ret_extent,
		     struct nvme_data *data, bool from_host)
{
	int status = find_extent(request, ret_extent);

	if (status)
		return status;
	if (ret_extent->len > NVME_TRANSFER)
		return NVME_INVALID_FIELD;
	return nvme_data_init(data, request, ret_extent->len, from_host);
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

static int do_read(struct nvme_request *request)
{
	struct nvme_backend *backend = backend_of(request);
	struct nvme_log *log = &request->nvme->log;
	struct nvme_data data;
	struct extent extent;
	int status = find_data(request, &extent, &data, false);

	if (status)
		return status;
	count(&log->reads, &log->blocks_read, extent.len);
	status = nvme_data_move(&data, backend->base + extent.offset, extent.len);
	if (status == NVME_DATA_TRANSFER_ERROR &&
	    !nvme_backend_good(backend, extent.offset, extent.len, false))
		return NVME_READ_ERROR;
	return status;
}

static int do_write(struct nvme_request *request)
{
	struct nvme_backend *backend = backend_of(request);
	struct nvme_log *log = &request->nvme->log;
	struct nvme_data data;
	struct extent extent;
	int status = find_data(request, &extent, &data, true);

	if (status)
		return status;
	count(&log->writes, &log->blocks_written, extent.len);
	status = nvme_data_move(&data, backend->base + extent.offset, extent.len);
	if (status == NVME_DATA_TRANSFER_ERROR &&
	    !nvme_backend_good(backend, extent.offset, extent.len, true))
		return NVME_WRITE_FAULT;
	return status ? status : written(request, &extent);
}

/* 6.6: Compare. */
static int do_compare(struct nvme_request *request)
{
	char theirs[PIECE], ours[PIECE];
	struct nvme_data data;
	struct extent extent;
	int status = find_data(request, &extent, &data, true);

	for (uint64_t at = 0, n; at < extent.len && !status; at += n) {
		n = extent.len - at < PIECE ? extent.len - at : PIECE;
		status = nvme_data_move(&data, theirs, n);
		if (status)
			break;
		if (uiommufd_copy(ours, backend_of(request)->base + extent.offset + at, n))
			return NVME_READ_ERROR;
		if (memcmp(ours, theirs, n))
			return NVME_COMPARE_FAILURE;
	}
	return status;
}

/* 6.17: Verify: can it be read? */
static int do_verify(struct nvme_request *request)
{
	struct extent extent;
	int status = find_extent(request, &extent);

	if (status)
		return status;
	return nvme_backend_good(backend_of(request), extent.offset, extent.len, false)
		       ? NVME_OK
		       : NVME_READ_ERROR;
}

/* 6.15 */
static int do_write_zeroes(struct nvme_request *request)
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

/* Only Deallocate has an effect. All ranges are looked at before the first is changed. */
static int do_dsm(struct nvme_request *request)
{
	struct dsm_range ranges[256];
	unsigned int n = (request->cmd->cdw10 & 0xff) + 1;
	uint64_t blocks = nvme_blocks(request->nvme);
	unsigned int shift = request->nvme->lba_shift;
	struct nvme_data data;
	int status = nvme_data_init(&data, request, n * sizeof(*ranges), true);

	if (!status)
		status = nvme_data_move(&data, ranges, n * sizeof(*ranges));
	for (unsigned int i = 0; i < n && !status; i++)
		if (ranges[i].first > blocks || ranges[i].n > blocks - ranges[i].first)
			status = NVME_LBA_RANGE;
	if (!(request->cmd->cdw11 & DSM_DEALLOCATE))
		return status;
	for (unsigned int i = 0; i < n && !status; i++)
		nvme_backend_discard(backend_of(request), ranges[i].first << shift,
				     (uint64_t)ranges[i].n << shift);
	return status;
}

/* 6.8: what was written before is on the disk. */
static int do_flush(struct nvme_request *request)
{
	return nvme_backend_flush(backend_of(request));
}

enum io_lock { UNLOCKED, TO_READ, TO_WRITE };

static const struct io {
	uint8_t opcode;
	enum io_lock lock;
	int (*run)(struct nvme_request *request);
} ios[] = {
	{NVME_IO_READ, TO_READ, do_read},
	{NVME_IO_WRITE, TO_WRITE, do_write},
	{NVME_IO_FLUSH, UNLOCKED, do_flush},
	{NVME_IO_COMPARE, TO_READ, do_compare},
	{NVME_IO_WRITE_ZEROES, TO_WRITE, do_write_zeroes},
	{NVME_IO_DSM, TO_WRITE, do_dsm},
	{NVME_IO_VERIFY, TO_READ, do_verify},
};

static const struct io *find_io(uint8_t opcode)
{
	for (unsigned int i = 0; i < sizeof(ios) / sizeof(*ios); i++)
		if (ios[i].opcode == opcode)
			return &ios[i];
	return NULL;
}

static int run_locked(struct nvme_request *request, const struct io *io)
{
	pthread_rwlock_t *lock = &backend_of(request)->lock;
	int status;

	if (io->lock == UNLOCKED)
		return io->run(request);
	if (io->lock == TO_WRITE)
		pthread_rwlock_wrlock(lock);
	else
		pthread_rwlock_rdlock(lock);
	status = io->run(request);
	pthread_rwlock_unlock(lock);
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
	return run_locked(request, io);
}
