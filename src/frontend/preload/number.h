/* SPDX-License-Identifier: MIT */
/* Numbers that programs write into files of the kernel's. */
#ifndef UIOMMUFD_PRELOAD_NUMBER_H
#define UIOMMUFD_PRELOAD_NUMBER_H

#include <errno.h>
#include <stdlib.h>

/* As the kernel reads them: of any base, with an optional plus and newline, and nothing else. 0, -EINVAL, -ERANGE (above max). */
static inline int number_read(const char *text, unsigned int max, unsigned int *ret_number)
{
	unsigned long long number;
	char *end;

	if (*text == '+')
		text++;
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 0);
	if (*end == '\n')
		end++;
	if (*end)
		return -EINVAL;
	if (errno || number > max)
		return -ERANGE;
	*ret_number = (unsigned int)number;
	return 0;
}

#endif
