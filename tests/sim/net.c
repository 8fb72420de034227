/* net.c - a simulated network: two directions of loss, delay and disorder. */
#include "net.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BURST_MAX_US = 500 * 1000 };

struct flight {
	uint64_t at_us;
	uint64_t order; /* among equals, first in first out */
	struct net_label label;
	size_t len;
	uint8_t *data;
};

struct net {
	struct net_params p;
	uint64_t start_us;
	struct rng rng;
	bool in_burst;
	uint64_t burst_from_us;
	uint64_t busy_until_us; /* the bottleneck's line */
	uint64_t last_at_us;
	uint64_t order;
	struct flight *heap; /* by arrival */
	size_t count, cap;
	struct net_stats stats;
};

struct net *net_new(const struct net_params *params, uint64_t start_us, uint64_t seed)
{
	struct net *n = calloc(1, sizeof(*n));

	assert(n != NULL);
	n->p = *params;
	n->start_us = start_us;
	n->p.dead_from_us += start_us;
	n->p.dead_until_us += start_us;
	n->rng.s = seed;
	return n;
}

void net_free(struct net *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->heap[i].data);
	free(n->heap);
	free(n);
}

static bool earlier(const struct flight *a, const struct flight *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void swap(struct flight *a, struct flight *b)
{
	struct flight t = *a;

	*a = *b;
	*b = t;
}

void net_inject(struct net *n, uint64_t at_us, struct net_label label, const uint8_t *data, size_t len)
{
	size_t i = n->count++;

	if (n->count > n->cap) {
		n->cap = n->cap == 0 ? 64 : 2 * n->cap;
		n->heap = realloc(n->heap, n->cap * sizeof(*n->heap));
		assert(n->heap != NULL);
	}
	n->heap[i] = (struct flight){ at_us, n->order++, label, len, malloc(len) };
	assert(n->heap[i].data != NULL);
	memcpy(n->heap[i].data, data, len);
	while (i > 0 && earlier(&n->heap[i], &n->heap[(i - 1) / 2])) {
		swap(&n->heap[i], &n->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
}

static struct flight pop(struct net *n)
{
	struct flight first = n->heap[0];
	size_t i = 0;

	n->heap[0] = n->heap[--n->count];
	for (;;) {
		size_t least = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < n->count; child++)
			if (earlier(&n->heap[child], &n->heap[least]))
				least = child;
		if (least == i)
			return first;
		swap(&n->heap[i], &n->heap[least]);
		i = least;
	}
}

/* A burst ends with some datagram, or with time when few are sent. */
static void step_burst(struct net *n, uint64_t now_us)
{
	if (n->p.burst_start <= 0)
		return;
	if (n->in_burst) {
		n->in_burst = !rng_chance(&n->rng, n->p.burst_end) &&
			      now_us - n->burst_from_us < BURST_MAX_US;
	} else if (rng_chance(&n->rng, n->p.burst_start)) {
		n->in_burst = true;
		n->burst_from_us = now_us;
	}
}

static bool is_lost(struct net *n, uint64_t now_us)
{
	if (now_us >= n->p.dead_from_us && now_us < n->p.dead_until_us)
		return true;
	step_burst(n, now_us);
	return n->in_burst || rng_chance(&n->rng, n->p.loss);
}

/* When the bottleneck has passed it on, or UINT64_MAX when its queue is full. */
static uint64_t through_bottleneck(struct net *n, uint64_t now_us, size_t len)
{
	uint64_t start = n->busy_until_us > now_us ? n->busy_until_us : now_us;

	if (n->p.bytes_per_s == 0)
		return now_us;
	if (start - now_us > n->p.queue_us)
		return UINT64_MAX;
	n->busy_until_us = start + len * 1000000 / n->p.bytes_per_s;
	return n->busy_until_us;
}

static bool passes(const struct net *n, uint64_t now_us, size_t len)
{
	uint32_t bytes = UINT32_MAX;

	for (unsigned i = 0; i < n->p.mtu_count; i++)
		if (now_us >= n->start_us + n->p.mtus[i].from_us)
			bytes = n->p.mtus[i].bytes;
	return len <= bytes;
}

void net_send(struct net *n, uint64_t now_us, struct net_label label, const uint8_t *data, size_t len)
{
	if (passes(n, now_us, len)) {
		net_send_cut(n, now_us, label, data, len);
	} else {
		n->stats.sent++;
		n->stats.too_long++;
	}
}

void net_send_cut(struct net *n, uint64_t now_us, struct net_label label, const uint8_t *data,
		  size_t len)
{
	uint64_t at;
	uint8_t bad[2048];

	assert(len > 0 && len <= sizeof(bad));
	n->stats.sent++;
	if (is_lost(n, now_us)) {
		n->stats.lost++;
		return;
	}
	at = through_bottleneck(n, now_us, len);
	if (at == UINT64_MAX) {
		n->stats.dropped_by_queue++;
		return;
	}
	at += n->p.delay_us;
	if (n->p.jitter_us > 0)
		at += rng_below(&n->rng, n->p.jitter_us);
	if (rng_chance(&n->rng, n->p.reorder))
		at += rng_below(&n->rng, n->p.delay_us + 1000);
	else if (at < n->last_at_us && n->p.jitter_us == 0)
		at = n->last_at_us;
	n->last_at_us = at;
	if (rng_chance(&n->rng, n->p.duplicate)) {
		n->stats.duplicated++;
		net_inject(n, at + rng_below(&n->rng, 2 * n->p.delay_us + 1000), label, data, len);
	}
	if (rng_chance(&n->rng, n->p.corrupt)) {
		n->stats.corrupted++;
		memcpy(bad, data, len);
		for (unsigned flips = rng_range(&n->rng, 1, 4); flips > 0; flips--)
			bad[rng_below(&n->rng, (uint32_t)len)] ^= (uint8_t)rng_range(&n->rng, 1, 255);
		net_inject(n, at, label, bad, len);
		return;
	}
	net_inject(n, at, label, data, len);
}

uint64_t net_deadline(const struct net *n)
{
	return n->count > 0 ? n->heap[0].at_us : UINT64_MAX;
}

size_t net_receive(struct net *n, uint64_t now_us, struct net_label *label, uint8_t *buf)
{
	struct flight f;

	if (n->count == 0 || n->heap[0].at_us > now_us)
		return 0;
	f = pop(n);
	*label = f.label;
	memcpy(buf, f.data, f.len);
	free(f.data);
	n->stats.delivered++;
	return f.len;
}

const struct net_stats *net_stats(const struct net *n)
{
	return &n->stats;
}
