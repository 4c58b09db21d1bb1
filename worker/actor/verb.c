/* get, watch, set, call and tell. */
#include "worker/actor/verb.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "common/log.h"
#include "proto/msgpack.h"
#include "worker/actor/mailbox.h"
#include "worker/actor/outbox.h"
#include "worker/actor/step.h"
#include "worker/actor/wake.h"
#include "worker/actor/worker.h"

#define KEEP (64u << 10) /* bytes of an emptied buffer */

static void done(struct worker *w, struct actor *a, struct message *m)
{
	mailbox_done(w, m);
	mailbox_wake(w, a);
}

static void refuse(struct worker *w, struct actor *a, struct message *m, enum error_code code,
                   const char *key, struct bytes text)
{
	outbox_fail(w, a, m, code, key, text);
	done(w, a, m);
}

static void refuse_conflict(struct worker *w, struct actor *a, struct message *m)
{
	struct buffer text = { 0 };

	version_format(a->version, &text);
	refuse(w, a, m, ERROR_CONFLICT, "v", buffer_bytes(&text));
	buffer_fini(&text);
}

/* --- get and watch --- */

static void write_member(const struct actor *a, uint32_t i, struct buffer *out)
{
	msgpack_write_str(out, bytes_of(a->class->properties[i].name));
	value_pack(&a->slots[i].value, out);
}

/* Indices of the members a read names (all public ones where empty), only those that
 * changed after `since` where that is not NULL. false: *ret_unknown is no public member. */
static bool select_members(const struct actor *a, struct bytes members, const uint64_t *since,
                           uint32_t *ret, uint32_t *ret_count, struct bytes *ret_unknown)
{
	struct msgpack_reader r = msgpack_read(members);
	bool all = members.len == 0;
	uint32_t n = all ? a->class->property_count : msgpack_read_array(&r);
	uint32_t count = 0;

	for (uint32_t k = 0; k < n; k++) {
		struct bytes name = all ? bytes_of(a->class->properties[k].name) : msgpack_read_str(&r);
		int i = all ? (int)k : class_property(a->class, name);

		if (all && a->class->properties[i].private)
			continue;
		if (r.bad || i < 0 || a->class->properties[i].private || count == CLASS_PROPERTIES_MAX) {
			*ret_unknown = name;
			return false;
		}
		if (since == NULL || a->slots[i].changed > *since)
			ret[count++] = (uint32_t)i;
	}
	*ret_count = count;
	return true;
}

static void write_map(const struct actor *a, const uint32_t *indices, uint32_t count, struct buffer *out)
{
	msgpack_write_map(out, count);
	for (uint32_t k = 0; k < count; k++)
		write_member(a, indices[k], out);
}

static void run_get(struct worker *w, struct actor *a, struct message *m)
{
	static struct buffer payload; /* kept from one to the next, unless it grows large */
	uint32_t indices[CLASS_PROPERTIES_MAX], count;
	struct msgpack_reader r = msgpack_read(m->request.members);
	struct bytes unknown;

	if (!select_members(a, m->request.members, NULL, indices, &count, &unknown)) {
		refuse(w, a, m, ERROR_NO_MEMBER, "member", unknown);
		return;
	}
	if (m->request.members.len > 0 && msgpack_read_array(&r) == 1)
		value_pack(&a->slots[indices[0]].value, &payload);
	else
		write_map(a, indices, count, &payload);
	outbox_reply(w, a, m, &(struct ipc_reply){
		.versioned = true, .version = a->version, .payload = buffer_bytes(&payload) });
	buffer_clear(&payload);
	if (payload.capacity > KEEP)
		buffer_fini(&payload);
	done(w, a, m);
}

static void run_watch(struct worker *w, struct actor *a, struct message *m)
{
	const struct ipc_request *q = &m->request;
	bool resumed = q->resume && q->base.epoch == a->version.epoch && q->base.number <= a->version.number;
	uint32_t indices[CLASS_PROPERTIES_MAX], count;
	struct bytes unknown;
	struct buffer payload = { 0 };

	if (!select_members(a, q->members, resumed ? &q->base.number : NULL, indices, &count, &unknown)) {
		refuse(w, a, m, ERROR_NO_MEMBER, "member", unknown);
		return;
	}
	if (m->peer == PEER_SELF)
		a->watched_here = true;
	else if (m->peer != PEER_NOBODY)
		a->gateways |= UINT64_C(1) << m->peer;
	write_map(a, indices, count, &payload);
	outbox_reply(w, a, m, &(struct ipc_reply){
		.versioned = true, .version = a->version, .resumed = resumed, .payload = buffer_bytes(&payload) });
	buffer_fini(&payload);
	done(w, a, m);
}

/* --- set --- */

/* One entry of a SET's map: its property, or -1 with the error. */
static int set_entry(const struct actor *a, struct bytes name, enum error_code *ret_code)
{
	int i = class_property(a->class, name);

	*ret_code = ERROR_NONE;
	if (i < 0 || a->class->properties[i].private)
		*ret_code = ERROR_NO_MEMBER;
	else if (!a->class->properties[i].writable)
		*ret_code = ERROR_READ_ONLY;
	return *ret_code ? -1 : i;
}

/* A whole number beyond 2^53 travels as text (proto/client-protocol.md); in the place
 * of an integer it is that number. */
static void read_wide_integer(const struct property *p, struct value *v)
{
	struct msgpack_reader r;
	struct bytes text;
	char copy[24], *end;
	long long number;

	if (p->number != CLASS_INTEGER || v->type != VALUE_PACKED)
		return;
	r = msgpack_read((struct bytes){ v->packed, v->len });
	text = msgpack_read_str(&r);
	if (r.bad || text.len < 16 || text.len > 20 || (text.data[0] != '-' && (text.data[0] < '0' || text.data[0] > '9')))
		return;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	errno = 0;
	number = strtoll(copy, &end, 10);
	if (errno || *end)
		return;
	value_fini(v);
	*v = (struct value){ .type = VALUE_INT, .i = number };
}

static const char *assign_problem(int error)
{
	return error == -EDOM     ? "the number does not fit the property's kind"
	       : error == -EDQUOT ? "the actor's properties would take more than [actors] stored"
	                          : "not a value a property can hold";
}

/* Assigns every entry in the open step. */
static int assign_all(struct worker *w, struct actor *a, struct bytes map)
{
	struct msgpack_reader r = msgpack_read(map);
	uint32_t n = msgpack_read_map(&r);

	for (uint32_t k = 0; k < n; k++) {
		enum error_code code;
		struct value value;
		int i = set_entry(a, msgpack_read_str(&r), &code), error;

		assert(i >= 0);
		error = value_unpack(msgpack_read_value(&r), &value);
		if (error == 0) {
			read_wide_integer(&a->class->properties[i], &value);
			error = step_assign(a, (uint32_t)i, &value, w->config->actors.stored);
		}
		if (error)
			return error;
	}
	return 0;
}

/* Every check has agreed. */
static void assign_and_answer(struct worker *w, struct actor *a, struct message *m)
{
	int error = assign_all(w, a, m->request.payload);

	if (error) {
		step_rollback(w, a);
		if (error == -ENOMEM)
			outbox_fail(w, a, m, ERROR_BUSY, "limit", BYTES_LITERAL("memory"));
		else
			outbox_fail(w, a, m, ERROR_BAD_ARG, "reason", bytes_of(assign_problem(error)));
		return;
	}
	step_commit(w, a, false);
	outbox_reply(w, a, m, &(struct ipc_reply){ .versioned = true, .version = a->version });
}

static bool changed_since(const struct actor *a, int i, const struct ipc_request *q)
{
	return q->conditional && (q->if_version.epoch != a->version.epoch ||
	                          a->slots[i].changed > q->if_version.number);
}

static void run_set(struct worker *w, struct actor *a, struct message *m)
{
	struct msgpack_reader r = msgpack_read(m->request.payload);
	uint32_t n = msgpack_read_map(&r);
	bool checked = false;

	for (uint32_t k = 0; k < n && !r.bad; k++) {
		struct bytes name = msgpack_read_str(&r);
		enum error_code code;
		int i = set_entry(a, name, &code);

		msgpack_read_value(&r);
		if (r.bad)
			break;
		if (code) {
			refuse(w, a, m, code, "member", name);
			return;
		}
		if (changed_since(a, i, &m->request)) {
			refuse_conflict(w, a, m);
			return;
		}
		checked |= a->class->properties[i].checked;
	}
	if (r.bad) {
		refuse(w, a, m, ERROR_INTERNAL, "reason", BYTES_LITERAL("malformed frame"));
	} else if (checked) {
		run_begin(w, a, TURN_CHECK, m);
	} else {
		assign_and_answer(w, a, m);
		done(w, a, m);
	}
}

/* Enters the next check of the set; false where none is left. */
static bool enter_check(struct worker *w, struct turn_private *t)
{
	struct actor *a = t->turn.actor;
	struct msgpack_reader r = msgpack_read(t->turn.message->request.payload);
	uint32_t n = msgpack_read_map(&r);

	for (uint32_t k = 0; k < n; k++) {
		struct bytes name = msgpack_read_str(&r), value = msgpack_read_value(&r);
		int i = class_property(a->class, name);
		struct buffer arguments = { 0 };

		if (k < t->checked || i < 0 || !a->class->properties[i].checked)
			continue;
		t->checked = k + 1;
		msgpack_write_array(&arguments, 1);
		msgpack_write_raw(&arguments, value);
		run_enter(w, t, HOST_CHECK, name, buffer_bytes(&arguments));
		buffer_fini(&arguments);
		return true;
	}
	return false;
}

/* The name of the entry that was checked last. */
static struct bytes checked_name(const struct turn_private *t)
{
	struct msgpack_reader r = msgpack_read(t->turn.message->request.payload);
	struct bytes name = { NULL, 0 };

	msgpack_read_map(&r);
	for (uint32_t k = 0; k < t->checked; k++) {
		name = msgpack_read_str(&r);
		msgpack_read_value(&r);
	}
	return name;
}

static bool check_done(struct worker *w, struct turn_private *t, struct bytes result)
{
	struct actor *a = t->turn.actor;
	struct msgpack_reader r = msgpack_read(result);

	if (!msgpack_read_bool(&r) || r.bad) {
		step_rollback(w, a);
		outbox_fail(w, a, t->turn.message, ERROR_BAD_ARG, "member", checked_name(t));
	} else if (enter_check(w, t)) {
		return false;
	} else {
		assign_and_answer(w, a, t->turn.message);
	}
	run_end(w, t);
	return true;
}

/* --- call and tell --- */

static void run_call(struct worker *w, struct actor *a, struct message *m)
{
	struct bytes method = message_method(&m->request);

	if (!a->class->ops->has_method(a->class, method) || (name_private(method) && !m->internal)) {
		if (m->request.verb == IPC_TELL)
			log_warnx("a message names no method", F_BYTES("address", actor_address(a)),
			          F_TEXT("class", a->class->name), F_BYTES("method", method),
			          F_BYTES("caller", m->request.caller));
		refuse(w, a, m, ERROR_NO_MEMBER, "member", method);
	} else if (m->request.conditional && !version_equal(m->request.if_version, a->version)) {
		refuse_conflict(w, a, m);
	} else {
		run_begin(w, a, TURN_METHOD, m);
	}
}

static bool call_done(struct worker *w, struct turn_private *t, struct bytes result)
{
	struct actor *a = t->turn.actor;
	struct ipc_reply reply = { .versioned = true, .payload = result };

	step_commit(w, a, false);
	reply.version = a->version;
	if (a->condemned && a->turn_count == 1)
		wake_destroy(w, a);
	outbox_reply(w, a, t->turn.message, &reply);
	run_end(w, t);
	return true;
}

/* --- the rows --- */

const struct verb_row verb_rows[] = {
	[IPC_GET] = { IPC_GET, "get", run_get },
	[IPC_SET] = { IPC_SET, "set", run_set },
	[IPC_CALL] = { IPC_CALL, "call", run_call },
	[IPC_TELL] = { IPC_TELL, "tell", run_call },
	[IPC_WATCH] = { IPC_WATCH, "watch", run_watch },
};

void verb_run(struct worker *w, struct actor *a, struct message *take_message)
{
	verb_rows[take_message->request.verb].run(w, a, take_message);
}

void verb_enter(struct worker *w, struct turn_private *t)
{
	struct message *m = t->turn.message;

	if (t->phase == TURN_CHECK)
		enter_check(w, t);
	else
		run_enter(w, t, HOST_METHOD, message_method(&m->request), m->request.payload);
}

bool verb_done(struct worker *w, struct turn_private *t, struct bytes result)
{
	return t->phase == TURN_CHECK ? check_done(w, t, result) : call_done(w, t, result);
}
