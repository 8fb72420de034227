/* test_spread.c - which session gets a new stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "spread.h"

#define KB UINT64_C(1024)
#define MS UINT64_C(1000)

static void a_session_without_streams_comes_first(void **state)
{
	const struct spread_load loads[] = { { 2, 0 }, { 0, 900 * KB }, { 0, 0 } };

	assert_int_equal(spread_choose(loads, 3, 8), 1);
}

static void then_a_new_one(void **state)
{
	const struct spread_load loads[] = { { 1, 0 }, { 1, 0 } };

	assert_int_equal(spread_choose(loads, 0, 8), 0);
	assert_int_equal(spread_choose(loads, 2, 3), 2);
}

static void then_the_one_with_the_least_bulk(void **state)
{
	const struct spread_load loads[] = { { 1, 900 * KB }, { 9, 3 * KB }, { 1, 300 * KB } };

	assert_int_equal(spread_choose(loads, 3, 3), 1);
	assert_int_equal(spread_choose(loads, 3, 1), 1); /* the bound was lowered */
}

static void and_of_those_the_one_with_the_fewest_streams(void **state)
{
	const struct spread_load loads[] = { { 3, 1 * KB }, { 2, 9 * KB }, { 2, 0 }, { 1, 20 * KB } };

	assert_int_equal(spread_choose(loads, 4, 4), 1);
}

static void what_was_carried_fades(void **state)
{
	struct spread_meter m = { 0 };

	spread_note(&m, 10000 * MS, 1000 * KB);
	assert_int_equal(spread_recent(&m, 10000 * MS), 1000 * KB);
	assert_in_range(spread_recent(&m, 10500 * MS), 499 * KB, 501 * KB);
	assert_true(spread_recent(&m, 3600000 * MS) < 1 * KB);
}

/* 1 MB/s, noted every millisecond. */
static void what_is_carried_is_that_of_half_a_second(void **state)
{
	struct spread_meter m = { 0 };
	uint64_t total = 0, now = 5000 * MS;

	for (unsigned i = 0; i < 10000; i++)
		spread_note(&m, now += MS, total += 1000);
	assert_in_range(spread_recent(&m, now), 450000, 520000);
	spread_note(&m, now + (UINT64_C(1) << 50), UINT64_C(1) << 60);
	assert_true(spread_recent(&m, now + (UINT64_C(1) << 50)) > UINT64_C(1) << 59);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_without_streams_comes_first),
		cmocka_unit_test(then_a_new_one),
		cmocka_unit_test(then_the_one_with_the_least_bulk),
		cmocka_unit_test(and_of_those_the_one_with_the_fewest_streams),
		cmocka_unit_test(what_was_carried_fades),
		cmocka_unit_test(what_is_carried_is_that_of_half_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
