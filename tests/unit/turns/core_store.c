/* The store's side of the fixture. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "proto/json.h"
#include "proto/msgpack.h"
#include "tests/unit/turns/core_parts.h"

static bool automatic;
static uint32_t load_rid;

static void describe_batch(struct buffer *out, struct bytes body)
{
	struct ipc_batch_head head;
	struct ipc_batch_entry entry;
	struct bytes entries;

	if (!ipc_decode_batch(body, &head, &entries))
		fail_msg("the store got a malformed frame");
	buffer_printf(out, "batch %llu", (unsigned long long)head.seq);
	while (ipc_next_entry(&entries, &entry)) {
		struct msgpack_reader r = msgpack_read(entry.record);

		buffer_printf(out, " %.*s", (int)entry.address.len, entry.address.data);
		if (entry.remove) {
			buffer_append_text(out, " removed");
			continue;
		}
		msgpack_read_array(&r);
		for (int i = 0; i < 5; i++)
			msgpack_read_value(&r);
		json_write(msgpack_read_value(&r), out);
	}
}

const char *core_next_store_frame(void)
{
	struct buffer out = { 0 };
	struct bytes body;
	struct ipc_load load;
	uint64_t seq;

	if (!core_take(CORE_STORE, &body))
		return NULL;
	if (ipc_decode_load(body, &load)) {
		load_rid = load.rid;
		buffer_printf(&out, "load %.*s", (int)load.address.len, load.address.data);
	} else if (ipc_decode_reset(body, &seq)) {
		buffer_printf(&out, "reset %llu", (unsigned long long)seq);
	} else {
		describe_batch(&out, body);
	}
	return core_line(&out);
}

uint32_t core_stored_epoch(void)
{
	struct ipc_batch_head head;
	struct ipc_batch_entry entry;
	struct msgpack_reader r;
	struct bytes body, entries;

	assert_true(core_take(CORE_STORE, &body) && ipc_decode_batch(body, &head, &entries) && ipc_next_entry(&entries, &entry));
	r = msgpack_read(entry.record);
	msgpack_read_array(&r);
	msgpack_read_value(&r);
	return (uint32_t)msgpack_read_uint(&r);
}

static void to_worker(struct buffer *body)
{
	struct link *link = core_worker.storage.link;

	link->handlers->on_frame(link, buffer_bytes(body));
	buffer_fini(body);
}

static void store_answers(enum error_code code, bool found, struct bytes record)
{
	struct buffer body = { 0 };

	ipc_encode_loaded(&body, &(struct ipc_loaded){
		.rid = load_rid, .code = code, .found = found, .record = record });
	to_worker(&body);
}

void core_store_loaded(enum error_code code, const char *found)
{
	store_answers(code, found != NULL, found ? bytes_of(found) : (struct bytes){ NULL, 0 });
}

void core_store_found(struct bytes record)
{
	store_answers(ERROR_NONE, true, record);
}

void core_store_committed(uint64_t seq, enum error_code code)
{
	struct buffer body = { 0 };

	ipc_encode_committed(&body, &(struct ipc_committed){
		.seq = seq, .code = code, .text = code ? BYTES_LITERAL("disk full") : (struct bytes){ NULL, 0 } });
	to_worker(&body);
}

void core_store_automatic(bool on)
{
	automatic = on;
}

void core_serve_store(void)
{
	struct bytes body;

	while (automatic && core_take(CORE_STORE, &body)) {
		struct ipc_load load;
		struct ipc_batch_head head;
		struct bytes entries;

		if (ipc_decode_load(body, &load)) {
			load_rid = load.rid;
			core_store_loaded(ERROR_NONE, NULL);
		} else if (ipc_decode_batch(body, &head, &entries)) {
			core_store_committed(head.seq, ERROR_NONE);
		}
	}
}
