/* Rows of an answer, made as msgpack maps and shown as aligned text or as JSON. Pure. */
#ifndef SUPERVISOR_ADMIN_TABLE_H
#define SUPERVISOR_ADMIN_TABLE_H

#include <stdint.h>

#include "common/buffer.h"

enum admin_cell {
	ADMIN_CELL_PLAIN,
	ADMIN_CELL_SIZE,     /* bytes: `12.3M` in text */
	ADMIN_CELL_DURATION, /* milliseconds: `2m05s` in text */
	ADMIN_CELL_TIME,     /* CLOCK_REALTIME milliseconds: a date in text */
};

struct admin_column {
	const char *key; /* NULL ends a list of columns */
	enum admin_cell kind;
};

struct admin_table {
	const struct admin_column *columns;
	struct buffer rows; /* msgpack maps, one after another */
	uint32_t count;
};

void admin_table_init(struct admin_table *t, const struct admin_column *columns);
void admin_table_fini(struct admin_table *t);

/* Appends a row of `pairs` pairs, to be written into the returned buffer. */
struct buffer *admin_table_row(struct admin_table *t, uint32_t pairs);
void admin_pair_text(struct buffer *row, const char *key, const char *value);
void admin_pair_uint(struct buffer *row, const char *key, uint64_t value);
void admin_pair_value(struct buffer *row, const char *key, struct bytes msgpack); /* empty: nil */

/* The value of a key in a row; empty where it has none. */
struct bytes admin_row_get(struct bytes row, const char *key);
uint64_t admin_row_uint(struct bytes row, const char *key); /* 0 where it is none */

/* Each line goes to emit, without its end; it never contains one. */
typedef void (*admin_emit)(void *to, struct bytes line);

/* A JSON object per row: the columns in their order (null where a row lacks one), then
 * what else the row has. */
void admin_table_json(const struct admin_table *t, void *to, admin_emit emit);

/* A line of titles, then one per row; numbers to the right. */
void admin_table_text(const struct admin_table *t, void *to, admin_emit emit);

/* Every pair of each row on a line of its own; maps within are indented. */
void admin_page_text(const struct admin_table *t, void *to, admin_emit emit);

/* A key as people read it: `uptime_ms` as `uptime`. */
void admin_title(struct bytes key, enum admin_cell kind, struct buffer *out);

/* Text without control characters, which become \\xNN. */
void admin_clean_text(struct bytes text, struct buffer *out);

/* One value as text for people: no quotes, no control characters. */
void admin_cell_text(struct bytes msgpack, enum admin_cell kind, struct buffer *out);

#endif
