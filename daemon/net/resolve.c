/* resolve.c - c-ares on the libev loop.
 *
 * c-ares reads resolv.conf when a channel is made, and shares sockets and timeouts between
 * the queries of a channel.  One channel for good would never see a changed resolv.conf, one for
 * each query costs 70 KiB; so a channel takes the queries of CHANNEL_YOUNG_S and is
 * destroyed with its last.  Even a stream of queries to a dead server, each started before the
 * other ends, comes to a new channel after that time.
 *
 * c-ares cannot cancel one query.  What it holds is therefore a `struct lookup`, which
 * points to the query or, when that was cancelled, to nothing.
 *
 * Its callbacks only note the answer; users are called from a timer of our own, outside of
 * c-ares, where anything may be started and cancelled. */
#include "resolve.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <ares.h>
#include <ev.h>

#include "wire.h"

enum {
	TRY_TIMEOUT_MS = 1500, /* of the first try of a server; doubled for the second */
	TRIES = 2,
};

#define CHANNEL_YOUNG_S 1.

/* A ring with a head. */
struct node {
	struct node *prev, *next;
};

struct channel {
	struct node node; /* in resolver.channels */
	struct resolver *resolver;
	ares_channel ares;
	ev_tstamp born;
	size_t live;       /* queries that wait for it */
	struct node socks; /* what c-ares has open */
	ev_timer timeout;  /* when c-ares wants to be called */
	ev_timer deadline; /* when all of its queries end */
};

struct sock {
	struct node node;
	ev_io io;
};

struct lookup {
	struct resolve_query *query; /* NULL: cancelled */
};

struct resolve_query {
	struct node node; /* in resolver.waiting, .done or .telling */
	struct resolver *resolver;
	struct channel *channel; /* while c-ares works on it, else NULL */
	struct lookup *lookup;   /* likewise */
	uint16_t port;
	resolve_done_fn *tell;
	void *user;
	const char *error; /* static text, when count is 0 */
	size_t count;
	struct sockaddr_storage addrs[RESOLVE_ADDRS_MAX];
};

struct resolver {
	struct ev_loop *loop;
	struct node waiting; /* for c-ares */
	struct node done;    /* to be told when the timer fires */
	struct node telling; /* just being told */
	ev_timer teller;
	struct node channels;
	char *servers; /* NULL: as the system says */
	ev_tstamp timeout;
};

static void ring_init(struct node *head)
{
	head->prev = head->next = head;
}

static bool ring_empty(const struct node *head)
{
	return head->next == head;
}

static void ring_remove(struct node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
}

static void ring_append(struct node *head, struct node *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

static struct resolve_query *query_of(struct node *n)
{
	return container_of(n, struct resolve_query, node);
}

/* ---- addresses ------------------------------------------------------------------ */

static void add_address(struct resolve_query *q, const void *addr, size_t len)
{
	struct sockaddr_storage ss = { 0 };

	if (q->count == RESOLVE_ADDRS_MAX || len > sizeof(ss))
		return;
	memcpy(&ss, addr, len);
	if (ss.ss_family == AF_INET && len >= sizeof(struct sockaddr_in))
		((struct sockaddr_in *)&ss)->sin_port = htons(q->port);
	else if (ss.ss_family == AF_INET6 && len >= sizeof(struct sockaddr_in6))
		((struct sockaddr_in6 *)&ss)->sin6_port = htons(q->port);
	else
		return;
	for (size_t i = 0; i < q->count; i++) {
		if (memcmp(&q->addrs[i], &ss, sizeof(ss)) == 0)
			return;
	}
	q->addrs[q->count++] = ss;
}

static void add_wildcards(struct resolve_query *q)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	add_address(q, &v6, sizeof(v6));
	add_address(q, &v4, sizeof(v4));
}

/* True when `host` needs no name server; then the answer is in the query.
 * getaddrinfo() reads any IPv6 address with its scope, but of IPv4 also forms such as "127.1", which
 * are refused elsewhere. */
static bool answer_literal(struct resolve_query *q, const char *host)
{
	struct addrinfo hints = { .ai_family = AF_INET6,
				  .ai_socktype = SOCK_DGRAM,
				  .ai_flags = AI_NUMERICHOST };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct addrinfo *list;

	if (host[0] == '\0') {
		add_wildcards(q);
	} else if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		add_address(q, &v4, sizeof(v4));
	} else if (strchr(host, ':')) {
		if (getaddrinfo(host, NULL, &hints, &list) == 0) {
			add_address(q, list->ai_addr, list->ai_addrlen);
			freeaddrinfo(list);
		}
		q->error = "not an address";
	} else {
		return false;
	}
	return true;
}

/* ---- telling the user ------------------------------------------------------------- */

static void finish(struct resolve_query *q)
{
	struct resolver *r = q->resolver;

	ring_remove(&q->node);
	ring_append(&r->done, &q->node);
	ev_timer_start(r->loop, &r->teller);
}

/* What a callback starts and is known at once must wait for the next turn of
 * the loop: so those of this turn are set apart first. */
static void on_tell(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct resolver *r = w->data;

	ev_timer_stop(loop, w);
	while (!ring_empty(&r->done)) {
		struct node *n = r->done.next;

		ring_remove(n);
		ring_append(&r->telling, n);
	}
	while (!ring_empty(&r->telling)) {
		struct resolve_query *q = query_of(r->telling.next);

		ring_remove(&q->node);
		q->tell(q->user, q->addrs, q->count, q->count > 0 ? NULL : q->error);
		free(q);
	}
}

/* ---- answers of c-ares -------------------------------------------------------------- */

static const char *error_text(int status)
{
	switch (status) {
	case ARES_SUCCESS:
	case ARES_ENODATA:
		return "the name has no address";
	case ARES_ENOTFOUND:
		return "no such name";
	case ARES_ETIMEOUT:
	case ARES_ECANCELLED:
		return "no answer from the name servers";
	case ARES_ECONNREFUSED:
		return "no name server can be reached";
	case ARES_ESERVFAIL:
		return "the name servers failed";
	default:
		return ares_strerror(status);
	}
}

static void detach(struct resolve_query *q)
{
	q->lookup->query = NULL;
	q->lookup = NULL;
	q->channel->live--;
	q->channel = NULL;
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct lookup *l = arg;
	struct resolve_query *q = l->query;

	if (q) {
		detach(q);
		q->error = error_text(status);
		for (struct ares_addrinfo_node *n = info ? info->nodes : NULL; n; n = n->ai_next)
			add_address(q, n->ai_addr, n->ai_addrlen);
		finish(q);
	}
	if (info)
		ares_freeaddrinfo(info);
	free(l);
}

/* ---- channels ------------------------------------------------------------------------ */

static void channel_free(struct channel *ch)
{
	struct ev_loop *loop = ch->resolver->loop;

	assert(ch->live == 0);
	ares_destroy(ch->ares); /* closes its sockets through on_sock_state() */
	assert(ring_empty(&ch->socks));
	ev_timer_stop(loop, &ch->timeout);
	ev_timer_stop(loop, &ch->deadline);
	ring_remove(&ch->node);
	free(ch);
}

/* After every call into c-ares: the channel ends, or its timer is set anew. */
static void channel_settle(struct channel *ch)
{
	struct ev_loop *loop = ch->resolver->loop;
	struct timeval tv, *next;

	if (ch->live == 0) {
		channel_free(ch);
		return;
	}
	next = ares_timeout(ch->ares, NULL, &tv);
	ev_timer_stop(loop, &ch->timeout);
	if (!next)
		return;
	/* a millisecond more, or the timer may come just before c-ares thinks it due */
	ev_timer_set(&ch->timeout, (double)next->tv_sec + 1e-6 * (double)next->tv_usec + 1e-3, 0.);
	ev_timer_start(loop, &ch->timeout);
}

static void on_timeout(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct channel *ch = w->data;

	ares_process_fd(ch->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	channel_settle(ch);
}

/* Of a query whose A was answered and whose AAAA was not (some networks drop those), the
 * cancelling brings out what is there. */
static void on_deadline(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct channel *ch = w->data;
	struct node *head = &ch->resolver->waiting;

	ares_cancel(ch->ares);
	for (struct node *n = head->next, *next; n != head; n = next) {
		struct resolve_query *q = query_of(n);

		next = n->next;
		if (q->channel != ch)
			continue;
		detach(q);
		q->error = error_text(ARES_ETIMEOUT);
		finish(q);
	}
	channel_settle(ch);
}

static void on_sock_ready(struct ev_loop *loop, ev_io *w, int revents)
{
	struct channel *ch = w->data;
	ares_socket_t fd = w->fd; /* the watcher may go while c-ares works */

	ares_process_fd(ch->ares, revents & EV_READ ? fd : ARES_SOCKET_BAD,
			revents & EV_WRITE ? fd : ARES_SOCKET_BAD);
	channel_settle(ch);
}

static struct sock *find_sock(struct channel *ch, ares_socket_t fd)
{
	for (struct node *n = ch->socks.next; n != &ch->socks; n = n->next) {
		struct sock *s = container_of(n, struct sock, node);

		if (s->io.fd == fd)
			return s;
	}
	return NULL;
}

static struct sock *add_sock(struct channel *ch, ares_socket_t fd)
{
	struct sock *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	ev_io_init(&s->io, on_sock_ready, fd, 0);
	s->io.data = ch;
	ring_append(&ch->socks, &s->node);
	return s;
}

/* Called by c-ares: what it wants to know of a socket; nothing: it closes it. */
static void on_sock_state(void *data, ares_socket_t fd, int readable, int writable)
{
	struct channel *ch = data;
	struct ev_loop *loop = ch->resolver->loop;
	struct sock *s = find_sock(ch, fd);

	if (s)
		ev_io_stop(loop, &s->io);
	if (!readable && !writable) {
		if (s) {
			ring_remove(&s->node);
			free(s);
		}
		return;
	}
	if (!s)
		s = add_sock(ch, fd);
	if (!s)
		return; /* out of memory: the query will time out */
	ev_io_set(&s->io, fd, (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
	ev_io_start(loop, &s->io);
}

static int open_ares(struct channel *ch)
{
	static char files_then_dns[] = "fb";
	struct ares_options opt = {
		.timeout = TRY_TIMEOUT_MS,
		.tries = TRIES,
		.lookups = files_then_dns,
		.sock_state_cb = on_sock_state,
		.sock_state_cb_data = ch,
	};
	int status = ares_init_options(&ch->ares, &opt,
				       ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
					       ARES_OPT_SOCK_STATE_CB);

	if (status != ARES_SUCCESS || !ch->resolver->servers)
		return status;
	status = ares_set_servers_ports_csv(ch->ares, ch->resolver->servers);
	if (status != ARES_SUCCESS)
		ares_destroy(ch->ares);
	return status;
}

static struct channel *channel_new(struct resolver *r, const char **error)
{
	struct channel *ch = calloc(1, sizeof(*ch));
	int status;

	if (!ch) {
		*error = error_text(ARES_ENOMEM);
		return NULL;
	}
	ch->resolver = r;
	ring_init(&ch->socks);
	status = open_ares(ch);
	if (status != ARES_SUCCESS) {
		*error = error_text(status);
		free(ch);
		return NULL;
	}
	ch->born = ev_now(r->loop);
	ev_init(&ch->timeout, on_timeout);
	ch->timeout.data = ch;
	ev_timer_init(&ch->deadline, on_deadline, r->timeout, 0.);
	ch->deadline.data = ch;
	ev_timer_start(r->loop, &ch->deadline);
	ring_append(&r->channels, &ch->node);
	return ch;
}

/* The youngest channel, if it is young enough.  The wall clock may have been set
 * back since it was born: then it is not. */
static struct channel *young_channel(struct resolver *r)
{
	struct channel *ch;
	ev_tstamp age;

	if (ring_empty(&r->channels))
		return NULL;
	ch = container_of(r->channels.prev, struct channel, node);
	age = ev_now(r->loop) - ch->born;
	return age >= 0. && age < CHANNEL_YOUNG_S ? ch : NULL;
}

/* ---- queries --------------------------------------------------------------------------- */

static void ask(struct resolve_query *q, const char *host)
{
	struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM };
	struct channel *ch = young_channel(q->resolver);
	struct lookup *l = malloc(sizeof(*l));

	if (l && !ch)
		ch = channel_new(q->resolver, &q->error);
	if (!l || !ch) {
		free(l);
		finish(q);
		return;
	}
	l->query = q;
	q->lookup = l;
	q->channel = ch;
	ch->live++;
	ares_getaddrinfo(ch->ares, host, NULL, &hints, on_answer, l);
	channel_settle(ch);
}

struct resolve_query *resolve_start(struct resolver *r, const char *host, uint16_t port,
				    resolve_done_fn *done, void *user)
{
	struct resolve_query *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->resolver = r;
	q->port = port;
	q->tell = done;
	q->user = user;
	q->error = error_text(ARES_ENOMEM); /* what has no other reason */
	ring_append(&r->waiting, &q->node);
	if (answer_literal(q, host))
		finish(q);
	else
		ask(q, host);
	return q;
}

void resolve_cancel(struct resolve_query *q)
{
	struct channel *ch = q->channel;

	if (ch) {
		detach(q);
		channel_settle(ch);
	}
	ring_remove(&q->node);
	free(q);
}

/* ---- the resolver ------------------------------------------------------------------------ */

struct resolver *resolver_new(struct ev_loop *loop)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		free(r);
		return NULL;
	}
	r->loop = loop;
	r->timeout = RESOLVE_TIMEOUT_S;
	ring_init(&r->waiting);
	ring_init(&r->done);
	ring_init(&r->telling);
	ring_init(&r->channels);
	ev_timer_init(&r->teller, on_tell, 0., 0.);
	r->teller.data = r;
	return r;
}

static void cancel_all(struct node *head)
{
	while (!ring_empty(head))
		resolve_cancel(query_of(head->next));
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	cancel_all(&r->waiting);
	cancel_all(&r->done);
	assert(ring_empty(&r->telling)); /* not from inside a callback */
	assert(ring_empty(&r->channels));
	ev_timer_stop(r->loop, &r->teller);
	free(r->servers);
	free(r);
	ares_library_cleanup();
}

int resolver_set_servers(struct resolver *r, const char *servers)
{
	char *copy = servers ? strdup(servers) : NULL;

	if (servers && !copy)
		return -ENOMEM;
	free(r->servers);
	r->servers = copy;
	for (struct node *n = r->channels.next; n != &r->channels; n = n->next)
		container_of(n, struct channel, node)->born = 0.; /* takes no more queries */
	return 0;
}

void resolver_set_timeout(struct resolver *r, double seconds)
{
	r->timeout = seconds;
}
