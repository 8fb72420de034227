/* check.c - kcptunctl check: how the tunnels are, in sentences and as the exit status that monitors expect. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "ctl_client.h"
#include "ctl_show.h"

static int status_of(const json_t *row)
{
	const char *health = ctl_string(row, "health");

	if (strcmp(health, "well") == 0)
		return CTL_WELL;
	if (strcmp(health, "degraded") == 0)
		return CTL_DEGRADED;
	return strcmp(health, "down") == 0 ? CTL_DOWN : CTL_UNKNOWN; /* or of an older daemon */
}

/* The worst of all. */
static int judge(const json_t *rows, bool aloud)
{
	int worst = CTL_WELL;
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		int status = status_of(row);

		if (aloud && status == CTL_UNKNOWN)
			printf("%s unknown: the daemon does not say\n", ctl_string(row, "tunnel"));
		else if (aloud)
			printf("%s %s: %s\n", ctl_string(row, "tunnel"), ctl_string(row, "health"),
			       ctl_string(row, "health_text"));
		worst = status > worst ? status : worst;
	}
	if (i > 0)
		return worst;
	if (aloud)
		puts("down: there is no tunnel");
	return CTL_DOWN;
}

static int show(const struct ctl_client *c, const json_t *document)
{
	if (document == NULL || json_object_get(document, "error") != NULL) {
		printf("unknown: %s\n",
		       document != NULL ? ctl_string(document, "error") : "the answer is no JSON");
		return CTL_UNKNOWN;
	}
	if (ctl_options.format == CTL_JSON)
		puts(c->answer.p);
	return judge(json_object_get(document, "tunnels"), ctl_options.format != CTL_JSON);
}

/* One that cannot be reached is down, whatever the reason. */
static int ask(struct ctl_client *c, const char *line)
{
	json_t *document;
	int status;

	if (!ctl_client_connect(c, ctl_options.socket) || !ctl_client_ask(c, line)) {
		printf("down: %s\n", c->why);
		return CTL_DOWN;
	}
	document = ctl_client_json(c);
	status = show(c, document);
	json_decref(document);
	return status;
}

static bool is_name(const char *text)
{
	return text[0] != '\0' && strpbrk(text, " \t\r\n") == NULL;
}

int ctl_check(int argc, char **argv)
{
	struct ctl_client client;
	struct text line = { 0 };
	int status = ctl_parse_options(argc, argv);

	if (status >= 0)
		return status == CTL_DONE ? CTL_DONE : CTL_UNKNOWN;
	if (argc - optind > 1 || (argc > optind && !is_name(argv[optind])) ||
	    ctl_options.watch_s > 0 || ctl_options.format == CTL_PROMETHEUS) {
		ctl_usage("check");
		return CTL_UNKNOWN;
	}
	text_printf(&line, "status %s", argc > optind ? argv[optind] : "");
	ctl_client_init(&client);
	status = line.failed ? CTL_UNKNOWN : ask(&client, line.p);
	ctl_client_close(&client);
	text_dispose(&line);
	return status;
}
