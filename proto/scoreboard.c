/* Writing and reading the scoreboard. */
#include "proto/scoreboard.h"

static void put(struct scoreboard_text *text, size_t most, struct bytes from)
{
	size_t n = from.len < most ? from.len : most;

	if (n > 0)
		memcpy(text->bytes, from.data, n);
	text->length = (uint16_t)n;
}

void scoreboard_begin(struct scoreboard *board, const struct scoreboard_entry *entry)
{
	if (board == NULL)
		return;
	board->aside = 0;
	board->began_ns = entry->began_ns;
	board->ran_ns = entry->ran_ns;
	board->fingerprint = entry->fingerprint;
	put(&board->class_name, SCOREBOARD_CLASS_MAX, entry->class_name);
	put(&board->address, ADDRESS_MAX, entry->address);
	put(&board->method, NAME_MAX_LENGTH, entry->method);
	/* The process may die at any instruction: the compiler must not move this up. */
	atomic_store_explicit(&board->kind, entry->kind, memory_order_release);
}

void scoreboard_end(struct scoreboard *board)
{
	if (board)
		atomic_store_explicit(&board->kind, SCOREBOARD_IDLE, memory_order_release);
}

void scoreboard_set_aside(struct scoreboard *board)
{
	if (board)
		board->aside = 1;
}

void scoreboard_note_signal(struct scoreboard *board, int number, bool from_within, uint64_t address)
{
	if (board)
		board->signal = (struct scoreboard_signal){ number, from_within, address };
}

uint64_t scoreboard_fingerprint(uint64_t method_hash, uint64_t arguments_hash)
{
	return (method_hash << 1 | method_hash >> 63) ^ arguments_hash;
}

static bool get(const struct scoreboard_text *text, size_t most, struct bytes *ret)
{
	*ret = (struct bytes){ text->bytes, text->length };
	return text->length <= most;
}

void scoreboard_read(const struct scoreboard *board, struct scoreboard_entry *ret,
                     struct scoreboard_signal *ret_signal)
{
	struct scoreboard_entry e = {
		.kind = (enum scoreboard_kind)atomic_load(&board->kind),
		.aside = board->aside != 0, .began_ns = board->began_ns, .ran_ns = board->ran_ns, .fingerprint = board->fingerprint,
	};
	bool good = e.kind > SCOREBOARD_IDLE && e.kind < SCOREBOARD_KIND_COUNT &&
	            get(&board->class_name, SCOREBOARD_CLASS_MAX, &e.class_name) &&
	            get(&board->address, ADDRESS_MAX, &e.address) &&
	            get(&board->method, NAME_MAX_LENGTH, &e.method);

	if (good && e.kind != SCOREBOARD_LOADING)
		good = address_valid(e.address) && name_valid(e.method);
	*ret = good ? e : (struct scoreboard_entry){ .kind = SCOREBOARD_IDLE };
	*ret_signal = board->signal;
}
