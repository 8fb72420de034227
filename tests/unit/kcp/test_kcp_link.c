/* test_kcp_link.c - how a kcp treats the link below it, over a simulated one: that one hole does
 * not stop it, that lost acknowledgements are not lost segments, that acknowledgements leave room for data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kcp.h"
#include "kcp_net.h"
#include "kcp_reno.h"

#define MS UINT64_C(1000)
#define S UINT64_C(1000000)

/* Bytes that end 0 brought to end 1 within `us`. */
static uint64_t carried(struct net *n, uint64_t us)
{
	uint64_t before = n->end[1].received;

	n->limit_us = n->now_us + us;
	net_run(n);
	n->now_us = n->limit_us;
	return n->end[1].received - before;
}

static void both(struct net *n, struct net_path path)
{
	for (int i = 0; i < 2; i++)
		n->end[i].path = path;
}

/* What is in flight is bounded by our window, the span from una only by the peer's: a
 * hole is filled a round trip later, and until then 512 are still on their way. */
static void a_hole_does_not_stop_what_follows_it(void **state)
{
	struct kcp_config a = net_config(512), b = net_config(8192);
	struct net *n = net_new(7, &a, &b);
	double rate;

	both(n, (struct net_path){ .delay_us = 50 * MS });
	n->end[0].path.loss = 50;
	n->end[0].to_send = UINT64_MAX;
	carried(n, 2 * S);
	rate = (double)carried(n, 10 * S) / 10;
	/* 512 segments of 1326 bytes per round trip of 100 ms, one in twenty of them lost */
	assert_true(rate > 0.8 * 512 * 1326 * 10 * 0.95);
	net_free(n);
}

static void in_flight_is_bounded_by_the_window(void **state)
{
	struct kcp_config a = net_config(100), b = net_config(8192);
	struct net *n = net_new(3, &a, &b);
	uint32_t most = 0;

	both(n, (struct net_path){ .delay_us = 50 * MS, .loss = 100 });
	n->end[0].to_send = 4000000;
	n->verify = true;
	carried(n, 0);
	n->limit_us = UINT64_MAX;
	while (!net_done(n) && net_step(n)) {
		struct kcp_info info;

		kcp_get_info(n->end[0].kcp, &info);
		most = info.inflight_segs > most ? info.inflight_segs : most;
		assert_true(info.snd_nxt - info.snd_una <= 8192);
	}
	assert_true(net_done(n));
	assert_int_equal(most, 100);
	net_free(n);
}

/* Only the way back loses: nothing that arrived needs to be sent again, and hardly anything is. */
static void lost_acknowledgements_are_not_lost_segments(void **state)
{
	struct kcp_config a = net_config(2048), b = net_config(2048);
	struct net *n = net_new(11, &a, &b);

	both(n, (struct net_path){ .delay_us = 50 * MS });
	n->end[0].path.loss = 50;
	n->end[0].path.rate = 12500000;
	n->end[0].path.queue_max = 1250000;
	n->end[1].path.loss = 200;
	n->end[0].to_send = UINT64_MAX;
	carried(n, 10 * S);
	net_print(n, "acknowledgements lost");
	/* one in 25 loses both of its acknowledgements */
	assert_true(kcp_stats(n->end[1].kcp)->repeat_segs * 20 < kcp_stats(n->end[0].kcp)->out_push);
	net_free(n);
}

/* A rate limit at the receiving end is for what it sends: its acknowledgements take at most half, and
 * its own data goes on. */
static void acknowledgements_leave_room_for_data(void **state)
{
	struct kcp_config a = net_config(4096), b = net_config(4096);
	struct net *n;

	b.rate_limit = 50000;
	n = net_new(5, &a, &b);
	both(n, (struct net_path){ .delay_us = 20 * MS, .loss = 50 });
	n->end[0].path.rate = 10000000;
	n->end[0].path.queue_max = 1000000;
	n->end[0].to_send = UINT64_MAX;
	n->end[1].to_send = UINT64_MAX;
	n->end[1].chunk = 1000;
	carried(n, 5 * S);
	assert_true(n->end[0].received > 0);
	n->end[0].received = 0;
	n->end[0].corrupt = false;
	carried(n, 10 * S);
	/* half of the limit for 10 s, less what is lost and sent again */
	assert_true(n->end[0].received > 150000);
	/* and the limit holds, but for a burst */
	assert_true(n->end[1].path.bytes < 50000 * 15 + 100000);
	net_free(n);
}

/* Reno learns nothing from a window that the application does not use. */
static void an_application_that_sends_little_does_not_open_the_window(void **state)
{
	struct kcp_config a = net_config(1024), b = net_config(1024);
	struct net *n;
	struct kcp_info info;

	a.cc = &kcp_cc_reno;
	n = net_new(6, &a, &b);
	both(n, (struct net_path){ .delay_us = 50 * MS });
	n->end[0].to_send = UINT64_MAX;
	n->end[0].chunk = 1000;
	n->end[0].send_every_us = 50 * MS;
	carried(n, 20 * S);
	kcp_get_info(n->end[0].kcp, &info);
	assert_in_range(info.cc_wnd, 2, 8);
	/* and when it sends all it can, the window opens */
	n->end[0].send_every_us = 0;
	carried(n, 2 * S);
	kcp_get_info(n->end[0].kcp, &info);
	assert_in_range(info.cc_wnd, 900, 1024);
	net_free(n);
}

/* What is added below (parity, a cipher) counts: the limit is for the wire. */
static void a_rate_limit_is_for_what_leaves(void **state)
{
	struct kcp_config a = net_config(4096), b = net_config(4096);
	struct net *n;
	uint64_t packets;

	a.rate_limit = 1000000;
	n = net_new(4, &a, &b);
	both(n, (struct net_path){ .delay_us = 20 * MS });
	n->end[0].added = 3000;
	n->end[0].to_send = UINT64_MAX;
	carried(n, 1 * S);
	packets = n->end[0].path.offered;
	carried(n, 10 * S);
	packets = n->end[0].path.offered - packets;
	assert_in_range(packets * (1350 + 3000), 9700000, 10300000);
	net_free(n);
}

/* One segment read at a time from a full window: a tell for each would be a tell for each segment. */
static void a_window_that_opens_by_a_segment_is_not_told_of(void **state)
{
	struct kcp_config a = net_config(64), b = net_config(64);
	struct net *n = net_new(9, &a, &b);
	uint64_t before;

	both(n, (struct net_path){ .delay_us = 20 * MS });
	n->end[0].to_send = UINT64_MAX;
	n->end[1].read_every_us = 100 * MS;
	n->end[1].read_max = 1326;
	n->end[1].read_at = n->now_us + 5 * S;
	carried(n, 10 * S);
	before = n->end[1].path.offered;
	carried(n, 20 * S);
	/* it is asked every five seconds, and each answer lets some segments come */
	assert_true(n->end[1].path.offered - before < 120);
	assert_true(n->end[1].received > 64 * 1326 / 2);
	net_free(n);
}

/* All three tells of a window that reopened are lost: the sender asks. */
static void a_reopened_window_is_noticed_within_five_seconds(void **state)
{
	struct kcp_config a = net_config(64), b = net_config(64);
	struct net *n = net_new(9, &a, &b);
	uint64_t opened;

	both(n, (struct net_path){ .delay_us = 20 * MS });
	n->end[0].to_send = UINT64_MAX;
	n->end[1].read_every_us = 60 * S;
	n->end[1].read_at = n->now_us + 60 * S; /* shut for a minute */
	opened = n->now_us + 60 * S;
	n->end[1].path.dead_from = opened;
	n->end[1].path.dead_to = opened + 4 * S; /* tells and the answers of first probes are lost */
	carried(n, 61 * S);
	n->end[1].read_every_us = 0;
	n->end[1].read_at = 0;
	n->end[1].received = 0;
	n->end[1].corrupt = false;
	carried(n, 9 * S);
	assert_true(n->end[1].received > 100 * 1326);
	net_free(n);
}

/* The least round trip is of the path as it is now, not as it was an hour ago. */
static void the_least_round_trip_is_forgotten(void **state)
{
	struct kcp_config a = net_config(64), b = net_config(64);
	struct net *n = net_new(2, &a, &b);
	struct kcp_info info;

	both(n, (struct net_path){ .delay_us = 5 * MS });
	n->end[0].to_send = UINT64_MAX;
	carried(n, 2 * S);
	kcp_get_info(n->end[0].kcp, &info);
	assert_in_range(info.min_rtt_us, 10 * MS, 11 * MS);
	both(n, (struct net_path){ .delay_us = 80 * MS });
	carried(n, 30 * S);
	kcp_get_info(n->end[0].kcp, &info);
	assert_in_range(info.min_rtt_us, 160 * MS, 175 * MS);
	net_free(n);
}

/* A receiver may tell less than it has, and takes what comes beyond all the same. */
static void a_window_that_is_told_holds_the_sender_and_drops_nothing(void **state)
{
	struct kcp_config a = net_config(1024), b = net_config(1024);
	struct net *n = net_new(21, &a, &b);
	struct kcp_info info;

	(void)state;
	both(n, (struct net_path){ .delay_us = 20 * MS });
	n->end[0].to_send = UINT64_MAX;
	carried(n, 1 * S);
	kcp_set_told_window(n->end[1].kcp, 50);
	carried(n, 200 * MS);
	assert_in_range(carried(n, 1 * S), 15 * 50 * 1326, 26 * 50 * 1326);
	kcp_get_info(n->end[0].kcp, &info);
	assert_int_equal(info.rmt_wnd, 50);
	assert_int_equal(kcp_stats(n->end[1].kcp)->out_of_window_segs, 0);
	kcp_set_told_window(n->end[1].kcp, 0);
	carried(n, 200 * MS);
	assert_true(carried(n, 1 * S) > 10 * 26 * 50 * 1326);
	net_free(n);
}

/* The peer's clock is its own, and starts anywhere. */
static void the_time_in_queues_is_seen_from_the_receiving_end(void **state)
{
	struct kcp_config a = net_config(200), b = net_config(200);
	struct net *n = net_new(22, &a, &b);

	(void)state;
	both(n, (struct net_path){ .delay_us = 20 * MS });
	n->end[0].path.rate = 1250000;
	n->end[0].to_send = 100;
	assert_int_equal(kcp_take_in_delay(n->end[1].kcp), UINT32_MAX);
	carried(n, 1 * S);
	assert_int_equal(kcp_take_in_delay(n->end[1].kcp), 0);
	n->end[0].to_send = UINT64_MAX;
	carried(n, 2 * S);
	kcp_take_in_delay(n->end[1].kcp);
	carried(n, 100 * MS);
	/* 200 segments in flight, of which 40 ms are under way */
	assert_in_range(kcp_take_in_delay(n->end[1].kcp), 110, 200);
	net_free(n);
}

/* As much again as half of the limit. */
static void what_is_sent_beside_is_taken_from_the_rate(void **state)
{
	struct kcp_config a = net_config(1024), b = net_config(1024);
	struct net *n;
	uint64_t bytes = 0;

	(void)state;
	a.rate_limit = 1000000;
	n = net_new(23, &a, &b);
	both(n, (struct net_path){ .delay_us = 20 * MS });
	n->end[0].to_send = UINT64_MAX;
	carried(n, 1 * S);
	assert_in_range(carried(n, 1 * S), 950000, 1000000);
	for (unsigned i = 0; i < 100; i++) {
		kcp_sent_beside(n->end[0].kcp, 5000);
		bytes += carried(n, 10 * MS);
	}
	assert_in_range(bytes, 450000, 540000);
	net_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hole_does_not_stop_what_follows_it),
		cmocka_unit_test(in_flight_is_bounded_by_the_window),
		cmocka_unit_test(lost_acknowledgements_are_not_lost_segments),
		cmocka_unit_test(acknowledgements_leave_room_for_data),
		cmocka_unit_test(an_application_that_sends_little_does_not_open_the_window),
		cmocka_unit_test(a_rate_limit_is_for_what_leaves),
		cmocka_unit_test(a_window_that_opens_by_a_segment_is_not_told_of),
		cmocka_unit_test(a_reopened_window_is_noticed_within_five_seconds),
		cmocka_unit_test(the_least_round_trip_is_forgotten),
		cmocka_unit_test(a_window_that_is_told_holds_the_sender_and_drops_nothing),
		cmocka_unit_test(the_time_in_queues_is_seen_from_the_receiving_end),
		cmocka_unit_test(what_is_sent_beside_is_taken_from_the_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
