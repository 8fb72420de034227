/* commands.c - the commands of kcptunctl and its options, and all that --help and help tell of them. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "ctl.h"
#include "nearest.h"
#include "wire.h"

enum { PAGE_COLUMNS = 78 };

static const char usage[] = "usage: kcptunctl [OPTION...] COMMAND [ARGUMENT...]\n";
static const char checks_exit[] = "Exit status: 0 well, 1 degraded, 2 down, 3 not known.";
static const char local_exit[] = "Exit status: 0 done, 1 refused, 2 usage.";
static const char daemon_exit[] =
	"Exit status: 0 done, 1 refused, 2 usage, 3 no daemon reached; check has its own.";
static const char one_daemon_exit[] = "Exit status: 0 done, 1 refused, 2 usage, 3 no daemon reached.";

/* clang-format off */
static const struct ctl_command commands[] = {
	{ "status", "[TUNNEL]", "what runs, and how it is", ctl_ask, "sjpw", one_daemon_exit,
	  "The tunnels with their addresses, state, sessions, streams and rates, and of those that are not "
	  "well what is wrong. With TUNNEL that one alone." },
	{ "check", "[TUNNEL]", "in a sentence; exits with 0 well, 1 degraded, 2 down", ctl_check, "sj", checks_exit,
	  "How each tunnel is, in a line: well, degraded (it works, or may soon, and something is not as it "
	  "should be) or down (no connection gets through), and why. The exit status is that of the worst, as "
	  "Nagios and others expect it; a daemon that cannot be reached is down." },
	{ "stats", "[TUNNEL]", "counters, rates and what follows from them", ctl_ask, "sjpwa", one_daemon_exit,
	  "What was counted since the start or the last reset, under kcptun's names, and what follows from "
	  "that: overhead, what was sent again, what error correction rebuilt, and what was lost, by the "
	  "medium and by queues. Counters that are zero are shown with --all." },
	{ "sessions", "[TUNNEL]", "sessions with their peers, rates, round trips, losses", ctl_ask, "sjpwa", one_daemon_exit,
	  "For each session its peer, its state, and how what it sends gets through: bytes per second beside "
	  "what the path takes, round trips, queue, loss, and what holds back the sender. On a terminal as "
	  "many columns as it has room for; more are in a file or a pipe, and all with --all." },
	{ "streams", "[TUNNEL]", "the streams of the sessions", ctl_ask, "sjpw", one_daemon_exit,
	  "The streams of each session with their local peers, ages and bytes. Log lines name them in the "
	  "same way: session, stream, client." },
	{ "config", "[TUNNEL]", "the values in use and where each is from", ctl_ask, "sj", one_daemon_exit,
	  "The value of each key, and where it is from: built in, from [defaults] or from the tunnel's "
	  "section, with file and line. The key is never shown." },
	{ "top", "", "tunnels and sessions as they change, full screen", ctl_top, "sw", one_daemon_exit,
	  "A page that goes on, with graphs of throughput, round trip and loss of the selected tunnel. Its "
	  "keys are shown by ?, and q leaves it." },
	{ "reload", "", "have the daemon read its configuration again", ctl_ask, "sj", one_daemon_exit,
	  "The answer says what was done to which tunnel; or it lists the faults of the file, and nothing "
	  "was changed. The exit status is 1 also when it was done in part. Only root and the daemon's own "
	  "user may." },
	{ "reset", "[TUNNEL]", "set counters to zero", ctl_ask, "sj", one_daemon_exit,
	  "The counters of stats begin anew, those of TUNNEL or all; the metrics and files of snmplog do "
	  "not. Only root and the daemon's own user may." },
	{ "loglevel", "LEVEL", "log error, warn, info or debug messages", ctl_ask, "sj", one_daemon_exit,
	  "Messages of that level and of those before are logged until the next start, or a reload with "
	  "another loglevel. Only root and the daemon's own user may." },
	{ "close", "SESSION|STREAM", "end a session and its streams, or one stream", ctl_ask, "sj", one_daemon_exit,
	  "SESSION is named as sessions shows it. Its streams are reset; a client opens another session. STREAM "
	  "is named as streams shows it, and reset alone. Only root and the daemon's own user may." },
	{ "drain", "TUNNEL", "take no new connections; streams go on", ctl_ask, "sj", one_daemon_exit,
	  "A client's listening socket is closed, so that who connects is refused; a server resets new streams and "
	  "opens no session. What there is goes on until it ends. The tunnel goes back to work with restart. Only "
	  "root and the daemon's own user may." },
	{ "restart", "TUNNEL", "close a tunnel's sessions and start it anew", ctl_ask, "sj", one_daemon_exit,
	  "With its configuration in use, and on the same sockets. One that has failed is tried at once, and one "
	  "that was drained takes connections again. Only root and the daemon's own user may." },
	{ "version", "", "the versions of this program and of the daemon", ctl_ask, "sj", one_daemon_exit,
	  "They may differ between an upgrade and a restart of the daemon." },
	{ "genkey", "", "print a new random key", ctl_genkey, "", local_exit,
	  "32 random bytes in base64, for key or keyfile of both ends." },
	{ "import", "FILE.json...", "turn kcptun's JSON files into a kcptun.ini, on stdout", ctl_import, "", local_exit,
	  "Each file becomes a tunnel, named after it. What has no counterpart is told in a warning, with the "
	  "line of the JSON file; a fault in any of them, and nothing is printed." },
	{ "help", "[COMMAND]", "this text, or what there is to say of a command", ctl_help, "", local_exit,
	  "Of a command its arguments, what it does, its options, and its exit status." },
};

static const struct ctl_option {
	char letter;
	const char *name, *value, *text[2];
} options[] = {
	{ 's', "socket", "SOCKET", { "the socket's path, or NAME of instance kcptund@NAME",
				     "(" CONF_CONTROL_DEFAULT ")" } },
	{ 'j', "json", NULL, { "print the daemon's JSON document as it is" } },
	{ 'p', "prometheus", NULL, { "Prometheus' text (status, stats, sessions, streams)" } },
	{ 'w', "watch", "SECONDS", { "look again and again; rates are since the last look" } },
	{ 'a', "all", NULL, { "show counters that are zero, and all of sessions" } },
	{ 'h', "help", NULL, { "this text" } },
	{ 'V', "version", NULL, { "the version of this program" } },
};
/* clang-format on */

const struct ctl_command *ctl_command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

/* ---- pages ------------------------------------------------------------------------ */

static void print_option(FILE *out, const struct ctl_option *o)
{
	char head[40];

	snprintf(head, sizeof(head), "-%c, --%s%s%s", o->letter, o->name, o->value ? " " : "",
		 o->value ? o->value : "");
	fprintf(out, "  %-21s %s\n", head, o->text[0]);
	if (o->text[1] != NULL)
		fprintf(out, "  %-21s %s\n", "", o->text[1]);
}

void ctl_print_help(FILE *out)
{
	fprintf(out, "%s\nCommands:\n", usage);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(out, "  %-8s %-14s %s\n", commands[i].name, commands[i].arguments,
			commands[i].help);
	fprintf(out, "\nOptions:\n");
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		print_option(out, &options[i]);
	fprintf(out, "\n%s\n", daemon_exit);
}

/* In lines that fit a terminal. */
static void print_paragraph(FILE *out, const char *text)
{
	int column = 0;

	while (*text != '\0') {
		int n = (int)strcspn(text, " ");

		if (column > 0 && column + 1 + n > PAGE_COLUMNS) {
			fputc('\n', out);
			column = 0;
		}
		column += fprintf(out, "%s%.*s", column > 0 ? " " : "", n, text);
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void print_usage(FILE *out, const struct ctl_command *c)
{
	fprintf(out, "usage: kcptunctl %s%s%s%s\n", c->options[0] != '\0' ? "[OPTION...] " : "",
		c->name, c->arguments[0] != '\0' ? " " : "", c->arguments);
}

void ctl_print_command_help(FILE *out, const struct ctl_command *c)
{
	print_usage(out, c);
	fputc('\n', out);
	print_paragraph(out, c->about);
	if (c->options[0] != '\0')
		fprintf(out, "\nOptions:\n");
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (strchr(c->options, options[i].letter) != NULL)
			print_option(out, &options[i]);
	}
	fprintf(out, "\n%s\n", c->exits);
}

int ctl_usage(const char *command)
{
	const struct ctl_command *c = ctl_command_find(command);

	if (c != NULL)
		print_usage(stderr, c);
	else
		fputs(usage, stderr);
	fprintf(stderr, "kcptunctl help%s%s tells more\n", c != NULL ? " " : "",
		c != NULL ? c->name : "");
	return CTL_USAGE;
}

int ctl_unknown_command(const char *name)
{
	const char *names[ARRAY_LEN(commands)], *nearest;

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		names[i] = commands[i].name;
	nearest = conf_nearest(name, names, ARRAY_LEN(names));
	fprintf(stderr, "kcptunctl: unknown command: %s%s%s%s\n", name,
		nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
		nearest != NULL ? "?" : "");
	return ctl_usage("");
}

int ctl_help(int argc, char **argv)
{
	const struct ctl_command *c;
	int status = ctl_parse_options(argc, argv);

	if (status >= 0)
		return status;
	if (argc - optind > 1)
		return ctl_usage(argv[0]);
	if (argc == optind) {
		ctl_print_help(stdout);
		return CTL_DONE;
	}
	c = ctl_command_find(argv[optind]);
	if (c == NULL)
		return ctl_unknown_command(argv[optind]);
	ctl_print_command_help(stdout, c);
	return CTL_DONE;
}
