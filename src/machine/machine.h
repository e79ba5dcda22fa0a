/* SPDX-License-Identifier: MIT */
/* From a description to a machine: its IOMMUs, and its devices with their models. */
#ifndef UIOMMUFD_MACHINE_MACHINE_H
#define UIOMMUFD_MACHINE_MACHINE_H

#include "config/config.h"
#include "core/machine.h"

/*
 * Makes what a complete config describes, with one reference. prepare, if not NULL, gets the machine while it has no parts yet, and returns 0 or
 * -ENOMEM. The config need not live on. -EINVAL, -ENOMEM and errors of models; *ret_error says why, with the line.
 */
int machine_build(const struct config *config, int (*prepare)(struct machine *machine, void *arg),
		  void *arg, struct config_error *ret_error, struct machine **ret_machine);

/*
 * Checks what config/ can't know: kinds, models, and the names of their options; and fills in the identities. Loads models that are shared
 * objects; they stay loaded. -EINVAL, -ENOMEM, and *ret_error says why.
 */
int machine_learn(struct config *config, struct config_error *ret_error);

#endif
