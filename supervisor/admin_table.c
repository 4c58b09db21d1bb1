/* Owns how rows look: aligned text for people, JSON for programs. */
#include "supervisor/admin_table.h"

#include <msgpuck.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/memory.h"
#include "proto/json.h"
#include "proto/msgpack.h"

#define CELL_SHOWN 200 /* most characters of one cell in a table */

void admin_table_init(struct admin_table *t, const struct admin_column *columns)
{
	*t = (struct admin_table){ .columns = columns };
}

void admin_table_fini(struct admin_table *t)
{
	buffer_fini(&t->rows);
}

struct buffer *admin_table_row(struct admin_table *t, uint32_t pairs)
{
	t->count++;
	msgpack_write_map(&t->rows, pairs);
	return &t->rows;
}

void admin_pair_text(struct buffer *row, const char *key, const char *value)
{
	msgpack_write_str(row, bytes_of(key));
	msgpack_write_str(row, bytes_of(value != NULL ? value : ""));
}

void admin_pair_uint(struct buffer *row, const char *key, uint64_t value)
{
	msgpack_write_str(row, bytes_of(key));
	msgpack_write_uint(row, value);
}

void admin_pair_value(struct buffer *row, const char *key, struct bytes msgpack)
{
	msgpack_write_str(row, bytes_of(key));
	msgpack_write_raw(row, msgpack);
}

struct bytes admin_row_get(struct bytes row, const char *key)
{
	struct msgpack_reader r = msgpack_read(row);

	for (uint32_t n = msgpack_read_map(&r); n > 0 && !r.bad; n--) {
		struct bytes name = msgpack_read_str(&r), value = msgpack_read_value(&r);
		if (!r.bad && bytes_equal(name, bytes_of(key)))
			return value;
	}
	return (struct bytes){ 0 };
}

static enum mp_type type_of(struct bytes msgpack)
{
	return msgpack.len > 0 ? mp_typeof(*msgpack.data) : MP_NIL;
}

uint64_t admin_row_uint(struct bytes row, const char *key)
{
	struct bytes value = admin_row_get(row, key);
	struct msgpack_reader r = msgpack_read(value);

	return type_of(value) == MP_UINT ? msgpack_read_uint(&r) : 0;
}

/* --- values ----------------------------------------------------------------------- */

void admin_clean_text(struct bytes text, struct buffer *out)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.data[i];
		if (byte < 0x20 || byte == 0x7f)
			buffer_printf(out, "\\x%02x", byte);
		else
			buffer_append(out, &byte, 1);
	}
}

static void append_size(struct buffer *out, uint64_t bytes)
{
	static const char units[] = "KMGT";
	double value = (double)bytes;
	int unit = -1;

	while (value >= 1024 && unit < 3) {
		value /= 1024;
		unit++;
	}
	if (unit < 0)
		buffer_printf(out, "%llu", (unsigned long long)bytes);
	else
		buffer_printf(out, value < 100 ? "%.1f%c" : "%.0f%c", value, units[unit]);
}

static void append_duration(struct buffer *out, uint64_t ms)
{
	unsigned long long s = ms / 1000;

	if (ms < 10000)
		buffer_printf(out, "%llu.%llus", s, (unsigned long long)ms % 1000 / 100);
	else if (s < 60)
		buffer_printf(out, "%llus", s);
	else if (s < 3600)
		buffer_printf(out, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		buffer_printf(out, "%lluh%02llum", s / 3600, s % 3600 / 60);
	else
		buffer_printf(out, "%llud%02lluh", s / 86400, s % 86400 / 3600);
}

static void append_time(struct buffer *out, uint64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	char text[40];
	struct tm parts;

	if (gmtime_r(&seconds, &parts) != NULL && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts) > 0)
		buffer_append_text(out, text);
}

void admin_cell_text(struct bytes msgpack, enum admin_cell kind, struct buffer *out)
{
	struct msgpack_reader r = msgpack_read(msgpack);
	enum mp_type type = type_of(msgpack);

	if (type == MP_NIL)
		buffer_append_text(out, "-");
	else if (type == MP_STR || type == MP_BIN)
		admin_clean_text(msgpack_read_str(&r), out);
	else if (type == MP_UINT && kind == ADMIN_CELL_SIZE)
		append_size(out, msgpack_read_uint(&r));
	else if (type == MP_UINT && kind == ADMIN_CELL_DURATION)
		append_duration(out, msgpack_read_uint(&r));
	else if (type == MP_UINT && kind == ADMIN_CELL_TIME)
		append_time(out, msgpack_read_uint(&r));
	else if (json_write(msgpack, out) == 0)
		buffer_append_text(out, "?");
}

/* --- JSON ------------------------------------------------------------------------- */

static bool is_column(const struct admin_column *columns, struct bytes key)
{
	for (; columns != NULL && columns->key != NULL; columns++) {
		if (bytes_equal(bytes_of(columns->key), key))
			return true;
	}
	return false;
}

static void append_member(struct buffer *out, struct bytes key, struct bytes value)
{
	buffer_append_text(out, buffer_length(out) > 1 ? "," : "");
	json_write_text(key, out);
	buffer_append_text(out, ":");
	if (value.len == 0 || json_write(value, out) == 0)
		buffer_append_text(out, "null");
}

void admin_table_json(const struct admin_table *t, void *to, admin_emit emit)
{
	struct msgpack_reader r = msgpack_read(buffer_bytes(&t->rows));
	struct buffer line = { 0 };

	for (uint32_t i = 0; i < t->count; i++) {
		struct bytes row = msgpack_read_value(&r);
		struct msgpack_reader pairs = msgpack_read(row);

		buffer_clear(&line);
		buffer_append_text(&line, "{");
		for (const struct admin_column *c = t->columns; c != NULL && c->key != NULL; c++)
			append_member(&line, bytes_of(c->key), admin_row_get(row, c->key));
		for (uint32_t n = msgpack_read_map(&pairs); n > 0 && !pairs.bad; n--) {
			struct bytes key = msgpack_read_str(&pairs), value = msgpack_read_value(&pairs);
			if (!pairs.bad && !is_column(t->columns, key))
				append_member(&line, key, value);
		}
		buffer_append_text(&line, "}");
		emit(to, buffer_bytes(&line));
	}
	buffer_fini(&line);
}

/* --- tables ----------------------------------------------------------------------- */

static size_t width_of(struct bytes text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += ((unsigned char)text.data[i] & 0xc0) != 0x80;
	return n;
}

static bool to_the_right(struct bytes value)
{
	enum mp_type type = type_of(value);

	return type == MP_UINT || type == MP_INT || type == MP_FLOAT || type == MP_DOUBLE;
}

static void pad(struct buffer *out, size_t n)
{
	for (; n > 0; n--)
		buffer_append(out, " ", 1);
}

/* Appends one cell to the line; the last column is not padded. */
static void append_cell(struct buffer *line, struct bytes text, size_t width, bool right, bool last)
{
	size_t own = width_of(text), space = width > own ? width - own : 0;

	pad(line, right ? space : 0);
	buffer_append_bytes(line, text);
	if (!last)
		pad(line, (right ? 0 : space) + 2);
}

static void cell_of(struct bytes row, const struct admin_column *column, struct buffer *out)
{
	buffer_clear(out);
	admin_cell_text(admin_row_get(row, column->key), column->kind, out);
	if (buffer_length(out) > CELL_SHOWN) { /* whole characters, then a mark */
		size_t keep = CELL_SHOWN;
		while (keep > 0 && ((unsigned char)buffer_bytes(out).data[keep] & 0xc0) == 0x80)
			keep--;
		out->tail = out->head + keep;
		buffer_append_text(out, "...");
	}
}

void admin_title(struct bytes key, enum admin_cell kind, struct buffer *out)
{
	if (kind == ADMIN_CELL_DURATION && key.len > 3 && memcmp(key.data + key.len - 3, "_ms", 3) == 0)
		key.len -= 3; /* its text has units of its own */
	for (size_t i = 0; i < key.len; i++)
		admin_clean_text(key.data[i] == '_' ? BYTES_LITERAL(" ") : (struct bytes){ key.data + i, 1 }, out);
}

static void title_of(const struct admin_column *column, struct buffer *out)
{
	buffer_clear(out);
	admin_title(bytes_of(column->key), column->kind, out);
}

struct layout {
	size_t width;
	bool right;
};

static void measure(const struct admin_table *t, struct layout *layout, struct buffer *cell)
{
	struct msgpack_reader r = msgpack_read(buffer_bytes(&t->rows));

	for (size_t i = 0; t->columns[i].key != NULL; i++) {
		title_of(&t->columns[i], cell);
		layout[i].width = buffer_length(cell);
	}
	for (uint32_t n = t->count; n > 0; n--) {
		struct bytes row = msgpack_read_value(&r);
		for (size_t i = 0; t->columns[i].key != NULL; i++) {
			size_t width;
			cell_of(row, &t->columns[i], cell);
			width = width_of(buffer_bytes(cell));
			if (width > layout[i].width)
				layout[i].width = width;
			layout[i].right = layout[i].right || to_the_right(admin_row_get(row, t->columns[i].key));
		}
	}
}

void admin_table_text(const struct admin_table *t, void *to, admin_emit emit)
{
	struct msgpack_reader r = msgpack_read(buffer_bytes(&t->rows));
	struct buffer line = { 0 }, cell = { 0 };
	struct layout *layout;
	size_t columns = 0;

	while (t->columns[columns].key != NULL)
		columns++;
	layout = memory_new((columns + 1) * sizeof(*layout));
	measure(t, layout, &cell);
	for (uint32_t n = 0; n <= t->count; n++) {
		struct bytes row = n > 0 ? msgpack_read_value(&r) : (struct bytes){ 0 };
		buffer_clear(&line);
		for (size_t i = 0; i < columns; i++) {
			if (n == 0)
				title_of(&t->columns[i], &cell);
			else
				cell_of(row, &t->columns[i], &cell);
			append_cell(&line, buffer_bytes(&cell), layout[i].width, layout[i].right, i + 1 == columns);
		}
		emit(to, buffer_bytes(&line));
	}
	free(layout);
	buffer_fini(&line);
	buffer_fini(&cell);
}
