/* SPDX-License-Identifier: MIT */
/*
 * Calls in words, as strace prints them: names for numbers, fields of the structs. The knowledge is in tables over the
 * uAPI headers (table_*.c); the code here only walks them.
 */
#ifndef UIOMMUFD_TRACE_DECODE_H
#define UIOMMUFD_TRACE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a field says, or a value is. */
struct trace_name {
	uint64_t value;
	const char *name; /* NULL ends a list */
};

enum trace_kind {
	TRACE_DEC,
	TRACE_HEX,
	TRACE_SIGNED,	/* descriptors */
	TRACE_FLAGS,	/* names are bits */
	TRACE_ENUM,	/* names are values */
	TRACE_RESERVED, /* told only when it isn't 0 */
};

enum trace_way {
	TRACE_IN = 1,
	TRACE_OUT = 2,	/* told after success */
	TRACE_BOTH = 3, /* told again if it has changed */
};

struct trace_field {
	const char *name;
	uint16_t offset, size;
	enum trace_way way;
	enum trace_kind kind;
	const struct trace_name *names;
};

#define TRACE_FIELDS 16

/* A struct; fields end at the first without a name. */
struct trace_struct {
	uint16_t size;
	struct trace_field fields[TRACE_FIELDS];
};

enum trace_argument {
	TRACE_STRUCT, /* address of a struct whose first word is its size */
	TRACE_VALUE,  /* the number itself */
	TRACE_NONE,
};

struct trace_ioctl {
	uint32_t cmd;
	const char *name;
	enum trace_argument argument;
	struct trace_struct layout;	/* STRUCT */
	const struct trace_name *names; /* VALUE */
};

/* Which numbers a descriptor understands: a device's and a container's overlap. */
enum trace_target {
	TRACE_IOMMU,  /* /dev/iommu, /dev/vfio/vfio */
	TRACE_GROUP,  /* /dev/vfio/N */
	TRACE_DEVICE, /* a VFIO device */
};

/* The row of an ioctl, or NULL if it is not known for this kind of descriptor. */
const struct trace_ioctl *trace_find(enum trace_target target, uint32_t cmd);
/* The whole table, for tests: its rows, *ret_count of them. */
const struct trace_ioctl *trace_table(enum trace_target target, size_t *ret_count);

/*
 * Text that is appended to; what doesn't fit is cut. NUL-terminated as soon as something is added.
 */
struct trace_text {
	char *buf;
	size_t size, length;
};

void trace_add(struct trace_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* "{size=12, flags=0}" of the first `length` bytes of a struct, before the call. */
void trace_add_in(struct trace_text *text, const struct trace_ioctl *row, const void *data,
		  size_t length);
/* " => {out_ioas_id=1}" after it, or nothing. `before` and `after` have `length` bytes. */
void trace_add_out(struct trace_text *text, const struct trace_ioctl *row, const void *before,
		   const void *after, size_t length, bool success);
/* An array of records, as read from or written to an event descriptor: "[{...}, {...}]". */
void trace_add_records(struct trace_text *text, const struct trace_struct *record, const void *data,
		       size_t length);
/* "A|B|0x80", "0". */
void trace_add_flags(struct trace_text *text, const struct trace_name *names, uint64_t value);
/* "= 0", "= -1 ENOENT (No such file or directory)": result is 0 or positive, or -errno. */
void trace_add_result(struct trace_text *text, long result);

/* Of the fault queue's descriptor. */
extern const struct trace_struct trace_fault, trace_response;

#endif
