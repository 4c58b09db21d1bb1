/* Lua's patterns: a backtracking matcher which pays for every step from a budget. */
#include "worker/actor/lua/matcher.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "worker/actor/lua/pattern.h"

enum { DEPTH_MAX = 200 }; /* nested matches: each takes C stack */

void matcher_fail(struct matcher *m, const char *format, ...)
{
	va_list args;

	luaL_where(m->L, m->blame);
	va_start(args, format);
	lua_pushvfstring(m->L, format, args);
	va_end(args);
	lua_concat(m->L, 2);
	lua_error(m->L);
	__builtin_unreachable();
}

void matcher_spend(struct matcher *m, size_t steps)
{
	if (m->steps < steps)
		matcher_fail(m, "pattern takes too long");
	m->steps -= steps;
}

/* --- Single characters ----------------------------------------------------------------- */

/* Does c belong to the class of the letter after a '%'? */
static bool class_has(int c, int letter)
{
	bool has;

	switch (tolower(letter)) {
	case 'a': has = isalpha(c); break;
	case 'c': has = iscntrl(c); break;
	case 'd': has = isdigit(c); break;
	case 'g': has = isgraph(c); break;
	case 'l': has = islower(c); break;
	case 'p': has = ispunct(c); break;
	case 's': has = isspace(c); break;
	case 'u': has = isupper(c); break;
	case 'w': has = isalnum(c); break;
	case 'x': has = isxdigit(c); break;
	case 'z': has = c == '\0'; break; /* undocumented since Lua 5.2 */
	default: return letter == c;
	}
	return has != (isupper(letter) != 0);
}

/*
 * Does the set that opens at p and whose ']' is at close have c in it? A '-' makes a range only
 * between two plain characters: behind a class, or right before the ']', it is itself.
 */
static bool set_has(struct matcher *m, int c, const char *p, const char *close)
{
	bool negated = p[1] == '^';

	for (p += negated ? 2 : 1; p < close; p++) {
		matcher_spend(m, 1);
		if (*p == '%') {
			p++;
			if (class_has(c, (unsigned char)*p))
				return !negated;
		} else if (p[1] == '-' && p + 2 < close) {
			if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2])
				return !negated;
			p += 2;
		} else if ((unsigned char)*p == c) {
			return !negated;
		}
	}
	return negated;
}

/* The end of the set that opens at p. Its first character may be a ']'. */
static const char *set_end(struct matcher *m, const char *p)
{
	p += p[1] == '^' ? 2 : 1;
	do {
		matcher_spend(m, 1);
		if (p == m->pattern_end)
			matcher_fail(m, "malformed pattern (missing ']')");
		p += *p == '%' && p + 1 < m->pattern_end ? 2 : 1;
	} while (*p != ']');
	return p + 1;
}

/* The end of the single character, class or set at p. */
static const char *item_end(struct matcher *m, const char *p)
{
	if (*p == '[')
		return set_end(m, p);
	if (*p != '%')
		return p + 1;
	if (p + 1 == m->pattern_end)
		matcher_fail(m, "malformed pattern (ends with '%%')");
	return p + 2;
}

static bool item_fits(struct matcher *m, const char *s, const char *p, const char *end)
{
	int c;

	matcher_spend(m, 1);
	if (s >= m->subject_end)
		return false;
	c = (unsigned char)*s;
	switch (*p) {
	case '.': return true;
	case '%': return class_has(c, (unsigned char)p[1]);
	case '[': return set_has(m, c, p, end - 1);
	default: return (unsigned char)*p == c;
	}
}

/* --- Items with more to them: %b, %f, %1 ------------------------------------------------- */

/* %bxy, p at the x: the text from an x to the y that balances it. */
static const char *match_balanced(struct matcher *m, const char *s, const char *p)
{
	int open = 1;

	if (p + 1 >= m->pattern_end)
		matcher_fail(m, "malformed pattern (missing arguments to '%%b')");
	if (s >= m->subject_end || *s != p[0])
		return NULL;
	while (++s < m->subject_end) {
		matcher_spend(m, 1);
		if (*s == p[1]) {
			if (--open == 0)
				return s + 1;
		} else if (*s == p[0]) {
			open++;
		}
	}
	return NULL;
}

/* %f[set], p at the '[': between a character outside the set and one inside; *ret_p is the end. */
static const char *match_frontier(struct matcher *m, const char *s, const char *p,
                                  const char **ret_p)
{
	const char *end;
	int before = s == m->subject ? '\0' : (unsigned char)s[-1];

	if (*p != '[')
		matcher_fail(m, "missing '[' after '%%f' in pattern");
	end = item_end(m, p);
	if (set_has(m, before, p, end - 1) || !set_has(m, (unsigned char)*s, p, end - 1))
		return NULL;
	*ret_p = end;
	return s;
}

/* %1 to %9: the text that the capture has matched. A position never matches. */
static const char *match_reference(struct matcher *m, const char *s, char digit)
{
	int i = digit - '1';
	ptrdiff_t length;

	if (i < 0 || i >= m->level || m->capture[i].length == MATCHER_OPEN)
		matcher_fail(m, "invalid capture index %%%d", i + 1);
	length = m->capture[i].length;
	if (length == MATCHER_POSITION || m->subject_end - s < length)
		return NULL;
	matcher_spend(m, (size_t)length);
	return memcmp(m->capture[i].start, s, (size_t)length) == 0 ? s + length : NULL;
}

/* The item at *p, a '%' with b, f or a digit behind it; *p moves on if it matched. */
static const char *match_special(struct matcher *m, const char *s, const char **p)
{
	switch ((*p)[1]) {
	case 'b':
		s = match_balanced(m, s, *p + 2);
		*p += 4;
		return s;
	case 'f':
		return match_frontier(m, s, *p + 2, p);
	default:
		s = match_reference(m, s, (*p)[1]);
		*p += 2;
		return s;
	}
}

static bool is_special(const char *p)
{
	return *p == '%' && (p[1] == 'b' || p[1] == 'f' || isdigit((unsigned char)p[1]));
}

/* --- Captures, repetition, and the match itself ------------------------------------------ */

static const char *match_here(struct matcher *m, const char *s, const char *p);

static const char *open_capture(struct matcher *m, const char *s, const char *p)
{
	bool position = p[1] == ')';
	const char *end;

	if (m->level >= MATCHER_CAPTURES_MAX)
		matcher_fail(m, "too many captures");
	m->capture[m->level].start = s;
	m->capture[m->level].length = position ? MATCHER_POSITION : MATCHER_OPEN;
	m->level++;
	end = match_here(m, s, p + (position ? 2 : 1));
	if (!end)
		m->level--;
	return end;
}

static const char *close_capture(struct matcher *m, const char *s, const char *p)
{
	const char *end;
	int i = m->level - 1;

	while (i >= 0 && m->capture[i].length != MATCHER_OPEN)
		i--;
	if (i < 0)
		matcher_fail(m, "invalid pattern capture");
	m->capture[i].length = s - m->capture[i].start;
	end = match_here(m, s, p + 1);
	if (!end)
		m->capture[i].length = MATCHER_OPEN;
	return end;
}

/* As many of the item [p, end) as can be, then fewer, until the rest of the pattern matches. */
static const char *expand_most(struct matcher *m, const char *s, const char *p, const char *end)
{
	const char *last = s, *found;

	while (item_fits(m, last, p, end))
		last++;
	for (; last >= s; last--) {
		found = match_here(m, last, end + 1);
		if (found)
			return found;
	}
	return NULL;
}

/* As few as can be, then more. */
static const char *expand_least(struct matcher *m, const char *s, const char *p, const char *end)
{
	const char *found;

	for (;;) {
		found = match_here(m, s, end + 1);
		if (found || !item_fits(m, s, p, end))
			return found;
		s++;
	}
}

/*
 * The item at *p with its '*', '+', '-' or '?'. true: *s and *p have moved on; false: *s is where
 * the whole pattern ends, or NULL. What needs no backtracking takes no depth.
 */
static bool match_item(struct matcher *m, const char **s, const char **p)
{
	const char *end = item_end(m, *p), *found;

	if (!item_fits(m, *s, *p, end)) {
		if (*end != '*' && *end != '?' && *end != '-') {
			*s = NULL;
			return false;
		}
		*p = end + 1;
		return true;
	}
	switch (*end) {
	case '?':
		found = match_here(m, *s + 1, end + 1);
		*p = end + 1;
		if (found)
			*s = found;
		return !found;
	case '+':
		*s = expand_most(m, *s + 1, *p, end);
		return false;
	case '*':
		*s = expand_most(m, *s, *p, end);
		return false;
	case '-':
		*s = expand_least(m, *s, *p, end);
		return false;
	default:
		*s += 1;
		*p = end;
		return true;
	}
}

/* The end of the match of the pattern from p on at s; NULL: there is none. */
static const char *match_here(struct matcher *m, const char *s, const char *p)
{
	bool going_on = true;

	if (m->depth-- == 0)
		matcher_fail(m, "pattern too complex");
	while (s && going_on && p != m->pattern_end) {
		matcher_spend(m, 1);
		if (is_special(p)) {
			s = match_special(m, s, &p);
		} else if (*p == '(' || *p == ')') {
			s = *p == '(' ? open_capture(m, s, p) : close_capture(m, s, p);
			going_on = false;
		} else if (*p == '$' && p + 1 == m->pattern_end) {
			s = s == m->subject_end ? s : NULL;
			going_on = false;
		} else {
			going_on = match_item(m, &s, &p);
		}
	}
	m->depth++;
	return s;
}

const char *matcher_match(struct matcher *m, const char *s, const char *p)
{
	m->level = 0;
	return match_here(m, s, p);
}

void matcher_init(struct matcher *m, lua_State *L, int subject, int pattern, int blame)
{
	size_t length;

	m->L = L;
	m->subject = luaL_checklstring(L, subject, &length);
	m->subject_end = m->subject + length;
	m->pattern = luaL_checklstring(L, pattern, &length);
	m->pattern_end = m->pattern + length;
	m->steps = PATTERN_STEPS_MAX;
	m->depth = DEPTH_MAX;
	m->blame = blame;
	m->level = 0;
}
