/* The tests' world: bundles, actors, turns, and outcomes as text. */
#include "tests/unit/actor/world.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "proto/json.h"
#include "proto/msgpack.h"

#define BUNDLES_MAX 64
#define ACTORS_MAX 64

const struct host_limits world_limits = {
	.turn_memory = 8 << 20, .class_memory = 64 << 20,
};

static struct {
	struct class **classes;
	size_t count;
} bundles[BUNDLES_MAX];
static size_t bundle_count;
static struct actor *actors[ACTORS_MAX];
static size_t actor_count;
static struct turn *turns[ACTORS_MAX]; /* not ended yet */
static size_t turn_count;
static struct buffer outcome_text, report_text, problem_text, property_text;

void world_init(const struct host_limits *limits)
{
	world_asked();
	world_caller = "";
	assert_int_equal(lua_host_init(limits ? limits : &world_limits), 0);
}

void world_fini(void)
{
	while (turn_count > 0)
		world_turn_end(turns[0]);
	while (actor_count > 0) {
		struct actor *a = actors[--actor_count];

		for (uint32_t i = 0; i < a->class->property_count; i++)
			value_fini(&a->slots[i]);
		class_unref(a->class);
		free(a);
	}
	while (bundle_count > 0) {
		bundle_count--;
		for (size_t i = 0; i < bundles[bundle_count].count; i++)
			class_unref(bundles[bundle_count].classes[i]);
		free(bundles[bundle_count].classes);
	}
	assert_int_equal(lua_host_memory(), 0);
	lua_host_fini();
	buffer_fini(&outcome_text);
	buffer_fini(&report_text);
	buffer_fini(&problem_text);
	buffer_fini(&property_text);
}

static const char *text_of(struct buffer *b)
{
	buffer_append(b, "", 1);
	return b->data + b->head;
}

/* --- bundles --- */

static const char *tell_problems(struct host_problems *problems)
{
	buffer_clear(&problem_text);
	for (size_t i = 0; i < problems->count; i++)
		buffer_printf(&problem_text, "%s:%d: %s\n", problems->list[i].file, problems->list[i].line,
		              problems->list[i].message);
	host_problems_fini(problems);
	return text_of(&problem_text);
}

static const char *load(const struct host_file *files, size_t count)
{
	struct host_bundle bundle = { files, count };
	struct host_problems problems = { 0 };
	int r;

	assert_true(bundle_count < BUNDLES_MAX);
	r = lua_host_ops.load(&bundle, &bundles[bundle_count].classes, &bundles[bundle_count].count, &problems);
	assert_int_equal(r == 0, problems.count == 0);
	if (r == 0)
		bundle_count++;
	return tell_problems(&problems);
}

const char *world_load_files(const char *path, ...)
{
	struct host_file files[16];
	size_t count = 0;
	va_list rest;

	va_start(rest, path);
	for (const char *p = path; p; p = va_arg(rest, const char *))
		files[count++] = (struct host_file){ bytes_of(p), bytes_of(va_arg(rest, const char *)) };
	va_end(rest);
	return load(files, count);
}

void world_load(const char *source)
{
	assert_string_equal(world_load_files("things.lua", source, NULL), "");
}

struct class *world_class(size_t i)
{
	assert_true(bundle_count > 0 && i < bundles[bundle_count - 1].count);
	return bundles[bundle_count - 1].classes[i];
}

/* --- actors and turns --- */

struct actor *world_actor(struct class *class, const char *address)
{
	struct actor *a = memory_new(sizeof(*a));

	assert_true(actor_count < ACTORS_MAX);
	*a = (struct actor){ .address = address, .class = class_ref(class) };
	for (uint32_t i = 0; i < class->property_count; i++)
		assert_int_equal(value_copy(&class->properties[i].fallback, &a->slots[i]), 0);
	actors[actor_count++] = a;
	return a;
}

struct turn *world_turn(struct actor *a)
{
	struct turn *t = memory_new(sizeof(*t));

	assert_true(turn_count < ACTORS_MAX);
	*t = (struct turn){ .actor = a, .class = class_ref(a->class) };
	turns[turn_count++] = t;
	return t;
}

void world_turn_end(struct turn *t)
{
	t->class->ops->abort(t);
	assert_null(t->host_state);
	for (size_t i = 0; i < turn_count; i++)
		if (turns[i] == t)
			turns[i] = turns[--turn_count];
	class_unref(t->class);
	free(t);
}

/* --- outcomes --- */

static const char *tell(struct turn *t, enum host_status status, const struct host_outcome *outcome)
{
	buffer_clear(&outcome_text);
	buffer_clear(&report_text);
	assert_int_equal(t->host_state != NULL, status == HOST_WAITING || status == HOST_PREEMPTED);
	switch (status) {
	case HOST_DONE:
		assert_int_equal(json_write(outcome->result, &outcome_text), outcome->result.len);
		break;
	case HOST_FAILED:
		buffer_printf(&outcome_text, "%s ", error_rows[outcome->code].name);
		assert_int_equal(json_write(outcome->details, &outcome_text), outcome->details.len);
		buffer_append_bytes(&report_text, outcome->report);
		break;
	case HOST_WAITING:
		buffer_append_text(&outcome_text, "waiting");
		break;
	case HOST_PREEMPTED:
		buffer_append_text(&outcome_text, "preempted");
		break;
	}
	return text_of(&outcome_text);
}

static void parse(const char *json, struct buffer *out)
{
	*out = (struct buffer){ 0 };
	assert_int_equal(json_parse(bytes_of(json), out, NULL), JSON_OK);
}

/* A busy machine may end any slice: what a test does not look at goes on. */
static const char *finish(struct turn *t, enum host_status status, struct host_outcome *outcome)
{
	while (status == HOST_PREEMPTED)
		status = t->class->ops->resume(t, NULL, outcome);
	return tell(t, status, outcome);
}

static enum host_status start(struct turn *t, enum host_entry entry, const char *name, const char *arguments,
                              struct host_outcome *outcome)
{
	struct buffer packed;
	enum host_status status;

	parse(arguments, &packed);
	status = t->class->ops->start(t, entry, bytes_of(name), buffer_bytes(&packed), outcome);
	buffer_fini(&packed);
	return status;
}

const char *world_enter(struct turn *t, enum host_entry entry, const char *name, const char *arguments)
{
	struct host_outcome outcome = { 0 };

	return finish(t, start(t, entry, name, arguments, &outcome), &outcome);
}

const char *world_begin(struct turn *t, const char *method, const char *arguments)
{
	struct host_outcome outcome = { 0 };

	return tell(t, start(t, HOST_METHOD, method, arguments, &outcome), &outcome);
}

const char *world_start(struct turn *t, const char *method, const char *arguments)
{
	return world_enter(t, HOST_METHOD, method, arguments);
}

const char *world_refuse(struct turn *t, enum error_code code, const char *json)
{
	struct host_outcome outcome = { 0 };
	struct buffer packed = { 0 };
	struct host_answer answer = { .code = code };
	enum host_status status;

	if (json)
		parse(json, &packed);
	answer.payload = buffer_bytes(&packed);
	status = t->class->ops->resume(t, &answer, &outcome);
	buffer_fini(&packed);
	return finish(t, status, &outcome);
}

const char *world_answer(struct turn *t, const char *json)
{
	return world_refuse(t, ERROR_NONE, json);
}

const char *world_go_on(struct turn *t)
{
	struct host_outcome outcome = { 0 };

	return tell(t, t->class->ops->resume(t, NULL, &outcome), &outcome);
}

const char *world_call(const char *method, const char *arguments)
{
	struct turn *t = world_turn(actor_count ? actors[0] : world_actor(world_class(0), "things.1"));
	const char *outcome = world_start(t, method, arguments);

	world_turn_end(t);
	return outcome;
}

const char *world_run(const char *code)
{
	struct buffer source = { 0 };
	struct turn *t;
	const char *outcome;

	buffer_printf(&source, "local C = stage.class 'things.{id}' C.properties = { n = 0, text = '', free = stage.null }\n"
	                       "function C:helper(...) return ... end\n"
	                       "function C:run()\n%s\nend return C", code);
	world_load(text_of(&source));
	buffer_fini(&source);
	t = world_turn(world_actor(world_class(0), "things.1"));
	outcome = world_start(t, "run", "[]");
	world_turn_end(t);
	return outcome;
}

const char *world_report(void)
{
	return text_of(&report_text);
}

const char *world_property(struct actor *a, const char *name)
{
	struct buffer packed = { 0 };
	int i = class_property(a->class, bytes_of(name));

	assert_true(i >= 0);
	value_pack(&a->slots[i], &packed);
	buffer_clear(&property_text);
	json_write(buffer_bytes(&packed), &property_text);
	buffer_fini(&packed);
	return text_of(&property_text);
}
