/* ini files through inih. inih cuts values at about 200 bytes and tells no line
 * numbers, so its reader is ours: it counts lines, refuses long ones, keeps the value
 * aside and hands inih the key alone. */
#include "common/ini.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "common/memory.h"

#define DEFAULT_FILE "/etc/stage/stage.ini"
#define FILE_MAX (1 << 20)

extern char **environ;

/* Names of the environment that are not settings. */
static const char *const reserved[] = { "STAGE_LIBEXECDIR", NULL };

struct reader {
	struct config *config;
	const char *name;
	struct bytes rest;
	enum config_origin origin;
	struct buffer *errors;
	unsigned line;
	struct bytes value;      /* of the line that inih is being given */
	unsigned seen[64];       /* line on which each row was set */
	unsigned problems;
};

static void complain(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void complain(struct reader *r, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (r->line)
		buffer_printf(r->errors, "%s:%u: %s\n", r->name, r->line, text);
	else
		buffer_printf(r->errors, "%s: %s\n", r->name, text);
	r->problems++;
}

static struct bytes trim(struct bytes s)
{
	while (s.len > 0 && isspace((unsigned char)s.data[0]))
		s = (struct bytes){ s.data + 1, s.len - 1 };
	while (s.len > 0 && isspace((unsigned char)s.data[s.len - 1]))
		s.len--;
	return s;
}

/* Cuts the next line off; false at the end. */
static bool next_line(struct reader *r, struct bytes *ret)
{
	const char *end;

	if (r->rest.len == 0)
		return false;
	end = memchr(r->rest.data, '\n', r->rest.len);
	*ret = (struct bytes){ r->rest.data, end ? (size_t)(end - r->rest.data) : r->rest.len };
	r->rest = (struct bytes){ ret->data + ret->len + (end != NULL), r->rest.len - ret->len - (end != NULL) };
	r->line++;
	return true;
}

/* A comment begins with ; or # at the line's start, or with ; after white space. */
static struct bytes without_comment(struct bytes value)
{
	for (size_t i = 1; i < value.len; i++)
		if (value.data[i] == ';' && isspace((unsigned char)value.data[i - 1]))
			return trim((struct bytes){ value.data, i });
	return value.len && value.data[0] == ';' ? (struct bytes){ value.data, 0 } : value;
}

/* What inih shall see of a line, in at most size bytes. */
static void present(struct reader *r, struct bytes line, char *out, int size)
{
	const char *equals;
	struct bytes key;

	out[0] = '\0';
	if (line.len > INI_LINE_MAX) {
		complain(r, "the line is longer than %d bytes", INI_LINE_MAX);
		return;
	}
	line = trim(line);
	if (line.len == 0 || line.data[0] == ';' || line.data[0] == '#')
		return;
	if (line.data[0] == '[') {
		const char *close = memchr(line.data, ']', line.len);

		if (close == NULL || close - line.data > size - 3)
			complain(r, "a section is [name]");
		else
			snprintf(out, (size_t)size, "%.*s", (int)(close - line.data + 1), line.data);
		return;
	}
	equals = memchr(line.data, '=', line.len);
	if (equals == NULL || equals == line.data) {
		complain(r, "not `key = value`");
		return;
	}
	key = trim((struct bytes){ line.data, (size_t)(equals - line.data) });
	if (key.len + 3 > (size_t)size || memchr(key.data, ':', key.len) || memchr(key.data, ';', key.len)) {
		complain(r, "not `key = value`");
		return;
	}
	r->value = without_comment(trim((struct bytes){ equals + 1, line.len - (size_t)(equals + 1 - line.data) }));
	snprintf(out, (size_t)size, "%.*s=", (int)key.len, key.data);
}

static char *read_line(char *out, int size, void *stream)
{
	struct reader *r = stream;
	struct bytes line;

	if (!next_line(r, &line))
		return NULL;
	present(r, line, out, size);
	return out;
}

static void complain_unknown(struct reader *r, const char *section, const char *name)
{
	bool known = false;
	const char *near;

	for (const struct config_row *row = config_rows; row->section; row++)
		known |= strcmp(row->section, section) == 0;
	near = known ? config_nearest(bytes_of(section), bytes_of(name))
	             : config_nearest((struct bytes){ NULL, 0 }, bytes_of(section));
	if (section[0] == '\0')
		complain(r, "key '%s' stands before any [section]", name);
	else if (known && near)
		complain(r, "unknown key '%s' in [%s] (did you mean '%s'?)", name, section, near);
	else if (known)
		complain(r, "unknown key '%s' in [%s]", name, section);
	else if (near)
		complain(r, "unknown section [%s] (did you mean [%s]?)", section, near);
	else
		complain(r, "unknown section [%s]", section);
}

static void set_place(struct reader *r, const struct config_row *row)
{
	char **place = &r->config->place[row - config_rows];
	struct buffer text = { 0 };

	buffer_printf(&text, "%s:%u", r->name, r->line);
	free(*place);
	*place = memory_copy(buffer_bytes(&text).data, buffer_length(&text));
	buffer_fini(&text);
}

static int on_key(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;
	const struct config_row *row = config_find(bytes_of(section), bytes_of(name));
	struct buffer why = { 0 };

	(void)value; /* ours is whole: r->value */
	if (row == NULL) {
		complain_unknown(r, section, name);
		return 1;
	}
	if (r->seen[row - config_rows])
		complain(r, "[%s] %s stands here again, after line %u", section, name, r->seen[row - config_rows]);
	else if (config_set(r->config, row, r->value, r->origin, &why) != 0)
		complain(r, "[%s] %s: %.*s", section, name, (int)buffer_length(&why), why.data + why.head);
	r->seen[row - config_rows] = r->line;
	set_place(r, row);
	buffer_fini(&why);
	return 1;
}

int ini_parse_text(struct config *c, const char *name, struct bytes text,
                   enum config_origin origin, struct buffer *errors)
{
	struct reader r = { .config = c, .name = name, .rest = text, .origin = origin, .errors = errors };
	int line;

	if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
		r.rest = (struct bytes){ text.data + 3, text.len - 3 };
	line = ini_parse_stream(read_line, &r, on_key, &r);
	if (line != 0 && r.problems == 0) {
		r.line = line > 0 ? (unsigned)line : 0;
		complain(&r, "not ini");
	}
	return r.problems ? -EINVAL : 0;
}

/* --- files --- */

static int read_file(const char *path, struct buffer *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), result = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n = read(fd, buffer_reserve(out, 4096), 4096);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			result = -errno;
		else if (n > 0)
			buffer_commit(out, (size_t)n);
		if (buffer_length(out) > FILE_MAX)
			result = -EFBIG;
		if (n <= 0 || result < 0)
			break;
	}
	close(fd);
	return result;
}

static int load_file(struct config *c, const char *path, enum config_origin origin, struct buffer *errors)
{
	struct buffer text = { 0 };
	int r = read_file(path, &text);

	if (r == 0)
		r = ini_parse_text(c, path, buffer_bytes(&text), origin, errors);
	buffer_fini(&text);
	return r;
}

static int is_fragment(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return entry->d_name[0] != '.' && n > 4 && strcmp(entry->d_name + n - 4, ".ini") == 0;
}

/* `stage.d` beside the file. */
static int load_fragments(struct config *c, const char *file, struct buffer *errors)
{
	const char *slash = strrchr(file, '/');
	int length = slash ? (int)(slash - file + 1) : 0, result = 0;
	struct dirent **entries;
	char directory[4096];
	int count;

	snprintf(directory, sizeof(directory), "%.*sstage.d", length, file);
	count = scandir(directory, &entries, is_fragment, alphasort);
	if (count < 0)
		return 0;
	for (int i = 0; i < count; i++) {
		char path[4096 + 260];
		int r;

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		r = load_file(c, path, CONFIG_FRAGMENT, errors);
		if (r < 0 && r != -EINVAL)
			buffer_printf(errors, "%s: %s\n", path, strerror(-r));
		if (r < 0)
			result = -EINVAL;
		free(entries[i]);
	}
	free(entries);
	return result;
}

/* --- the environment --- */

static void upper(const char *section, const char *key, char out[128])
{
	snprintf(out, 128, "STAGE_%s_%s", section, key);
	for (char *at = out; *at; at++)
		*at = (char)toupper((unsigned char)*at);
}

static bool is_reserved(struct bytes name)
{
	for (int i = 0; reserved[i]; i++)
		if (bytes_equal(name, bytes_of(reserved[i])))
			return true;
	return false;
}

static void complain_variable(struct reader *r, struct bytes name)
{
	char known[128];

	for (const struct config_row *row = config_rows; row->section; row++) {
		upper(row->section, row->key, known);
		if (strlen(known) == name.len && strncasecmp(known, name.data, name.len) == 0) {
			complain(r, "%.*s is no setting (did you mean %s?)", (int)name.len, name.data, known);
			return;
		}
	}
	complain(r, "%.*s is no setting", (int)name.len, name.data);
}

static void load_variable(struct reader *r, const char *variable)
{
	const char *equals = strchr(variable, '=');
	struct bytes name = { variable, equals ? (size_t)(equals - variable) : strlen(variable) };
	char known[128];
	struct buffer why = { 0 };

	if (equals == NULL || is_reserved(name))
		return;
	for (const struct config_row *row = config_rows; row->section; row++) {
		upper(row->section, row->key, known);
		if (!bytes_equal(name, bytes_of(known)))
			continue;
		if (config_set(r->config, row, bytes_of(equals + 1), CONFIG_ENVIRONMENT, &why) != 0)
			complain(r, "%s: %.*s", known, (int)buffer_length(&why), why.data + why.head);
		buffer_fini(&why);
		return;
	}
	complain_variable(r, name);
}

static int load_environment(struct config *c, struct buffer *errors)
{
	struct reader r = { .config = c, .name = "environment", .errors = errors };

	for (char **at = environ; at && *at; at++)
		if (strncmp(*at, "STAGE_", 6) == 0)
			load_variable(&r, *at);
	return r.problems ? -EINVAL : 0;
}

int ini_load(struct config *c, const char *file, struct buffer *errors)
{
	const char *path = file ? file : DEFAULT_FILE;
	int r = load_file(c, path, CONFIG_FILE, errors), fragments, environment;

	if (r < 0 && r != -EINVAL) {
		if (file || r != -ENOENT)
			return r;
		r = 0;
	}
	fragments = load_fragments(c, path, errors);
	environment = load_environment(c, errors);
	if (!config_check(c, errors))
		return -EINVAL;
	return r < 0 ? r : fragments < 0 ? fragments : environment;
}
