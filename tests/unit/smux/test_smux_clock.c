/* test_smux_clock.c - keepalives, timeouts, and what the clock asks for. */
#include "smux_bed.h"

/* ---- the clock ----------------------------------------------------------------------------------------------- */

static void a_note_follows_the_first_frame_and_is_heard(void **state)
{
	struct fixture x;
	struct smux_stream *st;

	(void)state;
	begin(&x, 1, true);
	smux_note(x.m, SMUX_NOTE_REPAIR, 1);
	smux_note(x.m, SMUX_NOTE_REPAIR, 0x0203); /* instead */
	smux_note(x.m, SMUX_NOTE_REPAIRED, 7);
	assert_false(smux_has_output(x.m)); /* by itself it is nothing to begin with */
	assert_int_equal(smux_open(x.m, &st), KT_OK);
	expect_frames(&x, "0100000003000000"
			  "010303026b637430"
			  "010307006b637431");
	assert_int_equal(smux_noted(x.m, SMUX_NOTE_REPAIR), -1);
	/* no data, whatever the length says; then one that notes nothing */
	assert_int_equal(feed(&x, "0103fffe6b637430"
				  "0103000000000000"),
			 KT_OK);
	assert_int_equal(smux_noted(x.m, SMUX_NOTE_REPAIR), 0xfeff);
	assert_int_equal(smux_noted(x.m, SMUX_NOTE_REPAIRED), -1);
	end(&x);
}

static void a_nop_goes_out_only_when_nothing_else_did(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 1, true);
	assert_int_equal(smux_deadline(x.m), x.now + 10 * S);
	x.now += 10 * S - 1;
	smux_tick(x.m, x.now);
	expect_frames(&x, "");
	x.now++;
	assert_int_equal(smux_deadline(x.m), x.now);
	smux_tick(x.m, x.now);
	assert_true(smux_has_output(x.m));
	assert_int_equal(smux_deadline(x.m), x.now + 20 * S); /* only the timeout, till it is out */
	expect_frames(&x, "0103000000000000");
	assert_int_equal(smux_deadline(x.m), x.now + 10 * S);
	x.now += 6 * S;
	st = open_stream(&x);
	expect_frames(&x, "0100000003000000");
	assert_int_equal(smux_deadline(x.m), x.now + 10 * S);
	x.now += 10 * S;
	smux_tick(x.m, x.now);
	smux_shutdown(st);
	drain(&x);
	assert_int_equal(x.out.n, SMUX_HEADER); /* the FIN made the NOP needless */
	end(&x);
}

static void a_ping_goes_out_at_once_and_only_while_alive(void **state)
{
	struct fixture x;

	begin(&x, 2, true);
	smux_ping(x.m);
	smux_ping(x.m);
	assert_true(smux_has_output(x.m));
	expect_frames(&x, "0203000000000000");
	assert_int_equal(feed(&x, "0900000000000000"), KT_EPROTO);
	smux_ping(x.m);
	assert_false(smux_has_output(x.m));
	end(&x);
}

static void silence_of_the_peer_ends_the_session_on_the_microsecond(void **state)
{
	struct smux_stream *st;
	struct fixture x;

	begin(&x, 2, true);
	x.m->cfg.keepalive_us = 0;
	st = open_stream(&x);
	drain(&x);
	x.now += 20 * S;
	assert_int_equal(feed(&x, "02"), KT_OK); /* any byte is a sign of life */
	assert_int_equal(smux_deadline(x.m), x.now + SMUX_TIMEOUT_US);
	x.now += SMUX_TIMEOUT_US - 1;
	smux_tick(x.m, x.now);
	assert_int_equal(smux_closed(x.m), SMUX_ALIVE);
	x.now++;
	smux_tick(x.m, x.now);
	assert_int_equal(smux_closed(x.m), SMUX_CLOSED_TIMEOUT);
	assert_int_equal(smux_deadline(x.m), KT_NEVER);
	assert_int_equal(smux_open(x.m, &st), KT_ECLOSED);
	assert_true(smux_exhausted(x.m));
	assert_int_equal(feed(&x, "03000000000000"), KT_EPROTO);
	end(&x);
}

static void silence_that_is_our_own_doing_does_not_count(void **state)
{
	struct smux_config cfg = config(1, false);
	struct smux_stream *st;
	struct fixture x;
	size_t left;

	cfg.recv_bytes_max = 10;
	cfg.keepalive_us = 0;
	begin_cfg(&x, cfg, SIZE_MAX);
	st = accept_sid(&x, 3);
	/* Blocked in the middle of a frame although all of the input was taken. */
	assert_int_equal(feed(&x, "0102140003000000"
				  "00000000000000000000"),
			 KT_OK);
	assert_true(smux_input_blocked(x.m));
	assert_int_equal(smux_deadline(x.m), KT_NEVER);
	assert_int_equal(feed_bytes(&x, "x", 1, &left), KT_EAGAIN);
	x.now += 10 * SMUX_TIMEOUT_US;
	smux_tick(x.m, x.now);
	assert_int_equal(smux_closed(x.m), SMUX_ALIVE);
	x.now += 10 * SMUX_TIMEOUT_US;
	smux_consume(st, 10);
	assert_true(smux_deadline(x.m) <= x.now);
	smux_tick(x.m, x.now);
	assert_int_equal(smux_closed(x.m), SMUX_ALIVE);
	assert_int_equal(smux_deadline(x.m), x.now + SMUX_TIMEOUT_US);
	x.now += SMUX_TIMEOUT_US;
	smux_tick(x.m, x.now);
	assert_int_equal(smux_closed(x.m), SMUX_CLOSED_TIMEOUT);
	end(&x);
}

static void intervals_without_end_do_not_wrap(void **state)
{
	struct smux_config cfg = config(1, true);
	struct fixture x;

	cfg.keepalive_us = cfg.timeout_us = KT_NEVER;
	begin_cfg(&x, cfg, SIZE_MAX);
	assert_int_equal(smux_deadline(x.m), KT_NEVER);
	x.now = KT_NEVER - 1;
	smux_tick(x.m, x.now);
	assert_int_equal(smux_closed(x.m), SMUX_ALIVE);
	end(&x);
}

static void what_came_before_the_end_of_a_session_can_still_be_read(void **state)
{
	struct smux_stream *a, *b;
	struct smux_frame f;
	struct fixture x;

	begin(&x, 1, false);
	a = accept_sid(&x, 3);
	b = accept_sid(&x, 5);
	assert_int_equal(feed(&x, "0102020003000000"
				  "6162"),
			 KT_OK);
	write_zeros(a, 10);
	write_zeros(b, 10);
	smux_release(b, false);
	assert_int_equal(feed(&x, "0900000000000000"), KT_EPROTO);
	assert_int_equal(smux_stream_count(x.m), 1); /* what lingered is gone */
	assert_false(smux_has_output(x.m));
	assert_false(smux_next_frame(x.m, x.now, SIZE_MAX, &f));
	expect_event(&x, a, SMUX_READABLE);
	expect_read(a, (const uint8_t *)"ab", 2);
	assert_int_equal(smux_reserve(a).n, 0);
	smux_release(a, false);
	assert_int_equal(smux_stream_count(x.m), 0);
	end(&x);
}

static void users_are_kept_per_stream(void **state)
{
	struct smux_stream *a, *b;
	struct span piece;
	struct fixture x;

	begin(&x, 1, false);
	a = accept_sid(&x, 3);
	b = accept_sid(&x, 5);
	smux_set_user(a, &a);
	assert_ptr_equal(smux_user(a), &a);
	assert_null(smux_user(b));
	assert_int_equal(feed(&x, "0102030003000000"
				  "616263"),
			 KT_OK);
	assert_int_equal(smux_peek(a, &piece, 1), 1);
	assert_int_equal(piece.n, 3);
	assert_int_equal(piece.p[2], 'c');
	end(&x);
}

/* A transform that adds the key, and how many bytes went before. */
static void count_start(const void *key, void *state)
{
	*(uint8_t *)state = *(const uint8_t *)key;
}

static void count_out(const void *key, void *state, struct span bytes)
{
	uint8_t *at = state;

	for (size_t i = 0; i < bytes.n; i++)
		bytes.p[i] = (uint8_t)(bytes.p[i] + (*at)++);
}

static void count_in(const void *key, void *state, struct span bytes)
{
	uint8_t *at = state;

	for (size_t i = 0; i < bytes.n; i++)
		bytes.p[i] = (uint8_t)(bytes.p[i] - (*at)++);
}

static const struct smux_transform counting = { 1, count_start, count_out, count_in };

static void a_transform_is_done_once_on_each_byte_however_it_is_looked_at(void **state)
{
	static const uint8_t key = 1;
	struct smux_config cfg = config(1, false);
	struct smux_stream *a, *b;
	struct span piece;
	struct fixture x;

	cfg.transform = &counting;
	cfg.transform_key = &key;
	begin_cfg(&x, cfg, SIZE_MAX);
	a = accept_sid(&x, 3);
	b = accept_sid(&x, 5);
	drain(&x);
	assert_int_equal(write_some(a, "aa", 2), 2);
	assert_int_equal(write_some(b, "aaa", 3), 3);
	assert_int_equal(write_some(a, "a", 1), 1);
	expect_frames(&x, "0102030003000000"
			  "626364"
			  "0102030005000000"
			  "626364");

	assert_int_equal(feed(&x, "0102030003000000"
				  "626364"),
			 KT_OK);
	for (int look = 0; look < 2; look++) {
		assert_int_equal(smux_peek(a, &piece, 1), 1);
		assert_int_equal(piece.n, 3);
		assert_memory_equal(piece.p, "aaa", 3);
	}
	smux_consume(a, 1);
	assert_int_equal(feed(&x, "0102020003000000"
				  "6566"
				  "0102010005000000"
				  "62"),
			 KT_OK);
	expect_read(a, (const uint8_t *)"aaaa", 4);
	expect_read(b, (const uint8_t *)"a", 1);
	end(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_note_follows_the_first_frame_and_is_heard),
		cmocka_unit_test(a_nop_goes_out_only_when_nothing_else_did),
		cmocka_unit_test(a_ping_goes_out_at_once_and_only_while_alive),
		cmocka_unit_test(silence_of_the_peer_ends_the_session_on_the_microsecond),
		cmocka_unit_test(silence_that_is_our_own_doing_does_not_count),
		cmocka_unit_test(intervals_without_end_do_not_wrap),
		cmocka_unit_test(what_came_before_the_end_of_a_session_can_still_be_read),
		cmocka_unit_test(users_are_kept_per_stream),
		cmocka_unit_test(a_transform_is_done_once_on_each_byte_however_it_is_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
