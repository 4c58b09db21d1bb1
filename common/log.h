/* The log of a process: one line per event on stderr, key facts as fields.
 * Only the edges of a process log; libraries return errors. */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* text: `2026-11-24T00:00:00.000Z info  actor/0 worker ready pid=12 classes=3`
 * json: {"time":…,"level":"info","process":"actor/0","event":"worker ready","pid":12,…}
 * journald: `<6>actor/0 worker ready pid=12 classes=3` (priority prefix, no time) */
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_JOURNALD };

struct log_field {
	const char *key;
	enum { LOG_FIELD_TEXT, LOG_FIELD_INT, LOG_FIELD_UINT, LOG_FIELD_REAL } type;
	union {
		struct bytes text;
		int64_t i;
		uint64_t u;
		double real;
	};
};

#define F_TEXT(k, v) ((struct log_field){ .key = (k), .type = LOG_FIELD_TEXT, .text = bytes_of(v) })
#define F_BYTES(k, v) ((struct log_field){ .key = (k), .type = LOG_FIELD_TEXT, .text = (v) })
#define F_INT(k, v) ((struct log_field){ .key = (k), .type = LOG_FIELD_INT, .i = (v) })
#define F_UINT(k, v) ((struct log_field){ .key = (k), .type = LOG_FIELD_UINT, .u = (v) })
#define F_REAL(k, v) ((struct log_field){ .key = (k), .type = LOG_FIELD_REAL, .real = (v) })

/* process is copied: `supervisor`, `gateway/0`, `actor/1`, `store`. */
void log_init(const char *process, enum log_level least, enum log_format format);
void log_set_level(enum log_level least);

/* error: an errno value added to the line as text, or 0. Text values are quoted
 * where needed and control characters escaped, so no field can forge a line. */
void log_write(enum log_level level, int error, const char *event,
               const struct log_field *fields, size_t count);

/* Of what may happen very often every doubling is logged: whether the so_far'th time is one. */
static inline bool log_now_and_then(uint64_t so_far)
{
	return (so_far & (so_far - 1)) == 0;
}

#define LOG_EVENT(level, error, event, ...)                                                        \
	log_write((level), (error), (event), (const struct log_field[]){ { .key = NULL }, ##__VA_ARGS__ } + 1, \
	          sizeof((const struct log_field[]){ { .key = NULL }, ##__VA_ARGS__ }) /               \
	                          sizeof(struct log_field) - 1)

/* log_warn(event, errno value, fields…) says the error; log_warnx does not. */
#define log_debug(event, ...) LOG_EVENT(LOG_LEVEL_DEBUG, 0, event, ##__VA_ARGS__)
#define log_info(event, ...) LOG_EVENT(LOG_LEVEL_INFO, 0, event, ##__VA_ARGS__)
#define log_warnx(event, ...) LOG_EVENT(LOG_LEVEL_WARN, 0, event, ##__VA_ARGS__)
#define log_warn(event, error, ...) LOG_EVENT(LOG_LEVEL_WARN, error, event, ##__VA_ARGS__)
#define log_errorx(event, ...) LOG_EVENT(LOG_LEVEL_ERROR, 0, event, ##__VA_ARGS__)
#define log_error(event, error, ...) LOG_EVENT(LOG_LEVEL_ERROR, error, event, ##__VA_ARGS__)

#endif
