/* tunnel_set.h - the tunnels that run, and how a new configuration changes them.
 *
 * A reload is the difference between two configurations: a tunnel whose section
 * says what it said before is not touched at all; one that is gone stops taking work and
 * leaves when what it holds is out; one that changed takes over what can change in use and
 * is started anew for the rest. */
#ifndef KT_TUNNEL_SET_H
#define KT_TUNNEL_SET_H

#include <ev.h>

#include "config.h"
#include "reactor.h"
#include "service.h"
#include "tunnel.h"

struct tunnel_set {
	struct reactor *reactor;          /* borrowed */
	const struct tunnel_hooks *hooks; /* borrowed; of all tunnels */
	struct tunnel **tunnels; /* in the order of the configuration; owned, and so is their conf */
	size_t count;
	struct leaving_tunnel *leaving;
	struct counters gone; /* what tunnels counted that are no more */
	ev_timer leave;       /* looks whether those are drained; runs only while there are any */
};

/* What was done, for the log and for who asked. */
typedef void reload_say_fn(void *user, const char *tunnel, const char *what);

/* `hooks`: NULL for none. */
void tunnel_set_init(struct tunnel_set *set, struct reactor *r, const struct tunnel_hooks *hooks);
/* Start all tunnels of `config`, taking them out of it.  False when one could not be started (every
 * reason was logged). */
bool tunnel_set_start(struct tunnel_set *set, struct config *config);
/* Go over to the tunnels of `config`, taking them out of it.  False: nothing was
 * changed, and `say` told why.  A tunnel that must be started anew on its old address and then
 * fails is told as well; the others are changed all the same. */
bool tunnel_set_reload(struct tunnel_set *set, struct config *config, reload_say_fn *say, void *user);
/* Take no new work. */
void tunnel_set_drain(struct tunnel_set *set);
/* How many still have something to send. */
size_t tunnel_set_undrained(const struct tunnel_set *set);
void tunnel_set_dispose(struct tunnel_set *set);
/* Release memory that is not needed; true: ask again. */
bool tunnel_set_trim(struct tunnel_set *set);
/* Counters of all tunnels there were, since their start. */
void tunnel_set_totals(const struct tunnel_set *set, struct counters *out);
/* What they carry at the moment, for the service manager. */
void tunnel_set_figures(const struct tunnel_set *set, struct service_figures *out);
struct tunnel *tunnel_set_find(const struct tunnel_set *set, const char *name);

#endif
