/* Records of actors: to bytes and back. */
#include "worker/actor/record.h"

#include <errno.h>

#include "proto/msgpack.h"
#include "worker/actor/step.h"

#define RECORD_FORMAT 1

void record_encode(const struct actor *a, struct buffer *out)
{
	const struct class *c = a->class;

	msgpack_write_array(out, 6);
	msgpack_write_uint(out, RECORD_FORMAT);
	msgpack_write_uint(out, c->durability == CLASS_COMMIT ? a->version.epoch : 0);
	msgpack_write_uint(out, a->version.number);
	msgpack_write_int(out, c->version);
	msgpack_write_bool(out, a->created);
	msgpack_write_map(out, c->property_count);
	for (uint32_t i = 0; i < c->property_count; i++) {
		const struct slot *slot = step_committed(a, i);

		msgpack_write_str(out, bytes_of(c->properties[i].name));
		msgpack_write_array(out, 2);
		msgpack_write_uint(out, slot->changed);
		value_pack(&slot->value, out);
	}
}

static int decode_property(struct actor *a, struct msgpack_reader *r)
{
	struct bytes name = msgpack_read_str(r);
	uint32_t n = msgpack_read_array(r);
	uint64_t changed = msgpack_read_uint(r);
	struct bytes packed = msgpack_read_value(r);
	struct value value;
	int i, error;

	if (r->bad || n != 2)
		return -EINVAL;
	i = class_property(a->class, name);
	if (i < 0)
		return 0;
	error = value_unpack(packed, &value);
	if (error)
		return error;
	a->bytes += value_size(&value);
	a->bytes -= value_size(&a->slots[i].value);
	value_fini(&a->slots[i].value);
	a->slots[i] = (struct slot){ value, changed };
	return 0;
}

int record_decode(struct actor *a, struct bytes record, int64_t *ret_class_version)
{
	struct msgpack_reader r = msgpack_read(record);
	uint32_t fields = msgpack_read_array(&r);
	uint64_t format = msgpack_read_uint(&r);
	uint64_t epoch = msgpack_read_uint(&r), number = msgpack_read_uint(&r);
	int64_t class_version = msgpack_read_int(&r);
	bool created = msgpack_read_bool(&r);
	uint32_t count = msgpack_read_map(&r);

	if (r.bad || fields != 6 || format != RECORD_FORMAT || epoch > UINT32_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < count; i++) {
		int error = decode_property(a, &r);

		if (error)
			return error;
	}
	a->version = (struct version){ (uint32_t)epoch, number };
	a->created = created;
	*ret_class_version = class_version;
	return 0;
}
