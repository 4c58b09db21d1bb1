/* The services of a turn (turn.h) on top of the worker's parts. */
#include "worker/actor/turn.h"

#include "common/clock.h"
#include "proto/json.h"
#include "proto/msgpack.h"
#include "worker/actor/alarm.h"
#include "worker/actor/call.h"
#include "worker/actor/outbox.h"
#include "worker/actor/room.h"
#include "worker/actor/run.h"
#include "worker/actor/step.h"
#include "worker/actor/subscription.h"
#include "worker/actor/worker.h"

struct bytes turn_address(const struct turn *t)
{
	return actor_address(t->actor);
}

struct bytes turn_caller(const struct turn *t)
{
	return t->message ? t->message->request.caller : (struct bytes){ NULL, 0 };
}

const struct value *turn_property(const struct turn *t, unsigned index)
{
	return &t->actor->slots[index].value;
}

int turn_assign(struct turn *t, unsigned index, struct value *take)
{
	return step_assign(t->actor, index, take, worker_self->config->actors.stored);
}

static enum error_code bad(const char **ret_why, const char *why)
{
	*ret_why = why;
	return ERROR_BAD_ARG;
}

static enum error_code out_of_room(const char **ret_why)
{
	*ret_why = "the worker has no memory left ([workers] memory)";
	return ERROR_BUSY;
}

/* Address, member and call chain, checked before anything is sent. */
static enum error_code check_target(struct turn *t, struct bytes address, struct bytes member,
                                    bool waits, const char **ret_why)
{
	if (!address_valid(address))
		return bad(ret_why, "not an address");
	if (!name_valid(member))
		return bad(ret_why, "not a member name");
	if (waits && !t->class->reentrant && bytes_equal(address, turn_address(t))) {
		*ret_why = "an actor would wait for itself";
		return ERROR_DEADLOCK;
	}
	return ERROR_NONE;
}

static uint64_t wait_deadline(const struct turn *t)
{
	const struct worker *w = worker_self;
	uint64_t now = clock_now_ms();

	if (t->message && t->message->request.deadline > now)
		return t->message->request.deadline;
	return now + w->config->client.timeout;
}

/* Sends a request of this turn with its step; the turn then waits for the reply. */
static enum error_code wait_request(struct turn *t, struct ipc_request *request, const char **ret_why)
{
	struct worker *w = worker_self;
	struct buffer chain = { 0 };
	struct step *s;
	uint32_t shard = worker_shard(w, request->address);
	uint16_t peer = worker_keeps(w, shard) ? PEER_SELF : (uint16_t)(t->actor->shard % w->gateway_count);

	if (!message_extend_chain(t->message, turn_address(t), &chain)) {
		buffer_fini(&chain);
		*ret_why = "the call chain is too long";
		return ERROR_LIMIT;
	}
	s = step_open(t->actor);
	request->caller = turn_address(t);
	request->chain = buffer_bytes(&chain);
	request->deadline = wait_deadline(t);
	request->rid = call_begin(w, t->private, peer, request->deadline)->rid;
	t->private->call = request->rid;
	outbox_request(w, t->actor, request, &s->requests);
	buffer_fini(&chain);
	return ERROR_NONE;
}

enum error_code turn_wait_call(struct turn *t, struct bytes address, struct bytes method,
                               struct bytes arguments, const char **ret_why)
{
	struct buffer members = { 0 };
	struct ipc_request request = { .verb = IPC_CALL, .address = address, .payload = arguments };
	enum error_code code = check_target(t, address, method, true, ret_why);

	if (code)
		return code;
	msgpack_write_str(&members, method);
	request.members = buffer_bytes(&members);
	code = wait_request(t, &request, ret_why);
	buffer_fini(&members);
	return code;
}

enum error_code turn_wait_get(struct turn *t, struct bytes address, struct bytes property,
                              const char **ret_why)
{
	struct buffer members = { 0 };
	struct ipc_request request = { .verb = IPC_GET, .address = address };
	enum error_code code = check_target(t, address, property, true, ret_why);

	if (code)
		return code;
	msgpack_write_array(&members, 1);
	msgpack_write_str(&members, property);
	request.members = buffer_bytes(&members);
	code = wait_request(t, &request, ret_why);
	buffer_fini(&members);
	return code;
}

static void on_wake(struct timer *timer)
{
	struct turn_private *t = (struct turn_private *)((char *)timer - offsetof(struct turn_private, timer));
	static const char nil = (char)0xc0;

	run_answer(worker_self, t, &(struct host_answer){ ERROR_NONE, { &nil, 1 } });
}

enum error_code turn_wait_sleep(struct turn *t, uint64_t ms, const char **ret_why)
{
	(void)ret_why;
	/* The present millisecond has begun already: never too early. */
	timer_set(&worker_self->timers, &t->private->timer, clock_now_ms() + ms + 1, on_wake);
	return ERROR_NONE;
}

enum error_code turn_tell(struct turn *t, struct bytes address, struct bytes method,
                          struct bytes arguments, const char **ret_why)
{
	struct buffer members = { 0 };
	struct ipc_request request = {
		.verb = IPC_TELL, .address = address, .caller = turn_address(t), .payload = arguments,
	};
	enum error_code code = check_target(t, address, method, false, ret_why);

	if (code)
		return code;
	msgpack_write_str(&members, method);
	request.members = buffer_bytes(&members);
	outbox_request(worker_self, t->actor, &request, &step_open(t->actor)->requests);
	buffer_fini(&members);
	return ERROR_NONE;
}

enum error_code turn_watch(struct turn *t, struct bytes address, struct bytes property,
                           struct bytes method, const char **ret_why)
{
	enum error_code code = check_target(t, address, property, false, ret_why);

	if (code)
		return code;
	if (name_private(property))
		return bad(ret_why, "a private property cannot be watched");
	if (!t->class->ops->has_method(t->class, method))
		return bad(ret_why, "no such method to tell the changes to");
	if (!room_for(0))
		return out_of_room(ret_why);
	subscription_begin(worker_self, t->actor, address, property, method);
	return ERROR_NONE;
}

enum error_code turn_timer(struct turn *t, uint64_t ms, bool every, struct bytes method,
                           struct bytes arguments, uint32_t *ret_id, const char **ret_why)
{
	if (!t->class->ops->has_method(t->class, method))
		return bad(ret_why, "no such method to call then");
	if (!room_for(arguments.len))
		return out_of_room(ret_why);
	if (every && ms == 0)
		ms = 1;
	*ret_id = alarm_begin(worker_self, t->actor, ms, every, method, arguments);
	return ERROR_NONE;
}

bool turn_timer_cancel(struct turn *t, uint32_t id)
{
	return alarm_cancel(worker_self, t->actor, id);
}

void turn_destroy(struct turn *t)
{
	t->actor->condemned = true;
}

void turn_log(struct turn *t, enum log_level level, struct bytes text, struct bytes fields)
{
	struct buffer json = { 0 };

	if (fields.len > 0)
		json_write(fields, &json);
	log_write(level, 0, "actor", (const struct log_field[]){
		F_BYTES("address", turn_address(t)), F_TEXT("class", t->class->name),
		F_BYTES("message", text), F_BYTES("fields", buffer_bytes(&json)) }, fields.len ? 4 : 3);
	buffer_fini(&json);
}
