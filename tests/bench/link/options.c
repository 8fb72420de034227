/* options.c - linkrelay's command line. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "links.h"

#define DEFAULT_HOST "127.0.0.1"

enum { OPT_HELP = 1, OPT_LIST, OPT_LISTEN, OPT_TO, OPT_LINK, OPT_SEED };

static const struct option long_options[] = {
	{ "help", no_argument, NULL, OPT_HELP },
	{ "list", no_argument, NULL, OPT_LIST },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "to", required_argument, NULL, OPT_TO },
	{ "link", required_argument, NULL, OPT_LINK },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ NULL, 0, NULL, 0 },
};

__attribute__((noreturn)) static void die(const char *what, const char *which)
{
	fprintf(stderr, "linkrelay: %s%s%s\n", what, which[0] != '\0' ? ": " : "", which);
	exit(2);
}

static void help(void)
{
	puts("usage: linkrelay --listen [ADDRESS:]PORT --to [ADDRESS:]PORT [options]\n"
	     "A UDP relay with a link in it.  Up is from those that send to --listen, each of which\n"
	     "gets a socket of its own towards --to; down is back to them.\n"
	     "  --link NAME[,KEY=VALUE...]  the link (wan); the keys are below, \"up.\" or \"down.\"\n"
	     "                        before one is for one direction\n"
	     "  --seed N              of all that is random (1)\n"
	     "  --list                the links that have a name\n"
	     "The counts are printed, as a line of JSON, upon SIGUSR1 and at the end, which is\n"
	     "SIGTERM or SIGINT.\n"
	     "keys of a link:");
	link_print_keys();
}

/* "PORT", "ADDRESS:PORT" or "[ADDRESS]:PORT"; an address in numbers. */
static bool split(const char *text, char host[64], const char **port)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;

	*port = colon != NULL ? colon + 1 : text;
	if (colon == NULL) {
		strcpy(host, DEFAULT_HOST);
		return true;
	}
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len == 0 || len >= 64)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	return true;
}

static bool is_port(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && n >= 1 && n <= 65535;
}

static void set_endpoint(struct endpoint *e, const char *text)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST };
	struct addrinfo *found;
	char host[64];
	const char *port;

	if (!split(text, host, &port))
		die("not [ADDRESS:]PORT", text);
	if (!is_port(port))
		die("a port is 1 to 65535", text);
	if (getaddrinfo(host, port, &hints, &found) != 0)
		die("not an address in numbers", text);
	e->text = text;
	e->len = found->ai_addrlen;
	memcpy(&e->addr, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
}

static void set_link(struct options *o, const char *text)
{
	char why[LINK_WHY_MAX];

	if (!link_parse(text, o->link, why))
		die("--link", why);
}

static void set_seed(struct options *o, const char *text)
{
	char *end;

	errno = 0;
	o->seed = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0)
		die("a seed is a number", text);
}

static void set_option(struct options *o, int opt, const char *arg)
{
	switch (opt) {
	case OPT_HELP:
		help();
		exit(0);
	case OPT_LIST:
		link_print_names();
		exit(0);
	case OPT_LISTEN:
		set_endpoint(&o->listen, arg);
		break;
	case OPT_TO:
		set_endpoint(&o->to, arg);
		break;
	case OPT_LINK:
		set_link(o, arg);
		break;
	case OPT_SEED:
		set_seed(o, arg);
		break;
	default:
		exit(2);
	}
}

void options_parse(struct options *o, int argc, char **argv)
{
	int opt;

	memset(o, 0, sizeof(*o));
	o->seed = 1;
	set_link(o, "wan");
	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		set_option(o, opt, optarg);
	if (optind < argc)
		die("not understood", argv[optind]);
	if (o->listen.text == NULL || o->to.text == NULL)
		die("--listen and --to are required", "");
}
