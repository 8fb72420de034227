/* daemon.h - the set of tunnels, and the signals that start and end them. */
#ifndef KT_DAEMON_H
#define KT_DAEMON_H

#include "config.h"

/* Run the tunnels of `config` (owned from here on) until a signal ends them.
 * Returns the program's exit status. */
int daemon_run(struct config *config);

#endif
