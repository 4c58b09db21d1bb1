/* Bytes held, by kind. */
#include "worker/gateway/room.h"

#include "worker/gateway/gateway.h"

static size_t share(uint64_t bytes, unsigned gateways)
{
	return (size_t)(bytes / (gateways ? gateways : 1));
}

void room_init(struct gateway *g, unsigned gateways)
{
	g->input.most = share(g->config->client.all_input, gateways);
	g->output.most = share(g->config->client.all_output, gateways);
	g->in_flight.most = share(g->config->client.all_inflight, gateways);
}

/* What one session may have at most. */
static size_t allowance(const struct room *room)
{
	return room->used < room->most ? (room->most - room->used) / 2 : 0;
}

void room_count(struct session *s)
{
	gateway.input.used += s->in.capacity - s->counted_in;
	gateway.output.used += s->out.capacity - s->counted_out;
	s->counted_in = s->in.capacity;
	s->counted_out = s->out.capacity;
}

void room_forget(struct session *s)
{
	gateway.input.used -= s->counted_in;
	gateway.output.used -= s->counted_out;
	s->counted_in = s->counted_out = 0;
}

bool room_for_line(size_t bytes)
{
	return bytes <= allowance(&gateway.input);
}

bool room_for_request(const struct session *s, size_t bytes)
{
	return s->pending_bytes + bytes <= allowance(&gateway.in_flight);
}

bool room_crowded(const struct session *s)
{
	return buffer_length(&s->out) > allowance(&gateway.output);
}

bool room_brims(const struct session *s)
{
	return buffer_length(&s->out) > gateway.config->client.output / 2 || room_crowded(s);
}

bool room_is_over(void)
{
	return gateway.output.used > gateway.output.most;
}
