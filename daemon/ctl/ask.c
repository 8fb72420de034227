/* ask.c - the commands of kcptunctl that the daemon answers. */
#include "ctl.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "ctl_client.h"
#include "ctl_show.h"
#include "openmetrics.h"

/* The command as the protocol has it: one line, words parted by spaces. */
static bool make_line(int argc, char **argv, struct text *line)
{
	for (int i = 0; i < argc; i++) {
		if (argv[i][0] == '\0' || strpbrk(argv[i], " \t\r\n") != NULL) {
			fprintf(stderr, "kcptunctl: '%s' is no name\n", argv[i]);
			return false;
		}
		text_printf(line, "%s%s", i > 0 ? " " : "", argv[i]);
	}
	return !line->failed;
}

/* ---- answers ---------------------------------------------------------------------- */

static int refused(const json_t *document)
{
	const char *code = ctl_string(document, "code");
	const json_t *lines = json_object_get(document, "lines");
	json_t *line;
	size_t i;

	fprintf(stderr, "kcptunctl: %s\n", ctl_string(document, "error"));
	json_array_foreach(lines, i, line) {
		const char *tunnel = ctl_string(line, "tunnel");

		fprintf(stderr, "  %s%s%s\n", tunnel, tunnel[0] != '\0' ? ": " : "",
			ctl_string(line, "text"));
	}
	return strcmp(code, "usage") == 0 ? CTL_USAGE : CTL_REFUSED;
}

/* For node_exporter's folder of files, too, which knows only the older format. */
static int print_prometheus(const json_t *document)
{
	struct openmetrics writer = { .old = true };
	struct text out = { 0 };
	int status = CTL_DONE;

	if (!openmetrics_has(ctl_string(document, "type"))) {
		fprintf(stderr,
			"kcptunctl: --prometheus is for status, stats, sessions and streams\n");
		return CTL_USAGE;
	}
	while (!openmetrics_write(&writer, &out, document, 1000) && !out.failed)
		;
	if (out.failed || fwrite(out.p, 1, out.len, stdout) != out.len)
		status = CTL_REFUSED;
	text_dispose(&out);
	return status;
}

/* Of the terminal, or what COLUMNS says where there is none, as watch(1) has it.  0: no bound. */
static size_t columns_on_screen(void)
{
	const char *text = getenv("COLUMNS");
	struct winsize size;
	long columns = text != NULL ? strtol(text, NULL, 10) : 0;

	if (isatty(STDOUT_FILENO))
		columns = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0
				  ? size.ws_col
			  : columns > 0 ? columns
					: 80;
	return columns > 0 ? (size_t)columns : 0;
}

static int print_answer(const struct ctl_client *c, const json_t *document, const json_t *before)
{
	struct ctl_view view = { .out = stdout,
				 .colour = ctl_options.colour,
				 .all = ctl_options.all,
				 .columns = columns_on_screen() };

	if (ctl_options.format == CTL_JSON)
		printf("%s\n", c->answer.p);
	if (json_object_get(document, "error") != NULL)
		return refused(document);
	if (ctl_options.format == CTL_PROMETHEUS)
		return print_prometheus(document);
	/* Of a newer daemon: what it said is better than nothing. */
	if (ctl_options.format == CTL_TABLE && !ctl_show(&view, document, before))
		printf("%s\n", c->answer.p);
	return CTL_DONE;
}

/* ---- looks ------------------------------------------------------------------------ */

/* One look.  *last is the look before and becomes this one. */
static int look(struct ctl_client *c, const char *line, json_t **last)
{
	json_t *document;
	int status;

	if (c->fd < 0 && !ctl_client_connect(c, ctl_options.socket))
		return CTL_UNREACHABLE;
	if (!ctl_client_ask(c, line))
		return CTL_UNREACHABLE;
	document = ctl_client_json(c);
	if (document == NULL) {
		snprintf(c->why, sizeof(c->why), "%s: the answer is no JSON", ctl_options.socket);
		return CTL_UNREACHABLE;
	}
	if (ctl_options.watch_s > 0 && ctl_options.format == CTL_TABLE && isatty(STDOUT_FILENO))
		fputs("\033[H\033[2J", stdout); /* a fresh page */
	else if (*last != NULL && ctl_options.format == CTL_TABLE)
		putchar('\n');
	status = print_answer(c, document, *last);
	json_decref(*last);
	*last = document;
	if (fflush(stdout) != 0) {
		snprintf(c->why, sizeof(c->why), "cannot write: %s", strerror(errno));
		status = CTL_REFUSED;
	}
	return status;
}

static void wait_seconds(double seconds)
{
	struct timespec ts = { .tv_sec = (time_t)seconds };

	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	nanosleep(&ts, NULL);
}

static int look_on(struct ctl_client *c, const char *line)
{
	json_t *last = NULL;
	int status;

	for (;;) {
		status = look(c, line, &last);
		/* While watching, a daemon that is being restarted is waited for. */
		if (status == CTL_UNREACHABLE)
			fprintf(stderr, "kcptunctl: %s\n", c->why);
		if (ctl_options.watch_s <= 0 || (status != CTL_DONE && last == NULL) ||
		    status == CTL_REFUSED || status == CTL_USAGE)
			break;
		wait_seconds(ctl_options.watch_s);
	}
	json_decref(last);
	return status;
}

int ctl_ask(int argc, char **argv)
{
	struct ctl_client client;
	struct text line = { 0 };
	char *name = argv[0];
	int status = ctl_parse_options(argc, argv);

	if (status >= 0)
		return status;
	argv[optind - 1] = name; /* in front of what the options left */
	if (!make_line(argc - optind + 1, argv + optind - 1, &line)) {
		text_dispose(&line);
		return CTL_USAGE;
	}
	signal(SIGPIPE, SIG_DFL);
	ctl_client_init(&client);
	status = look_on(&client, line.p);
	ctl_client_close(&client);
	text_dispose(&line);
	return status;
}
