/* Lasting conditions that an operator should know about, each raised by one child. */
#ifndef SUPERVISOR_ALARM_H
#define SUPERVISOR_ALARM_H

#include <stdint.h>

#include "common/bytes.h"

#define ALARMS_MAX 64

struct alarm_entry {
	char source[24]; /* the child's name */
	char name[64];
	char text[512];
	bool lasting;    /* the supervisor's own: it outlives the child's process */
	uint64_t since;  /* CLOCK_REALTIME ms */
};

struct alarms {
	uint32_t count;
	struct alarm_entry entries[ALARMS_MAX];
};

/* True where that changed anything. */
bool alarm_raise(struct alarms *a, const char *source, struct bytes name, struct bytes text, uint64_t now);
/* The same, for one that is about the child rather than from it. */
bool alarm_raise_lasting(struct alarms *a, const char *source, struct bytes name, struct bytes text, uint64_t now);
bool alarm_clear(struct alarms *a, const char *source, struct bytes name);

/* The child's process is gone, and what it complained of with it. */
void alarm_forget(struct alarms *a, const char *source);

#endif
