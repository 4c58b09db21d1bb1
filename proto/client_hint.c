/* Finds out what is wrong with a word of a client's line, and says it. */
#include "proto/client_hint.h"

#include <ctype.h>
#include <stdio.h>

#include "common/nearest.h"

#define SHOWN_MAX 64 /* bytes of a word that are shown */

/* The word, or nothing where it cannot be shown as it is. */
static struct bytes shown(struct bytes word)
{
	for (size_t i = 0; i < word.len; i++)
		if (word.data[i] < 0x20 || word.data[i] > 0x7e || word.data[i] == '"' || word.data[i] == '\\')
			return BYTES_LITERAL("");
	return word.len <= SHOWN_MAX ? word : BYTES_LITERAL("");
}

static void about(char *scratch, const char *key, struct bytes word, const char *reason)
{
	word = shown(word);
	if (word.len == 0)
		client_hint_reason(scratch, reason);
	else
		snprintf(scratch, CLIENT_HINT_MAX, "{\"%s\":\"%.*s\",\"reason\":\"%s\"}", key, (int)word.len,
		         word.data, reason);
}

void client_hint_reason(char scratch[CLIENT_HINT_MAX], const char *reason)
{
	snprintf(scratch, CLIENT_HINT_MAX, "{\"reason\":\"%s\"}", reason);
}

void client_hint_usage(char scratch[CLIENT_HINT_MAX], const struct client_verb_row *verb, const char *reason)
{
	snprintf(scratch, CLIENT_HINT_MAX, "{\"reason\":\"%s\",\"usage\":\"%s\"}", reason, verb->help);
}

void client_hint_option(char scratch[CLIENT_HINT_MAX], struct bytes key, const char *reason)
{
	about(scratch, "option", key, reason);
}

/* --- IDs and verbs --- */

static const char *nearest_verb(struct bytes word, size_t *ret_distance)
{
	const char *nearest = NULL;

	*ret_distance = nearest_limit(word);
	for (size_t i = 0; i < CLIENT_VERB_COUNT; i++) {
		size_t d = nearest_distance(word, bytes_of(client_verb_rows[i].word));

		if (d < *ret_distance) {
			*ret_distance = d;
			nearest = client_verb_rows[i].word;
		}
	}
	return nearest;
}

/* Whether the word is one of the verbs but for upper case. */
static bool is_verb(struct bytes word)
{
	size_t distance;

	return nearest_verb(word, &distance) != NULL && distance == 0;
}

void client_hint_id(char scratch[CLIENT_HINT_MAX], struct bytes id)
{
	if (id.len == 0)
		client_hint_reason(scratch, "a line begins with an ID, not with a space");
	else if (id.len > CLIENT_ID_MAX)
		client_hint_reason(scratch, "an ID has at most 32 characters");
	else
		client_hint_reason(scratch, "a line begins with an ID of letters, digits, - and _: 1 get ADDRESS NAME");
}

void client_hint_verb(char scratch[CLIENT_HINT_MAX], struct bytes id, struct bytes word)
{
	size_t distance;
	const char *nearest = nearest_verb(word, &distance);
	char reason[160];

	if (is_verb(id) && (nearest == NULL || distance > 0))
		snprintf(reason, sizeof(reason), "a line begins with an ID of your choice, then the verb: 1 %.*s …",
		         (int)id.len, id.data);
	else if (nearest != NULL && distance == 0)
		snprintf(reason, sizeof(reason), "verbs are in lower case: %s", nearest);
	else if (nearest != NULL)
		snprintf(reason, sizeof(reason), "there is no such verb; did you mean %s?", nearest);
	else
		snprintf(reason, sizeof(reason), "the verbs are get set call watch unwatch cancel ping sync hello auth bye");
	about(scratch, "verb", word, reason);
}

/* --- addresses and names --- */

static bool is_word_character(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

static bool is_escape(struct bytes text, size_t at)
{
	return text.data[at] == '%' && text.len - at > 2 && isxdigit((unsigned char)text.data[at + 1]) &&
	       isxdigit((unsigned char)text.data[at + 2]);
}

/* The first character that no address has there, counted from 1; 0: all are fine. */
static size_t wrong_in_address(struct bytes address)
{
	for (size_t i = 0; i < address.len; i++)
		if (!is_word_character(address.data[i]) && address.data[i] != '.' && !is_escape(address, i))
			return i + 1;
	return 0;
}

void client_hint_address(char scratch[CLIENT_HINT_MAX], struct bytes address)
{
	size_t at = wrong_in_address(address);
	char reason[128];

	if (address.len == 0)
		snprintf(reason, sizeof(reason), "one space separates, and here are two");
	else if (bytes_equal(address, BYTES_LITERAL("@")))
		snprintf(reason, sizeof(reason), "@ is the connection; this verb wants the address of an actor");
	else if (address.len > ADDRESS_MAX)
		snprintf(reason, sizeof(reason), "an address has at most %d bytes", ADDRESS_MAX);
	else if (at > 0 && address.data[at - 1] == '%')
		snprintf(reason, sizeof(reason), "at character %zu: behind %% stand two hexadecimal digits", at);
	else if (at > 0)
		snprintf(reason, sizeof(reason), "character %zu is not one of an address: letters, digits, - _ . and %%XX", at);
	else
		snprintf(reason, sizeof(reason), "dots stand between the parts of an address, one at a time");
	about(scratch, "address", address, reason);
}

void client_hint_member(char scratch[CLIENT_HINT_MAX], struct bytes name)
{
	size_t at = 0;
	char reason[128];

	while (at < name.len && is_word_character(name.data[at]))
		at++;
	if (name.len == 0)
		snprintf(reason, sizeof(reason), "a name is missing");
	else if (bytes_equal(name, BYTES_LITERAL("*")))
		snprintf(reason, sizeof(reason), "* is not possible here: name one member");
	else if (name.len > NAME_MAX_LENGTH)
		snprintf(reason, sizeof(reason), "a name has at most %d bytes", NAME_MAX_LENGTH);
	else if (at < name.len && name.data[at] == ',')
		snprintf(reason, sizeof(reason), "this verb takes one name");
	else if (at < name.len)
		snprintf(reason, sizeof(reason), "character %zu is not one of a name: letters, digits, - and _", at + 1);
	else
		snprintf(reason, sizeof(reason), "a name begins with a letter or _");
	about(scratch, "member", name, reason);
}
