/* The services of a turn, as the tests play them: they write down what they were asked. */
#include "tests/unit/actor/world.h"

#include <errno.h>
#include <stdio.h>

#include "proto/json.h"
#include "proto/msgpack.h"

const char *world_caller = "";

static struct buffer asked, told;
static enum error_code refusal;
static const char *refusal_text;
static int assignment_error;
static uint32_t timers;

void world_refuse_next(enum error_code code, const char *why)
{
	refusal = code;
	refusal_text = why;
}

void world_refuse_assignment(int error)
{
	assignment_error = error;
}

const char *world_asked(void)
{
	buffer_clear(&told);
	buffer_append_bytes(&told, buffer_bytes(&asked));
	buffer_append(&told, "", 1);
	buffer_clear(&asked);
	return told.data + told.head;
}

static enum error_code answer(const char **ret_why)
{
	enum error_code code = refusal;

	refusal = ERROR_NONE;
	if (code)
		*ret_why = refusal_text;
	return code;
}

static enum error_code note(const char *what, struct bytes to, struct bytes name, struct bytes arguments,
                            const char **ret_why)
{
	buffer_printf(&asked, "%s %.*s %.*s", what, (int)to.len, to.data, (int)name.len, name.data);
	if (arguments.len > 0) {
		buffer_append_text(&asked, " ");
		assert_int_equal(json_write(arguments, &asked), arguments.len);
	}
	buffer_append_text(&asked, "\n");
	return answer(ret_why);
}

struct bytes turn_address(const struct turn *t)
{
	return bytes_of(t->actor->address);
}

struct bytes turn_caller(const struct turn *t)
{
	(void)t;
	return bytes_of(world_caller);
}

const struct value *turn_property(const struct turn *t, unsigned index)
{
	assert_true(index < t->class->property_count);
	return &t->actor->slots[index];
}

/* As the core does it: a number is brought to the property's kind. */
static bool fits(const struct property *p, struct value *v)
{
	if (p->number == CLASS_INTEGER && v->type == VALUE_REAL) {
		if (v->real != (double)(int64_t)v->real)
			return false;
		*v = (struct value){ .type = VALUE_INT, .i = (int64_t)v->real };
	} else if (p->number == CLASS_REAL && v->type == VALUE_INT) {
		*v = (struct value){ .type = VALUE_REAL, .real = (double)v->i };
	}
	return true;
}

int turn_assign(struct turn *t, unsigned index, struct value *take)
{
	int error = assignment_error;

	assert_true(index < t->class->property_count);
	assignment_error = 0;
	if (error == 0 && !fits(&t->class->properties[index], take))
		error = -EDOM;
	if (error) {
		value_fini(take);
		return error;
	}
	value_fini(&t->actor->slots[index]);
	t->actor->slots[index] = *take;
	return 0;
}

enum error_code turn_wait_call(struct turn *t, struct bytes address, struct bytes method,
                               struct bytes arguments, const char **ret_why)
{
	(void)t;
	return note("call", address, method, arguments, ret_why);
}

enum error_code turn_wait_get(struct turn *t, struct bytes address, struct bytes property,
                              const char **ret_why)
{
	(void)t;
	return note("get", address, property, BYTES_LITERAL(""), ret_why);
}

enum error_code turn_wait_sleep(struct turn *t, uint64_t ms, const char **ret_why)
{
	(void)t;
	buffer_printf(&asked, "sleep %llu\n", (unsigned long long)ms);
	return answer(ret_why);
}

enum error_code turn_tell(struct turn *t, struct bytes address, struct bytes method,
                          struct bytes arguments, const char **ret_why)
{
	(void)t;
	return note("tell", address, method, arguments, ret_why);
}

enum error_code turn_watch(struct turn *t, struct bytes address, struct bytes property,
                           struct bytes method, const char **ret_why)
{
	(void)t;
	buffer_printf(&asked, "watch %.*s %.*s %.*s\n", (int)address.len, address.data, (int)property.len,
	              property.data, (int)method.len, method.data);
	return answer(ret_why);
}

enum error_code turn_timer(struct turn *t, uint64_t ms, bool every, struct bytes method,
                           struct bytes arguments, uint32_t *ret_id, const char **ret_why)
{
	char what[40];

	(void)t;
	snprintf(what, sizeof(what), "%s %llu", every ? "every" : "after", (unsigned long long)ms);
	*ret_id = ++timers;
	return note(what, method, BYTES_LITERAL("with"), arguments, ret_why);
}

bool turn_timer_cancel(struct turn *t, uint32_t id)
{
	(void)t;
	buffer_printf(&asked, "cancel\n");
	return id > 0 && id <= timers;
}

void turn_destroy(struct turn *t)
{
	buffer_printf(&asked, "destroy %s\n", t->actor->address);
}

void turn_log(struct turn *t, enum log_level level, struct bytes text, struct bytes fields)
{
	const char *why;

	(void)t;
	buffer_printf(&asked, "log %d ", (int)level);
	note("", text, BYTES_LITERAL(""), fields, &why);
}
