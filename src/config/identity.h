/* SPDX-License-Identifier: MIT */
/* The constants of a model as the words of an `identity` statement. */
#ifndef UIOMMUFD_CONFIG_IDENTITY_H
#define UIOMMUFD_CONFIG_IDENTITY_H

#include <stdio.h>

#include "config/words.h"

/* Reads the words from `first` on. Errors as config_read(). */
int identity_read(const struct words *words, size_t first, struct uiommufd_model *ret_identity,
		  struct config_error *ret_error);
/* Nothing that a statement would say is different; both are known, or neither. */
bool identity_same(const struct uiommufd_model *a, const struct uiommufd_model *b);
/* Writes the statement with its newline. */
void identity_write(FILE *file, const struct uiommufd_model *identity);

#endif
