/* client.c - the connecting end: accepts TCP or Unix connections and gives each
 * a stream on one of `conn` sessions, in turn. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "listener.h"
#include "log.h"
#include "relay.h"
#include "resolve.h"
#include "socket.h"
#include "tunnel.h"

enum {
	RETRY_MIN_S = 1, /* between two attempts at a session; doubles up to */
	RETRY_MAX_S = 30,
	SOUND_LIFE_S = 60, /* a session that lived so long was no failed attempt */
};

/* One of the `conn` places for a session. */
struct slot {
	struct tunnel *tunnel;
	unsigned index;
	struct link *link;           /* NULL: none now */
	struct resolve_query *query; /* under way */
	unsigned attempts;           /* that failed, since the last good session */
	ev_timer retry, expiry;
	struct relay *waiting, **waiting_tail; /* accepted, without a stream yet */
	unsigned waiting_count;
	struct log_limit limit;
};

/* An expired link that is to end at a given time even with streams on it. */
struct scavenge {
	struct link *link;
	ev_timer timer;
	struct scavenge *next;
	struct client *client;
};

struct client {
	struct listener *listener;
	struct slot *slots;
	unsigned slot_count, turn;
	struct scavenge *scavenged;
};

static void dial(struct slot *slot);

static struct ev_loop *loop_of(const struct tunnel *t)
{
	return t->reactor->loop;
}

/* ---- streams ----------------------------------------------------------------------- */

/* Give a relay a stream on this link; false when it takes no more. */
static bool give_stream(struct link *l, struct relay *relay)
{
	struct session_stream *st;

	if (!link_usable(l) || session_open(l->session, &st) != 0)
		return false;
	relay_attach(relay, l, st);
	return true;
}

static void push_waiting(struct slot *slot, struct relay *relay)
{
	*relay_wait_link(relay) = NULL;
	*slot->waiting_tail = relay;
	slot->waiting_tail = relay_wait_link(relay);
	slot->waiting_count++;
}

/* Keep a relay for the slot's next link.  The line is as long as a session
 * has streams: who comes later could not be served by it either. */
static void wait_in(struct slot *slot, struct relay *relay)
{
	struct tunnel *t = slot->tunnel;

	if (slot->waiting_count >= t->conf->maxstreams) {
		t->past.streams_refused++;
		relay_abort(relay);
		return;
	}
	push_waiting(slot, relay);
}

static struct relay *pop_waiting(struct slot *slot)
{
	struct relay *relay = slot->waiting;

	if (relay == NULL)
		return NULL;
	slot->waiting = *relay_wait_link(relay);
	if (slot->waiting == NULL)
		slot->waiting_tail = &slot->waiting;
	slot->waiting_count--;
	return relay;
}

/* Those that nobody waits for any more would only take descriptors and then streams. */
static void drop_forsaken(struct slot *slot)
{
	unsigned n = slot->waiting_count;

	while (n-- > 0) {
		struct relay *relay = pop_waiting(slot);

		if (relay_forsaken(relay))
			relay_abort(relay);
		else
			push_waiting(slot, relay);
	}
}

static void serve_waiting(struct slot *slot)
{
	unsigned n;

	drop_forsaken(slot);
	n = slot->waiting_count;
	while (n-- > 0) {
		struct relay *relay = pop_waiting(slot);

		if (!give_stream(slot->link, relay)) {
			slot->tunnel->past.streams_refused++;
			relay_abort(relay);
		}
	}
}

static void retire(struct slot *slot);

/* Stream ids run out after two thousand million streams: then, as when a session
 * expires, the next one takes over. */
static struct slot *slot_in_turn(struct client *c, unsigned turn)
{
	struct slot *slot = &c->slots[turn % c->slot_count];

	if (slot->link != NULL && session_exhausted(slot->link->session))
		retire(slot);
	if (slot->link == NULL)
		dial(slot);
	return slot;
}

/* A place for a relay: a session that works, whose turn it is; else one that is about to. */
static bool find_place(struct tunnel *t, struct relay *relay)
{
	struct client *c = t->state;
	unsigned turn = c->turn++;

	for (unsigned i = 0; i < c->slot_count; i++) {
		struct slot *slot = slot_in_turn(c, turn + i);

		if (slot->link != NULL && slot->link->heard && give_stream(slot->link, relay))
			return true;
	}
	for (unsigned i = 0; i < c->slot_count; i++) {
		struct slot *slot = slot_in_turn(c, turn + i);

		if (slot->link == NULL) {
			wait_in(slot, relay);
			return true;
		}
		if (give_stream(slot->link, relay))
			return true;
	}
	return false;
}

static void on_accept(void *user, int fd)
{
	struct tunnel *t = user;
	struct client *c = t->state;
	struct relay *relay = relay_accept(t, fd);

	if (relay == NULL)
		return;
	if (find_place(t, relay))
		return;
	t->past.streams_refused++;
	if (log_allow(&c->slots[0].limit, t->reactor->now_us, 60 * 1000000ull))
		log_warn(t->name, "connection refused: every session has its %u streams (maxstreams)",
			 t->conf->maxstreams);
	relay_abort(relay);
}

static void relay_orphaned(struct tunnel *t, struct relay *relay)
{
	if (find_place(t, relay))
		return;
	t->past.streams_refused++;
	relay_abort(relay);
}

/* ---- sessions ------------------------------------------------------------------------ */

/* Try again later, ever later, up to RETRY_MAX_S. */
static void retry_later(struct slot *slot)
{
	double delay = RETRY_MIN_S << (slot->attempts < 5 ? slot->attempts : 5);

	slot->attempts++;
	drop_forsaken(slot);
	ev_timer_stop(loop_of(slot->tunnel), &slot->retry);
	ev_timer_set(&slot->retry, delay < RETRY_MAX_S ? delay : RETRY_MAX_S, 0.);
	ev_timer_start(loop_of(slot->tunnel), &slot->retry);
}

static void failed(struct slot *slot, const char *what)
{
	struct tunnel *t = slot->tunnel;

	if (log_allow(&slot->limit, t->reactor->now_us, 60 * 1000000ull))
		log_warn(t->name, "no session to %s: %s; trying on", t->conf->remoteaddr.text, what);
	retry_later(slot);
}

static struct link *open_link(struct slot *slot, const struct sockaddr_storage *to, int *err)
{
	struct tunnel *t = slot->tunnel;
	struct udp_options opt;
	struct udp_path path = { .peer_len = sockaddr_len(to) };
	struct session_config cfg;
	char text[UDP_ADDR_TEXT];
	struct udp udp;
	struct port *p;
	struct link *l;
	uint32_t conv;

	tunnel_udp_options(t, &opt);
	*err = udp_connect(&udp, (const struct sockaddr *)to, sockaddr_len(to), &opt);
	if (*err != 0)
		return NULL;
	tunnel_check_sockbuf(t, &udp);
	*err = -ENOMEM;
	p = port_new(t, &udp);
	if (p == NULL)
		return NULL;
	memcpy(&path.peer, to, sockaddr_len(to));
	reactor_random(&conv, sizeof(conv));
	tunnel_session_config(t, &cfg, conv);
	l = link_new(t, p, &cfg, NULL, udp_path_text(&path, text));
	p->link = l;
	if (l == NULL)
		port_free(p);
	return l;
}

static void on_resolved(void *user, const struct sockaddr_storage *addrs, size_t count,
			const char *error)
{
	struct slot *slot = user;
	struct tunnel *t = slot->tunnel;
	int err;

	slot->query = NULL;
	if (count == 0) {
		failed(slot, error);
		return;
	}
	/* After a failure another of the name's addresses has its turn. */
	slot->link = open_link(slot, &addrs[slot->attempts % count], &err);
	if (slot->link == NULL) {
		failed(slot, strerror(-err));
		return;
	}
	slot->link->slot = slot->index;
	log_info(t->name, "session %08x to %s opened", slot->link->conv, slot->link->peer);
	if (t->conf->autoexpire_s > 0) {
		ev_timer_set(&slot->expiry, t->conf->autoexpire_s, 0.);
		ev_timer_start(loop_of(t), &slot->expiry);
	}
	session_ping(slot->link->session);
	serve_waiting(slot);
}

static uint16_t draw_port(const struct conf_addr *a)
{
	uint32_t span = (uint32_t)(a->port_last - a->port) + 1, word;

	reactor_random(&word, sizeof(word));
	return (uint16_t)(a->port + (uint32_t)((uint64_t)word * span >> 32));
}

static void dial(struct slot *slot)
{
	struct tunnel *t = slot->tunnel;
	const struct conf_addr *a = &t->conf->remoteaddr;

	if (slot->link != NULL || slot->query != NULL || ev_is_active(&slot->retry) || t->draining)
		return;
	slot->query = resolve_start(t->reactor->resolver, a->host, draw_port(a), on_resolved, slot);
	if (slot->query == NULL)
		failed(slot, "out of memory");
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	dial(w->data);
}

/* ---- expiry ----------------------------------------------------------------------------- */

static void on_scavenge(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct scavenge *s = w->data;

	log_info(s->link->tunnel->name, "session %08x ends, scavengettl after it expired",
		 s->link->conv);
	link_close(s->link);
}

static void schedule_scavenge(struct client *c, struct link *l)
{
	int ttl = l->tunnel->conf->scavengettl_s;
	struct scavenge *s;

	if (ttl < 0)
		return;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return; /* it then just lives as long as its streams */
	s->link = l;
	s->client = c;
	s->next = c->scavenged;
	c->scavenged = s;
	ev_timer_init(&s->timer, on_scavenge, ttl, 0.);
	s->timer.data = s;
	ev_timer_start(loop_of(l->tunnel), &s->timer);
}

static void cancel_scavenge(struct client *c, struct link *l)
{
	struct scavenge **at = &c->scavenged;

	while (*at != NULL) {
		struct scavenge *s = *at;

		if (s->link != l) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		ev_timer_stop(loop_of(l->tunnel), &s->timer);
		free(s);
	}
}

/* The slot's link finishes its streams; new ones go to a new link. */
static void retire(struct slot *slot)
{
	struct link *l = slot->link;

	slot->link = NULL;
	ev_timer_stop(loop_of(slot->tunnel), &slot->expiry);
	if (l == NULL)
		return;
	l->draining = true;
	schedule_scavenge(slot->tunnel->state, l);
	link_touch(l);
}

static void on_expiry(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct slot *slot = w->data;

	retire(slot);
	dial(slot);
}

static void renew(struct tunnel *t)
{
	struct client *c = t->state;

	for (unsigned i = 0; i < c->slot_count; i++) {
		retire(&c->slots[i]);
		dial(&c->slots[i]);
	}
}

static void link_ended(struct tunnel *t, struct link *l)
{
	struct client *c = t->state;
	struct slot *slot = &c->slots[l->slot];
	uint64_t life_us = t->reactor->now_us - l->opened_us;

	cancel_scavenge(c, l);
	if (slot->link != l)
		return;
	slot->link = NULL;
	ev_timer_stop(loop_of(t), &slot->expiry);
	if (t->draining)
		return;
	if (l->heard && life_us >= SOUND_LIFE_S * 1000000ull)
		slot->attempts = 0;
	/* Silence has lasted half a minute already; other ends come fast. */
	if (l->end == SESSION_TIMEOUT) {
		slot->attempts += !l->heard;
		dial(slot);
	} else {
		retry_later(slot);
	}
}

static void link_reaped(struct tunnel *t, struct link *l)
{
	struct port *p = l->port;

	link_free(l);
	port_free(p);
}

/* ---- datagrams -------------------------------------------------------------------------- */

static void datagram(struct tunnel *t, struct port *p, struct packet *pkt)
{
	struct link *l = p->link;

	if (pkt->bad) {
		t->past.in_pkts++;
		t->past.in_csum_errors++;
		if (!l->heard) /* else the network did it */
			diagnosis_bad_packet(t, NULL, l->peer);
		return;
	}
	link_input(l, (struct view){ pkt->data, pkt->len });
}

/* A kcptun server never opens streams: there is nothing here to connect one to. */
static void stream_opened(struct tunnel *t, struct link *l, struct session_stream *st)
{
	session_release(st, true);
}

/* ---- life --------------------------------------------------------------------------------- */

static void init_slot(struct slot *slot, struct tunnel *t, unsigned index)
{
	slot->tunnel = t;
	slot->index = index;
	slot->waiting_tail = &slot->waiting;
	ev_init(&slot->retry, on_retry);
	ev_init(&slot->expiry, on_expiry);
	slot->retry.data = slot;
	slot->expiry.data = slot;
}

static int start(struct tunnel *t)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -1;
	t->state = c;
	c->slots = calloc(t->conf->conn, sizeof(*c->slots));
	if (c->slots == NULL)
		return -1;
	c->slot_count = t->conf->conn;
	for (unsigned i = 0; i < c->slot_count; i++)
		init_slot(&c->slots[i], t, i);
	c->listener = listener_new(t->reactor, &t->conf->localaddr, t->name, on_accept, t);
	if (c->listener == NULL)
		return -1;
	log_info(t->name, "client: %s, to udp %s, crypt %s", t->conf->localaddr.text,
		 t->conf->remoteaddr.text, t->conf->crypt->name);
	for (unsigned i = 0; i < c->slot_count; i++)
		dial(&c->slots[i]);
	return 0;
}

static void drain(struct tunnel *t)
{
	struct client *c = t->state;

	listener_free(c->listener);
	c->listener = NULL;
	for (unsigned i = 0; i < c->slot_count; i++) {
		struct slot *slot = &c->slots[i];
		struct relay *relay;

		ev_timer_stop(loop_of(t), &slot->retry);
		ev_timer_stop(loop_of(t), &slot->expiry);
		if (slot->query != NULL)
			resolve_cancel(slot->query);
		slot->query = NULL;
		while ((relay = pop_waiting(slot)) != NULL)
			relay_abort(relay);
	}
}

static void stop(struct tunnel *t)
{
	struct client *c = t->state;

	drain(t);
	free(c->slots);
	free(c);
	t->state = NULL;
}

const struct tunnel_role client_role = {
	.start = start,
	.drain = drain,
	.renew = renew,
	.stop = stop,
	.datagram = datagram,
	.stream_opened = stream_opened,
	.link_ended = link_ended,
	.link_reaped = link_reaped,
	.relay_orphaned = relay_orphaned,
};
