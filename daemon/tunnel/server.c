/* server.c - the accepting end: links for the clients that send to it. */
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "relay.h"
#include "resolve.h"
#include "socket.h"
#include "tunnel.h"

enum {
	TABLE_SIZE_MIN = 64,
	/* A conversation starts with small sequence numbers: a client has at
	 * most this many segments under way before it was ever answered.  An
	 * unknown address that sends later ones is in the middle of a
	 * conversation that this server never saw and cannot deliver. */
	FIRST_SN_MAX = 255,
};

struct server {
	struct link **table; /* by peer address, chained through hash_next */
	size_t table_size;   /* a power of two */
	unsigned count;
	uint64_t hash_seed;
	struct log_limit refused;
};

/* ---- table -------------------------------------------------------------------------- */

static struct link **bucket(const struct server *s, const struct udp_path *path)
{
	return &s->table[udp_path_hash(path, s->hash_seed) & (s->table_size - 1)];
}

/* Datagrams come in trains: most often it is the link of the one before. */
static struct link *find(const struct server *s, struct port *p, const struct udp_path *path)
{
	struct link *l = p->link;

	if (l != NULL && udp_path_same_peer(&l->path, path))
		return l;
	l = *bucket(s, path);
	while (l != NULL && !(l->port == p && udp_path_same_peer(&l->path, path)))
		l = l->hash_next;
	p->link = l;
	return l;
}

/* Twice the buckets; when there is no memory the chains just get longer. */
static void grow(struct server *s)
{
	size_t old_size = s->table_size;
	struct link **old = s->table;
	struct link **table = calloc(2 * old_size, sizeof(*table));

	if (table == NULL)
		return;
	s->table = table;
	s->table_size = 2 * old_size;
	for (size_t i = 0; i < old_size; i++) {
		struct link *next;

		for (struct link *l = old[i]; l != NULL; l = next) {
			struct link **head = bucket(s, &l->path);

			next = l->hash_next;
			l->hash_next = *head;
			*head = l;
		}
	}
	free(old);
}

static void insert(struct server *s, struct link *l)
{
	struct link **head;

	if (s->count >= s->table_size)
		grow(s);
	head = bucket(s, &l->path);
	l->hash_next = *head;
	*head = l;
	s->count++;
}

static void link_ended(struct tunnel *t, struct link *l)
{
	struct server *s = t->state;
	struct link **at = bucket(s, &l->path);

	if (l->port->link == l)
		l->port->link = NULL;
	while (*at != NULL && *at != l)
		at = &(*at)->hash_next;
	if (*at == l) {
		*at = l->hash_next;
		s->count--;
	}
}

static void link_reaped(struct tunnel *t, struct link *l)
{
	if (tunnel_may_log(t))
		log_info(t->name, "session %08x of %s closed", l->conv, l->peer);
	link_free(l);
}

/* ---- datagrams ------------------------------------------------------------------------ */

/* Is there room for another session? */
static bool admits(struct tunnel *t)
{
	struct server *s = t->state;

	if (s->count < t->conf->maxsessions)
		return true;
	if (log_allow(&s->refused, t->reactor->now_us, 60 * 1000000ull))
		log_warn(t->name, "%u sessions: no more are accepted (maxsessions)", s->count);
	return false;
}

static struct link *new_link(struct tunnel *t, struct port *p, const struct udp_path *path,
			     uint32_t conv)
{
	struct link *l = admits(t) ? link_new(t, p, path, conv) : NULL;

	if (l == NULL) {
		t->past.sessions_refused++;
		return NULL;
	}
	insert(t->state, l);
	if (tunnel_may_log(t))
		log_info(t->name, "session %08x of %s opened", conv, l->peer);
	return l;
}

/* What a datagram says of the conversation that it belongs to. */
enum claim {
	CLAIM_NONE,  /* nothing: it is for whoever its address is known as */
	CLAIM_AMID,  /* in the middle of `conv`: for one that is known */
	CLAIM_EARLY, /* among the first of `conv`: one may be opened for it */
	CLAIM_FIRST, /* the very first of `conv`: it may take the place of another */
};

static enum claim claim_of(const struct session_sniff *sniff)
{
	if (!sniff->has_conv)
		return CLAIM_NONE;
	if (sniff->cmd != KCP_CMD_PUSH || sniff->sn > FIRST_SN_MAX)
		return CLAIM_AMID;
	return sniff->sn == 0 ? CLAIM_FIRST : CLAIM_EARLY;
}

/* Nothing that the datagram says speaks against its being of the link at its address. */
static bool belongs_to(const struct link *l, enum claim claim, uint32_t conv)
{
	return claim == CLAIM_NONE || conv == l->conv;
}

/* A client that begins anew on the port it had before ends what it left behind there.  Only the
 * first packet of all does that: a late one of yet another conversation must not. */
static bool takes_over(struct link *l, enum claim claim)
{
	if (claim != CLAIM_FIRST)
		return false;
	log_debug(l->tunnel->name, "%s starts another conversation", l->peer);
	link_end(l, SESSION_ALIVE);
	return true;
}

static bool may_open(const struct tunnel *t, enum claim claim)
{
	return claim >= CLAIM_EARLY && !t->draining;
}

/* Which link a datagram is for, a new one if it starts a conversation. */
static struct link *route(struct tunnel *t, struct port *p, const struct packet *pkt)
{
	struct link *l = find(t->state, p, pkt->path);
	struct session_sniff sniff;
	enum claim claim;

	if (!session_sniff((struct view){ pkt->data, pkt->len }, &sniff))
		return l; /* counted there, if anywhere */
	claim = claim_of(&sniff);
	if (l != NULL && belongs_to(l, claim, sniff.conv))
		return l;
	if (l != NULL && !takes_over(l, claim))
		return NULL;
	return may_open(t, claim) ? new_link(t, p, pkt->path, sniff.conv) : NULL;
}

static void datagram(struct tunnel *t, struct port *p, struct packet *pkt)
{
	struct link *l;

	if (pkt->bad) {
		t->past.in_csum_errors++;
		t->past.in_pkts++;
		if (find(t->state, p, pkt->path) == NULL) /* else the network did it */
			diagnosis_bad_packet(t, pkt->path, NULL);
		return;
	}
	l = route(t, p, pkt);
	if (l == NULL) {
		t->past.in_pkts++;
		t->past.in_ignored++;
		return;
	}
	l->path = *(const struct udp_path *)pkt->path; /* answer from the address that was asked */
	link_input(l, (struct view){ pkt->data, pkt->len });
}

/* ---- life ----------------------------------------------------------------------------- */

static int open_port(struct tunnel *t, const struct addrinfo *ai)
{
	struct udp_options opt;
	struct udp udp;
	int err;

	tunnel_udp_options(t, &opt);
	err = udp_listen(&udp, ai->ai_addr, ai->ai_addrlen, &opt);
	if (err != 0)
		return err;
	tunnel_check_sockbuf(t, &udp);
	return port_new(t, &udp) != NULL ? 0 : -ENOMEM;
}

static void tell_failure(const struct tunnel *t, unsigned number, int err)
{
	const struct conf_addr *at = &t->conf->listen;

	if (at->port == at->port_last)
		log_err(t->name, "cannot listen on udp %s: %s", at->text, strerror(err));
	else
		log_err(t->name, "cannot listen on udp %s, port %u: %s", at->text, number,
			strerror(err));
}

static int open_ports(struct tunnel *t, unsigned number)
{
	const struct conf_addr *at = &t->conf->listen;
	const char *why;
	struct addrinfo *list = resolve_local(at->host, (uint16_t)number, SOCK_DGRAM, &why);
	unsigned opened = 0;
	int err = 0;

	if (list == NULL) {
		log_err(t->name, "cannot listen on %s: %s", at->text, why);
		return -1;
	}
	for (struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
		err = open_port(t, ai);
		opened += err == 0;
		if (err != 0 && !socket_no_address_here(-err))
			break;
	}
	freeaddrinfo(list);
	if (opened > 0 && socket_no_address_here(-err))
		err = 0;
	if (err != 0)
		tell_failure(t, number, -err);
	return err;
}

static int start(struct tunnel *t)
{
	const struct conf_addr *at = &t->conf->listen;
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	t->state = s;
	reactor_random(&s->hash_seed, sizeof(s->hash_seed));
	s->table_size = TABLE_SIZE_MIN;
	s->table = calloc(s->table_size, sizeof(*s->table));
	if (s->table == NULL)
		return -1;
	for (unsigned number = at->port; number <= at->port_last; number++)
		if (open_ports(t, number) != 0)
			return -1;
	log_info(t->name, "server: udp %s, target %s, crypt %s", at->text, t->conf->target.text,
		 t->conf->crypt->name);
	return 0;
}

static void drain(struct tunnel *t)
{
	(void)t; /* may_open() looks at t->draining */
}

static void stop(struct tunnel *t)
{
	struct server *s = t->state;

	while (t->ports != NULL)
		port_free(t->ports);
	free(s->table);
	free(s);
	t->state = NULL;
}

static void stream_opened(struct tunnel *t, struct link *l, struct smux_stream *st)
{
	if (t->draining)
		smux_release(st, true);
	else
		relay_serve(t, l, st);
}

const struct tunnel_role server_role = {
	.start = start,
	.drain = drain,
	.stop = stop,
	.datagram = datagram,
	.stream_opened = stream_opened,
	.link_ended = link_ended,
	.link_reaped = link_reaped,
};
