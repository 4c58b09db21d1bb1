/* Owns the options of stage-bench: a row each, from which parsing and help follow. */
#include "tests/bench/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/protocol.h"

#ifndef STAGE_VERSION
#define STAGE_VERSION "unknown"
#endif

#define EXIT_USAGE 64
#define OPTIONS_MAX 32

struct option_row {
	char letter;
	const char *name, *argument, *help;
	enum { OPTION_COUNT, OPTION_SECONDS, OPTION_TEXT, OPTION_FLAG, OPTION_OTHER } kind;
	size_t offset;                                           /* in struct options */
	uint64_t min, max;                                       /* of counts and seconds */
	bool (*parse)(const char *argument, struct options *o);  /* OPTION_OTHER */
};

static bool parse_protocol(const char *argument, struct options *o)
{
	o->protocol = protocol_find(argument);
	return o->protocol != NULL;
}

/* `get=50,set=25,call=25`: what is not named is not done; 100 together. */
static bool parse_mix(const char *argument, struct options *o)
{
	unsigned mix[VERB_COUNT] = { 0 }, sum = 0;

	while (*argument) {
		size_t n = strcspn(argument, "=");
		unsigned verb = 0;
		char *end;
		unsigned long percent;

		while (verb <= VERB_WATCH &&
		       (strlen(verb_names[verb]) != n || strncmp(argument, verb_names[verb], n) != 0))
			verb++;
		if (verb > VERB_WATCH || argument[n] != '=')
			return false;
		percent = strtoul(argument + n + 1, &end, 10);
		if (end == argument + n + 1 || percent > 100 || (*end && *end != ','))
			return false;
		mix[verb] = (unsigned)percent;
		argument = *end ? end + 1 : end;
	}
	for (unsigned verb = 0; verb < VERB_COUNT; verb++)
		sum += mix[verb];
	memcpy(o->mix, mix, sizeof(mix));
	return sum == 100;
}

static bool parse_pids(const char *argument, struct options *o)
{
	for (;;) {
		char *end;
		long pid = strtol(argument, &end, 10);

		if (end == argument || pid <= 0 || pid > INT32_MAX || o->pid_count == OPTIONS_PIDS_MAX)
			return false;
		o->pids[o->pid_count++] = (pid_t)pid;
		if (*end == '\0')
			return true;
		if (*end != ',')
			return false;
		argument = end + 1;
	}
}

#define AT(field) offsetof(struct options, field)

static const struct option_row rows[] = {
	{ 'P', "protocol", "NAME", "what to speak: one of those below (stage)", OPTION_OTHER, .parse = parse_protocol },
	{ 'H', "host", "NAME", "where the server is (127.0.0.1)", OPTION_TEXT, AT(host) },
	{ 'p', "port", "N", "its port (51463; redis 6379)", OPTION_COUNT, AT(port), 1, 65535 },
	{ 'c', "connections", "N", "connections (50)", OPTION_COUNT, AT(connections), 1, 1000000 },
	{ 'd', "depth", "N", "requests in flight on each connection (1)", OPTION_COUNT, AT(depth), 1, 65536 },
	{ 't', "time", "SECONDS", "how long to measure (5)", OPTION_SECONDS, AT(seconds), 0, 86400 },
	{ 'w', "warm-up", "SECONDS", "the same load before, unmeasured (1)", OPTION_SECONDS, AT(warm_up), 0, 86400 },
	{ 'm', "mix", "LIST", "percent of get, set, call and watch (get=50,set=25,call=25)", OPTION_OTHER, .parse = parse_mix },
	{ 'k', "keys", "N", "different actors, ADDRESS.0 and on (10000)", OPTION_COUNT, AT(keys), 1, 1000000000 },
	{ 'a', "address", "TEXT", "what comes before the dot and the key (bench)", OPTION_TEXT, AT(address) },
	{ 'n', "property", "NAME", "the writable integer property (n)", OPTION_TEXT, AT(property) },
	{ 'T', "text-property", "NAME", "the writable text property, for --value-size (s)", OPTION_TEXT, AT(text_property) },
	{ 'f', "method", "NAME", "the method that adds its argument to the integer (add)", OPTION_TEXT, AT(method) },
	{ 'v', "value-size", "BYTES", "get and set texts of this size; 0: integers (0)", OPTION_COUNT, AT(value_size), 0, 16 << 20 },
	{ 'W', "watches", "N", "live watches that a connection keeps before it ends one for each new one (1)", OPTION_COUNT, AT(watches), 0, 65536 },
	{ 'o', "own-keys", NULL, "every key belongs to one connection, so that each answer's value is known", OPTION_FLAG, AT(own_keys) },
	{ 'F', "no-fill", NULL, "do not set every key once before the warm-up", OPTION_FLAG, AT(no_fill) },
	{ 's', "seed", "N", "the same seed asks the same (1)", OPTION_COUNT, AT(seed), 0, INT64_MAX },
	{ 'S', "server-pids", "LIST", "measure the CPU of these processes and all their children", OPTION_OTHER, .parse = parse_pids },
	{ 'j', "json", NULL, "one JSON object instead of text", OPTION_FLAG, AT(json) },
	{ 'V', "version", NULL, "print the version", OPTION_FLAG, 0 },
	{ 'h', "help", NULL, "print this", OPTION_FLAG, 0 },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void help(FILE *out)
{
	const struct protocol *p;

	fprintf(out, "usage: stage-bench [OPTION]...\n\n"
	             "Keeps a server busy in a closed loop, checks its answers and prints how it did.\n\n");
	for (size_t i = 0; i < ROWS; i++) {
		char left[40];

		snprintf(left, sizeof(left), "-%c, --%s %s", rows[i].letter, rows[i].name,
		         rows[i].argument ? rows[i].argument : "");
		fprintf(out, "  %-28s %s\n", left, rows[i].help);
	}
	fprintf(out, "\nprotocols:\n");
	for (unsigned i = 0; (p = protocol_row(i)) != NULL; i++)
		fprintf(out, "  %-28s %s\n", p->name, p->help);
}

static bool parse_row(const struct option_row *row, const char *argument, struct options *o)
{
	char *at = (char *)o + row->offset, *end;
	uint64_t count;
	double seconds;

	switch (row->kind) {
	case OPTION_COUNT:
		errno = 0;
		count = strtoull(argument, &end, 10);
		if (end == argument || *end || *argument == '-' || errno || count < row->min || count > row->max)
			return false;
		memcpy(at, &count, sizeof(count));
		return true;
	case OPTION_SECONDS:
		seconds = strtod(argument, &end);
		if (end == argument || *end || !isfinite(seconds) || seconds < 0 || seconds > (double)row->max)
			return false;
		memcpy(at, &seconds, sizeof(seconds));
		return true;
	case OPTION_TEXT:
		memcpy(at, &argument, sizeof(argument));
		return argument[0] != '\0' && strlen(argument) <= 200;
	case OPTION_FLAG:
		*(bool *)at = true;
		return true;
	case OPTION_OTHER:
		return row->parse(argument, o);
	}
	return false;
}

/* What does not go together; NULL: nothing. */
static const char *contradiction(const struct options *o)
{
	if (o->seconds <= 0)
		return "--time must be more than 0";
	if (o->mix[VERB_WATCH] > 0 && !o->protocol->watches)
		return "this protocol has no watches";
	if (o->own_keys && o->keys < o->connections)
		return "--own-keys needs at least as many keys as connections";
	return NULL;
}

static const struct option_row *find(int letter)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].letter == letter)
			return &rows[i];
	return NULL;
}

/* The rows in the shape that getopt_long() reads. */
static void getopt_tables(struct option longs[OPTIONS_MAX], char shorts[2 * OPTIONS_MAX])
{
	char *s = shorts;

	_Static_assert(ROWS < OPTIONS_MAX, "make room for another option");
	for (size_t i = 0; i < ROWS; i++) {
		int has = rows[i].argument ? required_argument : no_argument;

		longs[i] = (struct option){ rows[i].name, has, NULL, rows[i].letter };
		*s++ = rows[i].letter;
		if (has == required_argument)
			*s++ = ':';
	}
	longs[ROWS] = (struct option){ 0 };
	*s = '\0';
}

bool options_parse(int argc, char **argv, struct options *ret, int *ret_code)
{
	struct options o = {
		.protocol = &protocol_stage, .host = "127.0.0.1", .connections = 50, .depth = 1, .seconds = 5,
		.warm_up = 1, .mix = { [VERB_GET] = 50, [VERB_SET] = 25, [VERB_CALL] = 25 }, .keys = 10000,
		.address = "bench", .property = "n", .text_property = "s", .method = "add", .watches = 1, .seed = 1,
	};
	struct option longs[OPTIONS_MAX];
	char shorts[2 * OPTIONS_MAX];
	const char *why;
	int letter;

	getopt_tables(longs, shorts);
	*ret_code = EXIT_USAGE;
	while ((letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct option_row *row = find(letter);

		if (row == NULL)
			return false; /* getopt_long() has said why */
		if (letter == 'h' || letter == 'V') {
			letter == 'h' ? help(stdout) : (void)puts("stage-bench " STAGE_VERSION);
			*ret_code = 0;
			return false;
		}
		if (!parse_row(row, optarg, &o)) {
			fprintf(stderr, "stage-bench: --%s does not take `%s`: %s\n", row->name, optarg, row->help);
			return false;
		}
	}
	why = optind < argc ? "there is nothing but options; see --help" : contradiction(&o);
	if (why != NULL) {
		fprintf(stderr, "stage-bench: %s\n", why);
		return false;
	}
	if (o.port == 0)
		o.port = o.protocol->port;
	*ret = o;
	return true;
}
