/* SPDX-License-Identifier: MIT */
/*
 * Where a command's data are, by a scatter gather list (NVMe 1.4, 4.4). A list of a driver's can lead in circles, or have descriptors of no
 * length: what ends it in any case is the number of descriptors that one command may have.
 */
#include "model/nvme/nvme.h"

#define SGL_TYPE(sgl)	 ((sgl)->id >> 4)
#define SGL_SUBTYPE(sgl) ((sgl)->id & 0xf)

/* On to the segment that `sgl` describes. */
static int sgl_segment(struct nvme_data *data, const struct nvme_sgl *sgl)
{
	if (!sgl->length || sgl->length % sizeof(*sgl))
		return NVME_INVALID_SGL_SEGMENT;
	data->list = sgl->address;
	data->list_left = sgl->length;
	data->last_segment = SGL_TYPE(sgl) == NVME_SGL_LAST_SEGMENT;
	data->at = data->n = 0;
	return NVME_OK;
}

/* What is taken of a piece is not more than the transfer needs: a list may be longer (SGLS bit 18). */
static void sgl_piece(struct nvme_data *data, const struct nvme_sgl *sgl)
{
	data->bucket = SGL_TYPE(sgl) == NVME_SGL_BIT_BUCKET;
	data->address = sgl->address;
	/* 4.4: a bit bucket is of no length for data that come from the host. */
	data->length = data->bucket && data->from_host ? 0 : sgl->length;
	data->length = data->length < data->left ? data->length : data->left;
	data->left -= data->length;
}

/* `is_last`: of its segment, which is where one that leads on must be, if anything follows. */
static int sgl_take(struct nvme_data *data, const struct nvme_sgl *sgl, bool is_last)
{
	bool leads_on = SGL_TYPE(sgl) == NVME_SGL_SEGMENT || SGL_TYPE(sgl) == NVME_SGL_LAST_SEGMENT;

	if (SGL_TYPE(sgl) > NVME_SGL_LAST_SEGMENT || SGL_SUBTYPE(sgl))
		return NVME_SGL_TYPE;
	if (++data->seen > NVME_SGL_MOST)
		return NVME_SGL_COUNT;
	if (leads_on != (is_last && !data->last_segment))
		return NVME_INVALID_SGL_SEGMENT;
	if (leads_on)
		return sgl_segment(data, sgl);
	sgl_piece(data, sgl);
	return NVME_OK;
}

/* The one in the command stands for itself: a piece, or where the list is. */
int nvme_sgl_init(struct nvme_data *data)
{
	struct nvme_sgl sgl;

	__builtin_memcpy(&sgl, data->request->cmd->dptr, sizeof(sgl));
	data->last_segment = SGL_TYPE(&sgl) <= NVME_SGL_BIT_BUCKET;
	return sgl_take(data, &sgl, true);
}

static int sgl_fetch(struct nvme_data *data)
{
	uint32_t n = data->list_left / sizeof(struct nvme_sgl);
	int status;

	if (!n)
		return NVME_SGL_LENGTH;
	n = n < NVME_LIST_BATCH ? n : NVME_LIST_BATCH;
	status =
		nvme_dma_status(uiommufd_dma_read(data->request->port, UIOMMUFD_NO_PASID,
						  data->list, data->sgls, n * sizeof(*data->sgls)));
	data->at = 0;
	data->n = status ? 0 : n;
	return status;
}

int nvme_sgl_next(struct nvme_data *data)
{
	int status = data->at < data->n ? NVME_OK : sgl_fetch(data);

	if (status)
		return status;
	data->list += sizeof(struct nvme_sgl);
	data->list_left -= sizeof(struct nvme_sgl);
	return sgl_take(data, &data->sgls[data->at++], !data->list_left);
}
