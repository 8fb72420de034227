/* kcptunctl.c - the command line of the tool that goes with the daemon. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "wire.h"

static const struct ctl_command commands[] = {
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
	fprintf(out, "usage: kcptunctl [--help] [--version] COMMAND\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(out, "  %-8s %-14s %s\n", commands[i].name, commands[i].arguments,
			commands[i].help);
	fprintf(out, "\nExit status: 0 done, 1 refused, 2 usage, 3 no daemon reached.\n");
}

/* -1 to go on, else the exit status. */
static int parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	/* '+': what follows the command belongs to it */
	while ((opt = getopt_long(argc, argv, "+hV", longs, NULL)) != -1) {
		switch (opt) {
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
	return -1;
}

int main(int argc, char **argv)
{
	const struct ctl_command *command;
	int status = parse(argc, argv);

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
	return command->run(argc - optind, argv + optind);
}
