/* Each byte is looked at once; whatever does not fit is left to client.c, which says why. */
#include "proto/client_plain.h"

#include "proto/characters.h"

/* Whether one of eight bytes is below 0x20 or is 0x7f (and what stands in the others
 * does not matter: a borrow comes from such a byte only). */
static bool eight_have_control(const char *at)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	uint64_t x, del;

	memcpy(&x, at, 8);
	del = x ^ ones * 0x7f;
	return (((x - ones * 0x20) & ~x) | ((del - ones) & ~del)) & tops;
}

bool client_has_control_character(struct bytes text)
{
	size_t i = 0;

	for (; text.len - i >= 8; i += 8)
		if (eight_have_control(text.data + i))
			return true;
	for (; i < text.len; i++)
		if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
			return true;
	return false;
}

/* Letters, digits, - and _ from `at` on; the end of them. */
static const char *skip_word(const char *at, const char *end)
{
	while (at < end && character_is(*at, CHARACTER_WORD))
		at++;
	return at;
}

/* Segments and dots, none of them empty; NULL where it is no address, or has a %. */
static const char *skip_address(const char *at, const char *end)
{
	const char *first = at, *segment;

	do {
		segment = at;
		at = skip_word(at, end);
		if (at == segment)
			return NULL;
	} while (at < end && *at == '.' && at++ - first < ADDRESS_MAX);
	return at - first <= ADDRESS_MAX ? at : NULL;
}

/* The verb and the space behind it; NULL: another one, or something is missing. */
static const char *skip_verb(const char *at, const char *end, enum client_verb *ret)
{
	if (end - at < 5)
		return NULL;
	if (memcmp(at, "get ", 4) == 0) {
		*ret = CLIENT_GET;
		return at + 4;
	}
	if (memcmp(at, "set ", 4) == 0) {
		*ret = CLIENT_SET;
		return at + 4;
	}
	*ret = CLIENT_CALL;
	return memcmp(at, "call ", 5) == 0 ? at + 5 : NULL;
}

/* The JSON of a set or call. What begins with a letter may be an option. */
static bool take_json(struct client_request *q, const char *at, const char *end)
{
	struct bytes json = { at, (size_t)(end - at) };

	if (json.len == 0 || *at == ' ' || (*at >= 'a' && *at <= 'z') || client_has_control_character(json))
		return false;
	q->json = json;
	return true;
}

bool client_parse_plain(struct bytes line, struct client_request *ret)
{
	const char *end = line.data + line.len, *id = skip_word(line.data, end);
	const char *address, *address_end, *name, *name_end;
	enum client_verb verb;

	if (id == line.data || id - line.data > CLIENT_ID_MAX || id == end || *id != ' ')
		return false;
	address = skip_verb(id + 1, end, &verb);
	address_end = address ? skip_address(address, end) : NULL;
	if (address_end == NULL || end - address_end < 2 || *address_end != ' ')
		return false;
	name = address_end + 1;
	name_end = skip_word(name, end);
	if (!character_is(*name, CHARACTER_INITIAL) || name_end - name > NAME_MAX_LENGTH)
		return false;
	if (name_end < end && (verb == CLIENT_GET || *name_end != ' ' || !take_json(ret, name_end + 1, end)))
		return false;
	if (name_end == end && verb == CLIENT_SET)
		return false;
	ret->id = (struct bytes){ line.data, (size_t)(id - line.data) };
	ret->verb = verb;
	ret->address = (struct bytes){ address, (size_t)(address_end - address) };
	ret->members[0] = (struct bytes){ name, (size_t)(name_end - name) };
	ret->member_count = 1;
	return true;
}
