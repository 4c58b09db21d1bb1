/* Addresses, names and versions as text. */
#include "proto/address.h"

#include <ctype.h>

static bool plain(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

bool address_valid(struct bytes address)
{
	bool segment = false; /* the present one has a character */

	if (address.len == 0 || address.len > ADDRESS_MAX)
		return false;
	for (size_t i = 0; i < address.len; i++) {
		char c = address.data[i];

		if (c == '.') {
			if (!segment)
				return false;
			segment = false;
		} else if (plain(c)) {
			segment = true;
		} else if (c == '%' && i + 2 < address.len && isxdigit((unsigned char)address.data[i + 1]) &&
		           isxdigit((unsigned char)address.data[i + 2])) {
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
	if (!isalpha((unsigned char)name.data[0]) && name.data[0] != '_')
		return false;
	for (size_t i = 1; i < name.len; i++)
		if (!plain(name.data[i]))
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

void version_format(struct version v, struct buffer *out)
{
	char text[32], *at = text + sizeof(text);
	static const char digits[] = "0123456789abcdef";

	do
		*--at = digits[v.number % 10];
	while (v.number /= 10);
	*--at = ':';
	do
		*--at = digits[v.epoch & 15];
	while (v.epoch >>= 4);
	buffer_append(out, at, (size_t)(text + sizeof(text) - at));
}
