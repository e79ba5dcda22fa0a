/* SPDX-License-Identifier: MIT */
/* Where a command's data are, by PRPs (NVMe 1.4, 4.3), and moving them. Pages that follow each other are moved as one piece. */
#include "model/nvme/nvme.h"

#include <errno.h>
#include <string.h>

int nvme_dma_status(int rc)
{
	return rc == -ECANCELED || rc == -EAGAIN ? rc : rc ? NVME_DATA_TRANSFER_ERROR : NVME_OK;
}

static uint32_t page_size(const struct nvme_data *data)
{
	return UINT32_C(1) << data->request->nvme->page_shift;
}

/* Where in its page an address is. */
static uint32_t in_page(const struct nvme_data *data, uint64_t address)
{
	return address & (page_size(data) - 1);
}

/* Reads entries of a list at data->list, up to the end of its page, or all that the transfer still needs. */
static int prp_fetch(struct nvme_data *data)
{
	uint32_t page = page_size(data);
	uint32_t wanted = (data->left + page - 1) >> data->request->nvme->page_shift;
	uint32_t n = (page - in_page(data, data->list)) / sizeof(uint64_t);
	int status;

	n = n < NVME_LIST_BATCH ? n : NVME_LIST_BATCH;
	n = n < wanted ? n : wanted;
	status = nvme_dma_status(uiommufd_dma_read(data->request->port, UIOMMUFD_NO_PASID,
						   data->list, data->prps, n * sizeof(uint64_t)));
	data->at = 0;
	data->n = status ? 0 : n;
	return status;
}

/* The next entry of the list. The last of a page leads to the next list, if more than it are needed. */
static int prp_next(struct nvme_data *data, uint64_t *ret_prp)
{
	uint32_t page = page_size(data);
	int status = data->at < data->n ? NVME_OK : prp_fetch(data);
	uint64_t prp;

	if (status)
		return status;
	prp = data->prps[data->at++];
	data->list += sizeof(uint64_t);
	if (in_page(data, prp))
		return NVME_PRP_OFFSET;
	if (in_page(data, data->list) || data->left <= page) {
		*ret_prp = prp;
		return NVME_OK;
	}
	data->list = prp;
	data->n = 0;
	return prp_next(data, ret_prp);
}

/* Does the next page follow what there is? Looks only at entries that have been read. */
static bool prp_follows(const struct nvme_data *data)
{
	return data->at < data->n && data->left &&
	       data->prps[data->at] == data->address + data->length &&
	       (in_page(data, data->list + sizeof(uint64_t)) || data->left <= page_size(data));
}

static void prp_take(struct nvme_data *data)
{
	uint32_t page = page_size(data), n = data->left < page ? data->left : page;

	data->length += n;
	data->left -= n;
}

static int prp_piece(struct nvme_data *data)
{
	int status = prp_next(data, &data->address);

	if (status)
		return status;
	data->length = 0;
	prp_take(data);
	while (prp_follows(data)) {
		data->at++;
		data->list += sizeof(uint64_t);
		prp_take(data);
	}
	return NVME_OK;
}

/* The first entry is the first piece; the second is one more page, or the list. */
static int prp_init(struct nvme_data *data)
{
	const struct nvme_cmd *cmd = data->request->cmd;
	uint32_t page = page_size(data), first = page - in_page(data, cmd->dptr[0]);

	if (cmd->dptr[0] % 4)
		return NVME_PRP_OFFSET;
	data->address = cmd->dptr[0];
	data->length = data->left < first ? data->left : first;
	data->left -= data->length;
	if (data->left > page) {
		if (cmd->dptr[1] % 8)
			return NVME_PRP_OFFSET;
		data->list = cmd->dptr[1];
	} else if (data->left) {
		if (in_page(data, cmd->dptr[1]))
			return NVME_PRP_OFFSET;
		/* A list of one, which has been read. */
		data->prps[0] = cmd->dptr[1];
		data->n = 1;
		if (prp_follows(data))
			return data->at++, prp_take(data), NVME_OK;
	}
	return NVME_OK;
}

int nvme_data_init(struct nvme_data *data, struct nvme_request *request, uint32_t length,
		   bool from_host)
{
	data->request = request;
	data->left = length;
	data->from_host = from_host;
	data->address = data->list = 0;
	data->length = data->list_left = 0;
	data->seen = data->at = data->n = 0;
	data->bucket = data->last_segment = false;
	data->is_sgl = NVME_CMD_PSDT(request->cmd->flags);
	return data->is_sgl ? nvme_sgl_init(data) : prp_init(data);
}

/* Moves n bytes, which are all in the piece. */
static int move_piece(struct nvme_data *data, void *buf, uint32_t n)
{
	struct uiommufd_port *port = data->request->port;

	if (data->bucket)
		return NVME_OK;
	return nvme_dma_status(
		data->from_host
			? uiommufd_dma_read(port, UIOMMUFD_NO_PASID, data->address, buf, n)
			: uiommufd_dma_write(port, UIOMMUFD_NO_PASID, data->address, buf, n));
}

int nvme_data_move(struct nvme_data *data, void *buf, uint32_t len)
{
	char *at = buf;
	int status = NVME_OK;

	while (len && !status) {
		uint32_t n = len < data->length ? len : data->length;

		if (n) {
			status = move_piece(data, at, n);
			data->address += n;
			data->length -= n;
			at += n;
			len -= n;
		} else {
			status = data->is_sgl ? nvme_sgl_next(data) : prp_piece(data);
		}
	}
	return status;
}

int nvme_data_answer(struct nvme_request *request, const void *buf, uint32_t len, uint32_t length)
{
	static const char zeroes[4096];
	struct nvme_data data;
	int status = nvme_data_init(&data, request, length, false);

	len = len < length ? len : length;
	if (!status)
		status = nvme_data_move(&data, (void *)buf, len);
	for (uint32_t n; len < length && !status; len += n) {
		n = length - len < sizeof(zeroes) ? length - len : sizeof(zeroes);
		status = nvme_data_move(&data, (void *)zeroes, n);
	}
	return status;
}
