/* advert.h - the receive window to tell a sender that floods the path.
 *
 * A sender without a model of the path (every kcptun but ours) keeps as much in flight as
 * the windows allow, and resends what waits in the queue that this makes.  Of the two
 * windows one is ours to choose.  A flood is known by the time that its segments spend in
 * queues, or by segments that come again although they had arrived.  Then about what the
 * path holds is told: the best rate of arrival lately times the least round trip, and as much more
 * as the queue bears (the idea of rLEDBAT, RFC 9840).  A sender that does not flood never
 * meets this bound. */
#ifndef KT_ADVERT_H
#define KT_ADVERT_H

#include <stdbool.h>
#include <stdint.h>

enum { ADVERT_PERIODS = 10 };

struct advert_seen {    /* since the session began */
	uint64_t fresh; /* segments that came for the first time */
	uint64_t again; /* and that had come before */
};

/* Initialise with zeros. */
struct advert {
	uint64_t period_us;            /* when this period, about a round trip, began */
	struct advert_seen period;     /* what was seen by then */
	uint32_t best[ADVERT_PERIODS]; /* fresh segments in a round trip, in each of the last periods */
	unsigned at;
	unsigned bad;  /* periods in sequence in which the sender flooded */
	unsigned gain; /* of 16; 0: no flood so far */
};

/* When a period is over; `delay_ms` is then asked for. */
uint64_t advert_due_at(const struct advert *a, uint32_t least_rtt_us);
/* A period is over.  Segments to advertise at most; 0: any.  `delay_ms`: what its segments waited
 * in queues at most (such a sender's come in bursts), UINT32_MAX when that is not known. */
uint32_t advert_window(struct advert *a, uint64_t now_us, uint32_t least_rtt_us, uint32_t delay_ms,
		       const struct advert_seen *seen);

#endif
