/* The count behind [workers] memory. */
#include "worker/actor/room.h"

#include <assert.h>

static uint64_t used, limit;

void room_init(uint64_t most)
{
	limit = most;
}

void room_take(size_t n)
{
	used += n;
}

void room_give(size_t n)
{
	assert(used >= n);
	used -= n;
}

uint64_t room_used(void)
{
	return used;
}

static bool keeps(uint64_t most, size_t n)
{
	return limit == 0 || (used <= most && n <= most - used);
}

bool room_for(size_t n)
{
	return keeps(limit, n);
}

bool room_for_mail(size_t n)
{
	return keeps(limit - limit / 8, n);
}
