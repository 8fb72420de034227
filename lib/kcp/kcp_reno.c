/* kcp_reno.c - slow start and congestion avoidance, as kcp_reno.h tells. */
#include "kcp_reno.h"

#include <assert.h>

struct reno {
	uint32_t cwnd, ssthresh;    /* segments */
	uint32_t acked;             /* towards the next step of congestion avoidance */
	uint64_t cut_until_us;      /* no further halving before */
	uint32_t peak, peak_before; /* most in flight in this round trip, and in the one before */
	uint64_t peak_us;           /* when this one began */
};

static_assert(sizeof(struct reno) <= KCP_CC_STATE_MAX, "state fits");

static uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t max32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void reno_init(void *state, const struct kcp_cc_event *ev)
{
	(void)ev;
	*(struct reno *)state = (struct reno){ .cwnd = 1, .ssthresh = KCP_WND_MAX };
}

static void reno_on_sent(void *state, const struct kcp_cc_event *ev)
{
	struct reno *r = state;

	if (ev->now_us - r->peak_us >= ev->srtt_us) {
		r->peak_before = r->peak;
		r->peak = 0;
		r->peak_us = ev->now_us;
	}
	r->peak = max32(r->peak, ev->inflight);
}

/* A window that was not used has proven nothing (RFC 7661): it does not grow while the application is
 * the limit, and in slow start to twice what was in flight at most. */
static bool reno_may_grow(const struct reno *r)
{
	uint32_t used = max32(r->peak, r->peak_before);

	return r->cwnd < r->ssthresh ? r->cwnd < 2 * used : r->cwnd <= used;
}

static void reno_on_acked(void *state, const struct kcp_cc_event *ev)
{
	struct reno *r = state;
	uint32_t limit = max32(min32(ev->snd_wnd, ev->rmt_wnd), 1);

	if (!reno_may_grow(r))
		return;
	if (r->cwnd < r->ssthresh) {
		r->cwnd += ev->segs;
	} else {
		r->acked += ev->segs;
		if (r->acked >= r->cwnd) {
			r->acked -= r->cwnd;
			r->cwnd++;
		}
	}
	r->cwnd = min32(r->cwnd, limit);
	r->acked = min32(r->acked, r->cwnd);
}

/* Losses of one round trip are one event; those found in the one after a
 * timeout belong to it, too. */
static bool reno_cut(struct reno *r, const struct kcp_cc_event *ev, uint32_t round_trips)
{
	if (ev->now_us < r->cut_until_us)
		return false;
	r->cut_until_us = ev->now_us + (uint64_t)round_trips * ev->srtt_us;
	r->ssthresh = max32(r->cwnd / 2, 2);
	r->acked = 0;
	return true;
}

static void reno_on_lost(void *state, const struct kcp_cc_event *ev)
{
	struct reno *r = state;

	if (reno_cut(r, ev, 1))
		r->cwnd = r->ssthresh;
}

static void reno_on_timeout(void *state, const struct kcp_cc_event *ev)
{
	struct reno *r = state;

	if (r->cwnd > 1) /* the timeouts that follow tell nothing new */
		reno_cut(r, ev, 2);
	r->cwnd = 1;
	r->cut_until_us = ev->now_us + 2 * (uint64_t)ev->srtt_us;
}

static uint32_t reno_window(const void *state, const struct kcp_cc_event *ev)
{
	(void)ev;
	return ((const struct reno *)state)->cwnd;
}

/* Slow start doubles per round trip, so it must leave twice as fast. */
static uint64_t reno_pacing_rate(const void *state, const struct kcp_cc_event *ev)
{
	const struct reno *r = state;

	return kcp_cc_rate(ev, r->cwnd) * (r->cwnd < r->ssthresh ? 8 : 5) / 4;
}

const struct kcp_cc kcp_cc_reno = {
	.name = "reno",
	.state_size = sizeof(struct reno),
	.init = reno_init,
	.on_sent = reno_on_sent,
	.on_acked = reno_on_acked,
	.on_lost = reno_on_lost,
	.on_timeout = reno_on_timeout,
	.window = reno_window,
	.pacing_rate = reno_pacing_rate,
};
