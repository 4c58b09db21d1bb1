/* Progress of a long operation, as people see it. */
#ifndef STAGECTL_PROGRESS_H
#define STAGECTL_PROGRESS_H

#include <stdbool.h>

#include "common/bytes.h"

/* A note of the server on stderr. Where stderr is a terminal, `shards=N of=M` (N are left)
 * is a bar that is drawn over by the next one; elsewhere each note is a line. */
void progress_show(struct bytes note, bool terminal);

/* Ends the line of a bar, before anything else is written. */
void progress_end(void);

#endif
