/* Owns the admin command `config`: effective settings and where each comes from. */
#include "proto/msgpack.h"
#include "supervisor/admin_dispatch.h"

static const char *const origin_names[] = {
	[CONFIG_DEFAULT] = "default", [CONFIG_FILE] = "file", [CONFIG_FRAGMENT] = "fragment",
	[CONFIG_ENVIRONMENT] = "environment", [CONFIG_COMMAND_LINE] = "command line",
};

static const struct admin_column plain[] = { { "section", 0 }, { "key", 0 }, { "value", 0 }, { NULL, 0 } };
static const struct admin_column with_origin[] = {
	{ "section", 0 }, { "key", 0 }, { "value", 0 }, { "origin", 0 }, { NULL, 0 },
};

void admin_config(struct admin_run *run)
{
	bool origin = bytes_equal(admin_run_option(run, "origin"), BYTES_LITERAL("1"));
	const struct config *config = &run->node->config;
	struct buffer value = { 0 };

	admin_table_init(&run->table, origin ? with_origin : plain);
	for (const struct config_row *row = config_rows; row->section != NULL; row++) {
		struct buffer *out = admin_table_row(&run->table, origin ? 4 : 3);

		buffer_clear(&value);
		config_show(config, row, &value);
		admin_pair_text(out, "section", row->section);
		admin_pair_text(out, "key", row->key);
		msgpack_write_str(out, BYTES_LITERAL("value"));
		msgpack_write_str(out, buffer_bytes(&value));
		if (origin)
			admin_pair_text(out, "origin", origin_names[config->origin[row - config_rows]]);
	}
	admin_run_table(run);
	admin_run_ok(run, NULL);
	buffer_fini(&value);
}
