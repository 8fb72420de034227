/* test_kcp_sim.c - two kcps over a simulated network: efficiency, recovery, endurance. */
#include "kcp.h"
#include "kcp_net.h"
#include "kcp_reno.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { LINK_100M = 12500000 }; /* bytes per second */

static struct net *link_new(uint64_t seed, const struct kcp_config *cfg, uint64_t one_way_us,
			    uint64_t rate, uint64_t bytes)
{
	struct net *n = net_new(seed, cfg, cfg);

	n->end[0].to_send = bytes;
	for (unsigned i = 0; i < 2; i++) {
		n->end[i].path.delay_us = one_way_us;
		n->end[i].path.rate = rate;
	}
	return n;
}

static const struct kcp_stats *sender(const struct net *n)
{
	return kcp_stats(n->end[0].kcp);
}

static double seconds(const struct net *n)
{
	return (double)(n->now_us - 1000000) / 1e6;
}

static void finish(struct net *n)
{
	assert_true(net_run(n));
	assert_false(n->end[0].corrupt);
	assert_false(n->end[1].corrupt);
	assert_int_equal(n->end[1].received, n->end[0].to_send);
	kcp_verify(n->end[0].kcp);
	kcp_verify(n->end[1].kcp);
}

static void run_until(struct net *n, uint64_t us)
{
	n->limit_us = us;
	assert_false(net_run(n));
}

/* Of the profiles, of timeouts only, with a congestion window. */
static const struct {
	uint32_t nodelay, interval, resend;
	bool reno;
} modes[] = {
	{ 0, 40, 2, false }, { 0, 30, 2, false }, { 1, 20, 2, false }, { 1, 10, 2, false },
	{ 2, 10, 2, false }, { 1, 10, 0, false }, { 0, 40, 2, true },  { 1, 10, 2, true },
};

static struct kcp_config mode_config(size_t i, uint32_t wnd)
{
	struct kcp_config cfg = net_config(wnd);

	cfg.nodelay = modes[i].nodelay;
	cfg.interval_ms = modes[i].interval;
	cfg.resend = modes[i].resend;
	cfg.cc = modes[i].reno ? &kcp_cc_reno : NULL;
	return cfg;
}

static void a_loss_free_queue_that_grows_sees_under_one_percent_resent(void **state)
{
	static const uint32_t windows[] = { 1024, 2048, 4096 };
	static const uint64_t one_way[] = { 10000, 50000 };

	(void)state;
	for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
		for (size_t w = 0; w < 3; w++) {
			struct kcp_config cfg = mode_config(m, windows[w]);
			struct net *n = link_new(m + 1, &cfg, one_way[w & 1], LINK_100M, 8000000);

			cfg.ack_nodelay = m & 1;
			finish(n);
			assert_int_equal(n->end[0].path.lost, 0);
			assert_true(net_resent(n->end[0].kcp) < 10);
			/* And the link is used: 0.64 s at its rate, slow start and delay added. */
			assert_true(seconds(n) < (modes[m].reno ? 2.2 : 1.1));
			net_free(n);
		}
	}
}

static void random_loss_of_data_costs_about_its_share(void **state)
{
	static const struct {
		uint32_t loss;
		double seconds;
	} t[] = { { 50, 2.0 }, { 200, 3.5 } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct kcp_config cfg = net_config(1024);
		struct net *n = link_new(i + 3, &cfg, 25000, LINK_100M, 8000000);

		n->end[0].path.loss = t[i].loss;
		finish(n);
		assert_in_range(net_resent(n->end[0].kcp), t[i].loss - 15, t[i].loss + 20);
		assert_true(seconds(n) < t[i].seconds);
		net_free(n);
	}
}

/* An ACK that was lost looks like a lost segment, there is only one of each. */
static void loss_in_both_directions_costs_at_most_both_shares(void **state)
{
	struct kcp_config cfg = net_config(1024);
	struct net *n = link_new(5, &cfg, 25000, LINK_100M, 8000000);

	(void)state;
	n->end[0].path.loss = n->end[1].path.loss = 50;
	finish(n);
	assert_true(net_resent(n->end[0].kcp) < 115);
	assert_true(sender(n)->lost_segs < 30);
	net_free(n);
}

static void burst_loss_is_repaired_without_resending_more_than_was_lost(void **state)
{
	struct kcp_config cfg = net_config(1024);
	struct net *n = link_new(6, &cfg, 25000, LINK_100M, 8000000);

	(void)state;
	n->end[0].path.burst_start = 5;
	n->end[0].path.burst_end = 50;
	finish(n);
	assert_true(n->end[0].path.lost > 100);
	assert_true(sender(n)->retrans_segs <= n->end[0].path.lost * 11 / 10 + 8);
	net_free(n);
}

/* Nothing comes after the last segments to show that they are missing. */
static void a_lost_tail_is_resent_within_a_few_round_trips(void **state)
{
	struct kcp_config cfg = net_config(128);
	struct net *n = link_new(7, &cfg, 20000, 0, 20000);

	(void)state;
	finish(n);
	for (unsigned round = 0; round < 20; round++) {
		uint64_t start = n->now_us;

		n->end[0].to_send += 4000;
		n->end[0].path.dead_from = start;
		n->end[0].path.dead_to = start + 1;
		finish(n);
		assert_true(n->now_us - start < 5 * 40000);
	}
	assert_in_range(sender(n)->lost_segs, 20, 100);
	net_free(n);
}

static void lost_acknowledgements_are_made_up_for_by_una(void **state)
{
	struct kcp_config cfg = net_config(1024);
	struct net *n = link_new(8, &cfg, 25000, LINK_100M, 8000000);

	(void)state;
	n->end[1].path.loss = 300;
	finish(n);
	assert_true(net_resent(n->end[0].kcp) < 10);
	net_free(n);
}

static void reordering_is_tolerated_after_it_was_seen(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 3; kind++) {
		struct kcp_config cfg = net_config(1024);
		struct net *n = link_new(9, &cfg, 25000, LINK_100M, 16000000);
		struct kcp_info info;

		if (kind == 0) { /* some much later */
			n->end[0].path.late = 100;
			n->end[0].path.late_us = 15000;
		} else if (kind == 1) { /* all shuffled */
			n->end[0].path.jitter_us = 20000;
		} else { /* lost, and rebuilt by FEC later */
			n->end[0].path.loss = 50;
			n->end[0].path.recovered = 1000;
			n->end[0].path.late_us = 10000;
		}
		finish(n);
		assert_true(net_resent(n->end[0].kcp) < 15);
		kcp_get_info(n->end[0].kcp, &info);
		assert_true(info.reorder_us > 0);
		assert_true(sender(n)->spurious_segs > 0);
		net_free(n);
	}
}

static void tolerance_of_reordering_fades_when_the_path_is_in_order_again(void **state)
{
	struct kcp_config cfg = net_config(256);
	struct net *n = link_new(10, &cfg, 10000, LINK_100M, 4000000);
	struct kcp_info info;

	(void)state;
	n->end[0].path.late = 100;
	n->end[0].path.late_us = 12000;
	finish(n);
	kcp_get_info(n->end[0].kcp, &info);
	assert_true(info.reorder_us > 8000);
	n->end[0].path.late = 0;
	n->end[0].to_send += 40000000;
	finish(n);
	kcp_get_info(n->end[0].kcp, &info);
	assert_true(info.reorder_us < 2000);
	net_free(n);
}

static void duplicates_cost_nothing_but_their_acknowledgement(void **state)
{
	struct kcp_config cfg = net_config(1024);
	struct net *n = link_new(11, &cfg, 25000, LINK_100M, 4000000);

	(void)state;
	n->end[0].path.dup = n->end[1].path.dup = 100;
	finish(n);
	assert_true(net_resent(n->end[0].kcp) < 10);
	assert_true(kcp_stats(n->end[1].kcp)->repeat_segs > 100);
	net_free(n);
}

static void a_dead_period_is_survived_quietly_and_left_quickly(void **state)
{
	(void)state;
	for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
		struct kcp_config cfg = mode_config(m, 1024);
		struct net *n = link_new(12, &cfg, 25000, LINK_100M, 12000000);
		uint64_t before;

		for (unsigned i = 0; i < 2; i++) {
			n->end[i].path.dead_from = 1500000;
			n->end[i].path.dead_to = 31500000;
		}
		run_until(n, 2000000);
		before = sender(n)->out_push;
		run_until(n, 31500000);
		/* Thirty seconds of silence: some hundreds of probes, not a flood. */
		assert_in_range(sender(n)->out_push - before, 15, 1500);
		n->limit_us += 60000000;
		finish(n);
		assert_true(n->now_us < 31500000 + (modes[m].reno ? 12000000 : 2500000));
		net_free(n);
	}
}

static void a_reader_that_stops_stops_the_sender_and_a_reader_that_goes_on_wakes_it(void **state)
{
	static const uint32_t loss[] = { 0, 300 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct kcp_config cfg = net_config(16);
		struct net *n = link_new(14, &cfg, 5000, 0, 200000);
		struct kcp_info info;

		n->verify = true;
		n->end[0].path.loss = n->end[1].path.loss = loss[i];
		n->end[1].read_at = n->now_us + 4000000; /* nothing is read before */
		run_until(n, n->now_us + 3900000);
		kcp_get_info(n->end[0].kcp, &info);
		assert_int_equal(info.rmt_wnd, 0);
		kcp_get_info(n->end[1].kcp, &info);
		assert_int_equal(info.rcv_queue_segs, 16);
		n->limit_us += 100000000;
		n->end[1].read_every_us = 1000;
		n->end[1].read_max = 3000;
		finish(n);
		/* Told unasked: it does not wait for the next probe, seconds away. */
		if (loss[i] == 0)
			assert_true(n->now_us < 1000000 + 4000000 + 1500000);
		net_free(n);
	}
}

static void a_window_never_leaves_as_one_burst(void **state)
{
	struct kcp_config cfg = net_config(2048);
	struct net *n = link_new(15, &cfg, 50000, 0, 20000000);
	uint64_t most = 0;

	(void)state;
	run_until(n, n->now_us + 500000); /* from here on a round trip is known */
	n->limit_us += 60000000;
	while (!net_done(n)) {
		uint64_t before = n->end[0].path.offered;

		assert_true(net_step(n));
		before = n->end[0].path.offered - before;
		most = before > most ? before : most;
	}
	assert_true(sender(n)->out_push > 10000);
	assert_in_range(most, 2, 256);
	net_free(n);
}

static void the_rate_limit_is_kept_within_a_few_percent(void **state)
{
	static const uint64_t rates[] = { 50000, 1000000, 20000000 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct kcp_config cfg = net_config(4096);
		struct net *n;
		double rate;

		cfg.rate_limit = rates[i];
		n = link_new(16, &cfg, 10000, 0, rates[i] * 4);
		finish(n);
		/* Ten packets may leave at once at the start. */
		rate = (double)(n->end[0].path.bytes - 10 * cfg.mtu) / seconds(n);
		assert_true(rate < (double)rates[i] * 1.05);
		assert_true(rate > (double)rates[i] * 0.95);
		net_free(n);
	}
}

static void slow_start_grows_and_a_fast_link_is_not_held_back(void **state)
{
	struct kcp_config cfg = net_config(1024);
	struct net *n;

	(void)state;
	n = link_new(17, &cfg, 50, 0, 50000000);
	finish(n);
	assert_true(seconds(n) < 0.1); /* 500 MB/s over 0.1 ms */
	net_free(n);
	cfg.cc = &kcp_cc_reno;
	n = link_new(18, &cfg, 20000, LINK_100M, 8000000);
	finish(n);
	assert_true(seconds(n) < 1.5);
	net_free(n);
}

static void reserve_that_fails_at_random_loses_nothing(void **state)
{
	struct kcp_config cfg = net_config(128);
	struct net *n = link_new(19, &cfg, 3000, 0, 1500000);

	(void)state;
	n->verify = true;
	n->end[1].to_send = 300000;
	n->end[0].reserve_fails = n->end[1].reserve_fails = 300;
	n->end[0].path.loss = n->end[1].path.loss = 20;
	finish(n);
	net_free(n);
}

static void the_largest_window_works_at_both_ends(void **state)
{
	struct kcp_config cfg = net_config(KCP_WND_MAX);
	struct net *n;

	(void)state;
	cfg.mtu = 100;
	n = link_new(20, &cfg, 100000, 0, 12000000);
	n->end[0].path.loss = 10;
	finish(n);
	assert_true(seconds(n) < 4);
	assert_in_range(net_resent(n->end[0].kcp), 5, 20);
	kcp_trim(n->end[0].kcp);
	kcp_trim(n->end[1].kcp);
	assert_true(kcp_memory(n->end[1].kcp) < 4096);
	net_free(n);
}

/* Everything at once, from many seeds, with every invariant checked. */
static void random_networks_deliver_every_byte(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct net_rng r = { seed * 7919 + 12345 };
		struct kcp_config a = net_config(1 + net_random(&r) % 200);
		struct kcp_config b = net_config(1 + net_random(&r) % 200);
		struct net *n;

		net_random(&r);
		a.mtu = KCP_MTU_MIN + net_random(&r) % 1400;
		b.mtu = KCP_MTU_MIN + net_random(&r) % 1400;
		a.nodelay = net_random(&r) % 3;
		a.resend = net_random(&r) % 4;
		b.resend = net_random(&r) % 40;
		a.cc = net_random(&r) % 4 ? NULL : &kcp_cc_reno;
		a.ack_nodelay = net_random(&r) % 2;
		b.interval_ms = 1 + net_random(&r) % 60;
		n = net_new(seed, &a, &b);
		n->verify = true;
		kcp_set_initial_sn(n->end[0].kcp, 0xffffffc0u, 0xffffffe0u);
		kcp_set_initial_sn(n->end[1].kcp, 0xffffffe0u, 0xffffffc0u);
		n->now_us = UINT64_C(4294967296000) - 500000; /* the 32-bit clock wraps soon */
		n->limit_us = n->now_us + 3000000000;
		for (unsigned i = 0; i < 2; i++) {
			struct net_end *e = &n->end[i];

			e->to_send = 10000 + net_random(&r) % 60000;
			e->chunk = 1 + net_random(&r) % 4000;
			e->path.delay_us = net_random(&r) % 60000;
			e->path.jitter_us = net_random(&r) % 3 ? 0 : net_random(&r) % 30000;
			e->path.loss = net_random(&r) % 2 ? net_random(&r) % 300 : 0;
			e->path.dup = net_random(&r) % 100;
			e->path.recovered = net_random(&r) % 500;
			e->path.late_us = net_random(&r) % 20000;
			e->path.rate = net_random(&r) % 2 ? 200000 + net_random(&r) % 2000000 : 0;
			e->reserve_fails = net_random(&r) % 3 ? 0 : 200;
		}
		if (!net_run(n) || n->end[0].corrupt || n->end[1].corrupt) {
			net_print(n, "stalled");
			fail_msg("seed %u", (unsigned)seed);
		}
		net_free(n);
	}
}

/* Seconds of nothing: no wake-ups once everything is acknowledged. */
static void an_idle_conversation_never_wakes_up(void **state)
{
	struct kcp_config cfg = net_config(64);
	struct net *n = link_new(21, &cfg, 10000, 0, 100000);

	(void)state;
	finish(n);
	while (net_step(n))
		;
	assert_true(kcp_deadline(n->end[0].kcp) == KCP_NEVER);
	assert_true(kcp_deadline(n->end[1].kcp) == KCP_NEVER);
	kcp_trim(n->end[0].kcp);
	kcp_trim(n->end[1].kcp);
	kcp_verify(n->end[0].kcp);
	assert_true(kcp_memory(n->end[0].kcp) < 4096);
	assert_true(kcp_memory(n->end[1].kcp) < 4096);
	net_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loss_free_queue_that_grows_sees_under_one_percent_resent),
		cmocka_unit_test(random_loss_of_data_costs_about_its_share),
		cmocka_unit_test(loss_in_both_directions_costs_at_most_both_shares),
		cmocka_unit_test(burst_loss_is_repaired_without_resending_more_than_was_lost),
		cmocka_unit_test(a_lost_tail_is_resent_within_a_few_round_trips),
		cmocka_unit_test(lost_acknowledgements_are_made_up_for_by_una),
		cmocka_unit_test(reordering_is_tolerated_after_it_was_seen),
		cmocka_unit_test(tolerance_of_reordering_fades_when_the_path_is_in_order_again),
		cmocka_unit_test(duplicates_cost_nothing_but_their_acknowledgement),
		cmocka_unit_test(a_dead_period_is_survived_quietly_and_left_quickly),
		cmocka_unit_test(a_reader_that_stops_stops_the_sender_and_a_reader_that_goes_on_wakes_it),
		cmocka_unit_test(a_window_never_leaves_as_one_burst),
		cmocka_unit_test(the_rate_limit_is_kept_within_a_few_percent),
		cmocka_unit_test(slow_start_grows_and_a_fast_link_is_not_held_back),
		cmocka_unit_test(reserve_that_fails_at_random_loses_nothing),
		cmocka_unit_test(the_largest_window_works_at_both_ends),
		cmocka_unit_test(random_networks_deliver_every_byte),
		cmocka_unit_test(an_idle_conversation_never_wakes_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
