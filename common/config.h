/* The settings of a node: one table row per key, one struct of effective values. */
#ifndef COMMON_CONFIG_H
#define COMMON_CONFIG_H

#include <stdint.h>

#include "common/buffer.h"

enum config_type {
	CONFIG_TEXT,     /* char * */
	CONFIG_PATH,     /* char *, a file or directory */
	CONFIG_ADDRESS,  /* char *, `host:port`, `*:port`, `[v6]:port`, or `none` where allowed */
	CONFIG_LIST,     /* char *, comma-separated, kept as written */
	CONFIG_SIZE,     /* uint64_t bytes, K/M/G */
	CONFIG_DURATION, /* uint64_t milliseconds, ms/s/m/h */
	CONFIG_COUNT,    /* uint64_t; `auto` is 0 where allowed */
	CONFIG_CHOICE,   /* int, index into choices */
};

/* Where an effective value came from, weakest first. */
enum config_origin { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_FRAGMENT, CONFIG_ENVIRONMENT, CONFIG_COMMAND_LINE };

enum config_sandbox { CONFIG_SANDBOX_OFF, CONFIG_SANDBOX_ON, CONFIG_SANDBOX_REQUIRED };
enum config_engine { CONFIG_ENGINE_ROCKSDB, CONFIG_ENGINE_MEMORY, CONFIG_ENGINE_POSTGRESQL };

struct config {
	struct { char *name, *state, *runtime; int log_level, log_format; } node;
	struct {
		char *listen, *tls_certificate, *tls_key, *tokens;
		int auth;
		uint64_t max_line, inflight, watches, sessions, timeout, max_timeout, idle;
		uint64_t conflate; /* unread bytes from which a watch is conflated (256K) */
		uint64_t output;   /* unread bytes that end a connection (8M) */
		uint64_t stall;    /* time without progress that ends it (30s) */
		uint64_t line_time; /* time that a line may take from its first byte to its end (60s) */
		/* Bytes that the node holds for all connections: of unfinished lines (64M), of
		 * output (256M), of requests in flight (128M). */
		uint64_t all_input, all_output, all_inflight;
	} client;
	struct { char *listen, *token_file; } admin;
	struct {
		char *listen, *advertise, *peers, *secret_file, *tls_certificate, *tls_key;
		uint64_t weight, shards, handshakes, handshake_time, handshake_rate, handshake_failures;
	} cluster;
	struct { uint64_t gateways, actors, restart_intensity, restart_period, hang_timeout, memory; int sandbox; char *user; } workers;
	struct {
		char *path, *plugins;
		uint64_t mailbox, turn_budget, turn_limit, idle, resident;
		uint64_t turn_memory;  /* net bytes one turn may allocate (8M) */
		uint64_t class_memory; /* bytes of one class's Lua state (64M) */
		uint64_t stored;       /* bytes one actor's properties may take (1M) */
		uint64_t quarantine_message; /* workers a message may kill before it is held (2; 0: never) */
		uint64_t quarantine_actor;   /* the same for all messages to one actor (4) */
		uint64_t quarantine_period;  /* milliseconds such deaths are remembered (1h) */
	} actors;
	struct { int engine; char *url, *takeover; uint64_t gather; /* microseconds */ } store;
	struct { char *listen; } web;
	unsigned char origin[128]; /* enum config_origin of each row */
	char *place[128];          /* `FILE:LINE` that set it; NULL: no file */
};

struct config_row {
	const char *section, *key;
	enum config_type type;
	size_t offset;             /* of the value in struct config */
	const char *fallback;      /* the default, as one would write it */
	uint64_t least, most;      /* bounds of SIZE, DURATION and COUNT */
	const char *const *choices; /* NULL-terminated, CHOICE only */
	bool none;                 /* ADDRESS: `none` allowed; COUNT: `auto` allowed */
	const char *unavailable;   /* any value but the default is refused with this reason … */
	int available;             /* … CHOICE: but not the first so many */
	bool secret;               /* there may be a password in it: see config_show(); the store alone is told */
	const char *help;          /* one line */
};

/* The table, in the order of the documents; ends with section NULL. */
extern const struct config_row config_rows[];

/* Defaults. Directories are chosen as operations.md says: /var/lib/stage and
 * /run/stage where they can be written (or made), else the XDG ones. */
void config_init(struct config *c);
void config_fini(struct config *c);

/* NULL where there is none. */
const struct config_row *config_find(struct bytes section, struct bytes key);

/* The nearest known section (section.data NULL) or `section.key` to a wrong name;
 * NULL where nothing is near. */
const char *config_nearest(struct bytes section, struct bytes key);

/* Parses and sets one value. 0, or -EINVAL with a sentence in error. */
int config_set(struct config *c, const struct config_row *row, struct bytes value,
               enum config_origin origin, struct buffer *error);

/* The effective value as one would write it. */
void config_format(const struct config *c, const struct config_row *row, struct buffer *out);

/* The same for people: *** for passwords. */
void config_show(const struct config *c, const struct config_row *row, struct buffer *out);

/* What settings want of each other. False: a line for each problem in errors. */
bool config_check(const struct config *c, struct buffer *errors);

/* Splits `host:port`, `*:port`, `[v6]:port`. host gets "" for `*`. */
bool config_split_address(struct bytes text, char host[256], uint16_t *ret_port);

#endif
