/* tunnel_restart.c - a tunnel is started anew as it is configured, because somebody wants that.
 *
 * As with a reload the new one is opened first, with the sockets of the old one, so that there is no moment without a
 * socket, what a server remembers of datagrams is not forgotten, and a name that is not known now ends nothing.  One
 * that does not run has nothing to hand over: it is tried again as it is. */
#include <stdio.h>
#include <stdlib.h>

#include "tunnel_set_impl.h"

struct tunnel_restart {
	struct tunnel_set *set;
	struct tunnel *old;
	struct tunnel *fresh; /* with the configuration of the old one, whose it is until then; NULL: that has failed */
	tunnel_restarted_fn *done;
	void *user;
};

static void finish(struct tunnel_restart *r, struct tunnel *t, const char *what, bool failed)
{
	r->set->restart = NULL;
	r->done(r->user, t->name, what, failed);
	free(r);
}

static void fail(struct tunnel_restart *r, struct tunnel *t, const char *what, const char *why)
{
	char text[BINDING_WHY_BYTES + 64];

	snprintf(text, sizeof(text), "%s: %s", what, why);
	finish(r, t, text, true);
}

static void free_fresh(struct tunnel_restart *r)
{
	r->fresh->conf = NULL; /* it is the old one's */
	tunnel_free(r->fresh);
}

/* ---- one that runs ------------------------------------------------------------------ */

static enum socket_place held(void *user, const struct sockaddr_storage *addr)
{
	const struct tunnel_restart *r = user;

	return r->old->role->place(r->old, addr);
}

/* What the new one has no place for is closed, which may be in its way. */
static void take_sockets(struct tunnel_restart *r)
{
	struct binding *b = r->fresh->opening.binding;
	struct tunnel *old = r->old;

	for (size_t i = 0; i < b->count; i++)
		if (b->list[i].held == SOCKET_THERE)
			old->role->yield(old, &b->list[i]);
	old->role->suspend(old);
}

static void take_place(struct tunnel_restart *r)
{
	struct tunnel_set *set = r->set;
	size_t i = 0;

	while (set->tunnels[i] != r->old)
		i++;
	set->tunnels[i] = r->fresh;
}

/* All that could ask it for its configuration ends first. */
static void bury_old(struct tunnel_restart *r)
{
	struct tunnel *old = r->old;

	old->role->drain(old);
	tunnel_end_links(old);
	old->conf = NULL;
	tunnel_leave(r->set, old, true);
}

static void go_over(struct tunnel_restart *r)
{
	struct tunnel *old = r->old, *fresh = r->fresh;
	unsigned sessions = old->link_count, streams = old->relay_count;
	bool drained = old->draining, good;
	char text[160];

	take_sockets(r);
	tunnel_replaced(old);
	good = opening_complete(fresh);
	if (good && old->role->pass_on != NULL)
		old->role->pass_on(old, fresh);
	take_place(r);
	bury_old(r);
	if (!good) {
		opening_retry(fresh);
		fail(r, fresh, "closed and not started, it is tried again", fresh->opening.why);
		return;
	}
	snprintf(text, sizeof(text), "restarted, %u session%s with %u stream%s closed%s", sessions,
		 sessions == 1 ? "" : "s", streams, streams == 1 ? "" : "s",
		 drained ? "; it was draining, and takes connections again" : "");
	finish(r, fresh, text, false);
}

static void on_opened(void *user, struct tunnel *fresh)
{
	struct tunnel_restart *r = user;
	char why[BINDING_WHY_BYTES];

	if (fresh->opening.state == OPENING_OPEN) {
		go_over(r);
		return;
	}
	snprintf(why, sizeof(why), "%s", fresh->opening.why);
	free_fresh(r);
	fail(r, r->old, "not restarted, it goes on as it was", why);
}

/* ---- one that has failed ------------------------------------------------------------ */

static void on_tried(void *user, struct tunnel *t)
{
	struct tunnel_restart *r = user;

	if (t->opening.state == OPENING_OPEN && opening_complete(t)) {
		finish(r, t, "started", false);
		return;
	}
	opening_retry(t);
	fail(r, t, "not started, it is tried again", t->opening.why);
}

/* ---- either ------------------------------------------------------------------------- */

void tunnel_set_restart(struct tunnel_set *set, struct tunnel *t, tunnel_restarted_fn *done, void *user)
{
	struct tunnel_restart *r = calloc(1, sizeof(*r));
	bool runs = t->state != NULL;

	if (r != NULL && runs)
		r->fresh = tunnel_new(set->reactor, t->conf, set->hooks);
	if (r == NULL || (runs && r->fresh == NULL)) {
		free(r);
		done(user, t->name, "not restarted: out of memory", true);
		return;
	}
	r->set = set;
	r->old = t;
	r->done = done;
	r->user = user;
	set->restart = r;
	if (runs) {
		opening_begin(r->fresh, held, r, on_opened, r);
	} else {
		opening_stop(t);
		opening_begin(t, NULL, NULL, on_tried, r);
	}
}

void tunnel_set_cancel_restart(struct tunnel_set *set)
{
	struct tunnel_restart *r = set->restart;

	if (r == NULL)
		return;
	if (r->fresh != NULL) {
		free_fresh(r);
	} else {
		opening_stop(r->old);
		opening_retry(r->old);
	}
	fail(r, r->old, "not restarted", "stopping");
}
