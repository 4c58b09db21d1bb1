/* Class files to classes. */
#include "worker/actor/lua/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "proto/address.h"
#include "worker/actor/lua/api.h"
#include "worker/actor/lua/describe.h"
#include "worker/actor/lua/preempt.h"

#define LOAD_MS 1000 /* a class file may take so long */

/* A file on its way to a class. */
struct loading {
	struct host_file file;
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

/* Files at the top are classes, those in folders are modules. */
static bool is_class_file(struct bytes path)
{
	return path.len > 4 && memcmp(path.data + path.len - 4, ".lua", 4) == 0 && memchr(path.data, '/', path.len) == NULL;
}

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
		preempt_end_load(thread);
	}
	if (status == LUA_YIELD)
		return luaL_error(L, "%s:0: a class file cannot yield", l->file.path.data);
	if (status != LUA_OK) {
		luaL_tolstring(thread, -1, NULL);
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

/* `players.lua:12: text` taken apart. */
static void add_problem(struct host_problems *problems, struct bytes path, const char *text)
{
	int line = 0;
	const char *message = text;

	if (strncmp(text, path.data, path.len) == 0 && text[path.len] == ':') {
		char *end;
		long n = strtol(text + path.len + 1, &end, 10);

		if (*end == ':' && end > text + path.len + 1) {
			line = (int)n;
			message = end + 1 + (end[1] == ' ');
		}
	}
	host_problem_add(problems, path, line, message);
}

static bool load_file(struct loading *l, struct lua_sources *sources, struct host_problems *problems)
{
	struct class *c = memory_new(sizeof(*c));

	l->class = c;
	l->host = lua_class_new(sources);
	l->host->class = c;
	c->host = l->host;
	c->ops = &lua_host_ops;
	c->references = 1;
	c->file = memory_copy(l->file.path.data, l->file.path.len);
	c->name = memory_copy(l->file.path.data, l->file.path.len - 4);
	l->host->heap.enforced = true;
	l->host->heap.run_base = l->host->heap.used;
	l->host->heap.run_net = 0;
	if (lua_class_protect(l->host->state, run_chunk, l) != LUA_OK) {
		l->host->heap.enforced = false;
		add_problem(problems, l->file.path, luaL_tolstring(l->host->state, -1, NULL));
		return false;
	}
	l->host->heap.enforced = false;
	return true;
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

/* Two patterns that no address could tell apart. */
static bool same_shape(const char *a, const char *b)
{
	while (*a && *b) {
		if (*a == '{' && *b == '{') {
			a = strchr(a, '}');
			b = strchr(b, '}');
		}
		if (*a++ != *b++)
			return false;
	}
	return *a == *b;
}

static void find_twins(struct class **classes, size_t count, struct host_problems *problems)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++)
			if (same_shape(classes[i]->pattern, classes[k]->pattern)) {
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
		struct loading l = { .file = sources->files[i] };

		if (!is_class_file(l.file.path))
			continue;
		if (load_file(&l, sources, problems))
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
