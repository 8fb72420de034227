/* load_bulk.c - streams that carry as much as they can, one way. */
#include <assert.h>
#include <stdlib.h>

#include "load_impl.h"
#include "smux.h"

struct bulk {
	struct flow *flows;
	bool begun;
};

static void event(struct flow *f, unsigned end, unsigned what, uint64_t now_us)
{
	struct load *l = f->user;
	unsigned from = l->p.up ? END_CLIENT : END_SERVER;
	size_t got;

	if (what & SMUX_RESET)
		tunnel_fail(l->tunnel, "a bulk stream was cut");
	got = flow_read(f, end);
	if (end != from && now_us <= l->p.to_us)
		load_count(l, now_us, got);
	if (end == from && now_us < l->p.to_us && (what & (SMUX_WRITABLE | SMUX_OPENED)))
		flow_write(f, end, SIZE_MAX);
}

static void start(struct load *l)
{
	struct bulk *b = calloc(1, sizeof(*b));

	assert(b != NULL);
	b->flows = calloc(l->p.streams, sizeof(*b->flows));
	assert(b->flows != NULL);
	l->state = b;
}

static void stop(struct load *l)
{
	struct bulk *b = l->state;

	free(b->flows);
	free(b);
}

static uint64_t deadline(const struct load *l)
{
	const struct bulk *b = l->state;

	return b->begun ? UINT64_MAX : l->p.from_us;
}

static void run(struct load *l, uint64_t now_us)
{
	struct bulk *b = l->state;

	b->begun = true;
	for (unsigned i = 0; i < l->p.streams && tunnel_why(l->tunnel) == NULL; i++) {
		struct flow *f = &b->flows[i];

		f->event = event;
		f->user = l;
		tunnel_open(l->tunnel, f, l->p.conn + i);
		if (f->stream[END_CLIENT] != NULL)
			flow_write(f, END_CLIENT, l->p.up ? SIZE_MAX : LOAD_REQUEST_BYTES);
	}
}

const struct load_ops load_bulk = { start, stop, deadline, run };
