/* test_derived.c - shares and ratios of counters. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "derived.h"

static void assert_near(double got, double want)
{
	assert_true(fabs(got - want) < 1e-9);
}

static void what_nothing_was_counted_of_is_not_known(void **state)
{
	struct counters c = { 0 };
	struct derived d;

	derived_compute(&d, &c);
	for (size_t i = 0; i < derived_count; i++)
		assert_true(isnan(derived_get(&d, i)));
}

static void what_was_sent_again_in_vain_is_no_loss(void **state)
{
	struct counters c = { .out_data_segs = 1000, .retrans_segs = 100, .spurious_segs = 40 };
	struct derived d;

	derived_compute(&d, &c);
	assert_near(d.retransmitted, 0.1);
	assert_near(d.loss_out, 0.06);
}

static void copies_do_not_make_losses_look_rarer(void **state)
{
	struct counters c = { .out_data_segs = 1500, .out_copy_segs = 500, .retrans_segs = 100 };
	struct derived d;

	derived_compute(&d, &c);
	assert_near(d.retransmitted, 0.1);
	assert_near(d.loss_out, 0.1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nothing_was_counted_of_is_not_known),
		cmocka_unit_test(what_was_sent_again_in_vain_is_no_loss),
		cmocka_unit_test(copies_do_not_make_losses_look_rarer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
