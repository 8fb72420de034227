/* kcp_reno.c - slow start and congestion avoidance, as kcp_reno.h tells. */
#include "kcp_reno.h"

#include <assert.h>

#include "kcp_minmax.h"

struct reno {
	uint32_t cwnd, ssthresh;    /* bytes */
	uint32_t acked;             /* towards the next step of congestion avoidance */
	uint64_t cut_until_us;      /* no further halving before */
	uint32_t peak, peak_before; /* most in flight in this round trip, and in the one before */
	uint64_t peak_us;           /* when this one began */
};

static_assert(sizeof(struct reno) <= KCP_CC_STATE_MAX, "state fits");

/* Slow start doubles per round trip, so it must leave twice as fast. */
static void reno_decide(const struct reno *r, const struct kcp_cc_sample *s,
			struct kcp_cc_control *control)
{
	bool slow_start = r->cwnd < r->ssthresh;

	control->cwnd_bytes = r->cwnd;
	control->pacing_rate = kcp_cc_rate(s, r->cwnd) * (slow_start ? 8 : 5) / 4;
	control->phase = slow_start ? "slow start" : "avoidance";
}

static void reno_init(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	struct reno *r = state;

	*r = (struct reno){ .cwnd = s->mss, .ssthresh = UINT32_MAX };
	reno_decide(r, s, control);
}

/* What was in flight before these acknowledgements came. */
static void reno_look(struct reno *r, const struct kcp_cc_sample *s)
{
	if (s->now_us - r->peak_us >= s->srtt_us) {
		r->peak_before = r->peak;
		r->peak = 0;
		r->peak_us = s->now_us;
	}
	r->peak = max32(r->peak, s->inflight_bytes + s->acked_bytes);
}

/* A window that was not used has proven nothing (RFC 7661): it does not grow while the application is
 * the limit, and in slow start to twice what was in flight at most.  A last segment may not have
 * fitted. */
static bool reno_may_grow(const struct reno *r, const struct kcp_cc_sample *s)
{
	uint32_t used = max32(r->peak, r->peak_before) + s->mss - 1;

	return r->cwnd / 2 < used && (r->cwnd < r->ssthresh || r->cwnd <= used);
}

static void reno_grow(struct reno *r, const struct kcp_cc_sample *s)
{
	uint64_t limit = (uint64_t)s->mss * max32(min32(s->snd_wnd, s->rmt_wnd), 1);
	uint32_t most = limit < UINT32_MAX / 2 ? (uint32_t)limit : UINT32_MAX / 2;

	if (s->acked_bytes == 0 || !reno_may_grow(r, s))
		return;
	if (r->cwnd < r->ssthresh) {
		r->cwnd += s->acked_bytes;
	} else {
		r->acked += s->acked_bytes;
		if (r->acked >= r->cwnd) {
			r->acked -= r->cwnd;
			r->cwnd += s->mss;
		}
	}
	r->cwnd = max32(min32(r->cwnd, most), s->mss);
	r->acked = min32(r->acked, r->cwnd);
}

/* Losses of one round trip are one event; those found in the one after a
 * timeout belong to it, too. */
static bool reno_cut(struct reno *r, const struct kcp_cc_sample *s, uint32_t round_trips)
{
	if (s->now_us < r->cut_until_us)
		return false;
	r->cut_until_us = s->now_us + (uint64_t)round_trips * s->srtt_us;
	r->ssthresh = max32(r->cwnd / 2, 2 * s->mss);
	r->acked = 0;
	return true;
}

static void reno_timeout(struct reno *r, const struct kcp_cc_sample *s)
{
	if (r->cwnd > s->mss) /* the timeouts that follow tell nothing new */
		reno_cut(r, s, 2);
	r->cwnd = s->mss;
	r->cut_until_us = s->now_us + 2 * (uint64_t)s->srtt_us;
}

static void reno_update(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	struct reno *r = state;

	reno_look(r, s);
	reno_grow(r, s);
	if (s->timeout)
		reno_timeout(r, s);
	else if (s->lost_bytes > 0 && reno_cut(r, s, 1))
		r->cwnd = r->ssthresh;
	reno_decide(r, s, control);
}

const struct kcp_cc kcp_cc_reno = {
	.name = "reno",
	.state_size = sizeof(struct reno),
	.init = reno_init,
	.update = reno_update,
};
