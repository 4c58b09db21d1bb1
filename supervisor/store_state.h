/* Questions of the supervisor itself to its store. */
#ifndef SUPERVISOR_STORE_STATE_H
#define SUPERVISOR_STORE_STATE_H

#include "supervisor/node.h"

/* Whether the store holds no record at all. on_answer follows once, from the loop; known is
 * false where the store does not answer. */
void store_is_empty(struct node *n, void (*on_answer)(void *owner, bool known, bool empty), void *owner);

#endif
