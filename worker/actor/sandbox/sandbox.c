/* The order of the sandbox's parts, and what is told of them. */
#include "worker/actor/sandbox/sandbox.h"

#include <errno.h>

#include "common/log.h"
#include "common/memory.h"
#include "worker/actor/sandbox/part.h"

/* What needs privileges comes before they are gone, what forbids comes last. */
static const struct {
	const char *name;
	int (*enter)(const struct config *config, struct buffer *detail);
} parts[] = {
	{ "user", part_drop_user },
	{ "no-new-privileges", part_no_new_privileges },
	{ "rlimits", part_limit_resources },
	{ "landlock", part_lock_land },
	{ "seccomp", part_filter_calls },
};

static void append_name(struct buffer *list, const char *name, struct bytes detail)
{
	buffer_printf(list, "%s%s%s", buffer_length(list) ? ", " : "", name, detail.len ? " " : "");
	buffer_append_bytes(list, detail);
}

/* Every part is tried, whatever became of those before it. */
static void enter_all(const struct config *config, struct buffer *have, struct buffer *lack)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct buffer detail = { 0 };
		int r = parts[i].enter(config, &detail);

		if (r < 0) {
			append_name(lack, parts[i].name, (struct bytes){ NULL, 0 });
			log_warn("a part of the sandbox is missing", -r, F_TEXT("part", parts[i].name),
			         F_BYTES("reason", buffer_bytes(&detail)));
		} else {
			append_name(have, parts[i].name, buffer_bytes(&detail));
		}
		buffer_fini(&detail);
	}
}

static char *take_text(struct buffer *take)
{
	char *text = memory_copy(buffer_bytes(take).data, buffer_length(take));

	buffer_fini(take);
	return text;
}

int sandbox_enter(const struct config *config, char **ret_level, struct buffer *why)
{
	struct buffer have = { 0 }, lack = { 0 }, level = { 0 };
	int r = 0;

	if (config->workers.sandbox == CONFIG_SANDBOX_OFF) {
		log_warnx("the sandbox is off: actor code is held by Lua alone");
		*ret_level = memory_text("off");
		return 0;
	}
	enter_all(config, &have, &lack);
	buffer_append_text(&level, buffer_length(&lack) ? "partly: " : "full: ");
	buffer_append_bytes(&level, buffer_bytes(&have));
	if (buffer_length(&lack)) {
		buffer_append_text(&level, "; missing: ");
		buffer_append_bytes(&level, buffer_bytes(&lack));
	}
	log_info("sandboxed", F_BYTES("level", buffer_bytes(&level)));
	if (buffer_length(&lack) && config->workers.sandbox == CONFIG_SANDBOX_REQUIRED) {
		buffer_append_text(why, "the sandbox is required, and not whole: ");
		buffer_append_bytes(why, buffer_bytes(&level));
		r = -EPERM;
	}
	*ret_level = take_text(&level);
	buffer_fini(&have);
	buffer_fini(&lack);
	return r;
}
