/* Owns the scoreboards of actor workers and the quarantine's file. */
#include "supervisor/attribution.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/directory.h"
#include "supervisor/node.h"

/* --- the quarantine's file ----------------------------------------------------------- */

static char *file_of(const struct node *n)
{
	char *file;

	if (asprintf(&file, "%s/quarantine", n->config.node.state) < 0)
		abort();
	return file;
}

int attribution_load(struct node *n, struct buffer *error)
{
	struct buffer text = { 0 }, why = { 0 };
	char *file = file_of(n);
	int result = directory_read(file, QUARANTINE_FILE_MAX, &text);

	if (result == 0)
		result = quarantine_parse(&n->quarantine, buffer_bytes(&text), &why);
	if (result == -ENOENT)
		result = 0;
	if (result < 0) {
		buffer_printf(error, "%s cannot be read: ", file);
		if (buffer_length(&why) > 0)
			buffer_append_bytes(error, buffer_bytes(&why));
		else
			buffer_printf(error, "%s\n", strerror(-result));
	}
	buffer_fini(&why);
	buffer_fini(&text);
	free(file);
	return result;
}

static int save(const struct node *n)
{
	struct buffer text = { 0 };
	char *file = file_of(n);
	int result;

	quarantine_format(&n->quarantine, &text);
	result = directory_write(file, 0600, buffer_bytes(&text));
	if (result < 0)
		log_error("the quarantine cannot be written", -result, F_TEXT("file", file));
	buffer_fini(&text);
	free(file);
	return result;
}

void attribution_fini(struct node *n)
{
	quarantine_fini(&n->quarantine);
}

/* --- what workers are told ----------------------------------------------------------- */

static void send_hold(struct child *c, const struct control_quarantine *m)
{
	struct buffer message = { 0 };

	control_encode_quarantine(&message, m);
	child_send(c, &message, -1);
	buffer_fini(&message);
}

/* What is held of an address; all there is where address is empty. */
static void send_held(const struct node *n, struct child *c, struct bytes address)
{
	for (uint32_t i = 0; i < n->quarantine.count; i++) {
		const struct quarantine_entry *e = &n->quarantine.entries[i];

		if (e->held && (address.len == 0 || bytes_equal(bytes_of(e->address), address)))
			send_hold(c, &(struct control_quarantine){ .held = true, .whole = e->whole,
			                                      .fingerprint = e->fingerprint, .address = bytes_of(e->address) });
	}
}

static void tell_workers(struct node *n, struct bytes address, bool held)
{
	for (uint32_t i = 0; i < n->child_count; i++) {
		struct child *c = &n->children[i];

		if (c->role != CONTROL_ACTOR)
			continue;
		if (held)
			send_held(n, c, address);
		else
			send_hold(c, &(struct control_quarantine){ .address = address });
	}
}

int attribution_release(struct node *n, struct bytes address)
{
	uint32_t count = quarantine_release(&n->quarantine, address);
	int result;

	if (count == 0)
		return 0;
	tell_workers(n, address, false);
	log_info("released from quarantine", F_BYTES("address", address), F_UINT("held", count));
	result = save(n);
	return result < 0 ? result : (int)count;
}

/* --- scoreboards --------------------------------------------------------------------- */

/* Its size is sealed: a worker that cut it short would end its reader. */
static int make_board(struct scoreboard **ret_board)
{
	int fd = memfd_create("stage-scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *memory;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, SCOREBOARD_SIZE) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		memory = MAP_FAILED;
	else
		memory = mmap(NULL, SCOREBOARD_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		int error = -errno;

		close(fd);
		return error;
	}
	*ret_board = memory;
	return fd;
}

void attribution_drop(struct child *c)
{
	if (c->board)
		munmap(c->board, SCOREBOARD_SIZE);
	c->board = NULL;
}

/* How often the kernel has killed a process for want of memory, on this machine or in this
 * group of processes; 0 where it does not tell. */
static uint64_t memory_kills(void)
{
	char line[128];
	unsigned long long n = 0;
	FILE *file = fopen("/proc/vmstat", "re");

	while (file && fgets(line, sizeof(line), file) && sscanf(line, "oom_kill %llu", &n) != 1)
		;
	if (file)
		fclose(file);
	return n;
}

bool attribution_greet(struct node *n, struct child *c)
{
	struct buffer message = { 0 };
	int fd = make_board(&c->board);

	if (fd < 0) {
		log_error("a scoreboard cannot be made", -fd, F_TEXT("child", c->name));
		return false;
	}
	c->memory_kills = memory_kills();
	control_encode_plain(&message, CONTROL_SCOREBOARD);
	child_send(c, &message, fd);
	buffer_fini(&message);
	send_held(n, c, (struct bytes){ 0 });
	return true;
}

bool attribution_is_stopped(pid_t pid)
{
	char name[64], text[512], *state;
	size_t n = 0;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	file = fopen(name, "re");
	if (file) {
		n = fread(text, 1, sizeof(text) - 1, file);
		fclose(file);
	}
	text[n] = '\0';
	state = strrchr(text, ')'); /* what stands before it is the program's name */
	return state && (state[1] == ' ') && (state[2] == 'T' || state[2] == 't');
}

/* --- an end -------------------------------------------------------------------------- */

static void gather(const struct child *c, struct death_facts *ret)
{
	*ret = (struct death_facts){ .wait_status = c->wait_status, .order = c->order };
	if (c->board == NULL)
		return;
	scoreboard_read(c->board, &ret->running, &ret->signal);
	/* Read only where it is asked: its successor waits meanwhile. */
	if (c->order == DEATH_NO_ORDER && WIFSIGNALED(c->wait_status) && WTERMSIG(c->wait_status) == SIGKILL)
		ret->out_of_memory = memory_kills() > c->memory_kills;
	/* Who has been stopped has run no longer than it was heard of. */
	ret->alive_at_ns = c->order == DEATH_ORDER_STOPPED ? c->pinged_at * 1000000 : clock_now_ns();
}

static void log_end(const struct child *c, const struct death_facts *facts, const struct death *d)
{
	const struct scoreboard_entry *r = &facts->running;
	bool running = r->kind != SCOREBOARD_IDLE;
	struct log_field fields[9] = { F_TEXT("child", c->name), F_INT("pid", c->pid) };
	struct buffer how = { 0 };
	size_t n = 2;

	death_describe(facts, &how);
	fields[n++] = F_BYTES("how", buffer_bytes(&how));
	if (c->cause)
		fields[n++] = F_TEXT("cause", c->cause);
	if (running) {
		fields[n++] = F_BYTES("class", r->class_name);
		fields[n++] = F_BYTES("address", r->address);
		fields[n++] = F_BYTES("method", r->method);
		fields[n++] = F_UINT("ran_ms", d->ran_ms);
	}
	log_write(LOG_LEVEL_WARN, 0, "child ended", fields, n);
	buffer_fini(&how);
}

static void blame(struct node *n, const struct death_facts *facts)
{
	const struct scoreboard_entry *r = &facts->running;
	const struct quarantine_limits limits = {
		n->config.actors.quarantine_message, n->config.actors.quarantine_actor,
		n->config.actors.quarantine_period,
	};
	struct buffer how = { 0 };
	enum quarantine_verdict verdict;

	death_describe(facts, &how);
	verdict = quarantine_blame(&n->quarantine, &limits, &(struct quarantine_blame){
		.address = r->address, .method = r->method, .cause = buffer_bytes(&how),
		.fingerprint = r->fingerprint, .waking = r->kind == SCOREBOARD_WAKING }, clock_real_ms());
	buffer_fini(&how);
	(void)save(n); /* it has logged what went wrong; in memory it holds */
	if (verdict == QUARANTINE_FULL)
		log_errorx("the quarantine is full", F_BYTES("address", r->address), F_UINT("entries", n->quarantine.count));
	if (verdict != QUARANTINE_HELD)
		return;
	log_errorx("quarantined", F_BYTES("class", r->class_name), F_BYTES("address", r->address),
	           F_BYTES("method", r->method));
	tell_workers(n, r->address, true);
}

void attribution_on_gone(struct node *n, struct child *c)
{
	struct death_facts facts;
	struct death d;

	gather(c, &facts);
	d = death_judge(&facts);
	if (child_asked_to_end(c) && c->wait_status == 0) {
		log_debug("child drained", F_TEXT("child", c->name), F_INT("pid", c->pid));
	} else {
		log_end(c, &facts, &d);
		n->death_causes[d.cause]++;
	}
	if (d.blame && facts.running.address.len > 0)
		blame(n, &facts);
	attribution_drop(c);
}
