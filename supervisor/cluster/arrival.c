/* Owns what becomes of connections that other nodes have made: each kind has a place. */
#include <stdio.h>
#include <unistd.h>

#include "supervisor/cluster/parts.h"

static void on_join_arrived(void *owner, const struct control_arrived *arrived, int take_fd)
{
	(void)dialogue_new(owner, &arrived->hello, take_fd, true);
}

static void on_engine_arrived(void *owner, const struct control_arrived *arrived, int take_fd)
{
	struct cluster *c = owner;
	const struct cluster_hello *hello = &arrived->hello;
	char address[CLUSTER_ADDRESS_MAX + 1];

	snprintf(address, sizeof(address), "%.*s", (int)hello->address.len, hello->address.data);
	if (c->engine == NULL || c->closing || !is_of_this_cluster(c, hello) || machine_was_removed(&c->machine, hello->node))
		close(take_fd);
	else
		engine_accept(c->engine, hello->node, address, take_fd);
}

static void on_data_arrived(void *owner, const struct control_arrived *arrived, int take_fd)
{
	if (is_of_this_cluster(owner, &arrived->hello))
		slots_arrived(owner, &arrived->hello, take_fd);
	else
		close(take_fd);
}

static void on_rows_arrived(void *owner, const struct control_arrived *arrived, int take_fd)
{
	if (is_of_this_cluster(owner, &arrived->hello))
		move_arrived(owner, &arrived->hello, take_fd);
	else
		close(take_fd);
}

static const struct {
	enum cluster_kind kind;
	tunnel_arrived *handler;
} arrivals[] = {
	{ CLUSTER_JOIN, on_join_arrived }, { CLUSTER_ENGINE, on_engine_arrived },
	{ CLUSTER_DATA, on_data_arrived }, { CLUSTER_ROWS, on_rows_arrived },
};

void arrivals_begin(struct cluster *c)
{
	for (size_t i = 0; i < sizeof(arrivals) / sizeof(arrivals[0]); i++)
		tunnel_on_arrived(c->node, arrivals[i].kind, arrivals[i].handler, c);
}
