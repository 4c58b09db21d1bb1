/* Values: scalars in place, the rest as owned msgpack. */
#include "worker/actor/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/msgpack.h"
#include "worker/actor/room.h"

void value_fini(struct value *v)
{
	if (v->type == VALUE_PACKED) {
		room_give(ROOM_OF_BLOCK(v->len));
		free(v->packed);
	}
	*v = (struct value){ 0 };
}

static int pack_copy(struct bytes msgpack, struct value *ret)
{
	char *copy = malloc(msgpack.len);

	if (copy == NULL)
		return -ENOMEM;
	room_take(ROOM_OF_BLOCK(msgpack.len));
	memcpy(copy, msgpack.data, msgpack.len);
	*ret = (struct value){ .type = VALUE_PACKED, .len = (uint32_t)msgpack.len, .packed = copy };
	return 0;
}

static double read_real(const char *at)
{
	union {
		uint64_t bits;
		double real;
	} u = { 0 };

	for (int i = 1; i <= 8; i++)
		u.bits = u.bits << 8 | (unsigned char)at[i];
	return u.real;
}

int value_unpack(struct bytes msgpack, struct value *ret)
{
	struct msgpack_reader r = msgpack_read(msgpack);
	unsigned char first;

	if (msgpack_read_value(&r).len != msgpack.len || r.bad)
		return -EINVAL;
	r = msgpack_read(msgpack);
	first = (unsigned char)msgpack.data[0];
	if (first == 0xc0) {
		*ret = (struct value){ .type = VALUE_NULL };
	} else if (first == 0xc2 || first == 0xc3) {
		*ret = (struct value){ .type = first == 0xc3 ? VALUE_TRUE : VALUE_FALSE };
	} else if (first == 0xcb) {
		*ret = (struct value){ .type = VALUE_REAL, .real = read_real(msgpack.data) };
	} else if (first <= 0x7f || first >= 0xe0 || (first >= 0xcc && first <= 0xd3)) {
		int64_t i = msgpack_read_int(&r);

		if (r.bad) /* beyond 63 bits */
			return -EINVAL;
		*ret = (struct value){ .type = VALUE_INT, .i = i };
	} else if (first == 0xca || (first >= 0xc4 && first <= 0xc9) || (first >= 0xd4 && first <= 0xd8)) {
		return -EINVAL; /* float32, bin and ext are no JSON kinds */
	} else {
		return pack_copy(msgpack, ret);
	}
	return 0;
}

void value_pack(const struct value *v, struct buffer *out)
{
	switch ((enum value_type)v->type) {
	case VALUE_NULL:
		msgpack_write_nil(out);
		break;
	case VALUE_FALSE:
	case VALUE_TRUE:
		msgpack_write_bool(out, v->type == VALUE_TRUE);
		break;
	case VALUE_INT:
		msgpack_write_int(out, v->i);
		break;
	case VALUE_REAL:
		msgpack_write_real(out, v->real);
		break;
	case VALUE_PACKED:
		buffer_append(out, v->packed, v->len);
		break;
	}
}

int value_copy(const struct value *v, struct value *ret)
{
	if (v->type == VALUE_PACKED)
		return pack_copy((struct bytes){ v->packed, v->len }, ret);
	*ret = *v;
	return 0;
}

bool value_equal(const struct value *a, const struct value *b)
{
	if (a->type != b->type)
		return false;
	switch ((enum value_type)a->type) {
	case VALUE_INT:
		return a->i == b->i;
	case VALUE_REAL: /* the bits: 0.0 and -0.0 differ */
		return memcmp(&a->real, &b->real, sizeof(a->real)) == 0;
	case VALUE_PACKED:
		return msgpack_equal((struct bytes){ a->packed, a->len }, (struct bytes){ b->packed, b->len });
	default:
		return true;
	}
}

size_t value_size(const struct value *v)
{
	return v->type == VALUE_PACKED ? v->len : sizeof(v->i);
}
