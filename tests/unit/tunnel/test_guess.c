/* test_guess.c - which way to speak is tried when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guess.h"

#define S(seconds) ((uint64_t)((seconds)*1000000))

static const struct guess_way anything = { CODEC_UNKNOWN, 0 };

static struct guess guess_of(enum codec_kind compression, int version)
{
	struct guess g = { .count = 0 };

	guess_set(&g, &(struct guess_way){ compression, version });
	return g;
}

static void assert_at(const struct guess *g, enum codec_kind compression, int version)
{
	assert_int_equal(guess_way(g)->compression, compression);
	assert_int_equal(guess_way(g)->smux_version, version);
}

static bool wrong(struct guess *g, double now_s)
{
	struct guess_way way = *guess_way(g);

	return guess_wrong(g, &way, &anything, S(now_s));
}

static bool right(struct guess *g)
{
	struct guess_way way = *guess_way(g);

	return guess_right(g, &way);
}

static bool shown(struct guess *g, enum codec_kind compression, int version, double now_s)
{
	struct guess_way way = *guess_way(g), theirs = { compression, version };

	return guess_wrong(g, &way, &theirs, S(now_s));
}

static void what_is_given_is_obeyed(void **state)
{
	static const enum codec_kind kinds[] = { CODEC_NONE, CODEC_SNAPPY, CODEC_ZSTD };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (int version = 1; version <= 2; version++) {
			struct guess g = guess_of(kinds[i], version);

			assert_at(&g, kinds[i], version);
			assert_false(guess_is_open(&g, 0));
			assert_false(wrong(&g, 1));
			assert_false(shown(&g, CODEC_NONE, 1, 2));
			assert_at(&g, kinds[i], version);
		}
	}
}

static void the_likeliest_is_first_and_each_is_tried_once(void **state)
{
	struct guess g = guess_of(CODEC_UNKNOWN, 0);

	(void)state;
	assert_true(guess_is_open(&g, 0));
	if (codec_built_in(CODEC_SNAPPY)) {
		assert_at(&g, CODEC_SNAPPY, 2);
		assert_true(wrong(&g, 1));
		assert_at(&g, CODEC_SNAPPY, 1);
		assert_true(wrong(&g, 1));
	}
	assert_at(&g, CODEC_NONE, 2);
	assert_true(wrong(&g, 1));
	assert_at(&g, CODEC_NONE, 1);
	assert_false(wrong(&g, 1));
}

static void where_none_is_right_nothing_is_tried_for_a_while(void **state)
{
	struct guess g = guess_of(CODEC_NONE, 0);

	(void)state;
	assert_true(wrong(&g, 10));
	assert_at(&g, CODEC_NONE, 1);
	assert_false(wrong(&g, 10));
	assert_at(&g, CODEC_NONE, 2);
	assert_false(guess_is_open(&g, S(69)));
	assert_false(wrong(&g, 20)); /* of a session that was under way */
	assert_true(guess_is_open(&g, S(70)));
	assert_true(wrong(&g, 71));
	assert_at(&g, CODEC_NONE, 1);
}

static void what_was_right_is_tried_first_from_then_on(void **state)
{
	struct guess g = guess_of(CODEC_NONE, 0);

	(void)state;
	wrong(&g, 1);
	assert_true(right(&g));
	assert_at(&g, CODEC_NONE, 1);
	assert_false(right(&g));     /* no news */
	assert_true(wrong(&g, 100)); /* the server was restarted */
	assert_at(&g, CODEC_NONE, 2);
	assert_true(right(&g));
	assert_true(wrong(&g, 200));
	assert_false(wrong(&g, 200));
	assert_at(&g, CODEC_NONE, 2); /* the last that was good */
	assert_false(guess_is_open(&g, S(201)));
	assert_false(right(&g));
	assert_true(guess_is_open(&g, S(201)));
}

static void what_is_right_ends_the_rest(void **state)
{
	struct guess g = guess_of(CODEC_NONE, 0);

	(void)state;
	wrong(&g, 1);
	wrong(&g, 1);
	assert_false(guess_is_open(&g, S(2)));
	assert_true(right(&g));
	assert_true(guess_is_open(&g, S(2)));
}

/* Several sessions begin at once, and each finds the same. */
static void what_is_wrong_twice_is_wrong_once(void **state)
{
	static const struct guess_way two = { CODEC_NONE, 2 };
	struct guess g = guess_of(CODEC_NONE, 0);

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_true(guess_wrong(&g, &two, &anything, S(1)));
		assert_at(&g, CODEC_NONE, 1);
	}
	right(&g);
	assert_true(guess_wrong(&g, &two, &anything, S(1)));
	assert_at(&g, CODEC_NONE, 1);
}

static void what_the_peer_shows_needs_no_trying(void **state)
{
	struct guess g = guess_of(CODEC_UNKNOWN, 0);

	(void)state;
	if (codec_built_in(CODEC_SNAPPY)) { /* or there is none to be shown */
		assert_true(shown(&g, CODEC_NONE, 0, 1));
		assert_at(&g, CODEC_NONE, 2);
	}
	assert_true(shown(&g, CODEC_UNKNOWN, 1, 1));
	assert_int_equal(guess_way(&g)->smux_version, 1);
	right(&g);
	assert_true(shown(&g, CODEC_UNKNOWN, 2, 50));
	assert_int_equal(guess_way(&g)->smux_version, 2);
}

static void what_the_peer_shows_and_is_not_open_is_for_people(void **state)
{
	struct guess g = guess_of(CODEC_UNKNOWN, 2);

	(void)state;
	assert_false(shown(&g, CODEC_UNKNOWN, 1, 1));
	assert_false(guess_is_open(&g, S(2)));
}

/* It is followed, but not at once: two servers at one address would have us go to and fro. */
static void what_the_peer_shows_meanwhile_is_for_the_next_session(void **state)
{
	struct guess g = guess_of(CODEC_NONE, 0);

	(void)state;
	wrong(&g, 1);
	wrong(&g, 1);
	assert_at(&g, CODEC_NONE, 2);
	assert_false(shown(&g, CODEC_UNKNOWN, 1, 11));
	assert_at(&g, CODEC_NONE, 1);
	assert_false(guess_is_open(&g, S(12)));
	assert_false(shown(&g, CODEC_UNKNOWN, 2, 22));
	assert_at(&g, CODEC_NONE, 2);
}

static void another_configuration_keeps_what_is_known_if_it_allows_that(void **state)
{
	struct guess g = guess_of(CODEC_UNKNOWN, 0);

	(void)state;
	while (guess_way(&g)->compression != CODEC_NONE || guess_way(&g)->smux_version != 1)
		wrong(&g, 1);
	right(&g);
	guess_set(&g, &anything);
	assert_at(&g, CODEC_NONE, 1);
	guess_set(&g, &(struct guess_way){ CODEC_NONE, 0 });
	assert_at(&g, CODEC_NONE, 1);
	assert_false(right(&g));
	guess_set(&g, &(struct guess_way){ CODEC_NONE, 2 });
	assert_at(&g, CODEC_NONE, 2);
	assert_false(guess_right(&g, &(struct guess_way){ CODEC_NONE, 1 })); /* of a session from before */
	assert_at(&g, CODEC_NONE, 2);
	guess_set(&g, &(struct guess_way){ CODEC_ZSTD, 0 });
	assert_at(&g, CODEC_ZSTD, 2);
	assert_true(wrong(&g, 5));
	assert_at(&g, CODEC_ZSTD, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_given_is_obeyed),
		cmocka_unit_test(the_likeliest_is_first_and_each_is_tried_once),
		cmocka_unit_test(where_none_is_right_nothing_is_tried_for_a_while),
		cmocka_unit_test(what_was_right_is_tried_first_from_then_on),
		cmocka_unit_test(what_is_right_ends_the_rest),
		cmocka_unit_test(what_is_wrong_twice_is_wrong_once),
		cmocka_unit_test(what_the_peer_shows_needs_no_trying),
		cmocka_unit_test(what_the_peer_shows_and_is_not_open_is_for_people),
		cmocka_unit_test(what_the_peer_shows_meanwhile_is_for_the_next_session),
		cmocka_unit_test(another_configuration_keeps_what_is_known_if_it_allows_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
