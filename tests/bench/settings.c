/* Owns the options of stage-bench: a row each, from which values and help follow. */
#include "tests/bench/settings.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/options.h"
#include "tests/bench/protocol.h"

#ifndef STAGE_VERSION
#define STAGE_VERSION "unknown"
#endif

#define EXIT_USAGE 64

enum option_kind { OPTION_COUNT, OPTION_SECONDS, OPTION_TEXT, OPTION_FLAG, OPTION_OTHER };

struct option_row {
	const char *letter, *word, *argument;
	enum option_kind kind;
	size_t offset;                                           /* in struct settings */
	uint64_t min, max;                                       /* of counts and seconds */
	bool (*parse)(const char *argument, struct settings *s); /* OPTION_OTHER */
	const char *help;
};

static bool parse_protocol(const char *argument, struct settings *s)
{
	s->protocol = protocol_find(argument);
	return s->protocol != NULL;
}

/* `get=50,set=25,call=25`: what is not named is not done; 100 together. */
static bool parse_mix(const char *argument, struct settings *s)
{
	unsigned mix[VERB_COUNT] = { 0 }, sum = 0;

	while (*argument) {
		size_t n = strcspn(argument, "=");
		unsigned verb = 0;
		char *end;
		unsigned long percent;

		while (verb <= VERB_WATCH && (strlen(verb_names[verb]) != n ||
					      strncmp(argument, verb_names[verb], n) != 0))
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
	memcpy(s->mix, mix, sizeof(mix));
	return sum == 100;
}

static bool parse_pids(const char *argument, struct settings *s)
{
	for (;;) {
		char *end;
		long pid = strtol(argument, &end, 10);

		if (end == argument || pid <= 0 || pid > INT32_MAX ||
		    s->pid_count == SETTINGS_PIDS_MAX)
			return false;
		s->pids[s->pid_count++] = (pid_t)pid;
		if (*end == '\0')
			return true;
		if (*end != ',')
			return false;
		argument = end + 1;
	}
}

#define AT(field) offsetof(struct settings, field)

/* clang-format off */
static const struct option_row rows[] = {
	{ "-P", "--protocol", "NAME", OPTION_OTHER, 0, 0, 0, parse_protocol,
	  "what to speak: one of those below (stage)" },
	{ "-H", "--host", "NAME", OPTION_TEXT, AT(host), 0, 0, NULL,
	  "where the server is (127.0.0.1)" },
	{ "-p", "--port", "N", OPTION_COUNT, AT(port), 1, 65535, NULL,
	  "its port (51463; redis 6379)" },
	{ "-c", "--connections", "N", OPTION_COUNT, AT(connections), 1, 1000000, NULL,
	  "connections (50)" },
	{ "-d", "--depth", "N", OPTION_COUNT, AT(depth), 1, 65536, NULL,
	  "requests in flight on each connection (1)" },
	{ "-t", "--time", "SECONDS", OPTION_SECONDS, AT(seconds), 0, 86400, NULL,
	  "how long to measure (5)" },
	{ "-w", "--warm-up", "SECONDS", OPTION_SECONDS, AT(warm_up), 0, 86400, NULL,
	  "the same load before, unmeasured (1)" },
	{ "-m", "--mix", "LIST", OPTION_OTHER, 0, 0, 0, parse_mix,
	  "percent of get, set, call and watch (get=50,set=25,call=25)" },
	{ "-k", "--keys", "N", OPTION_COUNT, AT(keys), 1, 1000000000, NULL,
	  "different actors, ADDRESS.0 and on (10000)" },
	{ "-a", "--address", "TEXT", OPTION_TEXT, AT(address), 0, 0, NULL,
	  "what comes before the dot and the key (bench)" },
	{ "-n", "--property", "NAME", OPTION_TEXT, AT(property), 0, 0, NULL,
	  "the writable integer property (n)" },
	{ "-T", "--text-property", "NAME", OPTION_TEXT, AT(text_property), 0, 0, NULL,
	  "the writable text property, for --value-size (s)" },
	{ "-f", "--method", "NAME", OPTION_TEXT, AT(method), 0, 0, NULL,
	  "the method that adds its argument to the integer (add)" },
	{ "-v", "--value-size", "BYTES", OPTION_COUNT, AT(value_size), 0, 16 << 20, NULL,
	  "get and set texts of this size; 0: integers (0)" },
	{ "-W", "--watches", "N", OPTION_COUNT, AT(watches), 0, 65536, NULL,
	  "live watches that a connection keeps before it ends one for each new one (1)" },
	{ "-x", "--watchers", "N", OPTION_COUNT, AT(watchers), 0, 1000000, NULL,
	  "further connections, which watch the first key and hear of its changes (0)" },
	{ "-o", "--own-keys", NULL, OPTION_FLAG, AT(own_keys), 0, 0, NULL,
	  "every key belongs to one connection, so that each answer's value is known" },
	{ "-F", "--no-fill", NULL, OPTION_FLAG, AT(no_fill), 0, 0, NULL,
	  "do not set every key once before the warm-up" },
	{ "-s", "--seed", "N", OPTION_COUNT, AT(seed), 0, INT64_MAX, NULL,
	  "the same seed asks the same (1)" },
	{ "-S", "--server-pids", "LIST", OPTION_OTHER, 0, 0, 0, parse_pids,
	  "measure the CPU of these processes and all their children" },
	{ "-q", "--patience", "SECONDS", OPTION_SECONDS, AT(patience), 0, 3600, NULL,
	  "give up after so long without any answer (10)" },
	{ "-j", "--json", NULL, OPTION_FLAG, AT(json), 0, 0, NULL,
	  "one JSON object instead of text" },
	{ "-V", "--version", NULL, OPTION_FLAG, AT(version), 0, 0, NULL,
	  "print the version" },
	{ "-h", "--help", NULL, OPTION_FLAG, AT(help), 0, 0, NULL,
	  "print this" },
};
/* clang-format on */
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* What the command line says, still as text: a cell for each row. */
struct cell {
	const char *text;
	bool set;
};

/* The rows in the shape that common/options.h reads. */
static void common_rows(struct options_row out[ROWS + 1])
{
	for (size_t i = 0; i < ROWS; i++) {
		size_t field =
			rows[i].argument ? offsetof(struct cell, text) : offsetof(struct cell, set);

		out[i] = (struct options_row){ rows[i].letter, rows[i].word, rows[i].argument,
					       i * sizeof(struct cell) + field, rows[i].help };
	}
	out[ROWS] = (struct options_row){ 0 };
}

static void help(void)
{
	struct options_row common[ROWS + 1];
	const struct protocol *p;
	struct buffer out = { 0 };

	common_rows(common);
	buffer_append_text(&out, "usage: stage-bench [OPTION]...\n\n"
				 "Keeps a server busy in a closed loop, checks its answers and "
				 "prints how it did.\n\n");
	options_usage(common, &out);
	buffer_append_text(&out, "\nprotocols:\n");
	for (unsigned i = 0; (p = protocol_row(i)) != NULL; i++)
		buffer_printf(&out, "  %-24s %s\n", p->name, p->help);
	fwrite(buffer_bytes(&out).data, 1, buffer_length(&out), stdout);
	buffer_fini(&out);
}

static bool parse_row(const struct option_row *row, const char *argument, struct settings *s)
{
	char *at = (char *)s + row->offset, *end;
	uint64_t count;
	double seconds;

	switch (row->kind) {
	case OPTION_COUNT:
		errno = 0;
		count = strtoull(argument, &end, 10);
		if (end == argument || *end || *argument == '-' || errno || count < row->min ||
		    count > row->max)
			return false;
		memcpy(at, &count, sizeof(count));
		return true;
	case OPTION_SECONDS:
		seconds = strtod(argument, &end);
		if (end == argument || *end || !isfinite(seconds) || seconds < 0 ||
		    seconds > (double)row->max)
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
		return row->parse(argument, s);
	}
	return false;
}

/* What does not go together; NULL: nothing. */
static const char *contradiction(const struct settings *s)
{
	if (s->seconds <= 0)
		return "--time must be more than 0";
	if (s->mix[VERB_WATCH] > 0 && !s->protocol->watches)
		return "this protocol has no watches";
	if (s->watchers > 0 && !s->protocol->events)
		return "this protocol has nothing to watch with";
	if (s->protocol->sets_only && s->mix[VERB_SET] != 100)
		return "this protocol has nothing but set: --mix set=100";
	if (s->own_keys && s->keys < s->connections)
		return "--own-keys needs at least as many keys as connections";
	return NULL;
}

/* Reads the command line into the cells. */
static bool read_cells(int argc, char **argv, struct cell cells[ROWS])
{
	struct options_row common[ROWS + 1];
	struct buffer error = { 0 };
	int next = argc, result;

	common_rows(common);
	result = options_parse(common, cells, argc, argv, &next, &error);
	if (result == 0 && next < argc) {
		buffer_append_text(&error, "there is nothing but options");
		result = -EINVAL;
	}
	if (result < 0)
		fprintf(stderr, "stage-bench: %.*s; see --help\n", (int)buffer_length(&error),
			buffer_bytes(&error).data);
	buffer_fini(&error);
	return result == 0;
}

/* Values of the cells that are set; false where one is not what its row takes. */
static bool read_values(const struct cell cells[ROWS], struct settings *s)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (cells[i].text == NULL && !cells[i].set)
			continue;
		if (parse_row(&rows[i], cells[i].text, s))
			continue;
		fprintf(stderr, "stage-bench: %s does not take `%s`: %s\n", rows[i].word,
			cells[i].text, rows[i].help);
		return false;
	}
	return true;
}

bool settings_parse(int argc, char **argv, struct settings *ret, int *ret_code)
{
	struct settings s = {
		.protocol = &protocol_stage,
		.host = "127.0.0.1",
		.connections = 50,
		.depth = 1,
		.seconds = 5,
		.warm_up = 1,
		.patience = 10,
		.mix = { [VERB_GET] = 50, [VERB_SET] = 25, [VERB_CALL] = 25 },
		.keys = 10000,
		.address = "bench",
		.property = "n",
		.text_property = "s",
		.method = "add",
		.watches = 1,
		.seed = 1,
	};
	struct cell cells[ROWS] = { 0 };
	const char *why;

	*ret_code = EXIT_USAGE;
	if (!read_cells(argc, argv, cells) || !read_values(cells, &s))
		return false;
	if (s.help || s.version) {
		s.help ? help() : (void)puts("stage-bench " STAGE_VERSION);
		*ret_code = 0;
		return false;
	}
	why = contradiction(&s);
	if (why != NULL) {
		fprintf(stderr, "stage-bench: %s\n", why);
		return false;
	}
	if (s.port == 0)
		s.port = s.protocol->port;
	*ret = s;
	return true;
}
