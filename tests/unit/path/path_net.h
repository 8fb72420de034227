/* path_net.h - pairs of kcps whose packets meet in one bottleneck, on a virtual clock, from a seed. */
#ifndef PATH_NET_H
#define PATH_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kcp.h"
#include "path.h"

enum { PAIRS_MAX = 8, WAY_OUT = 0, WAY_BACK = 1 };

struct pn_packet {
	uint64_t at_us;
	unsigned pair;
	size_t len;
	struct pn_packet *next;
	uint8_t data[];
};

struct pn_way {
	uint64_t free_us;
	struct pn_packet *first, **last;
};

struct pn_pair {
	struct pn *net;
	unsigned index;
	struct kcp *kcp[2]; /* NULL: there is none; [0] sends */
	struct path_member member;
	bool bulk;
	uint32_t chunk;        /* bytes of a message; 0: none */
	uint64_t every_us, at; /* one message */
	uint64_t sent, received, message_at, worst_us;
	uint64_t bytes; /* in packets */
	uint8_t buf[2][2000];
};

struct pn {
	uint64_t now_us;
	uint64_t rate, queue_max, delay_us; /* bytes per second, bytes, one way */
	uint32_t loss;                      /* permille, outwards */
	uint64_t rng;
	struct path *path;
	struct pn_way way[2];
	struct pn_pair pair[PAIRS_MAX];
	uint64_t print; /* of all packets that left */
	uint64_t bytes, worst_queue_us;
};

static inline uint32_t pn_random(struct pn *n)
{
	n->rng ^= n->rng << 13;
	n->rng ^= n->rng >> 7;
	n->rng ^= n->rng << 17;
	return (uint32_t)(n->rng >> 32);
}

static inline void pn_print(struct pn *n, uint64_t word)
{
	n->print = (n->print ^ word) * 0x100000001b3;
}

static inline void pn_send(struct pn *n, unsigned way, unsigned pair, const uint8_t *data, size_t len)
{
	struct pn_way *w = &n->way[way];
	uint64_t start = w->free_us > n->now_us ? w->free_us : n->now_us, wait = start - n->now_us;
	struct pn_packet *p;

	pn_print(n, n->now_us + len);
	if (way == WAY_OUT) {
		n->bytes += len;
		n->pair[pair].bytes += len;
		if (wait * n->rate / 1000000 > n->queue_max)
			return;
		n->worst_queue_us = wait > n->worst_queue_us ? wait : n->worst_queue_us;
		w->free_us = start + len * 1000000 / n->rate;
		if (pn_random(n) % 1000 < n->loss)
			return;
	} else {
		w->free_us = start;
	}
	p = malloc(sizeof(*p) + len);
	if (p == NULL)
		abort();
	p->at_us = w->free_us + n->delay_us;
	p->pair = pair;
	p->len = len;
	p->next = NULL;
	memcpy(p->data, data, len);
	*w->last = p;
	w->last = &p->next;
}

static inline uint8_t *pn_reserve(void *user, size_t cap)
{
	(void)cap;
	return ((struct pn_pair *)user)->buf[0];
}

static inline size_t pn_output(void *user, uint8_t *buf, size_t len)
{
	struct pn_pair *p = user;

	pn_send(p->net, WAY_OUT, p->index, buf, len);
	return len;
}

static inline uint8_t *pn_reserve_back(void *user, size_t cap)
{
	(void)cap;
	return ((struct pn_pair *)user)->buf[1];
}

static inline size_t pn_output_back(void *user, uint8_t *buf, size_t len)
{
	struct pn_pair *p = user;

	pn_send(p->net, WAY_BACK, p->index, buf, len);
	return len;
}

/* `cc` NULL: a member of the net's path. */
static inline void pn_open(struct pn *n, unsigned i, const struct kcp_cc *cc)
{
	struct pn_pair *p = &n->pair[i];
	struct kcp_config c = {
		.conv = 7 + i,
		.mtu = 1350,
		.snd_wnd = KCP_WND_MAX,
		.rcv_wnd = KCP_WND_MAX,
		.nodelay = 1,
		.interval_ms = 10,
		.resend = 2,
		.stream = true,
		.cc = cc != NULL ? cc : &path_cc,
		.cc_arg = &p->member,
		.reserve = pn_reserve,
		.output = pn_output,
		.user = p,
	};

	*p = (struct pn_pair){ .net = n, .index = i };
	if (cc == NULL)
		path_join(n->path, &p->member);
	p->kcp[0] = kcp_new(&c, n->now_us);
	c.cc = NULL;
	c.reserve = pn_reserve_back;
	c.output = pn_output_back;
	p->kcp[1] = kcp_new(&c, n->now_us);
	if (p->kcp[0] == NULL || p->kcp[1] == NULL)
		abort();
}

static inline void pn_close(struct pn *n, unsigned i)
{
	struct pn_pair *p = &n->pair[i];

	for (unsigned end = 0; end < 2; end++) {
		kcp_free(p->kcp[end]);
		p->kcp[end] = NULL;
	}
	path_leave(&p->member);
	p->bulk = false;
}

static inline struct pn *pn_new(uint64_t seed, const struct kcp_cc *cc)
{
	struct pn *n = calloc(1, sizeof(*n));

	if (n == NULL)
		abort();
	n->now_us = 10 * 1000000;
	n->rate = 5000000;
	n->queue_max = 500000;
	n->delay_us = 25000;
	n->rng = seed * 0x9e3779b97f4a7c15u + 1;
	for (unsigned way = 0; way < 2; way++)
		n->way[way].last = &n->way[way].first;
	n->path = path_new(cc);
	if (n->path == NULL)
		abort();
	return n;
}

static inline void pn_free(struct pn *n)
{
	for (unsigned i = 0; i < PAIRS_MAX; i++)
		pn_close(n, i);
	for (unsigned way = 0; way < 2; way++) {
		struct pn_packet *next;

		for (struct pn_packet *p = n->way[way].first; p != NULL; p = next) {
			next = p->next;
			free(p);
		}
	}
	path_free(n->path);
	free(n);
}

static inline void pn_deliver(struct pn *n, unsigned way)
{
	struct pn_way *w = &n->way[way];

	while (w->first != NULL && w->first->at_us <= n->now_us) {
		struct pn_packet *p = w->first;
		struct kcp *k = n->pair[p->pair].kcp[!way];

		w->first = p->next;
		if (w->first == NULL)
			w->last = &w->first;
		if (k != NULL)
			kcp_input(k, n->now_us, p->data, p->len, 0);
		free(p);
	}
}

static inline void pn_talk(struct pn *n, struct pn_pair *p)
{
	static const uint8_t bytes[8192];

	if (p->chunk == 0 || n->now_us < p->at)
		return;
	kcp_send(p->kcp[0], bytes, p->chunk);
	p->sent += p->chunk;
	p->message_at = n->now_us;
	p->at = n->now_us + p->every_us;
}

static inline void pn_hear(struct pn *n, struct pn_pair *p)
{
	const uint8_t *data;
	size_t len;

	while ((len = kcp_peek(p->kcp[1], &data)) > 0) {
		kcp_consume(p->kcp[1], len);
		p->received += len;
	}
	if (p->message_at != 0 && p->received == p->sent && !p->bulk) {
		uint64_t us = n->now_us - p->message_at;

		p->worst_us = us > p->worst_us ? us : p->worst_us;
		p->message_at = 0;
	}
}

static inline void pn_turn(struct pn *n, struct pn_pair *p)
{
	static const uint8_t bytes[1326];

	pn_hear(n, p);
	pn_talk(n, p);
	do {
		while (p->bulk && kcp_send_room(p->kcp[0]) > 0)
			kcp_send(p->kcp[0], bytes, sizeof(bytes));
		kcp_flush(p->kcp[0], n->now_us);
	} while (p->bulk && kcp_queued(p->kcp[0]) == 0 && kcp_send_room(p->kcp[0]) > 0);
	kcp_flush(p->kcp[1], n->now_us);
}

static inline uint64_t pn_due(const struct pn_pair *p)
{
	uint64_t a, b;

	if (p->kcp[0] == NULL)
		return KCP_NEVER;
	a = kcp_deadline(p->kcp[0]);
	b = kcp_deadline(p->kcp[1]);
	a = a < b ? a : b;
	return p->chunk != 0 && p->at < a ? p->at : a;
}

static inline uint64_t pn_next(const struct pn *n)
{
	uint64_t at = KCP_NEVER;

	for (unsigned way = 0; way < 2; way++)
		if (n->way[way].first != NULL && n->way[way].first->at_us < at)
			at = n->way[way].first->at_us;
	for (unsigned i = 0; i < PAIRS_MAX; i++)
		at = pn_due(&n->pair[i]) < at ? pn_due(&n->pair[i]) : at;
	return at;
}

static inline void pn_run(struct pn *n, uint64_t us)
{
	uint64_t until = n->now_us + us;

	do {
		for (unsigned way = 0; way < 2; way++)
			pn_deliver(n, way);
		for (unsigned i = 0; i < PAIRS_MAX; i++)
			if (n->pair[i].kcp[0] != NULL)
				pn_turn(n, &n->pair[i]);
		path_verify(n->path);
		n->now_us = pn_next(n) > n->now_us ? pn_next(n) : n->now_us;
	} while (n->now_us < until);
	n->now_us = until;
}

/* Bytes that each brought over in so long. */
static inline void pn_carry(struct pn *n, uint64_t us, double bytes[PAIRS_MAX])
{
	for (unsigned i = 0; i < PAIRS_MAX; i++)
		bytes[i] = -(double)n->pair[i].received;
	pn_run(n, us);
	for (unsigned i = 0; i < PAIRS_MAX; i++)
		bytes[i] += (double)n->pair[i].received;
}

#endif
