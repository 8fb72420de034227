/* kcp_net.h - two kcps joined by a simulated network, on a virtual clock, from a seed. */
#ifndef KCP_NET_H
#define KCP_NET_H

#include "kcp.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct net_rng {
	uint64_t s;
};

static inline uint32_t net_random(struct net_rng *r)
{
	r->s ^= r->s << 13;
	r->s ^= r->s >> 7;
	r->s ^= r->s << 17;
	return (uint32_t)(r->s >> 32);
}

static inline bool net_chance(struct net_rng *r, uint32_t permille)
{
	return permille != 0 && net_random(r) % 1000 < permille;
}

/* One direction.  Zeroes make it perfect and instant. */
struct net_path {
	uint64_t delay_us, jitter_us;    /* jitter is what puts packets out of order */
	uint64_t rate;                   /* bottleneck, bytes per second */
	uint64_t queue_max;              /* bytes that wait at it; 0: any */
	uint32_t loss, dup, late;        /* permille */
	uint64_t late_us;                /* how much later a `late` packet comes */
	uint32_t burst_start, burst_end; /* permille: to enter and leave a period of loss */
	uint64_t dead_from, dead_to;     /* nothing passes */
	uint32_t recovered;              /* permille of lost packets rebuilt `late_us` later */
	/* state */
	bool in_burst;
	uint64_t free_us, last_us;
	uint64_t offered, lost, bytes;
};

/* One way of 100 Mbit/s and 100 ms, with a queue of as much. */
static inline struct net_path net_wan(uint32_t loss_permille)
{
	return (struct net_path){
		.delay_us = 50000,
		.rate = 12500000,
		.queue_max = 1250000,
		.loss = loss_permille,
	};
}

struct net_packet {
	uint64_t at_us, order;
	unsigned to, flags;
	size_t len;
	uint8_t data[];
};

struct net_end {
	struct net *net;
	struct kcp *kcp;
	struct net_path path;   /* of what leaves here */
	uint64_t to_send, sent; /* application bytes */
	uint64_t received;
	uint64_t read_max; /* bytes read in one step; 0: all */
	uint64_t read_every_us, read_at;
	uint32_t reserve_fails;          /* permille */
	size_t added;                    /* bytes that each datagram grows by below */
	bool corrupt;                    /* a byte differed from what was sent */
	bool stuck;                      /* the last flush had no room */
	uint64_t send_until;             /* 0: no end */
	uint32_t chunk;                  /* bytes per kcp_send(); 0: 4096 */
	uint64_t send_every_us, send_at; /* one chunk at a time */
	uint8_t buf[KCP_MTU_MAX];
};

struct net {
	uint64_t now_us, limit_us, order;
	struct net_rng rng;
	struct net_end end[2];
	struct net_packet **heap;
	size_t heap_count, heap_cap;
	bool verify;
	uint64_t steps;
};

static inline bool net_before(const struct net_packet *a, const struct net_packet *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static inline void net_push(struct net *n, struct net_packet *p)
{
	size_t i = n->heap_count++;

	if (n->heap_count > n->heap_cap) {
		n->heap_cap = n->heap_cap ? 2 * n->heap_cap : 64;
		n->heap = realloc(n->heap, n->heap_cap * sizeof(*n->heap));
		if (n->heap == NULL)
			abort();
	}
	for (; i > 0 && net_before(p, n->heap[(i - 1) / 2]); i = (i - 1) / 2)
		n->heap[i] = n->heap[(i - 1) / 2];
	n->heap[i] = p;
}

static inline struct net_packet *net_pop(struct net *n)
{
	struct net_packet *top = n->heap[0], *last = n->heap[--n->heap_count];
	size_t i = 0, c;

	while ((c = 2 * i + 1) < n->heap_count) {
		if (c + 1 < n->heap_count && net_before(n->heap[c + 1], n->heap[c]))
			c++;
		if (!net_before(n->heap[c], last))
			break;
		n->heap[i] = n->heap[c];
		i = c;
	}
	n->heap[i] = last;
	return top;
}

static inline void net_deliver_at(struct net *n, unsigned to, uint64_t at, const uint8_t *data,
				  size_t len, unsigned flags)
{
	struct net_packet *p = malloc(sizeof(*p) + len);

	if (p == NULL)
		abort();
	p->at_us = at;
	p->order = n->order++;
	p->to = to;
	p->flags = flags;
	p->len = len;
	memcpy(p->data, data, len);
	net_push(n, p);
}

static inline bool net_loses(struct net *n, struct net_path *p)
{
	if (n->now_us >= p->dead_from && n->now_us < p->dead_to)
		return true;
	if (p->in_burst ? net_chance(&n->rng, p->burst_end) : net_chance(&n->rng, p->burst_start))
		p->in_burst = !p->in_burst;
	return p->in_burst || net_chance(&n->rng, p->loss);
}

static inline void net_transmit(struct net *n, unsigned from, const uint8_t *data, size_t len)
{
	struct net_path *p = &n->end[from].path;
	uint64_t at = n->now_us;
	unsigned flags = 0;

	p->offered++;
	p->bytes += len;
	if (p->rate != 0) {
		uint64_t start = p->free_us > at ? p->free_us : at;

		if (p->queue_max != 0 && (start - at) * p->rate / 1000000 > p->queue_max) {
			p->lost++;
			return;
		}
		at = p->free_us = start + len * 1000000 / p->rate;
	}
	at += p->delay_us + (p->jitter_us ? net_random(&n->rng) % p->jitter_us : 0);
	if (net_loses(n, p)) {
		p->lost++;
		if (!net_chance(&n->rng, p->recovered))
			return;
		at += p->late_us;
		flags = KCP_INPUT_RECOVERED;
	} else if (net_chance(&n->rng, p->late)) {
		at += p->late_us;
	}
	net_deliver_at(n, !from, at, data, len, flags);
	if (net_chance(&n->rng, p->dup))
		net_deliver_at(n, !from, at + net_random(&n->rng) % 20000, data, len, flags);
}

static inline uint8_t *net_reserve(void *user, size_t cap)
{
	struct net_end *e = user;

	if (net_chance(&e->net->rng, e->reserve_fails) || cap > sizeof(e->buf))
		return NULL;
	return e->buf;
}

static inline size_t net_output(void *user, uint8_t *buf, size_t len)
{
	struct net_end *e = user;

	net_transmit(e->net, (unsigned)(e - e->net->end), buf, len);
	return len + e->added;
}

static inline struct kcp_config net_config(uint32_t wnd)
{
	return (struct kcp_config){
		.conv = 0x11223344,
		.mtu = 1350,
		.snd_wnd = wnd,
		.rcv_wnd = wnd,
		.nodelay = 1,
		.interval_ms = 10,
		.resend = 2,
		.stream = true,
	};
}

static inline struct net *net_new(uint64_t seed, const struct kcp_config *a,
				  const struct kcp_config *b)
{
	struct net *n = calloc(1, sizeof(*n));

	if (n == NULL)
		abort();
	n->rng.s = seed * 0x9e3779b97f4a7c15u + 1;
	n->now_us = 1000000;
	n->limit_us = n->now_us + 600000000;
	for (unsigned i = 0; i < 2; i++) {
		struct kcp_config cfg = i == 0 ? *a : *b;

		cfg.user = &n->end[i];
		cfg.reserve = net_reserve;
		cfg.output = net_output;
		n->end[i].net = n;
		n->end[i].kcp = kcp_new(&cfg, n->now_us);
		if (n->end[i].kcp == NULL)
			abort();
	}
	return n;
}

static inline void net_free(struct net *n)
{
	while (n->heap_count > 0)
		free(net_pop(n));
	free(n->heap);
	kcp_free(n->end[0].kcp);
	kcp_free(n->end[1].kcp);
	free(n);
}

/* Byte number `i` of every stream. */
static inline uint8_t net_byte(uint64_t i)
{
	return (uint8_t)((i * 2654435761u) >> 13);
}

static inline bool net_may_send(const struct net *n, const struct net_end *e)
{
	if (e->sent >= e->to_send || (e->send_until && n->now_us >= e->send_until))
		return false;
	return e->send_every_us ? n->now_us >= e->send_at : kcp_send_room(e->kcp) > 0;
}

static inline void net_app_send(struct net *n, struct net_end *e)
{
	uint8_t data[4096];

	while (net_may_send(n, e)) {
		uint64_t left = e->to_send - e->sent, most = e->chunk ? e->chunk : sizeof(data);
		size_t len = (size_t)(left < most ? left : most);

		for (size_t i = 0; i < len; i++)
			data[i] = net_byte(e->sent + i);
		if (kcp_send(e->kcp, data, len) != KCP_OK)
			return;
		e->sent += len;
		if (e->send_every_us)
			e->send_at = n->now_us + e->send_every_us;
	}
}

static inline void net_app_read(struct net *n, struct net_end *e)
{
	uint64_t left = e->read_max ? e->read_max : UINT64_MAX;
	const uint8_t *p;
	size_t len;

	if (n->now_us < e->read_at)
		return;
	e->read_at = n->now_us + e->read_every_us;
	while (left > 0 && (len = kcp_peek(e->kcp, &p)) > 0) {
		if (len > left)
			len = (size_t)left;
		for (size_t i = 0; i < len; i++)
			e->corrupt |= p[i] != net_byte(e->received + i);
		e->received += len;
		left -= len;
		kcp_consume(e->kcp, len);
	}
}

static inline uint64_t net_next(const struct net *n)
{
	uint64_t t = n->heap_count > 0 ? n->heap[0]->at_us : KCP_NEVER;

	for (unsigned i = 0; i < 2; i++) {
		const struct net_end *e = &n->end[i];
		uint64_t d = kcp_deadline(e->kcp);
		const uint8_t *p;

		if (e->stuck && d < n->now_us + 500)
			d = n->now_us + 500;
		t = d < t ? d : t;
		if (e->read_every_us && kcp_peek(e->kcp, &p) > 0 && e->read_at < t)
			t = e->read_at;
		if (e->send_every_us && e->sent < e->to_send && e->send_at < t)
			t = e->send_at;
	}
	return t;
}

/* To the next event; false when there is none, or the time is over. */
static inline bool net_step(struct net *n)
{
	uint64_t t = net_next(n);

	if (t == KCP_NEVER || t > n->limit_us)
		return false;
	n->now_us = t > n->now_us ? t : n->now_us;
	n->steps++;
	while (n->heap_count > 0 && n->heap[0]->at_us <= n->now_us) {
		struct net_packet *p = net_pop(n);

		kcp_input(n->end[p->to].kcp, n->now_us, p->data, p->len, p->flags);
		free(p);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct net_end *e = &n->end[i];

		net_app_read(n, e);
		do {
			net_app_send(n, e);
			e->stuck = kcp_flush(e->kcp, n->now_us);
		} while (!e->stuck && kcp_queued(e->kcp) == 0 && net_may_send(n, e));
		if (n->verify)
			kcp_verify(e->kcp);
	}
	return true;
}

static inline bool net_done(const struct net *n)
{
	return n->end[1].received == n->end[0].to_send && n->end[0].received == n->end[1].to_send;
}

/* Until all bytes arrived; false when that does not happen before limit_us. */
static inline bool net_run(struct net *n)
{
	for (unsigned i = 0; i < 2; i++) {
		net_app_send(n, &n->end[i]);
		n->end[i].stuck = kcp_flush(n->end[i].kcp, n->now_us);
	}
	while (!net_done(n))
		if (!net_step(n))
			return false;
	return true;
}

/* Share of segments sent more than once, in permille. */
static inline uint64_t net_resent(const struct kcp *k)
{
	const struct kcp_stats *s = kcp_stats(k);

	return s->out_push ? s->retrans_segs * 1000 / s->out_push : 0;
}

static inline void net_print(const struct net *n, const char *what)
{
	const struct kcp_stats *s = kcp_stats(n->end[0].kcp);
	struct kcp_info i;

	kcp_get_info(n->end[0].kcp, &i);
	printf("%-28s %6.2f s, sent %lu push, lost %lu, resent %lu (fast %lu early %lu timeout %lu), "
	       "spurious %lu, repeats %lu, srtt %u rto %u reorder %u, acks %lu\n",
	       what, (double)(n->now_us - 1000000) / 1e6, (unsigned long)s->out_push,
	       (unsigned long)n->end[0].path.lost, (unsigned long)s->retrans_segs,
	       (unsigned long)s->fast_retrans_segs, (unsigned long)s->early_retrans_segs,
	       (unsigned long)s->lost_segs, (unsigned long)s->spurious_segs,
	       (unsigned long)kcp_stats(n->end[1].kcp)->repeat_segs, i.srtt_us, i.rto_us,
	       i.reorder_us, (unsigned long)n->end[1].path.offered);
}

#endif
