/* Effective settings: their defaults, their texts, their memory. */
#include "common/config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"

#define SYSTEM_STATE "/var/lib/stage"
#define SYSTEM_RUNTIME "/run/stage"

static void *value_at(const struct config *c, const struct config_row *row)
{
	return (char *)c + row->offset;
}

static bool is_text(const struct config_row *row)
{
	return row->type <= CONFIG_LIST;
}

static void set_text(struct config *c, const struct config_row *row, struct bytes value)
{
	char **at = value_at(c, row);

	free(*at);
	*at = memory_copy(value.data, value.len);
}

/* --- numbers --- */

struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit sizes[] = { { "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { NULL, 0 } };
static const struct unit times[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { NULL, 0 } };
static const struct unit counts[] = { { "", 1 }, { NULL, 0 } };

static const struct unit *units_of(const struct config_row *row)
{
	return row->type == CONFIG_SIZE ? sizes : row->type == CONFIG_DURATION ? times : counts;
}

/* Digits and a unit; a bare 0 needs none. */
static bool parse_number(struct bytes text, const struct unit *units, uint64_t *ret)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i < text.len && text.data[i] >= '0' && text.data[i] <= '9'; i++) {
		uint64_t digit = (uint64_t)(text.data[i] - '0');

		if (n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	if (i == 0)
		return false;
	text = (struct bytes){ text.data + i, text.len - i };
	for (const struct unit *u = units; u->suffix; u++) {
		if (!bytes_equal(text, bytes_of(u->suffix)) && !(text.len == 0 && n == 0))
			continue;
		if (n > UINT64_MAX / u->factor)
			return false;
		*ret = n * u->factor;
		return true;
	}
	return false;
}

/* The largest unit that divides it. */
static void format_number(uint64_t n, const struct unit *units, struct buffer *out)
{
	const struct unit *best = units;

	for (const struct unit *u = units; u->suffix; u++)
		if (n > 0 && n % u->factor == 0)
			best = u;
	buffer_printf(out, "%llu%s", (unsigned long long)(n / best->factor), n == 0 ? "" : best->suffix);
}

static int set_number(struct config *c, const struct config_row *row, struct bytes value, struct buffer *error)
{
	static const char *const forms[] = {
		[CONFIG_SIZE] = "a size such as 64K, 1M or 2G",
		[CONFIG_DURATION] = "a time such as 500ms, 5s, 15m or 1h",
		[CONFIG_COUNT] = "a whole number",
	};
	uint64_t n;

	if (row->none && bytes_equal(value, BYTES_LITERAL("auto"))) {
		*(uint64_t *)value_at(c, row) = 0;
		return 0;
	}
	if (!parse_number(value, units_of(row), &n)) {
		buffer_printf(error, "'%.*s' is not %s%s", (int)value.len, value.data, forms[row->type],
		              row->none ? " or auto" : "");
		return -EINVAL;
	}
	if (n < row->least || n > row->most) {
		buffer_printf(error, "%.*s is not between ", (int)value.len, value.data);
		format_number(row->least, units_of(row), error);
		buffer_append_text(error, " and ");
		format_number(row->most, units_of(row), error);
		return -EINVAL;
	}
	*(uint64_t *)value_at(c, row) = n;
	return 0;
}

/* --- choices and addresses --- */

static int set_choice(struct config *c, const struct config_row *row, struct bytes value, struct buffer *error)
{
	for (int i = 0; row->choices[i]; i++)
		if (bytes_equal(value, bytes_of(row->choices[i]))) {
			*(int *)value_at(c, row) = i;
			return 0;
		}
	buffer_printf(error, "'%.*s' is none of", (int)value.len, value.data);
	for (int i = 0; row->choices[i]; i++)
		buffer_printf(error, "%s %s", i ? "," : "", row->choices[i]);
	return -EINVAL;
}

bool config_split_address(struct bytes text, char host[256], uint16_t *ret_port)
{
	struct bytes name;
	uint64_t port;
	const char *colon = text.len ? memrchr(text.data, ':', text.len) : NULL;

	if (colon == NULL)
		return false;
	name = (struct bytes){ text.data, (size_t)(colon - text.data) };
	if (!parse_number((struct bytes){ colon + 1, text.len - name.len - 1 }, counts, &port) || port > 65535)
		return false;
	if (name.len > 2 && name.data[0] == '[' && name.data[name.len - 1] == ']')
		name = (struct bytes){ name.data + 1, name.len - 2 };
	else if (name.len > 0 && memchr(name.data, ':', name.len))
		return false; /* an IPv6 address wants its brackets */
	if (name.len == 0 || name.len > 255 || memchr(name.data, ' ', name.len))
		return false;
	if (bytes_equal(name, BYTES_LITERAL("*")))
		name.len = 0;
	memcpy(host, name.data, name.len);
	host[name.len] = '\0';
	*ret_port = (uint16_t)port;
	return true;
}

static int set_address(struct config *c, const struct config_row *row, struct bytes value, struct buffer *error)
{
	char host[256];
	uint16_t port;

	if (!(row->none && bytes_equal(value, BYTES_LITERAL("none"))) && !config_split_address(value, host, &port)) {
		buffer_printf(error, "'%.*s' is not host:port, *:port or [v6]:port%s", (int)value.len, value.data,
		              row->none ? ", nor none" : "");
		return -EINVAL;
	}
	set_text(c, row, value);
	return 0;
}

/* --- the table's verbs --- */

static int refuse_unavailable(const struct config_row *row, struct bytes value, struct buffer *error)
{
	if (row->unavailable == NULL || bytes_equal(value, bytes_of(row->fallback)))
		return 0;
	for (int i = 0; i < row->available; i++)
		if (bytes_equal(value, bytes_of(row->choices[i])))
			return 0;
	for (int i = 0; row->choices && !bytes_equal(value, bytes_of(row->choices[i])); i++)
		if (row->choices[i + 1] == NULL)
			return 0; /* no choice at all: said as such */
	buffer_append_text(error, row->unavailable);
	return -EINVAL;
}

int config_set(struct config *c, const struct config_row *row, struct bytes value,
               enum config_origin origin, struct buffer *error)
{
	int r = refuse_unavailable(row, value, error);

	if (r == 0 && memchr(value.len ? value.data : "x", '\0', value.len ? value.len : 1)) {
		buffer_append_text(error, "a value has no NUL byte");
		r = -EINVAL;
	}
	if (r < 0)
		return r;
	if (row->type == CONFIG_ADDRESS)
		r = set_address(c, row, value, error);
	else if (row->type == CONFIG_CHOICE)
		r = set_choice(c, row, value, error);
	else if (is_text(row))
		set_text(c, row, value);
	else
		r = set_number(c, row, value, error);
	if (r == 0)
		c->origin[row - config_rows] = (unsigned char)origin;
	return r;
}

void config_format(const struct config *c, const struct config_row *row, struct buffer *out)
{
	const void *at = value_at(c, row);

	if (row->type == CONFIG_CHOICE) {
		buffer_append_text(out, row->choices[*(const int *)at]);
	} else if (is_text(row)) {
		buffer_append_text(out, *(char *const *)at);
	} else if (row->none && *(const uint64_t *)at == 0) {
		buffer_append_text(out, "auto");
	} else {
		format_number(*(const uint64_t *)at, units_of(row), out);
	}
}

const struct config_row *config_find(struct bytes section, struct bytes key)
{
	for (const struct config_row *row = config_rows; row->section; row++)
		if (bytes_equal(section, bytes_of(row->section)) && bytes_equal(key, bytes_of(row->key)))
			return row;
	return NULL;
}

/* --- defaults --- */

/* A directory this user can use, or could make. */
static bool usable(const char *path)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (access(path, F_OK) == 0)
		return access(path, W_OK | X_OK) == 0;
	snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	return access(parent, W_OK | X_OK) == 0;
}

static void choose_directory(char **at, const char *system, const char *variable, const char *below_home)
{
	const char *base = getenv(variable), *home = getenv("HOME");
	struct buffer path = { 0 };

	if (usable(system))
		buffer_append_text(&path, system);
	else if (base && base[0] == '/')
		buffer_printf(&path, "%s/stage", base);
	else if (below_home && home)
		buffer_printf(&path, "%s/%s/stage", home, below_home);
	else
		buffer_printf(&path, "/tmp/stage-%u", (unsigned)getuid());
	free(*at);
	*at = memory_copy(path.data, buffer_length(&path));
	buffer_fini(&path);
}

void config_init(struct config *c)
{
	char host[256] = "stage";
	struct buffer error = { 0 };

	*c = (struct config){ 0 };
	for (const struct config_row *row = config_rows; row->section; row++)
		if (config_set(c, row, bytes_of(row->fallback), CONFIG_DEFAULT, &error) != 0)
			abort(); /* a default outside its own bounds */
	gethostname(host, sizeof(host) - 1);
	set_text(c, config_find(BYTES_LITERAL("node"), BYTES_LITERAL("name")), bytes_of(host));
	choose_directory(&c->node.state, SYSTEM_STATE, "XDG_STATE_HOME", ".local/state");
	choose_directory(&c->node.runtime, SYSTEM_RUNTIME, "XDG_RUNTIME_DIR", NULL);
	set_text(c, config_find(BYTES_LITERAL("actors"), BYTES_LITERAL("path")),
	         bytes_of(access("/etc/stage/actors", F_OK) == 0 ? "/etc/stage/actors" : "actors"));
	buffer_fini(&error);
}

void config_fini(struct config *c)
{
	for (const struct config_row *row = config_rows; row->section; row++)
		if (is_text(row))
			free(*(char **)value_at(c, row));
	for (size_t i = 0; i < sizeof(c->place) / sizeof(c->place[0]); i++)
		free(c->place[i]);
	*c = (struct config){ 0 };
}
