/* test_session_cover.c - symbols for what is small and under way: what they are worth, and towards whom. */
#include "session_bed.h"

#include "fec_rlc.h"

/* Messages of 64 bytes every 20 ms, of which so many come more than 70 ms after that, over 50 ms. */
static unsigned late_messages(struct tunnel *t, unsigned count)
{
	unsigned late = 0;

	for (unsigned i = 0; i < count; i++) {
		write_some(t, 64);
		steps(t, 20);
		late += t->sent - t->received > 3 * 64; /* the fourth last left 80 ms ago */
	}
	steps(t, 1000);
	assert_int_equal(t->received, t->sent);
	return late;
}

static struct kcp_info kcp_of(const struct tunnel *t, int side)
{
	struct session_info info;

	session_get_info(t->end[side], &info);
	return info.kcp;
}

static struct counters counters_of(const struct tunnel *t, int side)
{
	struct counters c;

	session_counters(t->end[side], &c);
	return c;
}

static void messages_over_a_path_that_loses_hardly_wait(void **state)
{
	struct tunnel *t = tunnel_new(50, 100);
	struct counters before, after;

	(void)state;
	open(t);
	late_messages(t, 200); /* it learns */
	before = counters_of(t, 1);
	assert_in_range(late_messages(t, 1000), 0, 10);
	after = counters_of(t, 1);
	assert_true(repaired(t) > 80);
	assert_in_range(after.retrans_segs - before.retrans_segs, 0, 60); /* a lost ACK looks like it */
	assert_in_range(after.out_copy_segs - before.out_copy_segs, 0, 20); /* none beside them */
	assert_int_equal(counters_of(t, 0).kcp_in_errors, 0);
	assert_int_equal(counters_of(t, 0).fec_errs, 0);
	assert_true(kcp_of(t, 1).srtt_us < 115 * MS); /* what is rebuilt is no measure of the path */
	tunnel_free(t);
}

/* What has copies of its own accord, or FEC, or a number of copies, or does not know symbols, gets none. */
static void who_does_not_ask_for_symbols_gets_none(void **state)
{
	(void)state;
	for (int with = 0; with < 4; with++) {
		struct tunnel *t = tunnel_new(50, 100);
		struct session_config cfg[2] = { config(t, true), config(t, false) };

		if (with < 2)
			cfg[with].data_shards = cfg[with].parity_shards = 0;
		else if (with == 2)
			cfg[1].copies = 1;
		else
			cfg[1].copies = 0;
		open_with(t, &cfg[0], &cfg[1]);
		late_messages(t, 200);
		assert_int_equal(repaired(t), 0);
		assert_int_equal(counters_of(t, 1).out_copy_segs > 0, with != 3);
		tunnel_free(t);
	}
}

static void without_loss_there_are_soon_none(void **state)
{
	struct tunnel *t = tunnel_new(50, 0);
	size_t before;

	(void)state;
	open(t);
	late_messages(t, 1000);
	before = t->way[1].bytes;
	assert_int_equal(late_messages(t, 100), 0);
	assert_true(t->way[1].bytes - before < 100 * (64 + 8 + 24) + 200);
	assert_int_equal(counters_of(t, 1).retrans_segs, 0);
	tunnel_free(t);
}

static void one_of_nothing_known_is_refused(void **state)
{
	struct tunnel *t = tunnel_new(50, 0);
	uint8_t symbol[RLC_HEADER + 100] = { 77, 0, 0, 0, 0xf8, 0, 0xff, 0xff, [17] = 1 };

	(void)state;
	open(t);
	session_input(t->end[0], t->now_us, (struct view){ symbol, sizeof(symbol) });
	assert_int_equal(counters_of(t, 0).fec_parity_shards, 1);
	symbol[0] = 78; /* another conversation's */
	session_input(t->end[0], t->now_us, (struct view){ symbol, sizeof(symbol) });
	session_input(t->end[0], t->now_us, (struct view){ symbol, 10 });
	assert_int_equal(counters_of(t, 0).fec_errs, 2);
	late_messages(t, 10);
	tunnel_free(t);
}

static void what_was_kept_is_given_back(void **state)
{
	struct tunnel *t = tunnel_new(50, 100);
	struct session_info info;

	(void)state;
	open(t);
	late_messages(t, 200);
	session_get_info(t->end[0], &info);
	assert_true(info.fec_bytes > 0);
	for (int side = 0; side < 2; side++)
		while (session_trim(t->end[side]))
			;
	session_get_info(t->end[0], &info);
	assert_int_equal(info.fec_bytes, 0);
	assert_in_range(late_messages(t, 100), 0, 10);
	tunnel_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_over_a_path_that_loses_hardly_wait),
		cmocka_unit_test(who_does_not_ask_for_symbols_gets_none),
		cmocka_unit_test(without_loss_there_are_soon_none),
		cmocka_unit_test(one_of_nothing_known_is_refused),
		cmocka_unit_test(what_was_kept_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
