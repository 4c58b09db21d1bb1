/* What stage-bench was asked to do: the command line as one struct. */
#ifndef BENCH_SETTINGS_H
#define BENCH_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/bench/operation.h"

#define SETTINGS_PIDS_MAX 64

struct protocol;

struct settings {
	const struct protocol *protocol;
	const char *host;
	uint64_t port; /* 0: the protocol's own */
	uint64_t connections;
	uint64_t depth; /* requests in flight on each connection */
	double seconds, warm_up;
	double patience;          /* seconds to wait for any answer, and for the last ones */
	unsigned mix[VERB_COUNT]; /* percent, 100 together */
	uint64_t keys;
	const char *address; /* before the dot and the key's number */
	const char *property, *text_property, *method;
	uint64_t value_size; /* bytes of a text to set and get; 0: integers */
	uint64_t watches;    /* live ones that a connection keeps */
	uint64_t watchers;   /* connections beside the others: each watches the first key, and asks nothing */
	uint64_t seed;
	bool own_keys, no_fill, json, help, version;
	pid_t pids[SETTINGS_PIDS_MAX];
	unsigned pid_count;
};

/* Fills *ret from the command line; argv's texts are borrowed. Prints help, the version
 * or what is wrong. True: go on; false: exit with *ret_code. */
bool settings_parse(int argc, char **argv, struct settings *ret, int *ret_code);

/* The property that gets and sets are about. */
static inline const char *settings_property(const struct settings *s)
{
	return s->value_size > 0 ? s->text_property : s->property;
}

#endif
