/* test_flow.c - rates over the last seconds, from samples that traffic takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow.h"

#define S(seconds) ((uint64_t)((seconds)*1000000.))

/* A tunnel that received `bytes` so far, half of it as payload. */
static struct flow_sample sample(uint64_t at_us, uint64_t bytes)
{
	return (struct flow_sample){ .at_us = at_us, .payload_in = bytes / 2, .wire_in = bytes };
}

static struct flow_rates rates_at(const struct flow *f, uint64_t at_us, uint64_t bytes)
{
	struct flow_sample now = sample(at_us, bytes);
	struct flow_rates r;

	flow_rates(f, &now, &r);
	return r;
}

static void assert_near(double got, double want)
{
	assert_true(got >= want * 0.99 && got <= want * 1.01);
}

/* Traffic of `rate` bytes per second from..to, which takes a sample when one is due. */
static uint64_t pass(struct flow *f, uint64_t from_us, uint64_t to_us, uint64_t bytes, uint64_t rate)
{
	for (uint64_t at = from_us; at < to_us; at += 10000) {
		struct flow_sample s = sample(at, bytes);

		if (flow_due(f, at))
			flow_note(f, &s);
		bytes += rate / 100;
	}
	return bytes;
}

static void a_tunnel_without_traffic_has_no_rate(void **state)
{
	struct flow f;

	flow_init(&f, S(100));
	assert_true(rates_at(&f, S(100), 0).wire_in == 0);
	assert_true(rates_at(&f, S(1000), 0).wire_in == 0);
	assert_near(rates_at(&f, S(1000), 0).window_s, 10);
}

static void a_young_tunnel_is_averaged_over_its_life(void **state)
{
	struct flow f;
	struct flow_rates r;

	flow_init(&f, S(100));
	r = rates_at(&f, S(103), 3000);
	assert_near(r.window_s, 3);
	assert_near(r.wire_in, 1000);
	assert_near(r.payload_in, 500);
	assert_true(r.wire_out == 0);
}

static void steady_traffic_gives_its_rate_at_any_time(void **state)
{
	struct flow f;
	uint64_t bytes = 0;

	flow_init(&f, 0);
	for (unsigned second = 0; second < 100; second++) {
		bytes = pass(&f, S(second), S(second + 1), bytes, 5000);
		assert_near(rates_at(&f, S(second + 1), bytes).wire_in, 5000);
	}
}

static void traffic_after_a_silence_is_not_averaged_over_the_silence(void **state)
{
	struct flow f;
	uint64_t bytes;

	flow_init(&f, 0);
	bytes = pass(&f, S(0), S(20), 0, 1000);
	/* 100 s of nothing, in which nobody takes samples; then 3 s of 10000 bytes each */
	bytes = pass(&f, S(120), S(123), bytes, 10000);
	assert_near(rates_at(&f, S(123), bytes).wire_in, 3000);
	assert_near(rates_at(&f, S(123), bytes).window_s, 10);
}

static void what_has_ended_fades_from_the_rate(void **state)
{
	struct flow f;
	uint64_t bytes;

	flow_init(&f, 0);
	bytes = pass(&f, S(0), S(30), 0, 8000);
	assert_near(rates_at(&f, S(30), bytes).wire_in, 8000);
	assert_true(rates_at(&f, S(36), bytes).wire_in < 6000);
	assert_true(rates_at(&f, S(50), bytes).wire_in == 0);
	assert_true(rates_at(&f, S(5000), bytes).wire_in == 0);
}

static void totals_that_fall_are_no_rate(void **state)
{
	struct flow f;

	flow_init(&f, 0);
	pass(&f, S(0), S(30), 0, 8000);
	assert_true(rates_at(&f, S(31), 0).wire_in == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tunnel_without_traffic_has_no_rate),
		cmocka_unit_test(a_young_tunnel_is_averaged_over_its_life),
		cmocka_unit_test(steady_traffic_gives_its_rate_at_any_time),
		cmocka_unit_test(traffic_after_a_silence_is_not_averaged_over_the_silence),
		cmocka_unit_test(what_has_ended_fades_from_the_rate),
		cmocka_unit_test(totals_that_fall_are_no_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
