/* daemon.h - the process: its tunnels, and the signals that change and end them. */
#ifndef KT_DAEMON_H
#define KT_DAEMON_H

#include <stdbool.h>

#include "config.h"

/* Where the configuration came from, to read it again on SIGHUP.  Borrowed. */
struct daemon_source {
	const char *file;
	const char *control; /* a control socket that overrides the file's, or NULL */
	bool verbose;        /* debug, whatever the file says */
};

/* NULL after every fault was handed to `report`. */
struct config *daemon_read_config(const struct daemon_source *source, conf_report_fn *report,
				  void *user);

/* Run the tunnels of `config` (owned from here on) until a signal ends them.  `source`
 * is NULL when there is no file to read again.  Returns the program's exit status: 0, or EX_UNAVAILABLE
 * when something could not be started, which may be otherwise in a while. */
int daemon_run(struct config *config, const struct daemon_source *source);

#endif
