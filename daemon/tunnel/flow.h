/* flow.h - how fast a tunnel's bytes passed in the last seconds.
 *
 * Samples are taken by the traffic itself, at most one every FLOW_SPACING_US, so that
 * an idle tunnel takes none and no timer runs.  A gap between two samples that is longer was silence. */
#ifndef KT_FLOW_H
#define KT_FLOW_H

#include <stdbool.h>
#include <stdint.h>

enum {
	FLOW_SPACING_US = 2 * 1000 * 1000,
	FLOW_WINDOW_US = 10 * 1000 * 1000, /* what rates are averaged over */
	FLOW_SAMPLES = 8,                  /* more than the window holds */
};

struct flow_sample {
	uint64_t at_us;
	uint64_t payload_in, payload_out; /* bytes of local sockets */
	uint64_t wire_in, wire_out;       /* bytes of datagrams */
};

struct flow {
	struct flow_sample ring[FLOW_SAMPLES];
	unsigned count, newest;
};

struct flow_rates { /* bytes per second */
	double payload_in, payload_out, wire_in, wire_out;
	double window_s; /* what they are the average of */
};

/* All totals are zero at `now_us`. */
void flow_init(struct flow *f, uint64_t now_us);
static inline bool flow_due(const struct flow *f, uint64_t now_us)
{
	return now_us - f->ring[f->newest].at_us >= FLOW_SPACING_US;
}
/* Take in the totals as of s->at_us, which must never go back. */
void flow_note(struct flow *f, const struct flow_sample *s);
/* Rates up to `now`, the totals of the present. */
void flow_rates(const struct flow *f, const struct flow_sample *now, struct flow_rates *out);

#endif
