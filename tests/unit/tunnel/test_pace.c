/* test_pace.c - rates of a session over the last seconds, from two samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pace.h"

#define S(seconds) ((uint64_t)((seconds)*1000000.))

/* A session that received `bytes` so far, and sent half as much. */
static struct pace_sample sample(uint64_t at_us, uint64_t bytes)
{
	return (struct pace_sample){ .at_us = at_us, .in = bytes, .out = bytes / 2 };
}

static struct pace_rates rates_at(const struct pace *p, uint64_t at_us, uint64_t bytes)
{
	struct pace_sample now = sample(at_us, bytes);
	struct pace_rates r;

	pace_rates(p, &now, &r);
	return r;
}

static void assert_near(double got, double want)
{
	assert_true(got >= want * 0.99 && got <= want * 1.01);
}

/* Traffic of `rate` bytes per second from..to, a packet every `step_us`; the bytes so far. */
static uint64_t pass(struct pace *p, uint64_t from_us, uint64_t to_us, uint64_t step_us,
		     uint64_t bytes, uint64_t rate)
{
	for (uint64_t at = from_us; at < to_us; at += step_us) {
		struct pace_sample s = sample(at, bytes);

		if (pace_due(p, at))
			pace_note(p, &s);
		bytes += rate * step_us / S(1);
	}
	return bytes;
}

static void a_young_session_is_averaged_over_its_life(void **state)
{
	struct pace p;
	struct pace_rates r;

	pace_init(&p, S(100));
	assert_true(rates_at(&p, S(100), 0).in == 0);
	r = rates_at(&p, S(101), 3000);
	assert_near(r.window_s, 1);
	assert_near(r.in, 3000);
	assert_near(r.out, 1500);
}

static void steady_traffic_gives_its_rate_at_any_time(void **state)
{
	static const uint64_t steps[] = { 10000, S(0.5), S(1.5) };

	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct pace p;
		uint64_t bytes = 0;

		pace_init(&p, 0);
		for (unsigned round = 0; round < 60; round++) {
			uint64_t from = round * S(1.5), to = from + S(1.5);

			bytes = pass(&p, from, to, steps[i], bytes, 6000);
			assert_near(rates_at(&p, to, bytes).in, 6000);
			assert_true(rates_at(&p, to, bytes).window_s <= 6.01);
		}
	}
}

static void traffic_after_a_silence_is_averaged_over_some_of_it(void **state)
{
	struct pace p;
	uint64_t bytes;

	pace_init(&p, 0);
	bytes = pass(&p, S(0), S(20), 10000, 0, 1000);
	bytes = pass(&p, S(120), S(120.5), 10000, bytes, 10000);
	assert_near(rates_at(&p, S(120.5), bytes).in, 2500);
	bytes = pass(&p, S(120.5), S(126), 10000, bytes, 10000);
	assert_near(rates_at(&p, S(126), bytes).in, 10000);
}

static void a_silence_has_no_rate(void **state)
{
	struct pace p;
	uint64_t bytes;

	pace_init(&p, 0);
	assert_true(rates_at(&p, S(1000), 0).in == 0);
	bytes = pass(&p, S(0), S(20), 10000, 0, 1000);
	assert_true(rates_at(&p, S(30), bytes).in == 0);
	assert_true(rates_at(&p, S(30), bytes).window_s > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_young_session_is_averaged_over_its_life),
		cmocka_unit_test(steady_traffic_gives_its_rate_at_any_time),
		cmocka_unit_test(traffic_after_a_silence_is_averaged_over_some_of_it),
		cmocka_unit_test(a_silence_has_no_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
