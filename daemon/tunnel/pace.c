/* pace.c - how fast one session's datagrams passed in the last seconds. */
#include "pace.h"

void pace_init(struct pace *p, uint64_t now_us)
{
	p->older = p->newest = (struct pace_sample){ .at_us = now_us };
}

void pace_note(struct pace *p, const struct pace_sample *s)
{
	p->older = p->newest;
	p->newest = *s;
}

static double per_second(uint64_t before, uint64_t after, double seconds)
{
	return after <= before ? 0. : (double)(after - before) / seconds;
}

void pace_rates(const struct pace *p, const struct pace_sample *now, struct pace_rates *out)
{
	bool recent = now->at_us - p->older.at_us <= PACE_WINDOW_US;
	const struct pace_sample *start = recent ? &p->older : &p->newest;
	uint64_t span_us = now->at_us - start->at_us;
	bool silent = span_us > PACE_WINDOW_US;

	/* A silence went before: it is part of what those few moments are the average of. */
	if (silent || (!recent && span_us < PACE_SPACING_US))
		span_us = PACE_SPACING_US;
	*out = (struct pace_rates){ .window_s = (double)span_us * 1e-6 };
	/* What passed after the newest sample did so before another was due. */
	if (span_us == 0 || silent)
		return;
	out->in = per_second(start->in, now->in, out->window_s);
	out->out = per_second(start->out, now->out, out->window_s);
}
