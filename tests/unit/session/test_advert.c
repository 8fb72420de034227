/* test_advert.c - the window that a flooding sender is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "advert.h"

enum { RTT_US = 100000 };

struct flood {
	struct advert advert;
	struct advert_seen seen;
	uint64_t now_us;
	uint32_t window;
};

/* `periods` round trips in which so much came, late by so much. */
static uint32_t receive(struct flood *f, unsigned periods, uint32_t fresh, uint32_t again,
			uint32_t delay_ms)
{
	while (periods-- > 0) {
		f->now_us += RTT_US;
		assert_true(f->now_us >= advert_due_at(&f->advert, RTT_US));
		f->seen.fresh += fresh;
		f->seen.again += again;
		f->window = advert_window(&f->advert, f->now_us, RTT_US, delay_ms, &f->seen);
		assert_true(f->now_us < advert_due_at(&f->advert, RTT_US));
	}
	return f->window;
}

static void who_does_not_flood_is_not_bound(void **state)
{
	struct flood f = { .now_us = 1000000 };

	(void)state;
	assert_int_equal(receive(&f, 100, 800, 10, 25), 0);
	assert_int_equal(receive(&f, 2, 800, 0, 90), 0); /* a burst is no flood */
	assert_int_equal(receive(&f, 100, 800, 0, 0), 0);
}

static void what_is_not_known_is_no_flood(void **state)
{
	struct flood f = { .now_us = 1000000 };

	(void)state;
	assert_int_equal(receive(&f, 100, 800, 0, UINT32_MAX), 0);
}

static void nothing_is_told_before_a_round_trip_is_known(void **state)
{
	struct advert a = { 0 };

	(void)state;
	assert_true(advert_due_at(&a, 0) == UINT64_MAX);
}

static void a_full_queue_is_met_with_about_what_the_path_holds(void **state)
{
	struct flood f = { .now_us = 1000000 };

	(void)state;
	assert_in_range(receive(&f, 4, 800, 0, 100), 800, 1300);
	/* and less while it stays full, but never what stands still */
	assert_in_range(receive(&f, 50, 800, 0, 100), 800, 900);
}

static void repeats_are_a_flood_too(void **state)
{
	struct flood f = { .now_us = 1000000 };

	(void)state;
	assert_in_range(receive(&f, 4, 800, 200, 0), 800, 1300);
}

static void it_grows_again_when_the_queue_is_gone(void **state)
{
	struct flood f = { .now_us = 1000000 };
	uint32_t before;

	(void)state;
	before = receive(&f, 50, 800, 0, 100);
	assert_true(receive(&f, 10, 800, 0, 0) > before + 800 / 2);
	assert_in_range(receive(&f, 200, 800, 0, 0), 3000, 3300);
	/* and with a path that has become faster */
	assert_in_range(receive(&f, 10, 1600, 0, 0), 6000, 6500);
	assert_in_range(receive(&f, 200, 65535, 0, 0), 65535, 65535);
}

static void a_pause_is_no_measure_of_the_path(void **state)
{
	struct flood f = { .now_us = 1000000 };
	uint32_t before;

	(void)state;
	before = receive(&f, 20, 800, 0, 100);
	for (unsigned i = 0; i < 20; i++) {
		f.now_us += 10 * RTT_US;
		assert_int_equal(receive(&f, 0, 0, 0, 0), before);
		f.seen.fresh += 5;
		f.window = advert_window(&f.advert, f.now_us, RTT_US, 0, &f.seen);
	}
	assert_int_equal(f.window, before);
	assert_in_range(receive(&f, 5, 1, 0, 0), before, 2 * before);
	/* On a path that carries next to nothing it is enough for a round trip after a loss. */
	assert_in_range(receive(&f, 50, 1, 0, 0), 48, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_does_not_flood_is_not_bound),
		cmocka_unit_test(what_is_not_known_is_no_flood),
		cmocka_unit_test(nothing_is_told_before_a_round_trip_is_known),
		cmocka_unit_test(a_full_queue_is_met_with_about_what_the_path_holds),
		cmocka_unit_test(repeats_are_a_flood_too),
		cmocka_unit_test(it_grows_again_when_the_queue_is_gone),
		cmocka_unit_test(a_pause_is_no_measure_of_the_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
