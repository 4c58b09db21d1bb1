/* Dials and arrivals as the supervisor sees them, with a tunnel that the test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/child_message.h"
#include "supervisor/node.h"

static const struct cluster_hello peer = { .version = 1, .oldest = 1, .kind = CLUSTER_DATA, .node = 5,
	                                   .name = BYTES_LITERAL("beta") };

static void on_message(struct channel *channel, struct bytes message, int take_fd)
{
	struct child *c = channel->owner;

	assert_true(child_message(c, message, take_fd));
}

static void on_lost(struct channel *channel, int error)
{
	struct child *c = channel->owner;

	(void)error;
	c->lost = true;
}

static const struct channel_handlers handlers = { on_message, on_lost };

/* A node of one child, and the child's end of its channel. */
struct world {
	struct node node;
	int theirs;
	int answers, arrivals;
	enum control_dial_code code;
	char text[64];
	uint64_t tag, next;
	int fd;
};

static int make(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct child *c = calloc(1, sizeof(*c));
	int fds[2];

	w->node.loop = ev_loop_new(EVFLAG_AUTO);
	w->node.children = c;
	w->node.child_count = 1;
	child_init(c, &w->node, CONTROL_TUNNEL, 0);
	assert_int_equal(channel_pair(fds), 0);
	assert_int_equal(channel_init(&c->channel, w->node.loop, fds[0], &handlers, c), 0);
	c->connected = true;
	w->theirs = fds[1];
	tunnel_init(&w->node);
	w->fd = -1;
	*state = w;
	return 0;
}

static int unmake(void **state)
{
	struct world *w = *state;

	child_fini(&w->node.children[0]);
	tunnel_fini(&w->node);
	free(w->node.children);
	if (w->fd >= 0)
		close(w->fd);
	close(w->theirs);
	ev_loop_destroy(w->node.loop);
	free(w);
	return 0;
}

static void turn(struct world *w)
{
	ev_run(w->node.loop, EVRUN_NOWAIT);
}

static void on_dialed(void *owner, const struct control_dialed *result, int take_fd)
{
	struct world *w = owner;

	w->answers++;
	w->code = result->code;
	w->tag = result->tag;
	snprintf(w->text, sizeof(w->text), "%.*s", (int)result->text.len, result->text.len ? result->text.data : "");
	if (w->fd >= 0)
		close(w->fd);
	w->fd = take_fd;
}

/* It dials again from inside. */
static void on_dialed_again(void *owner, const struct control_dialed *result, int take_fd)
{
	struct world *w = owner;

	on_dialed(owner, result, take_fd);
	w->next = tunnel_dial(&w->node, CLUSTER_JOIN, BYTES_LITERAL("beta"), (struct bytes){ 0 }, on_dialed, w);
}

static void on_arrived(void *owner, const struct control_arrived *arrived, int take_fd)
{
	struct world *w = owner;

	assert_int_equal(arrived->hello.node, peer.node);
	w->arrivals++;
	w->fd = take_fd;
}

static uint64_t dial(struct world *w)
{
	return tunnel_dial(&w->node, CLUSTER_DATA, BYTES_LITERAL("beta:1"), BYTES_LITERAL("\1"), on_dialed, w);
}

/* What the tunnel hears: the tag of a DIAL. */
static uint64_t hear_dial(struct world *w)
{
	char data[4096];
	ssize_t n = recv(w->theirs, data, sizeof(data), 0);
	struct control_dial m;

	assert_true(n > 0 && control_decode_dial((struct bytes){ data, (size_t)n }, &m));
	assert_int_equal(m.kind, CLUSTER_DATA);
	assert_true(bytes_equal(m.address, BYTES_LITERAL("beta:1")) && bytes_equal(m.argument, BYTES_LITERAL("\1")));
	return m.tag;
}

static void send_with(struct world *w, struct buffer *message, int take_fd)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct channel channel;

	assert_int_equal(channel_init(&channel, loop, dup(w->theirs), &handlers, NULL), 0);
	assert_int_equal(channel_send(&channel, buffer_bytes(message), take_fd), 0);
	channel_fini(&channel);
	ev_loop_destroy(loop);
	buffer_fini(message);
	turn(w);
}

static void say_dialed(struct world *w, uint64_t tag, enum control_dial_code code, int take_fd)
{
	const struct control_dialed m = { .tag = tag, .code = code, .text = BYTES_LITERAL("why"), .greeted = true, .hello = peer };
	struct buffer message = { 0 };

	control_encode_dialed(&message, &m);
	send_with(w, &message, take_fd);
}

/* One end of a pair; the other stays in *ret_other to see whether it is still open. */
static int plain(int *ret_other)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	*ret_other = fds[1];
	return fds[0];
}

static bool is_closed(int other)
{
	char byte;
	bool closed = recv(other, &byte, 1, 0) == 0;

	close(other);
	return closed;
}

static void a_dial_is_answered_once(void **state)
{
	struct world *w = *state;
	uint64_t first = dial(w), second = dial(w);
	int other;

	assert_true(first != 0 && second != 0 && first != second);
	assert_int_equal(hear_dial(w), first);
	assert_int_equal(hear_dial(w), second);
	say_dialed(w, second, CONTROL_DIAL_DENIED, -1);
	assert_true(w->answers == 1 && w->code == CONTROL_DIAL_DENIED && w->tag == second && w->fd == -1);
	assert_string_equal(w->text, "why");
	say_dialed(w, first, CONTROL_DIAL_OK, plain(&other));
	assert_true(w->answers == 2 && w->code == CONTROL_DIAL_OK && w->tag == first && w->fd >= 0);
	assert_false(is_closed(other));
	say_dialed(w, first, CONTROL_DIAL_OK, plain(&other));
	assert_true(w->answers == 2 && is_closed(other));
}

static void who_cancels_hears_nothing(void **state)
{
	struct world *w = *state;
	uint64_t tag = dial(w);
	int other;

	tunnel_cancel(&w->node, tag);
	tunnel_cancel(&w->node, tag);
	tunnel_cancel(&w->node, 12345);
	say_dialed(w, tag, CONTROL_DIAL_OK, plain(&other));
	assert_true(w->answers == 0 && is_closed(other));
}

static void the_end_of_the_tunnel_answers_what_is_under_way(void **state)
{
	struct world *w = *state;

	dial(w);
	dial(w);
	tunnel_on_gone(&w->node);
	assert_int_equal(w->answers, 0); /* never from inside a call */
	turn(w);
	assert_true(w->answers == 2 && w->code == CONTROL_DIAL_UNREACHABLE);
	assert_string_equal(w->text, "the tunnel ended");
}

static void without_a_tunnel_nothing_is_reachable(void **state)
{
	struct world *w = *state;
	uint64_t tag;

	w->node.children[0].lost = true;
	tag = tunnel_dial(&w->node, CLUSTER_JOIN, BYTES_LITERAL("beta"), (struct bytes){ 0 }, on_dialed_again, w);
	assert_int_equal(w->answers, 0);
	turn(w);
	assert_true(w->answers == 2 && w->tag == w->next && w->next != tag && w->code == CONTROL_DIAL_UNREACHABLE);
	assert_string_equal(w->text, "the tunnel is not running");
	w->node.child_count = 0;
	tag = dial(w);
	turn(w);
	assert_true(w->answers == 3 && w->tag == tag);
	w->node.child_count = 1;
}

static void an_address_may_be_too_long(void **state)
{
	static const char many[CLUSTER_ADDRESS_MAX + 1] = "x";
	struct world *w = *state;
	uint64_t tag = tunnel_dial(&w->node, CLUSTER_JOIN, (struct bytes){ many, sizeof(many) }, (struct bytes){ 0 },
	                           on_dialed, w);

	turn(w);
	assert_true(w->answers == 1 && w->tag == tag && w->code == CONTROL_DIAL_UNREACHABLE);
}

static void arrivals_go_to_who_takes_their_kind(void **state)
{
	struct world *w = *state;
	struct buffer message = { 0 };
	int other;

	control_encode_arrived(&message, &(struct control_arrived){ 1, peer });
	send_with(w, &message, plain(&other));
	assert_true(w->arrivals == 0 && is_closed(other));
	tunnel_on_arrived(&w->node, CLUSTER_DATA, on_arrived, w);
	control_encode_arrived(&message, &(struct control_arrived){ 1, peer });
	send_with(w, &message, plain(&other));
	assert_int_equal(w->arrivals, 1);
	assert_false(is_closed(other));
}

/* Nobody but the tunnel hands connections over. */
static void other_children_have_no_descriptors_to_give(void **state)
{
	struct world *w = *state;
	struct child gateway = { .node = &w->node, .role = CONTROL_GATEWAY };
	struct buffer message = { 0 };
	int other;

	tunnel_on_arrived(&w->node, CLUSTER_DATA, on_arrived, w);
	control_encode_arrived(&message, &(struct control_arrived){ 1, peer });
	assert_false(child_message(&gateway, buffer_bytes(&message), plain(&other)));
	assert_true(is_closed(other));
	buffer_clear(&message);
	control_encode_plain(&message, CONTROL_PONG);
	assert_true(child_message(&gateway, buffer_bytes(&message), plain(&other)));
	assert_true(w->arrivals == 0 && is_closed(other));
	buffer_fini(&message);
}

static void the_address_for_the_others(void **state)
{
	static const char *const rows[][3] = { /* advertise, listener, told */
		{ "", "10.0.0.7:51464", "10.0.0.7:51464" }, { "", "[::1]:7", "[::1]:7" },
		{ "alpha.example", "*:51464", "alpha.example:51464" }, { "alpha:9", "*:51464", "alpha:9" },
		{ "fd00::7", "*:51464", "[fd00::7]:51464" }, { "[fd00::7]", "*:9", "[fd00::7]:9" },
		{ "[fd00::7]:8", "*:9", "[fd00::7]:8" },
	};
	struct world *w = *state;
	struct buffer out = { 0 };
	char host[256] = "";

	tunnel_own_address(&w->node, &out);
	assert_int_equal(buffer_length(&out), 0);
	w->node.cluster_listener.open = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		w->node.config.cluster.advertise = (char *)(uintptr_t)rows[i][0];
		snprintf(w->node.cluster_listener.address, sizeof(w->node.cluster_listener.address), "%s", rows[i][1]);
		tunnel_own_address(&w->node, &out);
		assert_true(bytes_equal(buffer_bytes(&out), bytes_of(rows[i][2])));
		buffer_clear(&out);
	}
	w->node.config.cluster.advertise = NULL;
	snprintf(w->node.cluster_listener.address, sizeof(w->node.cluster_listener.address), "*:51464");
	tunnel_own_address(&w->node, &out);
	gethostname(host, sizeof(host) - 1);
	assert_true(buffer_length(&out) == strlen(host) + 6 && memcmp(buffer_bytes(&out).data, host, strlen(host)) == 0);
	buffer_fini(&out);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_dial_is_answered_once),
		TEST(who_cancels_hears_nothing),
		TEST(the_end_of_the_tunnel_answers_what_is_under_way),
		TEST(without_a_tunnel_nothing_is_reachable),
		TEST(an_address_may_be_too_long),
		TEST(arrivals_go_to_who_takes_their_kind),
		TEST(other_children_have_no_descriptors_to_give),
		TEST(the_address_for_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
