/* The lines that clients send most, read in one go; part of client_parse(). */
#ifndef PROTO_CLIENT_PLAIN_H
#define PROTO_CLIENT_PLAIN_H

#include "proto/client.h"

/* `ID get ADDRESS NAME`, `ID set ADDRESS NAME JSON` and `ID call ADDRESS METHOD [JSON]`, without
 * options, anything unusual, or a mistake; line is without its CR. *ret, zeroed but for its members,
 * is filled. False: client_parse() has to look, and *ret is as it was. */
bool client_parse_plain(struct bytes line, struct client_request *ret);

/* Whether a character of it may not stand in a line. */
bool client_has_control_character(struct bytes text);

#endif
