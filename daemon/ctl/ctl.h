/* ctl.h - what the commands of kcptunctl share. */
#ifndef KT_CTL_H
#define KT_CTL_H

#include <stdbool.h>
#include <stdio.h>

/* The exit status of kcptunctl. */
enum ctl_exit {
	CTL_DONE = 0,
	CTL_REFUSED = 1, /* the daemon, or a check, said no */
	CTL_USAGE = 2,
	CTL_UNREACHABLE = 3, /* there is no daemon to ask */
};

/* That of `check`, which is as Nagios and what followed it have it. */
enum ctl_check_exit { CTL_WELL, CTL_DEGRADED, CTL_DOWN, CTL_UNKNOWN };

enum ctl_format { CTL_TABLE, CTL_JSON, CTL_PROMETHEUS };

/* What the command line asks for, before or behind a command of the daemon. */
struct ctl_options {
	char socket[128]; /* path */
	enum ctl_format format;
	double watch_s; /* 0: look once */
	bool all;       /* counters that are zero, all columns of sessions, as well */
	bool colour;    /* found out, not given: a terminal, and not against NO_COLOR */
};
extern struct ctl_options ctl_options;

struct ctl_command {
	const char *name, *arguments, *help;
	int (*run)(int argc, char **argv); /* argv[0] is the name; returns an enum ctl_exit */
	const char *options;               /* letters of those that mean something to it */
	const char *exits, *about;         /* its exit status, and a paragraph */
};

/* ---- commands.c ---- */

const struct ctl_command *ctl_command_find(const char *name); /* NULL: there is none */
void ctl_print_help(FILE *out);
void ctl_print_command_help(FILE *out, const struct ctl_command *c);
/* Says how the command is used; "" is the program.  Always CTL_USAGE. */
int ctl_usage(const char *command);
/* Says what may have been meant; always CTL_USAGE. */
int ctl_unknown_command(const char *name);

/* Take the options out of argv and set optind to what is left.  -1, or an enum ctl_exit when
 * that was all or was wrong. */
int ctl_parse_options(int argc, char **argv);

int ctl_help(int argc, char **argv);
int ctl_genkey(int argc, char **argv);
int ctl_import(int argc, char **argv);
int ctl_ask(int argc, char **argv);   /* one of the daemon's commands, as it is named */
int ctl_check(int argc, char **argv); /* returns an enum ctl_check_exit */
int ctl_top(int argc, char **argv);

#endif
