/* One connection of the load: its socket, its requests in flight, its live watches. */
#ifndef BENCH_CONNECTION_H
#define BENCH_CONNECTION_H

#include <netdb.h>

#include "tests/bench/tally.h"
#include "tests/bench/workload.h"

struct connection_watch {
	uint64_t id;
	bool leaving; /* its unwatch is in flight */
};

struct connection {
	const struct settings *settings;
	struct tally *tally;          /* borrowed; where answers are counted */
	int fd;                       /* -1: closed */
	bool ready;                   /* greeted, or nothing to wait for */
	bool wants_out;               /* flushed in part only */
	uint64_t advertised;          /* most requests in flight, by the greeting; 0: not said */
	struct operation *operations; /* settings.depth slots */
	uint64_t in_flight;
	uint64_t sent, settled; /* slots taken and given back, in this order */
	uint64_t *idle;         /* ring of the slots that may be taken */
	uint64_t oldest;        /* answers in order: slots answered so far */
	struct connection_watch *watches;
	size_t watch_count, watch_staying;
	struct buffer in, out;
	struct workload workload;
};

/* Connects, waiting. 0 or -errno, and then there is nothing to close. */
int connection_open(struct connection *c, const struct settings *settings, struct tally *tally,
		    const struct addrinfo *where, uint64_t index);
void connection_fini(struct connection *c);

/* Puts a request into every idle slot (fill: only while there are keys to fill), and
 * writes what the socket takes. 0 or -errno; afterwards see wants_out. */
int connection_send(struct connection *c, bool fill);
int connection_flush(struct connection *c);

/* Asks to watch the first key, once, and writes what the socket takes. */
int connection_watch(struct connection *c);

/* Reads once and settles the answers read, scratch being room for the bytes. 0, or
 * -errno: -ECONNRESET where the server has closed, -EPROTO where it makes no sense. */
int connection_receive(struct connection *c, bool fill, struct buffer *scratch);

/* Gives the connection up: what was in flight counts as errors `closed`. */
void connection_close(struct connection *c);

#endif
