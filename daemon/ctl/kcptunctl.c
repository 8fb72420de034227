/* kcptunctl.c - the command line of the tool that goes with the daemon. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "ctl.h"
#include "wire.h"

struct ctl_options ctl_options = { .socket = CONF_CONTROL_DEFAULT };

static const struct ctl_command commands[] = {
	{ "status", "[TUNNEL]", "what runs, and how it is", ctl_ask },
	{ "check", "[TUNNEL]", "in a sentence; exits with 0: well, 1: degraded, 2: down", ctl_check },
	{ "stats", "[TUNNEL]", "counters, rates and what follows from them", ctl_ask },
	{ "sessions", "[TUNNEL]", "sessions with their peers, rates, round trips, losses", ctl_ask },
	{ "streams", "[TUNNEL]", "the streams of the sessions", ctl_ask },
	{ "config", "[TUNNEL]", "the values in use and where each is from", ctl_ask },
	{ "top", "", "tunnels and sessions as they change, on the whole screen", ctl_top },
	{ "reload", "", "have the daemon read its configuration again", ctl_ask },
	{ "reset", "[TUNNEL]", "set counters to zero", ctl_ask },
	{ "loglevel", "LEVEL", "log error, warn, info or debug messages", ctl_ask },
	{ "close", "SESSION|STREAM", "end a session and its streams, or one stream", ctl_ask },
	{ "drain", "TUNNEL", "have a tunnel take no new connections; streams go on until they end",
	  ctl_ask },
	{ "restart", "TUNNEL", "close a tunnel's sessions and start it anew", ctl_ask },
	{ "version", "", "the versions of this program and of the daemon", ctl_ask },
	{ "genkey", "", "print a new random key", ctl_genkey },
	{ "import", "FILE.json...", "turn kcptun's JSON files into a kcptun.ini, on stdout",
	  ctl_import },
};

static const struct ctl_command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

int ctl_usage(const char *command)
{
	const struct ctl_command *c = find(command);

	fprintf(stderr, "usage: kcptunctl %s %s\n", command, c ? c->arguments : "");
	return CTL_USAGE;
}

static void print_help(FILE *out)
{
	fprintf(out, "usage: kcptunctl [OPTION...] COMMAND [ARGUMENT...]\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(out, "  %-8s %-15s %s\n", commands[i].name, commands[i].arguments,
			commands[i].help);
	fprintf(out,
		"\nOptions:\n"
		"  -s, --socket SOCKET   path of the daemon's socket, or NAME of the instance kcptund@NAME\n"
		"                        (%s)\n"
		"  -j, --json            print the daemon's JSON document as it is\n"
		"  -p, --prometheus      print Prometheus' text format (status, stats, sessions, streams)\n"
		"  -w, --watch SECONDS   look again and again; rates are those since the last look\n"
		"  -a, --all             show counters that are zero, and all of sessions\n"
		"  -h, --help            this text\n"
		"  -V, --version         the version of this program\n"
		"\nExit status: 0 done, 1 refused, 2 usage, 3 no daemon reached; check has its own.\n",
		CONF_CONTROL_DEFAULT);
}

/* ---- options ---------------------------------------------------------------------- */

/* A path, or what the socket of kcptund@NAME is called. */
static bool set_socket(const char *arg)
{
	bool is_path = strchr(arg, '/') != NULL;
	int n = snprintf(ctl_options.socket, sizeof(ctl_options.socket),
			 is_path ? "%s" : "/run/kcptun/%s.sock", arg);

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

/* -1 to go on, else the exit status. */
static int take_option(int opt)
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
		print_help(stdout);
		return CTL_DONE;
	case 'V':
		printf("kcptunctl " KT_VERSION "\n");
		return CTL_DONE;
	default:
		print_help(stderr);
		return CTL_USAGE;
	}
}

static int parse(int argc, char **argv, const char *shorts)
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
		status = take_option(opt);
	return status;
}

int ctl_parse_options(int argc, char **argv)
{
	return parse(argc, argv, "s:w:jpahV");
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
	int status = parse(argc, argv, "+s:w:jpahV");

	if (status >= 0)
		return status;
	if (optind == argc) {
		print_help(stderr);
		return CTL_USAGE;
	}
	command = find(argv[optind]);
	if (!command) {
		fprintf(stderr, "kcptunctl: unknown command: %s\n", argv[optind]);
		print_help(stderr);
		return CTL_USAGE;
	}
	ctl_options.colour = wants_colour();
	return command->run(argc - optind, argv + optind);
}
