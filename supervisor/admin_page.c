/* Owns how one thing's facts look as a page of text: a line per fact. */
#include <msgpuck.h>

#include "proto/msgpack.h"
#include "supervisor/admin_table.h"

struct page {
	const struct admin_column *columns; /* the kinds of the outermost facts */
	struct buffer line;
	void *to;
	admin_emit emit;
};

static void append_pairs(struct page *p, struct bytes map, size_t indent);

static enum admin_cell kind_of(const struct page *p, struct bytes key, size_t indent)
{
	for (const struct admin_column *c = p->columns; indent == 0 && c != NULL && c->key != NULL; c++) {
		if (bytes_equal(bytes_of(c->key), key))
			return c->kind;
	}
	return ADMIN_CELL_PLAIN;
}

static size_t longest_key(struct bytes map)
{
	struct msgpack_reader r = msgpack_read(map);
	size_t longest = 0;

	for (uint32_t n = msgpack_read_map(&r); n > 0 && !r.bad; n--) {
		struct bytes key = msgpack_read_str(&r);
		(void)msgpack_read_value(&r);
		if (key.len > longest)
			longest = key.len;
	}
	return longest < 40 ? longest : 40;
}

static void append_spaces(struct page *p, size_t n)
{
	for (; n > 0; n--)
		buffer_append(&p->line, " ", 1);
}

static void end_line(struct page *p)
{
	p->emit(p->to, buffer_bytes(&p->line));
	buffer_clear(&p->line);
}

/* An array: its elements one below the other, maps as their own pairs in one line. */
static void append_elements(struct page *p, struct bytes array, size_t indent)
{
	struct msgpack_reader r = msgpack_read(array);

	for (uint32_t n = msgpack_read_array(&r); n > 0 && !r.bad; n--) {
		struct bytes element = msgpack_read_value(&r);
		struct msgpack_reader pairs = msgpack_read(element);
		bool map = element.len > 0 && mp_typeof(*element.data) == MP_MAP;

		append_spaces(p, indent);
		if (!map)
			admin_cell_text(element, ADMIN_CELL_PLAIN, &p->line);
		for (uint32_t k = map ? msgpack_read_map(&pairs) : 0; k > 0 && !pairs.bad; k--) {
			struct bytes key = msgpack_read_str(&pairs), value = msgpack_read_value(&pairs);
			bool time = bytes_equal(key, BYTES_LITERAL("time")) || bytes_equal(key, BYTES_LITERAL("since"));
			admin_cell_text(value, time ? ADMIN_CELL_TIME : ADMIN_CELL_PLAIN, &p->line);
			append_spaces(p, k > 1 ? 2 : 0);
		}
		end_line(p);
	}
}

static void append_pair(struct page *p, struct bytes key, struct bytes value, size_t width, size_t indent)
{
	enum mp_type type = value.len > 0 ? mp_typeof(*value.data) : MP_NIL;
	struct msgpack_reader r = msgpack_read(value);
	uint32_t within = type == MP_MAP ? msgpack_read_map(&r) : type == MP_ARRAY ? msgpack_read_array(&r) : 0;

	append_spaces(p, indent);
	if (indent == 0) /* the names of facts are words for people, those within are data */
		admin_title(key, kind_of(p, key, indent), &p->line);
	else
		admin_clean_text(key, &p->line);
	if (within > 0) {
		end_line(p);
		if (type == MP_MAP)
			append_pairs(p, value, indent + 2);
		else
			append_elements(p, value, indent + 2);
		return;
	}
	append_spaces(p, indent + width + 2 > buffer_length(&p->line) ? indent + width + 2 - buffer_length(&p->line) : 2);
	if (type == MP_MAP || type == MP_ARRAY)
		buffer_append_text(&p->line, "none");
	else
		admin_cell_text(value, kind_of(p, key, indent), &p->line);
	end_line(p);
}

static void append_pairs(struct page *p, struct bytes map, size_t indent)
{
	struct msgpack_reader r = msgpack_read(map);
	size_t width = longest_key(map);

	for (uint32_t n = msgpack_read_map(&r); n > 0 && !r.bad; n--) {
		struct bytes key = msgpack_read_str(&r), value = msgpack_read_value(&r);
		if (!r.bad)
			append_pair(p, key, value, width, indent);
	}
}

void admin_page_text(const struct admin_table *t, void *to, admin_emit emit)
{
	struct msgpack_reader r = msgpack_read(buffer_bytes(&t->rows));
	struct page p = { .columns = t->columns, .to = to, .emit = emit };

	for (uint32_t n = t->count; n > 0 && !r.bad; n--)
		append_pairs(&p, msgpack_read_value(&r), 0);
	buffer_fini(&p.line);
}
