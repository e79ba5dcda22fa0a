/* SPDX-License-Identifier: MIT */
/* Walks the tables. Nothing here allocates or keeps state. */
#include "frontend/trace/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "frontend/trace/table.h"

static const struct table {
	const struct trace_ioctl *rows;
	const size_t *count;
} tables[] = {
	[TRACE_IOMMU] = {trace_iommufd, &trace_iommufd_count},
	[TRACE_GROUP] = {trace_group, &trace_group_count},
	[TRACE_DEVICE] = {trace_device, &trace_device_count},
};

const struct trace_ioctl *trace_table(enum trace_target target, size_t *ret_count)
{
	*ret_count = *tables[target].count;
	return tables[target].rows;
}

const struct trace_ioctl *trace_find(enum trace_target target, uint32_t cmd)
{
	size_t count;
	const struct trace_ioctl *rows = trace_table(target, &count);

	for (size_t i = 0; i < count; i++)
		if (rows[i].cmd == cmd)
			return &rows[i];
	return NULL;
}

void trace_add(struct trace_text *text, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->buf + text->length, text->size - text->length, format, args);
	va_end(args);
	if (n > 0)
		text->length += n;
	if (text->length >= text->size)
		text->length = text->size - 1;
}

static uint64_t value_of(const struct trace_field *field, const void *data)
{
	const char *at = (const char *)data + field->offset;
	uint64_t value = 0;

	/* Little-endian, as the shim is (see the shim's own asserts). */
	memcpy(&value, at, field->size);
	return value;
}

void trace_add_flags(struct trace_text *text, const struct trace_name *names, uint64_t value)
{
	const char *between = "";

	if (!value)
		trace_add(text, "0");
	for (; value && names->name; names++) {
		if (!names->value || (value & names->value) != names->value)
			continue;
		trace_add(text, "%s%s", between, names->name);
		value &= ~names->value;
		between = "|";
	}
	if (value)
		trace_add(text, "%s%#" PRIx64, between, value);
}

static void add_enum(struct trace_text *text, const struct trace_name *names, uint64_t value)
{
	for (; names->name; names++) {
		if (names->value == value) {
			trace_add(text, "%s", names->name);
			return;
		}
	}
	trace_add(text, "%#" PRIx64, value);
}

static void add_value(struct trace_text *text, const struct trace_field *field, uint64_t value)
{
	switch (field->kind) {
	case TRACE_FLAGS:
		trace_add_flags(text, field->names, value);
		break;
	case TRACE_ENUM:
		add_enum(text, field->names, value);
		break;
	case TRACE_SIGNED:
		trace_add(text, "%" PRId32, (int32_t)value);
		break;
	case TRACE_DEC:
		trace_add(text, "%" PRIu64, value);
		break;
	default:
		trace_add(text, "%#" PRIx64, value);
	}
}

/* In the mock's union, the members' names are what matters. */
static const char *short_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

static void add_field(struct trace_text *text, const struct trace_field *field, const void *data,
		      const char **between)
{
	trace_add(text, "%s%s=", *between, short_name(field->name));
	add_value(text, field, value_of(field, data));
	*between = ", ";
}

/* The fields that are told before the call. */
static void add_fields(struct trace_text *text, const struct trace_struct *layout, const void *data,
		       size_t length)
{
	const struct trace_field *field = layout->fields;
	const char *between = "";

	trace_add(text, "{");
	for (; field < layout->fields + TRACE_FIELDS && field->name; field++) {
		if (!(field->way & TRACE_IN) || field->offset + field->size > length)
			continue;
		if (field->kind != TRACE_RESERVED || value_of(field, data))
			add_field(text, field, data, &between);
	}
	if (length < layout->size)
		trace_add(text, "%s...", between);
	trace_add(text, "}");
}

/* The test command is one struct for each operation. */
static const struct trace_struct *layout_of(const struct trace_ioctl *row, const void *data,
					    size_t length)
{
	uint32_t op;

	if (row->cmd != trace_mock_cmd || length < 8)
		return &row->layout;
	memcpy(&op, (const char *)data + 4, sizeof(op));
	return trace_mock_layout(op);
}

void trace_add_in(struct trace_text *text, const struct trace_ioctl *row, const void *data,
		  size_t length)
{
	add_fields(text, layout_of(row, data, length), data, length);
}

static bool told_after(const struct trace_field *field, const void *before, const void *after,
		       bool success)
{
	bool changed = value_of(field, before) != value_of(field, after);

	if (!(field->way & TRACE_OUT))
		return false;
	return field->way == TRACE_OUT ? success || changed : changed;
}

void trace_add_out(struct trace_text *text, const struct trace_ioctl *row, const void *before,
		   const void *after, size_t length, bool success)
{
	const struct trace_struct *layout = layout_of(row, before, length);
	const struct trace_field *field = layout->fields;
	const char *between = " => {";

	for (; field < layout->fields + TRACE_FIELDS && field->name; field++)
		if (field->offset + field->size <= length &&
		    told_after(field, before, after, success))
			add_field(text, field, after, &between);
	if (*between == ',')
		trace_add(text, "}");
}

void trace_add_records(struct trace_text *text, const struct trace_struct *record, const void *data,
		       size_t length)
{
	const char *between = "";

	trace_add(text, "[");
	for (; length; data = (const char *)data + record->size) {
		trace_add(text, "%s", between);
		add_fields(text, record, data, length);
		between = ", ";
		length -= length < record->size ? length : record->size;
	}
	trace_add(text, "]");
}

void trace_add_result(struct trace_text *text, long result)
{
	const char *name;

	if (result >= 0) {
		trace_add(text, "= %ld", result);
		return;
	}
	name = strerrorname_np(-result);
	trace_add(text, "= -1 %s (%s)", name ? name : "?", strerrordesc_np(-result));
}
