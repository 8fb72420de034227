/* load_thin.c - messages due at a steady pace, echoed by the far end. */
#include <assert.h>
#include <stdlib.h>

#include "load_impl.h"
#include "smux.h"

struct thin {
	struct load *load;
	struct flow flow;
	bool open;
	double first_us, period_us;
	uint64_t due;     /* messages that were due so far */
	uint64_t echoed;  /* those back */
	uint64_t owed[2]; /* bytes that an end has to write and had no room for */
};

static uint64_t due_us(const struct thin *t, uint64_t i)
{
	return (uint64_t)(t->first_us + (double)i * t->period_us);
}

static bool counted(const struct thin *t, uint64_t i)
{
	return due_us(t, i) >= t->load->p.from_us + (uint64_t)(t->load->p.warmup_s * 1e6);
}

static void write_owed(struct thin *t, unsigned end)
{
	if (t->owed[end] > 0 && t->flow.stream[end] != NULL)
		t->owed[end] -= flow_write(&t->flow, end, (size_t)t->owed[end]);
}

static void note_echoes(struct thin *t, uint64_t now_us)
{
	for (; (t->echoed + 1) * t->load->p.size <= t->flow.received[END_CLIENT]; t->echoed++)
		if (counted(t, t->echoed))
			load_time(t->load, due_us(t, t->echoed), now_us);
}

static void event(struct flow *f, unsigned end, unsigned what, uint64_t now_us)
{
	struct thin *t = f->user;
	size_t got = flow_read(f, end);

	if (what & SMUX_RESET)
		tunnel_fail(f->tunnel, "a thin stream was cut");
	if (end == END_SERVER) {
		t->owed[end] += got;
	} else {
		load_count(t->load, now_us, got);
		note_echoes(t, now_us);
	}
	write_owed(t, end);
}

static void start(struct load *l)
{
	struct thin *t = calloc(l->p.streams, sizeof(*t));

	assert(t != NULL);
	l->state = t;
	for (unsigned i = 0; i < l->p.streams; i++) {
		t[i].load = l;
		t[i].period_us = 1e6 / l->p.hz;
		/* Not in step with each other. */
		t[i].first_us = (double)l->p.from_us + t[i].period_us * i / l->p.streams;
		t[i].flow.event = event;
		t[i].flow.user = &t[i];
	}
}

static void stop(struct load *l)
{
	free(l->state);
}

static uint64_t deadline(const struct load *l)
{
	const struct thin *t = l->state;
	uint64_t at = UINT64_MAX;

	for (unsigned i = 0; i < l->p.streams; i++) {
		uint64_t due = due_us(&t[i], t[i].due);

		if (due < l->p.to_us && due < at)
			at = due;
	}
	return at;
}

static void send_due(struct thin *t, uint64_t now_us)
{
	while (due_us(t, t->due) <= now_us && due_us(t, t->due) < t->load->p.to_us) {
		t->load->begun += counted(t, t->due);
		t->due++;
		t->owed[END_CLIENT] += t->load->p.size;
	}
	write_owed(t, END_CLIENT);
}

static void run(struct load *l, uint64_t now_us)
{
	struct thin *t = l->state;

	for (unsigned i = 0; i < l->p.streams; i++) {
		if (!t[i].open && now_us >= due_us(&t[i], 0))
			tunnel_open(l->tunnel, &t[i].flow, l->p.conn + i);
		t[i].open = t[i].flow.tunnel != NULL;
		send_due(&t[i], now_us);
	}
}

const struct load_ops load_thin = { start, stop, deadline, run };
