/* SPDX-License-Identifier: MIT */
/* Models of the tree, and from outside of it. */
#include "machine/model.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/words.h"
#include "model/models.h"
#include "pci/model.h"

static int load(const char *path, const struct uiommufd_model **ret_model,
		struct config_error *ret_error)
{
	const struct uiommufd_model *const *model;
	void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const char *why = object ? NULL : dlerror();

	if (!object)
		return config_complain(ret_error, "the model can't be loaded: %s",
				       why ? why : path);
	model = dlsym(object, "uiommufd_model");
	if (!model || !*model) {
		dlclose(object);
		return config_complain(ret_error, "'%s' has no UIOMMUFD_MODEL", path);
	}
	*ret_model = *model;
	return 0;
}

/* What there is instead. */
static int complain_of_name(const char *name, struct config_error *ret_error)
{
	char list[160] = "";

	for (size_t i = 0; models[i]; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "",
			 models[i]->name);
	return config_complain(ret_error, "there is no model '%s': there are %s, or give a path",
			       name, list);
}

static int find(const char *name, const struct uiommufd_model **ret_model,
		struct config_error *ret_error)
{
	if (strchr(name, '/'))
		return load(name, ret_model, ret_error);
	*ret_model = model_find(name, strlen(name));
	return *ret_model ? 0 : complain_of_name(name, ret_error);
}

int model_get(const char *name, struct uiommufd_model *ret_model, struct config_error *ret_error)
{
	const struct uiommufd_model *given;
	const char *wrong;
	int r = find(name, &given, ret_error);

	if (r)
		return r;
	wrong = pci_model_take(given, ret_model);
	return wrong ? config_complain(ret_error, "'%s' can't be used: %s", name, wrong) : 0;
}
