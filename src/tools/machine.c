/* SPDX-License-Identifier: MIT */
/* Descriptions from the command line, and what is wrong with them in a sentence. */
#include "tools/machine.h"

#include "machine/machine.h"
#include "tools/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *file_name; /* of --machine */

static int complain(int r, const struct config_error *error)
{
	if (error->line)
		tool_say("%s, line %u: %s.", file_name, error->line, error->text);
	else
		tool_say("%s.", error->text);
	return r;
}

/* NULL: errno says why; 0: it is no text. */
static char *read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	ssize_t n;

	if (!file)
		return NULL;
	n = getdelim(&text, &size, '\0', file);
	if (n > 0 && !text[n - 1]) {
		free(text);
		text = NULL;
		errno = 0;
	} else if (n < 0 && !ferror(file)) {
		free(text);
		text = strdup(""); /* it is empty */
	} else if (ferror(file)) {
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

static int take_file(struct config *config, const char *path)
{
	struct config_error error;
	char *text = read_file(path);
	int r;

	if (!text) {
		r = errno ? -errno : -EINVAL;
		if (errno)
			tool_say("'%s' can't be read: %s.", path, strerror(-r));
		else
			tool_say("'%s' is no text: it has a zero byte.", path);
		return r;
	}
	if (file_name) {
		free(text);
		tool_say("--machine can be given once.");
		return -EINVAL;
	}
	file_name = path;
	r = config_read(config, text, &error);
	free(text);
	return r ? complain(r, &error) : 0;
}

int machine_take(struct config **config, int option, const char *argument)
{
	struct config_error error;
	int r = *config ? 0 : config_new(config);

	if (r) {
		tool_say("memory is out.");
		return r;
	}
	switch (option) {
	case MACHINE_OPTION_FILE:
		return take_file(*config, argument);
	case MACHINE_OPTION_DEVICE:
		r = config_add_device(*config, argument, &error);
		break;
	default:
		r = config_add_iommu(*config, argument, &error);
	}
	if (r)
		tool_say("'%s': %s.", argument, error.text);
	return r;
}

/* By the system call itself: a machine that we run on is not the computer. */
static bool exists(const char *path)
{
	struct stat st;

	return !syscall(SYS_newfstatat, AT_FDCWD, path, &st, 0);
}

static bool is_real(enum config_thing thing, int number)
{
	static const char *const paths[] = {
		[CONFIG_GROUP] = "/sys/kernel/iommu_groups/%d",
		[CONFIG_NUMBER] = "/dev/vfio/devices/vfio%d",
		[CONFIG_UNIT] = "/sys/class/iommu/dmar%d",
	};
	char path[64];

	snprintf(path, sizeof(path), paths[thing], number);
	return exists(path);
}

static int say_real(const struct config_device *device, const char *what, const char *instead)
{
	struct config_error error = {.line = device->line};

	snprintf(error.text, sizeof(error.text),
		 "this computer has a real %s: take another one, or leave '%s' out", what, instead);
	return complain(-EINVAL, &error);
}

/* What was asked for by its name, and is there for real: neither could be found then. */
static int check_real(const struct config_device *device)
{
	char address[CONFIG_ADDRESS_BYTES], path[64], what[64];

	config_address_write(&device->address, address);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", address);
	if (exists(path)) {
		snprintf(what, sizeof(what), "device at %s", address);
		return say_real(device, what, "bdf=");
	}
	if (is_real(CONFIG_GROUP, device->group)) {
		snprintf(what, sizeof(what), "IOMMU group %d", device->group);
		return say_real(device, what, "group=");
	}
	if (is_real(CONFIG_NUMBER, device->number)) {
		snprintf(what, sizeof(what), "vfio%d", device->number);
		return say_real(device, what, "vfio=");
	}
	return 0;
}

/* Processes of the program may be in other folders when they look. */
static int make_absolute(char **path)
{
	char folder[PATH_MAX], *absolute;

	if (**path == '/')
		return 0;
	if (!getcwd(folder, sizeof(folder)) || asprintf(&absolute, "%s/%s", folder, *path) < 0) {
		tool_say("'%s' has no absolute path: %s.", *path, strerror(errno));
		return -errno;
	}
	free(*path);
	*path = absolute;
	return 0;
}

static int make_paths_absolute(struct config_device *device)
{
	int r = strchr(device->model, '/') ? make_absolute(&device->model) : 0;

	for (size_t i = 0; i < device->options.count && !r; i++)
		if (!strcmp(device->options.list[i].key, "file"))
			r = make_absolute(&device->options.list[i].value);
	return r;
}

/* Makes all of it, and throws it away: what models say of their options is told now, and not in the middle of the program. */
static int try(const struct config *config)
{
	struct config_error error;
	struct machine *machine;
	int r = machine_build(config, NULL, NULL, &error, &machine);

	if (r)
		return complain(r, &error);
	machine_put(machine);
	return 0;
}

int machine_inherit(struct config **ret_config)
{
	const char *text = getenv(MACHINE_VARIABLE);
	struct config_error error = {};
	struct config *config;
	int r;

	if (!text || !*text)
		return 0;
	r = config_new(&config);
	if (r) {
		tool_say("memory is out.");
		return r;
	}
	file_name = MACHINE_VARIABLE;
	r = config_read(config, text, &error);
	if (r) {
		config_free(config);
		return complain(r, &error);
	}
	*ret_config = config;
	return machine_complete(config);
}

int machine_complete(struct config *config)
{
	struct config_error error;
	int r = config_complete(config, is_real, &error);

	if (r)
		return complain(r, &error);
	for (size_t i = 0; i < config->device_count && !r; i++) {
		r = check_real(&config->devices[i]);
		if (!r)
			r = make_paths_absolute(&config->devices[i]);
	}
	if (r)
		return r;
	r = machine_learn(config, &error);
	return r ? complain(r, &error) : try(config);
}
