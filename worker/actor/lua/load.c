/* Class files to classes. */
#include "worker/actor/lua/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "proto/address.h"
#include "worker/actor/lua/api.h"
#include "worker/actor/lua/describe.h"
#include "worker/actor/lua/failure.h"
#include "worker/actor/lua/preempt.h"

#define LOAD_MS 500 /* a class file may take so long */

/* A file on its way to a class. */
struct loading {
	struct host_file file;
	struct lua_sources *sources;
	struct host_problems *problems;
	struct class *class;
	struct lua_class *host;
};

static struct bytes own(struct bytes s)
{
	return (struct bytes){ memory_copy(s.data, s.len), s.len };
}

static struct lua_sources *copy_sources(const struct host_bundle *bundle)
{
	struct lua_sources *s = memory_new(sizeof(*s));

	s->references = 1;
	s->files = memory_new((bundle->count + 1) * sizeof(*s->files));
	s->count = bundle->count;
	for (size_t i = 0; i < bundle->count; i++)
		s->files[i] = (struct host_file){ own(bundle->files[i].path), own(bundle->files[i].source) };
	return s;
}

static bool is_lua(struct bytes path)
{
	return path.len > 4 && memcmp(path.data + path.len - 4, ".lua", 4) == 0;
}

/* Those in folders are modules. */
static bool is_class_file(struct bytes path)
{
	return is_lua(path) && memchr(path.data, '/', path.len) == NULL;
}

/* --- problems --- */

/* Whether text is `path:line: message`. */
static bool has_position(const char *text, struct bytes path, int *ret_line, const char **ret_message)
{
	char *end;
	long line;

	if (strncmp(text, path.data, path.len) != 0 || text[path.len] != ':')
		return false;
	line = strtol(text + path.len + 1, &end, 10);
	if (*end != ':' || end == text + path.len + 1)
		return false;
	*ret_line = (int)line;
	*ret_message = end + 1 + (end[1] == ' ');
	return true;
}

/* A module's problem is met again by every class that requires it. */
static bool is_known(const struct host_problems *problems, struct bytes file, int line, const char *message)
{
	for (size_t i = 0; i < problems->count; i++)
		if (bytes_equal(bytes_of(problems->list[i].file), file) && problems->list[i].line == line &&
		    strcmp(problems->list[i].message, message) == 0)
			return true;
	return false;
}

/* The error on top of the state's stack, popped: where it names a file, it is that file's. */
static void add_problem(struct loading *l)
{
	static struct buffer text;
	struct bytes file = l->file.path;
	const char *message;
	int line = 0;

	buffer_clear(&text);
	failure_text(l->host->state, -1, &text);
	lua_pop(l->host->state, 1);
	buffer_append(&text, "", 1);
	message = text.data + text.head;
	for (size_t i = 0; i < l->sources->count; i++)
		if (has_position(message, l->sources->files[i].path, &line, &message)) {
			file = l->sources->files[i].path;
			break;
		}
	if (!is_known(l->problems, file, line, message))
		host_problem_add(l->problems, file, line, message);
}

/* --- files --- */

/* Runs protected: compiles the file and runs it in a thread, which may be ended by time. */
static int run_chunk(lua_State *L)
{
	struct loading *l = lua_touserdata(L, 1);
	int results, status;
	lua_State *thread;

	lua_pushfstring(L, "=%s", l->file.path.data);
	thread = lua_newthread(L);
	status = luaL_loadbufferx(thread, l->file.source.data, l->file.source.len, lua_tostring(L, 2), "t");
	if (status == LUA_OK) {
		preempt_begin_load(thread, LOAD_MS);
		status = lua_resume(thread, L, 0, &results);
		preempt_end();
	}
	if (status == LUA_YIELD)
		return luaL_error(L, "%s:0: a class file cannot yield", l->file.path.data);
	if (status != LUA_OK) {
		lua_xmove(thread, L, 1);
		return lua_error(L);
	}
	if (!api_push_class(L))
		return luaL_error(L, "%s:0: makes no class (begin with `local Name = stage.class \"names.{id}\"`; "
		                     "modules belong in a folder)", l->file.path.data);
	lua_pushnil(L);
	if (results > 0)
		lua_xmove(thread, L, 1);
	if (results > 1 || !lua_rawequal(L, -1, lua_gettop(L) - 1 - (results > 0)))
		return luaL_error(L, "%s:0: does not return its class (end the file with `return Name`; "
		                     "modules belong in a folder)", l->file.path.data);
	lua_settop(L, 1);
	describe_class(L, l->class);
	return 0;
}

static bool load_file(struct loading *l)
{
	struct class *c = memory_new(sizeof(*c));
	int status;

	l->class = c;
	l->host = lua_class_new(l->sources);
	l->host->class = c;
	c->host = l->host;
	c->ops = &lua_host_ops;
	c->references = 1;
	c->file = memory_copy(l->file.path.data, l->file.path.len);
	c->name = memory_copy(l->file.path.data, l->file.path.len - 4);
	l->host->heap.enforced = true;
	l->host->heap.room = lua_limits.class_memory;
	l->host->heap.run_base = l->host->heap.used;
	l->host->heap.run_net = 0;
	status = lua_class_protect(l->host->state, run_chunk, l);
	l->host->heap.enforced = false;
	if (status != LUA_OK)
		add_problem(l);
	return status == LUA_OK;
}

/* Modules run when a class requires them; what does not even compile is told at once. */
static void check_module(struct loading *l)
{
	lua_State *L;

	l->host = lua_class_new(l->sources);
	L = l->host->state;
	lua_pushfstring(L, "=%s", l->file.path.data);
	if (luaL_loadbufferx(L, l->file.source.data, l->file.source.len, lua_tostring(L, -1), "t") != LUA_OK)
		add_problem(l);
	lua_class_free(l->host);
}

void load_unload(struct class *class)
{
	for (uint32_t i = 0; i < class->property_count; i++) {
		free(class->properties[i].name);
		value_fini(&class->properties[i].fallback);
	}
	free(class->properties);
	free(class->name);
	free(class->file);
	free(class->pattern);
	lua_class_free(class->host);
	free(class);
}

/* --- patterns --- */

static const char *segment_end(const char *segment)
{
	return strchrnul(segment, '.');
}

/* Some address matches both, and neither says more of it than the other. */
static bool are_twins(const char *a, const char *b)
{
	int literals = 0;

	for (;;) {
		const char *a_end = segment_end(a), *b_end = segment_end(b);
		bool same = a_end - a == b_end - b && memcmp(a, b, (size_t)(a_end - a)) == 0;

		if (*a != '{' && *b != '{' && !same)
			return false;
		literals += (*a != '{') - (*b != '{');
		if (*a_end == '\0' || *b_end == '\0')
			return *a_end == *b_end && literals == 0;
		a = a_end + 1;
		b = b_end + 1;
	}
}

static void find_twins(struct class **classes, size_t count, struct host_problems *problems)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++)
			if (are_twins(classes[i]->pattern, classes[k]->pattern)) {
				char text[600];

				snprintf(text, sizeof(text), "its pattern %.250s takes the same addresses as that of %.100s",
				         classes[i]->pattern, classes[k]->file);
				host_problem_add(problems, bytes_of(classes[i]->file), 0, text);
			}
}

int load_bundle(const struct host_bundle *bundle, struct class ***ret_classes, size_t *ret_count,
                struct host_problems *problems)
{
	struct lua_sources *sources = copy_sources(bundle);
	struct class **classes = memory_new((bundle->count + 1) * sizeof(*classes));
	size_t count = 0, before = problems->count;

	for (size_t i = 0; i < sources->count; i++) {
		struct loading l = { .file = sources->files[i], .sources = sources, .problems = problems };

		if (!is_lua(l.file.path))
			continue;
		if (!is_class_file(l.file.path))
			check_module(&l);
		else if (load_file(&l))
			classes[count++] = l.class;
		else
			class_unref(l.class);
	}
	find_twins(classes, count, problems);
	lua_class_release_sources(sources);
	if (problems->count > before) {
		while (count > 0)
			class_unref(classes[--count]);
		free(classes);
		return -EINVAL;
	}
	*ret_classes = classes;
	*ret_count = count;
	return 0;
}
