/* The fake host of the turns' tests (core.h says what its methods do). */
#ifndef TESTS_UNIT_TURNS_HOST_H
#define TESTS_UNIT_TURNS_HOST_H

#include "worker/actor/host.h"

extern const struct host_ops core_host;

struct class *core_class(const char *name, const char *pattern, bool creates, bool reentrant);
void core_host_fini(void);

/* Code has run for so long. */
void core_spend_ns(uint64_t ns);

#endif
