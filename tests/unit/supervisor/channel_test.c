/* The last words of a child that exits without having read everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "common/channel.h"

struct heard {
	int messages, lost;
};

static void on_message(struct channel *channel, struct bytes message, int take_fd)
{
	struct heard *heard = channel->owner;

	assert_int_equal(take_fd, -1);
	assert_true(bytes_equal(message, BYTES_LITERAL("why")));
	assert_int_equal(heard->lost, 0);
	heard->messages++;
}

static void on_lost(struct channel *channel, int error)
{
	(void)error;
	((struct heard *)channel->owner)->lost++;
}

static const struct channel_handlers handlers = { on_message, on_lost };

/* unsent: more is said to it after its end, while its last words wait unread. */
static void hear_the_last_words(bool unread, bool unsent)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct heard heard = { 0 };
	struct channel channel;
	int fds[2];

	assert_int_equal(channel_pair(fds), 0);
	assert_int_equal(channel_init(&channel, loop, fds[0], &handlers, &heard), 0);
	if (unread)
		assert_int_equal(channel_send(&channel, BYTES_LITERAL("settings"), -1), 0);
	assert_int_equal(send(fds[1], "why", 3, 0), 3);
	close(fds[1]);
	if (unsent)
		assert_true(channel_send(&channel, BYTES_LITERAL("shards"), -1) < 0);
	while (heard.lost == 0)
		ev_run(loop, EVRUN_ONCE);
	assert_int_equal(heard.messages, 1);
	channel_fini(&channel);
	ev_loop_destroy(loop);
}

static void last_words_are_heard_before_the_end(void **state)
{
	(void)state;
	hear_the_last_words(false, false);
	hear_the_last_words(true, false);
	hear_the_last_words(false, true);
	hear_the_last_words(true, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(last_words_are_heard_before_the_end) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
