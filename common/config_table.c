/* The table of settings: a row per key of stage.ini. */
#include <stddef.h>

#include "common/config.h"

#define AT(field) offsetof(struct config, field)
#define KB UINT64_C(1024)
#define MB (1024 * KB)
#define GB (1024 * MB)
#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static const char *const levels[] = { "debug", "info", "warn", "error", NULL };
static const char *const formats[] = { "text", "json", "journald", NULL };
static const char *const auths[] = { "none", "token", NULL };
/* In the order of enum config_sandbox. */
static const char *const sandboxes[] = { "off", "on", "required", NULL };
static const char *const engines[] = { "rocksdb", "memory", "postgresql", NULL };

#define TEXT(s, k, field, def, words) { s, k, CONFIG_TEXT, AT(field), def, .help = words }
#define PATH(s, k, field, def, words) { s, k, CONFIG_PATH, AT(field), def, .help = words }
#define ADDRESS(s, k, field, def, may_be_none, words) \
	{ s, k, CONFIG_ADDRESS, AT(field), def, .none = may_be_none, .help = words }
#define SIZE(s, k, field, def, low, high, words) { s, k, CONFIG_SIZE, AT(field), def, low, high, .help = words }
#define TIME(s, k, field, def, low, high, words) { s, k, CONFIG_DURATION, AT(field), def, low, high, .help = words }
#define COUNT(s, k, field, def, low, high, automatic, words) \
	{ s, k, CONFIG_COUNT, AT(field), def, low, high, .none = automatic, .help = words }
#define CHOICE(s, k, field, def, list, words) { s, k, CONFIG_CHOICE, AT(field), def, .choices = list, .help = words }
/* Known, but not in this version: any value but the default would be a lie. */
#define LATER(s, k, type, field, def, list, maybe_none, why, words) \
	{ s, k, type, AT(field), def, .choices = list, .none = maybe_none, .unavailable = why, .help = words }

#define NO_TLS "this version does not speak TLS"
#define NO_AUTH "this version does not authenticate clients"

const struct config_row config_rows[] = {
	TEXT("node", "name", node.name, "", "the node's name; default: the host name"),
	PATH("node", "state", node.state, "", "directory of the actors' state"),
	PATH("node", "runtime", node.runtime, "", "directory of the sockets"),
	CHOICE("node", "log_level", node.log_level, "info", levels, "least level that is logged"),
	CHOICE("node", "log_format", node.log_format, "text", formats, "form of the log lines"),

	ADDRESS("client", "listen", client.listen, "*:51463", false, "where clients connect"),
	LATER("client", "tls_certificate", CONFIG_PATH, client.tls_certificate, "", NULL, false, NO_TLS, "certificate chain"),
	LATER("client", "tls_key", CONFIG_PATH, client.tls_key, "", NULL, false, NO_TLS, "private key"),
	LATER("client", "auth", CONFIG_CHOICE, client.auth, "none", auths, false, NO_AUTH, "whether clients authenticate"),
	LATER("client", "tokens", CONFIG_PATH, client.tokens, "", NULL, false, NO_AUTH, "file of client tokens"),
	SIZE("client", "max_line", client.max_line, "1M", 1 * KB, 16 * MB, "longest line of a client, bytes"),
	COUNT("client", "inflight", client.inflight, "256", 1, 65536, false, "unanswered requests of a connection"),
	COUNT("client", "watches", client.watches, "1024", 1, 65536, false, "live watches of a connection"),
	COUNT("client", "sessions", client.sessions, "100000", 1, 1000000, false, "connections of the node"),
	TIME("client", "timeout", client.timeout, "5s", 1, DAY, "deadline of a request without t="),
	TIME("client", "max_timeout", client.max_timeout, "60s", 1, DAY, "most that t= may ask for"),
	TIME("client", "idle", client.idle, "0", 0, 365 * DAY, "silence that ends a connection; 0: never"),
	SIZE("client", "conflate", client.conflate, "256K", 1 * KB, 1 * GB, "unread bytes from which watches conflate"),
	SIZE("client", "output", client.output, "8M", 4 * KB, 4 * GB, "unread bytes that end a connection"),
	TIME("client", "stall", client.stall, "30s", 100, DAY, "time without progress that ends a connection"),
	TIME("client", "line_time", client.line_time, "60s", 0, DAY, "time from a line's first byte to its last; 0: any"),
	SIZE("client", "all_input", client.all_input, "64M", 64 * KB, 1024 * GB, "bytes of all connections' unfinished lines"),
	SIZE("client", "all_output", client.all_output, "256M", 64 * KB, 1024 * GB, "unread bytes of all connections"),
	SIZE("client", "all_inflight", client.all_inflight, "128M", 64 * KB, 1024 * GB, "bytes of all connections' requests in flight"),

	ADDRESS("admin", "listen", admin.listen, "127.0.0.1:51465", true, "where stagectl connects over TCP"),
	PATH("admin", "token_file", admin.token_file, "", "token of admins over TCP"),

	ADDRESS("cluster", "listen", cluster.listen, "*:51464", false, "where other nodes connect"),
	TEXT("cluster", "advertise", cluster.advertise, "", "address other nodes shall use"),
	{ "cluster", "peers", CONFIG_LIST, AT(cluster.peers), "", .help = "nodes to join at start" },
	COUNT("cluster", "weight", cluster.weight, "1", 1, 1000, false, "this node's share of the shards, beside others'"),
	PATH("cluster", "secret_file", cluster.secret_file, "", "secret of the cluster"),
	COUNT("cluster", "handshakes", cluster.handshakes, "64", 1, 256, false, "handshakes of strangers at a time"),
	TIME("cluster", "handshake_time", cluster.handshake_time, "2s", 100, MINUTE, "time for one handshake"),
	COUNT("cluster", "handshake_rate", cluster.handshake_rate, "100", 1, 1000000, false, "handshakes that strangers begin per second"),
	COUNT("cluster", "handshake_failures", cluster.handshake_failures, "60", 1, 1000000, false, "failed ones of one stranger per minute"),
	LATER("cluster", "tls_certificate", CONFIG_PATH, cluster.tls_certificate, "", NULL, false, NO_TLS, "certificate chain"),
	LATER("cluster", "tls_key", CONFIG_PATH, cluster.tls_key, "", NULL, false, NO_TLS, "private key"),
	COUNT("cluster", "shards", cluster.shards, "1024", 1, 16384, false, "shards; fixed at the first start"),

	COUNT("workers", "gateways", workers.gateways, "auto", 1, 64, true, "gateway processes"),
	COUNT("workers", "actors", workers.actors, "auto", 1, 256, true, "actor worker processes"),
	COUNT("workers", "restart_intensity", workers.restart_intensity, "5", 0, 1000000, false, "deaths within the period that are borne"),
	TIME("workers", "restart_period", workers.restart_period, "10s", 1, DAY, "the period"),
	TIME("workers", "hang_timeout", workers.hang_timeout, "5s", 100, HOUR, "silence after which a worker is killed"),
	SIZE("workers", "memory", workers.memory, "0", 0, 1024 * GB, "bytes an actor worker may hold; 0: no bound"),
	CHOICE("workers", "sandbox", workers.sandbox, "on", sandboxes, "confine actor workers"),
	TEXT("workers", "user", workers.user, "stage-actor", "who actor workers become where the server is root"),

	PATH("actors", "path", actors.path, "", "directory of class files"),
	LATER("actors", "plugins", CONFIG_PATH, actors.plugins, "", NULL, false, "this version does not load C plugins", "directory of C plugins"),
	COUNT("actors", "mailbox", actors.mailbox, "1000", 1, 1000000, false, "messages waiting for one actor"),
	COUNT("actors", "turn_budget", actors.turn_budget, "auto", 1, 1000000000, true, "instructions of a slice; auto: by time"),
	TIME("actors", "turn_limit", actors.turn_limit, "1s", 1, HOUR, "running time of a turn"),
	TIME("actors", "idle", actors.idle, "15m", 1, 365 * DAY, "time after which an unused actor sleeps"),
	COUNT("actors", "resident", actors.resident, "1000000", 1, 100000000, false, "actors in memory, per worker"),
	SIZE("actors", "turn_memory", actors.turn_memory, "8M", 64 * KB, 1 * GB, "bytes one turn may allocate"),
	SIZE("actors", "class_memory", actors.class_memory, "64M", 1 * MB, 64 * GB, "bytes one class's code may hold"),
	COUNT("actors", "quarantine_message", actors.quarantine_message, "2", 0, 1000000, false, "worker deaths after which a message is held; 0: never"),
	COUNT("actors", "quarantine_actor", actors.quarantine_actor, "4", 0, 1000000, false, "worker deaths after which an actor is held; 0: never"),
	TIME("actors", "quarantine_period", actors.quarantine_period, "1h", 1, 365 * DAY, "how long such deaths are remembered"),
	SIZE("actors", "stored", actors.stored, "1M", 1 * KB, 16 * MB, "bytes of one actor's properties"),

	CHOICE("store", "engine", store.engine, "rocksdb", engines, "where state is kept"),
	{ "store", "url", CONFIG_TEXT, AT(store.url), "", .secret = true, .help = "database of engine postgresql" },
	TEXT("store", "takeover", store.takeover, "", "id of a cluster that is gone, whose database this one takes over"),
	COUNT("store", "gather", store.gather, "2000", 0, 100000, false, "microseconds a commit may wait for more to join it; 0: none"),

	LATER("web", "listen", CONFIG_ADDRESS, web.listen, "none", NULL, true, "this version has no web listener", "metrics, health, WebSocket"),
	{ .section = NULL },
};
