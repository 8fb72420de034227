/* tunnel_change.c - from one configuration to the next: plan, open what is new, commit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel_set_impl.h"

/* What becomes of one tunnel of the new configuration. */
enum fate { KEEP, CHANGE, RENEW, RESTART, START };

struct plan {
	struct tunnel_change *change; /* that it is a part of */
	enum fate fate;
	struct tunnel *old;   /* that it goes on from; NULL for START */
	struct tunnel *fresh; /* RESTART and START: being opened */
	bool yielded;         /* `old` gave up some of its sockets */
	bool lost;            /* `old` cannot go on, even if the fresh one has failed */
	bool drained;         /* `old` takes no new work because somebody wants that */
	char what[512];       /* which keys changed */
};

struct tunnel_change {
	struct tunnel_set *set;
	struct config *config; /* borrowed */
	struct plan *plans;    /* one for each of its tunnels */
	size_t count;
	size_t opening; /* plans whose tunnel is neither open nor failed yet */
	reload_say_fn *say;
	reload_done_fn *done;
	void *user;
	bool partly; /* something failed */
};

static void say(struct tunnel_change *c, const char *tunnel, const char *what)
{
	c->say(c->user, tunnel, what, false);
}

static void say_failed(struct tunnel_change *c, const char *tunnel, const char *what, const char *why)
{
	char text[BINDING_WHY_BYTES + 64];

	snprintf(text, sizeof(text), "%s: %s", what, why);
	c->partly = true;
	c->say(c->user, tunnel, text, true);
}

/* ---- planning ------------------------------------------------------------------------- */

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

/* What does not run is no tunnel to go on from, and nor is another kind that happens to have the name. */
static struct tunnel *predecessor(const struct tunnel_set *set, const struct conf_tunnel *conf)
{
	struct tunnel *t = tunnel_set_find(set, conf->name);

	return t != NULL && t->state != NULL && t->conf->role == conf->role ? t : NULL;
}

/* False: out of memory. */
static bool plan_one(struct tunnel_change *c, struct plan *p, struct conf_tunnel **conf)
{
	p->change = c;
	p->fate = START;
	p->old = predecessor(c->set, *conf);
	if (p->old != NULL)
		compare(p, p->old->conf, *conf);
	if (p->fate < RESTART)
		return true;
	p->fresh = tunnel_new(c->set->reactor, *conf, c->set->hooks);
	if (p->fresh == NULL)
		return false;
	*conf = NULL; /* it is the tunnel's now */
	return true;
}

static bool plan_all(struct tunnel_change *c)
{
	c->plans = calloc(c->count, sizeof(*c->plans));
	for (size_t i = 0; c->plans != NULL && i < c->count; i++)
		if (!plan_one(c, &c->plans[i], &c->config->tunnels[i]))
			return false;
	return c->plans != NULL;
}

/* ---- who gives way -------------------------------------------------------------------- */

static bool is_failed(const struct plan *p)
{
	return p->fresh != NULL && p->fresh->opening.state == OPENING_FAILED;
}

/* Does a tunnel of the set go on, by its own plan or because that has failed? */
static bool stays(const struct tunnel_change *c, const struct tunnel *t)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->plans[i].old == t)
			return c->plans[i].fresh == NULL ||
			       (is_failed(&c->plans[i]) && !c->plans[i].lost);
	return false;
}

/* A socket that was opened for another way is only in the way of one that `conf` asks for. */
static enum socket_place place_of(const struct tunnel *t, const struct conf_tunnel *conf,
				  const struct sockaddr_storage *addr)
{
	enum socket_place place;

	if (t->conf->role != conf->role || t->state == NULL || conf_tunnels_apart(t->conf, conf))
		return SOCKET_ELSEWHERE;
	place = t->role->place(t, addr);
	return place == SOCKET_THERE && !conf_tunnels_same_way(t->conf, conf) ? SOCKET_IN_WAY : place;
}

/* Whoever has something of a kind at an address or in its way, of those that go or of those that stay. */
static struct tunnel *find_holder(const struct tunnel_change *c, const struct conf_tunnel *conf,
				  const struct sockaddr_storage *addr, bool goes,
				  enum socket_place *place)
{
	struct tunnel *found = NULL;

	*place = SOCKET_ELSEWHERE;
	for (size_t i = 0; i < c->set->count; i++) {
		struct tunnel *t = c->set->tunnels[i];
		enum socket_place one = place_of(t, conf, addr);

		if (one <= *place || stays(c, t) == goes)
			continue;
		*place = one;
		found = t;
	}
	for (struct leaving_tunnel *l = c->set->leaving; l != NULL && goes; l = l->next) {
		enum socket_place one = place_of(l->tunnel, conf, addr);

		if (one <= *place)
			continue;
		*place = one;
		found = l->tunnel;
	}
	return found;
}

/* For a binding: what those have who will give it up, as far as is known yet. */
static enum socket_place held(void *user, const struct sockaddr_storage *addr)
{
	const struct plan *p = user;
	enum socket_place place;

	find_holder(p->change, p->fresh->conf, addr, true, &place);
	return place;
}

/* One whose own change has failed keeps its addresses, and so whoever was to have them fails, too. */
static bool is_denied(struct plan *p)
{
	const struct binding *b = p->fresh->opening.binding;
	enum socket_place place;

	for (size_t i = 0; i < b->count; i++) {
		const struct tunnel *t = NULL;

		if (b->list[i].held)
			t = find_holder(p->change, p->fresh->conf, &b->list[i].addr, false, &place);
		if (t == NULL)
			continue;
		opening_fail(p->fresh, "cannot listen on %s: %s has it, and goes on as it was",
			     conf_tunnel_bound(p->fresh->conf)->text, t->name);
		return true;
	}
	return false;
}

static bool deny(struct tunnel_change *c)
{
	bool denied = false;

	for (size_t i = 0; i < c->count; i++)
		if (c->plans[i].fresh != NULL && !is_failed(&c->plans[i]))
			denied |= is_denied(&c->plans[i]);
	return denied;
}

static void suspend_in_way(struct tunnel_change *c, struct plan *p, const struct sockaddr_storage *addr)
{
	enum socket_place place;
	struct tunnel *t;

	/* One that is suspended is nowhere. */
	while ((t = find_holder(c, p->fresh->conf, addr, true, &place)) != NULL) {
		if (t->suspended)
			break;
		t->role->suspend(t);
		t->suspended = true;
	}
}

/* What the old is merely in the way of is opened while that has closed its own, before anything is
 * given up.  True: it could not be. */
static bool make_way(struct tunnel_change *c, struct plan *p)
{
	const struct binding *b = p->fresh->opening.binding;

	for (size_t i = 0; i < b->count; i++)
		if (b->list[i].held == SOCKET_IN_WAY)
			suspend_in_way(c, p, &b->list[i].addr);
	if (binding_open_in_way(p->fresh->opening.binding))
		return false;
	opening_fail(p->fresh, "%s", b->why);
	return true;
}

/* Where nobody has come into their place they have their sockets again, to go on or to leave in peace. */
static void resume_suspended(struct tunnel_change *c)
{
	for (size_t i = 0; i < c->set->count; i++)
		if (c->set->tunnels[i]->suspended)
			c->set->tunnels[i]->suspended = !c->set->tunnels[i]->role->resume(
				c->set->tunnels[i]);
	for (struct leaving_tunnel *l = c->set->leaving; l != NULL; l = l->next)
		if (l->tunnel->suspended)
			l->tunnel->suspended = !l->tunnel->role->resume(l->tunnel);
	for (size_t i = 0; i < c->count; i++)
		c->plans[i].lost = c->plans[i].old != NULL && c->plans[i].old->suspended;
}

/* Until it is settled which of the plans can be carried out. */
static void settle(struct tunnel_change *c)
{
	bool again = true;

	while (again) {
		while (deny(c)) /* before anybody is moved out of a way that then leads nowhere */
			;
		again = false;
		for (size_t i = 0; i < c->count; i++)
			if (c->plans[i].fresh != NULL && !is_failed(&c->plans[i]))
				again |= make_way(c, &c->plans[i]);
	}
	resume_suspended(c);
}

/* ---- the new comes -------------------------------------------------------------------- */

static void note_yielded(struct tunnel_change *c, const struct tunnel *t)
{
	for (size_t i = 0; i < c->count; i++)
		c->plans[i].yielded |= c->plans[i].old == t;
}

/* What the new can take over from the old. */
static void take_over(struct tunnel_change *c, struct plan *p)
{
	struct binding *b = p->fresh->opening.binding;
	enum socket_place place;

	for (size_t i = 0; i < b->count; i++) {
		struct tunnel *t = NULL;

		if (b->list[i].held)
			t = find_holder(c, p->fresh->conf, &b->list[i].addr, true, &place);
		if (t != NULL && place == SOCKET_THERE) {
			note_yielded(c, t);
			t->role->yield(t, &b->list[i]);
		}
	}
}

static struct tunnel *change_in_place(struct tunnel_change *c, struct plan *p, struct conf_tunnel *conf)
{
	char text[600];

	snprintf(text, sizeof(text), "%s%s%s",
		 p->fate == KEEP     ? "unchanged"
		 : p->fate == CHANGE ? "changed in place: "
				     : "changed for new sessions: ",
		 p->what, p->drained ? "; still draining" : "");
	say(c, conf->name, text);
	tunnel_change(p->old, conf, p->fate != KEEP, p->fate == RENEW);
	return p->old;
}

static struct tunnel *keep_old(struct tunnel_change *c, struct plan *p)
{
	say_failed(c, p->old->name, "not changed, it goes on as it was", p->fresh->opening.why);
	tunnel_free(p->fresh);
	p->fresh = NULL;
	return p->old;
}

static struct tunnel *start_fresh(struct tunnel_change *c, struct plan *p)
{
	struct tunnel *t = p->fresh;
	char text[600];

	if (is_failed(p) || !opening_complete(t)) {
		if (p->old != NULL && !p->yielded && !p->lost)
			return keep_old(c, p);
		p->lost = true; /* it had given up its sockets, or could not have them again */
		say_failed(c, t->name, "not started, it is tried again", t->opening.why);
		opening_retry(t);
		return t;
	}
	if (p->old != NULL && p->old->role->pass_on != NULL)
		p->old->role->pass_on(p->old, t);
	snprintf(text, sizeof(text), "%s%s%s", p->fate == START ? "started" : "restarted: ", p->what,
		 p->drained ? "; it was draining, and takes connections again" : "");
	say(c, t->name, text);
	return t;
}

/* The tunnel that results. */
static struct tunnel *carry_out(struct tunnel_change *c, size_t i)
{
	struct plan *p = &c->plans[i];
	struct conf_tunnel *conf = c->config->tunnels[i];

	c->config->tunnels[i] = NULL; /* it is the tunnel's now */
	if (p->fresh == NULL)
		return change_in_place(c, p, conf);
	if (is_failed(p) && p->old != NULL && !p->lost)
		return keep_old(c, p);
	return start_fresh(c, p);
}

/* ---- the old goes --------------------------------------------------------------------- */

static bool is_planned(const struct tunnel_change *c, const struct tunnel *t)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct plan *p = &c->plans[i];

		if (p->old == t ||
		    (p->fresh != NULL && t->state == NULL && strcmp(p->fresh->name, t->name) == 0))
			return true;
	}
	return false;
}

/* Lines of two in one file could not be told apart. */
static bool gives_up_snmplog(const struct tunnel_change *c, const struct tunnel *t)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct tunnel *fresh = c->plans[i].fresh;

		if (fresh != NULL && fresh->conf->snmplog != NULL && t->conf->snmplog != NULL &&
		    strcmp(fresh->conf->snmplog, t->conf->snmplog) == 0)
			return true;
	}
	return false;
}

/* The sessions of a server have its sockets; those of a client have their own, and outlive it. */
static bool must_go(const struct tunnel *t)
{
	return tunnel_is_empty(t) || (t->conf->role == ROLE_SERVER && t->suspended);
}

static void send_away(struct tunnel_change *c)
{
	struct tunnel_set *set = c->set;

	for (size_t i = 0; i < set->count; i++) {
		struct tunnel *t = set->tunnels[i];

		if (stays(c, t))
			continue;
		if (is_planned(c, t) || gives_up_snmplog(c, t))
			tunnel_replaced(t);
		if (!is_planned(c, t))
			say(c, t->name, "removed");
		tunnel_leave(set, t, must_go(t));
	}
	for (struct leaving_tunnel *l = set->leaving; l != NULL; l = l->next)
		if (must_go(l->tunnel))
			tunnel_leave_hurry(l);
	if (set->leaving != NULL)
		tunnel_leave_look(set);
}

/* ---- the whole ------------------------------------------------------------------------ */

static void finish(struct tunnel_change *c, enum reload_result result)
{
	reload_done_fn *done = c->done;
	void *user = c->user;

	c->set->change = NULL;
	free(c->plans);
	free(c);
	done(user, result);
}

static void refuse(struct tunnel_change *c)
{
	struct tunnel_set *set = c->set;

	for (size_t i = 0; c->plans != NULL && i < c->count; i++)
		tunnel_free(c->plans[i].fresh);
	for (size_t i = 0; i < set->count; i++)
		if (set->tunnels[i]->state == NULL)
			opening_retry(set->tunnels[i]);
	finish(c, RELOAD_REFUSED);
}

static void commit(struct tunnel_change *c, struct tunnel **tunnels)
{
	for (size_t i = 0; i < c->count; i++)
		c->plans[i].drained = c->plans[i].old != NULL && c->plans[i].old->draining;
	settle(c);
	for (size_t i = 0; i < c->count; i++)
		if (c->plans[i].fresh != NULL && !is_failed(&c->plans[i]))
			take_over(c, &c->plans[i]);
	for (size_t i = 0; i < c->count; i++)
		tunnels[i] = carry_out(c, i);
	send_away(c);
	free(c->set->tunnels);
	c->set->tunnels = tunnels;
	c->set->count = c->count;
	finish(c, c->partly ? RELOAD_PARTLY : RELOAD_DONE);
}

static void all_opened(struct tunnel_change *c)
{
	struct tunnel **tunnels = calloc(c->count, sizeof(struct tunnel *));

	if (tunnels != NULL) {
		commit(c, tunnels);
		return;
	}
	say_failed(c, NULL, "nothing was changed", "out of memory");
	refuse(c);
}

static void on_opened(void *user, struct tunnel *t)
{
	struct plan *p = user;
	struct tunnel_change *c = p->change;

	if (--c->opening == 0)
		all_opened(c);
}

static void open_all(struct tunnel_change *c)
{
	for (size_t i = 0; i < c->count; i++)
		c->opening += c->plans[i].fresh != NULL;
	for (size_t i = 0; i < c->count; i++)
		if (c->plans[i].fresh != NULL)
			opening_begin(c->plans[i].fresh, held, &c->plans[i], on_opened, &c->plans[i]);
	if (c->opening == 0)
		all_opened(c);
}

void tunnel_set_reload(struct tunnel_set *set, struct config *config, reload_say_fn *say_fn,
		       reload_done_fn *done, void *user)
{
	struct tunnel_change *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		say_fn(user, NULL, "nothing was changed: out of memory", true);
		done(user, RELOAD_REFUSED);
		return;
	}
	*c = (struct tunnel_change){ .set = set,
				     .config = config,
				     .count = config->tunnel_count,
				     .say = say_fn,
				     .done = done,
				     .user = user };
	set->change = c;
	for (size_t i = 0; i < set->count; i++)
		if (set->tunnels[i]->state == NULL)
			opening_stop(set->tunnels[i]);
	if (plan_all(c)) {
		open_all(c);
		return;
	}
	say_failed(c, NULL, "nothing was changed", "out of memory");
	refuse(c);
}

void tunnel_set_cancel_reload(struct tunnel_set *set)
{
	if (set->change != NULL)
		refuse(set->change);
}
