/* rival_cubic.c - CUBIC, RFC 9438, with HyStart's look at the round trip. */
#include <math.h>

#include "rival_impl.h"

static const double beta = 0.7, scale = 0.4;

enum {
	HYSTART_SAMPLES = 8,
	HYSTART_MIN_US = 4000,
	HYSTART_MAX_US = 16000,
	HYSTART_CWND = 16,
};

/* Without libm's, which is not the same to the last bit on every machine. */
static double cube_root(double x)
{
	double r = x > 1 ? x : 1;

	if (x <= 0)
		return 0;
	for (int i = 0; i < 60; i++)
		r -= (r * r * r - x) / (3 * r * r);
	return r;
}

static void init(struct rival *r)
{
	r->u.cubic.ssthresh = 1e9;
}

static void reduce(struct rival *r)
{
	struct cubic *c = &r->u.cubic;

	/* Fast convergence: who comes down again before it was up makes room. */
	c->w_max = r->cwnd < c->w_max ? r->cwnd * (1 + beta) / 2 : r->cwnd;
	c->prior = r->cwnd;
	c->ssthresh = fmax(r->cwnd * beta, 2);
	c->epoch_us = 0;
}

/* Slow start ends when the round trip has grown by an eighth. */
static void hystart(struct rival *r, const struct rival_ack *a)
{
	struct cubic *c = &r->u.cubic;
	double rise = fmin(fmax((double)r->min_rtt_us / 8, HYSTART_MIN_US), HYSTART_MAX_US);

	if (a->round_start) {
		c->round_rtt_us = UINT64_MAX;
		c->round_samples = 0;
	}
	if (a->rtt_us < c->round_rtt_us)
		c->round_rtt_us = a->rtt_us;
	if (++c->round_samples >= HYSTART_SAMPLES && r->cwnd >= HYSTART_CWND &&
	    (double)c->round_rtt_us >= (double)r->min_rtt_us + rise)
		c->ssthresh = r->cwnd;
}

static void begin_epoch(struct rival *r, uint64_t now_us)
{
	struct cubic *c = &r->u.cubic;

	c->epoch_us = now_us;
	c->w_est = r->cwnd;
	if (c->w_max < r->cwnd)
		c->w_max = r->cwnd;
	c->k = cube_root((c->w_max - r->cwnd) / scale);
}

static void grow(struct rival *r, const struct rival_ack *a)
{
	struct cubic *c = &r->u.cubic;
	double t, target, alpha, acked = (double)a->acked;

	if (c->epoch_us == 0)
		begin_epoch(r, a->now_us);
	t = (double)(a->now_us - c->epoch_us + r->srtt_us) * 1e-6 - c->k;
	target = fmin(fmax(scale * t * t * t + c->w_max, r->cwnd), 1.5 * r->cwnd);
	alpha = c->w_est < c->prior ? 3 * (1 - beta) / (1 + beta) : 1;
	c->w_est += alpha * acked / r->cwnd;
	r->cwnd += (target - r->cwnd) / r->cwnd * acked;
	r->cwnd = fmax(r->cwnd, c->w_est); /* no slower than Reno */
}

static void on_ack(struct rival *r, const struct rival_ack *a)
{
	struct cubic *c = &r->u.cubic;

	if (a->new_loss) {
		reduce(r);
		r->cwnd = c->ssthresh;
	} else if (a->recovering) {
		return;
	} else if (r->cwnd < c->ssthresh) {
		r->cwnd += (double)a->acked;
		hystart(r, a);
	} else {
		grow(r, a);
	}
}

static void on_timeout(struct rival *r)
{
	if (r->backoff <= 1)
		reduce(r);
	r->cwnd = 1;
}

const struct rival_cc rival_cubic = { init, on_ack, on_timeout };
