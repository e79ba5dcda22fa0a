/* SPDX-License-Identifier: MIT */
/* Loses memory and ends by _exit(): the search for leaks must find that. */
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
	char *volatile memory = malloc(777);

	*memory = 1;
	memory = NULL;
	_exit(memory ? 1 : 0);
}
