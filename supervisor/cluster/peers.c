/* Owns how the list of peers is read. */
#include "supervisor/cluster/peers.h"

#include <stdio.h>

#include "proto/cluster.h"

#define TEXT_MAX (CLUSTER_ADDRESS_MAX + 1)

static struct bytes trim(struct bytes s)
{
	while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
		s = (struct bytes){ s.data + 1, s.len - 1 };
	while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	return s;
}

size_t peers_split(const char *list, struct bytes *ret, size_t most)
{
	size_t count = 0;

	while (*list != '\0' && count < most) {
		size_t length = strcspn(list, ",");
		struct bytes one = trim((struct bytes){ list, length });

		if (one.len > 0)
			ret[count++] = one;
		list += length + (list[length] == ',');
	}
	return count;
}

/* The last colon that is no part of an IPv6 address in brackets; NULL: no port is said. */
static const char *port_of(const char *text)
{
	const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');

	if (colon == NULL || (bracket != NULL && colon < bracket) || (bracket == NULL && strchr(text, ':') != colon))
		return NULL;
	return colon + 1;
}

/* With its port. */
static void complete(char out[TEXT_MAX], struct bytes address, unsigned long port)
{
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "%.*s", (int)address.len, address.data);
	if (port_of(text) != NULL)
		snprintf(out, TEXT_MAX, "%s", text);
	else
		snprintf(out, TEXT_MAX, strchr(text, ':') != NULL && text[0] != '[' ? "[%.240s]:%lu" : "%.240s:%lu", text, port);
}

static bool is_same(struct bytes peer, const char *address)
{
	char its[TEXT_MAX], own[TEXT_MAX];

	complete(its, peer, CLUSTER_PORT);
	complete(own, bytes_of(address), CLUSTER_PORT);
	return strcasecmp(its, own) == 0;
}

size_t peers_others(const char *list, const char *address, struct bytes *ret, size_t most)
{
	size_t count = peers_split(list, ret, most), others = 0;

	for (size_t i = 0; i < count; i++)
		if (!is_same(ret[i], address))
			ret[others++] = ret[i];
	return others;
}

bool peers_begin_with(const char *list, const char *address)
{
	struct bytes peer;

	return peers_split(list, &peer, 1) > 0 && is_same(peer, address);
}

bool peers_are_most(size_t some, size_t others)
{
	return 2 * (some + 1) > others + 1;
}
