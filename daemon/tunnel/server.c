/* server.c - the accepting end: links for the clients that send to it. */
#include <netinet/in.h>
#include <stdlib.h>

#include "admit.h"
#include "half_open.h"
#include "link_table.h"
#include "log.h"
#include "netwatch.h"
#include "relay.h"
#include "replay_store.h"
#include "seal.h"
#include "socket.h"
#include "tell.h"
#include "tunnel.h"

enum {
	HALF_OPEN_LEAST = 16,
	TELLS_PER_S = 200,
};

struct server {
	struct link_table links;
	struct half_open half_open;
	struct sockaddr_storage *away; /* suspended: where the ports were, in their order */
	struct replay_store *seen; /* what may open no session again; NULL: the method has no nonce */
	struct netwatch_listener network; /* of one that listens on an interface of its own */
	struct log_limit refused;
	uint64_t tell_us; /* when this second began */
	unsigned tells;   /* in it */
};

static void link_ended(struct tunnel *t, struct link *l)
{
	struct server *s = t->state;

	if (l->port->link == l)
		l->port->link = NULL;
	link_table_remove(&s->links, l);
	half_open_remove(&s->half_open, l);
}

static void link_reaped(struct tunnel *t, struct link *l)
{
	char name[LINK_NAME_BYTES];

	if (tunnel_may_log(t))
		log_info(t->name, "%s closed", link_name(l, name));
	link_free(l);
}

/* ---- datagrams ------------------------------------------------------------------------ */

/* Is there room for another session? */
static bool admits(struct tunnel *t)
{
	struct server *s = t->state;

	if (s->links.count - s->half_open.count < t->conf->maxsessions)
		return true;
	if (log_allow(&s->refused, t->reactor->now_us, 60 * 1000000ull))
		log_warn(t->name, "%u sessions: no more are accepted (maxsessions)",
			 s->links.count - s->half_open.count);
	return false;
}

/* A quarter of what the others may be, and enough for a few that come together. */
static unsigned half_open_max(const struct tunnel *t)
{
	unsigned quarter = t->conf->maxsessions / 4;

	return quarter > HALF_OPEN_LEAST ? quarter : HALF_OPEN_LEAST;
}

/* It has acknowledged something, and counts.  Others may have been faster since it was let in. */
static void link_pumped(struct tunnel *t, struct link *l)
{
	struct server *s = t->state;

	if (!l->half_open || !session_proven(l->session))
		return;
	if (admits(t)) {
		half_open_remove(&s->half_open, l);
		return;
	}
	t->past.sessions_refused++;
	link_end(l, SESSION_ALIVE);
}

static struct link *new_link(struct tunnel *t, struct port *p, const struct udp_path *path,
			     uint32_t conv)
{
	struct server *s = t->state;
	struct link *l = NULL;
	char name[LINK_NAME_BYTES];

	if (s->half_open.count >= half_open_max(t)) {
		t->past.sessions_refused++;
		link_end(half_open_yields(&s->half_open), SESSION_ALIVE);
	}
	if (admits(t))
		l = link_new(t, p, path, conv, 0);
	if (l == NULL) {
		t->past.sessions_refused++;
		return NULL;
	}
	if (l->host == NULL || !l->host->proven)
		session_guard(l->session, t->reactor->now_us);
	half_open_add(&s->half_open, l);
	link_table_add(&s->links, l);
	if (tunnel_may_log(t))
		log_info(t->name, "%s opened", link_name(l, name));
	return l;
}

/* Whoever recorded it can send it at any time, and what it asks for would be done again.  So it is noted
 * whatever becomes of it now: a copy of the one that opened its session is as good as that. */
static bool came_before(struct tunnel *t, const struct packet *pkt)
{
	struct server *s = t->state;
	uint8_t id[SEAL_IDENTITY_MAX];
	size_t n;

	if (s->seen == NULL)
		return false;
	n = seal_identity(t->seal, pkt, id);
	return n == 0 || !replay_store_note(s->seen, id, n);
}

/* Where there is a session the network may have doubled it. */
static void refuse_replay(struct tunnel *t, const struct packet *pkt, bool has_session)
{
	t->past.in_replayed++;
	if (!has_session)
		diagnosis_replay(t, pkt->path);
}

/* Datagrams come in trains: most often it is the link of the one before. */
static struct link *find_here(const struct server *s, struct port *p, const struct udp_path *path,
			      const struct session_sniff *sniff)
{
	struct link *l = p->link;

	if (l != NULL && udp_path_same_peer(&l->path, path) &&
	    (!sniff->has_conv || l->conv == sniff->conv))
		return l;
	return sniff->has_conv ? link_table_at(&s->links, p, path, sniff->conv)
			       : link_table_latest(&s->links, p, path);
}

static struct link *find(const struct server *s, struct port *p, const struct udp_path *path,
			 const struct session_sniff *sniff)
{
	struct link *l = find_here(s, p, path, sniff);

	/* Else somebody began the conversation again with what he heard from there. */
	return l == NULL || !sniff->has_conv || session_suits(l->session, sniff) ? l : NULL;
}

/* Its peer has moved. */
static struct link *follow(struct tunnel *t, struct link *l, struct port *p,
			   const struct udp_path *path)
{
	struct server *s = t->state;
	char name[LINK_NAME_BYTES];

	if (tunnel_may_log(t))
		log_info(t->name, "%s goes on from another address", link_name(l, name));
	link_table_remove(&s->links, l);
	link_move(l, p, path);
	session_way_changed(l->session);
	session_guard(l->session, t->reactor->now_us);
	link_table_add(&s->links, l);
	return l;
}

/* Not more often than that: whoever has old datagrams can ask as often as he likes. */
static bool may_tell(struct server *s, uint64_t now_us)
{
	if (now_us - s->tell_us >= 1000000) {
		s->tell_us = now_us;
		s->tells = 0;
	}
	return s->tells++ < TELLS_PER_S;
}

/* The middle of a conversation that never came here.  A client of ours begins anew when it hears so. */
static void tell_unknown(struct tunnel *t, struct port *p, const struct packet *pkt)
{
	struct reactor *r = t->reactor;
	uint64_t up_ms = (r->now_us - t->started_us) / 1000;
	struct packet *answer;

	if (p->udp.blocked || !may_tell(t->state, r->now_us) || (answer = batch_add(&r->out)) == NULL)
		return;
	if (!tell_encode(answer->data, (struct view){ pkt->data, pkt->len },
			 up_ms < UINT32_MAX ? (uint32_t)up_ms : UINT32_MAX)) {
		batch_undo(&r->out);
		return;
	}
	answer->len = TELL_BYTES;
	answer->path = pkt->path;
	port_send(p);
}

/* The one that it moves, a new one, or none. */
static struct link *admit(struct tunnel *t, struct port *p, const struct packet *pkt,
			  const struct session_sniff *sniff)
{
	struct server *s = t->state;
	struct link *moved = NULL;
	struct admit a;

	admit_begin(&a, (struct view){ pkt->data, pkt->len }, sniff);
	for (struct link *l = NULL; (l = link_table_next(&s->links, l, sniff->conv)) != NULL;)
		if (admit_ask(&a, l->session))
			moved = l;
	switch (admit_verdict(&a)) {
	case ADMIT_MOVE:
		return follow(t, moved, p, pkt->path);
	case ADMIT_OPEN:
		if (!t->draining)
			return new_link(t, p, pkt->path, sniff->conv);
		t->past.sessions_refused++;
		break;
	case ADMIT_TELL:
		tell_unknown(t, p, pkt);
		break;
	case ADMIT_IGNORE:
		break;
	}
	return NULL;
}

/* Its beginning went to a server that was here before, and that acknowledged it without a word of its own. */
static bool continues(const struct tunnel *t, const struct link *l, const struct session_sniff *sniff)
{
	return sniff->has_conv && sniff->cmd == KCP_CMD_PUSH && sniff->sn > 0 &&
	       session_is_headless(l->session, t->reactor->now_us);
}

/* Which link a datagram is for. */
static struct link *route(struct tunnel *t, struct port *p, const struct packet *pkt)
{
	struct session_sniff sniff;
	struct link *l;

	if (!session_sniff((struct view){ pkt->data, pkt->len }, &sniff))
		return NULL;
	l = find(t->state, p, pkt->path, &sniff);
	if (admit_is_early(&sniff) && came_before(t, pkt)) {
		refuse_replay(t, pkt, l != NULL);
		return NULL;
	}
	if (l == NULL && sniff.has_conv)
		l = admit(t, p, pkt, &sniff);
	else if (l != NULL && continues(t, l, &sniff))
		tell_unknown(t, p, pkt);
	if (l != NULL)
		p->link = l;
	return l;
}

static void datagram(struct tunnel *t, struct port *p, struct packet *pkt)
{
	struct server *s = t->state;
	struct link *l;

	if (pkt->bad) {
		t->past.in_csum_errors++;
		t->past.in_pkts++;
		if (!link_table_knows(&s->links, p, pkt->path)) /* else the network did it */
			diagnosis_bad_packet(t, pkt->path, NULL);
		return;
	}
	l = route(t, p, pkt);
	if (l == NULL) {
		t->past.in_pkts++;
		t->past.in_ignored++;
		return;
	}
	half_open_heard(&s->half_open, l);
	l->path = *(const struct udp_path *)pkt->path; /* answer from the address that was asked */
	link_input(l, (struct view){ pkt->data, pkt->len });
}

/* ---- life ----------------------------------------------------------------------------- */

/* The sockets become ports. */
static bool open_ports(struct tunnel *t, struct binding *b)
{
	for (size_t i = 0; i < b->count; i++) {
		struct udp udp = b->list[i].udp;

		b->list[i].udp.fd = -1;
		tunnel_check_sockbuf(t, &udp);
		if (port_new(t, &udp) == NULL)
			return false;
	}
	return true;
}

/* A device that goes and comes back is another one for the kernel, which brings nothing to sockets of the first. */
static void on_network(void *user)
{
	struct tunnel *t = user;
	bool was_deaf = t->deaf, anew = false;
	struct udp_options opt;

	t->deaf = false;
	tunnel_udp_options(t, &opt);
	for (struct port *p = t->ports; p != NULL; p = p->next) {
		if (p->udp.fd < 0 || !udp_lost_device(&p->udp, &opt))
			continue;
		if (port_reopen(p) == 0)
			anew = true;
		else
			t->deaf = true;
	}
	if (t->deaf && !was_deaf)
		log_warn(t->name, "interface = %s is gone: nobody is heard until it is back",
			 opt.device);
	else if (anew && !t->deaf)
		log_info(t->name, "interface = %s is back", opt.device);
}

static void watch_device(struct tunnel *t)
{
	struct server *s = t->state;

	s->network = (struct netwatch_listener){ .changed = on_network, .user = t };
	if (t->conf->interface != NULL)
		netwatch_add(t->reactor->netwatch, &s->network);
}

static bool remember(struct tunnel *t)
{
	struct server *s = t->state;

	if (t->conf->crypt->head == 0) {
		log_info(t->name,
			 "crypt = %s: datagrams have no nonce, so that repeated ones open sessions again",
			 t->conf->crypt->name);
		return true;
	}
	s->seen = replay_store_open(t->reactor, t->conf);
	return s->seen != NULL;
}

static bool start(struct tunnel *t, struct binding *b)
{
	struct server *s = calloc(1, sizeof(*s));
	uint64_t seed;

	if (s == NULL)
		return false;
	t->state = s;
	reactor_random(&seed, sizeof(seed));
	half_open_init(&s->half_open, seed);
	if (!link_table_init(&s->links, seed) || !remember(t) || !open_ports(t, b))
		return false;
	watch_device(t);
	log_info(t->name, "server: udp %s, %s %s, crypt %s", t->conf->listen.text,
		 t->conf->target.count > 1 ? "targets" : "target", t->conf->target.text,
		 t->conf->crypt->name);
	return true;
}

/* Most of its ports are told apart without asking the kernel. */
static enum socket_place port_place(const struct port *p, const struct sockaddr_storage *addr)
{
	in_port_t number = addr->ss_family == AF_INET6
				   ? ((const struct sockaddr_in6 *)addr)->sin6_port
				   : ((const struct sockaddr_in *)addr)->sin_port;

	return p->udp.port == ntohs(number) ? socket_place(p->udp.fd, addr) : SOCKET_ELSEWHERE;
}

static enum socket_place place(const struct tunnel *t, const struct sockaddr_storage *addr)
{
	enum socket_place most = SOCKET_ELSEWHERE;

	for (const struct port *p = t->ports; p != NULL && most != SOCKET_THERE; p = p->next) {
		enum socket_place one = port_place(p, addr);

		if (one > most)
			most = one;
	}
	return most;
}

static size_t count_ports(const struct tunnel *t)
{
	size_t n = 0;

	for (const struct port *p = t->ports; p != NULL; p = p->next)
		n++;
	return n;
}

/* Without memory to know them by, the ports stay open, and whoever waits for them finds them in use. */
static void suspend(struct tunnel *t)
{
	struct server *s = t->state;
	struct sockaddr_storage *at = calloc(count_ports(t), sizeof(*at));

	s->away = at;
	for (struct port *p = t->ports; at != NULL && p != NULL; p = p->next)
		port_suspend(p, at++);
}

static bool resume(struct tunnel *t)
{
	struct server *s = t->state;
	const struct sockaddr_storage *at = s->away;
	bool good = true;

	for (struct port *p = t->ports; at != NULL && p != NULL; p = p->next)
		good &= port_resume(p, at++) == 0;
	free(s->away);
	s->away = NULL;
	return good;
}

static void drain(struct tunnel *t)
{
	for (struct link *l = t->links; l != NULL; l = l->next) {
		session_leave(l->session);
		link_touch(l);
	}
}

static bool yield(struct tunnel *t, struct bound *s)
{
	for (struct port *p = t->ports; p != NULL; p = p->next) {
		if (port_place(p, &s->addr) != SOCKET_THERE)
			continue;
		drain(t);
		tunnel_end_links(t);
		port_yield(p, &s->udp);
		return true;
	}
	return false;
}

static void stop(struct tunnel *t)
{
	struct server *s = t->state;

	netwatch_remove(&s->network);
	while (t->ports != NULL)
		port_free(t->ports);
	link_table_dispose(&s->links);
	free(s->away);
	replay_store_close(s->seen);
	free(s);
	t->state = NULL;
}

static void stream_opened(struct tunnel *t, struct link *l, struct smux_stream *st)
{
	if (!t->draining) {
		relay_serve(t, l, st);
		return;
	}
	t->past.streams_refused++;
	relay_refuse(st);
}

const struct tunnel_role server_role = {
	.start = start,
	.place = place,
	.yield = yield,
	.suspend = suspend,
	.resume = resume,
	.drain = drain,
	.stop = stop,
	.datagram = datagram,
	.stream_opened = stream_opened,
	.link_pumped = link_pumped,
	.link_ended = link_ended,
	.link_reaped = link_reaped,
};
