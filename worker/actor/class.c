/* Classes: their references, their properties' names and their patterns. */
#include "worker/actor/class.h"

#include <assert.h>
#include <string.h>

#include "proto/address.h"
#include "worker/actor/host.h"

struct class *class_ref(struct class *c)
{
	c->references++;
	return c;
}

void class_unref(struct class *c)
{
	if (c == NULL)
		return;
	assert(c->references > 0);
	if (--c->references == 0)
		c->ops->unload(c);
}

int class_property(const struct class *c, struct bytes name)
{
	for (uint32_t i = 0; i < c->property_count; i++)
		if (bytes_equal(name, bytes_of(c->properties[i].name)))
			return (int)i;
	return -1;
}

/* Cuts the next segment off; false at the end. */
static bool next_segment(struct bytes *rest, struct bytes *ret)
{
	const char *dot;

	if (rest->data == NULL)
		return false;
	dot = rest->len ? memchr(rest->data, '.', rest->len) : NULL;
	if (dot == NULL) {
		*ret = *rest;
		*rest = (struct bytes){ NULL, 0 };
		return true;
	}
	*ret = (struct bytes){ rest->data, (size_t)(dot - rest->data) };
	*rest = (struct bytes){ dot + 1, rest->len - ret->len - 1 };
	return true;
}

static bool is_parameter(struct bytes segment)
{
	return segment.len > 2 && segment.data[0] == '{' && segment.data[segment.len - 1] == '}';
}

static struct bytes parameter_name(struct bytes segment)
{
	return (struct bytes){ segment.data + 1, segment.len - 2 };
}

const char *class_pattern_problem(const char *pattern)
{
	struct bytes names[CLASS_PARAMETERS_MAX];
	struct bytes rest = bytes_of(pattern), segment;
	size_t count = 0;

	if (rest.len == 0)
		return "a pattern is not empty";
	if (rest.len > ADDRESS_MAX)
		return "a pattern is at most 255 bytes";
	while (next_segment(&rest, &segment)) {
		if (!is_parameter(segment)) {
			if (!address_valid(segment))
				return "a segment of a pattern is letters, digits, - and _, or one {name}";
			continue;
		}
		if (!name_valid(parameter_name(segment)))
			return "a parameter of a pattern is {name}, the name of letters, digits, _ and -";
		if (count == CLASS_PARAMETERS_MAX)
			return "a pattern has at most 16 parameters";
		for (size_t i = 0; i < count; i++)
			if (bytes_equal(names[i], parameter_name(segment)))
				return "a parameter stands twice in the pattern";
		names[count++] = parameter_name(segment);
	}
	return NULL;
}

bool class_match(const struct class *c, struct bytes address, size_t *ret_count,
                 struct bytes ret_names[CLASS_PARAMETERS_MAX],
                 struct bytes ret_parameters[CLASS_PARAMETERS_MAX])
{
	struct bytes pattern = bytes_of(c->pattern), wanted, segment;
	size_t count = 0;

	while (next_segment(&pattern, &wanted)) {
		if (!next_segment(&address, &segment))
			return false;
		if (is_parameter(wanted)) {
			ret_names[count] = parameter_name(wanted);
			ret_parameters[count++] = segment;
		} else if (!bytes_equal(wanted, segment)) {
			return false;
		}
	}
	*ret_count = count;
	return address.data == NULL;
}
