/* Owns how addresses of nodes are read. */
#include "supervisor/cluster/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/memory.h"
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

bool peers_begin_with(const char *list, const char *address)
{
	char first[TEXT_MAX], own[TEXT_MAX];
	struct bytes peer;

	if (peers_split(list, &peer, 1) == 0)
		return false;
	complete(first, peer, CLUSTER_PORT);
	complete(own, bytes_of(address), CLUSTER_PORT);
	return strcasecmp(first, own) == 0;
}

/* --- this node's own -------------------------------------------------------------- */

static bool usable(const struct ifaddrs *i, int family)
{
	return i->ifa_addr != NULL && i->ifa_addr->sa_family == family && (i->ifa_flags & IFF_UP) != 0 &&
	       (i->ifa_flags & IFF_LOOPBACK) == 0 &&
	       (family != AF_INET6 || !IN6_IS_ADDR_LINKLOCAL(&((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr));
}

static void first_of_machine(char out[INET6_ADDRSTRLEN])
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct ifaddrs *all = NULL;

	snprintf(out, INET6_ADDRSTRLEN, "127.0.0.1");
	if (getifaddrs(&all) < 0)
		return;
	for (size_t f = 0; f < 2; f++)
		for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
			const void *address = families[f] == AF_INET ? (const void *)&((struct sockaddr_in *)i->ifa_addr)->sin_addr :
			                                               (const void *)&((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr;

			if (!usable(i, families[f]))
				continue;
			inet_ntop(families[f], address, out, INET6_ADDRSTRLEN);
			freeifaddrs(all);
			return;
		}
	freeifaddrs(all);
}

char *advertised_address(const struct config *config, const char *listener, struct buffer *error)
{
	const char *said = config->cluster.advertise, *port = port_of(listener);
	char host[INET6_ADDRSTRLEN], out[TEXT_MAX];
	unsigned long number = port != NULL ? strtoul(port, NULL, 10) : CLUSTER_PORT;

	if (strlen(said) > CLUSTER_ADDRESS_MAX - 8) {
		buffer_append_text(error, "[cluster] advertise is too long\n");
		return NULL;
	}
	if (said[0] != '\0') {
		complete(out, bytes_of(said), number);
	} else if (listener[0] == '*' || strncmp(listener, "0.0.0.0:", 8) == 0 || strncmp(listener, "[::]:", 5) == 0) {
		first_of_machine(host);
		complete(out, bytes_of(host), number);
	} else {
		complete(out, bytes_of(listener), number);
	}
	return memory_text(out);
}
