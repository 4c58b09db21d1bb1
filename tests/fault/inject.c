/* A preloaded library of the tests: finds the armed row that a call fits, and carries it out. */
#include "tests/fault/inject.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FRAME_ARRAY16 0xdc /* msgpack's array of more than 15 elements: a header of three bytes */

static struct inject_page *page;
static char program[32];

/* Children of the supervisor are called `stage-actor/0`, others by their path. */
static void name_program(void)
{
	const char *name = program_invocation_name, *slash = strrchr(name, '/');

	if (name[0] == '/' && slash != NULL)
		name = slash + 1;
	strncpy(program, name, sizeof(program) - 1);
}

__attribute__((constructor)) static void map_page(void)
{
	const char *path = getenv(INJECT_PAGE);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at;

	if (fd < 0)
		return;
	name_program();
	at = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (at != MAP_FAILED)
		page = at;
}

/* `stage-actor` is every actor worker, `stage-actor/1` the second. */
static bool is_us(const char *wanted)
{
	size_t n = strnlen(wanted, sizeof(program));

	return strncmp(program, wanted, n) == 0 && (program[n] == '\0' || program[n] == '/');
}

/* The type of the frame that the data begins with (common/link.c writes its length first). */
static unsigned frame_type(const unsigned char *data, size_t size)
{
	size_t at = size > 7 && data[4] == FRAME_ARRAY16 ? 7 : 5;

	return size > at ? data[at] : 0;
}

static bool fits(const struct inject_row *row, bool after, const char *call, const void *data, size_t size)
{
	return row->armed && row->after == after && size >= row->least && size <= row->most &&
	       strcmp(row->call, call) == 0 && is_us(row->program) && (row->frame == 0 || frame_type(data, size) == row->frame);
}

static void signal_self(int number)
{
	if (number == SIGSEGV)
		*(volatile int *)1 = 0;
	if (number == SIGABRT)
		abort();
	syscall(SYS_tgkill, getpid(), gettid(), number);
}

static bool carry_out(struct inject_row *row)
{
	row->pid = (uint32_t)getpid();
	row->hits++;
	switch ((enum inject_action)row->action) {
	case INJECT_FAIL:
		errno = (int)row->value;
		return true;
	case INJECT_SIGNAL:
		signal_self((int)row->value);
		break;
	case INJECT_EXIT:
		_exit((int)row->value);
	}
	return false;
}

static bool look(bool after, const char *call, const void *data, size_t size)
{
	bool failed = false;
	int saved = errno;

	if (page == NULL || !page->any)
		return false;
	for (size_t i = 0; i < INJECT_ROWS; i++) {
		struct inject_row *row = &page->rows[i];
		uint32_t n;

		if (!fits(row, after, call, data, size))
			continue;
		n = atomic_fetch_add(&row->calls, 1) + 1;
		if (n == row->nth || (n > row->nth && row->every))
			failed = carry_out(row) || failed;
	}
	if (!failed)
		errno = saved;
	return failed;
}

bool inject_before(const char *call, const void *data, size_t size)
{
	return look(false, call, data, size);
}

bool inject_after(const char *call, const void *data, size_t size)
{
	return look(true, call, data, size);
}
