/* The fake host: classes whose methods are a few lines of C. */
#include "tests/unit/turns/core.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "proto/msgpack.h"
#include "tests/unit/turns/host.h"
#include "worker/actor/host.h"
#include "worker/actor/turn.h"

enum { SLOT_N, SLOT_NAME, SLOT_HIDDEN };

static struct buffer result, details;

struct fake_run {
	const struct method *method;
	unsigned stage;
};

static void add(struct turn *t, int64_t k)
{
	struct value v = { .type = VALUE_INT, .i = turn_property(t, SLOT_N)->i + k };

	turn_assign(t, SLOT_N, &v);
}

static enum host_status done(struct bytes value, struct host_outcome *ret)
{
	buffer_clear(&result);
	msgpack_write_raw(&result, value);
	ret->result = buffer_bytes(&result);
	return HOST_DONE;
}

static enum host_status done_n(struct turn *t, struct host_outcome *ret)
{
	buffer_clear(&result);
	msgpack_write_int(&result, turn_property(t, SLOT_N)->i);
	ret->result = buffer_bytes(&result);
	return HOST_DONE;
}

static enum host_status failed(const char *code, struct host_outcome *ret)
{
	buffer_clear(&details);
	msgpack_write_map(&details, 1);
	msgpack_write_str(&details, BYTES_LITERAL("code"));
	msgpack_write_str(&details, bytes_of(code));
	*ret = (struct host_outcome){ .code = ERROR_APP, .details = buffer_bytes(&details) };
	return HOST_FAILED;
}

static enum host_status wait_or_fail(enum error_code code, struct host_outcome *ret)
{
	return code ? failed(error_rows[code].name, ret) : HOST_WAITING;
}

struct arguments {
	struct msgpack_reader r;
	uint32_t count;
};

static struct arguments arguments_of(struct bytes s)
{
	struct arguments a = { .r = msgpack_read(s) };

	a.count = msgpack_read_array(&a.r);
	return a;
}

/* --- the methods: called with answer NULL first and after each slice --- */

typedef enum host_status method_fn(struct turn *t, struct fake_run *run, struct arguments *a,
                                   const struct host_answer *answer, struct host_outcome *ret);

struct method {
	const char *name;
	method_fn *run;
};

static enum host_status on_add(struct turn *t, struct fake_run *run, struct arguments *a,
                               const struct host_answer *answer, struct host_outcome *ret)
{
	(void)run, (void)answer;
	add(t, msgpack_read_int(&a->r));
	return done_n(t, ret);
}

static enum host_status on_boom(struct turn *t, struct fake_run *run, struct arguments *a,
                                const struct host_answer *answer, struct host_outcome *ret)
{
	(void)run, (void)a, (void)answer;
	add(t, 1);
	return failed("boom", ret);
}

static enum host_status on_spin(struct turn *t, struct fake_run *run, struct arguments *a,
                                const struct host_answer *answer, struct host_outcome *ret)
{
	(void)run, (void)a, (void)answer, (void)ret;
	if (run->stage++ == 0)
		add(t, 1000);
	core_spend_ns(1000000);
	return HOST_PREEMPTED;
}

static enum host_status on_toil(struct turn *t, struct fake_run *run, struct arguments *a,
                                const struct host_answer *answer, struct host_outcome *ret)
{
	(void)t, (void)run, (void)a, (void)answer;
	core_spend_ns(3000000);
	return failed("tired", ret);
}

static enum host_status on_nap(struct turn *t, struct fake_run *run, struct arguments *a,
                               const struct host_answer *answer, struct host_outcome *ret)
{
	const char *why;

	(void)answer;
	add(t, 1);
	if (run->stage++ == 0)
		return wait_or_fail(turn_wait_sleep(t, (uint64_t)msgpack_read_int(&a->r), &why), ret);
	return done_n(t, ret);
}

static enum host_status on_ask(struct turn *t, struct fake_run *run, struct arguments *a,
                               const struct host_answer *answer, struct host_outcome *ret)
{
	if (run->stage++ == 0) {
		struct bytes address = msgpack_read_str(&a->r), method = msgpack_read_str(&a->r);
		static const char one[] = { (char)0x91, 0x01 };
		const char *why;

		add(t, 1);
		return wait_or_fail(turn_wait_call(t, address, method, (struct bytes){ one, 2 }, &why), ret);
	}
	return answer->code ? failed(error_rows[answer->code].name, ret) : done(answer->payload, ret);
}

static enum host_status on_tell(struct turn *t, struct fake_run *run, struct arguments *a,
                                const struct host_answer *answer, struct host_outcome *ret)
{
	struct bytes address = msgpack_read_str(&a->r);
	struct buffer arguments = { 0 };
	const char *why;

	(void)run, (void)answer;
	msgpack_write_array(&arguments, 1);
	msgpack_write_int(&arguments, msgpack_read_int(&a->r));
	turn_tell(t, address, BYTES_LITERAL("add"), buffer_bytes(&arguments), &why);
	buffer_fini(&arguments);
	return done_n(t, ret);
}

static enum host_status on_bye(struct turn *t, struct fake_run *run, struct arguments *a,
                               const struct host_answer *answer, struct host_outcome *ret)
{
	(void)run, (void)a, (void)answer;
	turn_destroy(t);
	return done_n(t, ret);
}

static enum host_status on_follow(struct turn *t, struct fake_run *run, struct arguments *a,
                                  const struct host_answer *answer, struct host_outcome *ret)
{
	const char *why;

	(void)run, (void)answer;
	turn_watch(t, msgpack_read_str(&a->r), BYTES_LITERAL("n"), BYTES_LITERAL("note"), &why);
	return done_n(t, ret);
}

static enum host_status on_note(struct turn *t, struct fake_run *run, struct arguments *a,
                                const struct host_answer *answer, struct host_outcome *ret)
{
	(void)run, (void)answer;
	add(t, msgpack_read_int(&a->r) - turn_property(t, SLOT_N)->i);
	return done_n(t, ret);
}

static enum host_status on_later(struct turn *t, struct fake_run *run, struct arguments *a,
                                 const struct host_answer *answer, struct host_outcome *ret)
{
	static const char one[] = { (char)0x91, 0x01 };
	const char *why;
	uint32_t id;

	(void)run, (void)answer;
	turn_timer(t, (uint64_t)msgpack_read_int(&a->r), false, BYTES_LITERAL("add"), (struct bytes){ one, 2 }, &id, &why);
	return done_n(t, ret);
}

static const struct method methods[] = {
	{ "add", on_add },   { "boom", on_boom }, { "spin", on_spin },     { "nap", on_nap },   { "ask", on_ask },
	{ "tell", on_tell }, { "bye", on_bye },   { "follow", on_follow }, { "note", on_note }, { "later", on_later },
	{ "toil", on_toil },
};

static const struct method *find(struct bytes name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (bytes_equal(name, bytes_of(methods[i].name)))
			return &methods[i];
	return NULL;
}

/* --- the host's table --- */

static bool has_method(const struct class *class, struct bytes name)
{
	(void)class;
	return find(name) != NULL;
}

static void end(struct turn *t)
{
	free(t->host_state);
	t->host_state = NULL;
}

static enum host_status go(struct turn *t, struct arguments *a, const struct host_answer *answer,
                           struct host_outcome *ret)
{
	struct fake_run *run = t->host_state;
	enum host_status status = run->method->run(t, run, a, answer, ret);

	if (status == HOST_DONE || status == HOST_FAILED)
		end(t);
	return status;
}

static enum host_status start(struct turn *t, enum host_entry entry, struct bytes name,
                              struct bytes arguments, struct host_outcome *ret)
{
	struct arguments a = arguments_of(arguments);
	struct fake_run *run;

	if (entry == HOST_CHECK) {
		bool good = msgpack_read_str(&a.r).len <= 20;

		buffer_clear(&result);
		msgpack_write_bool(&result, good && !a.r.bad);
		ret->result = buffer_bytes(&result);
		return HOST_DONE;
	}
	if (entry == HOST_CREATE) {
		add(t, 10);
		return done_n(t, ret);
	}
	run = memory_new(sizeof(*run));
	run->method = find(name);
	t->host_state = run;
	return go(t, &a, NULL, ret);
}

static enum host_status resume(struct turn *t, const struct host_answer *answer, struct host_outcome *ret)
{
	struct arguments none = { 0 };

	return go(t, &none, answer, ret);
}

static void unload(struct class *class)
{
	for (uint32_t i = 0; i < class->property_count; i++) {
		free(class->properties[i].name);
		value_fini(&class->properties[i].fallback);
	}
	free(class->properties);
	free(class->name);
	free(class->file);
	free(class->pattern);
	free(class);
}

const struct host_ops core_host = {
	.name = "fake", .unload = unload, .has_method = has_method, .start = start, .resume = resume, .abort = end,
};

static struct value packed_text(const char *text)
{
	struct buffer b = { 0 };
	struct value v;

	msgpack_write_str(&b, bytes_of(text));
	if (value_unpack(buffer_bytes(&b), &v) != 0)
		abort();
	buffer_fini(&b);
	return v;
}

struct class *core_class(const char *name, const char *pattern, bool creates, bool reentrant)
{
	struct class *c = memory_new(sizeof(*c));

	*c = (struct class){
		.name = memory_text(name), .file = memory_text("fake.lua"), .pattern = memory_text(pattern),
		.reentrant = reentrant, .has_create = creates, .property_count = 3, .ops = &core_host, .references = 1,
	};
	c->properties = memory_new(3 * sizeof(*c->properties));
	c->properties[SLOT_N] = (struct property){
		.name = memory_text("n"), .fallback = { .type = VALUE_INT }, .number = CLASS_INTEGER };
	c->properties[SLOT_NAME] = (struct property){
		.name = memory_text("name"), .fallback = packed_text(""), .writable = true, .checked = true };
	c->properties[SLOT_HIDDEN] = (struct property){
		.name = memory_text("_hidden"), .fallback = { .type = VALUE_INT }, .private = true };
	return c;
}

void core_host_fini(void)
{
	buffer_fini(&result);
	buffer_fini(&details);
}
