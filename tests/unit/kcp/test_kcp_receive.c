/* test_kcp_receive.c - the side that receives: what it acknowledges and when, order, windows, reading. */
#include "kcp_peer.h"

/* ---- acknowledging ------------------------------------------------------- */

static void acks_wait_for_the_interval_or_leave_at_once_with_ack_nodelay(void **state)
{
	struct peer *p = open_peer(base_config());

	(void)state;
	give(p, T0, KCP_CMD_PUSH, 0, 0, 1, 10);
	give(p, T0 + 3 * MS, KCP_CMD_PUSH, 1, 0, 2, 10);
	assert_true(kcp_deadline(p->k) == T0 + 10 * MS);
	flush_at(p, T0 + 10 * MS - 1);
	assert_int_equal(p->count, 0);
	flush_at(p, T0 + 10 * MS);
	/* In order: una tells of the first, the last carries the fresher ts. */
	assert_int_equal(p->count, 1);
	assert_int_equal(p->seg[0].cmd, KCP_CMD_ACK);
	assert_int_equal(p->seg[0].sn, 1);
	assert_int_equal(p->seg[0].ts, 2);
	assert_int_equal(p->seg[0].una, 2);
	assert_true(kcp_deadline(p->k) == KCP_NEVER);
	kcp_set_ack_nodelay(p->k, true);
	give(p, T0 + 20 * MS, KCP_CMD_PUSH, 2, 0, 3, 10);
	assert_true(kcp_deadline(p->k) <= T0 + 20 * MS);
	flush_at(p, T0 + 20 * MS);
	assert_int_equal(p->count, 1);
	close_peer(p);
}

static void acks_ride_with_data_that_has_room_for_them(void **state)
{
	struct peer *p = open_peer(base_config());

	(void)state;
	give(p, T0, KCP_CMD_PUSH, 0, 0, 1, 10);
	send_bytes(p, 100);
	flush_at(p, T0);
	assert_int_equal(p->datagrams, 1);
	assert_int_equal(p->count, 2);
	assert_int_equal(count_cmd(p, KCP_CMD_ACK), 1);
	/* A full segment leaves none: the ACK waits, it does not go alone. */
	give(p, T0 + MS, KCP_CMD_PUSH, 1, 0, 1, 10);
	send_bytes(p, 1000);
	flush_at(p, T0 + MS);
	assert_int_equal(p->count, 1);
	flush_at(p, T0 + 11 * MS);
	assert_int_equal(count_cmd(p, KCP_CMD_ACK), 1);
	close_peer(p);
}

static void holes_and_repeats_are_told_of_at_once_and_each_by_its_own_ack(void **state)
{
	struct peer *p = open_peer(base_config());

	(void)state;
	give(p, T0, KCP_CMD_PUSH, 0, 0, 1, 10);
	give(p, T0, KCP_CMD_PUSH, 2, 0, 1, 10);
	give(p, T0, KCP_CMD_PUSH, 3, 0, 1, 10);
	assert_true(kcp_deadline(p->k) <= T0);
	flush_at(p, T0);
	assert_int_equal(p->count, 2);
	assert_int_equal(p->seg[0].sn, 2);
	assert_int_equal(p->seg[1].sn, 3);
	assert_int_equal(p->seg[1].una, 1);
	give(p, T0 + MS, KCP_CMD_PUSH, 0, 0, 107, 10);
	flush_at(p, T0 + MS);
	assert_int_equal(p->count, 3);
	/* What stands beyond the hole is told once more, ahead of what is new. */
	assert_int_equal(p->seg[0].sn, 2);
	assert_int_equal(p->seg[1].sn, 3);
	assert_int_equal(p->seg[2].sn, 0);
	assert_int_equal(p->seg[2].ts, 107);
	/* Under a hole that stays, one datagram per packet would be a waste. */
	give(p, T0 + 2 * MS, KCP_CMD_PUSH, 4, 0, 1, 10);
	flush_at(p, T0 + 2 * MS);
	for (uint32_t sn = 5; sn < 20; sn++) {
		give(p, T0 + 3 * MS, KCP_CMD_PUSH, sn, 0, 1, 10);
		flush_at(p, T0 + 3 * MS);
		assert_int_equal(p->datagrams, 0);
	}
	close_peer(p);
}

static void steady_acks_leave_at_once_after_a_pause_only(void **state)
{
	struct peer *p = open_peer(base_config());

	(void)state;
	kcp_set_steady_acks(p->k, true);
	give(p, T0, KCP_CMD_PUSH, 1, 0, 1, 10); /* there is a hole */
	assert_true(kcp_deadline(p->k) <= T0);
	flush_at(p, T0);
	assert_int_equal(count_cmd(p, KCP_CMD_ACK), 1);
	give(p, T0 + 2 * MS, KCP_CMD_PUSH, 3, 0, 1, 10); /* another */
	give(p, T0 + 3 * MS, KCP_CMD_PUSH, 1, 0, 1, 10); /* and what came before */
	assert_true(kcp_deadline(p->k) == T0 + 10 * MS);
	flush_at(p, T0 + 10 * MS);
	assert_true(count_cmd(p, KCP_CMD_ACK) >= 2);
	give(p, T0 + 30 * MS, KCP_CMD_PUSH, 5, 0, 1, 10);
	assert_true(kcp_deadline(p->k) <= T0 + 30 * MS);
	close_peer(p);
}

static void half_a_window_of_arrivals_is_acknowledged_at_once(void **state)
{
	struct kcp_config cfg = base_config();
	struct peer *p;

	(void)state;
	cfg.rcv_wnd = 8;
	p = open_peer(cfg);
	for (uint32_t sn = 0; sn < 4; sn++) {
		flush_at(p, T0);
		assert_int_equal(p->count, 0);
		give(p, T0, KCP_CMD_PUSH, sn, 0, 1, 10);
	}
	flush_at(p, T0);
	assert_int_equal(p->count, 1);
	close_peer(p);
}

static void acks_that_found_no_room_stay_due(void **state)
{
	struct peer *p = open_peer(base_config());

	(void)state;
	for (uint32_t sn = 1; sn < 60; sn++)
		give(p, T0, KCP_CMD_PUSH, sn, 0, sn, 1);
	p->cap = 0;
	assert_true(flush_at(p, T0));
	p->cap = 1;
	assert_true(flush_at(p, T0));
	assert_int_equal(p->count, 42);
	p->cap = 9;
	assert_true(kcp_deadline(p->k) <= T0);
	assert_false(flush_at(p, T0));
	assert_int_equal(p->count, 17);
	assert_int_equal(p->seg[16].sn, 59);
	close_peer(p);
}

static void data_that_used_its_credit_does_not_hold_acknowledgements(void **state)
{
	struct kcp_config cfg = base_config();
	struct peer *p;

	(void)state;
	cfg.rate_limit = 1000;
	p = open_peer(cfg);
	send_bytes(p, 30000);
	flush_at(p, T0);
	assert_in_range(p->count, 1, 12);
	flush_at(p, T0 + MS);
	flush_at(p, T0 + MS);
	assert_int_equal(p->count, 0);
	assert_true(kcp_deadline(p->k) > T0 + 2 * MS);
	give(p, T0 + 2 * MS, KCP_CMD_PUSH, 5, 0, 1, 1);
	assert_true(kcp_deadline(p->k) <= T0 + 2 * MS);
	flush_at(p, T0 + 2 * MS);
	assert_int_equal(count_cmd(p, KCP_CMD_ACK), 1);
	assert_int_equal(count_cmd(p, KCP_CMD_PUSH), 0);
	close_peer(p);
}

/* ---- receiving ----------------------------------------------------------- */

static void up_to_twice_the_window_is_held_and_no_more(void **state)
{
	struct kcp_config cfg = base_config();
	struct peer *p;
	struct kcp_info info;
	const uint8_t *data = NULL;

	(void)state;
	cfg.rcv_wnd = 8;
	p = open_peer(cfg);
	for (uint32_t sn = 0; sn < 30; sn++)
		give(p, T0, KCP_CMD_PUSH, sn, 0, 1, 10);
	kcp_get_info(p->k, &info);
	assert_int_equal(info.rcv_nxt, 8);
	assert_int_equal(info.rcv_queue_segs, 8);
	assert_int_equal(info.rcv_ring_segs, 8);
	assert_int_equal(kcp_stats(p->k)->out_of_window_segs, 14);
	flush_at(p, T0);
	assert_int_equal(p->seg[0].wnd, 0);
	/* As it drains, the peer is told unasked. */
	assert_int_equal(kcp_peek(p->k, &data), 10);
	kcp_consume(p->k, 10);
	assert_int_equal(data[0], 0); /* borrowed on, across consume */
	for (unsigned i = 1; i < 16; i++) {
		assert_int_equal(kcp_peek(p->k, &data), 10);
		assert_int_equal(data[9], i);
		kcp_consume(p->k, 4);
		assert_int_equal(kcp_peek(p->k, &data), 6);
		kcp_consume(p->k, 6);
	}
	assert_int_equal(kcp_peek(p->k, &data), 0);
	assert_true(kcp_deadline(p->k) <= T0);
	flush_at(p, T0 + MS);
	assert_int_equal(count_cmd(p, KCP_CMD_WINS), 1);
	assert_int_equal(p->seg[p->count - 1].wnd, 8);
	assert_int_equal(p->seg[p->count - 1].una, 16);
	close_peer(p);
}

static void give_push_ts(struct peer *p, uint64_t us, uint32_t sn, uint32_t ts, unsigned flags)
{
	uint8_t buf[KCP_OVERHEAD + 1] = { 0 };
	struct kcp_seg_header h = { .conv = CONV, .cmd = KCP_CMD_PUSH, .sn = sn, .ts = ts, .len = 1 };

	kcp_header_encode(buf, &h);
	assert_int_equal(kcp_input(p->k, us, buf, sizeof(buf), flags), KCP_OK);
}

/* Parity can come seconds after the packet that it rebuilds was sent. */
static void a_rebuilt_segment_is_not_echoed_with_its_old_time(void **state)
{
	struct kcp_config cfg = base_config();
	struct peer *p;

	(void)state;
	cfg.ack_nodelay = true;
	p = open_peer(cfg);
	give_push_ts(p, T0, 1, 9000, 0);
	give_push_ts(p, T0, 0, 5000, KCP_INPUT_RECOVERED);
	flush_at(p, T0);
	assert_int_equal(p->count, 2);
	assert_int_equal(p->seg[1].sn, 0);
	assert_int_equal(p->seg[1].ts, 9000);
	/* A segment that came by itself is echoed as it is, however late. */
	give_push_ts(p, T0, 3, 4000, 0);
	flush_at(p, T0);
	assert_int_equal(p->seg[0].ts, 4000);
	close_peer(p);
}

static void one_absurd_round_trip_does_not_stretch_the_timeout_for_long(void **state)
{
	struct peer *p = open_peer(base_config());
	struct kcp_info info;
	uint32_t before;

	(void)state;
	for (uint32_t sn = 0; sn < 8; sn++) {
		send_bytes(p, 10);
		flush_at(p, T0 + sn * 100 * MS);
		ack(p, T0 + (sn * 100 + 50) * MS, sn, sn, T0 + sn * 100 * MS);
	}
	kcp_get_info(p->k, &info);
	before = info.rto_us;
	assert_in_range(before, 50 * MS, 300 * MS);
	send_bytes(p, 10);
	flush_at(p, T0 + 900 * MS);
	ack(p, T0 + 5000 * MS, 8, 8, T0 + 900 * MS);
	kcp_get_info(p->k, &info);
	assert_in_range(info.rto_us, before, 6 * before);
	close_peer(p);
}

static void what_is_held_can_be_bounded_below_the_window(void **state)
{
	struct peer *p = open_peer(base_config());

	(void)state;
	for (uint32_t sn = 0; sn < 8; sn++)
		give(p, T0, KCP_CMD_PUSH, sn, 0, 1, 10);
	kcp_set_hold(p->k, 20);
	for (uint32_t sn = 10; sn < 24; sn++)
		give(p, T0, KCP_CMD_PUSH, sn, 0, 1, 10);
	assert_int_equal(kcp_stats(p->k)->out_of_window_segs, 4);
	flush_at(p, T0);
	assert_int_equal(p->seg[0].wnd, 12);
	kcp_set_hold(p->k, 4); /* less than it holds: that stays */
	flush_at(p, T0 + MS);
	give(p, T0 + MS, KCP_CMD_PUSH, 8, 0, 1, 10);
	assert_int_equal(kcp_stats(p->k)->out_of_window_segs, 5);
	for (int i = 0; i < 5; i++)
		kcp_consume(p->k, 10);
	give(p, T0 + MS, KCP_CMD_PUSH, 8, 0, 1, 10);
	assert_int_equal(kcp_stats(p->k)->out_of_window_segs, 5);
	kcp_set_hold(p->k, 0);
	give(p, T0 + MS, KCP_CMD_PUSH, 60, 0, 1, 10);
	assert_int_equal(kcp_stats(p->k)->out_of_window_segs, 5);
	close_peer(p);
}

static void what_is_held_already_is_acknowledged_when_it_comes_again(void **state)
{
	struct peer *p = open_peer(base_config());
	unsigned answers = 0;

	(void)state;
	for (uint32_t sn = 1; sn < 8; sn++)
		give(p, T0, KCP_CMD_PUSH, sn, 0, 1, 10);
	flush_at(p, T0);
	kcp_set_hold(p->k, 4);
	give_push_ts(p, T0 + MS, 6, 4321, 0);
	assert_int_equal(kcp_stats(p->k)->out_of_window_segs, 0);
	flush_at(p, T0 + MS);
	for (unsigned i = 0; i < p->count; i++)
		answers += p->seg[i].cmd == KCP_CMD_ACK && p->seg[i].sn == 6 && p->seg[i].ts == 4321;
	assert_int_equal(answers, 1);
	close_peer(p);
}

/* Who sends further does not know it, and would learn it from nothing else. */
static void what_is_not_held_has_the_window_told(void **state)
{
	struct peer *p = open_peer(base_config());

	(void)state;
	kcp_set_hold(p->k, 4);
	give(p, T0, KCP_CMD_PUSH, 4, 0, 1, 10);
	assert_int_equal(kcp_stats(p->k)->out_of_window_segs, 1);
	assert_true(kcp_deadline(p->k) <= T0);
	flush_at(p, T0);
	assert_int_equal(p->seg[0].cmd, KCP_CMD_WINS);
	assert_int_equal(p->seg[0].wnd, 4);
	close_peer(p);
}

/* A bound that is far below the window is a window, which is told when it opens again. */
static void the_window_of_a_small_bound_is_told_when_it_opens(void **state)
{
	struct kcp_config cfg = base_config();
	struct peer *p;

	(void)state;
	cfg.ack_nodelay = true;
	p = open_peer(cfg);
	kcp_set_hold(p->k, 4);
	for (uint32_t sn = 0; sn < 4; sn++)
		give(p, T0, KCP_CMD_PUSH, sn, 0, 1, 10);
	flush_at(p, T0);
	assert_int_equal(p->count, 1); /* one in order stands for all before it */
	assert_int_equal(p->seg[0].wnd, 0);
	kcp_consume(p->k, 10);
	assert_true(kcp_deadline(p->k) <= T0);
	flush_at(p, T0);
	assert_int_equal(p->seg[0].cmd, KCP_CMD_WINS);
	assert_int_equal(p->seg[0].wnd, 1);
	close_peer(p);
}

static void a_bound_beyond_the_window_is_none(void **state)
{
	struct peer *p = open_peer(base_config());

	(void)state;
	kcp_set_hold(p->k, UINT32_MAX);
	for (uint32_t sn = 0; sn < 64; sn++)
		give(p, T0, KCP_CMD_PUSH, 63 - sn, 0, 1, 10);
	assert_int_equal(kcp_stats(p->k)->out_of_window_segs, 0);
	close_peer(p);
}

static void a_question_for_the_window_is_answered(void **state)
{
	struct peer *p = open_peer(base_config());

	(void)state;
	give(p, T0, KCP_CMD_WASK, 77, 0, 88, 0);
	assert_true(kcp_deadline(p->k) <= T0);
	flush_at(p, T0);
	assert_int_equal(p->count, 1);
	assert_int_equal(p->seg[0].cmd, KCP_CMD_WINS);
	assert_int_equal(p->seg[0].wnd, 64);
	assert_true(kcp_deadline(p->k) == KCP_NEVER);
	close_peer(p);
}

static void give_frg(struct peer *p, uint32_t sn, uint8_t frg)
{
	uint8_t buf[KCP_OVERHEAD + 1] = { 0 };
	struct kcp_seg_header h = { .conv = CONV, .cmd = KCP_CMD_PUSH, .frg = frg, .sn = sn, .len = 1 };

	kcp_header_encode(buf, &h);
	buf[KCP_OVERHEAD] = (uint8_t)sn;
	kcp_input(p->k, T0, buf, sizeof(buf), 0);
	kcp_verify(p->k);
}

static void a_message_of_more_fragments_than_the_window_still_arrives(void **state)
{
	struct kcp_config cfg = base_config();
	struct peer *p;
	uint8_t buf[512];

	(void)state;
	cfg.stream = false;
	cfg.rcv_wnd = 4;
	p = open_peer(cfg);
	for (uint32_t sn = 0; sn < 20; sn++) {
		assert_int_equal(kcp_peek_size(p->k), KCP_EAGAIN);
		give_frg(p, sn, (uint8_t)(19 - sn));
		flush_at(p, T0 + sn);
		if (p->count > 0)
			assert_int_equal(p->seg[0].wnd == 0, sn == 19);
	}
	assert_int_equal(kcp_peek_size(p->k), 20);
	assert_int_equal(kcp_recv(p->k, buf, 19), KCP_ELIMIT);
	assert_int_equal(kcp_recv(p->k, buf, 20), 20);
	assert_int_equal(buf[19], 19);
	close_peer(p);
}

static void fragments_that_count_wrongly_end_somewhere(void **state)
{
	struct kcp_config cfg = base_config();
	struct peer *p;
	uint8_t buf[512];

	(void)state;
	cfg.stream = false;
	p = open_peer(cfg);
	for (uint32_t sn = 0; sn < 6; sn++)
		give_frg(p, sn, 2); /* 2 2 2: three, by the first */
	give_frg(p, 6, 9);
	give_frg(p, 7, 0); /* 9 0: ends at 0 */
	assert_int_equal(kcp_recv(p->k, buf, sizeof(buf)), 3);
	assert_int_equal(kcp_recv(p->k, buf, sizeof(buf)), 3);
	assert_int_equal(kcp_recv(p->k, buf, sizeof(buf)), 2);
	assert_int_equal(kcp_recv(p->k, buf, sizeof(buf)), KCP_EAGAIN);
	close_peer(p);
}

static void a_stream_skips_empty_segments(void **state)
{
	struct peer *p = open_peer(base_config());
	const uint8_t *data = NULL;

	(void)state;
	for (uint32_t sn = 0; sn < 500; sn++)
		give(p, T0, KCP_CMD_PUSH, sn, 0, 1, 0);
	assert_int_equal(kcp_peek(p->k, &data), 0);
	give(p, T0, KCP_CMD_PUSH, 501, 0, 1, 0);
	give(p, T0, KCP_CMD_PUSH, 502, 0, 1, 3);
	give(p, T0, KCP_CMD_PUSH, 500, 0, 1, 2);
	assert_int_equal(kcp_peek(p->k, &data), 2);
	kcp_consume(p->k, 2);
	assert_int_equal(kcp_peek(p->k, &data), 3);
	assert_int_equal(kcp_stats(p->k)->delivered_bytes, 5);
	close_peer(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acks_wait_for_the_interval_or_leave_at_once_with_ack_nodelay),
		cmocka_unit_test(acks_ride_with_data_that_has_room_for_them),
		cmocka_unit_test(holes_and_repeats_are_told_of_at_once_and_each_by_its_own_ack),
		cmocka_unit_test(steady_acks_leave_at_once_after_a_pause_only),
		cmocka_unit_test(half_a_window_of_arrivals_is_acknowledged_at_once),
		cmocka_unit_test(acks_that_found_no_room_stay_due),
		cmocka_unit_test(data_that_used_its_credit_does_not_hold_acknowledgements),
		cmocka_unit_test(up_to_twice_the_window_is_held_and_no_more),
		cmocka_unit_test(a_rebuilt_segment_is_not_echoed_with_its_old_time),
		cmocka_unit_test(one_absurd_round_trip_does_not_stretch_the_timeout_for_long),
		cmocka_unit_test(what_is_held_can_be_bounded_below_the_window),
		cmocka_unit_test(what_is_held_already_is_acknowledged_when_it_comes_again),
		cmocka_unit_test(what_is_not_held_has_the_window_told),
		cmocka_unit_test(the_window_of_a_small_bound_is_told_when_it_opens),
		cmocka_unit_test(a_bound_beyond_the_window_is_none),
		cmocka_unit_test(a_question_for_the_window_is_answered),
		cmocka_unit_test(a_message_of_more_fragments_than_the_window_still_arrives),
		cmocka_unit_test(fragments_that_count_wrongly_end_somewhere),
		cmocka_unit_test(a_stream_skips_empty_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
