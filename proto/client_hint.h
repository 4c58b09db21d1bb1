/* What is wrong with a line, said to whoever typed it: the object behind `err CODE`. */
#ifndef PROTO_CLIENT_HINT_H
#define PROTO_CLIENT_HINT_H

#include "proto/client.h"

#define CLIENT_HINT_MAX 256 /* bytes, the NUL among them */

/* Each writes a JSON object into scratch. Words of the line are shown where they hold
 * nothing that JSON would have to escape. */
void client_hint_reason(char scratch[CLIENT_HINT_MAX], const char *reason);
void client_hint_usage(char scratch[CLIENT_HINT_MAX], const struct client_verb_row *verb, const char *reason);
void client_hint_option(char scratch[CLIENT_HINT_MAX], struct bytes key, const char *reason);
void client_hint_id(char scratch[CLIENT_HINT_MAX], struct bytes id);
void client_hint_verb(char scratch[CLIENT_HINT_MAX], struct bytes id, struct bytes word);
void client_hint_address(char scratch[CLIENT_HINT_MAX], struct bytes address);
void client_hint_member(char scratch[CLIENT_HINT_MAX], struct bytes name);

#endif
