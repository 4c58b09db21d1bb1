/* The clocks every process reads: monotonic for deadlines, real for people. */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC; the same for all processes of a node, so deadlines travel in it. */
uint64_t clock_now_ms(void);
uint64_t clock_now_ns(void);

/* CLOCK_BOOTTIME, which goes on while the machine sleeps: leases are measured in it. */
uint64_t clock_boot_ns(void);

/* CLOCK_REALTIME, milliseconds since 1970. */
uint64_t clock_real_ms(void);

#endif
