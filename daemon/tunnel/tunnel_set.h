/* tunnel_set.h - the tunnels that there are, and how a new configuration changes them.
 *
 * Each is started by itself: one that cannot be started stays in the set as failed, with the reason,
 * and is tried again now and then; the others run.
 *
 * A reload is the difference between two configurations: a tunnel whose section
 * says what it said before is not touched at all; one that is gone stops taking work and
 * leaves when what it holds is out; one that changed takes over what can change in use and
 * is started anew for the rest.  It has two phases.  First all that is new is opened while everything goes
 * on, names without blocking; only then it is put in the place of the old, which leaves.  Where
 * both are at the same address, the new one takes over the sockets of the old, so that nobody is
 * turned away.  A tunnel that runs and whose new form cannot be opened goes on as it was; the
 * others are changed all the same. */
#ifndef KT_TUNNEL_SET_H
#define KT_TUNNEL_SET_H

#include <ev.h>

#include "config.h"
#include "reactor.h"
#include "service.h"
#include "tunnel.h"

/* All were started, or were tried for the first time and have failed. */
typedef void tunnels_started_fn(void *user);

struct tunnel_set {
	struct reactor *reactor;          /* borrowed */
	const struct tunnel_hooks *hooks; /* borrowed; of all tunnels */
	struct tunnel **tunnels; /* in the order of the configuration; owned, and so is their conf */
	size_t count;
	size_t starting; /* of them, not tried yet */
	tunnels_started_fn *started;
	void *started_user;
	struct tunnel_change *change;   /* a reload under way, or NULL */
	struct tunnel_restart *restart; /* of one tunnel, likewise */
	struct leaving_tunnel *leaving;
	struct counters gone; /* what tunnels counted that are no more */
	ev_timer leave;       /* looks whether those are drained; runs only while there are any */
};

/* `hooks`: NULL for none. */
void tunnel_set_init(struct tunnel_set *set, struct reactor *r, const struct tunnel_hooks *hooks);
/* Start all tunnels of `config`, taking them out of it; `started` is called once, from the loop.
 * False when out of memory. */
bool tunnel_set_start(struct tunnel_set *set, struct config *config, tunnels_started_fn *started,
		      void *user);

/* What was done, for the log and for who asked; `failed`: what was not. */
typedef void reload_say_fn(void *user, const char *tunnel, const char *what, bool failed);
enum reload_result {
	RELOAD_DONE,
	RELOAD_PARTLY,  /* some tunnels run as before, or not at all; which was said */
	RELOAD_REFUSED, /* nothing was changed */
};
typedef void reload_done_fn(void *user, enum reload_result result);

/* Go over to the tunnels of `config`, taking them out of it.  `config` is borrowed until `done` is
 * called, once, from the loop or before this returns.  Not while another reload, or the start, is under way. */
void tunnel_set_reload(struct tunnel_set *set, struct config *config, reload_say_fn *say,
		       reload_done_fn *done, void *user);
/* A reload under way is refused: everything stays as it is. */
void tunnel_set_cancel_reload(struct tunnel_set *set);

/* Close the sessions of a tunnel, having told their peers, and start it anew as it is configured; one that has failed is
 * tried again at once.  `done` is called once, from the loop or before this returns: what was done, or (`failed`) why it was not.  Where it cannot be
 * opened again it goes on as it was.  Not while a reload, the start or another restart is under way. */
typedef void tunnel_restarted_fn(void *user, const char *tunnel, const char *what, bool failed);
void tunnel_set_restart(struct tunnel_set *set, struct tunnel *t, tunnel_restarted_fn *done,
			void *user);
/* One that is under way is given up. */
void tunnel_set_cancel_restart(struct tunnel_set *set);

/* Take no new work, those that are leaving neither.  Nothing is started any more. */
void tunnel_set_drain(struct tunnel_set *set);
/* How many still have something to send. */
size_t tunnel_set_undrained(const struct tunnel_set *set);
void tunnel_set_dispose(struct tunnel_set *set);
/* Release memory that is not needed; true: ask again. */
bool tunnel_set_trim(struct tunnel_set *set);
/* How many have failed. */
size_t tunnel_set_failed(const struct tunnel_set *set);
/* None of them runs, and what is wrong is not merely that names are not known yet. */
bool tunnel_set_is_hopeless(const struct tunnel_set *set);
/* Counters of all tunnels there were, since their start. */
void tunnel_set_totals(const struct tunnel_set *set, struct counters *out);
/* What they carry at the moment, for the service manager. */
void tunnel_set_figures(const struct tunnel_set *set, struct service_figures *out);
struct tunnel *tunnel_set_find(const struct tunnel_set *set, const char *name);

#endif
