/* Messages: their memory and their call chains. */
#include "worker/actor/message.h"

#include "common/pool.h"
#include "proto/msgpack.h"
#include "worker/actor/room.h"

static struct bytes copy(char **at, struct bytes from)
{
	struct bytes to = { *at, from.len };

	if (from.len > 0)
		memcpy(*at, from.data, from.len);
	*at += from.len;
	return to;
}

size_t message_size(const struct ipc_request *request)
{
	return ROOM_OF_BLOCK(sizeof(struct message) + request->address.len + request->caller.len +
	                     request->chain.len + request->members.len + request->payload.len);
}

struct message *message_new(struct actor *actor, const struct ipc_request *request, uint16_t peer)
{
	size_t size = message_size(request);
	struct message *m = pool_take(size);
	char *at;

	if (m == NULL)
		return NULL;
	room_take(size);
	*m = (struct message){ .actor = actor, .request = *request, .peer = peer, .size = size };
	at = (char *)(m + 1);
	m->request.address = copy(&at, request->address);
	m->request.caller = copy(&at, request->caller);
	m->request.chain = copy(&at, request->chain);
	m->request.members = copy(&at, request->members);
	m->request.payload = copy(&at, request->payload);
	return m;
}

void message_free(struct message *m)
{
	if (m == NULL)
		return;
	room_give(m->size);
	pool_give(m, m->size);
}

struct bytes message_method(const struct ipc_request *request)
{
	static const char *const words[] = { "get", "set", "call", "tell", "watch" };
	enum ipc_verb verb = request->verb;

	if (verb == IPC_CALL || verb == IPC_TELL) {
		struct msgpack_reader r = msgpack_read(request->members);

		return msgpack_read_str(&r);
	}
	return bytes_of(words[verb]);
}

bool message_in_chain(const struct ipc_request *request, struct bytes address)
{
	struct msgpack_reader r = msgpack_read(request->chain);
	uint32_t n;

	if (request->chain.len == 0)
		return false;
	n = msgpack_read_array(&r);
	for (uint32_t i = 0; i < n && !r.bad; i++)
		if (bytes_equal(msgpack_read_str(&r), address))
			return true;
	return false;
}

bool message_extend_chain(const struct message *m, struct bytes address, struct buffer *out)
{
	struct bytes chain = m ? m->request.chain : (struct bytes){ NULL, 0 };
	struct msgpack_reader r = msgpack_read(chain);
	uint32_t n = chain.len ? msgpack_read_array(&r) : 0;

	if (n + 1 > IPC_CHAIN_MAX)
		return false;
	msgpack_write_array(out, n + 1);
	for (uint32_t i = 0; i < n; i++)
		msgpack_write_str(out, msgpack_read_str(&r));
	msgpack_write_str(out, address);
	return true;
}
