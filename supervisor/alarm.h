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
	uint64_t since;  /* CLOCK_REALTIME ms */
};

struct alarms {
	uint32_t count;
	struct alarm_entry entries[ALARMS_MAX];
};

/* True where that changed anything. */
bool alarm_raise(struct alarms *a, const char *source, struct bytes name, struct bytes text, uint64_t now);
bool alarm_clear(struct alarms *a, const char *source, struct bytes name);

/* The child is gone, and what it complained of with it. */
void alarm_forget(struct alarms *a, const char *source);

#endif
