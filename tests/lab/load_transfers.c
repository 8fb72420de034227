/* load_transfers.c - connections one after another. */
#include <assert.h>
#include <stdlib.h>

#include "load_impl.h"
#include "rng.h"
#include "smux.h"

/* One connection; it goes when both ends have let it go. */
struct transfer {
	struct transfer *next;
	struct worker *worker;
	struct flow flow;
	uint64_t began_us;
	uint64_t owed; /* bytes that the server has to write yet */
	bool answered, got;
};

/* Makes one after another. */
struct worker {
	struct load *load;
	unsigned index;
	struct rng rng;
	uint64_t next_us; /* UINT64_MAX: one is under way */
	struct transfer *all;
};

static void serve(struct transfer *t)
{
	struct load *l = t->worker->load;

	if (!t->answered && t->flow.received[END_SERVER] >= LOAD_REQUEST_BYTES) {
		t->answered = true;
		t->owed = l->p.size;
	}
	if (t->owed > 0) {
		t->owed -= flow_write(&t->flow, END_SERVER, (size_t)t->owed);
		if (t->owed == 0)
			flow_shut(&t->flow, END_SERVER);
	}
	if (t->answered && t->owed == 0 && flow_eof(&t->flow, END_SERVER))
		flow_release(&t->flow, END_SERVER);
}

static uint64_t pause_us(struct worker *w)
{
	return (uint64_t)(w->load->p.pause_s * 1e6 * (0.75 + rng_unit(&w->rng) / 2));
}

static void fetch(struct transfer *t, uint64_t now_us)
{
	struct load *l = t->worker->load;

	if (!t->got && t->flow.received[END_CLIENT] == l->p.size) {
		t->got = true;
		load_time(l, t->began_us, now_us);
		flow_shut(&t->flow, END_CLIENT);
		t->worker->next_us = now_us + pause_us(t->worker);
	}
	if (t->got && flow_eof(&t->flow, END_CLIENT))
		flow_release(&t->flow, END_CLIENT);
}

static void forget(struct transfer *t)
{
	struct transfer **at = &t->worker->all;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	free(t);
}

static void event(struct flow *f, unsigned end, unsigned what, uint64_t now_us)
{
	struct transfer *t = f->user;
	size_t got = flow_read(f, end);

	if (what & SMUX_RESET)
		tunnel_fail(f->tunnel, "a transfer was cut");
	if (end == END_SERVER) {
		serve(t);
	} else {
		load_count(t->worker->load, now_us, got);
		fetch(t, now_us);
	}
	if (t->flow.stream[END_CLIENT] == NULL && t->flow.stream[END_SERVER] == NULL)
		forget(t);
}

static void begin(struct worker *w, uint64_t now_us)
{
	struct transfer *t = calloc(1, sizeof(*t));

	assert(t != NULL);
	t->worker = w;
	t->began_us = now_us;
	t->flow.event = event;
	t->flow.user = t;
	t->next = w->all;
	w->all = t;
	w->next_us = UINT64_MAX;
	w->load->begun++;
	tunnel_open(w->load->tunnel, &t->flow, w->load->p.conn + w->index);
	if (t->flow.stream[END_CLIENT] != NULL)
		flow_write(&t->flow, END_CLIENT, LOAD_REQUEST_BYTES);
}

static void start(struct load *l)
{
	struct worker *w = calloc(l->p.streams, sizeof(*w));

	assert(w != NULL);
	l->state = w;
	for (unsigned i = 0; i < l->p.streams; i++)
		w[i] = (struct worker){ l, i, { l->p.seed + i }, l->p.from_us, NULL };
}

static void stop(struct load *l)
{
	struct worker *w = l->state;

	for (unsigned i = 0; i < l->p.streams; i++)
		while (w[i].all != NULL)
			forget(w[i].all);
	free(w);
}

static uint64_t deadline(const struct load *l)
{
	const struct worker *w = l->state;
	uint64_t at = UINT64_MAX;

	for (unsigned i = 0; i < l->p.streams; i++)
		if (w[i].next_us < l->p.to_us && w[i].next_us < at)
			at = w[i].next_us;
	return at;
}

static void run(struct load *l, uint64_t now_us)
{
	struct worker *w = l->state;

	for (unsigned i = 0; i < l->p.streams; i++)
		if (w[i].next_us <= now_us && now_us < l->p.to_us)
			begin(&w[i], now_us);
}

const struct load_ops load_transfers = { start, stop, deadline, run };
