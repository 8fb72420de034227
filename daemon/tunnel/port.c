/* port.c - one UDP socket of a tunnel, and the turns of those who send through it. */
#include "port.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>

#include "loop.h"
#include "seal.h"
#include "socket.h"
#include "tunnel.h"

/* ---- out ------------------------------------------------------------------------- */

void port_send(struct port *p)
{
	struct reactor *r = p->tunnel->reactor;

	if (r->out.count == 0)
		return;
	tunnel_seal(p->tunnel, r->out.v, r->out.count);
	udp_send(&p->udp, &r->out);
	if (p->udp.blocked)
		ev_io_start(r->loop, &p->out);
	reactor_busy(r);
}

static void resume_stalled(struct port *p)
{
	while (p->stalled != NULL) {
		struct port_turn *turn = p->stalled;

		p->stalled = turn->next;
		turn->stalled = false;
		port_touch(p, turn);
	}
}

static void on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct port *p = w->data;

	if (revents & EV_ERROR)
		loop_rest(loop, &p->rest);
	if (!udp_send_backlog(&p->udp))
		return;
	ev_io_stop(loop, w);
	resume_stalled(p);
}

static void note_flow(struct tunnel *t)
{
	struct flow_sample sample;

	if (!flow_due(&t->flow, t->reactor->now_us))
		return;
	tunnel_flow(t, &sample);
	flow_note(&t->flow, &sample);
}

static void run_port(struct task *task)
{
	struct port *p = container_of(task, struct port, task);

	while (p->touched != NULL) {
		struct port_turn *turn = p->touched;

		p->touched = turn->next;
		if (p->touched == NULL)
			p->touched_tail = &p->touched;
		turn->touched = false;
		turn->pump(turn);
	}
	port_send(p);
	note_flow(p->tunnel);
}

/* ---- what the system refuses ------------------------------------------------------ */

/* Errors without end, or a socket for which the poll has no place, are not asked for again at once. */
static void rest(struct port *p)
{
	struct ev_loop *loop = p->tunnel->reactor->loop;

	ev_io_stop(loop, &p->in);
	loop_rest(loop, &p->rest);
}

static void on_rested(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct port *p = w->data;

	ev_io_start(loop, &p->in);
	if (p->udp.blocked)
		ev_io_start(loop, &p->out);
}

static void stop_watching(struct port *p)
{
	struct ev_loop *loop = p->tunnel->reactor->loop;

	ev_io_stop(loop, &p->in);
	ev_io_stop(loop, &p->out);
	ev_timer_stop(loop, &p->rest);
}

/* ---- in -------------------------------------------------------------------------- */

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct port *p = w->data;
	struct tunnel *t = p->tunnel;
	struct reactor *r = t->reactor;
	bool more;
	size_t n = udp_recv(&p->udp, r->rx, r->in, r->in_paths, UDP_RECV_MAX, &more);

	if (p->udp.failing || revents & EV_ERROR)
		rest(p);
	if (n == 0)
		return;
	seal_open_batch(t->seal, r->in, n);
	for (size_t i = 0; i < n; i++)
		t->role->datagram(t, p, &r->in[i]);
	reactor_busy(r);
	/* What `more` tells of, level-triggered polling brings back at once,
	 * after this batch has been answered. */
}

/* ---- turns ------------------------------------------------------------------------ */

void port_touch(struct port *p, struct port_turn *turn)
{
	if (turn->touched || turn->stalled)
		return;
	turn->touched = true;
	turn->next = NULL;
	*p->touched_tail = turn;
	p->touched_tail = &turn->next;
	reactor_touch(p->tunnel->reactor, &p->task);
}

static void remove_from(struct port_turn **list, struct port_turn *turn)
{
	while (*list != NULL && *list != turn)
		list = &(*list)->next;
	if (*list == turn)
		*list = turn->next;
}

void port_forget(struct port *p, struct port_turn *turn)
{
	if (turn->touched) {
		remove_from(&p->touched, turn);
		p->touched_tail = &p->touched;
		while (*p->touched_tail != NULL)
			p->touched_tail = &(*p->touched_tail)->next;
	}
	if (turn->stalled)
		remove_from(&p->stalled, turn);
	turn->touched = turn->stalled = false;
}

/* Its own pump may have touched it again before it found the socket full: it is on one list
 * only. */
void port_stall(struct port *p, struct port_turn *turn)
{
	port_forget(p, turn);
	turn->stalled = true;
	turn->next = p->stalled;
	p->stalled = turn;
}

/* ---- life ------------------------------------------------------------------------- */

struct port *port_new(struct tunnel *t, struct udp *udp)
{
	struct port *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		udp_close(udp);
		return NULL;
	}
	p->udp = *udp;
	p->tunnel = t;
	p->task.run = run_port;
	p->touched_tail = &p->touched;
	ev_io_init(&p->in, on_readable, p->udp.fd, EV_READ);
	ev_io_init(&p->out, on_writable, p->udp.fd, EV_WRITE);
	ev_timer_init(&p->rest, on_rested, LOOP_REST_S, 0.);
	p->in.data = p;
	p->out.data = p;
	p->rest.data = p;
	ev_io_start(t->reactor->loop, &p->in);
	tunnel_add_port(t, p);
	return p;
}

void port_yield(struct port *p, struct udp *udp)
{
	struct reactor *r = p->tunnel->reactor;

	assert(p->touched == NULL);
	assert(p->stalled == NULL);
	reactor_forget(r, &p->task);
	stop_watching(p);
	tunnel_remove_port(p->tunnel, p);
	*udp = p->udp;
	free(p);
}

void port_free(struct port *p)
{
	struct udp udp;

	port_yield(p, &udp);
	udp_close(&udp);
}

void port_suspend(struct port *p, struct sockaddr_storage *at)
{
	socklen_t len = sizeof(*at);

	*at = (struct sockaddr_storage){ 0 };
	if (getsockname(p->udp.fd, (struct sockaddr *)at, &len) != 0)
		at->ss_family = AF_UNSPEC; /* which cannot be opened */
	stop_watching(p);
	udp_close(&p->udp);
}

static void watch_anew(struct port *p)
{
	ev_io_set(&p->in, p->udp.fd, EV_READ);
	ev_io_set(&p->out, p->udp.fd, EV_WRITE);
	ev_io_start(p->tunnel->reactor->loop, &p->in);
	resume_stalled(p);
}

int port_resume(struct port *p, const struct sockaddr_storage *at)
{
	struct udp_stats stats = p->udp.stats;
	struct udp_options opt;
	int err;

	tunnel_udp_options(p->tunnel, &opt);
	err = udp_listen(&p->udp, (const struct sockaddr *)at, sockaddr_len(at), &opt);
	p->udp.stats = stats;
	if (err == 0)
		watch_anew(p);
	return err;
}

/* The kernel allows both for a moment, since they are on different devices. */
int port_reopen(struct port *p)
{
	struct sockaddr_storage at = { 0 };
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&at;
	socklen_t len = sizeof(at);
	struct udp_options opt;
	struct udp fresh;
	int err;

	tunnel_udp_options(p->tunnel, &opt);
	if (getsockname(p->udp.fd, (struct sockaddr *)&at, &len) != 0)
		return -errno;
	if (at.ss_family == AF_INET6 && v6->sin6_scope_id != 0)
		v6->sin6_scope_id = if_nametoindex(opt.device);
	err = udp_listen(&fresh, (const struct sockaddr *)&at, sockaddr_len(&at), &opt);
	if (err != 0)
		return err;
	fresh.stats = p->udp.stats;
	stop_watching(p);
	udp_close(&p->udp);
	p->udp = fresh;
	watch_anew(p);
	return 0;
}
