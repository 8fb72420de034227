/* client_dial.c - from an empty slot to a link: a name, an address, a socket, a session. */
#include <errno.h>
#include <string.h>

#include "client_impl.h"
#include "socket.h"

enum {
	RETRY_MIN_S = 1, /* between two attempts at a session; doubles up to */
	RETRY_MAX_S = 30,
	SOUND_LIFE_S = 60, /* a session that lived so long was no failed attempt */
	SHORTAGE_ATTEMPTS = 2, /* of more is made no use while it is this machine that lacks something */
	REST_US = 1000 * 1000, /* of silence, after which a session may be unknown by now */
};

static bool is_shortage(int err)
{
	return err == ENOMEM || err == ENOBUFS || err == EMFILE || err == ENFILE;
}

/* Try again later, ever later, up to RETRY_MAX_S; with a shortage of our own, which harms no server, a few seconds at most. */
static void retry_later(struct slot *slot, bool shortage)
{
	double delay;

	if (shortage && slot->attempts > SHORTAGE_ATTEMPTS)
		slot->attempts = SHORTAGE_ATTEMPTS;
	delay = RETRY_MIN_S << (slot->attempts < 5 ? slot->attempts : 5);
	slot->attempts++;
	client_drop_forsaken(slot);
	ev_timer_stop(client_loop(slot->tunnel), &slot->retry);
	ev_timer_set(&slot->retry, delay < RETRY_MAX_S ? delay : RETRY_MAX_S, 0.);
	ev_timer_start(client_loop(slot->tunnel), &slot->retry);
}

static void failed(struct slot *slot, const char *what, bool shortage)
{
	struct tunnel *t = slot->tunnel;

	if (log_allow(&slot->limit, t->reactor->now_us, 60 * 1000000ull))
		log_warn(t->name, "no session to %s: %s; trying on", t->conf->remoteaddr.text, what);
	diagnosis_no_session(t, what);
	retry_later(slot, shortage);
}

/* Another session had an answer from that host a moment ago, so this one will, too. */
static bool will_answer(const struct link *fresh)
{
	for (const struct link *l = fresh->tunnel->links; l != NULL; l = l->next)
		if (l != fresh && client_heard_lately(l) && hosts_same(&l->path, &fresh->path) &&
		    client_guess_vouches(l, fresh))
			return true;
	return false;
}

struct link *client_open_link(struct tunnel *t, const struct udp_path *path, int *err)
{
	struct udp_options opt;
	struct udp udp;
	struct port *p;
	struct link *l;
	uint32_t conv;

	tunnel_udp_options(t, &opt);
	*err = udp_connect(&udp, &path->peer.sa, path->peer_len, &opt);
	if (*err != 0)
		return NULL;
	tunnel_check_sockbuf(t, &udp);
	*err = -ENOMEM;
	p = port_new(t, &udp);
	if (p == NULL)
		return NULL;
	reactor_random(&conv, sizeof(conv));
	l = link_new(t, p, path, conv);
	p->link = l;
	if (l == NULL)
		port_free(p);
	else
		l->trusted = will_answer(l);
	return l;
}

/* The server may be another one than that which they talked to, and say so. */
static void ask_those_at_rest(const struct link *fresh)
{
	struct tunnel *t = fresh->tunnel;

	for (struct link *l = t->links; l != NULL; l = l->next) {
		if (l == fresh || !l->heard || t->reactor->now_us - l->heard_us < REST_US ||
		    !hosts_same(&l->path, &fresh->path))
			continue;
		session_ping(l->session);
		link_touch(l);
	}
}

int client_fill(struct slot *slot, const struct udp_path *path)
{
	struct tunnel *t = slot->tunnel;
	int err;

	slot->link = client_open_link(t, path, &err);
	if (slot->link == NULL)
		return err;
	slot->link->slot = slot->index;
	client_watch_init(slot->link);
	log_info(t->name, "session %08x to %s opened", slot->link->conv, slot->link->peer);
	if (t->conf->autoexpire_s > 0) {
		ev_timer_set(&slot->expiry, t->conf->autoexpire_s, 0.);
		ev_timer_start(client_loop(t), &slot->expiry);
	}
	session_ping(slot->link->session);
	ask_those_at_rest(slot->link);
	return 0;
}

static void on_resolved(void *user, const struct sockaddr_storage *addrs, size_t count,
			const char *error)
{
	struct slot *slot = user;
	int err;

	slot->query = NULL;
	if (count == 0) {
		failed(slot, error, false);
		return;
	}
	err = client_race(slot, addrs, count);
	if (err != 0)
		failed(slot, strerror(-err), is_shortage(-err));
	else
		client_serve_waiting(slot);
}

static uint16_t draw_port(const struct conf_addr *a)
{
	uint32_t span = (uint32_t)(a->port_last - a->port) + 1, word;

	reactor_random(&word, sizeof(word));
	return (uint16_t)(a->port + (uint32_t)((uint64_t)word * span >> 32));
}

void client_dial(struct slot *slot)
{
	struct tunnel *t = slot->tunnel;
	const struct conf_addr *a = &t->conf->remoteaddr;

	if (slot->link != NULL || slot->query != NULL || ev_is_active(&slot->retry) || t->draining)
		return;
	slot->query = resolve_start(t->reactor->resolver, a->host, draw_port(a), on_resolved, slot);
	if (slot->query == NULL)
		failed(slot, "out of memory", true);
}

void client_refill(struct slot *slot)
{
	if (client_spread_wants(slot))
		client_dial(slot);
	else
		client_place_waiting(slot);
}

bool client_dial_like(struct slot *slot, const struct link *like)
{
	struct udp_path path = like->path;
	uint16_t number = htons(draw_port(&slot->tunnel->conf->remoteaddr));

	if (path.peer.sa.sa_family == AF_INET6)
		path.peer.v6.sin6_port = number;
	else
		path.peer.v4.sin_port = number;
	return client_fill(slot, &path) == 0;
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	client_dial(w->data);
}

void client_dial_init(struct slot *slot)
{
	ev_init(&slot->retry, on_retry);
	slot->retry.data = slot;
	client_race_init(slot);
}

void client_dial_cancel(struct slot *slot)
{
	ev_timer_stop(client_loop(slot->tunnel), &slot->retry);
	client_race_stop(slot);
	if (slot->query != NULL)
		resolve_cancel(slot->query);
	slot->query = NULL;
}

void client_redial(struct slot *slot, const struct link *ended)
{
	uint64_t life_us;

	if (ended->mended) {
		if (client_dial_like(slot, ended))
			client_place_waiting(slot);
		else
			client_dial(slot);
		return;
	}
	life_us = slot->tunnel->reactor->now_us - ended->opened_us;

	if (ended->heard && life_us >= SOUND_LIFE_S * 1000000ull)
		slot->attempts = 0;
	/* Silence has lasted half a minute already; other ends come fast. */
	if (ended->end == SESSION_UNKNOWN) { /* the server is back */
		slot->attempts = 0;
		client_dial(slot);
	} else if (ended->end == SESSION_TIMEOUT) {
		slot->attempts += !ended->heard;
		client_dial(slot);
	} else {
		retry_later(slot, ended->end == SESSION_NO_MEMORY);
	}
}
