/* Log lines: one write each, nothing in them that could forge another. */
#include "common/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/buffer.h"

static struct {
	char process[32];
	enum log_level least;
	enum log_format format;
} state = { .process = "stage", .least = LOG_LEVEL_INFO };

static const struct {
	const char *name;
	int priority; /* syslog's, for journald */
} levels[] = {
	[LOG_LEVEL_DEBUG] = { "debug", 7 },
	[LOG_LEVEL_INFO] = { "info", 6 },
	[LOG_LEVEL_WARN] = { "warn", 4 },
	[LOG_LEVEL_ERROR] = { "error", 3 },
};

void log_init(const char *process, enum log_level least, enum log_format format)
{
	snprintf(state.process, sizeof(state.process), "%s", process);
	state.least = least;
	state.format = format;
}

void log_set_level(enum log_level least)
{
	state.least = least;
}

static void append_quoted(struct buffer *out, struct bytes s)
{
	buffer_append_text(out, "\"");
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (c == '"' || c == '\\')
			buffer_printf(out, "\\%c", c);
		else if (c == '\n')
			buffer_append_text(out, "\\n");
		else if (c < 0x20 || c == 0x7f)
			buffer_printf(out, "\\u%04x", c);
		else
			buffer_append(out, &s.data[i], 1);
	}
	buffer_append_text(out, "\"");
}

static bool plain(struct bytes s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c == 0x7f)
			return false;
	}
	return s.len > 0;
}

static void append_value(struct buffer *out, const struct log_field *f, bool quote)
{
	switch (f->type) {
	case LOG_FIELD_TEXT:
		if (quote || !plain(f->text))
			append_quoted(out, f->text);
		else
			buffer_append_bytes(out, f->text);
		break;
	case LOG_FIELD_INT:
		buffer_printf(out, "%lld", (long long)f->i);
		break;
	case LOG_FIELD_UINT:
		buffer_printf(out, "%llu", (unsigned long long)f->u);
		break;
	case LOG_FIELD_REAL:
		buffer_printf(out, "%.6g", f->real);
		break;
	}
}

static void append_time(struct buffer *out)
{
	struct timespec now;
	struct tm tm;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	buffer_printf(out, "%s.%03ldZ", text, now.tv_nsec / 1000000);
}

static void format_json(struct buffer *out, enum log_level level, const char *event,
                        const struct log_field *fields, size_t count)
{
	buffer_append_text(out, "{\"time\":\"");
	append_time(out);
	buffer_printf(out, "\",\"level\":\"%s\",\"process\":\"%s\",\"event\":", levels[level].name, state.process);
	append_quoted(out, bytes_of(event));
	for (size_t i = 0; i < count; i++) {
		buffer_append_text(out, ",");
		append_quoted(out, bytes_of(fields[i].key));
		buffer_append_text(out, ":");
		append_value(out, &fields[i], true);
	}
	buffer_append_text(out, "}");
}

static void format_text(struct buffer *out, enum log_level level, const char *event,
                        const struct log_field *fields, size_t count)
{
	if (state.format == LOG_FORMAT_JOURNALD) {
		buffer_printf(out, "<%d>%s ", levels[level].priority, state.process);
	} else {
		append_time(out);
		buffer_printf(out, " %-5s %s ", levels[level].name, state.process);
	}
	buffer_append_text(out, event);
	for (size_t i = 0; i < count; i++) {
		buffer_printf(out, " %s=", fields[i].key);
		append_value(out, &fields[i], false);
	}
}

void log_write(enum log_level level, int error, const char *event,
               const struct log_field *fields, size_t count)
{
	struct log_field all[32];
	struct buffer line = { 0 };
	struct bytes text;

	if (level < state.least)
		return;
	if (count > 31)
		count = 31;
	memcpy(all, fields, count * sizeof(*fields));
	if (error)
		all[count++] = F_TEXT("error", strerror(error));
	if (state.format == LOG_FORMAT_JSON)
		format_json(&line, level, event, all, count);
	else
		format_text(&line, level, event, all, count);
	buffer_append_text(&line, "\n");
	text = buffer_bytes(&line);
	if (write(STDERR_FILENO, text.data, text.len) < 0) {
		/* There is nobody left to tell. */
	}
	buffer_fini(&line);
}
