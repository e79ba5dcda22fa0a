/* SPDX-License-Identifier: MIT */
/* A static program: are all these paths there? What a preload library can't reach. */
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (access(argv[i], F_OK))
			return 1;
	puts("there");
	return 0;
}
