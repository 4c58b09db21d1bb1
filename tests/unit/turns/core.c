/* The fixture: stands in for links, log and clock, and speaks for gateways and store. */
#include "tests/unit/turns/core_parts.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "proto/json.h"
#include "proto/msgpack.h"
#include "tests/unit/turns/host.h"
#include "worker/actor/acquire.h"
#include "worker/actor/mailbox.h"
#include "worker/actor/release.h"
#include "worker/actor/schedule.h"

struct worker core_worker;
uint64_t core_now_ms = 1000000;
static uint64_t spent_ns;

static struct config config;
static struct control_shard shards[8];
static uint64_t map_serial;
static unsigned released;
static struct link gateway_links[2];
static struct buffer frames[3]; /* of each link, u32 length before each */
static size_t frame_start;
static char line[4096];

/* --- what the worker stands on --- */

uint64_t clock_now_ms(void)
{
	return core_now_ms + spent_ns / 1000000;
}

uint64_t clock_now_ns(void)
{
	return core_now_ms * 1000000 + spent_ns;
}

uint64_t clock_boot_ns(void) { return clock_now_ns(); }
uint64_t clock_real_ms(void) { return core_now_ms; }

void core_spend_ns(uint64_t ns)
{
	spent_ns += ns;
}

void log_write(enum log_level level, int error, const char *event, const struct log_field *fields, size_t count)
{
	(void)level, (void)error, (void)event, (void)fields, (void)count;
}

static struct buffer *frames_of(struct link *link)
{
	for (size_t i = 0; i < 2; i++)
		if (link == &gateway_links[i])
			return &frames[i];
	return &frames[2];
}

struct buffer *link_begin(struct link *link)
{
	struct buffer *b = frames_of(link);
	uint32_t none = 0;

	frame_start = buffer_length(b);
	buffer_append(b, &none, sizeof(none));
	return b;
}

void link_end(struct link *link)
{
	struct buffer *b = frames_of(link);
	uint32_t length = (uint32_t)(buffer_length(b) - frame_start - sizeof(length));

	memcpy(b->data + b->head + frame_start, &length, sizeof(length));
}

int link_init(struct link *link, struct ev_loop *loop, int take_fd, const struct link_handlers *handlers, void *owner)
{
	(void)loop, (void)take_fd;
	link->handlers = handlers;
	link->owner = owner;
	return 0;
}

void link_fini(struct link *link)
{
	(void)link;
}

void link_close(struct link *link)
{
	(void)link;
	fail_msg("the worker closed a link");
}

bool link_full(const struct link *link)
{
	(void)link;
	return false;
}

size_t lua_host_memory(void)
{
	return 0;
}

void lua_host_collect(void)
{
}

/* --- life --- */

void core_init(void)
{
	struct worker *w = &core_worker;
	static const unsigned char seed[HASH_KEY_SIZE] = "turns";

	*w = (struct worker){ .config = &config, .shards = shards, .shard_count = 8, .gateway_count = 2 };
	config = (struct config){ 0 };
	config.client.timeout = 5000;
	config.actors.mailbox = 8;
	config.actors.turn_limit = 10;
	config.actors.idle = 60000;
	config.actors.resident = 100;
	config.actors.stored = 4096;
	for (size_t i = 0; i < 8; i++)
		shards[i] = (struct control_shard){ .worker = 0, .epoch = 1 };
	hash_key_init(&w->hash_key, seed);
	worker_self = w;
	worker_init(w);
	for (uint16_t i = 0; i < 2; i++)
		w->gateways[i] = (struct peer){ .worker = w, .link = &gateway_links[i], .index = i };
	storage_init(&w->storage, w);
	assert_int_equal(storage_connect(&w->storage, -1), 0);
	w->catalog.classes = memory_new(2 * sizeof(struct class *));
	w->catalog.count = 2;
	w->catalog.classes[0] = core_class("things", "things.{id}", false, false);
	w->catalog.classes[1] = core_class("loops", "loops.{id}", true, true);
	core_store_automatic(true);
}

void core_fini(void)
{
	struct worker *w = &core_worker;

	worker_fini(w);
	for (size_t i = 0; i < 3; i++)
		buffer_fini(&frames[i]);
	core_host_fini();
	spent_ns = 0;
	map_serial = released = 0;
}

void core_set_durability(enum class_durability durability)
{
	for (size_t i = 0; i < core_worker.catalog.count; i++)
		core_worker.catalog.classes[i]->durability = durability;
}

void core_reload(enum class_durability durability)
{
	struct class *former = core_worker.catalog.classes[0];

	former->retired = true;
	class_unref(former);
	core_worker.catalog.classes[0] = core_class("things", "things.{id}", false, false);
	core_worker.catalog.classes[0]->durability = durability;
}

/* --- gateways --- */

static void json(struct buffer *out, const char *text)
{
	if (text == NULL)
		msgpack_write_nil(out);
	else
		assert_int_equal(json_parse(bytes_of(text), out, NULL), JSON_OK);
}

void core_send_full(uint16_t peer, const struct ipc_request *request)
{
	struct buffer body = { 0 };
	struct ipc_request full = *request;

	full.shard = worker_shard(&core_worker, request->address);
	if (full.epoch == 0)
		full.epoch = 1;
	ipc_encode_request(&body, &full);
	core_worker.now_ns = clock_now_ns();
	assert_true(schedule_frame(&core_worker, peer, buffer_bytes(&body)));
	buffer_fini(&body);
}

void core_send(uint16_t peer, uint32_t rid, enum ipc_verb verb, const char *address,
               const char *members, const char *payload)
{
	struct buffer m = { 0 }, p = { 0 };

	json(&m, members);
	json(&p, payload);
	core_send_full(peer, &(struct ipc_request){
		.rid = rid, .verb = verb, .address = bytes_of(address), .members = buffer_bytes(&m), .payload = buffer_bytes(&p) });
	buffer_fini(&m);
	buffer_fini(&p);
}

bool core_take(size_t i, struct bytes *ret)
{
	struct bytes all = buffer_bytes(&frames[i]);
	uint32_t length;

	if (all.len == 0)
		return false;
	memcpy(&length, all.data, sizeof(length));
	*ret = (struct bytes){ all.data + sizeof(length), length };
	buffer_consume(&frames[i], sizeof(length) + length);
	return true;
}

static void describe_payload(struct buffer *out, struct bytes payload)
{
	if (payload.len == 0)
		return;
	buffer_append_text(out, " ");
	if (json_write(payload, out) == 0)
		fail_msg("a frame holds a malformed payload");
}

uint32_t core_asked_rid;

static void describe(struct buffer *out, size_t peer, struct bytes body)
{
	struct ipc_reply reply;
	struct ipc_event event;
	struct ipc_request request;
	struct ipc_unwatch unwatch;
	uint64_t number;

	buffer_printf(out, "%zu ", peer);
	if (ipc_decode_reply(body, &reply)) {
		buffer_printf(out, "reply %u %s", reply.rid, reply.code ? error_rows[reply.code].name : "ok");
		if (reply.resumed)
			buffer_append_text(out, " resumed");
		if (reply.versioned)
			buffer_printf(out, " v%llu", (unsigned long long)reply.version.number);
		describe_payload(out, reply.payload);
	} else if (ipc_decode_event(body, &event)) {
		buffer_printf(out, "%s %.*s v%llu", event.kind == IPC_EVENT_END ? "end" : event.kind == IPC_EVENT_SNAPSHOT ? "snap" : "event",
		              (int)event.address.len, event.address.data, (unsigned long long)event.version.number);
		describe_payload(out, event.changed);
	} else if (ipc_decode_request(body, &request)) {
		core_asked_rid = request.rid;
		buffer_printf(out, "request %.*s", (int)request.address.len, request.address.data);
		describe_payload(out, request.members);
	} else if (ipc_decode_unwatch(body, &unwatch)) {
		buffer_printf(out, "unwatch %.*s", (int)unwatch.address.len, unwatch.address.data);
	} else if (ipc_decode_fence(body, &number)) {
		buffer_append_text(out, "fence");
	} else {
		fail_msg("a gateway got a malformed frame");
	}
}

const char *core_line(struct buffer *take_text)
{
	struct bytes text = buffer_bytes(take_text);

	assert_true(text.len < sizeof(line));
	memcpy(line, text.data, text.len);
	line[text.len] = '\0';
	buffer_fini(take_text);
	return line;
}

static uint64_t sync_number; /* of the last IPC_SYNC that a gateway got */

const char *core_next_frame(void)
{
	struct buffer out = { 0 };
	struct bytes body;

	for (size_t i = 0; i < 2; i++)
		while (core_take(i, &body)) {
			if (ipc_decode_sync(body, &sync_number))
				continue;
			describe(&out, i, body);
			return core_line(&out);
		}
	return NULL;
}

int core_set_up(void **state)
{
	(void)state;
	core_init();
	return 0;
}

int core_tear_down(void **state)
{
	(void)state;
	core_fini();
	return 0;
}

void core_expect_frame(const char *wanted)
{
	const char *got = core_next_frame();

	assert_non_null(got);
	assert_string_equal(got, wanted);
}

void core_expect_silence(void)
{
	const char *got = core_next_frame();

	if (got)
		fail_msg("unexpected: %s", got);
}

/* --- shards --- */

void core_move(const char *address, uint16_t worker, uint16_t leaving, uint32_t epoch)
{
	struct control_shard former[8];

	release_before_map(&core_worker);
	memcpy(former, shards, sizeof(former));
	for (uint32_t i = 0; i < 8; i++)
		if (address == NULL || i == worker_shard(&core_worker, bytes_of(address)))
			shards[i] = (struct control_shard){ .worker = worker, .leaving = leaving, .epoch = epoch };
	release_map(&core_worker, former, ++map_serial);
	acquire_map(&core_worker, former, map_serial);
}

void core_begin_leaving(void)
{
	for (uint32_t i = 0; i < 8; i++)
		shards[i] = (struct control_shard){ .worker = CONTROL_NO_WORKER, .leaving = 0, .epoch = 1 };
	release_map(&core_worker, NULL, ++map_serial);
}

static void send_number(uint16_t peer, void (*encode)(struct buffer *out, uint64_t number), uint64_t number)
{
	struct buffer body = { 0 };

	encode(&body, number);
	assert_true(schedule_frame(&core_worker, peer, buffer_bytes(&body)));
	buffer_fini(&body);
}

void core_mark(uint16_t peer)
{
	send_number(peer, ipc_encode_map, map_serial);
}

void core_fence(uint16_t peer)
{
	send_number(peer, ipc_encode_fence, 1);
}

void core_sync(uint16_t peer)
{
	send_number(peer, ipc_encode_sync, sync_number);
}

static void on_released(struct worker *w, uint64_t serial, const uint16_t *free_ones, uint32_t count)
{
	(void)w, (void)free_ones;
	assert_in_range(serial, 1, map_serial);
	released += count;
}

unsigned core_released(void)
{
	unsigned count = released;

	released = 0;
	return count;
}

void core_run(unsigned most)
{
	while (most-- > 0) {
		bool more = schedule_run(&core_worker);

		core_serve_store();
		release_run(&core_worker, on_released);
		core_serve_store();
		release_run(&core_worker, on_released);
		if (!more && buffer_length(&core_worker.loopback) == 0 && TAILQ_EMPTY(&core_worker.ready) &&
		    TAILQ_EMPTY(&core_worker.slow))
			break;
	}
}

void core_advance(uint64_t ms)
{
	core_now_ms += ms;
	timers_run(&core_worker.timers, clock_now_ms());
}
