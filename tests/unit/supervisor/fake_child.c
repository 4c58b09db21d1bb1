/* A child that only speaks the control protocol, for the tests of the supervisor. It
 * takes its role from HELLO; FAKE_CHILD names faults, comma-separated: `deaf:actor/0`
 * (its first incarnation answers no PING), `mute:actor/0` (no QUERY), `stubborn:store`
 * (no DRAIN), `crash:gateway/0` (ends right after HELLO, always), `relapse:actor/0` (the
 * same, but its first incarnation), `refuse:store`, `bare:actor/1` (its sandbox is off). */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/channel.h"
#include "proto/control_tunnel.h"
#include "proto/ipc.h"
#include "proto/msgpack.h"

#define PEERS_MAX 64

static struct {
	enum control_role role;
	uint32_t index, incarnation, epoch;
	char name[32];
	bool shards, classes, identity, listener, ready;
	uint32_t class_serial;
	int peers[PEERS_MAX];
	uint32_t peer_count;
} self;

static void send_message(struct buffer *message)
{
	if (send(CONTROL_FD, buffer_bytes(message).data, buffer_length(message), MSG_NOSIGNAL) < 0)
		exit(0); /* the supervisor is gone */
	buffer_fini(message);
}

static void send_plain(enum control_type type)
{
	struct buffer message = { 0 };

	control_encode_plain(&message, type);
	send_message(&message);
}

static bool has_fault(const char *fault)
{
	const char *faults = getenv("FAKE_CHILD");
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "%s:%s", fault, self.name);
	return faults != NULL && strstr(faults, wanted) != NULL;
}

static _Noreturn void refuse(int status, const char *text)
{
	struct control_failed failed = { status, bytes_of(text) };
	struct buffer message = { 0 };

	control_encode_failed(&message, &failed);
	send_message(&message);
	exit(status);
}

static void on_hello(struct bytes message)
{
	struct control_hello m;
	bool named = false;
	struct msgpack_reader r;

	if (!control_decode_hello(message, &m) || m.version != CONTROL_VERSION || m.ipc_version != IPC_VERSION ||
	    m.hash_key.len != 32)
		refuse(70, "this is no HELLO");
	self.role = m.role;
	self.index = m.index;
	self.incarnation = m.incarnation;
	snprintf(self.name, sizeof(self.name), m.role == CONTROL_STORE || m.role == CONTROL_TUNNEL ? "%s" : "%s/%u",
	         control_role_name(m.role), m.index);
	r = msgpack_read(m.settings);
	for (uint32_t n = msgpack_read_map(&r); n > 0; n--) {
		named = named || bytes_equal(msgpack_read_str(&r), BYTES_LITERAL("workers.hang_timeout"));
		(void)msgpack_read_str(&r);
	}
	if (r.bad || !named)
		refuse(70, "the settings are not whole");
	if (has_fault("crash") || (has_fault("relapse") && self.incarnation > 1))
		raise(SIGKILL); /* not abort(): a sanitizer would report it */
	if (has_fault("refuse"))
		refuse(74, "the disk is gone");
}

/* It holds nothing: whatever it shall let go is free. */
static void release(const struct control_shards *m)
{
	static uint16_t shards[CONTROL_SHARDS_MAX];
	struct buffer message = { 0 };
	uint32_t count = 0;

	for (uint32_t i = 0; self.role == CONTROL_ACTOR && i < m->count; i++) {
		struct control_shard s = control_shard_at(m, i);
		if (s.worker == CONTROL_NO_WORKER && s.leaving == self.index)
			shards[count++] = (uint16_t)i;
	}
	if (count == 0)
		return;
	control_encode_released(&message, m->serial, shards, count);
	send_message(&message);
}

static void on_shards(struct bytes message)
{
	struct control_shards m;

	if (!control_decode_shards(message, &m) || m.count == 0)
		refuse(70, "these are no SHARDS");
	self.epoch = control_shard_at(&m, 0).epoch;
	self.shards = true;
	release(&m);
}

static void on_peer(struct bytes message, int fd)
{
	struct control_peer m;
	struct stat st;

	if (!control_decode_peer(message, &m) || fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode) ||
	    self.peer_count == PEERS_MAX)
		refuse(70, "this is no PEER");
	self.peers[self.peer_count++] = fd;
}

static uint32_t living_peers(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < self.peer_count; i++) {
		struct pollfd at = { .fd = self.peers[i], .events = POLLIN };
		n += poll(&at, 1, 0) == 0;
	}
	return n;
}

/* A class is broken where its source says so. */
static void on_classes(struct bytes message, int fd)
{
	struct control_classes m;
	struct control_rows answer = { .last = true };
	struct buffer rows = { 0 }, out = { 0 };
	struct msgpack_reader r;
	struct stat st;
	void *data;
	uint32_t problems = 0;

	if (!control_decode_classes(message, &m) || fstat(fd, &st) < 0)
		refuse(70, "these are no CLASSES");
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	r = msgpack_read((struct bytes){ data, (size_t)st.st_size });
	for (uint32_t n = msgpack_read_map(&r); n > 0 && !r.bad; n--) {
		struct bytes path = msgpack_read_str(&r), source = msgpack_read_str(&r);
		if (r.bad || source.len < 6 || memmem(source.data, source.len, "broken", 6) == NULL)
			continue;
		if (m.query == 0)
			refuse(78, "bad.lua:2: broken");
		problems++;
		msgpack_write_map(&rows, 3);
		msgpack_write_str(&rows, BYTES_LITERAL("file"));
		msgpack_write_str(&rows, path);
		msgpack_write_str(&rows, BYTES_LITERAL("line"));
		msgpack_write_uint(&rows, 2);
		msgpack_write_str(&rows, BYTES_LITERAL("message"));
		msgpack_write_str(&rows, BYTES_LITERAL("broken"));
	}
	munmap(data, (size_t)st.st_size);
	self.classes = true;
	if (m.query == 0 || (!m.check && problems == 0))
		self.class_serial = m.serial;
	if (m.query != 0) {
		struct buffer array = { 0 };
		msgpack_write_array(&array, problems);
		buffer_append_bytes(&array, buffer_bytes(&rows));
		answer.query = m.query;
		answer.rows = buffer_bytes(&array);
		control_encode_rows(&out, &answer);
		send_message(&out);
		buffer_fini(&array);
	}
	buffer_fini(&rows);
}

static void write_pair(struct buffer *out, const char *key, const char *text, uint64_t number)
{
	msgpack_write_str(out, bytes_of(key));
	if (text != NULL)
		msgpack_write_str(out, bytes_of(text));
	else
		msgpack_write_uint(out, number);
}

/* One row that suits every question: `actors` counts living peers, `class` tells which
 * bundle is used, `epoch` which shard map. */
static void on_query(struct bytes message)
{
	struct control_query m;
	struct control_rows answer = { .last = true };
	struct buffer rows = { 0 }, out = { 0 };
	char class[32], address[300];

	if (!control_decode_query(message, &m) || has_fault("mute"))
		return;
	snprintf(class, sizeof(class), "bundle-%u", self.class_serial);
	snprintf(address, sizeof(address), "%.*s", (int)m.argument.len, m.argument.len > 0 ? m.argument.data : "");
	answer.query = m.query;
	if (strcmp(address, "nobody.1") == 0) {
		answer.error = BYTES_LITERAL("no class has this address");
		msgpack_write_array(&rows, 0);
	} else {
		msgpack_write_array(&rows, 1);
		msgpack_write_map(&rows, 6);
		write_pair(&rows, "address", address, 0);
		write_pair(&rows, "class", class, 0);
		write_pair(&rows, "epoch", NULL, self.epoch);
		write_pair(&rows, "actors", NULL, living_peers());
		write_pair(&rows, "sessions", NULL, 3);
		write_pair(&rows, "sandbox", has_fault("bare") ? "off" : "full: all", 0);
	}
	answer.rows = buffer_bytes(&rows);
	control_encode_rows(&out, &answer);
	send_message(&out);
	buffer_fini(&rows);
}

static void on_identity(struct bytes message)
{
	struct control_identity m;

	if (!control_decode_identity(message, &m) || m.node == 0 || m.address.len == 0)
		refuse(70, "this is no IDENTITY");
	self.identity = true;
}

static void become_ready(void)
{
	bool ready = (self.role == CONTROL_TUNNEL ? self.identity && self.listener : self.shards) && (self.role != CONTROL_ACTOR || (self.classes && self.peer_count > 0)) &&
	             (self.role != CONTROL_GATEWAY || self.listener);

	if (ready && !self.ready)
		send_plain(CONTROL_READY);
	self.ready = ready;
}

static void on_message(struct bytes message, int fd)
{
	switch (control_type(message)) {
	case CONTROL_HELLO: on_hello(message); break;
	case CONTROL_SHARDS: on_shards(message); break;
	case CONTROL_PEER: on_peer(message, fd); break;
	case CONTROL_CLASSES: on_classes(message, fd); break;
	case CONTROL_IDENTITY: on_identity(message); break;
	case CONTROL_LISTENER: self.listener = true; break;
	case CONTROL_SCOREBOARD: close(fd); break;
	case CONTROL_QUARANTINE: break;
	case CONTROL_QUERY: on_query(message); break;
	case CONTROL_PING:
		if (!has_fault("deaf") || self.incarnation > 1)
			send_plain(CONTROL_PONG);
		break;
	case CONTROL_DRAIN:
		if (!has_fault("stubborn"))
			exit(0);
		break;
	case CONTROL_LEASE:
	case CONTROL_NODE_STATE:
	case CONTROL_DROP:
	case CONTROL_RETIRE:
		break;
	default: refuse(70, "this is no control message");
	}
	become_ready();
}

/* No descriptor but the standard ones and the channel may have come along. */
static void check_descriptors(void)
{
	for (int fd = CONTROL_FD + 1; fd < 256; fd++) {
		struct stat st;
		if (fstat(fd, &st) == 0)
			refuse(70, "a descriptor has leaked");
	}
}

int main(void)
{
	static char packet[CHANNEL_MESSAGE_MAX];

	check_descriptors();
	for (;;) {
		union {
			struct cmsghdr head;
			char space[CMSG_SPACE(sizeof(int))];
		} control = { 0 };
		struct iovec part = { packet, sizeof(packet) };
		struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
		struct pollfd wait = { .fd = CONTROL_FD, .events = POLLIN };
		ssize_t n;
		int fd = -1;

		if (poll(&wait, 1, -1) < 0)
			continue;
		n = recvmsg(CONTROL_FD, &m, MSG_CMSG_CLOEXEC);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return 0;
		if (CMSG_FIRSTHDR(&m) != NULL)
			memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
		on_message((struct bytes){ packet, (size_t)n }, fd);
	}
}
