/* rival_bbr.c - BBR, version 1: a model of the path, and no answer to loss. */
#include <math.h>

#include "rival_impl.h"

static const double high_gain = 2.885, cwnd_gain = 2, margin = 0.99;

enum {
	PHASES = 8,
	FULL_ROUNDS = 3,
	MIN_RTT_US = 10 * 1000 * 1000,
	PROBE_RTT_US = 200 * 1000,
	CWND_MIN = 4,
	QUANTA = 6, /* packets that the hosts hold */
};

static double phase_gain(unsigned phase)
{
	return phase == 0 ? 1.25 : phase == 1 ? 0.75 : 1;
}

static double best_rate(const struct bbr *b)
{
	double best = 0;

	for (int i = 0; i < BBR_ROUNDS; i++)
		best = fmax(best, b->rates[i]);
	return best;
}

static double bdp(const struct bbr *b, double gain)
{
	return gain * best_rate(b) * (double)b->min_rtt_us * 1e-6;
}

static void init(struct rival *r)
{
	r->u.bbr.min_rtt_us = UINT64_MAX;
}

static void note_rate(struct bbr *b, const struct rival_ack *a)
{
	if (a->round_start) {
		b->round++;
		b->rates[b->round % BBR_ROUNDS] = 0;
	}
	b->rates[b->round % BBR_ROUNDS] = fmax(b->rates[b->round % BBR_ROUNDS], a->rate);
}

/* The pipe is full when three rounds brought less than a quarter more. */
static void check_full(struct bbr *b, const struct rival_ack *a)
{
	double rate = best_rate(b);

	if (b->state != BBR_STARTUP || !a->round_start)
		return;
	if (rate >= 1.25 * b->full_rate) {
		b->full_rate = rate;
		b->full_rounds = 0;
	} else if (++b->full_rounds >= FULL_ROUNDS) {
		b->state = BBR_DRAIN;
	}
}

static void enter_probe_bw(struct rival *r, uint64_t now_us)
{
	struct bbr *b = &r->u.bbr;

	b->state = BBR_PROBE_BW;
	b->phase = (2 + rng_below(&r->rng, PHASES - 1)) % PHASES; /* any but the low one */
	b->phase_at_us = now_us;
}

static void cycle(struct bbr *b, const struct rival_ack *a)
{
	bool over = a->now_us - b->phase_at_us > b->min_rtt_us;
	double gain = phase_gain(b->phase);

	if (gain > 1)
		over = over && (a->lost > 0 || (double)a->inflight >= bdp(b, gain));
	if (gain < 1)
		over = over || (double)a->inflight <= bdp(b, 1);
	if (!over)
		return;
	b->phase = (b->phase + 1) % PHASES;
	b->phase_at_us = a->now_us;
}

static void probe_rtt(struct rival *r, const struct rival_ack *a)
{
	struct bbr *b = &r->u.bbr;

	if (b->probe_until_us == 0 && a->inflight <= CWND_MIN)
		b->probe_until_us = a->now_us + PROBE_RTT_US;
	if (b->probe_until_us == 0 || a->now_us < b->probe_until_us)
		return;
	b->min_rtt_at_us = a->now_us;
	r->cwnd = fmax(r->cwnd, b->prior_cwnd);
	if (b->full_rounds >= FULL_ROUNDS)
		enter_probe_bw(r, a->now_us);
	else
		b->state = BBR_STARTUP;
}

static void note_rtt(struct rival *r, const struct rival_ack *a)
{
	struct bbr *b = &r->u.bbr;
	bool first = b->min_rtt_us == UINT64_MAX;
	bool expired = !first && a->now_us - b->min_rtt_at_us > MIN_RTT_US;

	if (a->rtt_us <= b->min_rtt_us || expired) {
		b->min_rtt_us = a->rtt_us;
		b->min_rtt_at_us = a->now_us;
	}
	if (expired && b->state != BBR_PROBE_RTT) {
		b->state = BBR_PROBE_RTT;
		b->prior_cwnd = r->cwnd;
		b->probe_until_us = 0;
	}
}

static void decide(struct rival *r, const struct rival_ack *a)
{
	struct bbr *b = &r->u.bbr;
	bool fill = b->state == BBR_STARTUP;
	double gain = fill ? high_gain : b->state == BBR_DRAIN ? 1 / high_gain : 1;
	double target = bdp(b, fill || b->state == BBR_DRAIN ? high_gain : cwnd_gain) + QUANTA;

	if (b->state == BBR_PROBE_BW)
		gain = phase_gain(b->phase);
	r->pacing = margin * gain * best_rate(b);
	if (fill)
		r->cwnd += r->cwnd < target ? (double)a->acked : 0;
	else
		r->cwnd = fmin(r->cwnd + (double)a->acked, target);
	r->cwnd = b->state == BBR_PROBE_RTT ? CWND_MIN : fmax(r->cwnd, CWND_MIN);
}

static void on_ack(struct rival *r, const struct rival_ack *a)
{
	struct bbr *b = &r->u.bbr;

	note_rate(b, a);
	check_full(b, a);
	if (b->state == BBR_DRAIN && (double)a->inflight <= bdp(b, 1))
		enter_probe_bw(r, a->now_us);
	if (b->state == BBR_PROBE_BW)
		cycle(b, a);
	note_rtt(r, a);
	if (b->state == BBR_PROBE_RTT)
		probe_rtt(r, a);
	decide(r, a);
}

static void on_timeout(struct rival *r)
{
	r->cwnd = CWND_MIN;
}

const struct rival_cc rival_bbr = { init, on_ack, on_timeout };
