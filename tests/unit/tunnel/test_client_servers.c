/* test_client_servers.c - which of several servers serves, and when others are tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client_servers.h"

#define S UINT64_C(1000000)

static void the_first_serves_at_first(void **state)
{
	struct servers s;

	servers_init(&s, 3);
	assert_int_equal(s.serving, 0);
	assert_int_equal(servers_next(&s, 0), 0);
	assert_int_equal(servers_due(&s, UINT64_MAX), 3);
	assert_true(servers_due_us(&s) == UINT64_MAX);
	assert_false(servers_take_over(&s, 0, 5 * S));
	assert_int_equal(s.serving, 0);
}

static void a_session_tries_the_one_that_serves_and_then_the_others_in_their_order(void **state)
{
	struct servers s;

	servers_init(&s, 4);
	assert_true(servers_take_over(&s, 2, 0));
	assert_int_equal(servers_next(&s, 0), 2);
	assert_int_equal(servers_next(&s, 1u << 2), 0);
	assert_int_equal(servers_next(&s, 1u << 2 | 1u << 0), 1);
	assert_int_equal(servers_next(&s, 1u << 2 | 1u << 0 | 1u << 1), 3);
	assert_int_equal(servers_next(&s, 0xf), 4);
	/* a trial is of one alone */
	assert_int_equal(servers_next(&s, ~(1u << 1)), 1);
	assert_int_equal(servers_next(&s, ~0u), 4);
}

static void those_before_the_one_that_serves_are_tried_again(void **state)
{
	struct servers s;

	servers_init(&s, 3);
	assert_true(servers_take_over(&s, 2, 100 * S));
	assert_true(s.at[0].doubtful && s.at[1].doubtful && !s.at[2].doubtful);
	assert_true(servers_due_us(&s) == 100 * S + SERVERS_TRY_MIN_US);
	assert_int_equal(servers_due(&s, 100 * S + SERVERS_TRY_MIN_US - 1), 3);
	assert_int_equal(servers_due(&s, 100 * S + SERVERS_TRY_MIN_US), 0);
	/* the next while the first waits */
	servers_tried_in_vain(&s, 0, 106 * S);
	assert_int_equal(servers_due(&s, 106 * S), 1);
	assert_true(servers_take_over(&s, 1, 107 * S));
	assert_int_equal(s.serving, 1);
	/* who was better than the second is still wanted, at the time that was set */
	assert_true(servers_due_us(&s) == 106 * S + 2 * SERVERS_TRY_MIN_US);
	assert_true(servers_take_over(&s, 0, 117 * S));
	assert_true(servers_due_us(&s) == UINT64_MAX);
}

static void tries_in_vain_are_ever_further_apart(void **state)
{
	static const unsigned waits_s[] = { 10, 20, 40, 60, 60, 60 };
	struct servers s;
	uint64_t now_us = 0;

	servers_init(&s, 2);
	servers_take_over(&s, 1, now_us);
	for (size_t i = 0; i < sizeof(waits_s) / sizeof(*waits_s); i++) {
		now_us = servers_due_us(&s);
		assert_int_equal(servers_due(&s, now_us), 0);
		servers_tried_in_vain(&s, 0, now_us);
		assert_true(servers_due_us(&s) == now_us + waits_s[i] * S);
	}
	for (int i = 0; i < 1000; i++)
		servers_tried_in_vain(&s, 0, now_us);
	assert_true(servers_due_us(&s) == now_us + SERVERS_TRY_MAX_US);
	/* and begin anew when it served meanwhile */
	assert_true(servers_take_over(&s, 0, now_us));
	assert_true(servers_take_over(&s, 1, now_us));
	assert_true(servers_due_us(&s) == now_us + SERVERS_TRY_MIN_US);
}

static void a_later_one_may_serve_after_a_later_one(void **state)
{
	struct servers s;

	servers_init(&s, 3);
	servers_take_over(&s, 1, 0);
	servers_tried_in_vain(&s, 0, 5 * S);
	assert_true(servers_take_over(&s, 2, 7 * S));
	/* the first keeps its own time */
	assert_int_equal(servers_due(&s, 12 * S), 1);
	assert_int_equal(servers_due(&s, 15 * S), 0);
}

static void doubt_ends_when_something_comes(void **state)
{
	struct servers s;

	servers_init(&s, 2);
	servers_doubt(&s, 0);
	assert_true(s.at[0].doubtful);
	servers_heard(&s, 0);
	assert_false(s.at[0].doubtful);
	servers_doubt(&s, 1);
	assert_true(servers_take_over(&s, 1, 0));
	assert_false(s.at[1].doubtful);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_serves_at_first),
		cmocka_unit_test(a_session_tries_the_one_that_serves_and_then_the_others_in_their_order),
		cmocka_unit_test(those_before_the_one_that_serves_are_tried_again),
		cmocka_unit_test(tries_in_vain_are_ever_further_apart),
		cmocka_unit_test(a_later_one_may_serve_after_a_later_one),
		cmocka_unit_test(doubt_ends_when_something_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
