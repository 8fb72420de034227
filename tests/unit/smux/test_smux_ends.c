/* test_smux_ends.c - ends of streams: FIN and what comes before it, lingering, resets. */
#include "smux_bed.h"

/* ---- ends of streams -------------------------------------------------------------------------- */

static void a_fin_never_overtakes_the_data_even_if_the_window_is_shut(void **state)
{
	struct smux_stream *st;
	struct smux_frame f;
	struct fixture x;

	begin(&x, 2, true);
	st = open_stream(&x);
	drain(&x);
	feed_upd(&x, 3, 0, 10);
	write_zeros(st, 12);
	smux_shutdown(st);
	expect_frames(&x, "02020a0003000000"
			  "00000000000000000000");
	assert_false(smux_next_frame(x.m, x.now, SIZE_MAX, &f));
	feed_upd(&x, 3, 10, 10);
	expect_frames(&x, "0202020003000000"
			  "0000"
			  "0201000003000000");
	assert_int_equal(smux_unsent(st), 0);
	end(&x);
}

static void each_direction_ends_on_its_own(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 1, true);
	st = open_stream(&x);
	smux_shutdown(st);
	expect_frames(&x, "0100000003000000"
			  "0101000003000000");
	assert_int_equal(smux_reserve(st).n, 0);
	smux_shutdown(st);
	expect_frames(&x, "");
	assert_int_equal(feed(&x, "0102020003000000"
				  "6162"
				  "0101000003000000"),
			 KT_OK);
	expect_event(&x, st, SMUX_READABLE);
	assert_true(smux_peer_finished(st));
	assert_false(smux_eof(st));
	expect_read(st, (const uint8_t *)"ab", 2);
	assert_true(smux_eof(st));
	smux_release(st, false);
	assert_int_equal(smux_stream_count(x.m), 0);
	expect_frames(&x, "");

	st = open_stream(&x);
	drain(&x);
	assert_int_equal(feed(&x, "0101000005000000"), KT_OK);
	expect_event(&x, st, SMUX_READABLE);
	assert_true(smux_eof(st));
	assert_int_equal(write_some(st, "ok", 2), 2);
	expect_frames(&x, "0102020005000000"
			  "6f6b");
	smux_release(st, false);
	expect_frames(&x, "0101000005000000");
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

static void a_released_stream_lingers_until_its_bytes_and_fin_are_out(void **state)
{
	struct smux_stream *st;
	struct smux_frame f;
	struct fixture x;

	begin(&x, 1, true);
	st = open_stream(&x);
	write_zeros(st, 3);
	smux_release(st, false);
	assert_int_equal(smux_stream_count(x.m), 1);
	assert_int_equal(feed(&x, "0102020003000000"
				  "6162"),
			 KT_OK);
	expect_no_event(&x);
	assert_int_equal(smux_unread_bytes(x.m), 0);
	assert_int_equal(smux_stats(x.m)->unknown_stream_bytes, 2);
	expect_frames(&x, "0100000003000000"
			  "0102030003000000"
			  "000000"
			  "0101000003000000");
	assert_int_equal(smux_stream_count(x.m), 0);
	assert_false(smux_next_frame(x.m, x.now, SIZE_MAX, &f));
	end(&x);
}

static void discarding_drops_what_is_unsent_and_ends_at_once(void **state)
{
	struct smux_stream *st;
	struct smux_frame f;
	struct fixture x;

	begin(&x, 1, true);
	st = open_stream(&x);
	write_zeros(st, 30000);
	assert_true(smux_next_frame(x.m, x.now, SIZE_MAX, &f));
	assert_true(smux_next_frame(x.m, x.now, SIZE_MAX, &f));
	assert_int_equal(f.len, SMUX_HEADER + 8192);
	smux_release(st, true);
	assert_int_equal(x.pool.used_count, 0);
	expect_frames(&x, "0101000003000000");
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

static void a_stream_discarded_before_its_syn_left_leaves_no_trace(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, true);
	st = open_stream(&x);
	write_zeros(st, 10);
	smux_release(st, true);
	assert_int_equal(smux_stream_count(x.m), 0);
	expect_frames(&x, "");
	st = open_stream(&x);
	smux_release(st, false); /* without discard it is carried faithfully */
	expect_frames(&x, "0200000005000000"
			  "0201000005000000");
	end(&x);
}

static void data_for_streams_that_are_gone_is_consumed_and_counted(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, false);
	st = accept_sid(&x, 3);
	assert_int_equal(feed(&x, "0202050003000000"
				  "6162"),
			 KT_OK); /* in the middle of a frame */
	smux_release(st, true);
	assert_int_equal(smux_unread_bytes(x.m), 0);
	drain(&x);
	assert_int_equal(smux_stream_count(x.m), 0);
	assert_int_equal(feed(&x, "636465"
				  "0202010003000000"
				  "66"
				  "0200000005000000"),
			 KT_OK);
	assert_int_equal(smux_sid(accept_stream(&x)), 5);
	assert_int_equal(smux_stats(x.m)->unknown_stream_bytes, 4);
	end(&x);
}

static void data_after_the_peers_own_fin_is_dropped(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 1, false);
	st = accept_sid(&x, 3);
	assert_int_equal(feed(&x, "0102010003000000"
				  "61"
				  "0101000003000000"
				  "0102010003000000"
				  "62"),
			 KT_OK);
	assert_int_equal(smux_unread(st), 1);
	assert_int_equal(smux_stats(x.m)->unknown_stream_bytes, 1);
	expect_event(&x, st, SMUX_READABLE);
	end(&x);
}

/* Both write until the windows are shut and only then read.  The one that was released
 * must not make the other wait forever. */
static void a_lingering_stream_still_opens_the_peers_window(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, false);
	st = accept_sid(&x, 3);
	write_zeros(st, SMUX_PEER_WINDOW_INITIAL + 1);
	drain(&x);
	feed_frame(&x, SMUX_PSH, 3, 1000, NULL);
	smux_release(st, false);
	expect_frames(&x, "0204080003000000"
			  "e8030000"
			  "00000100"); /* 1000 dropped, 65536 */
	feed_frame(&x, SMUX_PSH, 3, 32767, NULL);
	expect_frames(&x, "");
	feed_frame(&x, SMUX_PSH, 3, 1, NULL);
	expect_frames(&x, "0204080003000000"
			  "e8830000"
			  "00000100");
	assert_int_equal(smux_stream_count(x.m), 1);
	feed_upd(&x, 3, SMUX_PEER_WINDOW_INITIAL, 100);
	expect_frames(&x, "0202010003000000"
			  "00"
			  "0201000003000000");
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

/* A stream that was released with 20 bytes to send, of which five had a window. */
static void begin_lingering(struct fixture *x, uint64_t timeout_us)
{
	struct smux_stream *st;

	begin(x, 2, true);
	x->m->cfg.keepalive_us = 0;
	x->m->cfg.timeout_us = timeout_us;
	st = open_stream(x);
	drain(x);
	feed_upd(x, 3, 0, 5);
	write_zeros(st, 20);
	smux_release(st, false);
	assert_int_equal(drain(x), SMUX_HEADER + 5);
}

static void a_lingering_stream_waits_for_a_window_that_can_still_come(void **state)
{
	struct fixture x;

	begin_lingering(&x, 0);
	assert_int_equal(smux_deadline(x.m), KT_NEVER);
	x.now += 10ull * SMUX_LINGER_US;
	feed_upd(&x, 3, 5, 5);
	assert_int_equal(drain(&x), SMUX_HEADER + 5);

	/* From here on the peer may be gone. */
	x.now += S;
	assert_int_equal(feed(&x, "0201000003000000"), KT_OK);
	assert_int_equal(smux_deadline(x.m), x.now + SMUX_LINGER_US);
	x.now += SMUX_LINGER_US - 1;
	smux_tick(x.m, x.now);
	assert_int_equal(drain(&x), 0);
	feed_upd(&x, 3, 10, 5); /* it was not */
	x.now += 1;
	smux_tick(x.m, x.now);
	assert_int_equal(drain(&x), SMUX_HEADER + 5);
	assert_int_equal(smux_deadline(x.m), x.now + SMUX_LINGER_US);
	x.now += SMUX_LINGER_US;
	smux_tick(x.m, x.now);
	assert_int_equal(x.pool.used_count, 0);
	/* Bytes are missing: what it got is not all of it. */
	expect_frames(&x, "0201000003000000"
			  "0201000003000000");
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

/* While nothing is heard it may be the path. */
static void a_lingering_stream_keeps_its_bytes_while_nothing_is_heard(void **state)
{
	struct fixture x;

	begin_lingering(&x, 10ull * SMUX_LINGER_US);
	assert_int_equal(feed(&x, "0201000003000000"), KT_OK);
	for (unsigned i = 0; i < 3; i++) {
		x.now += SMUX_LINGER_US;
		smux_tick(x.m, x.now);
		assert_int_equal(drain(&x), 0);
	}
	feed_upd(&x, 3, 5, 5);
	assert_int_equal(drain(&x), SMUX_HEADER + 5);
	x.now += SMUX_LINGER_US - 1;
	feed_upd(&x, 3, 5, 5); /* it is there, and does not read */
	x.now += 1;
	smux_tick(x.m, x.now);
	assert_int_equal(x.pool.used_count, 0);
	drain(&x);
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

/* ---- resets ------------------------------------------------------------------------------------- */

static void a_reset_is_a_second_fin_behind_the_data(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, true);
	st = open_stream(&x);
	write_zeros(st, 2);
	smux_reset(st);
	smux_reset(st);
	smux_release(st, false);
	expect_frames(&x, "0200000003000000"
			  "0202020003000000"
			  "0000"
			  "0201000003000000"
			  "0201000003000000");
	assert_int_equal(smux_stream_count(x.m), 0);

	st = open_stream(&x);
	drain(&x);
	write_zeros(st, 2);
	smux_reset(st);
	smux_release(st, true); /* without the data */
	expect_frames(&x, "0201000005000000"
			  "0201000005000000");
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

static void a_stream_that_ended_on_our_side_can_still_be_reset(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 1, true);
	st = open_stream(&x);
	smux_shutdown(st);
	drain(&x);
	smux_reset(st);
	expect_frames(&x, "0101000003000000");
	smux_release(st, true);
	expect_frames(&x, "");
	assert_int_equal(smux_stream_count(x.m), 0);

	st = open_stream(&x);
	smux_shutdown(st);
	drain(&x);
	assert_int_equal(feed(&x, "0101000005000000"), KT_OK);
	expect_event(&x, st, SMUX_READABLE);
	smux_reset(st); /* too late: all was said on both sides */
	smux_release(st, true);
	expect_frames(&x, "");
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

static void a_stream_that_never_left_needs_no_reset(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 1, true);
	st = open_stream(&x);
	smux_reset(st);
	smux_release(st, true);
	expect_frames(&x, "");
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

static void a_peers_reset_is_told_and_no_regular_end(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 1, false);
	st = accept_sid(&x, 3);
	write_zeros(st, 20000);
	assert_int_equal(feed(&x, "0102010003000000"
				  "61"
				  "0101000003000000"
				  "0101000003000000"),
			 KT_OK);
	expect_event(&x, st, SMUX_READABLE | SMUX_RESET);
	assert_int_equal(smux_unsent(st), 0);
	assert_int_equal(smux_reserve(st).n, 0);
	expect_read(st, (const uint8_t *)"a", 1);
	assert_false(smux_eof(st));
	assert_int_equal(feed(&x, "0101000003000000"), KT_OK); /* a third is no news */
	expect_no_event(&x);
	/* Whoever still reads must not take our cut bytes for whole. */
	expect_frames(&x, "0101000003000000"
			  "0101000003000000");
	smux_reset(st);
	smux_release(st, true);
	expect_frames(&x, "");
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

static void a_reset_frees_what_lingers_for_the_peer(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, false);
	st = accept_sid(&x, 3);
	write_zeros(st, SMUX_PEER_WINDOW_INITIAL + 1);
	smux_release(st, false);
	drain(&x);
	assert_int_equal(feed(&x, "0201000003000000"), KT_OK);
	assert_int_equal(smux_stream_count(x.m), 1);
	assert_int_equal(feed(&x, "0201000003000000"), KT_OK);
	assert_int_equal(x.pool.used_count, 0);
	drain(&x);
	assert_int_equal(smux_stream_count(x.m), 0);

	/* A stream whose reset waits behind bytes that no window comes for. */
	x.m->cfg.keepalive_us = x.m->cfg.timeout_us = 0;
	st = accept_sid(&x, 5);
	write_zeros(st, SMUX_PEER_WINDOW_INITIAL + 1);
	drain(&x);
	smux_reset(st);
	smux_release(st, false);
	assert_int_equal(smux_deadline(x.m), x.now + SMUX_LINGER_US);
	x.now += SMUX_LINGER_US;
	smux_tick(x.m, x.now);
	assert_int_equal(x.pool.used_count, 0);
	drain(&x);
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

static void resets_that_cross_leave_nothing_behind(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, false);
	st = accept_sid(&x, 3);
	smux_reset(st);
	expect_frames(&x, "0201000003000000"
			  "0201000003000000");
	assert_int_equal(feed(&x, "0201000003000000"
				  "0201000003000000"),
			 KT_OK);
	expect_event(&x, st, SMUX_READABLE | SMUX_RESET);
	smux_release(st, true);
	expect_frames(&x, "");
	assert_int_equal(smux_stream_count(x.m), 0);

	st = accept_sid(&x, 5);
	smux_shutdown(st);
	drain(&x);
	smux_reset(st);
	smux_release(st, true); /* its second FIN is not out yet */
	assert_int_equal(feed(&x, "0201000005000000"
				  "0201000005000000"),
			 KT_OK);
	drain(&x);
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fin_never_overtakes_the_data_even_if_the_window_is_shut),
		cmocka_unit_test(each_direction_ends_on_its_own),
		cmocka_unit_test(a_released_stream_lingers_until_its_bytes_and_fin_are_out),
		cmocka_unit_test(discarding_drops_what_is_unsent_and_ends_at_once),
		cmocka_unit_test(a_stream_discarded_before_its_syn_left_leaves_no_trace),
		cmocka_unit_test(data_for_streams_that_are_gone_is_consumed_and_counted),
		cmocka_unit_test(data_after_the_peers_own_fin_is_dropped),
		cmocka_unit_test(a_lingering_stream_still_opens_the_peers_window),
		cmocka_unit_test(a_lingering_stream_waits_for_a_window_that_can_still_come),
		cmocka_unit_test(a_lingering_stream_keeps_its_bytes_while_nothing_is_heard),
		cmocka_unit_test(a_reset_is_a_second_fin_behind_the_data),
		cmocka_unit_test(a_stream_that_ended_on_our_side_can_still_be_reset),
		cmocka_unit_test(a_stream_that_never_left_needs_no_reset),
		cmocka_unit_test(a_peers_reset_is_told_and_no_regular_end),
		cmocka_unit_test(a_reset_frees_what_lingers_for_the_peer),
		cmocka_unit_test(resets_that_cross_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
