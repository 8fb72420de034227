/* kcptund.c - the daemon's command line. */
#include <fcntl.h>
#include <getopt.h>
#if KT_STATIC
#include <nss.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build_info.h"
#include "compat.h"
#include "config_effective.h"
#include "daemon.h"
#include "log.h"
#include "privilege.h"
#include "sip003.h"

static const char DEFAULT_FILE[] = "/etc/kcptun.ini";

static void usage(FILE *out)
{
	fprintf(out,
		"usage: kcptund [-c FILE] [--control PATH] [-t] [-T] [-v] [--help] [--version]\n"
		"       kcptund client|server [FLAG]...   one tunnel, with kcptun's flags\n"
		"\n"
		"Carries TCP connections through lossy networks inside KCP over UDP.\n"
		"Runs in the foreground and logs to stderr; SIGTERM and SIGINT stop it,\n"
		"SIGUSR1 logs the counters.\n"
		"\n"
		"  -c, --config FILE  configuration to run (%s)\n"
		"      --control PATH the control socket, whatever the configuration says\n"
		"  -t, --test         check the configuration and exit\n"
		"  -T, --dump         the same, and print it as it is in effect, without keys\n"
		"  -v, --verbose      log more than the configuration says\n"
		"  -h, --help         this text and all keys of the configuration\n"
		"  -V, --version      print the version, and what was left out\n",
		DEFAULT_FILE);
}

static void report(void *user, enum conf_severity severity, const char *line)
{
	if (log_is_journal())
		log_msg(severity == CONF_WARNING ? LOG_LEVEL_WARN : LOG_LEVEL_ERR, NULL, "%s", line);
	else
		fprintf(stderr, "%s%s\n", line, severity == CONF_WARNING ? " (warning)" : "");
}

/* For whoever types the bare name to see what it does. */
static void tell_way_on(const char *file)
{
	if (file == DEFAULT_FILE && access(file, F_OK) != 0)
		report(NULL, CONF_ERROR,
		       "kcptund: name another file with -c FILE; --help tells of all "
		       "keys, kcptun.ini(5) of the format");
}

struct options {
	struct daemon_source source;
	bool test, dump;
};

/* -1 to go on, else the exit status. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },  { "test", no_argument, NULL, 't' },
		{ "dump", no_argument, NULL, 'T' },          { "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },          { "version", no_argument, NULL, 'V' },
		{ "control", required_argument, NULL, 'C' }, { NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "c:tTvhV", longs, NULL)) != -1) {
		switch (opt) {
		case 'c':
			o->source.file = optarg;
			break;
		case 'C':
			o->source.control = optarg;
			break;
		case 'T':
			o->dump = true; /* which tests as well */
					/* fall through */
		case 't':
			o->test = true;
			break;
		case 'v':
			o->source.verbose = true;
			break;
		case 'h':
			usage(stdout);
			printf("\nKeys:\n");
			config_print_help(stdout);
			return 0;
		case 'V':
			build_info_print(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "kcptund: unexpected argument: %s\n", argv[optind]);
		usage(stderr);
		return 2;
	}
	return -1;
}

/* What is opened later must not be taken for one of these: what goes to stderr would go to it. */
static void keep_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static int tell_good(const struct config *config, const struct options *o)
{
	bool readable;

	if (!o->dump) {
		printf("%s: good, %zu tunnel%s\n", o->source.file, config->tunnel_count,
		       config->tunnel_count == 1 ? "" : "s");
		return 0;
	}
	if (!config_effective_ini(config, stdout, &readable))
		return EXIT_FAILURE;
	if (!readable)
		fprintf(stderr,
			"kcptund: a keyfile's path is too long for a line of it, or has a ';': it does not read back\n");
	return readable ? 0 : EXIT_FAILURE;
}

/* A static program cannot load what else than its files a system may have for users and groups: it would crash in
 * a library that wants another C library. */
static void know_users_by_files(void)
{
#if KT_STATIC
	static const char *const databases[] = { "passwd", "group", "initgroups" };

	for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++)
		__nss_configure_lookup(databases[i], "files");
#endif
}

int main(int argc, char **argv)
{
	struct options o = { .source.file = DEFAULT_FILE };
	struct config *config;
	enum conf_role role;
	int status;

	keep_standard_descriptors();
	know_users_by_files();
	if (argc > 0 && compat_is_program(argv[0], &role))
		return compat_main(role, argc - 1, argv + 1, report);
	if (argc > 1 && compat_is_role(argv[1], &role))
		return compat_main(role, argc - 2, argv + 2, report);
	if (sip003_wanted(argc, argv))
		return sip003_main(report);
	status = parse(argc, argv, &o);
	if (status >= 0)
		return status;
	log_open();
	config = daemon_read_config(&o.source, report, NULL);
	if (config == NULL) {
		tell_way_on(o.source.file);
		return EXIT_FAILURE; /* starting again would not help: see kcptund.service */
	}
	if (o.test || config->daemon.user != NULL)
		privilege_check(config, report, NULL);
	if (o.test) {
		status = tell_good(config, &o);
		config_free(config);
		return status;
	}
	log_set_level((enum log_level)config->daemon.loglevel);
	return daemon_run(config, &o.source);
}
