/* The scoreboard of an actor worker: what it is executing at this moment, in memory that
 * it shares with its supervisor, who reads it when the worker is dead. (The name is
 * Apache httpd's.) The worker alone writes; what stands there may be garbage, for a
 * process that dies may have written anywhere, so reading checks everything. */
#ifndef PROTO_SCOREBOARD_H
#define PROTO_SCOREBOARD_H

#include <stdatomic.h>
#include <stdint.h>

#include "proto/address.h"

#define SCOREBOARD_SIZE 4096 /* bytes of the shared memory */
#define SCOREBOARD_CLASS_MAX 64

enum scoreboard_kind {
	SCOREBOARD_IDLE,    /* no user code runs */
	SCOREBOARD_MESSAGE, /* an actor's method, or a check of a `set` */
	SCOREBOARD_WAKING,  /* migrate, create or activate: whatever message had come */
	SCOREBOARD_LOADING, /* class files are compiled and run */
	SCOREBOARD_KIND_COUNT
};

struct scoreboard_text {
	uint16_t length;
	char bytes[ADDRESS_MAX + 1];
};

/* A signal that the worker saw come, noted by its handler. */
struct scoreboard_signal {
	int number;           /* 0: none */
	uint32_t from_within; /* 1: a fault of its own code, or raised by itself */
	uint64_t address;     /* of a memory fault */
};

struct scoreboard {
	_Atomic uint32_t kind;  /* written last where code begins, first where it ends */
	uint32_t aside;         /* 1: that code has been set aside for others, and will go on */
	uint64_t began_ns;      /* CLOCK_MONOTONIC: this slice */
	uint64_t ran_ns;        /* in the slices before it */
	uint64_t fingerprint;   /* MESSAGE: of method and arguments, see scoreboard_fingerprint() */
	struct scoreboard_text class_name, address, method;
	struct scoreboard_signal signal;
};

_Static_assert(sizeof(struct scoreboard) <= SCOREBOARD_SIZE, "it fits its memory");

/* --- the worker's side; board NULL: nothing happens --------------------------------- */

struct scoreboard_entry {
	enum scoreboard_kind kind;
	bool aside; /* read only */
	uint64_t began_ns, ran_ns, fingerprint;
	struct bytes class_name, address, method; /* cut where they are too long */
};

/* Code begins to run; the slices of entry are copied. */
void scoreboard_begin(struct scoreboard *board, const struct scoreboard_entry *entry);
/* It has ended, or waits: nothing runs. */
void scoreboard_end(struct scoreboard *board);
/* Its slice is over: it goes on by scoreboard_begin(), and stays in sight until then. */
void scoreboard_set_aside(struct scoreboard *board);

/* Async-signal-safe. */
void scoreboard_note_signal(struct scoreboard *board, int number, bool from_within, uint64_t address);

/* Method and arguments hash to what a message is known by, together with its address. */
uint64_t scoreboard_fingerprint(uint64_t method_hash, uint64_t arguments_hash);

/* --- the supervisor's side ----------------------------------------------------------- */

/* Copies what a dead worker has left; *ret's slices point into the board. Of IDLE, and
 * of what makes no sense, nothing but the kind is set (IDLE). */
void scoreboard_read(const struct scoreboard *board, struct scoreboard_entry *ret,
                     struct scoreboard_signal *ret_signal);

#endif
