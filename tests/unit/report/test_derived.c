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

static void overhead_is_of_what_was_carried(void **state)
{
	static const struct {
		uint64_t wire, payload, other;
		double overhead; /* NAN: it tells nothing */
	} ways[] = {
		{ 1200, 1000, 1000, 1.2 },
		{ 1200, 1000, 100000, 1.2 },
		{ 3000, 999, 100000, (double)NAN }, /* acknowledgements of a download */
		{ 1766343, 1, 50000000, (double)NAN },
		{ 200, 1, 1, 200 },              /* a key that was pressed */
		{ 500000, 10, 10, (double)NAN }, /* signs of life */
		{ 500000, 0, 0, (double)NAN },
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct counters c = { .in_bytes = ways[i].wire,
				      .payload_in_bytes = ways[i].payload,
				      .payload_out_bytes = ways[i].other };
		struct counters turned = { .out_bytes = ways[i].wire,
					   .payload_out_bytes = ways[i].payload,
					   .payload_in_bytes = ways[i].other };
		struct derived d, t;

		derived_compute(&d, &c);
		derived_compute(&t, &turned);
		if (isnan(ways[i].overhead)) {
			assert_true(isnan(d.overhead_in));
			assert_true(isnan(t.overhead_out));
		} else {
			assert_near(d.overhead_in, ways[i].overhead);
			assert_near(t.overhead_out, ways[i].overhead);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nothing_was_counted_of_is_not_known),
		cmocka_unit_test(what_was_sent_again_in_vain_is_no_loss),
		cmocka_unit_test(overhead_is_of_what_was_carried),
		cmocka_unit_test(copies_do_not_make_losses_look_rarer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
