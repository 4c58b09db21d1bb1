/* Alarms of actors: each rings by a message to its own actor. */
#include "worker/actor/alarm.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/memory.h"
#include "worker/actor/mailbox.h"
#include "worker/actor/room.h"
#include "worker/actor/step.h"
#include "worker/actor/worker.h"

static size_t size_of(const struct alarm *alarm)
{
	return ROOM_OF_BLOCK(sizeof(*alarm)) + ROOM_OF_BLOCK(strlen(alarm->method)) + ROOM_OF_BLOCK(alarm->arguments.len);
}

static void alarm_free(struct worker *w, struct alarm *alarm)
{
	struct actor *a = alarm->actor;
	struct alarm **at;

	timer_clear(&w->timers, &alarm->timer);
	for (at = &a->first_alarm; *at != alarm; at = &(*at)->next)
		;
	*at = alarm->next;
	for (at = a->step ? &a->step->alarms : NULL; at && *at; at = &(*at)->step_next)
		if (*at == alarm) {
			*at = alarm->step_next;
			break;
		}
	a->alarms--;
	room_give(size_of(alarm));
	free(alarm->method);
	free((char *)alarm->arguments.data);
	free(alarm);
}

static void on_ring(struct timer *timer)
{
	struct alarm *alarm = (struct alarm *)timer;
	struct worker *w = worker_self;
	struct actor *a = alarm->actor;

	if (!w->draining)
		mailbox_post(w, a, bytes_of(alarm->method), alarm->arguments);
	if (alarm->every > 0)
		timer_set(&w->timers, timer, clock_now_ms() + alarm->every, on_ring);
	else
		alarm_free(w, alarm);
}

uint32_t alarm_begin(struct worker *w, struct actor *a, uint64_t ms, bool every,
                     struct bytes method, struct bytes arguments)
{
	struct step *s = step_open(a);
	struct alarm *alarm = memory_new(sizeof(*alarm));

	alarm->actor = a;
	alarm->id = ++w->next_alarm;
	alarm->every = every ? ms : 0;
	alarm->method = memory_copy(method.data, method.len);
	alarm->arguments = (struct bytes){ memory_copy(arguments.data, arguments.len), arguments.len };
	room_take(size_of(alarm));
	alarm->next = a->first_alarm;
	a->first_alarm = alarm;
	alarm->step_next = s->alarms;
	s->alarms = alarm;
	a->alarms++;
	/* The present millisecond has begun already: never too early. */
	timer_set(&w->timers, &alarm->timer, clock_now_ms() + ms + 1, on_ring);
	return alarm->id;
}

bool alarm_cancel(struct worker *w, struct actor *a, uint32_t id)
{
	for (struct alarm *alarm = a->first_alarm; alarm; alarm = alarm->next)
		if (alarm->id == id) {
			alarm_free(w, alarm);
			return true;
		}
	return false;
}

void alarm_keep(struct step *s)
{
	s->alarms = NULL;
}

void alarm_take_back(struct worker *w, struct actor *a, struct step *s)
{
	(void)a;
	while (s->alarms)
		alarm_free(w, s->alarms);
}

void alarm_end_all(struct worker *w, struct actor *a)
{
	while (a->first_alarm)
		alarm_free(w, a->first_alarm);
}
