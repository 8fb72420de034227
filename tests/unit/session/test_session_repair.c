/* test_session_repair.c - parity where it pays: which traffic gets it, over which path, and towards
 * whom. */
#include "session_bed.h"

/* ---- cases -------------------------------------------------------------------------- */

static void files_over_a_long_path_that_loses_get_parity(void **state)
{
	struct tunnel *t = tunnel_new(50, 50);
	unsigned quick = 0;

	(void)state;
	open(t);
	for (unsigned i = 0; i < 6; i++) { /* it learns */
		transfer(t, 100000);
		steps(t, 500);
	}
	for (unsigned i = 0; i < 20; i++) {
		quick += transfer(t, 100000) < 120; /* 50 and some: no round trip more */
		steps(t, 500);
	}
	assert_in_range(quick, 15, 20);
	assert_true(repaired(t) > 20);
	assert_true(t->way[1].repair_bytes < t->way[1].bytes / 3);
	assert_int_equal(t->way[0].repairs, 0); /* nothing large goes that way */
	tunnel_free(t);
}

/* So many files of 100 KB, with a pause of so many steps behind each. */
static void files(struct tunnel *t, unsigned count, unsigned pause)
{
	while (count-- > 0) {
		transfer(t, 100000);
		steps(t, pause);
	}
}

/* Ten files over such a path get no parity. */
static void spends_nothing(uint32_t delay_ms, uint32_t loss_permille)
{
	struct tunnel *t = tunnel_new(delay_ms, loss_permille);

	open(t);
	files(t, 10, 300);
	assert_int_equal(t->way[1].repairs, 0);
	tunnel_free(t);
}

/* Of the wire: parity by numbers, parity of our own, and what the cipher adds. */
static void a_rate_limit_holds_whatever_parity_there_is(void **state)
{
	static const unsigned shards[][2] = { { 10, 3 }, { 1, 20 }, { SESSION_AUTO, SESSION_AUTO } };
	enum { LIMIT = 200000, SECONDS = 5 };

	(void)state;
	for (size_t i = 0; i < sizeof(shards) / sizeof(shards[0]); i++) {
		struct tunnel *t = tunnel_new(50, 50);
		struct session_config client = config(t, true), server = config(t, false);
		struct counters c;
		uint64_t before;

		client.data_shards = server.data_shards = shards[i][0];
		client.parity_shards = server.parity_shards = shards[i][1];
		server.rate_limit = LIMIT;
		server.seal_overhead = 20;
		open_with(t, &client, &server);
		session_counters(t->end[1], &c);
		before = c.out_bytes;
		for (unsigned ms = 0; ms < SECONDS * 1000; ms++) {
			write_some(t, 50000);
			step(t);
		}
		session_counters(t->end[1], &c);
		assert_in_range(c.out_bytes - before, LIMIT * SECONDS / 10 * 8,
				LIMIT * SECONDS / 100 * 106);
		tunnel_free(t);
	}
}

static void nothing_is_spent_where_nothing_is_lost(void **state)
{
	(void)state;
	spends_nothing(50, 0);
}

static void nor_over_a_short_path(void **state)
{
	(void)state;
	spends_nothing(3, 50);
}

/* A queue that overflows once is no reason to give up, nor to spend as if that were the rule. */
static void a_flood_that_was_lost_is_soon_forgotten(void **state)
{
	struct tunnel *t = tunnel_new(50, 30);
	unsigned quick = 0;
	struct way before;

	(void)state;
	open(t);
	files(t, 10, 300);
	t->loss = 500;
	for (size_t left = 800000; left > 0;)
		left -= write_some(t, left);
	steps(t, 70);
	t->loss = 30;
	steps(t, 2000);
	before = t->way[1];
	for (unsigned i = 0; i < 10; i++) {
		quick += transfer(t, 100000) < 120;
		steps(t, 300);
	}
	assert_in_range(quick, 7, 10);
	assert_true(t->way[1].repair_bytes - before.repair_bytes <
		    (t->way[1].bytes - before.bytes) / 4);
	tunnel_free(t);
}

static void small_segments_get_none(void **state)
{
	struct tunnel *t = tunnel_new(50, 50);

	(void)state;
	open(t);
	for (unsigned i = 0; i < 3; i++) /* it knows the loss */
		transfer(t, 100000);
	steps(t, 500);
	t->way[1].repairs = 0;
	for (unsigned i = 0; i < 200; i++) {
		transfer(t, 100);
		steps(t, 10);
	}
	assert_int_equal(t->way[1].repairs, 0);
	tunnel_free(t);
}

static void a_bulk_transfer_gets_hardly_any(void **state)
{
	struct tunnel *t = tunnel_new(50, 10);

	(void)state;
	open(t);
	for (unsigned i = 0; i < 3; i++)
		transfer(t, 100000);
	transfer(t, 40 << 20);
	assert_true(t->way[1].repair_bytes < t->way[1].bytes / 200);
	tunnel_free(t);
}

/* A peer with numbers of its own, or none, hears of nothing. */
static void a_peer_that_has_numbers_gets_none(void **state)
{
	(void)state;
	for (int with = 0; with < 2; with++) {
		struct tunnel *t = tunnel_new(50, 50);
		struct session_config cfg[2] = { config(t, true), config(t, false) };

		cfg[with].data_shards = cfg[with].parity_shards = 0;
		open_with(t, &cfg[0], &cfg[1]);
		for (unsigned i = 0; i < 10; i++)
			transfer(t, 100000);
		assert_int_equal(t->way[1].repairs, 0);
		tunnel_free(t);
	}
}

static void what_was_kept_is_given_back(void **state)
{
	struct tunnel *t = tunnel_new(50, 50);
	struct session_info info;

	(void)state;
	open(t);
	for (unsigned i = 0; i < 10; i++)
		transfer(t, 100000);
	session_get_info(t->end[0], &info);
	assert_true(info.fec_bytes > 0);
	while (!session_drained(t->end[1]))
		step(t);
	for (int side = 0; side < 2; side++)
		while (session_trim(t->end[side]))
			;
	session_get_info(t->end[0], &info);
	assert_int_equal(info.fec_bytes, 0);
	transfer(t, 100000);
	tunnel_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_over_a_long_path_that_loses_get_parity),
		cmocka_unit_test(a_rate_limit_holds_whatever_parity_there_is),
		cmocka_unit_test(nothing_is_spent_where_nothing_is_lost),
		cmocka_unit_test(nor_over_a_short_path),
		cmocka_unit_test(a_flood_that_was_lost_is_soon_forgotten),
		cmocka_unit_test(small_segments_get_none),
		cmocka_unit_test(a_bulk_transfer_gets_hardly_any),
		cmocka_unit_test(a_peer_that_has_numbers_gets_none),
		cmocka_unit_test(what_was_kept_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
