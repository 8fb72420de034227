/* lab.c - the simulator as a laboratory: real sessions on virtual time over links with a rate, a
 * queue and all that happens to packets on the way.
 *
 *     lab --list
 *     lab --link wan-5 --config default [--load thin] [--seeds 4]
 *     lab --link wan,loss=3,up.rate=10 --seed 7 --trace
 *     lab --table --link wan-1 --link wan-5 --config default --config fast3-1024
 *
 * The same arguments give the same figures, to the last digit. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "checks.h"
#include "experiment.h"
#include "links.h"
#include "plot.h"
#include "report.h"
#include "rivals.h"
#include "seal.h"

enum { CHOICES_MAX = 64, SEEDS_MAX = 64, CHECK_SEEDS = 3 };

struct options {
	struct spec spec;
	const char *links[CHOICES_MAX];
	const struct config *configs[CHOICES_MAX];
	unsigned link_count, config_count;
	unsigned seeds;
	const char *plot;
	bool list, table, trace, check;
	bool failed;
};

__attribute__((noreturn)) static void die(const char *what, const char *which)
{
	fprintf(stderr, "lab: %s%s%s\n", what, which[0] != '\0' ? ": " : "", which);
	exit(2);
}

/* ---- arguments ---------------------------------------------------------------------------- */

enum {
	OPT_HELP = 1,
	OPT_LIST,
	OPT_LINK,
	OPT_CONFIG,
	OPT_LOAD,
	OPT_DIRECTION,
	OPT_SECONDS,
	OPT_SEEDS,
	OPT_SEED,
	OPT_STREAMS,
	OPT_BULK_STREAMS,
	OPT_THIN_FIRST,
	OPT_CONN,
	OPT_SIZE,
	OPT_HZ,
	OPT_CRYPT,
	OPT_TIMER,
	OPT_RIVAL,
	OPT_RIVALS,
	OPT_RIVAL_AFTER,
	OPT_TRACE,
	OPT_TABLE,
	OPT_PLOT,
	OPT_CHECK
};

static const struct option long_options[] = {
	{ "help", no_argument, NULL, OPT_HELP },
	{ "list", no_argument, NULL, OPT_LIST },
	{ "link", required_argument, NULL, OPT_LINK },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "load", required_argument, NULL, OPT_LOAD },
	{ "direction", required_argument, NULL, OPT_DIRECTION },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "seeds", required_argument, NULL, OPT_SEEDS },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "streams", required_argument, NULL, OPT_STREAMS },
	{ "bulk-streams", required_argument, NULL, OPT_BULK_STREAMS },
	{ "thin-first", no_argument, NULL, OPT_THIN_FIRST },
	{ "conn", required_argument, NULL, OPT_CONN },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "hz", required_argument, NULL, OPT_HZ },
	{ "crypt", required_argument, NULL, OPT_CRYPT },
	{ "timer", required_argument, NULL, OPT_TIMER },
	{ "rival", required_argument, NULL, OPT_RIVAL },
	{ "rivals", required_argument, NULL, OPT_RIVALS },
	{ "rival-after", required_argument, NULL, OPT_RIVAL_AFTER },
	{ "trace", optional_argument, NULL, OPT_TRACE },
	{ "table", no_argument, NULL, OPT_TABLE },
	{ "plot", required_argument, NULL, OPT_PLOT },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ NULL, 0, NULL, 0 },
};

static void help(void)
{
	puts("usage: lab [options]\n"
	     "  --list                the links, configurations and loads that have a name\n"
	     "  --link NAME[,KEY=VALUE...]  the link (wan); the keys are below, \"up.\" or \"down.\"\n"
	     "                        before one is for one direction\n"
	     "  --config NAME         the tunnel's configuration (default)\n"
	     "  --load NAME           what is carried (bulk)\n"
	     "  --direction WAY       down, up; both for the bulk streams of a mix (down)\n"
	     "  --seconds N           of the load\n"
	     "  --seed N              of one run (1)\n"
	     "  --seeds N             so many runs with seeds from there on, and their means\n"
	     "  --streams N           of the load; of a mix the thin ones\n"
	     "  --bulk-streams N      of a mix (1)\n"
	     "  --thin-first          a mix's thin streams are opened before the bulk ones\n"
	     "  --conn N              sessions\n"
	     "  --size BYTES          of a message or a transfer\n"
	     "  --hz N                messages per second and stream\n"
	     "  --crypt NAME          the cipher (aes); none is faster and as long\n"
	     "  --timer US            the host's timers are as coarse as that (0)\n"
	     "  --rival KIND          beside it: cubic, bbr, or same, one more such tunnel\n"
	     "  --rivals N            so many of them (1)\n"
	     "  --rival-after SECONDS  they begin later (0)\n"
	     "  --trace[=SECONDS]     a line for each period (0.1)\n"
	     "  --table               a table of all --link and --config, which may be many\n"
	     "  --plot FILE.png       a picture of that, or FILE.svg; gnuplot draws it\n"
	     "  --check               what must hold, of --link and --config if they are given\n"
	     "keys of a link:");
	link_print_keys();
}

static enum experiment_kind kind_find(const char *name)
{
	for (int i = 0; i < EXPERIMENT_KINDS; i++)
		if (strcmp(experiment_kinds[i], name) == 0)
			return (enum experiment_kind)i;
	die("there is no load of this name", name);
}

static double number(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end != '\0' || !(v >= 0 && v < 1e12))
		die("not a number", text);
	return v;
}

static void add_link(struct options *o, const char *text)
{
	if (o->link_count == CHOICES_MAX)
		die("too many links", "");
	o->links[o->link_count++] = text;
}

static void add_config(struct options *o, const char *name)
{
	const struct config *c = config_find(name);

	if (c == NULL)
		die("there is no configuration of this name", name);
	if (o->config_count == CHOICES_MAX)
		die("too many configurations", "");
	o->configs[o->config_count++] = c;
}

static void set_direction(struct options *o, const char *way)
{
	o->spec.up = strcmp(way, "up") == 0;
	o->spec.both = strcmp(way, "both") == 0;
	if (!o->spec.up && !o->spec.both && strcmp(way, "down") != 0)
		die("not a direction", way);
}

static void set_crypt(struct options *o, const char *name)
{
	if (seal_method_find(name) == NULL)
		die("there is no cipher of this name", name);
	o->spec.crypt = name;
}

static void set_rival(struct options *o, const char *kind)
{
	if (!rivals_known(kind))
		die("there is no rival of this name", kind);
	o->spec.rival = kind;
}

static void set_rivals(struct options *o, const char *count)
{
	o->spec.rivals = (unsigned)number(count);
	if (o->spec.rivals > EXPERIMENT_RIVALS_MAX)
		die("too many rivals", count);
}

static void set_option(struct options *o, int opt, const char *arg)
{
	switch (opt) {
	case OPT_HELP:
		help();
		exit(0);
	case OPT_LIST:
		o->list = true;
		break;
	case OPT_LINK:
		add_link(o, arg);
		break;
	case OPT_CONFIG:
		add_config(o, arg);
		break;
	case OPT_LOAD:
		o->spec.kind = kind_find(arg);
		break;
	case OPT_DIRECTION:
		set_direction(o, arg);
		break;
	case OPT_SECONDS:
		o->spec.seconds = number(arg);
		break;
	case OPT_SEEDS:
		o->seeds = (unsigned)number(arg);
		break;
	case OPT_SEED:
		o->spec.seed = (uint64_t)number(arg);
		break;
	case OPT_STREAMS:
		o->spec.streams = (unsigned)number(arg);
		break;
	case OPT_BULK_STREAMS:
		o->spec.bulk_streams = (unsigned)number(arg);
		break;
	case OPT_THIN_FIRST:
		o->spec.thin_first = true;
		break;
	case OPT_CONN:
		o->spec.conn = (unsigned)number(arg);
		break;
	case OPT_SIZE:
		o->spec.size = (uint64_t)number(arg);
		break;
	case OPT_HZ:
		o->spec.hz = number(arg);
		break;
	case OPT_CRYPT:
		set_crypt(o, arg);
		break;
	case OPT_TIMER:
		o->spec.timer_us = (uint32_t)number(arg);
		break;
	case OPT_RIVAL:
		set_rival(o, arg);
		break;
	case OPT_RIVALS:
		set_rivals(o, arg);
		break;
	case OPT_RIVAL_AFTER:
		o->spec.rival_after_s = number(arg);
		break;
	case OPT_TRACE:
		o->trace = true;
		o->spec.trace_s = arg != NULL ? number(arg) : 0;
		break;
	case OPT_TABLE:
		o->table = true;
		break;
	case OPT_PLOT:
		o->plot = arg;
		break;
	case OPT_CHECK:
		o->check = true;
		break;
	default:
		exit(2);
	}
}

static void parse(struct options *o, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		set_option(o, opt, optarg);
	if (optind < argc)
		die("not understood", argv[optind]);
	if (o->seeds > SEEDS_MAX)
		die("so many seeds are not possible", "");
	if (o->check)
		return;
	if (o->link_count == 0)
		add_link(o, "wan");
	if (o->config_count == 0)
		add_config(o, "default");
	if (o->seeds == 0)
		o->seeds = 1;
}

/* ---- what it does --------------------------------------------------------------------------- */

static void list(void)
{
	puts("links:");
	link_print_names();
	puts("configurations:");
	for (size_t i = 0; i < config_count; i++)
		printf("  %-16s%s\n", configs[i].name, configs[i].what);
	puts("loads:");
	for (int i = 0; i < EXPERIMENT_KINDS; i++)
		printf("  %s\n", experiment_kinds[i]);
}

static void choose(struct options *o, unsigned link, unsigned config)
{
	char why[LINK_WHY_MAX];

	o->spec.link_name = o->links[link];
	o->spec.config = o->configs[config];
	if (!link_parse(o->links[link], o->spec.link, why))
		die(why, o->links[link]);
}

static void run_seeds(struct options *o, struct figures *mean)
{
	struct figures runs[SEEDS_MAX];
	uint64_t first = o->spec.seed;

	for (unsigned i = 0; i < o->seeds; i++) {
		o->spec.seed = first + i;
		experiment_run(&o->spec, &runs[i]);
	}
	o->spec.seed = first;
	figures_mean(runs, o->seeds, mean);
}

static void use_trace(const struct trace *t, void *user)
{
	struct options *o = user;
	char title[256];

	if (o->trace)
		trace_print(t, stdout);
	if (o->plot == NULL)
		return;
	snprintf(title, sizeof(title), "%s: %s over %s, seed %llu", experiment_kinds[o->spec.kind],
		 o->spec.config->name, o->spec.link_name, (unsigned long long)o->spec.seed);
	o->failed |= !plot_write(t, title, o->plot);
}

static bool run_one(struct options *o)
{
	struct figures mean;

	choose(o, 0, 0);
	if (o->trace || o->plot != NULL) {
		o->spec.trace_s = o->spec.trace_s > 0 ? o->spec.trace_s : 0.1;
		o->spec.traced = use_trace;
		o->spec.user = o;
	}
	run_seeds(o, &mean);
	fflush(stdout);
	report_one(o->trace ? stderr : stdout, &mean);
	return mean.good && !o->failed;
}

/* Without --link and --config everything, the laboratory itself included. */
static bool run_checks(struct options *o)
{
	const char *link = o->link_count > 0 ? o->links[0] : NULL;
	const char *config = o->config_count > 0 ? o->configs[0]->name : NULL;
	bool good = link != NULL || config != NULL || checks_self();

	return bounds_check(link, config, o->spec.seed, o->seeds > 0 ? o->seeds : CHECK_SEEDS) && good;
}

static bool run_table(struct options *o)
{
	struct figures mean, head;
	bool good = true;

	for (unsigned link = 0; link < o->link_count; link++) {
		for (unsigned config = 0; config < o->config_count; config++) {
			choose(o, link, config);
			run_seeds(o, &mean);
			if (link == 0 && config == 0) {
				head = mean;
				report_head(stdout, "link", "config", &head);
			}
			report_row(stdout, o->links[link], o->configs[config]->name, &mean, &head);
			good &= mean.good;
		}
	}
	return good;
}

int main(int argc, char **argv)
{
	struct options o = { .spec = { .seed = 1 } };

	parse(&o, argc, argv);
	if (o.list) {
		list();
		return 0;
	}
	if (o.check)
		return run_checks(&o) ? 0 : 1;
	return (o.table ? run_table(&o) : run_one(&o)) ? 0 : 1;
}
