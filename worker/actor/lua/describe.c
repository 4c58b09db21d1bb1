/* Classes as their files describe them. */
#include "worker/actor/lua/describe.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "proto/address.h"
#include "worker/actor/lua/api.h"
#include "worker/actor/lua/convert.h"
#include "worker/actor/lua/lua_class.h"

/* Where the file is wrong as a whole, line 0 says so. */
static int wrong(lua_State *L, const struct class *c, const char *format, const char *name)
{
	lua_pushfstring(L, format, name);
	return luaL_error(L, "%s:0: %s", c->file, lua_tostring(L, -1));
}

/* Raw: a metatable of the user's would run his code. Pushes the field, returns its type. */
static int get_field(lua_State *L, int table, const char *name)
{
	table = lua_absindex(L, table);
	lua_pushstring(L, name);
	return lua_rawget(L, table);
}

/* --- properties --- */

static int pack_default(lua_State *L)
{
	convert_write(L, 2, lua_touserdata(L, 1));
	return 0;
}

static void read_default(lua_State *L, const struct class *c, struct property *p)
{
	static struct buffer packed; /* kept: a Lua error passes by without freeing */

	buffer_clear(&packed);
	lua_pushcfunction(L, pack_default);
	lua_pushlightuserdata(L, &packed);
	lua_pushvalue(L, -3);
	if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
		lua_pushfstring(L, "%s:0: property '%s': %s", c->file, p->name, lua_tostring(L, -1));
		lua_error(L);
	}
	if (value_unpack(buffer_bytes(&packed), &p->fallback) != 0)
		wrong(L, c, "property '%s': the default cannot be kept", p->name);
	p->number = p->fallback.type == VALUE_INT    ? CLASS_INTEGER
	            : p->fallback.type == VALUE_REAL ? CLASS_REAL
	                                             : CLASS_ANY;
}

/* The description on top: a stage.property{} or the default itself. Popped. */
static void read_property(lua_State *L, struct class *c, struct property *p)
{
	p->private = name_private(bytes_of(p->name));
	if (!api_is_property(L, -1)) {
		read_default(L, c, p);
		lua_pop(L, 1);
		return;
	}
	get_field(L, -1, "default");
	read_default(L, c, p);
	lua_pop(L, 1);
	get_field(L, -1, "writable");
	p->writable = lua_toboolean(L, -1);
	lua_pop(L, 1);
	if (get_field(L, -1, "check") != LUA_TNIL) {
		if (!lua_isfunction(L, -1))
			wrong(L, c, "property '%s': check is a function", p->name);
		p->checked = true;
		lua_rawgeti(L, LUA_REGISTRYINDEX, ((struct lua_class *)c->host)->checks);
		lua_pushvalue(L, -2);
		lua_setfield(L, -2, p->name);
		lua_pop(L, 1);
	}
	lua_pop(L, 2);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct property *)a)->name, ((const struct property *)b)->name);
}

static bool reserved(const char *name)
{
	return strcmp(name, "address") == 0 || strcmp(name, "params") == 0;
}

/* The names first: their order, which is the layout, does not depend on the table's. */
static void read_names(lua_State *L, struct class *c, int table)
{
	for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
		const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;

		if (name == NULL)
			wrong(L, c, "%s: each has a name", "properties");
		if (!name_valid(bytes_of(name)) || reserved(name))
			wrong(L, c, "'%s' is no name for a property", name);
		if (c->property_count == CLASS_PROPERTIES_MAX)
			wrong(L, c, "more than 256 properties, with '%s'", name);
		c->properties = memory_grow(c->properties, c->property_count + 1, sizeof(*c->properties));
		c->properties[c->property_count++] = (struct property){ .name = memory_text(name) };
	}
	if (c->property_count > 0)
		qsort(c->properties, c->property_count, sizeof(*c->properties), compare_names);
}

static void read_properties(lua_State *L, struct class *c, int class_table)
{
	int table;

	if (get_field(L, class_table, "properties") == LUA_TNIL) {
		lua_pop(L, 1);
		return;
	}
	if (!lua_istable(L, -1))
		wrong(L, c, "%s is a table of names and defaults", "properties");
	table = lua_gettop(L);
	read_names(L, c, table);
	for (uint32_t i = 0; i < c->property_count; i++) {
		get_field(L, table, c->properties[i].name);
		read_property(L, c, &c->properties[i]);
	}
	lua_pop(L, 1);
}

/* --- options --- */

static void read_options(lua_State *L, struct class *c, int class_table)
{
	static const char *const durabilities[] = { "commit", "async", "none" };
	const char *durability;

	get_field(L, class_table, "reentrant");
	if (!lua_isnil(L, -1) && !lua_isboolean(L, -1))
		wrong(L, c, "%s is true or false", "reentrant");
	c->reentrant = lua_toboolean(L, -1);
	get_field(L, class_table, "version");
	if (!lua_isnil(L, -1) && !lua_isinteger(L, -1))
		wrong(L, c, "%s is a whole number", "version");
	c->version = lua_tointeger(L, -1);
	get_field(L, class_table, "durability");
	durability = lua_isnil(L, -1) ? "commit" : lua_tostring(L, -1);
	for (int i = 0; i < 3 && durability; i++)
		if (strcmp(durability, durabilities[i]) == 0) {
			c->durability = (enum class_durability)i;
			lua_pop(L, 3);
			return;
		}
	wrong(L, c, "%s is \"commit\", \"async\" or \"none\"", "durability");
}

/* --- members --- */

static bool is_option(const char *name)
{
	static const char *const options[] = { "properties", "reentrant", "version", "durability", NULL };

	for (int i = 0; options[i]; i++)
		if (strcmp(name, options[i]) == 0)
			return true;
	return false;
}

/* create, activate and migrate are nobody's to call. */
static bool *entry_flag(struct class *c, const char *name)
{
	return strcmp(name, "create") == 0     ? &c->has_create
	       : strcmp(name, "activate") == 0 ? &c->has_activate
	       : strcmp(name, "migrate") == 0  ? &c->has_migrate
	                                       : NULL;
}

/* The function on top, under its name, into the table of that reference. Popped. */
static void keep(lua_State *L, int reference, const char *name)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, reference);
	lua_insert(L, -2);
	lua_setfield(L, -2, name);
	lua_pop(L, 1);
}

static void read_member(lua_State *L, struct class *c, const char *name)
{
	struct lua_class *host = c->host;
	bool *flag = entry_flag(c, name);

	if (!lua_isfunction(L, -1)) {
		if (flag)
			wrong(L, c, "%s is a function", name);
		/* A field that is no function is the file's own, not the actor's. */
		lua_pop(L, 1);
		return;
	}
	if (!name_valid(bytes_of(name)) || reserved(name))
		wrong(L, c, "'%s' is no name for a method", name);
	if (class_property(c, bytes_of(name)) >= 0)
		wrong(L, c, "'%s' is a property and a method", name);
	if (flag)
		*flag = true;
	else
		lua_class_add_method(L, host, name);
	keep(L, flag ? host->entries : host->members, name);
}

static void read_members(lua_State *L, struct class *c, int class_table)
{
	for (lua_pushnil(L); lua_next(L, class_table);) {
		const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;

		if (name == NULL || is_option(name))
			lua_pop(L, 1);
		else
			read_member(L, c, name);
	}
	for (uint32_t i = 0; i < c->property_count; i++) {
		lua_pushinteger(L, i);
		keep(L, ((struct lua_class *)c->host)->members, c->properties[i].name);
	}
}

void describe_class(lua_State *L, struct class *c)
{
	struct lua_class *host = c->host;
	int class_table;

	lua_newtable(L);
	host->entries = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_newtable(L);
	host->checks = luaL_ref(L, LUA_REGISTRYINDEX);
	api_push_class(L);
	class_table = lua_gettop(L);
	c->pattern = memory_text(api_class_pattern(L));
	read_options(L, c, class_table);
	read_properties(L, c, class_table);
	read_members(L, c, class_table);
	lua_pop(L, 1);
}
