/* test_smux_window.c - how much may be under way: budgets and windows of what is received, and the peer's window. */
#include "smux_bed.h"

/* ---- receiving: budgets and windows ----------------------------------------------------------------- */

static void version_1_stops_at_its_budget_and_goes_on_after_reads(void **state)
{
	struct smux_config cfg = config(1, false);
	struct smux_stream *a;
	struct fixture x;
	size_t left;

	cfg.recv_bytes_max = 1000;
	begin_cfg(&x, cfg, SIZE_MAX);
	a = accept_sid(&x, 3);
	assert_int_equal(feed_frame(&x, SMUX_PSH, 3, 1000, &left), KT_OK);
	assert_false(smux_input_blocked(x.m));
	/* Control frames and data for nobody need no budget. */
	assert_int_equal(feed(&x, "0100000005000000"
				  "0101000005000000"
				  "0103000000000000"
				  "0102010063000000"
				  "00"),
			 KT_OK);
	assert_true(smux_eof(accept_stream(&x)));
	assert_int_equal(feed_frame(&x, SMUX_PSH, 3, 10, &left), KT_EAGAIN);
	assert_int_equal(left, 10);
	assert_true(smux_input_blocked(x.m));
	assert_int_equal(smux_unread_bytes(x.m), 1000);
	smux_consume(a, 4);
	assert_false(smux_input_blocked(x.m));
	left = 10;
	assert_int_equal(feed_bytes(&x, "0123456789", 10, &left), KT_EAGAIN);
	assert_int_equal(left, 6);
	smux_consume(a, 996);
	assert_int_equal(feed_bytes(&x, "456789", 6, &left), KT_OK);
	expect_read(a, (const uint8_t *)"0123456789", 10);
	end(&x);
}

static void releasing_the_stream_that_blocks_unblocks_input(void **state)
{
	struct smux_config cfg = config(1, false);
	struct smux_stream *a;
	struct fixture x;
	size_t left;

	cfg.recv_bytes_max = 100;
	begin_cfg(&x, cfg, SIZE_MAX);
	a = accept_sid(&x, 3);
	assert_int_equal(feed_frame(&x, SMUX_PSH, 3, 200, &left), KT_EAGAIN);
	assert_int_equal(left, 100);
	smux_release(a, true);
	drain(&x);
	assert_false(smux_input_blocked(x.m));
	assert_int_equal(feed_bytes(&x, (uint8_t[100]){ 0 }, 100, NULL), KT_OK);
	assert_int_equal(smux_sid(accept_sid(&x, 9)), 9);
	end(&x);
}

static void version_2_takes_every_byte_within_the_windows_up_to_the_hard_stop(void **state)
{
	struct smux_config cfg = config(2, false);
	struct smux_stream *a;
	struct fixture x;
	size_t left;

	cfg.recv_bytes_max = 100000;
	begin_cfg(&x, cfg, SIZE_MAX);
	a = accept_sid(&x, 3);
	accept_sid(&x, 5);
	for (int i = 0; i < 8; i++)
		assert_int_equal(feed_frame(&x, SMUX_PSH, i < 4 ? 3 : 5, 50000, &left), KT_OK);
	assert_int_equal(feed_frame(&x, SMUX_PSH, 3, 10, &left), KT_EAGAIN);
	assert_int_equal(left, 10);
	assert_true(smux_input_blocked(x.m));
	assert_int_equal(smux_unread_bytes(x.m), 4 * cfg.recv_bytes_max);
	smux_consume(a, 1);
	assert_false(smux_input_blocked(x.m));
	end(&x);
}

static void a_whole_first_window_fits_whatever_the_budget(void **state)
{
	struct smux_config cfg = config(2, false);
	struct fixture x;
	size_t left;

	cfg.recv_bytes_max = 5000;
	begin_cfg(&x, cfg, SIZE_MAX);
	accept_sid(&x, 3);
	for (int i = 0; i < 4; i++)
		assert_int_equal(feed_frame(&x, SMUX_PSH, 3, SMUX_PEER_WINDOW_INITIAL / 4 - 1, &left),
				 KT_OK);
	assert_int_equal(feed_frame(&x, SMUX_PSH, 3, 4, &left), KT_OK);
	assert_false(smux_input_blocked(x.m));
	assert_int_equal(smux_stats(x.m)->window_overruns, 0);
	end(&x);
}

static void the_first_read_tells_the_window_and_then_every_half_of_it(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, false);
	st = accept_sid(&x, 3);
	feed_frame(&x, SMUX_PSH, 3, 40000, NULL);
	expect_frames(&x, "");
	smux_consume(st, 1);
	expect_frames(&x, "0204080003000000"
			  "01000000"
			  "00000100");
	smux_consume(st, 32767);
	expect_frames(&x, "");
	smux_consume(st, 1);
	expect_frames(&x, "0204080003000000"
			  "01800000"
			  "00000100");
	smux_consume(st, 0);
	expect_frames(&x, "");
	end(&x);
}

/* Go's smux sends its SYN before it knows the stream: what answers at once is about none, and is dropped. */
static void what_was_told_at_the_opening_is_told_again_at_the_first_read(void **state)
{
	struct smux_config cfg = config(2, false);
	struct smux_stream *st;
	struct fixture x;

	cfg.streambuf = 1 << 20;
	begin_cfg(&x, cfg, SIZE_MAX);
	st = accept_sid(&x, 3);
	expect_frames(&x, "0204080003000000"
			  "00000000"
			  "00001000");
	feed_frame(&x, SMUX_PSH, 3, 40000, NULL);
	expect_frames(&x, "");
	smux_consume(st, 1);
	expect_frames(&x, "0204080003000000"
			  "01000000"
			  "00001000");
	smux_consume(st, 39999);
	expect_frames(&x, "");
	end(&x);
}

static uint32_t granted_now(struct fixture *x)
{
	assert_int_equal(drain(x), SMUX_HEADER + SMUX_UPD_BYTES);
	return load_le32(x->out.p + 12);
}

static void windows_shrink_with_the_budget_but_never_to_nothing(void **state)
{
	struct smux_config cfg = config(2, false);
	struct smux_stream *a, *b;
	struct fixture x;

	cfg.recv_bytes_max = 100000;
	cfg.streambuf = 60000;
	begin_cfg(&x, cfg, SIZE_MAX);
	a = accept_sid(&x, 3);
	b = accept_sid(&x, 5);
	for (int i = 0; i < 4; i++)
		feed_frame(&x, SMUX_PSH, 3, 60000, NULL);
	feed_frame(&x, SMUX_PSH, 5, 10001, NULL);
	smux_consume(b, 1);
	assert_int_equal(granted_now(&x), 30000); /* 250000 unread: half way from 100000 to 400000 */
	smux_consume(b, 10000);
	expect_frames(&x, ""); /* less than half of those */
	for (int i = 0; i < 2; i++)
		feed_frame(&x, SMUX_PSH, 5, 60000, NULL);
	feed_frame(&x, SMUX_PSH, 5, 39999, NULL);
	smux_consume(b, 5000);
	assert_int_equal(granted_now(&x), SMUX_GRANT_MIN);
	assert_int_equal(smux_stats(x.m)->window_overruns, 0);
	smux_consume(b, 2047);
	expect_frames(&x, "");
	smux_consume(a, 239999);                  /* its own first read */
	assert_int_equal(granted_now(&x), 49409); /* 1 and 152952 unread */
	smux_consume(b, 1);
	assert_int_equal(granted_now(&x), 49409);
	end(&x);
}

static void what_nobody_reads_gives_its_window_back(void **state)
{
	struct smux_config cfg = config(2, true);
	struct smux_stream *idle, *read;
	struct fixture x;

	cfg.recv_bytes_max = 100000;
	cfg.streambuf = 2 << 20;
	begin_cfg(&x, cfg, SIZE_MAX);
	idle = open_stream(&x);
	read = open_stream(&x);
	open_stream(&x); /* holds nothing, and keeps its window */
	drain(&x);
	feed_frame(&x, SMUX_PSH, 3, 60000, NULL);
	feed_frame(&x, SMUX_PSH, 5, 60000, NULL);
	expect_frames(&x, ""); /* both have only just come */
	smux_consume(read, 60000);
	drain(&x);
	x.now += SMUX_TAKE_BACK_US;
	feed_frame(&x, SMUX_PSH, 5, 60000, NULL);
	expect_frames(&x, ""); /* 120000 are too much, but 60000 were there before */
	feed_frame(&x, SMUX_PSH, 5, 1, NULL);
	/* What it holds, and what there is room for in the last chunk. */
	assert_int_equal(granted_now(&x), 60000 + fifo_spare(&idle->in));
	assert_in_range(fifo_spare(&idle->in), 0, FIFO_CHUNK);
	x.now += SMUX_TAKE_BACK_US;
	smux_consume(read, 60001);
	drain(&x);
	feed_frame(&x, SMUX_PSH, 5, 60000, NULL);
	feed_frame(&x, SMUX_PSH, 5, 1, NULL);
	expect_frames(&x, ""); /* it has been told */
	smux_consume(idle, 40000);
	assert_int_equal(granted_now(&x), x.cfg.streambuf); /* it is read: all is as before */
	assert_int_equal(smux_stats(x.m)->window_overruns, 0);
	end(&x);
}

static void a_new_stream_gets_no_window_that_others_leave_unread(void **state)
{
	struct smux_config cfg = config(2, true);
	struct smux_stream *st;
	struct fixture x;

	cfg.streambuf = 2 << 20;
	begin_cfg(&x, cfg, 64 * FIFO_CHUNK);
	open_stream(&x);
	drain(&x);
	for (int i = 0; i < 3; i++)
		feed_frame(&x, SMUX_PSH, 3, 65535, NULL);
	x.now += SMUX_TAKE_BACK_US;
	feed_frame(&x, SMUX_PSH, 3, 1, NULL);
	assert_in_range(granted_now(&x), 3 * 65535, 3 * 65535 + FIFO_CHUNK);
	st = open_stream(&x);
	assert_int_equal(drain(&x), 2 * SMUX_HEADER + SMUX_UPD_BYTES);
	assert_int_equal(x.out.p[1], SMUX_SYN);
	assert_int_equal(load_le32(x.out.p + 2 * SMUX_HEADER + 4), fifo_spare(&st->in));
	assert_in_range(fifo_spare(&st->in), 1000, FIFO_SMALL_CHUNK);
	feed_frame(&x, SMUX_PSH, 5, 1000, NULL);
	smux_consume(st, 1000);
	expect_frames(&x, "");
	feed_frame(&x, SMUX_PSH, 5, 100, NULL);
	smux_consume(st, 100);
	assert_int_equal(granted_now(&x), x.cfg.streambuf);
	end(&x);
}

static void a_peer_that_overruns_its_window_is_cut_and_only_that_stream(void **state)
{
	struct smux_stream *a, *b;
	struct smux_event ev;
	struct fixture x;

	begin(&x, 2, false);
	a = accept_sid(&x, 3);
	b = accept_sid(&x, 5);
	for (int i = 0; i < 4; i++)
		feed_frame(&x, SMUX_PSH, 3, 65535, NULL);
	feed_frame(&x, SMUX_PSH, 3, 4, NULL); /* 262144 in all */
	assert_int_equal(smux_stats(x.m)->window_overruns, 0);
	while (smux_next(x.m, &ev))
		;
	write_zeros(a, 100);
	feed_frame(&x, SMUX_PSH, 3, 1, NULL);
	assert_int_equal(smux_stats(x.m)->window_overruns, 1);
	expect_event(&x, a, SMUX_RESET);
	assert_int_equal(smux_unread_bytes(x.m), 0);
	assert_int_equal(x.pool.used_count, 0);
	assert_int_equal(smux_reserve(a).n, 0);
	assert_false(smux_eof(a));
	expect_frames(&x, "0201000003000000");
	assert_int_equal(feed(&x, "0202010003000000"
				  "00"
				  "0202010005000000"
				  "62"),
			 KT_OK);
	expect_event(&x, b, SMUX_READABLE);
	expect_no_event(&x);
	smux_release(a, false);
	assert_int_equal(smux_stream_count(x.m), 1);
	end(&x);
}

static void a_stream_cut_before_it_was_announced_is_still_announced(void **state)
{
	struct smux_event ev;
	struct fixture x;

	begin(&x, 2, false);
	feed_frame(&x, SMUX_SYN, 3, 0, NULL);
	for (int i = 0; i < 5; i++)
		feed_frame(&x, SMUX_PSH, 3, 65535, NULL);
	assert_true(smux_next(x.m, &ev));
	assert_int_equal(ev.what, SMUX_OPENED | SMUX_RESET);
	smux_release(ev.stream, true);
	end(&x);
}

static void bytes_under_way_when_the_window_shrank_are_no_overrun(void **state)
{
	struct smux_config cfg = config(2, false);
	struct smux_stream *st;
	struct fixture x;

	cfg.streambuf = 1000; /* far less than what the peer assumes at first */
	begin_cfg(&x, cfg, SIZE_MAX);
	st = accept_sid(&x, 3);
	feed_frame(&x, SMUX_PSH, 3, 10, NULL);
	smux_consume(st, 10);
	assert_int_equal(granted_now(&x), 1000);
	for (int i = 0; i < 4; i++)
		feed_frame(&x, SMUX_PSH, 3, 65530, NULL);
	feed_frame(&x, SMUX_PSH, 3, 14, NULL); /* 262144 since the start */
	assert_int_equal(smux_stats(x.m)->window_overruns, 0);
	feed_frame(&x, SMUX_PSH, 3, 1, NULL);
	assert_int_equal(smux_stats(x.m)->window_overruns, 1);
	end(&x);
}

static void our_own_consumed_wraps_at_32_bits(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, false);
	st = accept_sid(&x, 3);
	st->consumed = st->told = 0xfffffffe;
	st->granted = 1000;
	st->edge = st->consumed + 1000;
	feed_frame(&x, SMUX_PSH, 3, 1000, NULL);
	smux_consume(st, 1000);
	expect_frames(&x, "0204080003000000"
			  "e6030000"
			  "00000100");
	feed_frame(&x, SMUX_PSH, 3, 65535, NULL);
	feed_frame(&x, SMUX_PSH, 3, 1, NULL);
	assert_int_equal(smux_stats(x.m)->window_overruns, 0);
	feed_frame(&x, SMUX_PSH, 3, 1, NULL);
	assert_int_equal(smux_stats(x.m)->window_overruns, 1);
	end(&x);
}

/* ---- sending: the peer's window ------------------------------------------------------------------------ */

static void the_peers_window_counts_modulo_2_to_the_32(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, true);
	st = open_stream(&x);
	drain(&x);
	st->sent = 0xfffffff0;
	st->peer_consumed = 0xfffffff0;
	st->peer_window = 10;
	write_zeros(st, 100);
	assert_int_equal(drain(&x), SMUX_HEADER + 10);
	feed_upd(&x, 3, 0xfffffffa, 20);
	assert_int_equal(drain(&x), SMUX_HEADER + 20);
	assert_int_equal(st->sent, 0x10000000e);
	feed_upd(&x, 3, 0x0000000e, 5);
	assert_int_equal(drain(&x), SMUX_HEADER + 5);
	feed_upd(&x, 3, 0x00000014, 50); /* one more than was sent */
	assert_int_equal(drain(&x), 0);
	feed_upd(&x, 3, 0x00000013, 0xffffffff);
	assert_int_equal(drain(&x), SMUX_HEADER + 65);
	end(&x);
}

static void no_window_lets_so_much_in_flight_that_order_is_lost(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, true);
	st = open_stream(&x);
	drain(&x);
	st->sent = 0x7ffffffa;
	feed_upd(&x, 3, 0, 0xffffffff);
	write_zeros(st, 100);
	assert_int_equal(drain(&x), SMUX_HEADER + 5); /* 0x7fffffff in flight */
	feed_upd(&x, 3, 1, 0xffffffff);
	assert_int_equal(drain(&x), SMUX_HEADER + 1);
	end(&x);
}

static void an_upd_for_more_than_was_sent_changes_nothing(void **state)
{
	static const uint32_t lies[] = { 6,          100,        0x7fffffff, 0x80000000,
					 0x80000005, 0xfffffff0, 0xffffffff };
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, true);
	st = open_stream(&x);
	write_zeros(st, 5);
	drain(&x);
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		feed_upd(&x, 3, lies[i], 1);
		assert_int_equal(smux_window_room(st), SMUX_PEER_WINDOW_INITIAL - 5);
	}
	feed_upd(&x, 3, 5, 7);
	assert_int_equal(smux_window_room(st), 7);
	feed_upd(&x, 3, 0, 7); /* taken back: less room, nothing worse */
	assert_int_equal(smux_window_room(st), 2);
	feed_upd(&x, 3, 0, 3);
	assert_int_equal(smux_window_room(st), 0);
	end(&x);
}

static void writers_are_refused_at_send_bytes_max_and_called_back_once(void **state)
{
	struct smux_config cfg = config(1, true);
	struct smux_stream *st;
	struct smux_frame f;
	struct fixture x;

	cfg.send_bytes_max = 40000;
	cfg.framesize = 1000;
	begin_cfg(&x, cfg, SIZE_MAX);
	st = open_stream(&x);
	assert_int_equal(write_zeros(st, 50000), 40000);
	assert_int_equal(smux_reserve(st).n, 0);
	assert_true(smux_next_frame(x.m, x.now, 0, &f));
	for (int i = 0; i < 10; i++) {
		expect_no_event(&x);
		assert_true(smux_next_frame(x.m, x.now, SIZE_MAX, &f));
	}
	expect_event(&x, st, SMUX_WRITABLE);
	assert_in_range(smux_reserve(st).n, 1, 10000);
	smux_commit(st, 0);
	drain(&x);
	expect_no_event(&x);
	end(&x);
}

static void the_smallest_send_buffer_works(void **state)
{
	struct smux_config cfg = config(2, true);
	struct smux_stream *st;
	struct fixture x;

	cfg.send_bytes_max = 1;
	begin_cfg(&x, cfg, SIZE_MAX);
	st = open_stream(&x);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(write_zeros(st, 5), 1);
		drain(&x);
		expect_event(&x, st, SMUX_WRITABLE);
	}
	end(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1_stops_at_its_budget_and_goes_on_after_reads),
		cmocka_unit_test(releasing_the_stream_that_blocks_unblocks_input),
		cmocka_unit_test(version_2_takes_every_byte_within_the_windows_up_to_the_hard_stop),
		cmocka_unit_test(a_whole_first_window_fits_whatever_the_budget),
		cmocka_unit_test(the_first_read_tells_the_window_and_then_every_half_of_it),
		cmocka_unit_test(what_was_told_at_the_opening_is_told_again_at_the_first_read),
		cmocka_unit_test(windows_shrink_with_the_budget_but_never_to_nothing),
		cmocka_unit_test(what_nobody_reads_gives_its_window_back),
		cmocka_unit_test(a_new_stream_gets_no_window_that_others_leave_unread),
		cmocka_unit_test(a_peer_that_overruns_its_window_is_cut_and_only_that_stream),
		cmocka_unit_test(a_stream_cut_before_it_was_announced_is_still_announced),
		cmocka_unit_test(bytes_under_way_when_the_window_shrank_are_no_overrun),
		cmocka_unit_test(our_own_consumed_wraps_at_32_bits),
		cmocka_unit_test(the_peers_window_counts_modulo_2_to_the_32),
		cmocka_unit_test(no_window_lets_so_much_in_flight_that_order_is_lost),
		cmocka_unit_test(an_upd_for_more_than_was_sent_changes_nothing),
		cmocka_unit_test(writers_are_refused_at_send_bytes_max_and_called_back_once),
		cmocka_unit_test(the_smallest_send_buffer_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
