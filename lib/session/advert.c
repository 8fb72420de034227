/* advert.c - the receive window to tell a sender that floods, as advert.h says. */
#include "advert.h"

enum {
	BAD_PERIODS = 3,  /* in sequence make a flood */
	AGAIN_SHARE = 10, /* one segment in so many that had come before is a flood */
	GAIN_FIRST = 24,  /* of 16 */
	GAIN_MIN = 17,    /* with less it could not find more capacity */
	GAIN_MAX = 64,
	WINDOW_MIN = 48, /* segments; what a round trip needs after a loss on a slow path */
	WINDOW_MAX = 65535,
	PERIOD_MIN_US = 20000,
	DELAY_MIN_MS = 30, /* a queue of more than this, and than half of the round trip, is too much */
};

static uint32_t period_us(uint32_t least_rtt_us)
{
	return least_rtt_us > PERIOD_MIN_US ? least_rtt_us : PERIOD_MIN_US;
}

uint64_t advert_due_at(const struct advert *a, uint32_t least_rtt_us)
{
	return least_rtt_us == 0 ? UINT64_MAX : a->period_us + period_us(least_rtt_us);
}

static uint32_t best_of(const struct advert *a)
{
	uint32_t best = 0;

	for (unsigned i = 0; i < ADVERT_PERIODS; i++)
		best = a->best[i] > best ? a->best[i] : best;
	return best;
}

/* What is beyond a hole counts as under way for such a sender, so that a window that is just large
 * enough stands still after each loss: half a round trip of queue is borne. */
static void judge(struct advert *a, uint32_t rtt_us, uint32_t delay_ms, uint64_t fresh, uint64_t again)
{
	uint32_t most = rtt_us / 2000 > DELAY_MIN_MS ? rtt_us / 2000 : DELAY_MIN_MS;
	bool late = delay_ms != UINT32_MAX && delay_ms > most;
	bool floods = late || again * AGAIN_SHARE > fresh + again;

	a->bad = floods ? a->bad + 1 : 0;
	if (a->gain == 0) {
		if (a->bad >= BAD_PERIODS)
			a->gain = GAIN_FIRST;
	} else if (floods) {
		a->gain -= a->gain > GAIN_MIN;
	} else {
		a->gain += a->gain < GAIN_MAX;
	}
}

uint32_t advert_window(struct advert *a, uint64_t now_us, uint32_t least_rtt_us, uint32_t delay_ms,
		       const struct advert_seen *seen)
{
	uint64_t fresh = seen->fresh - a->period.fresh, again = seen->again - a->period.again;
	uint64_t rtt = period_us(least_rtt_us), elapsed = now_us - a->period_us, window;

	a->period_us = now_us;
	a->period = *seen;
	/* A pause is no measure of the path. */
	if (elapsed < 4 * rtt && fresh + again > 0) {
		a->at = (a->at + 1) % ADVERT_PERIODS;
		a->best[a->at] = (uint32_t)(fresh * rtt / elapsed);
		judge(a, least_rtt_us, delay_ms, fresh, again);
	}
	if (a->gain == 0)
		return 0;
	window = (uint64_t)best_of(a) * a->gain / 16;
	window = window < WINDOW_MIN ? WINDOW_MIN : window;
	return (uint32_t)(window > WINDOW_MAX ? WINDOW_MAX : window);
}
