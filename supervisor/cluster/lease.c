/* Owns the arithmetic of leases. Why they cannot overlap: a renewal is applied by the
 * leader no earlier than it was sent by the holder, and is declared over 1.1 TTL after that,
 * so that clocks may run apart by 4 % each; and the holder learns of a later renewal of its
 * own only behind everything that the log says before it, its own end included. */
#include "supervisor/cluster/lease.h"

#define NS_PER_MS 1000000u

void lease_init(struct lease *l, uint64_t ttl_ms, uint64_t incarnation)
{
	*l = (struct lease){ .ttl = ttl_ms * NS_PER_MS, .incarnation = incarnation };
}

uint64_t lease_sent(struct lease *l, uint64_t now)
{
	uint64_t renewal = ++l->renewal;

	l->sent = now;
	l->outstanding[renewal % LEASE_OUTSTANDING].renewal = renewal;
	l->outstanding[renewal % LEASE_OUTSTANDING].sent = now;
	return renewal;
}

bool lease_applied(struct lease *l, uint64_t incarnation, uint64_t renewal)
{
	uint64_t slot = renewal % LEASE_OUTSTANDING, until;

	if (incarnation != l->incarnation || renewal == 0 || l->outstanding[slot].renewal != renewal)
		return false;
	until = l->outstanding[slot].sent + l->ttl;
	l->outstanding[slot].renewal = 0;
	l->begun = true;
	if (until <= l->until)
		return false;
	l->until = until;
	return true;
}

bool lease_valid(const struct lease *l, uint64_t now)
{
	return now < l->until;
}

uint64_t lease_until(const struct lease *l)
{
	return l->until;
}

bool lease_begun(const struct lease *l)
{
	return l->begun;
}

uint64_t lease_next_renewal(const struct lease *l, uint64_t now)
{
	return l->renewal == 0 ? now : l->sent + l->ttl / LEASE_OUTSTANDING;
}

void lease_reset(struct lease *l)
{
	l->until = 0;
}

/* --- the leader's end --- */

void watchdog_init(struct watchdog *w, uint64_t ttl_ms)
{
	*w = (struct watchdog){ .patience = ttl_ms * NS_PER_MS / 10 * 11 };
}

void watchdog_lead(struct watchdog *w, const struct machine *m, uint64_t now)
{
	w->count = 0;
	watchdog_follow(w, m, now);
}

static const struct watchdog_member *heard_as(const struct watchdog_member *old, uint32_t count, uint32_t *at,
                                              const struct machine_member *member)
{
	while (*at < count && old[*at].id < member->id)
		(*at)++;
	if (*at == count || old[*at].id != member->id)
		return NULL;
	return old[*at].incarnation == member->incarnation && old[*at].renewal == member->renewal ? &old[*at] : NULL;
}

void watchdog_follow(struct watchdog *w, const struct machine *m, uint64_t now)
{
	struct watchdog_member old[MACHINE_MEMBERS_MAX];
	uint32_t count = w->count, at = 0;

	memcpy(old, w->members, count * sizeof(*old));
	w->count = 0;
	for (uint32_t i = 0; i < m->member_count; i++) {
		const struct machine_member *member = &m->members[i];
		const struct watchdog_member *before;

		if (!machine_alive(member))
			continue;
		before = heard_as(old, count, &at, member);
		w->members[w->count++] = before ? *before : (struct watchdog_member){
			member->id, member->incarnation, member->renewal, now
		};
	}
}

void watchdog_heard(struct watchdog *w, uint64_t id, uint64_t incarnation, uint64_t renewal, uint64_t now)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (w->members[i].id == id)
			w->members[i] = (struct watchdog_member){ id, incarnation, renewal, now };
}

void watchdog_stood_still(struct watchdog *w, uint64_t from, uint64_t now)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (w->members[i].heard < from)
			w->members[i].heard += now - from;
}

void watchdog_spare(struct watchdog *w, uint64_t now, uint64_t least_ms)
{
	uint64_t least = least_ms * NS_PER_MS;

	for (uint32_t i = 0; i < w->count; i++)
		if (w->members[i].heard + w->patience < now + least)
			w->members[i].heard = now + least - w->patience;
}

uint32_t watchdog_due(const struct watchdog *w, uint64_t now, struct watchdog_member *ret, uint32_t most)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->count && n < most; i++)
		if (now >= w->members[i].heard + w->patience)
			ret[n++] = w->members[i];
	return n;
}

uint64_t watchdog_next(const struct watchdog *w)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < w->count; i++)
		if (w->members[i].heard + w->patience < next)
			next = w->members[i].heard + w->patience;
	return next;
}
