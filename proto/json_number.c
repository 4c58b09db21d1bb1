/* Reads JSON numbers: integers stay integers of 64 bits, reals doubles. */
#include <math.h>
#include <msgpuck.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/memory.h"
#include "proto/json_parser.h"

#define EXACT_DIGITS 19        /* always fit an unsigned 64-bit integer */
#define EXACT_MANTISSA (UINT64_C(1) << 53)
#define EXACT_POWER 22         /* 10^22 is the largest power of ten that a double holds exactly */

/* A number's text taken apart: (-1)^negative * mantissa * 10^exponent. */
struct number {
	bool negative, real;
	bool exact;            /* mantissa and exponent hold all of it */
	uint64_t mantissa;
	int exponent;
	int digits;
};

static bool digit(const struct json_parser *p)
{
	return p->at < p->end && *p->at >= '0' && *p->at <= '9';
}

static bool take_digits(struct json_parser *p, struct number *n, int exponent_each)
{
	if (!digit(p))
		return json_fail(p, JSON_SYNTAX);
	for (; digit(p); p->at++) {
		/* Leading zeros are no digits of the mantissa. */
		if (n->digits > 0 || *p->at != '0')
			n->digits++;
		if (n->digits > EXACT_DIGITS) {
			n->exact = false;
			continue;
		}
		n->mantissa = n->mantissa * 10 + (uint64_t)(*p->at - '0');
		n->exponent += exponent_each;
	}
	return true;
}

static bool take_exponent(struct json_parser *p, struct number *n)
{
	bool negative = false;
	int exponent = 0;

	p->at++;
	if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
		negative = *p->at++ == '-';
	if (!digit(p))
		return json_fail(p, JSON_SYNTAX);
	for (; digit(p); p->at++)
		if (exponent < 100000) /* far beyond what is finite, far below overflow */
			exponent = exponent * 10 + (*p->at - '0');
	n->exponent += negative ? -exponent : exponent;
	return true;
}

/* Checks the grammar on the way. */
static bool take_apart(struct json_parser *p, struct number *n)
{
	if (*p->at == '-') {
		n->negative = true;
		p->at++;
	}
	if (p->at < p->end && *p->at == '0') {
		p->at++;
		if (digit(p))
			return json_fail(p, JSON_SYNTAX);
	} else if (!take_digits(p, n, 0)) {
		return false;
	}
	if (p->at < p->end && *p->at == '.') {
		n->real = true;
		p->at++;
		if (!take_digits(p, n, -1))
			return false;
	}
	if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
		n->real = true;
		return take_exponent(p, n);
	}
	return true;
}

static bool write_integer(struct json_parser *p, const struct number *n)
{
	if (!n->exact || n->mantissa > (uint64_t)INT64_MAX + n->negative)
		return json_fail(p, JSON_NUMBER);
	if (!n->negative)
		p->to = mp_encode_uint(p->to, n->mantissa);
	else if (n->mantissa == 0)
		p->to = mp_encode_double(p->to, -0.0);
	else
		p->to = mp_encode_int(p->to, (int64_t)(0 - n->mantissa));
	return true;
}

/* The common case: both factors are exact, so that one operation rounds correctly. */
static bool simple_real(const struct number *n, double *ret)
{
	static const double powers[EXACT_POWER + 1] = {
		1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
		1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
	};
	double value = (double)n->mantissa;

	if (!n->exact || n->mantissa > EXACT_MANTISSA || abs(n->exponent) > EXACT_POWER)
		return false;
	value = n->exponent < 0 ? value / powers[-n->exponent] : value * powers[n->exponent];
	*ret = n->negative ? -value : value;
	return true;
}

/* strtod() wants a NUL, which the text need not have. */
static double read_real(const char *text, size_t length)
{
	char few[64], *copy = few;
	double value;

	if (length < sizeof(few)) {
		memcpy(few, text, length);
		few[length] = '\0';
	} else {
		copy = memory_copy(text, length);
	}
	value = strtod(copy, NULL);
	if (copy != few)
		free(copy);
	return value;
}

bool json_parse_number(struct json_parser *p)
{
	const char *begin = p->at;
	struct number n = { .exact = true };
	double value;

	if (!take_apart(p, &n))
		return false;
	if (!n.real)
		return write_integer(p, &n);
	if (!simple_real(&n, &value))
		value = read_real(begin, (size_t)(p->at - begin));
	if (!isfinite(value))
		return json_fail(p, JSON_NUMBER);
	p->to = mp_encode_double(p->to, value);
	return true;
}
