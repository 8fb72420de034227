/* flow.c - how fast a tunnel's bytes passed in the last seconds. */
#include "flow.h"

#include <string.h>

void flow_init(struct flow *f, uint64_t now_us)
{
	memset(f, 0, sizeof(*f));
	f->ring[0].at_us = now_us;
	f->count = 1;
}

void flow_note(struct flow *f, const struct flow_sample *s)
{
	f->newest = (f->newest + 1) % FLOW_SAMPLES;
	f->ring[f->newest] = *s;
	if (f->count < FLOW_SAMPLES)
		f->count++;
}

static const struct flow_sample *sample_at(const struct flow *f, unsigned age)
{
	return &f->ring[(f->newest + FLOW_SAMPLES - age) % FLOW_SAMPLES];
}

/* The oldest sample that is not much older than the window.  What the totals were when the
 * window began is what that sample says: had anything passed before it, there
 * would be an earlier one. */
static const struct flow_sample *window_start(const struct flow *f, uint64_t now_us)
{
	unsigned age = 0;

	while (age + 1 < f->count &&
	       now_us - sample_at(f, age + 1)->at_us <= FLOW_WINDOW_US + FLOW_SPACING_US)
		age++;
	return sample_at(f, age);
}

static double per_second(uint64_t before, uint64_t after, double seconds)
{
	return after <= before ? 0. : (double)(after - before) / seconds;
}

void flow_rates(const struct flow *f, const struct flow_sample *now, struct flow_rates *out)
{
	const struct flow_sample *start = window_start(f, now->at_us);
	uint64_t known_us = now->at_us - sample_at(f, f->count - 1)->at_us;
	uint64_t span_us = now->at_us - start->at_us;
	bool silent = span_us > FLOW_WINDOW_US + FLOW_SPACING_US;

	if (span_us < FLOW_WINDOW_US || silent)
		span_us = known_us < FLOW_WINDOW_US ? known_us : FLOW_WINDOW_US;
	*out = (struct flow_rates){ .window_s = (double)span_us * 1e-6 };
	/* What passed after the newest sample did so before another was due. */
	if (span_us == 0 || silent)
		return;
	out->payload_in = per_second(start->payload_in, now->payload_in, out->window_s);
	out->payload_out = per_second(start->payload_out, now->payload_out, out->window_s);
	out->wire_in = per_second(start->wire_in, now->wire_in, out->window_s);
	out->wire_out = per_second(start->wire_out, now->wire_out, out->window_s);
}
