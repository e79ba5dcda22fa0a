/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HOST_MUST(condition)                                                                       \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s: the model broke: %s\n", __func__, #condition);        \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* ---- what a model asks ---- */

const char *uiommufd_name(struct uiommufd_device *host)
{
	return "0000:00:00.0";
}

const char *uiommufd_option(struct uiommufd_device *host, const char *key)
{
	const char *end = host->values + sizeof(host->values);

	for (const char *at = host->values; at < end && *at; at += strlen(at) + 1)
		if (!strncmp(at, key, strlen(key)) && at[strlen(key)] == '=')
			return at + strlen(key) + 1;
	return NULL;
}

int uiommufd_option_number(struct uiommufd_device *host, const char *key, uint64_t *ret_value)
{
	const char *text = uiommufd_option(host, key);
	uint64_t value;
	char *end;

	if (!text)
		return 0;
	value = strtoull(text, &end, 0);
	if (*end && strchr("KMGT", *end))
		value <<= 10 * (strchr("KMGT", *end) - "KMGT" + 1), end++;
	if (end == text || *end)
		return uiommufd_complain(host, "%s is no number", key);
	*ret_value = value;
	return 0;
}

int uiommufd_complain(struct uiommufd_device *host, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(host->complaint, sizeof(host->complaint), format, args);
	va_end(args);
	return -EINVAL;
}

void *uiommufd_bar(struct uiommufd_device *host, unsigned int bar)
{
	HOST_MUST(bar < 6 && host->bars[bar]);
	return host->bars[bar];
}

uint8_t *uiommufd_config(struct uiommufd_device *host)
{
	return host->config;
}

void uiommufd_kick(struct uiommufd_device *host, unsigned int queue)
{
	HOST_MUST(queue < (host->model->queues ?: 1));
	host->kicked |= UINT64_C(1) << queue;
}

void uiommufd_lock(struct uiommufd_device *host)
{
	HOST_MUST(!host->locked);
	host->locked = true;
}

void uiommufd_unlock(struct uiommufd_device *host)
{
	HOST_MUST(host->locked);
	host->locked = false;
}

void uiommufd_interrupt(struct uiommufd_device *host, unsigned int vector)
{
	unsigned int most = host->model->msix_vectors;

	HOST_MUST(vector < (most ?: host->model->msi_vectors) && vector < 64);
	host->interrupts[vector]++;
}

void uiommufd_intx(struct uiommufd_device *host, bool asserted)
{
	HOST_MUST(host->model->intx_pin);
	host->intx = asserted;
}

int uiommufd_port_new(struct uiommufd_device *host, struct uiommufd_port **ret_port)
{
	*ret_port = calloc(1, sizeof(**ret_port));
	if (!*ret_port)
		return -ENOMEM;
	(*ret_port)->device = host;
	return 0;
}

void uiommufd_port_free(struct uiommufd_port *port)
{
	free(port);
}

/* Counts a DMA, and says whether it fails. */
static int dma_next(struct uiommufd_port *port, uint64_t iova)
{
	struct uiommufd_device *host = port->device;

	HOST_MUST(!host->locked && !host->in_callback);
	host->dmas++;
	if (host->on_dma)
		host->on_dma(host);
	if (!host->fail_at || host->dmas < host->fail_at ||
	    (host->dmas > host->fail_at && !host->fail_on))
		return 0;
	port->fault = iova;
	return host->fail_with;
}

/* How many bytes from iova on, up to len, are there with this permission. */
static size_t dma_there(struct uiommufd_device *host, uint64_t iova, size_t len, uint8_t perm)
{
	size_t n = 0;

	while (n < len) {
		uint64_t page = (iova + n - HOST_BASE) / HOST_PAGE;

		if (iova + n < HOST_BASE || page >= HOST_PAGES || !(host->perm[page] & perm))
			return n;
		n += HOST_PAGE - (iova + n) % HOST_PAGE;
	}
	return len;
}

/* What page is not there. */
static bool is_absent(const struct uiommufd_device *host, uint64_t iova)
{
	uint64_t page = (iova - HOST_BASE) / HOST_PAGE;

	return iova >= HOST_BASE && page < HOST_PAGES && host->perm[page] & HOST_ABSENT;
}

static int dma_look(struct uiommufd_port *port, uint64_t iova, size_t len, uint8_t perm)
{
	int rc = dma_next(port, iova);
	size_t there;

	while (!rc && (there = dma_there(port->device, iova, len, perm)) < len) {
		port->fault = iova + there;
		if (!is_absent(port->device, port->fault))
			return -EFAULT;
		rc = port->no_waits ? -EAGAIN : port->device->on_absent(port->device, port->fault);
	}
	return rc;
}

void uiommufd_dma_waits(struct uiommufd_port *port, bool waits)
{
	port->no_waits = !waits;
}

int uiommufd_dma_read(struct uiommufd_port *port, uint32_t pasid, uint64_t iova, void *buf,
		      size_t len)
{
	int rc = dma_look(port, iova, len, HOST_READ);

	if (!rc && len)
		memcpy(buf, host_at(port->device, iova), len);
	return rc;
}

int uiommufd_dma_write(struct uiommufd_port *port, uint32_t pasid, uint64_t iova, const void *buf,
		       size_t len)
{
	int rc = dma_look(port, iova, len, HOST_WRITE);

	if (!rc && len)
		memcpy(host_at(port->device, iova), buf, len);
	return rc;
}

int uiommufd_dma_copy(struct uiommufd_port *port, uint32_t pasid, uint64_t to, uint64_t from,
		      size_t len)
{
	int rc = dma_look(port, from, len, HOST_READ);

	HOST_MUST(to - from >= len && from - to >= len);
	if (!rc)
		rc = dma_look(port, to, len, HOST_WRITE);
	if (!rc)
		memcpy(host_at(port->device, to), host_at(port->device, from), len);
	return rc;
}

uint64_t uiommufd_fault(const struct uiommufd_port *port)
{
	return port->fault;
}

void *uiommufd_dma_begin(struct uiommufd_port *port, uint32_t pasid, uint64_t iova, size_t *len,
			 bool write)
{
	HOST_MUST(*len);
	if (dma_next(port, iova))
		return NULL;
	*len = dma_there(port->device, iova, *len, write ? HOST_WRITE : HOST_READ);
	return *len ? host_at(port->device, iova) : NULL;
}

void uiommufd_dma_end(struct uiommufd_port *port)
{
}

int uiommufd_copy(void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	return 0;
}

int uiommufd_page_request(struct uiommufd_port *port, uint32_t pasid, uint64_t iova, bool write)
{
	return -EFAULT;
}

/* ---- what a test asks ---- */

void *host_at(struct uiommufd_device *host, uint64_t iova)
{
	HOST_MUST(iova >= HOST_BASE && iova < HOST_END);
	return host->memory + (iova - HOST_BASE);
}

void host_protect(struct uiommufd_device *host, uint64_t iova, uint64_t len, uint8_t perm)
{
	uint64_t first = (iova - HOST_BASE) / HOST_PAGE;
	uint64_t last = (iova + len - 1 - HOST_BASE) / HOST_PAGE;

	for (uint64_t i = first; i <= last && i < HOST_PAGES; i++)
		host->perm[i] = perm;
}

int host_init(struct uiommufd_device *host, const struct uiommufd_model *model, const char *options)
{
	*host = (struct uiommufd_device){.model = model, .port.device = host};
	snprintf(host->values, sizeof(host->values) - 1, "%s", options ?: "");
	for (char *at = host->values; *at; at++)
		if (*at == ',')
			*at = 0;
	for (unsigned int i = 0; i < 6; i++)
		if (model->bars[i].size) {
			host->bars[i] = aligned_alloc(4096, model->bars[i].size);
			HOST_MUST(host->bars[i]);
			memset(host->bars[i], 0, model->bars[i].size);
		}
	host->config = aligned_alloc(4096, 4096);
	host->memory = mmap(NULL, HOST_PAGES * HOST_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	HOST_MUST(host->config && host->memory != MAP_FAILED);
	memset(host->config, 0, 4096);
	memset(host->perm, HOST_READ | HOST_WRITE, sizeof(host->perm));
	return model->create ? model->create(host, &host->state) : 0;
}

void host_done(struct uiommufd_device *host)
{
	if (host->state && host->model->destroy)
		host->model->destroy(host->state);
	for (unsigned int i = 0; i < 6; i++)
		free(host->bars[i]);
	free(host->config);
	munmap(host->memory, HOST_PAGES * HOST_PAGE);
}

static void callback_enter(struct uiommufd_device *host)
{
	uiommufd_lock(host);
	host->in_callback = true;
}

static void callback_leave(struct uiommufd_device *host)
{
	host->in_callback = false;
	uiommufd_unlock(host);
}

static bool is_memory(const struct uiommufd_model *model, unsigned int bar, uint64_t offset)
{
	const struct uiommufd_window *window = model->windows;

	for (; window && window->flags; window++)
		if (window->bar == bar && window->flags & UIOMMUFD_WINDOW_MEMORY &&
		    offset - window->offset < window->length)
			return true;
	return false;
}

void host_store(struct uiommufd_device *host, unsigned int bar, uint64_t offset, uint64_t value,
		unsigned int len)
{
	HOST_MUST(bar < 6 && offset + len <= host->model->bars[bar].size);
	if (len < 8)
		value &= (UINT64_C(1) << (8 * len)) - 1;
	callback_enter(host);
	if (host->model->bar_write && !is_memory(host->model, bar, offset))
		host->model->bar_write(host->state, bar, offset, value, len);
	else
		memcpy((char *)host->bars[bar] + offset, &value, len);
	callback_leave(host);
}

uint64_t host_load(struct uiommufd_device *host, unsigned int bar, uint64_t offset,
		   unsigned int len)
{
	uint64_t value = 0;

	HOST_MUST(bar < 6 && offset + len <= host->model->bars[bar].size);
	memcpy(&value, (char *)host->bars[bar] + offset, len);
	return value;
}

void host_config_store(struct uiommufd_device *host, unsigned int offset, uint32_t value,
		       unsigned int len)
{
	if (!host->model->config_write)
		return;
	callback_enter(host);
	host->model->config_write(host->state, offset, value, len);
	callback_leave(host);
}

unsigned int host_run(struct uiommufd_device *host, unsigned int most)
{
	unsigned int n = 0;

	while (host->kicked & ~host->running && n < most) {
		unsigned int queue = __builtin_ctzll(host->kicked & ~host->running);
		struct uiommufd_port port = {.device = host};

		host->kicked &= ~(UINT64_C(1) << queue);
		host->running |= UINT64_C(1) << queue;
		host->model->run(host->state, &port, queue);
		host->running &= ~(UINT64_C(1) << queue);
		HOST_MUST(!host->locked && !port.no_waits);
		n++;
	}
	return n;
}

void host_reset(struct uiommufd_device *host)
{
	host->kicked = 0;
	callback_enter(host);
	if (host->model->reset)
		host->model->reset(host->state);
	callback_leave(host);
}
