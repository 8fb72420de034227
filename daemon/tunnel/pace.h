/* pace.h - how fast one session's datagrams passed in the last seconds.
 *
 * What flow.h is to a tunnel, in the memory of two samples instead of eight, since there may be
 * thousands of sessions, most of them idle.  Samples are taken by the traffic itself, too. */
#ifndef KT_PACE_H
#define KT_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	PACE_SPACING_US = 2 * 1000 * 1000,
	PACE_WINDOW_US = 3 * PACE_SPACING_US, /* what is older says nothing of now */
};

struct pace_sample {
	uint64_t at_us;
	uint64_t in, out; /* bytes of datagrams so far */
};

struct pace {
	struct pace_sample older, newest;
};

struct pace_rates { /* bytes per second */
	double in, out;
	double window_s; /* what they are the average of */
};

/* All totals are zero at `now_us`. */
void pace_init(struct pace *p, uint64_t now_us);
static inline bool pace_due(const struct pace *p, uint64_t now_us)
{
	return now_us - p->newest.at_us >= PACE_SPACING_US;
}
/* Take in the totals as of s->at_us, which must never go back. */
void pace_note(struct pace *p, const struct pace_sample *s);
/* Rates up to `now`, the totals of the present. */
void pace_rates(const struct pace *p, const struct pace_sample *now, struct pace_rates *out);

#endif
