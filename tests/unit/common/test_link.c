/* Links: whole frames, in order, whatever the kernel takes at once; one end is told once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/link.h"

static struct ev_loop *loop;
static struct link ends[2];
static int fds[2];
static uint64_t received, bytes, told; /* told: frames before this one were, or came alone */
static int lost[2], lost_error;

static int index_of(const struct link *link)
{
	return link == &ends[0] ? 0 : 1;
}

/* Each frame is its number, repeated. */
static void on_frame(struct link *link, struct bytes body)
{
	for (size_t i = 0; i < body.len; i++)
		assert_int_equal((unsigned char)body.data[i], (unsigned char)received);
	received++;
	bytes += body.len;
	if (body.len == 3)
		link_close(link);
	if (body.len == 7)
		link_pause(link);
}

/* The next frames in their order; one that comes alone need not be told of. */
static void on_ahead(struct link *link, const struct bytes *bodies, unsigned count)
{
	(void)link;
	assert_in_range(count, 2, LINK_AHEAD);
	for (unsigned i = 0; i < count; i++)
		assert_true(bodies[i].len == 0 || (unsigned char)bodies[i].data[0] == (unsigned char)(received + i));
	told = received + count;
}

static void on_lost(struct link *link, int error)
{
	lost[index_of(link)]++;
	lost_error = error;
	link_fini(link);
}

static const struct link_handlers handlers = { .on_frame = on_frame, .on_lost = on_lost, .on_ahead = on_ahead };

static int set_up(void **state)
{
	int small = 4096;

	(void)state;
	loop = ev_loop_new(EVFLAG_AUTO);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	for (int i = 0; i < 2; i++) {
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
		assert_int_equal(link_init(&ends[i], loop, fds[i], &handlers, NULL), 0);
		lost[i] = 0;
	}
	received = bytes = told = 0;
	lost_error = 1;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	link_fini(&ends[0]);
	link_fini(&ends[1]);
	ev_loop_destroy(loop);
	return 0;
}

static void put_frame(struct link *link, unsigned char what, size_t length)
{
	struct buffer *out = link_begin(link);

	memset(buffer_reserve(out, length + 1), what, length);
	buffer_commit(out, length);
	link_end(link);
}

static void run_until_quiet(void)
{
	for (int i = 0; i < 5000; i++)
		ev_run(loop, EVRUN_NOWAIT);
}

static void frames_arrive_whole_and_in_order(void **state)
{
	uint64_t sent = 0;

	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		size_t length = i % 7 == 0 ? 20000 : i % 5 == 0 ? 0 : 10 + i % 100;

		put_frame(&ends[0], (unsigned char)i, length);
		sent += length;
	}
	run_until_quiet();
	assert_int_equal(received, 600);
	assert_int_equal(bytes, sent);
	assert_int_equal(ends[0].sent_bytes, sent + 600 * 4);
}

static void too_long_a_frame_ends_the_link(void **state)
{
	uint32_t length = LINK_FRAME_MAX + 1;

	(void)state;
	assert_int_equal(send(ends[0].fd, &length, sizeof(length), 0), sizeof(length));
	run_until_quiet();
	assert_int_equal(received, 0);
	assert_int_equal(lost[1], 1);
	assert_int_equal(lost[0], 1); /* its peer has closed */
}

static void closing_inside_a_handler_is_told_once(void **state)
{
	(void)state;
	put_frame(&ends[0], 0, 3);
	put_frame(&ends[0], 1, 5);
	run_until_quiet();
	assert_int_equal(received, 1);
	assert_int_equal(lost[1], 1);
	assert_int_equal(lost[0], 1);
}

static void a_paused_link_keeps_its_frames(void **state)
{
	(void)state;
	link_pause(&ends[1]);
	put_frame(&ends[0], 0, 10);
	run_until_quiet();
	assert_int_equal(received, 0);
	link_resume(&ends[1]);
	run_until_quiet();
	assert_int_equal(received, 1);
}

/* All of it was read at once, and nothing more comes. */
static void what_was_read_when_it_was_paused_is_handed_on_afterwards(void **state)
{
	(void)state;
	put_frame(&ends[0], 0, 7);
	put_frame(&ends[0], 1, 7);
	put_frame(&ends[0], 2, 10);
	run_until_quiet();
	assert_int_equal(received, 1);
	link_resume(&ends[1]);
	run_until_quiet();
	assert_int_equal(received, 2);
	link_resume(&ends[1]);
	run_until_quiet();
	assert_int_equal(received, 3);
}

static void it_tells_of_the_next_frames(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LINK_AHEAD + 3; i++)
		put_frame(&ends[0], (unsigned char)i, 10);
	run_until_quiet();
	assert_int_equal(received, LINK_AHEAD + 3);
	assert_int_equal(told, LINK_AHEAD + 3);
}

static void it_says_when_too_much_is_waiting(void **state)
{
	(void)state;
	ends[0].pause_mark = 50000;
	link_pause(&ends[1]);
	put_frame(&ends[0], 0, 400000);
	run_until_quiet();
	assert_true(link_full(&ends[0]));
	link_resume(&ends[1]);
	run_until_quiet();
	assert_false(link_full(&ends[0]));
	assert_int_equal(received, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(frames_arrive_whole_and_in_order), T(too_long_a_frame_ends_the_link),
		T(closing_inside_a_handler_is_told_once), T(a_paused_link_keeps_its_frames),
		T(what_was_read_when_it_was_paused_is_handed_on_afterwards),
		T(it_tells_of_the_next_frames), T(it_says_when_too_much_is_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
