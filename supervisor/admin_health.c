/* Owns the admin command `check`: staged health checks whose answer is the exit status. */
#include <stdio.h>

#include "supervisor/admin_dispatch.h"

static void check_alive(struct admin_run *run)
{
	admin_run_ok(run, NULL); /* that the supervisor answers is the answer */
}

static void check_ready(struct admin_run *run)
{
	char text[96];

	for (uint32_t i = 0; i < run->node->child_count; i++) {
		const struct child *c = &run->node->children[i];
		if (c->policy.state == POLICY_READY || c->policy.state == POLICY_FAILED)
			continue; /* siblings do the work of one that is down: the node serves */
		snprintf(text, sizeof(text), "%s is %s", c->name, policy_state_name(c->policy.state));
		admin_run_fail(run, ADMIN_NEGATIVE, "not-ready", text);
		return;
	}
	if (!node_ready(run->node))
		admin_run_fail(run, ADMIN_NEGATIVE, "not-ready", node_phase_name(run->node->phase));
	else
		admin_run_ok(run, NULL);
}

static void on_store_answer(struct query *q)
{
	struct admin_run *run = q->owner;
	const struct alarms *alarms = &run->node->alarms;

	run->query = NULL;
	for (uint32_t i = 0; i < alarms->count; i++) {
		if (strcmp(alarms->entries[i].source, "store") == 0) {
			admin_run_fail(run, ADMIN_NEGATIVE, alarms->entries[i].name, alarms->entries[i].text);
			return;
		}
	}
	if (q->partial || q->asked == 0)
		admin_run_fail(run, ADMIN_NEGATIVE, "not-ready", "the store does not answer");
	else
		admin_run_ok(run, NULL);
}

static void check_store(struct admin_run *run)
{
	admin_ask(run, 1u << CONTROL_STORE, "status", (struct bytes){ 0 }, on_store_answer);
}

static const struct {
	const char *what;
	admin_handler handler;
} checks[] = { { "alive", check_alive }, { "ready", check_ready }, { "store", check_store },
             { "quorum", admin_check_quorum } };

void admin_check_node(struct admin_run *run)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (bytes_equal(run->command.arguments[0], bytes_of(checks[i].what))) {
			checks[i].handler(run);
			return;
		}
	}
	admin_run_fail(run, ADMIN_USAGE, "bad-arg", "check alive, ready, store or quorum");
}
