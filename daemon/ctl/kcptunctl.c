/* kcptunctl.c - the command line of the tool that goes with the daemon. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "ctl.h"
#include "ctl_client.h"
#include "wire.h"

struct ctl_options ctl_options = { .socket = CONF_CONTROL_DEFAULT };

/* ---- options ---------------------------------------------------------------------- */

/* A path, or what the socket of kcptund@NAME is called. */
static bool set_socket(const char *arg)
{
	bool is_path = strchr(arg, '/') != NULL;
	int n = snprintf(ctl_options.socket, sizeof(ctl_options.socket),
			 is_path ? "%s" : CTL_SOCKET_FOLDER "%s" CTL_SOCKET_END, arg);

	if (arg[0] != '\0' && n > 0 && (size_t)n < sizeof(ctl_options.socket))
		return true;
	fprintf(stderr, "kcptunctl: -s %s: not the path of a socket\n", arg);
	return false;
}

static bool set_watch(const char *arg)
{
	char *end;

	ctl_options.watch_s = strtod(arg, &end);
	if (end != arg && *end == '\0' && ctl_options.watch_s >= 0.1 && ctl_options.watch_s <= 86400)
		return true;
	fprintf(stderr, "kcptunctl: -w %s: seconds are from 0.1 to 86400\n", arg);
	return false;
}

/* -1 to go on, else the exit status.  Behind a command, it is that command's. */
static int take_option(int opt, const struct ctl_command *of)
{
	switch (opt) {
	case 's':
		return set_socket(optarg) ? -1 : CTL_USAGE;
	case 'w':
		return set_watch(optarg) ? -1 : CTL_USAGE;
	case 'j':
		ctl_options.format = CTL_JSON;
		return -1;
	case 'p':
		ctl_options.format = CTL_PROMETHEUS;
		return -1;
	case 'a':
		ctl_options.all = true;
		return -1;
	case 'h':
		if (of != NULL)
			ctl_print_command_help(stdout, of);
		else
			ctl_print_help(stdout);
		return CTL_DONE;
	case 'V':
		printf("kcptunctl " KT_VERSION "\n");
		return CTL_DONE;
	default:
		return ctl_usage(of != NULL ? of->name : "");
	}
}

static int parse(int argc, char **argv, const char *shorts, const struct ctl_command *of)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "watch", required_argument, NULL, 'w' },
		{ "json", no_argument, NULL, 'j' },
		{ "prometheus", no_argument, NULL, 'p' },
		{ "all", no_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int opt, status = -1;

	optind = 0; /* start over: these are other arguments than before */
	while (status < 0 && (opt = getopt_long(argc, argv, shorts, longs, NULL)) != -1)
		status = take_option(opt, of);
	return status;
}

int ctl_parse_options(int argc, char **argv)
{
	return parse(argc, argv, "s:w:jpahV", ctl_command_find(argv[0]));
}

static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') && term != NULL &&
	       strcmp(term, "dumb") != 0;
}

int main(int argc, char **argv)
{
	const struct ctl_command *command;
	/* '+': what follows the command belongs to it */
	int status = parse(argc, argv, "+s:w:jpahV", NULL);

	if (status >= 0)
		return status;
	if (optind == argc) {
		ctl_print_help(stderr);
		return CTL_USAGE;
	}
	command = ctl_command_find(argv[optind]);
	if (command == NULL)
		return ctl_unknown_command(argv[optind]);
	ctl_options.colour = wants_colour();
	return command->run(argc - optind, argv + optind);
}
