/* The page through which a test tells the preloaded library what shall fail, and learns that
 * it has. It is a file, mapped when a program starts and never opened again: a sandbox that
 * the program enters later changes nothing. inject.py writes the same layout. */
#ifndef TESTS_FAULT_INJECT_H
#define TESTS_FAULT_INJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INJECT_PAGE "FAULT_PAGE" /* environment: the page's path */
#define INJECT_ROWS 16

enum inject_action {
	INJECT_FAIL = 1, /* the call returns -1 or NULL, errno is value */
	INJECT_SIGNAL,   /* the process sends itself signal value; SIGSEGV by a bad write, SIGABRT by abort() */
	INJECT_EXIT,     /* _exit(value) */
};

/* One fault. The test writes the rest first and `armed` last; the library counts. */
struct inject_row {
	_Atomic uint32_t armed;
	_Atomic uint32_t calls; /* that the row describes, since it was armed, of all processes together */
	_Atomic uint32_t hits;  /* how often the action was taken; counted before it is */
	_Atomic uint32_t pid;   /* whose call that was, the last time */
	uint32_t nth;           /* the call that is hit, from 1 */
	uint32_t every;         /* 1: each call from the nth on */
	uint32_t after;         /* 0: before the call is made, 1: once it has been */
	uint32_t action, value;
	uint32_t frame;         /* only data that begins with a frame of this type (proto/ipc.h); 0: any */
	uint32_t least, most;   /* only calls of so many bytes */
	char program[32];       /* argv[0], with or without its number: `stage-actor`, `stage-actor/1` */
	char call[16];          /* `fdatasync` */
	char rest[32];
};

_Static_assert(sizeof(struct inject_row) == 128, "inject.py counts on it");

struct inject_page {
	_Atomic uint32_t any; /* 0: no row is armed */
	uint32_t rest[31];
	struct inject_row rows[INJECT_ROWS];
};

/* Called around every interposed call with what it is given. True: it fails, errno is set. */
bool inject_before(const char *call, const void *data, size_t size);
bool inject_after(const char *call, const void *data, size_t size);

/* From now on this process gets no memory (calls.c). */
extern bool inject_memory_ended;

#endif
