/* trace.c - what happens in a world, period by period. */
#include "trace.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Counts that only grow. */
struct totals {
	uint64_t payload, rivals;
	struct tunnel_look look;
	struct link_stats link;
};

struct trace {
	struct trace_subject s;
	uint64_t began_us, next_us;
	struct totals last;
	struct trace_row *rows;
	size_t count, cap;
};

static void take(const struct trace *t, struct totals *now)
{
	memset(now, 0, sizeof(*now));
	tunnel_look(t->s.tunnel, t->s.way, &now->look);
	now->link = *link_stats(t->s.world->link[t->s.way]);
	if (t->s.load != NULL)
		now->payload = load_bytes(t->s.load);
	if (t->s.rival_bytes != NULL)
		now->rivals = t->s.rival_bytes(t->s.rivals);
}

static double mbit(const struct trace *t, uint64_t bytes)
{
	return (double)bytes * 8 / (double)t->s.period_us;
}

static uint64_t lost(const struct link_stats *n)
{
	return n->lost.packets + n->outage_dropped.packets + n->too_long.packets;
}

static uint64_t dropped(const struct link_stats *n)
{
	return n->queue_dropped.packets + n->policed.packets;
}

static void add_row(struct trace *t, uint64_t now_us)
{
	struct totals now, *last = &t->last;
	const struct tunnel_look *look = &now.look;

	take(t, &now);
	if (t->count == t->cap) {
		t->cap = 2 * t->cap + 256;
		t->rows = realloc(t->rows, t->cap * sizeof(*t->rows));
		assert(t->rows != NULL);
	}
	t->rows[t->count++] = (struct trace_row){
		.time_s = (double)(now_us - t->began_us) * 1e-6,
		.goodput = mbit(t, now.payload - last->payload),
		.wire = mbit(t, look->wire_bytes - last->look.wire_bytes),
		.rivals = mbit(t, now.rivals - last->rivals),
		.queue = link_backlog_ms(t->s.world->link[t->s.way], now_us),
		.srtt = look->srtt_us * 1e-3,
		.min_rtt = look->min_rtt_us * 1e-3,
		.pacing = (double)look->pacing_rate * 8e-6,
		.inflight = look->inflight_segs,
		.cc_wnd = look->cc_wnd,
		.resent = look->retrans_segs - last->look.retrans_segs,
		.spurious = look->spurious_segs - last->look.spurious_segs,
		.lost = lost(&now.link) - lost(&last->link),
		.dropped = dropped(&now.link) - dropped(&last->link),
	};
	*last = now;
}

static uint64_t deadline(const void *self)
{
	return ((const struct trace *)self)->next_us;
}

static void run(void *self, uint64_t now_us)
{
	struct trace *t = self;

	add_row(t, now_us);
	t->next_us = now_us + t->s.period_us;
}

struct trace *trace_new(const struct trace_subject *s)
{
	struct trace *t = calloc(1, sizeof(*t));

	assert(t != NULL);
	t->s = *s;
	t->began_us = s->world->now_us;
	t->next_us = t->began_us + s->period_us;
	take(t, &t->last);
	world_join(s->world, &(struct party){ t, deadline, run, NULL });
	return t;
}

void trace_free(struct trace *t)
{
	if (t == NULL)
		return;
	free(t->rows);
	free(t);
}

size_t trace_rows(const struct trace *t, const struct trace_row **rows)
{
	*rows = t->rows;
	return t->count;
}

void trace_print(const struct trace *t, FILE *to)
{
	fprintf(to, "#%7s %8s %8s %8s %7s %8s %7s %7s %8s %8s %7s %7s %6s %7s\n", "s", "good",
		"wire", "rivals", "queue", "inflight", "srtt", "minrtt", "pacing", "cc_wnd",
		"resent", "spurious", "lost", "dropped");
	for (size_t i = 0; i < t->count; i++) {
		const struct trace_row *r = &t->rows[i];

		fprintf(to, "%8.3f %8.3f %8.3f %8.3f %7.2f ", r->time_s, r->goodput, r->wire,
			r->rivals, r->queue);
		fprintf(to, "%8" PRIu64 " %7.2f %7.2f %8.3f %8" PRIu64, r->inflight, r->srtt,
			r->min_rtt, r->pacing, r->cc_wnd);
		fprintf(to, " %7" PRIu64 " %7" PRIu64 " %6" PRIu64 " %7" PRIu64 "\n", r->resent,
			r->spurious, r->lost, r->dropped);
	}
}
