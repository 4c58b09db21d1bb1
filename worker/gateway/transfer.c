/* Transfers by io_uring. Each is submitted as one that may not wait (MSG_DONTWAIT), so that
 * the kernel has done or refused it by the time that the system call ends. */
#include "worker/gateway/transfer.h"

#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <sys/socket.h>

#define FEW 3 /* for which the ring is no gain */
#define FLAGS (MSG_NOSIGNAL | MSG_DONTWAIT)

static struct {
	struct io_uring ring;
	bool made;
} state;

bool transfer_init(void)
{
	struct io_uring_params newer = { .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN };

	if (!state.made)
		state.made = io_uring_queue_init_params(TRANSFER_MOST, &state.ring, &newer) == 0 ||
		             io_uring_queue_init(TRANSFER_MOST, &state.ring, 0) == 0; /* before Linux 6.1 */
	return state.made;
}

void transfer_fini(void)
{
	if (state.made)
		io_uring_queue_exit(&state.ring);
	state.made = false;
}

static ssize_t transfer_one(const struct transfer *t)
{
	ssize_t n;

	do
		n = t->receives ? recv(t->fd, t->data, t->size, FLAGS) : send(t->fd, t->data, t->size, FLAGS);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static void submit(struct transfer *t)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&state.ring);

	assert(sqe); /* the ring has room for all */
	if (t->receives)
		io_uring_prep_recv(sqe, t->fd, t->data, t->size, FLAGS);
	else
		io_uring_prep_send(sqe, t->fd, t->data, t->size, FLAGS);
	io_uring_sqe_set_data(sqe, t);
}

/* Takes the results that are there; how many. */
static unsigned reap(void)
{
	struct io_uring_cqe *done;
	unsigned head, count = 0;

	io_uring_for_each_cqe(&state.ring, head, done) {
		((struct transfer *)io_uring_cqe_get_data(done))->result = done->res;
		count++;
	}
	io_uring_cq_advance(&state.ring, count);
	return count;
}

void transfer_many(struct transfer *list, unsigned count)
{
	assert(count <= TRANSFER_MOST);
	if (!state.made || count <= FEW) {
		for (unsigned i = 0; i < count; i++)
			list[i].result = transfer_one(&list[i]);
		return;
	}
	for (unsigned i = 0; i < count; i++)
		submit(&list[i]);
	for (unsigned done = 0; done < count; done += reap())
		io_uring_submit_and_wait(&state.ring, count - done); /* again, where it was interrupted */
}
