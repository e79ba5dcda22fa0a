/* SPDX-License-Identifier: MIT */
/* The machine that --machine, --device and --iommu describe: the commands that take these options share this. */
#ifndef UIOMMUFD_TOOLS_MACHINE_H
#define UIOMMUFD_TOOLS_MACHINE_H

#include "config/config.h"

/* Where a description travels to the processes of a program. */
#define MACHINE_VARIABLE "UIOMMUFD_MACHINE"
/* ... and what they share: "descriptor:device:inode". */
#define SHARES_VARIABLE "UIOMMUFD_SHARES"

enum machine_option { MACHINE_OPTION_FILE = 512, MACHINE_OPTION_DEVICE, MACHINE_OPTION_IOMMU };

/* For a table of long options. */
#define MACHINE_LONG_OPTIONS                                                                       \
	{"machine", required_argument, NULL, MACHINE_OPTION_FILE},                                 \
		{"device", required_argument, NULL, MACHINE_OPTION_DEVICE},                        \
	{                                                                                          \
		"iommu", required_argument, NULL, MACHINE_OPTION_IOMMU                             \
	}

/* Their lines in a --help. */
#define MACHINE_HELP                                                                               \
	"      --machine FILE       the machine is as FILE says: see uiommufd-machine(5)\n"        \
	"      --device NAME[,OPTION=VALUE...]\n"                                                  \
	"                           the machine has this PCI device; may be repeated.\n"           \
	"                           NAME is that of a model, or the path of a shared object\n"     \
	"      --iommu KIND[,OPTION=VALUE...]\n"                                                   \
	"                           ... and this IOMMU\n"

/*
 * Takes one of the options: *config is made with the first. 0, or -errno: why has been said.
 */
int machine_take(struct config **config, int option, const char *argument);
/*
 * Leaves an open descriptor to the program, of memory that its processes share, and tells of it in the environment, if the machine has virtual functions.
 * 0, or -errno: why has been said.
 */
int machine_share(const struct config *config);
/* The machine that a run around this one has left in the environment; *ret_config stays NULL if there is none. 0, or -errno: why has been said. */
int machine_inherit(struct config **ret_config);
/* Completes it, and checks it against this computer. 0, or -errno: why has been said. */
int machine_complete(struct config *config);

#endif
