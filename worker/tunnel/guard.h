/* Which hosts may begin a handshake at the door. Pure: the time is the caller's, CLOCK_MONOTONIC ms.
 *
 * A host that has shown lately that it knows the secret may always: no stranger keeps it out. Of all
 * others so many may begin in a second, and one whose handshakes fail may fail so often in a minute;
 * both may come at once. A host is an IPv4 address, or the first half of an IPv6 one, which is what
 * one subscriber has. */
#ifndef WORKER_TUNNEL_GUARD_H
#define WORKER_TUNNEL_GUARD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define GUARD_KNOWN 256      /* hosts; a cluster has fewer members */
#define GUARD_STRANGERS 1024 /* hosts that are remembered; who came longest ago is forgotten */
#define GUARD_HOST_MAX INET6_ADDRSTRLEN

struct guard_limits {
	uint32_t rate;     /* handshakes that strangers begin per second, at least 1 */
	uint32_t failures; /* of one host per minute, at least 1 */
};

/* How much of a rate is used up: until when, in µs, all is paid for. */
struct guard_rate {
	uint64_t until;
};

struct guard_host {
	char name[GUARD_HOST_MAX]; /* empty: free */
	uint64_t seen_at, logged_at; /* ms; logged_at 0: never */
	struct guard_rate failures;
};

struct guard {
	struct guard_limits limits;
	struct guard_rate begun; /* of all strangers */
	struct guard_host known[GUARD_KNOWN], strangers[GUARD_STRANGERS];
};

enum guard_verdict { GUARD_KNOWS, GUARD_ENTERS, GUARD_FAILED, GUARD_CROWD };

/* Half a sentence of why it does not enter. */
const char *guard_text(enum guard_verdict verdict);

/* The host of a peer, for the others. */
void guard_host(const struct sockaddr_storage *peer, char ret_host[GUARD_HOST_MAX]);

/* It wants to begin a handshake: GUARD_KNOWS and GUARD_ENTERS let it, the latter counts. */
enum guard_verdict guard_ask(struct guard *g, const char *host, uint64_t now);
/* One has failed without that it has shown that it knows the secret. */
void guard_failed(struct guard *g, const char *host, uint64_t now);
/* It has shown it: it is known for an hour. */
void guard_knows(struct guard *g, const char *host, uint64_t now);

/* Whether a refusal of it is to be logged: once an hour for each. */
bool guard_logs(struct guard *g, const char *host, uint64_t now);

#endif
