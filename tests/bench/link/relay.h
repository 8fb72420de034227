/* relay.h - the relay: sockets, a timer, and a link in each direction between them. */
#ifndef LINKRELAY_RELAY_H
#define LINKRELAY_RELAY_H

#include "options.h"

/* Runs until SIGTERM or SIGINT; the program's exit code. */
int relay_run(const struct options *o);

#endif
