/* Owns what is remembered of the hosts that come to the door. */
#include "worker/tunnel/guard.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define REMEMBERED UINT64_C(3600000) /* ms */
#define SECOND UINT64_C(1000000)     /* µs */

/* --- rates: so many in a window, which may all come at its beginning --- */

static uint64_t paid_until(const struct guard_rate *r, uint64_t now)
{
	return r->until > now * 1000 ? r->until : now * 1000;
}

static bool has_room(const struct guard_rate *r, uint64_t now, uint64_t window, uint32_t most)
{
	return paid_until(r, now) + window / most <= now * 1000 + window;
}

static void use(struct guard_rate *r, uint64_t now, uint64_t window, uint32_t most)
{
	r->until = paid_until(r, now) + window / most;
}

/* --- hosts --- */

void guard_host(const struct sockaddr_storage *peer, char ret_host[GUARD_HOST_MAX])
{
	const struct sockaddr_in6 *six = (const void *)peer;
	const struct sockaddr_in *four = (const void *)peer;
	struct in6_addr half = { 0 };

	if (peer->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		inet_ntop(AF_INET, &six->sin6_addr.s6_addr[12], ret_host, GUARD_HOST_MAX);
	} else if (peer->ss_family == AF_INET6) {
		memcpy(&half, &six->sin6_addr, 8);
		inet_ntop(AF_INET6, &half, ret_host, GUARD_HOST_MAX);
	} else if (peer->ss_family == AF_INET) {
		inet_ntop(AF_INET, &four->sin_addr, ret_host, GUARD_HOST_MAX);
	} else {
		snprintf(ret_host, GUARD_HOST_MAX, "?");
	}
}

static struct guard_host *find(struct guard_host *hosts, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(hosts[i].name, name) == 0)
			return &hosts[i];
	return NULL;
}

/* In the place of the one that was seen longest ago. */
static struct guard_host *add(struct guard_host *hosts, size_t count, const char *name)
{
	struct guard_host *oldest = hosts;

	for (size_t i = 1; i < count; i++)
		if (hosts[i].seen_at < oldest->seen_at)
			oldest = &hosts[i];
	*oldest = (struct guard_host){ 0 };
	snprintf(oldest->name, sizeof(oldest->name), "%s", name);
	return oldest;
}

static struct guard_host *stranger(struct guard *g, const char *name, uint64_t now)
{
	struct guard_host *h = find(g->strangers, GUARD_STRANGERS, name);

	if (h == NULL)
		h = add(g->strangers, GUARD_STRANGERS, name);
	h->seen_at = now;
	return h;
}

static struct guard_host *known(struct guard *g, const char *name, uint64_t now)
{
	struct guard_host *h = find(g->known, GUARD_KNOWN, name);

	return h != NULL && now - h->seen_at < REMEMBERED ? h : NULL;
}

/* --- what is asked --- */

const char *guard_text(enum guard_verdict verdict)
{
	return verdict == GUARD_FAILED ? "its handshakes have failed too often" : "strangers come faster than they may";
}

enum guard_verdict guard_ask(struct guard *g, const char *host, uint64_t now)
{
	if (known(g, host, now) != NULL)
		return GUARD_KNOWS;
	if (!has_room(&stranger(g, host, now)->failures, now, 60 * SECOND, g->limits.failures))
		return GUARD_FAILED;
	if (!has_room(&g->begun, now, SECOND, g->limits.rate))
		return GUARD_CROWD;
	use(&g->begun, now, SECOND, g->limits.rate);
	return GUARD_ENTERS;
}

void guard_failed(struct guard *g, const char *host, uint64_t now)
{
	if (known(g, host, now) == NULL)
		use(&stranger(g, host, now)->failures, now, 60 * SECOND, g->limits.failures);
}

void guard_knows(struct guard *g, const char *host, uint64_t now)
{
	struct guard_host *h = find(g->known, GUARD_KNOWN, host);

	if (h == NULL)
		h = add(g->known, GUARD_KNOWN, host);
	h->seen_at = now;
}

bool guard_logs(struct guard *g, const char *host, uint64_t now)
{
	struct guard_host *h = stranger(g, host, now);

	if (h->logged_at != 0 && now - h->logged_at < REMEMBERED)
		return false;
	h->logged_at = now;
	return true;
}
