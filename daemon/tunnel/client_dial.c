/* client_dial.c - from an empty slot to a link: a name, an address, a socket, a session. */
#include <errno.h>
#include <string.h>

#include "client_impl.h"
#include "socket.h"

enum {
	RETRY_MIN_S = 1, /* between two attempts at a session; doubles up to */
	RETRY_MAX_S = 30,
	SOUND_LIFE_S = 60, /* a session that lived so long was no failed attempt */
};

/* Try again later, ever later, up to RETRY_MAX_S. */
static void retry_later(struct slot *slot)
{
	double delay = RETRY_MIN_S << (slot->attempts < 5 ? slot->attempts : 5);

	slot->attempts++;
	client_drop_forsaken(slot);
	ev_timer_stop(client_loop(slot->tunnel), &slot->retry);
	ev_timer_set(&slot->retry, delay < RETRY_MAX_S ? delay : RETRY_MAX_S, 0.);
	ev_timer_start(client_loop(slot->tunnel), &slot->retry);
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
		ev_timer_start(client_loop(t), &slot->expiry);
	}
	session_ping(slot->link->session);
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
		failed(slot, "out of memory");
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	client_dial(w->data);
}

void client_dial_init(struct slot *slot)
{
	ev_init(&slot->retry, on_retry);
	slot->retry.data = slot;
}

void client_dial_cancel(struct slot *slot)
{
	ev_timer_stop(client_loop(slot->tunnel), &slot->retry);
	if (slot->query != NULL)
		resolve_cancel(slot->query);
	slot->query = NULL;
}

void client_redial(struct slot *slot, const struct link *ended)
{
	uint64_t life_us = slot->tunnel->reactor->now_us - ended->opened_us;

	if (ended->heard && life_us >= SOUND_LIFE_S * 1000000ull)
		slot->attempts = 0;
	/* Silence has lasted half a minute already; other ends come fast. */
	if (ended->end == SESSION_TIMEOUT) {
		slot->attempts += !ended->heard;
		client_dial(slot);
	} else {
		retry_later(slot);
	}
}
