/* test_kcp_cc.c - controllers: the example of kcp.h, what kcp.c tells one, reno, the model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kcp_model.h"
#include "kcp_net.h"
#include "kcp_reno.h"

#define MS UINT64_C(1000)
#define S UINT64_C(1000000)

/* ---- an example: an eighth more per round trip, a half less when much is lost ---------- */

struct eighth {
	uint64_t rate;     /* bytes per second */
	uint64_t round_us; /* when this round trip began */
	uint32_t acked, lost;
};

static void eighth_decide(const struct eighth *e, const struct kcp_cc_sample *s,
			  struct kcp_cc_control *control)
{
	control->pacing_rate = e->rate;
	control->cwnd_bytes = UINT32_MAX; /* the rate is all that holds it */
	if (s->min_rtt_us != 0)
		control->cwnd_bytes = 8 * s->mss + (uint32_t)(2 * e->rate * s->min_rtt_us / S);
}

static void eighth_init(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	struct eighth *e = state;

	e->rate = 10 * s->mss * 10;
	eighth_decide(e, s, control);
}

static void eighth_update(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	struct eighth *e = state;

	e->acked += s->acked_bytes;
	e->lost += s->lost_bytes;
	if (s->srtt_us != 0 && s->now_us - e->round_us >= s->srtt_us) {
		if (e->lost > e->acked / 8)
			e->rate /= 2;
		else if (!s->app_limited)
			e->rate += e->rate / 8;
		e->round_us = s->now_us;
		e->acked = e->lost = 0;
	}
	eighth_decide(e, s, control);
}

static const struct kcp_cc eighth = {
	.name = "eighth",
	.state_size = sizeof(struct eighth),
	.init = eighth_init,
	.update = eighth_update,
};

/* ---- paths ------------------------------------------------------------------------------ */

/* A bulk transfer from end 0 over a path, for so long; bytes that arrived in the second half. */
static struct net *bulk(const struct kcp_cc *cc, struct net_path path, unsigned seed)
{
	struct kcp_config a = net_config(KCP_WND_MAX), b = net_config(KCP_WND_MAX);
	struct net *n;

	a.cc = cc;
	n = net_new(seed, &a, &b);
	n->end[0].path = path;
	path.rate = 0;
	n->end[1].path = path;
	n->end[0].to_send = UINT64_MAX;
	return n;
}

static uint64_t carry(struct net *n, uint64_t us)
{
	uint64_t before = n->end[0].received + n->end[1].received;

	n->limit_us = n->now_us + us;
	net_run(n);
	n->now_us = n->limit_us;
	return n->end[0].received + n->end[1].received - before;
}

/* 20 Mbit/s, 50 ms, a queue of one round trip. */
static struct net_path broad(uint32_t loss_permille)
{
	return (struct net_path){
		.delay_us = 25 * MS,
		.rate = 2500000,
		.queue_max = 125000,
		.loss = loss_permille,
	};
}

static struct kcp_info info_of(const struct net *n)
{
	struct kcp_info info;

	kcp_get_info(n->end[0].kcp, &info);
	return info;
}

static void the_example_fills_a_path(void **state)
{
	struct net *n = bulk(&eighth, broad(0), 1);

	(void)state;
	carry(n, 10 * S);
	assert_in_range(carry(n, 10 * S), 10 * 2500000 * 7 / 10, 10 * 2500000);
	assert_string_equal(info_of(n).cc_name, "eighth");
	net_free(n);
}

/* ---- what a controller is told ----------------------------------------------------------- */

struct spy {
	uint64_t acked, lost, spurious, marked, unmarked;
	uint64_t best_rate, limited_rate; /* of samples that were not, and were, limited by others */
	uint32_t most_inflight;
	uint64_t flips;
};

static struct spy *spied;

static void spy_init(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	spied = state;
	control->cwnd_bytes = 100 * s->mss;
	control->pacing_rate = 2000000;
}

static void spy_update(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	struct spy *spy = state;

	spy->acked += s->acked_bytes;
	spy->lost += s->lost_bytes;
	spy->spurious += s->spurious_bytes;
	spy->marked += s->marked_acked_bytes + s->marked_lost_bytes;
	if (s->inflight_bytes > spy->most_inflight)
		spy->most_inflight = s->inflight_bytes;
	if (s->interval_us > 0) {
		uint64_t arrived = s->delivered_bytes - s->prior_delivered_bytes;
		uint64_t rate = arrived * S / s->interval_us;
		uint64_t *to = s->app_limited ? &spy->limited_rate : &spy->best_rate;

		*to = rate > *to ? rate : *to;
	}
	control->told = 1;
	control->mark = spy->flips++ % 2 == 0;
}

static const struct kcp_cc spy = {
	.name = "spy",
	.state_size = sizeof(struct spy),
	.init = spy_init,
	.update = spy_update,
};

static void samples_add_up(void **state)
{
	struct net *n = bulk(&spy, broad(50), 2);
	const struct kcp_stats *st = kcp_stats(n->end[0].kcp);
	uint32_t mss = net_config(1).mtu;

	(void)state;
	carry(n, 10 * S);
	/* Full segments but for the last, and some are under way yet. */
	assert_in_range(spied->acked / mss, st->acked_bytes / (mss - KCP_OVERHEAD) - 2,
			st->acked_bytes / (mss - KCP_OVERHEAD) + 1);
	assert_in_range((spied->lost + mss - 1) / mss, st->retrans_segs, st->retrans_segs + 100);
	assert_in_range(spied->lost * 1000 / (spied->acked + spied->lost), 40, 62);
	assert_in_range(spied->marked * 100 / (spied->acked + spied->lost), 40, 60);
	assert_in_range(spied->most_inflight, 90 * mss, 101 * mss);
	/* What is paced at 2 MB/s is delivered so, less what is lost; a sample can be lucky. */
	assert_in_range(spied->best_rate, 1850000, 2100000);
	assert_int_equal(info_of(n).limit, KCP_LIMIT_CONTROLLER);
	net_free(n);
}

static void a_sender_with_little_to_send_measures_no_path(void **state)
{
	struct net *n = bulk(&spy, broad(0), 3);

	(void)state;
	n->end[0].chunk = 1000;
	n->end[0].send_every_us = 20 * MS;
	carry(n, 10 * S);
	assert_in_range(spied->best_rate, 0, 20000); /* the first, of whose kind nothing was known */
	assert_in_range(spied->limited_rate, 30000, 120000);
	assert_int_equal(info_of(n).limit, KCP_LIMIT_APPLICATION);
	net_free(n);
}

static void what_limits_is_named(void **state)
{
	struct net *n = bulk(&spy, broad(0), 4);

	(void)state;
	kcp_set_window(n->end[1].kcp, KCP_WND_MAX, 16);
	carry(n, 2 * S);
	assert_int_equal(info_of(n).limit, KCP_LIMIT_PEER);
	kcp_set_window(n->end[1].kcp, KCP_WND_MAX, 1000);
	kcp_set_window(n->end[0].kcp, 20, 1000);
	carry(n, 2 * S);
	assert_int_equal(info_of(n).limit, KCP_LIMIT_WINDOW);
	kcp_set_window(n->end[0].kcp, 1000, 1000);
	kcp_set_rate_limit(n->end[0].kcp, 100000);
	carry(n, 2 * S);
	assert_int_equal(info_of(n).limit, KCP_LIMIT_RATE);
	net_free(n);
}

/* ---- reno --------------------------------------------------------------------------------- */

struct reno_test {
	uint64_t state[KCP_CC_STATE_MAX / sizeof(uint64_t)];
	struct kcp_cc_sample s;
	struct kcp_cc_control control;
};

/* Segments allowed after so many were acknowledged and lost, with `inflight` left. */
static uint32_t reno(struct reno_test *t, uint32_t inflight, uint32_t acked, uint32_t lost,
		     bool timeout)
{
	t->s.inflight_bytes = inflight * t->s.mss;
	t->s.acked_bytes = acked * t->s.mss;
	t->s.lost_bytes = lost * t->s.mss;
	t->s.timeout = timeout;
	kcp_cc_reno.update(t->state, &t->s, &t->control);
	assert_int_equal(t->control.cwnd_bytes % t->s.mss, 0);
	return t->control.cwnd_bytes / t->s.mss;
}

static void reno_halves_once_per_round_trip_and_starts_again_after_a_timeout(void **state)
{
	struct reno_test t = {
		.s = { .now_us = S, .srtt_us = 100 * MS, .snd_wnd = 256, .rmt_wnd = 30, .mss = 1000 },
	};

	(void)state;
	kcp_cc_reno.init(t.state, &t.s, &t.control);
	assert_int_equal(t.control.cwnd_bytes, 1000);
	assert_int_equal(reno(&t, 0, 0, 0, false), 1);   /* it was not used */
	assert_int_equal(reno(&t, 0, 40, 0, false), 30); /* the peer's window */
	assert_int_equal(t.control.pacing_rate, 2 * 30 * 1000 * 10);
	assert_int_equal(reno(&t, 30, 0, 1, false), 15);
	assert_int_equal(reno(&t, 30, 0, 1, false), 15);
	assert_int_equal(t.control.pacing_rate, 15 * 1000 * 10 * 5 / 4);
	assert_int_equal(reno(&t, 0, 15, 0, false), 16);
	t.s.now_us += 100 * MS;
	assert_int_equal(reno(&t, 15, 0, 1, true), 1);
	assert_int_equal(reno(&t, 15, 0, 1, true), 1);
	assert_int_equal(reno(&t, 15, 0, 1, false), 1);
	assert_int_equal(reno(&t, 15, 7, 0, false), 8); /* the threshold, as the first timeout set it */
	assert_int_equal(reno(&t, 15, 7, 0, false), 8);
}

/* ---- the model ---------------------------------------------------------------------------- */

/* ---- a window that shrinks under what is in flight ----------------------------------------- */

static void shrink_init(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	control->pacing_rate = 40000000;
	control->cwnd_bytes = 400 * s->mss;
}

static void shrink_update(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	if (s->lost_bytes > 0)
		control->cwnd_bytes = 4 * s->mss;
}

static const struct kcp_cc shrink = {
	.name = "shrink",
	.state_size = 1,
	.init = shrink_init,
	.update = shrink_update,
};

/* All that is found lost may not leave, and is found lost only bit by bit; that must not keep back the oldest, whose
 * acknowledgement ends the silence. */
static void the_end_of_a_silence_is_noticed_whatever_is_in_flight(void **state)
{
	struct net_path path = { .delay_us = 1 * MS };
	struct net *n = bulk(&shrink, path, 7);

	(void)state;
	carry(n, 2 * S);
	n->end[0].path.loss = n->end[1].path.loss = 1000;
	carry(n, 4 * S);
	n->end[0].path.loss = n->end[1].path.loss = 0;
	assert_true(carry(n, 1500 * MS) > 0);
	net_free(n);
}

static void the_model_finds_rate_and_loss(void **state)
{
	static const uint32_t losses[] = { 0, 10, 50, 100, 200 };

	(void)state;
	for (unsigned i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		struct net *n = bulk(&kcp_cc_model, broad(losses[i]), 5 + i);
		struct kcp_info info;
		uint64_t goodput;

		carry(n, 5 * S);
		goodput = carry(n, 10 * S);
		info = info_of(n);
		/* The loss is ahead of the bottleneck: it takes the more. */
		assert_in_range(info.path_rate, 2500000 * 95 / 100,
				UINT64_C(2500000) * 1100 / (1000 - losses[i]));
		/* As a few hundred segments tell it. */
		assert_in_range(info.medium_loss_ppm + 50000, losses[i] * 1000,
				losses[i] * 1000 + 100000);
		assert_in_range(goodput, 25000000 / 1000 * (1000 - losses[i]) * 92 / 100, 25000000);
		assert_in_range(info.srtt_us, 50 * MS, 100 * MS);
		net_free(n);
	}
}

/* A pause is no reason to begin from nothing, nor to send all at once. */
static void the_model_remembers_over_a_pause(void **state)
{
	struct net *n = bulk(&kcp_cc_model, broad(0), 11);
	uint64_t lost;

	(void)state;
	carry(n, 5 * S);
	n->end[0].to_send = n->end[0].sent;
	n->limit_us = n->now_us + 60 * S;
	while (net_step(n))
		; /* what is under way arrives */
	n->now_us = n->limit_us;
	lost = n->end[0].path.lost;
	n->end[0].to_send = UINT64_MAX;
	assert_in_range(carry(n, 500 * MS), 2500000 / 2 * 70 / 100, 2500000 / 2);
	assert_int_equal(n->end[0].path.lost, lost);
	net_free(n);
}

enum { SEEDS = 3 };

static uint64_t lost_of(const struct net *n)
{
	return n->end[0].path.lost;
}

/* A queue of a few packets loses as a policer does: what is sent too much, and shows no delay.  A
 * model that took it for the medium's loss would send still more. */
static void the_model_takes_no_policer_for_the_medium(void **state)
{
	(void)state;
	for (unsigned seed = 21; seed < 21 + SEEDS; seed++) {
		struct net_path path = broad(0);
		struct net *n;
		uint64_t lost, offered;

		path.queue_max = 4000;
		n = bulk(&kcp_cc_model, path, seed);
		carry(n, 5 * S);
		lost = lost_of(n);
		offered = n->end[0].path.offered;
		assert_in_range(carry(n, 10 * S), 25000000 * UINT64_C(85) / 100, 25000000);
		assert_in_range((lost_of(n) - lost) * 1000 / (n->end[0].path.offered - offered), 0,
				40);
		assert_in_range(info_of(n).medium_loss_ppm, 0, 15000);
		net_free(n);
	}
}

/* What waits on the way back is not what we sent: two that send to each other would else each take
 * the other's queue for its own, and its end for a faster path. */
static void the_model_tells_the_way_back_from_the_way_out(void **state)
{
	struct net *n = bulk(&kcp_cc_model, broad(0), 101);
	uint64_t srtt_sum = 0;

	(void)state;
	n->end[1].path = broad(0);
	kcp_set_cc(n->end[1].kcp, &kcp_cc_model, NULL, n->now_us);
	n->end[1].to_send = UINT64_MAX;
	carry(n, 5 * S);
	for (unsigned i = 0; i < 100; i++) {
		assert_in_range(carry(n, 100 * MS), 2 * 250000 * UINT64_C(70) / 100, 2 * 250000 * 2);
		srtt_sum += info_of(n).srtt_us;
	}
	assert_in_range(srtt_sum / 100, 50 * MS, 66 * MS);
	net_free(n);
}

/* The queue of the slower path would be four round trips if nothing were done.  Where the end of
 * it falls into a probe or behind a loss it takes a little longer. */
static void the_model_notices_a_slower_path(void **state)
{
	enum { RUNS = 20 };
	unsigned soon = 0, calm = 0;

	(void)state;
	for (unsigned seed = 31; seed < 31 + RUNS; seed++) {
		struct net_path path = broad(10);
		struct net *n;

		path.queue_max = 0;
		n = bulk(&kcp_cc_model, path, seed);
		carry(n, 5 * S);
		n->end[0].path.rate = 2500000 / 4;
		carry(n, 1 * S);
		soon += info_of(n).srtt_us < 100 * MS;
		assert_in_range(carry(n, 5 * S), 5 * 625000 * UINT64_C(85) / 100,
				5 * 625000 * UINT64_C(105) / 100);
		calm += info_of(n).srtt_us < 75 * MS;
		net_free(n);
	}
	assert_in_range(soon, RUNS - 3, RUNS);
	assert_in_range(calm, RUNS - 3, RUNS);
}

/* The model alone, told what may be, over a round trip of 54 ms. */
struct told {
	union {
		uint64_t align;
		uint8_t bytes[KCP_CC_STATE_MAX];
	} state;
	struct kcp_cc_sample s;
	struct kcp_cc_control c;
};

static void told_begin(struct told *t)
{
	*t = (struct told){
		.s = { .now_us = 1000000, .mss = 1300, .snd_wnd = 128, .rmt_wnd = 128 },
	};
	kcp_cc_model.init(&t->state, &t->s, &t->c);
}

/* So much later so much had arrived and been lost of what left a round trip ago. */
static void told_step(struct told *t, uint64_t us, uint32_t acked, uint32_t lost, bool timeout)
{
	struct kcp_cc_sample *s = &t->s;

	s->now_us += us;
	s->acked_bytes = acked;
	s->lost_bytes = lost;
	s->timeout = timeout;
	s->rtt_us = s->srtt_us = s->min_rtt_us = 54000;
	s->back_us = UINT32_MAX;
	s->prior_delivered_bytes = s->delivered_bytes;
	s->prior_lost_bytes = s->lost_total_bytes;
	s->delivered_bytes += acked;
	s->lost_total_bytes += lost;
	s->interval_us = acked > 0 ? s->rtt_us : 0;
	s->tx_sent_us = s->now_us - s->rtt_us;
	kcp_cc_model.update(&t->state, s, &t->c);
}

/* Of a few bytes, of which some were lost, it may believe that a path carries next to nothing. */
static void the_model_always_lets_something_out(void **state)
{
	struct net_rng rng = { 99 };

	(void)state;
	for (unsigned run = 0; run < 50; run++) {
		struct told t;

		told_begin(&t);
		for (unsigned i = 0; i < 200; i++) {
			uint32_t lost = net_random(&rng) % 4 * t.s.mss;

			told_step(&t, net_random(&rng) % 200000, net_random(&rng) % 50, lost, false);
			assert_true(t.c.pacing_rate >= 2 * UINT64_C(1300) * 1000000 / 54000);
			assert_true(t.c.cwnd_bytes >= 4 * 1300);
		}
	}
}

/* What a silence takes for lost, hundreds of segments, is no flood. */
static void an_outage_ends_no_start(void **state)
{
	struct told t;

	(void)state;
	for (unsigned lost = 1; lost <= 300; lost += 13) {
		told_begin(&t);
		told_step(&t, 54000, 40, 0, false);
		told_step(&t, 1000000, 0, lost * 1300, true);
		told_step(&t, 54000, 1300, 0, false);
		told_step(&t, 54000, 2600, 0, false);
		assert_string_equal(t.c.phase, "startup");
	}
	told_begin(&t);
	told_step(&t, 54000, 40, 0, false);
	told_step(&t, 54000, 0, 300 * 1300, false); /* of others that arrived */
	assert_string_not_equal(t.c.phase, "startup");
}

static void the_model_finds_a_faster_path(void **state)
{
	(void)state;
	for (unsigned seed = 41; seed < 41 + SEEDS; seed++) {
		struct net *n = bulk(&kcp_cc_model, broad(10), seed);

		carry(n, 5 * S);
		n->end[0].path.rate *= 4;
		n->end[0].path.queue_max *= 4;
		carry(n, 1500 * MS);
		/* A hole that was filled lets go what came before, too. */
		assert_in_range(carry(n, 1 * S), 8500000, 10500000);
		net_free(n);
	}
}

/* What was the least round trip is not there any more, and no queue stands all the same. */
static void the_model_follows_to_a_longer_path(void **state)
{
	(void)state;
	for (unsigned seed = 51; seed < 51 + SEEDS; seed++) {
		struct net *n = bulk(&kcp_cc_model, broad(10), seed);

		carry(n, 5 * S);
		n->end[0].path.delay_us += 50 * MS;
		n->end[1].path.delay_us += 50 * MS;
		carry(n, 30 * S);
		assert_in_range(carry(n, 5 * S), 5 * 2500000 * UINT64_C(80) / 100, 5 * 2500000);
		net_free(n);
	}
}

/* Little to send is no sign of a slow path: when there is much, it leaves at once. */
static void the_model_learns_nothing_from_little_to_send(void **state)
{
	struct net *n = bulk(&kcp_cc_model, broad(0), 61);
	uint64_t rate;

	(void)state;
	carry(n, 5 * S);
	rate = info_of(n).path_rate;
	n->end[0].chunk = 1000;
	n->end[0].send_every_us = 20 * MS;
	carry(n, 10 * S);
	assert_in_range(info_of(n).path_rate, rate * 9 / 10, rate * 11 / 10);
	n->end[0].chunk = 0;
	n->end[0].send_every_us = 0;
	assert_in_range(carry(n, 500 * MS), 2500000 / 2 * 73 / 100, 2500000 / 2);
	net_free(n);
}

/* Late packets are no lost ones, and jitter is no queue. */
static void the_model_bears_disorder(void **state)
{
	(void)state;
	for (unsigned seed = 71; seed < 71 + SEEDS; seed++) {
		struct net_path path = broad(0);
		struct net *n;

		path.late = 10;
		path.late_us = 8 * MS;
		path.jitter_us = 4 * MS;
		n = bulk(&kcp_cc_model, path, seed);
		carry(n, 5 * S);
		assert_in_range(carry(n, 10 * S), 25000000 * UINT64_C(85) / 100, 25000000);
		assert_in_range(info_of(n).medium_loss_ppm, 0, 20000);
		net_free(n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_fills_a_path),
		cmocka_unit_test(samples_add_up),
		cmocka_unit_test(a_sender_with_little_to_send_measures_no_path),
		cmocka_unit_test(what_limits_is_named),
		cmocka_unit_test(reno_halves_once_per_round_trip_and_starts_again_after_a_timeout),
		cmocka_unit_test(the_end_of_a_silence_is_noticed_whatever_is_in_flight),
		cmocka_unit_test(the_model_finds_rate_and_loss),
		cmocka_unit_test(the_model_remembers_over_a_pause),
		cmocka_unit_test(the_model_takes_no_policer_for_the_medium),
		cmocka_unit_test(the_model_tells_the_way_back_from_the_way_out),
		cmocka_unit_test(the_model_notices_a_slower_path),
		cmocka_unit_test(the_model_always_lets_something_out),
		cmocka_unit_test(an_outage_ends_no_start),
		cmocka_unit_test(the_model_finds_a_faster_path),
		cmocka_unit_test(the_model_follows_to_a_longer_path),
		cmocka_unit_test(the_model_learns_nothing_from_little_to_send),
		cmocka_unit_test(the_model_bears_disorder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
