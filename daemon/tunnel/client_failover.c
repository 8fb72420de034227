/* client_failover.c - several servers: all sessions go over to another one when it takes over, and those before it are tried
 * again.
 *
 * Which one serves is for client_servers.c to say.  When that changes, every slot gets a session to the new one: those that were
 * heard live on for the streams they have, and what waits on others goes over with nothing lost.
 *
 * A trial is a session to a server that did not answer before, in a slot of its own, while another one serves and somebody
 * uses the tunnel.  Once something of it was acknowledged it gets the first place. */
#include "client_impl.h"

#define TRIAL_US UINT64_C(4000000) /* a round trip, and some losses */
#define SILENT_US UINT64_C(3000000)

static struct slot *trial_slot(struct client *c)
{
	return &c->slots[c->slot_count];
}

static const char *server_text(const struct tunnel *t, unsigned i)
{
	return t->conf->remoteaddr.list[i].text;
}

/* ---- does it answer? ----------------------------------------------------------------------- */

bool client_is_served(const struct tunnel *t)
{
	const struct client *c = t->state;
	unsigned serving = c->servers.serving;

	if (c->servers.at[serving].doubtful)
		return false;
	for (const struct link *l = t->links; l != NULL; l = l->next)
		if (!l->ended && l->server == serving && client_heard_lately(l) &&
		    !session_peer_leaves(l->session))
			return true;
	return false;
}

/* Unless others to the same server were heard meanwhile. */
void client_doubt(const struct link *l)
{
	const struct tunnel *t = l->tunnel;
	struct client *c = t->state;

	for (const struct link *o = t->links; o != NULL; o = o->next)
		if (o != l && o->server == l->server && o->heard &&
		    t->reactor->now_us - o->heard_us < SILENT_US)
			return;
	servers_doubt(&c->servers, l->server);
}

/* ---- another one serves -------------------------------------------------------------------- */

/* What the slot has of other servers leaves it. */
static void clear_slot(struct slot *slot)
{
	client_dial_cancel(slot);
	if (slot->link == NULL)
		return;
	if (slot->link->heard) {
		client_let_go(slot);
		return;
	}
	slot->link = NULL; /* it is ended when all slots are clear: what waits on it then finds the new server */
	ev_timer_stop(client_loop(slot->tunnel), &slot->expiry);
}

static bool is_left_over(const struct client *c, const struct link *l)
{
	return !l->ended && !l->heard && l->server != c->servers.serving &&
	       l->slot < c->slot_count && c->slots[l->slot].link != l;
}

static void go_over(struct tunnel *t)
{
	struct client *c = t->state;
	struct link *next;

	for (unsigned i = 0; i < c->slot_count; i++) {
		struct slot *slot = &c->slots[i];

		if (slot->link == NULL || slot->link->server != c->servers.serving)
			clear_slot(slot);
	}
	for (struct link *l = t->links; l != NULL; l = next) {
		next = l->next;
		if (is_left_over(c, l))
			link_end(l, SESSION_ALIVE);
	}
	for (unsigned i = 0; i < c->slot_count; i++)
		if (c->slots[i].waiting_count > 0 || client_spread_wants(&c->slots[i]))
			client_dial(&c->slots[i]);
}

static void taken_over(struct tunnel *t, unsigned before)
{
	const struct client *c = t->state;
	unsigned now = c->servers.serving;

	t->server = now;
	if (now < before)
		log_info(t->name, "%s answers again, and gets what is new", server_text(t, now));
	else
		log_warn(t->name, "%s serves now: %s does not answer", server_text(t, now),
			 server_text(t, before));
	go_over(t);
	reactor_busy(t->reactor); /* the status that tells of it */
	client_failover_look(t);
}

void client_serves(struct link *l)
{
	struct tunnel *t = l->tunnel;
	struct client *c = t->state;
	unsigned before = c->servers.serving;

	if (client_is_trial(&c->slots[l->slot]) || (l->server > before && client_is_served(t)))
		return;
	if (servers_take_over(&c->servers, l->server, t->reactor->now_us))
		taken_over(t, before);
}

/* ---- trials ---------------------------------------------------------------------------------- */

static void arm(struct tunnel *t, uint64_t at_us)
{
	struct client *c = t->state;

	ev_timer_stop(client_loop(t), &c->trial);
	ev_timer_set(&c->trial, reactor_delay(t->reactor, at_us), 0.);
	ev_timer_start(client_loop(t), &c->trial);
}

void client_failover_look(struct tunnel *t)
{
	struct client *c = t->state;

	if (c->on_trial || ev_is_active(&c->trial) || t->draining || t->relay_count == 0 ||
	    c->servers.serving == 0)
		return;
	arm(t, servers_due_us(&c->servers));
}

static void clear_trial(struct tunnel *t)
{
	struct client *c = t->state;
	struct slot *slot = trial_slot(c);
	struct link *l = slot->link;

	c->on_trial = false;
	ev_timer_stop(client_loop(t), &c->trial);
	slot->link = NULL;
	client_dial_cancel(slot);
	if (l != NULL)
		link_end(l, SESSION_ALIVE);
}

void client_trial_failed(struct tunnel *t)
{
	struct client *c = t->state;

	clear_trial(t);
	servers_tried_in_vain(&c->servers, c->trial_server, t->reactor->now_us);
	log_debug(t->name, "%s does not answer yet", server_text(t, c->trial_server));
	client_failover_look(t);
}

static void begin_trial(struct tunnel *t, unsigned server)
{
	struct client *c = t->state;
	struct slot *slot = trial_slot(c);

	c->on_trial = true;
	c->trial_server = server;
	arm(t, t->reactor->now_us + TRIAL_US);
	slot->tried = ~(1u << server);
	client_race_go(slot, false);
}

static void on_trial(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct tunnel *t = w->data;
	struct client *c = t->state;
	unsigned due;

	if (reactor_puts_off(t->reactor, w))
		return;
	if (c->on_trial) {
		client_trial_failed(t);
		return;
	}
	due = servers_due(&c->servers, t->reactor->now_us);
	if (t->relay_count > 0 && due < c->servers.count)
		begin_trial(t, due);
	else
		client_failover_look(t);
}

/* It takes the place of the first slot's, and the rest follows. */
void client_trial_pumped(struct link *l)
{
	struct tunnel *t = l->tunnel;
	struct client *c = t->state;
	struct slot *trial = trial_slot(c), *slot = &c->slots[0];
	unsigned before = c->servers.serving;

	if (trial->link != l || !l->heard || !session_proven(l->session))
		return;
	trial->link = NULL;
	clear_trial(t);
	if (!servers_take_over(&c->servers, l->server, t->reactor->now_us)) {
		link_end(l, SESSION_ALIVE); /* it came by another way */
		return;
	}
	clear_slot(slot);
	slot->link = l;
	l->slot = slot->index;
	client_expiry_start(slot);
	client_serve_waiting(slot);
	taken_over(t, before);
}

/* ---- life ------------------------------------------------------------------------------------- */

void client_failover_init(struct tunnel *t)
{
	struct client *c = t->state;

	servers_init(&c->servers, t->conf->remoteaddr.count);
	ev_init(&c->trial, on_trial);
	c->trial.data = t;
}

void client_failover_stop(struct tunnel *t)
{
	struct client *c = t->state;

	if (c->on_trial)
		clear_trial(t);
	ev_timer_stop(client_loop(t), &c->trial);
}
