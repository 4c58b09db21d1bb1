/* Owns the program `stage`: options, configuration, then the life of one node. */
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/log.h"
#include "proto/admin.h"
#include "supervisor/command_line.h"
#include "supervisor/node.h"
#include "supervisor/settings.h"

static void print(FILE *to, const struct buffer *text)
{
	struct bytes s = buffer_bytes(text);

	fwrite(s.data, 1, s.len, to);
	fflush(to);
}

/* Descriptors 0 to 2 exist from here on, so that no socket ever takes their place. */
static void open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO && fcntl(fd, F_SETFD, 0) == 0);
	if (fd >= 0)
		close(fd);
}

static int serve(struct config *take_config, const struct command_line *options)
{
	const struct settings_given given = { options->port, options->join };
	struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
	struct buffer error = { 0 };
	struct node node;
	int status;

	log_init("supervisor", (enum log_level)take_config->node.log_level,
	         (enum log_format)take_config->node.log_format);
	log_info("stage starts", F_TEXT("version", STAGE_VERSION), F_INT("pid", getpid()));
	status = node_init(&node, loop, take_config, options->config, &given, &error);
	if (status == 0) {
		status = node_run(&node);
	} else {
		struct bytes text = buffer_bytes(&error);
		while (text.len > 0 && text.data[text.len - 1] == '\n')
			text.len--;
		log_errorx("stage cannot start", F_INT("exit", status), F_BYTES("why", text));
	}
	node_fini(&node);
	buffer_fini(&error);
	ev_loop_destroy(loop);
	return status;
}

static int configure_and_serve(const struct command_line *options)
{
	const struct settings_given given = { options->port, options->join };
	struct buffer errors = { 0 };
	struct config config;
	int status = ADMIN_CONFIGURATION;

	if (settings_load(&config, options->config, &given, &errors) != 0)
		print(stderr, &errors);
	else if (options->check_config)
		status = ADMIN_DONE; /* in silence, as checks do */
	else
		status = serve(&config, options);
	config_fini(&config);
	buffer_fini(&errors);
	return status;
}

int main(int argc, char **argv)
{
	struct command_line options = { 0 };
	struct buffer text = { 0 };
	int status = 0;

	open_standard();
	signal(SIGPIPE, SIG_IGN);
	if (command_line_parse(&options, argc, argv, &text) < 0) {
		buffer_append_text(&text, "\nTry: stage --help\n");
		print(stderr, &text);
		status = ADMIN_USAGE;
	} else if (options.help) {
		command_line_help(&text);
		print(stdout, &text);
	} else if (options.version) {
		puts("stage " STAGE_VERSION);
	} else {
		status = configure_and_serve(&options);
	}
	buffer_fini(&text);
	return status;
}
