/* SPDX-License-Identifier: MIT */
/* The life of a function, and the options that its model is made with. */
#include "pci/function.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/registers.h"
#include "config/words.h"
#include "mem/page.h"
#include "pci/model.h"

#define SENTENCE 256

static void tell(struct pci_function *function, const char *text)
{
	char sentence[SENTENCE + 64];

	if (!function->complain)
		return;
	snprintf(sentence, sizeof(sentence), "%s (%s): %s", function->name,
		 function->model.name ? function->model.name : "?", text);
	function->complain(function->complain_arg, sentence);
}

/* ---- options ---- */

static bool knows_option(const struct uiommufd_model *model, const char *key)
{
	const struct uiommufd_option *option = model->options;

	while (option && option->key && strcmp(option->key, key))
		option++;
	return option && option->key;
}

static int refuse_option(struct pci_function *function, const char *key)
{
	char text[SENTENCE];

	snprintf(text, sizeof(text), "there is no option '%s'", key);
	tell(function, text);
	return -EINVAL;
}

/* The strings go behind the array, so that there is one block to free. */
static int copy_options(struct pci_function *function, const struct pci_setup *setup)
{
	size_t bytes = setup->n_options * sizeof(struct pci_option);
	char *at;

	for (size_t i = 0; i < setup->n_options; i++) {
		const struct pci_option *option = &setup->options[i];

		if (!knows_option(&function->model, option->key))
			return refuse_option(function, option->key);
		bytes += strlen(option->key) + strlen(option->value) + 2;
	}
	function->options = mem_alloc(bytes ? bytes : 1);
	if (!function->options)
		return -ENOMEM;
	at = (char *)(function->options + setup->n_options);
	for (size_t i = 0; i < setup->n_options; i++) {
		function->options[i].key = strcpy(at, setup->options[i].key);
		at += strlen(at) + 1;
		function->options[i].value = strcpy(at, setup->options[i].value);
		at += strlen(at) + 1;
	}
	function->n_options = setup->n_options;
	return 0;
}

const char *uiommufd_name(struct uiommufd_device *device)
{
	return pci_of(device)->name;
}

const char *uiommufd_option(struct uiommufd_device *device, const char *key)
{
	struct pci_function *function = pci_of(device);

	for (size_t i = 0; i < function->n_options; i++)
		if (!strcmp(function->options[i].key, key))
			return function->options[i].value;
	return NULL;
}

int uiommufd_option_number(struct uiommufd_device *device, const char *key, uint64_t *ret_value)
{
	const char *text = uiommufd_option(device, key);

	if (!text || !config_size(text, UINT64_MAX, ret_value))
		return 0;
	return uiommufd_complain(device, "%s=%s: that is no number", key, text);
}

int uiommufd_complain(struct uiommufd_device *device, const char *format, ...)
{
	char text[SENTENCE];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	tell(pci_of(device), text);
	return -EINVAL;
}

/* ---- BARs ---- */

static int make_bars(struct pci_function *function, const struct pci_setup *setup)
{
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		struct pci_bar *bar = &function->bars[i];
		int rc;

		bar->size = function->model.bars[i].size;
		bar->flags = function->model.bars[i].flags;
		bar->address = setup->addresses[i];
		if (!bar->size)
			continue;
		rc = shared_memory_init(&bar->memory, page_ceil(bar->size));
		if (rc)
			return rc;
	}
	return 0;
}

static int share_bar(struct pci_function *function, struct pci_bar *bar)
{
	int rc = shared_memory_share(&bar->memory, function->machine->host);

	if (!rc && !bar->registers) {
		rc = registers_add(bar->memory.dev, bar->memory.ino);
		bar->registers = !rc;
	}
	return rc;
}

int pci_share_bars(struct pci_function *function)
{
	int rc = 0;

	LOCK_SCOPED(&function->lock);
	for (unsigned int i = 0; i < PCI_BARS && !rc; i++)
		if (function->bars[i].size && function->bars[i].flags & UIOMMUFD_BAR_MMAP)
			rc = share_bar(function, &function->bars[i]);
	return rc;
}

static void free_bars(struct pci_function *function)
{
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		struct pci_bar *bar = &function->bars[i];

		if (bar->registers)
			registers_remove(bar->memory.dev, bar->memory.ino);
		if (bar->memory.length)
			shared_memory_done(&bar->memory);
	}
}

void *uiommufd_bar(struct uiommufd_device *device, unsigned int bar)
{
	return bar < PCI_BARS ? pci_of(device)->bars[bar].memory.host : NULL;
}

/* ---- life ---- */

static void init_locks(struct pci_function *function)
{
	lock_init(&function->lock, RANK_FUNCTION);
	lock_init(&function->irqs.lock, RANK_WORK);
	lock_init(&function->work_lock, RANK_WORK);
	pthread_cond_init(&function->work, NULL);
	pthread_cond_init(&function->idle, NULL);
}

static void free_parts(struct pci_function *function)
{
	free_bars(function);
	pci_config_done(&function->config);
	pci_irqs_done(&function->irqs);
	pthread_cond_destroy(&function->work);
	pthread_cond_destroy(&function->idle);
	lock_done(&function->work_lock);
	lock_done(&function->irqs.lock);
	lock_done(&function->lock);
	free(function->queues);
	free(function->options);
	free(function);
}

static int make_parts(struct pci_function *function, const struct pci_setup *setup)
{
	int rc = copy_options(function, setup);

	if (!rc)
		rc = make_bars(function, setup);
	if (!rc)
		rc = pci_config_init(function, setup);
	if (!rc)
		rc = pci_irqs_init(function);
	if (rc)
		return rc;
	function->queues = mem_calloc(function->model.queues, sizeof(*function->queues));
	return function->queues ? 0 : -ENOMEM;
}

static int create_state(struct pci_function *function)
{
	if (!function->model.create)
		return 0;
	LOCK_SCOPED(&function->lock);
	return function->model.create(pci_model_device(function), &function->state);
}

static void take_sriov(struct pci_function *function, const struct pci_setup *setup)
{
	function->share = setup->share;
	if (!function->share) {
		function->share = &function->own_share;
		share_init(&function->own_share, 1);
	}
	function->sriov = setup->sriov;
	function->pf = setup->pf;
	function->vf = setup->vf;
}

int pci_function_new(struct machine *machine, const struct pci_setup *setup,
		     struct pci_function **ret_function)
{
	struct pci_function *function = mem_zalloc(sizeof(*function));
	const char *wrong;
	int rc;

	if (!function)
		return -ENOMEM;
	function->machine = machine;
	function->slot = setup->slot;
	function->iommu = setup->iommu;
	function->complain = setup->complain;
	function->complain_arg = setup->complain_arg;
	snprintf(function->name, sizeof(function->name), "%04x:%02x:%02x.%x", setup->slot.domain,
		 setup->slot.bus, setup->slot.device & 31, setup->slot.function & 7);
	init_locks(function);
	take_sriov(function, setup);
	wrong = pci_model_take(setup->model, &function->model);
	if (wrong)
		tell(function, wrong);
	if (setup->pf)
		pci_make_vf(&function->model);
	rc = wrong ? -EINVAL : make_parts(function, setup);
	if (!rc)
		rc = create_state(function);
	if (rc) {
		pci_free_ports(function);
		free_parts(function);
		return rc;
	}
	function->complain = NULL;
	*ret_function = function;
	return 0;
}

void pci_function_free(struct pci_function *function)
{
	pci_end_workers(function);
	if (function->model.destroy)
		function->model.destroy(function->state);
	pci_free_ports(function);
	free_parts(function);
}
