/* test_session_mtu.c - how long datagrams may be, over paths that tell of nothing. */
#include "session_bed.h"

#include "pmtu.h"

enum { SEAL = 20, MOST = 1472, DELAY_MS = 50 };

static struct tunnel *two_ends(unsigned loss, size_t narrow_datagrams)
{
	struct tunnel *t = tunnel_new(DELAY_MS, loss);
	struct session_config cfg[2] = { config(t, true), config(t, false) };

	for (int side = 0; side < 2; side++) {
		cfg[side].packet_bytes_max = MOST - SEAL;
		cfg[side].seal_overhead = SEAL;
		cfg[side].finds_mtu = true;
	}
	t->narrow = narrow_datagrams != 0 ? narrow_datagrams - SEAL : 0;
	open_with(t, &cfg[0], &cfg[1]);
	steps(t, 300);
	return t;
}

static void narrow(struct tunnel *t, size_t datagram_bytes)
{
	t->narrow = datagram_bytes != 0 ? datagram_bytes - SEAL : 0;
}

static struct session_info info_of(const struct tunnel *t, int side)
{
	struct session_info info;

	session_get_info(t->end[side], &info);
	return info;
}

static size_t mtu_of(const struct tunnel *t)
{
	return info_of(t, 1).mtu_bytes;
}

/* Send for so long, as much as goes. */
static void busy(struct tunnel *t, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		write_some(t, 50000);
		step(t);
	}
}

/* For so many seconds nothing is written. */
static void idle(struct tunnel *t, unsigned seconds)
{
	for (unsigned i = 0; i < seconds * 20; i++) {
		t->now_us += 49 * MS;
		step(t);
	}
}

static void nothing_is_sounded_before_much_is_sent(void **state)
{
	struct tunnel *t = two_ends(0, 0);
	struct counters before, after;

	(void)state;
	session_counters(t->end[1], &before);
	for (unsigned i = 0; i < 20; i++) {
		write_some(t, 100);
		steps(t, 200);
	}
	session_counters(t->end[1], &after);
	assert_true(after.out_bytes - before.out_bytes < 20 * 2 * 200 + 2000);
	assert_int_equal(mtu_of(t), PMTU_BASE);
	tunnel_free(t);
}

static void the_most_is_used_after_two_round_trips(void **state)
{
	struct tunnel *t = two_ends(0, 0);

	(void)state;
	busy(t, 2 * 2 * DELAY_MS + 20);
	assert_int_equal(mtu_of(t), MOST);
	transfer(t, 1000000);
	assert_false(info_of(t, 1).mtu_sought);
	tunnel_free(t);
}

static void what_passes_is_found_to_eight_bytes(void **state)
{
	static const size_t paths[] = { 1232, 1300, 1392, 1471 };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct tunnel *t = two_ends(0, paths[i]);

		busy(t, 6000);
		assert_in_range(mtu_of(t), paths[i] - PMTU_STEP, paths[i]);
		assert_true(t->received > 40 * 1000 * 1000);
		tunnel_free(t);
	}
}

/* What has a number already goes in pieces. */
static void a_path_that_shrinks_stops_a_transfer_for_a_second(void **state)
{
	static const size_t to[] = { 1252, 1220, 1400 };

	(void)state;
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		struct tunnel *t = two_ends(0, 0);
		uint64_t received;

		busy(t, 2000);
		assert_int_equal(mtu_of(t), MOST);
		narrow(t, to[i]);
		busy(t, 200); /* what was under way */
		received = t->received;
		busy(t, 1000);
		assert_true(t->received > received);
		busy(t, 5000);
		assert_in_range(mtu_of(t), to[i] - PMTU_STEP, to[i]);
		tunnel_free(t);
	}
}

static void all_arrives(struct tunnel *t)
{
	while (t->received < t->sent)
		step(t);
}

/* Everything sent is shorter than what any path was thought to take, and longer than this one takes. */
static void a_path_that_shrinks_far_is_noticed_by_who_sends_little(void **state)
{
	struct tunnel *t = two_ends(0, 0);
	uint64_t received;

	(void)state;
	busy(t, 2000);
	assert_int_equal(mtu_of(t), MOST);
	all_arrives(t);
	narrow(t, 700);
	received = t->received;
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(write_some(t, 900), 900);
		steps(t, 300);
	}
	assert_true(t->received > received);
	steps(t, 3000);
	assert_int_equal(t->received, t->sent);
	assert_in_range(mtu_of(t), 512, 700);
	tunnel_free(t);
}

/* Neither is heard by the other until one sounds something that passes. */
static void both_ways_may_shrink_far_at_once(void **state)
{
	struct tunnel *t = two_ends(0, 0);

	(void)state;
	busy(t, 2000);
	all_arrives(t);
	narrow(t, 700);
	for (unsigned i = 0; i < 3; i++) {
		struct span room = smux_reserve(t->st[0]);

		assert_true(room.n >= 1000);
		memset(room.p, 0, 1000);
		smux_commit(t->st[0], 1000);
		assert_int_equal(write_some(t, 1000), 1000);
		step(t);
	}
	steps(t, 8000);
	assert_int_equal(t->received, t->sent);
	for (int side = 0; side < 2; side++) {
		assert_int_equal(info_of(t, side).kcp.unacked_segs, 0);
		assert_in_range(info_of(t, side).mtu_bytes, 512, 700);
	}
	tunnel_free(t);
}

static void a_path_that_widens_is_tried_again_after_ten_minutes(void **state)
{
	struct tunnel *t = two_ends(0, 1252);

	(void)state;
	busy(t, 5000);
	assert_in_range(mtu_of(t), 1252 - PMTU_STEP, 1252);
	narrow(t, 0);
	busy(t, 1000);
	assert_in_range(mtu_of(t), 1252 - PMTU_STEP, 1252);
	idle(t, 600);
	busy(t, 1000);
	assert_int_equal(mtu_of(t), MOST);
	tunnel_free(t);
}

static void not_even_the_base_passes(void **state)
{
	struct tunnel *t = two_ends(0, 700);

	(void)state;
	busy(t, 20000);
	assert_in_range(mtu_of(t), 700 - PMTU_STEP, 700);
	assert_true(t->received > 1000000);
	tunnel_free(t);
}

static void loss_is_no_shrinking(void **state)
{
	static const unsigned losses[] = { 50, 100, 200, 300 };

	(void)state;
	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		struct tunnel *t = two_ends(losses[i], 0);
		unsigned less = 0;

		busy(t, 3000);
		for (unsigned n = 0; n < 60; n++) {
			busy(t, 30);
			steps(t, 200);
			less += mtu_of(t) < MOST;
		}
		busy(t, 3000);
		assert_int_equal(mtu_of(t), MOST);
		assert_true(less <= 2);
		tunnel_free(t);
	}
}

static void an_outage_is_no_shrinking(void **state)
{
	struct tunnel *t = two_ends(0, 0);

	(void)state;
	busy(t, 2000);
	t->loss = 1000;
	busy(t, 10000);
	t->loss = 0;
	busy(t, 3000);
	assert_int_equal(mtu_of(t), MOST);
	tunnel_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_sounded_before_much_is_sent),
		cmocka_unit_test(the_most_is_used_after_two_round_trips),
		cmocka_unit_test(what_passes_is_found_to_eight_bytes),
		cmocka_unit_test(a_path_that_shrinks_stops_a_transfer_for_a_second),
		cmocka_unit_test(a_path_that_shrinks_far_is_noticed_by_who_sends_little),
		cmocka_unit_test(both_ways_may_shrink_far_at_once),
		cmocka_unit_test(a_path_that_widens_is_tried_again_after_ten_minutes),
		cmocka_unit_test(not_even_the_base_passes),
		cmocka_unit_test(loss_is_no_shrinking),
		cmocka_unit_test(an_outage_is_no_shrinking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
