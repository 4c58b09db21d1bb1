/* What a node tells its service manager, and when: ready, status, watchdog, reloading,
 * stopping. Pure: no socket, no clock; the caller sends what comes out. */
#ifndef SUPERVISOR_SERVICE_H
#define SUPERVISOR_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"

enum service_state {
	SERVICE_STARTING,
	SERVICE_READY,     /* said so */
	SERVICE_RELOADING, /* said so; READY follows, whatever comes of it */
	SERVICE_STOPPING,  /* said so; nothing else follows but STATUS and WATCHDOG */
	SERVICE_STATE_COUNT
};

/* The node as it is now. Texts are borrowed. */
struct service_facts {
	bool serving;  /* the store is open, every worker has answered, the listeners are bound */
	bool stopping;
	uint32_t processes, ready; /* that should run, that serve */
	uint32_t running;          /* that have a process */
	uint32_t restarts;
	const char *client;        /* the address clients connect to */
	const char *awaited, *awaited_state; /* one that does not serve, NULL: all do */
	uint32_t alarms;
	const char *alarm;         /* the first one's text */
	uint64_t heard_at;         /* ms: when the one that has been silent for longest, of those
	                            * that serve, was last heard; UINT64_MAX where none serves */
};

/* Zeroed memory has said nothing yet. */
struct service {
	enum service_state state;
	uint64_t watchdog;  /* ms within which the manager wants to hear of us; 0: it does not */
	uint64_t petted_at; /* ms, of the last WATCHDOG=1 */
	char status[320];   /* as said last */
	char outcome[160];  /* of the last reload */
};

/* Appends the lines of one datagram to out; nothing where there is nothing to say. To be
 * called whenever the node has changed, and every service_tick() ms: the watchdog is
 * petted at half its time, or as soon after it as everybody who serves has been heard
 * since it was petted last. A process that is being restarted does not count: restarts
 * have limits of their own. */
void service_update(struct service *s, const struct service_facts *facts, uint64_t now, struct buffer *out);

/* The node reads its configuration again / is done with that. text says why it did not
 * take, NULL: it did. Nothing is said of a reload while starting or stopping. */
void service_reload_begins(struct service *s, const struct service_facts *facts, uint64_t now_us, struct buffer *out);
void service_reload_ends(struct service *s, const struct service_facts *facts, const char *text, struct buffer *out);

/* The longest pause between two service_update(), and between two PINGs of a child, that
 * the watchdog allows, in ms; UINT64_MAX without one. */
uint64_t service_tick(const struct service *s);

#endif
