/* Owns the rows that lead from an admin command's word to its handler. */
#include "supervisor/admin_dispatch.h"

static const struct {
	const char *word;
	admin_handler handler;
} rows[] = {
	{ "status", admin_status },
	{ "check", admin_check_node },
	{ "workers", admin_workers },
	{ "actors", admin_actors },
	{ "sessions", admin_sessions },
	{ "inspect", admin_inspect },
	{ "restart", admin_restart },
	{ "join", admin_join }, { "leave", admin_leave }, { "remove", admin_remove }, { "drain", admin_drain }, { "resume", admin_resume },
	{ "members", admin_members }, { "op", admin_op },
	{ "reload", admin_reload },
	{ "help", admin_help },
	{ "config", admin_config },
	{ "shards", admin_shards },
	{ "quarantine", admin_quarantine },
	{ "release", admin_release },
	{ "auth", admin_auth },
};

admin_handler admin_dispatch_find(struct bytes word)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (bytes_equal(bytes_of(rows[i].word), word))
			return rows[i].handler;
	}
	return NULL;
}
