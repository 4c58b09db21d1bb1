/* Owns the list of alarms in force. */
#include "supervisor/alarm.h"

#include <stdio.h>

static struct alarm_entry *find(struct alarms *a, const char *source, struct bytes name)
{
	for (uint32_t i = 0; i < a->count; i++) {
		struct alarm_entry *e = &a->entries[i];
		if (strcmp(e->source, source) == 0 && bytes_equal(bytes_of(e->name), name))
			return e;
	}
	return NULL;
}

static void copy(char *out, size_t size, struct bytes text)
{
	size_t n = text.len < size ? text.len : size - 1;

	if (n > 0)
		memcpy(out, text.data, n);
	out[n] = '\0';
}

bool alarm_raise(struct alarms *a, const char *source, struct bytes name, struct bytes text, uint64_t now)
{
	struct alarm_entry *e;

	if (name.len >= sizeof(e->name))
		name.len = sizeof(e->name) - 1;
	e = find(a, source, name);
	if (e != NULL || a->count == ALARMS_MAX)
		return false;
	e = &a->entries[a->count++];
	copy(e->source, sizeof(e->source), bytes_of(source));
	copy(e->name, sizeof(e->name), name);
	copy(e->text, sizeof(e->text), text);
	e->lasting = false;
	e->since = now;
	return true;
}

bool alarm_raise_lasting(struct alarms *a, const char *source, struct bytes name, struct bytes text, uint64_t now)
{
	bool raised = alarm_raise(a, source, name, text, now);

	if (raised)
		a->entries[a->count - 1].lasting = true;
	return raised;
}

bool alarm_clear(struct alarms *a, const char *source, struct bytes name)
{
	struct alarm_entry *e = find(a, source, name);

	if (e == NULL)
		return false;
	*e = a->entries[--a->count];
	return true;
}

void alarm_forget(struct alarms *a, const char *source)
{
	for (uint32_t i = 0; i < a->count;) {
		if (strcmp(a->entries[i].source, source) == 0 && !a->entries[i].lasting)
			a->entries[i] = a->entries[--a->count];
		else
			i++;
	}
}
