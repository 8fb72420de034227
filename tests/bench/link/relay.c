/* relay.c - the relay: sockets, a timer, and a link in each direction between them.
 *
 * Each turn takes in what the sockets have, puts it on the links with the time of its arrival, sends on
 * what has arrived at their ends, and sets the timer to the next arrival. */
#include "relay.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"
#include "clients.h"
#include "counts.h"
#include "way.h"

enum { UP, DOWN };
enum { SOCKBUF = 16 << 20, EVENTS_MAX = 64 };
enum { BATCHES_A_TURN = 4 }; /* from one socket, so that what is due does not wait for long */
/* What is due within so many microseconds is sent on together, as an interface does that spares its
 * machine interrupts: it halves the work of the relay and of who receives. */
enum { TOGETHER_US = 200 };

/* What epoll tells of: the socket of a client by its number, or one of these. */
enum { FRONT = CLIENTS_MAX, TIMER, SIGNALS };

struct relay {
	const struct options *options;
	int epoll, timer, signals;
	int front;              /* where clients send to */
	uint32_t front_dropped; /* by the kernel */
	uint64_t armed_us;      /* what the timer is set to; UINT64_MAX: off */
	uint64_t started_us;    /* the first datagram; 0: none yet */
	bool turned_away;       /* clients, and it has been said */
	bool stop;
	struct clients clients;
	struct way way[2];
	struct batch in, out;
};

__attribute__((noreturn)) static void die(const char *what, const char *which)
{
	fprintf(stderr, "linkrelay: cannot %s %s: %s\n", what, which, strerror(errno));
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- sockets ------------------------------------------------------------------------------ */

static void watch(struct relay *r, int fd, uint32_t what)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = what };

	if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		die("watch", "a descriptor");
}

static void set_buffer(int fd, int forced, int plain)
{
	int bytes = SOCKBUF;

	/* Root may have more than the system's limit, others get the limit. */
	if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof(bytes));
}

static int open_socket(const struct endpoint *e)
{
	int on = 1, fd = socket(e->addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("open a socket for", e->text);
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
	return fd;
}

static void open_front(struct relay *r)
{
	const struct endpoint *e = &r->options->listen;

	r->front = open_socket(e);
	if (bind(r->front, (const struct sockaddr *)&e->addr, e->len) < 0)
		die("listen on", e->text);
	watch(r, r->front, FRONT);
}

static int open_upstream(struct relay *r)
{
	const struct endpoint *e = &r->options->to;
	int fd = open_socket(e);

	if (connect(fd, (const struct sockaddr *)&e->addr, e->len) < 0)
		die("send to", e->text);
	return fd;
}

static void open_signals(struct relay *r)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (r->signals < 0)
		die("take", "signals");
	watch(r, r->signals, SIGNALS);
}

static void open_timer(struct relay *r)
{
	r->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	r->armed_us = UINT64_MAX;
	if (r->timer < 0)
		die("make", "a timer");
	watch(r, r->timer, TIMER);
}

static void open_all(struct relay *r)
{
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll < 0)
		die("make", "an epoll");
	open_signals(r);
	open_timer(r);
	open_front(r);
}

static void close_all(struct relay *r)
{
	for (uint32_t i = 0; i < r->clients.count; i++)
		close(r->clients.all[i].fd);
	close(r->front);
	close(r->timer);
	close(r->signals);
	close(r->epoll);
}

/* ---- in ------------------------------------------------------------------------------------ */

/* The links' clocks, by which a wave and an outage go, start with the first datagram. */
static void start_clocks(struct relay *r, uint64_t now)
{
	if (r->started_us != 0)
		return;
	r->started_us = now;
	for (int i = 0; i < 2; i++)
		link_start(r->way[i].link, now);
}

static uint32_t client_of(struct relay *r, unsigned i)
{
	const struct sockaddr_storage *addr = &r->in.addr[i];
	socklen_t len = r->in.msg[i].msg_hdr.msg_namelen;
	uint32_t c = clients_find(&r->clients, addr, len);

	if (c != CLIENTS_NONE)
		return c;
	if (r->clients.count == CLIENTS_MAX) {
		if (!r->turned_away)
			fprintf(stderr,
				"linkrelay: more than %d clients: the others are turned away\n",
				CLIENTS_MAX);
		r->turned_away = true;
		return CLIENTS_NONE;
	}
	c = clients_add(&r->clients, addr, len, open_upstream(r));
	watch(r, r->clients.all[c].fd, c);
	return c;
}

static void offer_up(struct relay *r, uint64_t now, unsigned i)
{
	uint32_t len = batch_len(&r->in, i), c = client_of(r, i);

	if (c == CLIENTS_NONE)
		way_count(&r->way[UP].refused, len + LINK_HEADERS);
	else
		way_offer(&r->way[UP], now, c, r->in.data[i], len);
	batch_overrun(&r->in, i, &r->front_dropped);
}

static void take_up(struct relay *r)
{
	for (int n = 0; n < BATCHES_A_TURN && batch_receive(&r->in, r->front); n++) {
		uint64_t now = now_us();

		start_clocks(r, now);
		for (unsigned i = 0; i < r->in.count; i++)
			offer_up(r, now, i);
	}
}

static void take_down(struct relay *r, uint32_t c)
{
	struct client *client = &r->clients.all[c];

	for (int n = 0; n < BATCHES_A_TURN && batch_receive(&r->in, client->fd); n++) {
		uint64_t now = now_us();

		for (unsigned i = 0; i < r->in.count; i++) {
			way_offer(&r->way[DOWN], now, c, r->in.data[i], batch_len(&r->in, i));
			batch_overrun(&r->in, i, &client->dropped);
		}
	}
}

/* ---- out ----------------------------------------------------------------------------------- */

static void flush(struct relay *r, struct way *w, int fd)
{
	for (unsigned done = 0; done < r->out.count;) {
		unsigned n = batch_send(&r->out, fd, done);

		if (n == 0)
			way_count(&w->unsent, (uint32_t)r->out.iov[done++].iov_len + LINK_HEADERS);
		done += n;
	}
	r->out.count = 0;
}

static void deliver_up(struct relay *r, uint64_t now)
{
	struct way *w = &r->way[UP];
	struct link_packet pkt;
	int fd = -1;

	while (way_take(w, now, &pkt)) {
		int to = r->clients.all[pkt.owner].fd;

		if (r->out.count == BATCH_MAX || to != fd)
			flush(r, w, fd);
		fd = to;
		batch_add(&r->out, pkt.data, pkt.len, NULL, 0);
	}
	flush(r, w, fd);
}

static void deliver_down(struct relay *r, uint64_t now)
{
	struct way *w = &r->way[DOWN];
	struct link_packet pkt;

	while (way_take(w, now, &pkt)) {
		const struct client *c = &r->clients.all[pkt.owner];

		if (r->out.count == BATCH_MAX)
			flush(r, w, r->front);
		batch_add(&r->out, pkt.data, pkt.len, &c->addr, c->len);
	}
	flush(r, w, r->front);
}

static uint64_t wake_at(const struct relay *r)
{
	uint64_t up = link_deadline(r->way[UP].link), down = link_deadline(r->way[DOWN].link);
	uint64_t at = up < down ? up : down;

	return at == UINT64_MAX ? at : (at + TOGETHER_US - 1) / TOGETHER_US * TOGETHER_US;
}

/* Setting it, or setting it off, makes an expired timer quiet, so that it need not be read. */
static void arm(struct relay *r)
{
	uint64_t at = wake_at(r);
	struct itimerspec t = { .it_value = { 0, 0 } };

	if (at == r->armed_us)
		return;
	if (at != UINT64_MAX) {
		t.it_value.tv_sec = (time_t)(at / 1000000);
		t.it_value.tv_nsec = (long)(at % 1000000) * 1000;
	}
	if (timerfd_settime(r->timer, TFD_TIMER_ABSTIME, &t, NULL) < 0)
		die("set", "the timer");
	r->armed_us = at;
}

/* ---- what it tells ------------------------------------------------------------------------- */

static void tell(const struct relay *r)
{
	struct counts c = {
		.way = { &r->way[UP], &r->way[DOWN] },
		.overrun = { r->front_dropped, 0 },
		.clients = r->clients.count,
	};

	if (r->started_us != 0)
		c.seconds = (double)(now_us() - r->started_us) * 1e-6;
	for (uint32_t i = 0; i < r->clients.count; i++)
		c.overrun[DOWN] += r->clients.all[i].dropped;
	counts_print(&c, stdout);
}

static void take_signals(struct relay *r)
{
	struct signalfd_siginfo s;

	while (read(r->signals, &s, sizeof(s)) == (ssize_t)sizeof(s)) {
		if (s.ssi_signo == SIGUSR1)
			tell(r);
		else
			r->stop = true;
	}
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void take(struct relay *r, uint32_t what)
{
	if (what < CLIENTS_MAX)
		take_down(r, what);
	else if (what == FRONT)
		take_up(r);
	else if (what == SIGNALS)
		take_signals(r);
}

static void turn(struct relay *r)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(r->epoll, events, EVENTS_MAX, -1);

	if (n < 0 && errno != EINTR)
		die("wait for", "events");
	for (int i = 0; i < n; i++)
		take(r, events[i].data.u32);
	deliver_up(r, now_us());
	deliver_down(r, now_us());
	arm(r);
}

int relay_run(const struct options *o)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (r == NULL)
		die("have", "memory");
	r->options = o;
	/* Seeds that differ by one are other links in both directions. */
	for (unsigned i = 0; i < 2; i++)
		way_init(&r->way[i], &o->link[i], 2 * o->seed + i);
	open_all(r);
	while (!r->stop)
		turn(r);
	tell(r);
	close_all(r);
	for (int i = 0; i < 2; i++)
		way_dispose(&r->way[i]);
	free(r);
	return 0;
}
