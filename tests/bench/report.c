/* Owns how a run's figures are worked out and printed. */
#include "tests/bench/report.h"

#include "tests/bench/protocol.h"

static const struct {
	const char *label, *name;
	double quantile;
} quantiles[] = {
	{ "p50", "p50", 0.5 },
	{ "p99", "p99", 0.99 },
	{ "p99.9", "p999", 0.999 },
};
#define QUANTILES (sizeof(quantiles) / sizeof(quantiles[0]))

static double seconds_of(const struct load_result *r)
{
	return (double)(r->tally.ended - r->tally.started) / 1e9;
}

static double per(double a, double b)
{
	return b > 0 ? a / b : 0;
}

static double quantile_us(const struct histogram *h, double quantile)
{
	return (double)histogram_quantile(h, quantile) / 1e3;
}

/* 1234567 -> `1,234,567` in one of a few buffers that take turns. */
static const char *grouped(uint64_t n)
{
	static char buffers[4][32];
	static unsigned turn;
	char *buffer = buffers[turn++ % 4], *out = buffer;
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);

	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			*out++ = ',';
		*out++ = digits[i];
	}
	*out = '\0';
	return buffer;
}

/* --- For people -------------------------------------------------------------------- */

static void text_head(const struct settings *s, const struct load_result *r, FILE *out)
{
	const char *comma = "";

	fprintf(out, "%s on %s:%u: %llu connections, %llu in flight on each, %llu keys%s, ",
		s->protocol->name, s->host, (unsigned)s->port, (unsigned long long)s->connections,
		(unsigned long long)s->depth, (unsigned long long)s->keys,
		s->own_keys ? " that each belong to one connection" : "");
	for (unsigned v = 0; v < VERB_COUNT; v++) {
		if (s->mix[v] == 0)
			continue;
		fprintf(out, "%s%u %% %s", comma, s->mix[v], verb_names[v]);
		comma = ", ";
	}
	if (s->value_size > 0)
		fprintf(out, ", texts of %llu bytes", (unsigned long long)s->value_size);
	fprintf(out, "; %.1f s after %.1f s of warm-up\n\n", seconds_of(r), s->warm_up);
}

static void text_row(const char *name, const struct histogram *h, double seconds, FILE *out)
{
	fprintf(out, "%-12s %14s %12s", name, grouped(h->count),
		grouped((uint64_t)per((double)h->count, seconds)));
	for (size_t i = 0; i < QUANTILES; i++)
		fprintf(out, " %10.1f", quantile_us(h, quantiles[i].quantile));
	fprintf(out, " %10.1f\n", (double)h->max / 1e3);
}

static void text_server(const struct load_result *r, FILE *out)
{
	double total = (double)cpu_total(&r->server), operations = (double)r->tally.all.count;

	fprintf(out, "\n%-12s %14s %12s %10s\n", "server CPU", "seconds", "us/operation", "CPUs");
	for (unsigned i = 0; i < r->server.count; i++) {
		const struct cpu_process *p = &r->server.processes[i];
		double spent = (double)p->nanoseconds;

		fprintf(out, "  %-16.16s %8.3f %12.3f %10.2f\n", p->name, spent / 1e9,
			per(spent / 1e3, operations), per(spent / 1e9, seconds_of(r)));
	}
	fprintf(out, "%-12s %14.3f %12.3f %10.2f\n", "all", total / 1e9,
		per(total / 1e3, operations), per(total / 1e9, seconds_of(r)));
	fprintf(out, "%s operations per second of server CPU\n",
		grouped((uint64_t)per(operations, total / 1e9)));
	if (r->server.gone > 0)
		fprintf(out,
			"%u processes of the server ended during the measurement; their time is "
			"missing\n",
			r->server.gone);
}

void report_text(const struct settings *s, const struct load_result *r, FILE *out)
{
	const struct tally *t = &r->tally;

	text_head(s, r, out);
	fprintf(out, "%-12s %14s %12s", "", "operations", "per second");
	for (size_t i = 0; i < QUANTILES; i++)
		fprintf(out, " %7s us", quantiles[i].label);
	fprintf(out, " %7s us\n", "max");
	for (unsigned v = 0; v < VERB_COUNT; v++)
		if (t->verbs[v].count > 0)
			text_row(verb_names[v], &t->verbs[v], seconds_of(r), out);
	text_row("all", &t->all, seconds_of(r), out);
	if (t->events > 0)
		fprintf(out, "%-12s %14s %12s\n", "events", grouped(t->events),
			grouped((uint64_t)per((double)t->events, seconds_of(r))));
	if (s->pid_count > 0)
		text_server(r, out);
	fprintf(out, "\n%-12s %14.2f CPUs\n", "generator",
		per((double)r->generator / 1e9, seconds_of(r)));
	fprintf(out, "%-12s %14s\n", "errors", grouped(t->error_count));
	for (unsigned i = 0; i < t->code_count; i++)
		fprintf(out, "  %-10s %14s\n", t->errors[i].code, grouped(t->errors[i].count));
	fprintf(out, "%-12s %14s\n", "wrong", grouped(t->wrong));
}

/* --- For programs ------------------------------------------------------------------- */

static void json_options(const struct settings *s, FILE *out)
{
	fprintf(out,
		"\"protocol\":\"%s\",\"connections\":%llu,\"depth\":%llu,\"keys\":%llu,\"own_"
		"keys\":%s,",
		s->protocol->name, (unsigned long long)s->connections, (unsigned long long)s->depth,
		(unsigned long long)s->keys, s->own_keys ? "true" : "false");
	fprintf(out, "\"value_size\":%llu,\"seed\":%llu,\"mix\":{",
		(unsigned long long)s->value_size, (unsigned long long)s->seed);
	for (unsigned v = 0; v <= VERB_WATCH; v++)
		fprintf(out, "%s\"%s\":%u", v ? "," : "", verb_names[v], s->mix[v]);
	fprintf(out, "}");
}

static void json_latency(const struct histogram *h, FILE *out)
{
	fprintf(out, "{\"operations\":%llu", (unsigned long long)h->count);
	for (size_t i = 0; i < QUANTILES; i++)
		fprintf(out, ",\"%s_us\":%.2f", quantiles[i].name,
			quantile_us(h, quantiles[i].quantile));
	fprintf(out, ",\"max_us\":%.2f,\"mean_us\":%.2f}", (double)h->max / 1e3,
		per((double)h->sum / 1e3, (double)h->count));
}

static void json_server(const struct load_result *r, FILE *out)
{
	double total = (double)cpu_total(&r->server), operations = (double)r->tally.all.count;

	fprintf(out,
		"{\"cpu_seconds\":%.6f,\"cpu_us_per_operation\":%.4f,\"operations_per_cpu_second\":"
		"%.1f,"
		"\"gone\":%u,\"processes\":[",
		total / 1e9, per(total / 1e3, operations), per(operations, total / 1e9),
		r->server.gone);
	for (unsigned i = 0; i < r->server.count; i++)
		fprintf(out, "%s{\"pid\":%d,\"name\":\"%s\",\"cpu_seconds\":%.6f}", i ? "," : "",
			(int)r->server.processes[i].pid, r->server.processes[i].name,
			(double)r->server.processes[i].nanoseconds / 1e9);
	fprintf(out, "]}");
}

void report_json(const struct settings *s, const struct load_result *r, FILE *out)
{
	const struct tally *t = &r->tally;
	double seconds = seconds_of(r);
	bool first = true;

	fprintf(out, "{");
	json_options(s, out);
	fprintf(out,
		",\"seconds\":%.6f,\"operations\":%llu,\"operations_per_second\":%.1f,\"all\":",
		seconds, (unsigned long long)t->all.count, per((double)t->all.count, seconds));
	json_latency(&t->all, out);
	fprintf(out, ",\"verbs\":{");
	for (unsigned v = 0; v < VERB_COUNT; v++) {
		if (t->verbs[v].count == 0)
			continue;
		fprintf(out, "%s\"%s\":", first ? "" : ",", verb_names[v]);
		json_latency(&t->verbs[v], out);
		first = false;
	}
	fprintf(out, "},\"events\":%llu,\"errors\":{", (unsigned long long)t->events);
	for (unsigned i = 0; i < t->code_count; i++)
		fprintf(out, "%s\"%s\":%llu", i ? "," : "", t->errors[i].code,
			(unsigned long long)t->errors[i].count);
	fprintf(out, "},\"error_count\":%llu,\"wrong\":%llu,\"server\":",
		(unsigned long long)t->error_count, (unsigned long long)t->wrong);
	if (s->pid_count > 0)
		json_server(r, out);
	else
		fprintf(out, "null");
	fprintf(out, ",\"generator\":{\"cpu_seconds\":%.6f,\"load\":%.4f}}\n",
		(double)r->generator / 1e9, per((double)r->generator / 1e9, seconds));
}
