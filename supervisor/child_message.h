/* What children say to the supervisor: a row and a handler per control message. */
#ifndef SUPERVISOR_CHILD_MESSAGE_H
#define SUPERVISOR_CHILD_MESSAGE_H

#include "supervisor/child.h"

/* take_fd (-1: none) is consumed. false: no message that this child may send. */
bool child_message(struct child *c, struct bytes message, int take_fd);

#endif
