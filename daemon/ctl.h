/* ctl.h - what the commands of kcptunctl share. */
#ifndef KT_CTL_H
#define KT_CTL_H

/* The exit status of kcptunctl. */
enum ctl_exit {
	CTL_DONE = 0,
	CTL_REFUSED = 1,     /* the daemon, or a check, said no */
	CTL_USAGE = 2,
	CTL_UNREACHABLE = 3, /* there is no daemon to ask */
};

struct ctl_command {
	const char *name, *arguments, *help;
	int (*run)(int argc, char **argv); /* argv[0] is the name; returns an enum ctl_exit */
};

/* Says how the command is used; always CTL_USAGE. */
int ctl_usage(const char *command);

int ctl_genkey(int argc, char **argv);
int ctl_import(int argc, char **argv);

#endif
