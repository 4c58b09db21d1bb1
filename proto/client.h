/* The client protocol, version 1 (proto/client-protocol.md): a line of bytes to a
 * struct, replies and events to bytes. Pure: no sockets, no state. */
#ifndef PROTO_CLIENT_H
#define PROTO_CLIENT_H

#include <stdint.h>

#include "proto/address.h"
#include "proto/error.h"

#define CLIENT_PROTOCOL_VERSION 1
#define CLIENT_ID_MAX 32
#define CLIENT_BAD_LINES_MAX 16 /* consecutive ones that close a connection */
#define CLIENT_UNAUTHENTICATED_LINE_MAX 1024

enum client_verb {
	CLIENT_GET, CLIENT_WATCH, CLIENT_SET, CLIENT_CALL,
	CLIENT_HELLO, CLIENT_AUTH, CLIENT_PING, CLIENT_SYNC, CLIENT_UNWATCH, CLIENT_CANCEL, CLIENT_BYE,
	CLIENT_VERB_COUNT
};

/* Options that a line carried, one bit each: bit = 1 << enum. */
enum client_option {
	CLIENT_OPTION_T, CLIENT_OPTION_Q, CLIENT_OPTION_IF, CLIENT_OPTION_MIN, CLIENT_OPTION_V,
	CLIENT_OPTION_ONCE, CLIENT_OPTION_TRACE, CLIENT_OPTION_ID, CLIENT_OPTION_PROTO,
	CLIENT_OPTION_CLIENT, CLIENT_OPTION_SESSION,
	CLIENT_OPTION_COUNT
};

/* One verb: its word, its form and the options it takes. */
struct client_verb_row {
	enum client_verb verb;
	const char *word;
	bool connection;      /* addressed to `@` */
	enum { CLIENT_MEMBERS_NONE, CLIENT_MEMBERS_LIST, CLIENT_MEMBERS_NAME, CLIENT_MEMBERS_NAME_OR_ALL } members;
	enum { CLIENT_JSON_NONE, CLIENT_JSON_OPTIONAL, CLIENT_JSON_REQUIRED } json;
	unsigned options;     /* bits of the options it takes */
	unsigned required;    /* bits of the options it needs */
	const char *help;
};

extern const struct client_verb_row client_verb_rows[CLIENT_VERB_COUNT];

/* Everything points into the line. */
struct client_request {
	struct bytes id;
	enum client_verb verb;
	struct bytes address;
	bool all;                           /* members are `*` */
	size_t member_count;
	struct bytes members[MEMBERS_MAX];  /* for set and call: members[0] */
	unsigned options;                   /* bits of those present */
	uint64_t t, min, proto;             /* milliseconds; a number */
	bool quiet, once;
	struct version if_version, v;
	struct bytes target;                /* id= of unwatch and cancel */
	struct bytes client, session, trace;
	struct bytes json;                  /* empty where absent; not yet parsed */
};

/* Parses a line (without its LF, one CR at its end is dropped). ERROR_NONE, or the
 * code of the answer; ret->id holds the ID as soon as one could be read (len 0:
 * answer as a notice), *ret_hint a short JSON object's text saying what is wrong
 * (static or in scratch), or NULL. An empty line never gets here. */
enum error_code client_parse(struct bytes line, struct client_request *ret,
                             char scratch[256], const char **ret_hint);

/* Whether the first line of a connection looks like this protocol at all: an ID and
 * a word of letters, digits, dots, dashes (or `@`). Otherwise: `* bye protocol`. */
bool client_first_line_plausible(struct bytes line);

/* The fields of a line to a client; the JSON part is text that stands already. */
struct client_line {
	struct bytes id;              /* empty: a notice, `*` */
	const char *word;             /* ok err evt snap end stage bye drain ping */
	enum error_code code;         /* for err, end, bye; ERROR_NONE: none */
	const struct version *base, *v; /* NULL: none */
	uint64_t n;                   /* changes folded in; 0: none */
	struct bytes del;             /* `a,b`; empty: none */
	struct bytes json;            /* empty: none */
};

/* Appends one line with its LF. */
void client_format(const struct client_line *line, struct buffer *out);

/* The same in two parts, so that a fan-out encodes the tail once: the line is
 * id + tail, and the tail begins with a space. */
void client_format_tail(const struct client_line *line, struct buffer *out);

#endif
