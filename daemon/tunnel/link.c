/* link.c - one session of a tunnel: its datagrams, its timer, its relays. */
#include "link.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diagnosis.h"
#include "hosts.h"
#include "relay.h"
#include "tunnel.h"

enum { NO_MEMORY_RETRY_US = 20 * 1000 };

/* ---- the pump -------------------------------------------------------------------- */

static void drain_events(struct link *l)
{
	struct smux_event ev;

	while (session_next(l->session, &ev)) {
		struct relay *relay = smux_user(ev.stream);

		if (relay != NULL)
			relay_event(relay, ev.what);
		else
			l->tunnel->role->stream_opened(l->tunnel, l, ev.stream);
	}
}

static void arm(struct link *l, uint64_t at)
{
	struct reactor *r = l->tunnel->reactor;

	ev_timer_stop(r->loop, &l->timer);
	ev_timer_set(&l->timer, reactor_delay(r, at), 0.);
	ev_timer_start(r->loop, &l->timer);
	l->armed_us = at;
}

/* The timer is left running when the deadline moves away: it then finds
 * nothing to do once, which is cheaper than moving it for each datagram. */
static void rearm(struct link *l)
{
	uint64_t at = session_deadline(l->session);

	if (at < l->armed_us)
		arm(l, at);
}

/* Send all that the session has, batch by batch, until the socket is full.  Without memory
 * for a single packet it is tried again a little later. */
static void flush(struct link *l)
{
	struct port *p = l->port;
	struct reactor *r = l->tunnel->reactor;
	const void *path = p->udp.connected ? NULL : &l->path;
	bool stopped;

	do {
		if (p->udp.blocked) {
			port_stall(p, &l->turn);
			return;
		}
		stopped = session_flush(l->session, r->now_us, &r->out, path);
		if (stopped && r->out.count == 0) {
			arm(l, r->now_us + NO_MEMORY_RETRY_US);
			return;
		}
		if (stopped || r->out.count >= SESSION_FLUSH_PACKETS)
			port_send(p);
	} while (stopped);
	rearm(l);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct link *l = w->data;

	if (reactor_puts_off(l->tunnel->reactor, w))
		return;
	l->armed_us = KT_NEVER;
	l->overdue = true;
	link_touch(l);
}

/* True when the session has ended, and the link with it. */
static bool end_with_session(struct link *l)
{
	enum session_end why = session_ended(l->session);

	if (why != SESSION_ALIVE)
		link_end(l, why);
	return why != SESSION_ALIVE;
}

static void wire_totals(const struct link *l, struct pace_sample *out)
{
	struct counters c;

	session_counters(l->session, &c);
	*out = (struct pace_sample){ l->tunnel->reactor->now_us, c.in_bytes, c.out_bytes };
}

static void note_pace(struct link *l)
{
	struct pace_sample s;

	if (!pace_due(&l->pace, l->tunnel->reactor->now_us))
		return;
	wire_totals(l, &s);
	pace_note(&l->pace, &s);
}

/* Input before deadlines: where the whole process stood still, what waits tells that the peer did not. */
static void pump(struct link *l)
{
	session_process(l->session, l->tunnel->reactor->now_us);
	if (l->overdue) {
		l->overdue = false;
		session_tick(l->session, l->tunnel->reactor->now_us);
		session_process(l->session, l->tunnel->reactor->now_us); /* it may have made room */
	}
	drain_events(l);
	if (end_with_session(l))
		return;
	flush(l);
	note_pace(l);
	if (l->host != NULL && l->heard && !session_guarded(l->session))
		l->host->proven = true;
	drain_events(l); /* room that the flush made */
	spread_note(&l->meter, l->tunnel->reactor->now_us, session_carried_bytes(l->session));
	if (end_with_session(l))
		return;
	diagnosis_silence(l);
	diagnosis_hole(l);
	if (l->tunnel->role->link_pumped != NULL)
		l->tunnel->role->link_pumped(l->tunnel, l);
	if (l->draining && l->relay_count == 0 && session_drained(l->session))
		link_end(l, SESSION_ALIVE);
}

/* In the middle of whatever gave the memory back. */
static void on_memory(void *user)
{
	link_touch(user);
}

static void on_turn(struct port_turn *turn)
{
	pump(container_of(turn, struct link, turn));
}

/* ---- links ----------------------------------------------------------------------- */

/* The path to its host, if the controller is one that paths can have; one that cannot be made for
 * want of memory is missed by nobody but its rate. */
static struct path *shared_path(struct link *l, const struct session_config *cfg)
{
	struct tunnel *t = l->tunnel;

	if (cfg->congestion != SESSION_MODEL)
		return NULL;
	if (l->host == NULL)
		l->host = hosts_take(&t->hosts, &l->path, t->reactor->now_us);
	return l->host != NULL ? l->host->path : NULL;
}

static void leave_host(struct link *l)
{
	if (l->host != NULL)
		hosts_give_back(&l->tunnel->hosts, l->host, l->tunnel->reactor->now_us);
	l->host = NULL;
}

static bool make_session(struct link *l)
{
	struct session_config cfg;

	tunnel_session_config(l->tunnel, &cfg, &l->path, l->conv);
	if (l->tunnel->role->begins != NULL)
		l->tunnel->role->begins(l, &cfg);
	l->way = (struct guess_way){ cfg.compression, cfg.smux_version };
	l->unsure = cfg.unsure;
	cfg.path = shared_path(l, &cfg);
	cfg.wake = on_memory;
	cfg.wake_user = l;
	reactor_random(&cfg.ts_base, sizeof(cfg.ts_base));
	l->session = session_new(&cfg, l->tunnel->reactor->now_us);
	if (l->session == NULL)
		leave_host(l);
	return l->session != NULL;
}

void link_change(struct link *l)
{
	struct session_config cfg;

	tunnel_session_config(l->tunnel, &cfg, &l->path, l->conv);
	cfg.path = shared_path(l, &cfg);
	session_set_kcp(l->session, &cfg, l->tunnel->reactor->now_us);
	link_touch(l);
}

struct link *link_new(struct tunnel *t, struct port *p, const struct udp_path *path, uint32_t conv,
		      unsigned server)
{
	struct reactor *r = t->reactor;
	struct link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->tunnel = t;
	l->port = p;
	l->path = *path;
	l->conv = conv;
	l->server = server;
	if (!make_session(l)) {
		free(l);
		return NULL;
	}
	udp_path_text(path, l->peer);
	l->opened_us = l->heard_us = l->quiet_us = r->now_us;
	pace_init(&l->pace, r->now_us);
	l->armed_us = KT_NEVER;
	ev_timer_init(&l->timer, on_timer, 0., 0.);
	l->timer.data = l;
	l->turn.pump = on_turn;
	tunnel_add_link(t, l);
	link_touch(l);
	return l;
}

void link_free(struct link *l)
{
	while (l->relays != NULL)
		relay_abort(l->relays, RELAY_STOPPED);
	port_forget(l->port, &l->turn);
	ev_timer_stop(l->tunnel->reactor->loop, &l->timer);
	tunnel_remove_link(l->tunnel, l);
	session_free(l->session);
	leave_host(l);
	free(l);
}

/* What waits for room in the old port's socket is sent by the new one: the session still has it. */
void link_move(struct link *l, struct port *p, const struct udp_path *path)
{
	if (!hosts_same(&l->path, path)) {
		leave_host(l);
		l->path = *path;
		link_change(l);
	}
	l->path = *path;
	udp_path_text(path, l->peer);
	if (p != l->port) {
		port_forget(l->port, &l->turn);
		if (l->port->link == l)
			l->port->link = NULL;
		l->port = p;
	}
	link_touch(l);
}

const char *link_id(const struct link *l, char buf[static LINK_ID_BYTES])
{
	snprintf(buf, LINK_ID_BYTES, "%s/%" PRIu64, l->tunnel->name, l->serial);
	return buf;
}

const char *link_name(const struct link *l, char buf[static LINK_NAME_BYTES])
{
	char id[LINK_ID_BYTES];

	snprintf(buf, LINK_NAME_BYTES, "session %s (%08" PRIx32 ") %s %s", link_id(l, id), l->conv,
		 l->tunnel->conf->role == ROLE_CLIENT ? "to" : "of", l->peer);
	return buf;
}

void link_touch(struct link *l)
{
	if (!l->ended)
		port_touch(l->port, &l->turn);
}

void link_input(struct link *l, struct view payload)
{
	if (l->ended)
		return;
	session_input(l->session, l->tunnel->reactor->now_us, payload);
	if (session_ended(l->session) == SESSION_UNKNOWN) { /* that was another one */
		link_touch(l);
		return;
	}
	l->heard_us = l->tunnel->heard_us = l->tunnel->reactor->now_us;
	if (!l->heard) {
		l->heard = true;
		l->tunnel->heard_count++;
		for (struct relay *relay = l->relays; relay != NULL; relay = relay_next(relay))
			relay_resume(relay);
	}
	link_touch(l);
}

void link_end(struct link *l, enum session_end why)
{
	struct relay *next;

	if (l->ended)
		return;
	l->ended = true;
	l->end = why;
	port_forget(l->port, &l->turn);
	ev_timer_stop(l->tunnel->reactor->loop, &l->timer);
	tunnel_link_ended(l->tunnel, l);
	for (struct relay *relay = l->relays; relay != NULL; relay = next) {
		next = relay_next(relay);
		relay_session_ended(relay);
	}
	if (l->relay_count == 0)
		tunnel_reap(l->tunnel, l);
}

void link_close(struct link *l, enum relay_cause why)
{
	while (l->relays != NULL)
		relay_abort(l->relays, why);
	if (l->ended)
		return;
	port_forget(l->port, &l->turn);
	pump(l);
	port_send(l->port);
	link_end(l, SESSION_ALIVE);
}

void link_relay_left(struct link *l)
{
	l->quiet_us = l->tunnel->reactor->now_us;
	if (l->ended && l->relay_count == 0)
		tunnel_reap(l->tunnel, l);
	else if (l->draining)
		link_touch(l);
}

void link_rates(const struct link *l, struct pace_rates *out)
{
	struct pace_sample now;

	wire_totals(l, &now);
	pace_rates(&l->pace, &now, out);
}

bool link_understood(const struct link *l)
{
	return l->heard && session_understood(l->session);
}

bool link_answers(const struct link *l)
{
	return l->trusted || link_understood(l);
}

bool link_usable(const struct link *l)
{
	return !l->ended && !l->draining && !session_exhausted(l->session);
}
