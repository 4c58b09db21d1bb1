/* Owns the lines that a service manager is told. */
#include "supervisor/service.h"

#include <assert.h>
#include <stdio.h>

static const struct {
	const char *name;
	unsigned next; /* a bit per allowed next state */
} states[SERVICE_STATE_COUNT] = {
	[SERVICE_STARTING] = { "starting", 1u << SERVICE_READY | 1u << SERVICE_STOPPING },
	[SERVICE_READY] = { "serving", 1u << SERVICE_RELOADING | 1u << SERVICE_STOPPING },
	[SERVICE_RELOADING] = { "reloading", 1u << SERVICE_READY | 1u << SERVICE_STOPPING },
	[SERVICE_STOPPING] = { "stopping", 0 },
};

static void set_state(struct service *s, enum service_state next)
{
	assert(states[s->state].next & 1u << next);
	s->state = next;
}

/* --- STATUS ----------------------------------------------------------------------- */

static void append_count(struct buffer *out, uint32_t n, const char *what)
{
	if (n > 0)
		buffer_printf(out, ", %u %s%s", n, what, n == 1 ? "" : "s");
}

static void describe_processes(const struct service *s, const struct service_facts *f, struct buffer *out)
{
	if (s->state == SERVICE_STOPPING) {
		buffer_printf(out, ": %u process%s left", f->running, f->running == 1 ? " is" : "es are");
		return;
	}
	if (s->state != SERVICE_STARTING)
		buffer_printf(out, " %s", f->client);
	buffer_printf(out, ": %u of %u processes ready", f->ready, f->processes);
	if (f->awaited != NULL)
		buffer_printf(out, ", %s is %s", f->awaited, f->awaited_state);
}

static void describe(const struct service *s, const struct service_facts *f, struct buffer *out)
{
	buffer_append_text(out, states[s->state].name);
	describe_processes(s, f, out);
	append_count(out, f->restarts, "restart");
	append_count(out, f->alarms, "alarm");
	if (f->alarms > 0)
		buffer_printf(out, " (%s)", f->alarm);
	if (s->outcome[0] != '\0')
		buffer_printf(out, "; %s", s->outcome);
}

/* A text of others must not forge a line, and the manager ignores what is not UTF-8. */
static void copy_plain(char *out, size_t size, struct bytes text)
{
	size_t n = text.len < size ? text.len : size - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = text.data[i] >= ' ' && text.data[i] < 0x7f ? text.data[i] : '?';
	out[n] = '\0';
}

static void say_status(struct service *s, const struct service_facts *facts, struct buffer *out)
{
	char status[sizeof(s->status)];
	struct buffer text = { 0 };

	describe(s, facts, &text);
	copy_plain(status, sizeof(status), buffer_bytes(&text));
	buffer_fini(&text);
	if (strcmp(status, s->status) == 0)
		return;
	memcpy(s->status, status, sizeof(status));
	buffer_printf(out, "STATUS=%s\n", status);
}

/* --- what happens ----------------------------------------------------------------- */

static void pet(struct service *s, const struct service_facts *facts, uint64_t now, struct buffer *out)
{
	if (s->watchdog == 0 || s->state == SERVICE_STARTING || now - s->petted_at < s->watchdog / 2 ||
	    facts->heard_at <= s->petted_at)
		return;
	s->petted_at = now;
	buffer_append_text(out, "WATCHDOG=1\n");
}

void service_update(struct service *s, const struct service_facts *facts, uint64_t now, struct buffer *out)
{
	if (facts->stopping && s->state != SERVICE_STOPPING) {
		set_state(s, SERVICE_STOPPING);
		buffer_append_text(out, "STOPPING=1\n");
	} else if (facts->serving && s->state == SERVICE_STARTING) {
		set_state(s, SERVICE_READY);
		s->petted_at = now; /* the manager's own clock begins here, too */
		buffer_append_text(out, "READY=1\n");
	}
	say_status(s, facts, out);
	pet(s, facts, now, out);
}

void service_reload_begins(struct service *s, const struct service_facts *facts, uint64_t now_us, struct buffer *out)
{
	if (s->state != SERVICE_READY)
		return;
	set_state(s, SERVICE_RELOADING);
	s->outcome[0] = '\0';
	buffer_printf(out, "RELOADING=1\nMONOTONIC_USEC=%llu\n", (unsigned long long)now_us);
	say_status(s, facts, out);
}

void service_reload_ends(struct service *s, const struct service_facts *facts, const char *text, struct buffer *out)
{
	if (s->state != SERVICE_RELOADING)
		return;
	set_state(s, SERVICE_READY);
	if (text == NULL)
		snprintf(s->outcome, sizeof(s->outcome), "the last reload took");
	else
		snprintf(s->outcome, sizeof(s->outcome), "the last reload failed: %s", text);
	buffer_append_text(out, "READY=1\n");
	say_status(s, facts, out);
}

uint64_t service_tick(const struct service *s)
{
	return s->watchdog > 0 ? s->watchdog / 8 : UINT64_MAX;
}
