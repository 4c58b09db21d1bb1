/* Addresses, names and versions as text. */
#include "proto/address.h"

#include "proto/characters.h"

bool address_valid(struct bytes address)
{
	bool segment = false; /* the present one has a character */

	if (address.len == 0 || address.len > ADDRESS_MAX)
		return false;
	for (size_t i = 0; i < address.len; i++) {
		char c = address.data[i];

		if (character_is(c, CHARACTER_WORD)) {
			segment = true;
		} else if (c == '.') {
			if (!segment)
				return false;
			segment = false;
		} else if (c == '%' && i + 2 < address.len && character_is(address.data[i + 1], CHARACTER_HEX) &&
		           character_is(address.data[i + 2], CHARACTER_HEX)) {
			segment = true;
			i += 2;
		} else {
			return false;
		}
	}
	return segment;
}

bool name_valid(struct bytes name)
{
	if (name.len == 0 || name.len > NAME_MAX_LENGTH)
		return false;
	if (!character_is(name.data[0], CHARACTER_INITIAL))
		return false;
	for (size_t i = 1; i < name.len; i++)
		if (!character_is(name.data[i], CHARACTER_WORD))
			return false;
	return true;
}

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

bool version_parse(struct bytes text, struct version *ret)
{
	struct version v = { 0 };
	size_t i = 0;

	for (; i < text.len && text.data[i] != ':'; i++) {
		int digit = hex(text.data[i]);

		if (digit < 0 || i == 8)
			return false;
		v.epoch = v.epoch << 4 | (uint32_t)digit;
	}
	if (i == 0 || i + 1 >= text.len)
		return false;
	for (i++; i < text.len; i++) {
		uint64_t digit = (uint64_t)(text.data[i] - '0');

		if (digit > 9 || v.number > (UINT64_MAX - digit) / 10)
			return false;
		v.number = v.number * 10 + digit;
	}
	*ret = v;
	return true;
}

char *version_write(struct version v, char *at)
{
	static const char digits[] = "0123456789abcdef";
	unsigned hex_digits = v.epoch ? (35u - (unsigned)__builtin_clz(v.epoch)) / 4 : 1, decimal_digits = 1;

	for (unsigned i = hex_digits; i > 0; v.epoch >>= 4)
		at[--i] = digits[v.epoch & 15];
	at += hex_digits;
	*at++ = ':';
	for (uint64_t n = v.number; n >= 10; n /= 10)
		decimal_digits++;
	for (unsigned i = decimal_digits; i > 0; v.number /= 10)
		at[--i] = digits[v.number % 10];
	return at + decimal_digits;
}

void version_format(struct version v, struct buffer *out)
{
	char *at = buffer_reserve(out, VERSION_MAX);

	buffer_commit(out, (size_t)(version_write(v, at) - at));
}
