/* What children say to the supervisor: a row and a handler per control message. */
#ifndef SUPERVISOR_CHILD_MESSAGE_H
#define SUPERVISOR_CHILD_MESSAGE_H

#include "supervisor/child.h"

/* false: no message that a child may send. */
bool child_message(struct child *c, struct bytes message);

#endif
