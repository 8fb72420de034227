/* tunnel_set.c - the tunnels that run, and how a new configuration changes them. */
#include "tunnel_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

/* A tunnel that leaves sends what it holds for so long at most. */
static const double LEAVE_MAX_S = 30., LEAVE_LOOK_S = 0.1;

struct leaving_tunnel {
	struct leaving_tunnel *next;
	struct tunnel *tunnel;
	double waited_s;
};

/* What becomes of one tunnel of the new configuration. */
enum fate { KEEP, CHANGE, RENEW, RESTART, START };

struct plan {
	enum fate fate;
	struct tunnel *old;   /* NULL for START */
	struct tunnel *fresh; /* made, not started yet: RESTART and START */
	char what[512];       /* which keys changed */
};

/* ---- leaving ------------------------------------------------------------------------ */

static void bury(struct tunnel_set *set, struct tunnel *t)
{
	struct counters c;

	tunnel_totals(t, &c);
	counters_retire(&set->gone, &c);
	tunnel_free(t);
}

static void on_leave(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct tunnel_set *set = w->data;
	struct leaving_tunnel **at = &set->leaving;

	while (*at != NULL) {
		struct leaving_tunnel *l = *at;

		l->waited_s += LEAVE_LOOK_S;
		if (!tunnel_is_empty(l->tunnel) && l->waited_s < LEAVE_MAX_S) {
			at = &l->next;
			continue;
		}
		log_info(l->tunnel->name, "gone");
		*at = l->next;
		bury(set, l->tunnel);
		free(l);
	}
	if (set->leaving == NULL)
		ev_timer_stop(loop, w);
}

/* Its streams end in peace, but for a bounded time; unless somebody waits for its address. */
static void leave(struct tunnel_set *set, struct tunnel *t, bool at_once)
{
	struct leaving_tunnel *l = at_once ? NULL : malloc(sizeof(*l));

	tunnel_retire(t);
	if (l == NULL) {
		bury(set, t);
		return;
	}
	*l = (struct leaving_tunnel){ set->leaving, t, 0. };
	set->leaving = l;
	ev_timer_start(set->reactor->loop, &set->leave);
}

/* ---- planning ------------------------------------------------------------------------- */

struct tunnel *tunnel_set_find(const struct tunnel_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->tunnels[i]->name, name) == 0)
			return set->tunnels[i];
	return NULL;
}

static void note_key(struct plan *p, const char *key)
{
	size_t n = strlen(p->what);

	snprintf(p->what + n, sizeof(p->what) - n, "%s%s", n > 0 ? ", " : "", key);
}

/* Compare key by key: the farthest-reaching change decides. */
static void compare(struct plan *p, const struct conf_tunnel *now, const struct conf_tunnel *then)
{
	static const enum fate fates[] = {
		[CONF_IN_USE] = CHANGE,
		[CONF_NEW_SESSIONS] = RENEW,
		[CONF_RESTART] = RESTART,
	};
	enum fate fate;

	p->fate = KEEP;
	for (size_t i = 0; i < conf_key_count(); i++) {
		if (conf_tunnel_key_equal(now, then, i))
			continue;
		note_key(p, conf_key_name(i));
		fate = fates[conf_key_reach(i)];
		if (fate > p->fate)
			p->fate = fate;
	}
}

static bool plan_one(struct tunnel_set *set, struct plan *p, struct conf_tunnel *conf)
{
	p->fate = START;
	p->old = tunnel_set_find(set, conf->name);
	if (p->old != NULL && p->old->conf->role != conf->role)
		p->old = NULL; /* another kind of tunnel that happens to have its name */
	if (p->old != NULL)
		compare(p, p->old->conf, conf);
	if (p->fate < RESTART)
		return true;
	/* Keys and ciphers are tried now, while nothing has changed yet. */
	p->fresh = tunnel_new(set->reactor, conf, set->hooks);
	return p->fresh != NULL; /* and conf is the tunnel's */
}

/* ---- doing ------------------------------------------------------------------------------ */

/* What becomes of a tunnel that runs. */
struct future {
	bool stays, restarts;
	bool in_the_way; /* of one that is to be started */
};

static struct future look_ahead(const struct plan *plans, size_t count, const struct tunnel *t)
{
	struct future f = { 0 };

	for (size_t i = 0; i < count; i++) {
		const struct plan *p = &plans[i];

		f.stays |= p->old == t && p->fresh == NULL;
		f.restarts |= p->old == t && p->fresh != NULL;
		f.in_the_way |= p->fresh != NULL && conf_tunnels_collide(p->fresh->conf, t->conf);
	}
	return f;
}

static void send_away(struct tunnel_set *set, const struct plan *plans, size_t count,
		      reload_say_fn *say, void *user)
{
	for (size_t i = 0; i < set->count; i++) {
		struct tunnel *t = set->tunnels[i];
		struct future f = look_ahead(plans, count, t);

		if (f.stays)
			continue;
		if (!f.restarts)
			say(user, t->name, "removed");
		leave(set, t, f.restarts || f.in_the_way);
	}
	for (struct leaving_tunnel *l = set->leaving; l != NULL; l = l->next)
		if (look_ahead(plans, count, l->tunnel).in_the_way)
			l->waited_s = LEAVE_MAX_S;
	if (set->leaving != NULL)
		on_leave(set->reactor->loop, &set->leave, 0);
}

/* The tunnel that results, or NULL when it could not be started. */
static struct tunnel *carry_out(struct tunnel_set *set, struct plan *p, struct conf_tunnel *conf,
				reload_say_fn *say, void *user)
{
	char text[600];

	if (p->fresh == NULL) {
		snprintf(text, sizeof(text), "%s%s",
			 p->fate == KEEP     ? "unchanged"
			 : p->fate == CHANGE ? "changed in place: "
					     : "changed for new sessions: ",
			 p->what);
		say(user, conf->name, text);
		tunnel_change(p->old, conf, p->fate != KEEP, p->fate == RENEW);
		return p->old;
	}
	if (tunnel_start(p->fresh) != 0) {
		say(user, conf->name, "could not be started, see the log");
		tunnel_free(p->fresh);
		return NULL;
	}
	snprintf(text, sizeof(text), "%s%s", p->fate == START ? "started" : "restarted: ", p->what);
	say(user, conf->name, text);
	return p->fresh;
}

static void drop_plans(struct plan *plans, size_t count, struct config *config)
{
	for (size_t i = 0; i < count; i++) {
		if (plans[i].fresh == NULL)
			continue;
		config->tunnels[i] = NULL; /* it goes with the tunnel */
		tunnel_free(plans[i].fresh);
	}
	free(plans);
}

bool tunnel_set_reload(struct tunnel_set *set, struct config *config, reload_say_fn *say, void *user)
{
	size_t count = config->tunnel_count, done = 0;
	struct plan *plans = calloc(count, sizeof(*plans));
	struct tunnel **tunnels = calloc(count, sizeof(*tunnels));

	for (size_t i = 0; i < count; i++) {
		if (plans != NULL && tunnels != NULL && plan_one(set, &plans[i], config->tunnels[i]))
			continue;
		say(user, config->tunnels[i]->name,
		    "cannot be made, see the log; nothing was changed");
		if (plans != NULL)
			drop_plans(plans, i, config);
		free(tunnels);
		return false;
	}
	send_away(set, plans, count, say, user);
	for (size_t i = 0; i < count; i++) {
		struct tunnel *t = carry_out(set, &plans[i], config->tunnels[i], say, user);

		config->tunnels[i] = NULL; /* it is the tunnel's now, or gone */
		if (t != NULL)
			tunnels[done++] = t;
	}
	free(set->tunnels);
	free(plans);
	set->tunnels = tunnels;
	set->count = done;
	return true;
}

/* ---- figures ------------------------------------------------------------------------------ */

static void add_link(struct service_figures *f, const struct link *l)
{
	struct session_info info;

	if (l->ended)
		return;
	session_get_info(l->session, &info);
	f->sessions++;
	f->streams += info.streams;
	if (info.kcp.srtt_us == 0)
		return;
	if (info.kcp.srtt_us < f->rtt_min_us || f->rtt_min_us == 0)
		f->rtt_min_us = info.kcp.srtt_us;
	if (info.kcp.srtt_us > f->rtt_max_us)
		f->rtt_max_us = info.kcp.srtt_us;
}

void tunnel_set_figures(const struct tunnel_set *set, struct service_figures *out)
{
	*out = (struct service_figures){ .tunnels = set->count };
	for (size_t i = 0; i < set->count; i++) {
		struct counters c;

		tunnel_counters(set->tunnels[i], &c);
		out->out_bytes += c.payload_out_bytes;
		out->in_bytes += c.payload_in_bytes;
		for (const struct link *l = set->tunnels[i]->links; l != NULL; l = l->next)
			add_link(out, l);
	}
}

/* ---- life --------------------------------------------------------------------------------- */

void tunnel_set_init(struct tunnel_set *set, struct reactor *r, const struct tunnel_hooks *hooks)
{
	*set = (struct tunnel_set){ .reactor = r, .hooks = hooks };
	ev_timer_init(&set->leave, on_leave, LEAVE_LOOK_S, LEAVE_LOOK_S);
	set->leave.data = set;
}

bool tunnel_set_start(struct tunnel_set *set, struct config *config)
{
	bool good = true;

	set->tunnels = calloc(config->tunnel_count, sizeof(*set->tunnels));
	if (set->tunnels == NULL)
		return false;
	/* All of them are tried, so that every fault is told at once. */
	for (size_t i = 0; i < config->tunnel_count; i++) {
		struct tunnel *t = tunnel_new(set->reactor, config->tunnels[i], set->hooks);

		if (t != NULL) {
			config->tunnels[i] = NULL;
			set->tunnels[set->count++] = t;
		}
		good &= t != NULL && tunnel_start(t) == 0;
	}
	return good;
}

void tunnel_set_drain(struct tunnel_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		tunnel_drain(set->tunnels[i]);
}

size_t tunnel_set_undrained(const struct tunnel_set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->count; i++)
		n += !tunnel_drained(set->tunnels[i]);
	for (const struct leaving_tunnel *l = set->leaving; l != NULL; l = l->next)
		n += !tunnel_drained(l->tunnel);
	return n;
}

void tunnel_set_dispose(struct tunnel_set *set)
{
	ev_timer_stop(set->reactor->loop, &set->leave);
	while (set->leaving != NULL) {
		struct leaving_tunnel *l = set->leaving;

		set->leaving = l->next;
		tunnel_free(l->tunnel);
		free(l);
	}
	for (size_t i = 0; i < set->count; i++)
		tunnel_free(set->tunnels[i]);
	free(set->tunnels);
	set->tunnels = NULL;
	set->count = 0;
}

bool tunnel_set_trim(struct tunnel_set *set)
{
	bool again = false;

	for (size_t i = 0; i < set->count; i++)
		again |= tunnel_trim(set->tunnels[i]);
	return again;
}

void tunnel_set_totals(const struct tunnel_set *set, struct counters *out)
{
	struct counters c;

	*out = set->gone;
	for (size_t i = 0; i < set->count; i++) {
		tunnel_totals(set->tunnels[i], &c);
		counters_add(out, &c);
	}
	for (const struct leaving_tunnel *l = set->leaving; l != NULL; l = l->next) {
		tunnel_totals(l->tunnel, &c);
		counters_add(out, &c);
	}
}
