/* client.c - the connecting end: accepts TCP or Unix connections and gives each
 * a stream on one of its sessions: of a given number in turn, else as client_spread.c has it. */
#include <stdlib.h>

#include "client_impl.h"
#include "listener.h"

/* ---- streams ----------------------------------------------------------------------- */

/* Stream ids run out after two thousand million streams: then, as when a session
 * expires, the next one takes over. */
static struct slot *slot_in_turn(struct client *c, unsigned turn)
{
	struct slot *slot = &c->slots[turn % c->slot_count];

	if (slot->link != NULL && session_exhausted(slot->link->session))
		client_retire(slot);
	if (slot->link == NULL)
		client_dial(slot);
	return slot;
}

/* A place for a relay: a session that works, whose turn it is; else one that is about to. */
static bool find_place(struct tunnel *t, struct relay *relay)
{
	struct client *c = t->state;
	unsigned turn = c->turn;

	if (c->spread)
		return client_spread_place(t, relay);
	c->turn++;
	for (unsigned i = 0; i < c->slot_count; i++) {
		struct slot *slot = slot_in_turn(c, turn + i);

		if (slot->link != NULL && link_answers(slot->link) &&
		    client_give_stream(slot->link, relay))
			return true;
	}
	for (unsigned i = 0; i < c->slot_count; i++) {
		struct slot *slot = slot_in_turn(c, turn + i);

		if (slot->link == NULL) {
			client_wait(slot, relay);
			return true;
		}
		if (client_give_stream(slot->link, relay))
			return true;
	}
	return false;
}

static void on_accept(void *user, int fd)
{
	struct tunnel *t = user;
	struct client *c = t->state;
	struct relay *relay = relay_accept(t, fd);
	char name[RELAY_NAME_BYTES];

	if (relay == NULL)
		return;
	client_failover_look(t);
	if (find_place(t, relay))
		return;
	t->past.streams_refused++;
	if (log_allow(&c->slots[0].limit, t->reactor->now_us, 60 * 1000000ull))
		log_warn(t->name, "%s refused: every session has its %u streams (maxstreams)",
			 relay_name(relay, name), t->conf->maxstreams);
	relay_abort(relay, RELAY_REFUSED);
}

static void relay_orphaned(struct tunnel *t, struct relay *relay)
{
	if (find_place(t, relay))
		return;
	t->past.streams_refused++;
	relay_abort(relay, RELAY_REFUSED);
}

/* ---- sessions ------------------------------------------------------------------------ */

static void renew(struct tunnel *t)
{
	struct client *c = t->state;

	for (unsigned i = 0; i < c->slot_count; i++) {
		client_retire(&c->slots[i]);
		client_refill(&c->slots[i]);
	}
}

/* A server that stops gets no more streams; the next one may be there soon. */
static void link_pumped(struct tunnel *t, struct link *l)
{
	struct client *c = t->state;
	struct slot *slot = &c->slots[l->slot];

	client_guess_look(l);
	client_watch(l);
	if (client_is_trial(slot)) {
		client_trial_pumped(l);
		return;
	}
	if (slot->link != l || !session_peer_leaves(l->session))
		return;
	log_info(t->name, "%s stops", l->peer);
	servers_doubt(&c->servers, l->server);
	client_retire(slot);
	client_refill(slot);
}

static void link_ended(struct tunnel *t, struct link *l)
{
	struct client *c = t->state;
	struct slot *slot = &c->slots[l->slot];

	client_watch_stop(l);
	client_race_left(slot, l);
	client_forget_expired(c, l);
	if (slot->link != l)
		return;
	slot->link = NULL;
	if (client_is_trial(slot)) {
		client_trial_failed(t);
		return;
	}
	ev_timer_stop(client_loop(t), &slot->expiry);
	if (t->draining)
		return;
	if (client_spread_wants(slot))
		client_redial(slot, l);
	else
		client_place_waiting(slot);
}

static void link_reaped(struct tunnel *t, struct link *l)
{
	struct port *p = l->port;

	client_watch_stop(l);
	client_forget_old_port(l);
	link_free(l);
	port_free(p);
}

/* ---- datagrams -------------------------------------------------------------------------- */

static void datagram(struct tunnel *t, struct port *p, struct packet *pkt)
{
	struct client *c = t->state;
	struct link *l = p->link;
	bool first;

	if (pkt->bad) {
		t->past.in_pkts++;
		t->past.in_csum_errors++;
		if (!l->heard) /* else the network did it */
			diagnosis_bad_packet(t, NULL, l->peer);
		return;
	}
	if (p == l->port)
		client_forget_old_port(l);
	first = !l->heard;
	link_input(l, (struct view){ pkt->data, pkt->len });
	if (!session_peer_leaves(l->session))
		servers_heard(&c->servers, l->server);
	if (first && l->heard)
		client_race_won(l);
}

/* A kcptun server never opens streams: there is nothing here to connect one to. */
static void stream_opened(struct tunnel *t, struct link *l, struct smux_stream *st)
{
	relay_refuse(st);
}

/* ---- life --------------------------------------------------------------------------------- */

static void init_slot(struct slot *slot, struct tunnel *t, unsigned index)
{
	slot->tunnel = t;
	slot->index = index;
	client_waiting_init(slot);
	client_dial_init(slot);
	client_expiry_init(slot);
}

static bool is_auto(const struct conf_tunnel *conf)
{
	return conf->conn == CONF_AUTO;
}

static bool make_slots(struct tunnel *t)
{
	struct client *c = t->state;
	unsigned count = c->spread ? CLIENT_AUTO_MAX : t->conf->conn;

	c->slots = calloc(count + 1, sizeof(*c->slots));
	if (c->slots == NULL)
		return false;
	c->slot_count = count;
	for (unsigned i = 0; i <= count; i++)
		init_slot(&c->slots[i], t, i);
	return true;
}

static bool start(struct tunnel *t, struct binding *b)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return false;
	t->state = c;
	c->spread = is_auto(t->conf);
	client_spread_init(t);
	client_patience_init(t);
	client_failover_init(t);
	if (!make_slots(t))
		return false;
	c->listener = listener_new(t->reactor, b, t->name, on_accept, t);
	if (c->listener == NULL)
		return false;
	log_info(t->name, "client: %s, to udp %s, crypt %s", t->conf->localaddr.text,
		 t->conf->remoteaddr.text, t->conf->crypt->name);
	for (unsigned i = 0; i < c->slot_count; i++)
		if (client_spread_wants(&c->slots[i]))
			client_dial(&c->slots[i]);
	client_roam_start(t);
	return true;
}

static enum socket_place place(const struct tunnel *t, const struct sockaddr_storage *addr)
{
	const struct client *c = t->state;

	return c->listener != NULL ? listener_place(c->listener, addr) : SOCKET_ELSEWHERE;
}

/* Sessions have sockets of their own: they live on. */
static bool yield(struct tunnel *t, struct bound *s)
{
	struct client *c = t->state;

	return c->listener != NULL && listener_yield(c->listener, s);
}

static void suspend(struct tunnel *t)
{
	struct client *c = t->state;

	if (c->listener != NULL)
		listener_suspend(c->listener);
}

static bool resume(struct tunnel *t)
{
	struct client *c = t->state;

	return c->listener == NULL || listener_resume(c->listener);
}

/* Those on links that were never answered go back into the line first. */
static void pass_on(struct tunnel *t, struct tunnel *fresh)
{
	struct client *c = t->state;

	for (struct link *l = t->links; l != NULL; l = l->next)
		if (!link_answers(l))
			link_end(l, SESSION_ALIVE);
	for (unsigned i = 0; i < c->slot_count; i++)
		client_pass_waiting(&c->slots[i], on_accept, fresh);
}

static void drain(struct tunnel *t)
{
	struct client *c = t->state;

	listener_free(c->listener);
	c->listener = NULL;
	client_spread_stop(t);
	client_patience_stop(t);
	client_failover_stop(t);
	for (unsigned i = 0; i < c->slot_count; i++) {
		struct slot *slot = &c->slots[i];

		client_dial_cancel(slot);
		ev_timer_stop(client_loop(t), &slot->expiry);
		client_dismiss_waiting(slot);
	}
}

/* Who connects is refused, and so can go elsewhere; in the line of a socket that is not looked at he would wait. */
static void refuse_new(struct tunnel *t)
{
	drain(t);
	for (struct link *l = t->links; l != NULL; l = l->next) {
		l->draining = true;
		link_touch(l);
	}
}

static void stop(struct tunnel *t)
{
	struct client *c = t->state;

	drain(t);
	client_roam_stop(t);
	free(c->slots);
	free(c);
	t->state = NULL;
}

const struct tunnel_role client_role = {
	.start = start,
	.place = place,
	.yield = yield,
	.suspend = suspend,
	.resume = resume,
	.pass_on = pass_on,
	.drain = drain,
	.refuse_new = refuse_new,
	.renew = renew,
	.stop = stop,
	.datagram = datagram,
	.stream_opened = stream_opened,
	.begins = client_begins,
	.link_pumped = link_pumped,
	.mends = client_guess_mends,
	.link_ended = link_ended,
	.link_reaped = link_reaped,
	.relay_orphaned = relay_orphaned,
};
