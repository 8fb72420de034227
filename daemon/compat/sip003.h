/* sip003.h - kcptund as a plugin of shadowsocks (SIP003).
 *
 * The plugin's side of the tunnel is all in the environment.  At a client (ss-local) it takes
 * TCP at SS_LOCAL_* and carries it to SS_REMOTE_*; told `server` in SS_PLUGIN_OPTIONS, it
 * awaits clients at SS_REMOTE_* over UDP and connects each stream to SS_LOCAL_*, the
 * ss-server.  Further options are named as the keys of kcptun.ini(5) or as kcptun's flags:
 *
 *     server;key=...;mode=fast2;nocomp
 *
 * with a backslash before each ';', '=' and backslash that is meant as such. */
#ifndef KT_SIP003_H
#define KT_SIP003_H

#include <stdbool.h>

#include "compat.h"

/* The environment's; NULL where it has none. */
struct sip003 {
	const char *remote_host, *remote_port, *local_host, *local_port;
	const char *options;
};

/* Is this process a plugin?  All of the four must be there, and no argument of ours. */
bool sip003_wanted(int argc, char **argv);
/* Is `server` among the options? */
bool sip003_is_server(const char *options);
/* All of it to options of one tunnel; c->role must be that of sip003_is_server().  Faults are
 * reported and counted there. */
void sip003_take(struct compat *c, const struct sip003 *env);
/* Run until a signal, or until the parent is gone.  The exit status of the program. */
int sip003_main(conf_report_fn *report);

#endif
