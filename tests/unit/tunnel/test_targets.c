/* test_targets.c - in what order targets are tried, and which rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "targets.h"

#define S(seconds) ((uint64_t)((seconds)*1000000.))

/* Nothing is known of any. */
static struct targets fresh(unsigned count)
{
	struct targets s = { 0 };

	targets_set(&s, count);
	return s;
}

/* Of a stream that comes now: "012". */
static const char *order(struct targets *s, uint64_t now_us)
{
	static char text[CONF_ADDRS_MAX + 1];
	uint8_t numbers[CONF_ADDRS_MAX];
	unsigned n = targets_order(s, now_us, numbers);

	for (unsigned i = 0; i < n; i++)
		text[i] = (char)('0' + numbers[i]);
	text[n] = '\0';
	return text;
}

static void those_of_which_nothing_is_known_are_tried_as_configured(void **state)
{
	struct targets s = fresh(3), one = fresh(1), most = fresh(CONF_ADDRS_MAX);

	assert_string_equal(order(&s, 0), "012");
	assert_string_equal(order(&s, S(1)), "012");
	assert_string_equal(order(&one, 0), "0");
	assert_string_equal(order(&most, 0), "01234567");
}

static void what_failed_is_tried_last_for_a_while(void **state)
{
	struct targets s = fresh(3);

	targets_failed(&s, 0, S(5), "refused");
	assert_true(s.each[0].failed);
	assert_string_equal(s.each[0].why, "refused");
	assert_string_equal(order(&s, S(5)), "120");
	assert_string_equal(order(&s, S(14.9)), "120");
	assert_string_equal(order(&s, S(15)), "012");
}

static void of_several_that_failed_the_better_one_comes_first(void **state)
{
	struct targets s = fresh(4);

	targets_failed(&s, 2, S(1), "refused");
	targets_failed(&s, 0, S(2), "refused");
	assert_string_equal(order(&s, S(3)), "1302");
	targets_failed(&s, 1, S(3), "refused");
	targets_failed(&s, 3, S(3), "refused");
	assert_string_equal(order(&s, S(4)), "0123");
}

static void one_stream_tries_it_again_and_the_others_do_not_wait_for_that(void **state)
{
	struct targets s = fresh(2);

	targets_failed(&s, 0, S(0), "no answer");
	assert_string_equal(order(&s, S(10)), "01");
	assert_string_equal(order(&s, S(10)), "10");
	assert_string_equal(order(&s, S(11)), "10");
	targets_failed(&s, 0, S(11), "no answer");
	assert_string_equal(order(&s, S(20.9)), "10");
	assert_string_equal(order(&s, S(21)), "01");
	assert_true(targets_worked(&s, 0));
	assert_string_equal(order(&s, S(21)), "01");
	assert_string_equal(order(&s, S(21)), "01");
}

/* A stream that tried it may end before it knows. */
static void one_that_nobody_told_of_is_tried_again_later(void **state)
{
	struct targets s = fresh(2);

	targets_failed(&s, 0, S(0), "no answer");
	assert_string_equal(order(&s, S(50)), "01");
	assert_string_equal(order(&s, S(59)), "10");
	assert_string_equal(order(&s, S(60)), "01");
}

static void what_works_again_is_in_its_place_at_once(void **state)
{
	struct targets s = fresh(2);

	assert_false(targets_worked(&s, 0));
	targets_failed(&s, 0, S(0), "refused");
	assert_string_equal(order(&s, S(1)), "10");
	assert_true(targets_worked(&s, 0));
	assert_false(s.each[0].failed);
	assert_string_equal(order(&s, S(1)), "01");
	assert_false(targets_worked(&s, 0));
}

static void what_is_slow_rests_and_has_not_failed(void **state)
{
	struct targets s = fresh(2);

	targets_slow(&s, 0, S(1));
	assert_false(s.each[0].failed);
	assert_string_equal(order(&s, S(10)), "10");
	assert_string_equal(order(&s, S(11)), "01");
	assert_string_equal(order(&s, S(11)), "01");
	targets_slow(&s, 0, S(12));
	assert_false(targets_worked(&s, 0));
	assert_string_equal(order(&s, S(12)), "01");
}

static void of_another_list_nothing_is_known(void **state)
{
	struct targets s = fresh(2);
	unsigned edition = s.edition;

	targets_failed(&s, 0, S(0), "refused");
	targets_set(&s, 3);
	assert_true(s.edition != edition);
	assert_string_equal(order(&s, S(1)), "012");
	assert_false(s.each[0].failed);
	assert_string_equal(s.each[0].why, "");
}

static void a_long_reason_is_cut(void **state)
{
	struct targets s = fresh(1);
	char why[2 * TARGETS_WHY_BYTES];

	for (size_t i = 0; i < sizeof(why); i++)
		why[i] = i + 1 < sizeof(why) ? 'x' : '\0';
	targets_failed(&s, 0, 0, why);
	for (size_t i = 0; i < TARGETS_WHY_BYTES; i++)
		assert_int_equal(s.each[0].why[i], i + 1 < TARGETS_WHY_BYTES ? 'x' : '\0');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_of_which_nothing_is_known_are_tried_as_configured),
		cmocka_unit_test(what_failed_is_tried_last_for_a_while),
		cmocka_unit_test(of_several_that_failed_the_better_one_comes_first),
		cmocka_unit_test(one_stream_tries_it_again_and_the_others_do_not_wait_for_that),
		cmocka_unit_test(one_that_nobody_told_of_is_tried_again_later),
		cmocka_unit_test(what_works_again_is_in_its_place_at_once),
		cmocka_unit_test(what_is_slow_rests_and_has_not_failed),
		cmocka_unit_test(of_another_list_nothing_is_known),
		cmocka_unit_test(a_long_reason_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
