/* The verbs of the client protocol and their options, a row each. */
#include "proto/client.h"

#define BIT(option) (1u << CLIENT_OPTION_##option)
#define REQUEST (BIT(T) | BIT(Q) | BIT(TRACE))
#define CHANGE (REQUEST | BIT(IF) | BIT(ONCE))

const struct client_verb_row client_verb_rows[CLIENT_VERB_COUNT] = {
	{ CLIENT_GET, "get", false, CLIENT_MEMBERS_LIST, CLIENT_JSON_NONE, REQUEST, 0,
	  "get ADDRESS a,b|*" },
	{ CLIENT_WATCH, "watch", false, CLIENT_MEMBERS_LIST, CLIENT_JSON_NONE, REQUEST | BIT(MIN) | BIT(V), 0,
	  "watch ADDRESS a,b|*" },
	{ CLIENT_SET, "set", false, CLIENT_MEMBERS_NAME_OR_ALL, CLIENT_JSON_REQUIRED, CHANGE, 0,
	  "set ADDRESS name|* JSON" },
	{ CLIENT_CALL, "call", false, CLIENT_MEMBERS_NAME, CLIENT_JSON_OPTIONAL, CHANGE, 0,
	  "call ADDRESS method [JSON]" },
	{ CLIENT_HELLO, "hello", true, CLIENT_MEMBERS_NONE, CLIENT_JSON_NONE,
	  BIT(PROTO) | BIT(CLIENT) | BIT(SESSION), 0, "hello @ [proto=1] [client=NAME]" },
	{ CLIENT_AUTH, "auth", true, CLIENT_MEMBERS_NONE, CLIENT_JSON_REQUIRED, 0, 0, "auth @ JSON" },
	{ CLIENT_PING, "ping", true, CLIENT_MEMBERS_NONE, CLIENT_JSON_NONE, 0, 0, "ping @" },
	{ CLIENT_SYNC, "sync", true, CLIENT_MEMBERS_NONE, CLIENT_JSON_NONE, 0, 0, "sync @" },
	{ CLIENT_UNWATCH, "unwatch", true, CLIENT_MEMBERS_NONE, CLIENT_JSON_NONE, BIT(ID), BIT(ID), "unwatch @ id=N" },
	{ CLIENT_CANCEL, "cancel", true, CLIENT_MEMBERS_NONE, CLIENT_JSON_NONE, BIT(ID), BIT(ID), "cancel @ id=N" },
	{ CLIENT_BYE, "bye", true, CLIENT_MEMBERS_NONE, CLIENT_JSON_NONE, 0, 0, "bye @" },
};
