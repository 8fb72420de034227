/* test_fec_tune.c - the tuner by itself: which numbers of shards it believes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fec_tune.h"

/* Show the tuner `count` packets of (ds, ps), saying `fits` of each; what it found. */
static bool show(struct fec_tune *t, unsigned ds, unsigned ps, unsigned count, bool fits)
{
	unsigned found_ds, found_ps;

	for (uint32_t seqid = 0; seqid < count; seqid++) {
		bool found = fec_tune_input(t, seqid, seqid % (ds + ps) < ds, fits, &found_ds,
					    &found_ps);

		fec_tune_verify(t);
		if (!found)
			continue;
		assert_int_equal(found_ds, ds);
		assert_int_equal(found_ps, ps);
		return true;
	}
	return false;
}

static void numbers_that_did_not_fail_are_kept(void **state)
{
	struct fec_tune t;

	fec_tune_init(&t, 10, 3);
	show(&t, 5, 2, 2, false);
	assert_false(show(&t, 5, 2, 700, true));
	assert_true(show(&t, 5, 2, 700, false));
}

static void what_confirms_the_numbers_ends_the_search(void **state)
{
	struct fec_tune t;

	fec_tune_init(&t, 10, 3);
	assert_true(fec_tune_quiet(&t));
	show(&t, 10, 3, 1, false);
	assert_false(fec_tune_quiet(&t));
	assert_false(show(&t, 10, 3, 40, true));
	assert_true(fec_tune_quiet(&t));
}

static void trust_goes_with_failures_and_returns(void **state)
{
	struct fec_tune t;

	fec_tune_init(&t, 10, 3);
	show(&t, 10, 3, 1, false);
	assert_true(fec_tune_trusted(&t));
	show(&t, 10, 3, 100, false);
	assert_false(fec_tune_trusted(&t));
	show(&t, 10, 3, 40, true);
	assert_true(fec_tune_trusted(&t));
}

static void a_seqid_past_the_wrap_rules_numbers_out(void **state)
{
	unsigned ds, ps;
	struct fec_tune t;

	fec_tune_init(&t, 0, 0);
	assert_false(fec_tune_input(&t, UINT32_MAX - 1, false, false, &ds, &ps));
	assert_in_range(t.alive_count, 1, 10);
	for (unsigned i = 0; i < t.alive_count; i++)
		assert_int_equal(UINT32_MAX % t.alive[i], 0);
	fec_tune_verify(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_that_did_not_fail_are_kept),
		cmocka_unit_test(what_confirms_the_numbers_ends_the_search),
		cmocka_unit_test(trust_goes_with_failures_and_returns),
		cmocka_unit_test(a_seqid_past_the_wrap_rules_numbers_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
