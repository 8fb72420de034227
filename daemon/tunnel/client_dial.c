/* client_dial.c - from an empty slot to a link: a name, an address, a socket, a session. */
#include <errno.h>
#include <stdio.h>

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
	client_race_stop(slot);
	client_drop_forsaken(slot);
	ev_timer_stop(client_loop(slot->tunnel), &slot->retry);
	ev_timer_set(&slot->retry, delay < RETRY_MAX_S ? delay : RETRY_MAX_S, 0.);
	ev_timer_start(client_loop(slot->tunnel), &slot->retry);
}

/* As long as the address, the device or a route is missing here. */
static bool is_our_network(int err)
{
	return err == EADDRNOTAVAIL || err == ENODEV || err == ENETUNREACH || err == ENETDOWN;
}

void client_failed(struct slot *slot)
{
	struct tunnel *t = slot->tunnel;
	const char *what = slot->why.text;

	if (client_is_trial(slot)) {
		client_trial_failed(t);
		return;
	}
	slot->ours = is_our_network(slot->why.err);
	if (log_allow(&slot->limit, t->reactor->now_us, 60 * 1000000ull))
		log_warn(t->name, "no session to %s: %s; trying on", t->conf->remoteaddr.text, what);
	diagnosis_no_session(t, what);
	retry_later(slot, is_shortage(slot->why.err));
}

/* Another session had an answer from that host a moment ago, so this one will, too. */
static bool will_answer(const struct link *fresh)
{
	const struct client *c = fresh->tunnel->state;

	if (c->servers.at[fresh->server].doubtful)
		return false;
	for (const struct link *l = fresh->tunnel->links; l != NULL; l = l->next)
		if (l != fresh && l->server == fresh->server && client_heard_lately(l) &&
		    hosts_same(&l->path, &fresh->path) && client_guess_vouches(l, fresh))
			return true;
	return false;
}

static void refuse(struct refusal *why, int err, const char *text)
{
	why->err = err < 0 ? -err : err;
	snprintf(why->text, sizeof(why->text), "%s", text);
}

struct link *client_open_link(struct tunnel *t, const struct whereto *to, struct refusal *why)
{
	const struct udp_path *path = &to->path;
	struct udp_options opt;
	struct udp udp;
	struct port *p;
	struct link *l;
	uint32_t conv;
	int err;

	tunnel_udp_options(t, &opt);
	err = udp_connect(&udp, &path->peer.sa, path->peer_len, &opt);
	if (err != 0) {
		why->err = -err;
		udp_refusal_text(udp.step, err, &opt, why->text);
		return NULL;
	}
	tunnel_check_sockbuf(t, &udp);
	refuse(why, ENOMEM, "out of memory");
	p = port_new(t, &udp);
	if (p == NULL)
		return NULL;
	reactor_random(&conv, sizeof(conv));
	l = link_new(t, p, path, conv, to->server);
	p->link = l;
	if (l == NULL) {
		port_free(p);
		return NULL;
	}
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

bool client_fill(struct slot *slot, const struct whereto *to, struct refusal *why)
{
	struct tunnel *t = slot->tunnel;
	char name[LINK_NAME_BYTES];

	slot->link = client_open_link(t, to, why);
	if (slot->link == NULL)
		return false;
	slot->link->slot = slot->index;
	client_watch_init(slot->link);
	if (client_is_trial(slot)) {
		log_debug(t->name, "%s is tried", link_name(slot->link, name));
	} else {
		log_info(t->name, "%s opened", link_name(slot->link, name));
		client_expiry_start(slot);
	}
	session_ping(slot->link->session);
	ask_those_at_rest(slot->link);
	return true;
}

/* ---- names --------------------------------------------------------------------------- */

/* Of one server among several, while there are others to be tried. */
static void tell_passed_over(struct slot *slot, unsigned server)
{
	struct tunnel *t = slot->tunnel;

	if (t->conf->remoteaddr.count > 1 && !client_is_trial(slot) &&
	    log_allow(&slot->limit, t->reactor->now_us, 60 * 1000000ull))
		log_warn(t->name, "no session to %s: %s; another server is tried",
			 t->conf->remoteaddr.list[server].text, slot->why.text);
}

static void on_resolved(void *user, const struct sockaddr_storage *addrs, size_t count,
			const char *error)
{
	struct lookup *lookup = user;
	struct slot *slot = lookup->slot;
	unsigned server = (unsigned)(lookup - slot->lookups);
	bool was_dry = slot->address_count == 0;

	lookup->query = NULL;
	if (count == 0)
		refuse(&slot->why, 0, error);
	if (count == 0 || !client_race_add(slot, server, addrs, count))
		tell_passed_over(slot, server);
	client_race_go(slot, was_dry);
}

static uint16_t draw_port(const struct conf_addr *a)
{
	uint32_t span = (uint32_t)(a->port_last - a->port) + 1, word;

	reactor_random(&word, sizeof(word));
	return (uint16_t)(a->port + (uint32_t)((uint64_t)word * span >> 32));
}

static bool look_up(struct slot *slot, unsigned server)
{
	const struct conf_addr *a = &slot->tunnel->conf->remoteaddr.list[server];
	struct lookup *lookup = &slot->lookups[server];

	slot->tried |= 1u << server;
	lookup->slot = slot;
	lookup->query = resolve_start(slot->tunnel->reactor->resolver, a->host, draw_port(a),
				      on_resolved, lookup);
	if (lookup->query == NULL)
		refuse(&slot->why, ENOMEM, "out of memory");
	return lookup->query != NULL;
}

/* The one that serves; others only as long as that answers nobody. */
bool client_ask_next(struct slot *slot)
{
	const struct client *c = slot->tunnel->state;
	unsigned next;

	while ((next = servers_next(&c->servers, slot->tried)) < c->servers.count) {
		if (slot->tried != 0 && !client_is_trial(slot) && client_is_served(slot->tunnel))
			return false;
		if (look_up(slot, next))
			return true;
	}
	return false;
}

bool client_looks_up(const struct slot *slot)
{
	for (unsigned i = 0; i < CONF_ADDRS_MAX; i++)
		if (slot->lookups[i].query != NULL)
			return true;
	return false;
}

void client_cancel_lookups(struct slot *slot)
{
	for (unsigned i = 0; i < CONF_ADDRS_MAX; i++) {
		if (slot->lookups[i].query != NULL)
			resolve_cancel(slot->lookups[i].query);
		slot->lookups[i].query = NULL;
	}
}

/* ---- slots --------------------------------------------------------------------------- */

void client_dial(struct slot *slot)
{
	if (slot->link != NULL || client_looks_up(slot) || ev_is_active(&slot->retry) ||
	    slot->tunnel->draining)
		return;
	client_race_stop(slot); /* what is left of another race */
	slot->tried = 0;
	client_race_go(slot, false);
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
	struct whereto to = { .server = like->server, .path = like->path };
	uint16_t number = htons(draw_port(&slot->tunnel->conf->remoteaddr.list[like->server]));

	if (to.path.peer.sa.sa_family == AF_INET6)
		to.path.peer.v6.sin6_port = number;
	else
		to.path.peer.v4.sin_port = number;
	client_race_stop(slot);
	return client_fill(slot, &to, &slot->why);
}

void client_dial_anew(struct slot *slot)
{
	if (!slot->ours || !ev_is_active(&slot->retry))
		return;
	ev_timer_stop(client_loop(slot->tunnel), &slot->retry);
	slot->attempts = 0;
	client_dial(slot);
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
