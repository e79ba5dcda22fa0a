/* SPDX-License-Identifier: MIT */
/* The sanitizer as a program's user asks for it: by the environment. */
#ifndef UIOMMUFD_FRONTEND_SANITIZE_H
#define UIOMMUFD_FRONTEND_SANITIZE_H

struct machine;

/* What UIOMMUFD_SANITIZE may be, if it is set. */
#define SANITIZE_REPORT "report" /* findings go to standard error */
#define SANITIZE_EXIT	"exit"	 /* and the program ends with SANITIZE_STATUS at the first */
#define SANITIZE_ABORT	"abort"	 /* and the program is aborted at the first */
#define SANITIZE_STATUS 66

/* Turns the sanitizer of a new machine on if the environment says so. -ENOMEM. */
int sanitize_machine(struct machine *machine, void *unused);

#endif
