/* Owns how command line, environment, files and defaults become one configuration. */
#include "supervisor/settings.h"

#include <errno.h>
#include <stdio.h>

#include "common/ini.h"
#include "common/log.h"

/* What the supervisor alone uses, each time anew. */
static const char *const live[] = {
	"node.log_level", "workers.restart_intensity", "workers.restart_period", "workers.hang_timeout",
};

static int set_port(struct config *c, const char *port, struct buffer *errors)
{
	const struct config_row *row = config_find(BYTES_LITERAL("client"), BYTES_LITERAL("listen"));
	struct buffer address = { 0 }, why = { 0 };
	char host[256];
	uint16_t former;
	int result;

	if (!config_split_address(bytes_of(c->client.listen), host, &former))
		host[0] = '\0';
	buffer_printf(&address, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host[0] != '\0' ? host : "*", port);
	result = config_set(c, row, buffer_bytes(&address), CONFIG_COMMAND_LINE, &why);
	if (result < 0) {
		buffer_append(&why, "", 1);
		buffer_printf(errors, "--port %s: %s\n", port, buffer_bytes(&why).data);
	}
	buffer_fini(&why);
	buffer_fini(&address);
	return result;
}

static int set_peers(struct config *c, const char *peers, struct buffer *errors)
{
	const struct config_row *row = config_find(BYTES_LITERAL("cluster"), BYTES_LITERAL("peers"));
	struct buffer why = { 0 };
	int result = config_set(c, row, bytes_of(peers), CONFIG_COMMAND_LINE, &why);

	if (result < 0)
		buffer_printf(errors, "--join %s: %.*s\n", peers, (int)buffer_length(&why), buffer_bytes(&why).data);
	buffer_fini(&why);
	return result;
}

int settings_load(struct config *c, const char *file, const struct settings_given *given, struct buffer *errors)
{
	int result, port_result = 0;

	config_init(c);
	result = ini_load(c, file, errors);
	if (result < 0 && buffer_length(errors) == 0)
		buffer_printf(errors, "%s: %s\n", file != NULL ? file : "stage.ini", strerror(-result));
	if (given->port != NULL)
		port_result = set_port(c, given->port, errors);
	if (given->join != NULL && set_peers(c, given->join, errors) < 0)
		port_result = -EINVAL;
	return result < 0 ? result : port_result;
}

static bool is_live(const char *name)
{
	for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++) {
		if (strcmp(live[i], name) == 0)
			return true;
	}
	return false;
}

void settings_apply(struct config *effective, const struct config *loaded, void *owner,
                    void (*on_note)(void *owner, const char *text))
{
	struct buffer before = { 0 }, after = { 0 }, why = { 0 };
	char name[128], text[512];

	for (const struct config_row *row = config_rows; row->section != NULL; row++) {
		buffer_clear(&before);
		buffer_clear(&after);
		config_format(effective, row, &before);
		config_format(loaded, row, &after);
		if (bytes_equal(buffer_bytes(&before), buffer_bytes(&after)))
			continue;
		snprintf(name, sizeof(name), "%s.%s", row->section, row->key);
		if (is_live(name)) /* none of them is secret */
			(void)config_set(effective, row, buffer_bytes(&after),
			                 (enum config_origin)loaded->origin[row - config_rows], &why);
		buffer_clear(&after);
		config_show(loaded, row, &after);
		snprintf(text, sizeof(text), "[%s] %s = %.*s %s", row->section, row->key,
		         (int)buffer_length(&after), buffer_length(&after) > 0 ? buffer_bytes(&after).data : "",
		         is_live(name) ? "is in force" : "takes effect at the next start");
		on_note(owner, text);
	}
	log_set_level((enum log_level)effective->node.log_level);
	buffer_fini(&before);
	buffer_fini(&after);
	buffer_fini(&why);
}
