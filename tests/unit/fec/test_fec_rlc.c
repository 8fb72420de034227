/* test_fec_rlc.c - the sliding window code: its bytes, what it rebuilds, and what hostile symbols achieve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fec_rlc.h"

enum {
	CONV = 0x01020304,
	TS = 0x0a0b0c0d,
	TOTAL = 3000,
	SYMBOL_MAX = RLC_HEADER + RLC_COUNT_MAX * (2 + RLC_PAYLOAD_MAX)
};

struct bed {
	struct rlc_in *in;
	uint8_t segs[TOTAL][RLC_PAYLOAD_MAX]; /* by number less `first` */
	size_t len[TOTAL];
	bool there[TOTAL];
	uint32_t first;
	uint64_t rng;
	uint8_t seed, symbol[SYMBOL_MAX];
	size_t symbol_len;
};

static uint32_t draw(uint64_t *rng)
{
	*rng ^= *rng << 13;
	*rng ^= *rng >> 7;
	*rng ^= *rng << 17;
	return (uint32_t)(*rng >> 32);
}

static struct bed *bed_new(uint32_t first, size_t len_max)
{
	struct bed *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->in = rlc_in_new();
	assert_non_null(b->in);
	b->first = first;
	b->rng = 88172645463325252u;
	for (unsigned i = 0; i < TOTAL; i++) {
		b->len[i] = draw(&b->rng) % (len_max + 1);
		for (size_t k = 0; k < b->len[i]; k++)
			b->segs[i][k] = (uint8_t)draw(&b->rng);
	}
	return b;
}

static void bed_free(struct bed *b)
{
	rlc_in_verify(b->in);
	rlc_in_free(b->in);
	free(b);
}

static struct view seg(const struct bed *b, uint32_t i)
{
	return (struct view){ b->segs[i], b->len[i] };
}

static void make_several(struct bed *b, uint32_t from, uint16_t mask, unsigned count)
{
	struct rlc_header h = { CONV, TS, b->seed, count };
	struct rlc_source sources[RLC_WINDOW];
	size_t n = 0;

	for (uint32_t i = 0; i < RLC_WINDOW; i++)
		if (mask >> i & 1)
			sources[n++] = (struct rlc_source){ b->first + from + i, seg(b, from + i) };
	b->symbol_len = rlc_encode(&h, sources, n, b->symbol, sizeof(b->symbol));
	assert_true(b->symbol_len > 0);
	b->seed = (uint8_t)(b->seed + count);
}

static void make(struct bed *b, uint32_t from, uint16_t mask)
{
	make_several(b, from, mask, 1);
}

/* What was rebuilt is right, and was not there; returns how many. */
static unsigned take(struct bed *b)
{
	struct view got;
	uint32_t number;
	unsigned n = 0;

	while (rlc_in_next(b->in, &number, &got)) {
		uint32_t i = number - b->first;

		assert_true(i < TOTAL && !b->there[i]);
		b->there[i] = true;
		assert_int_equal(got.n, b->len[i]);
		assert_memory_equal(got.p, b->segs[i], got.n);
		n++;
	}
	rlc_in_verify(b->in);
	return n;
}

static unsigned give(struct bed *b, uint32_t i)
{
	b->there[i] = true;
	rlc_in_data(b->in, b->first + i, seg(b, i));
	return take(b);
}

static unsigned give_symbol(struct bed *b)
{
	rlc_in_symbols(b->in, (struct view){ b->symbol, b->symbol_len });
	return take(b);
}

/* ---- the bytes ---------------------------------------------------------------- */

static void a_symbol_says_what_it_is_of(void **state)
{
	static const uint8_t expected[] = { 4, 3, 2, 1,    0xf8, 0,    9,    0, 7,
					    0, 0, 0, 0x0d, 0x0c, 0x0b, 0x0a, 5, 2 };
	const struct rlc_header h = { CONV, TS, 5, 2 };
	const struct rlc_source sources[] = { { 7, { (const uint8_t *)"abc", 3 } },
					      { 10, { (const uint8_t *)"z", 1 } } };
	uint8_t buf[64];
	struct view payload;

	(void)state;
	assert_int_equal(rlc_encode(&h, sources, 2, buf, sizeof(buf)), RLC_HEADER + 10);
	assert_memory_equal(buf, expected, sizeof(expected));
	assert_int_equal(fec_classify((struct view){ buf, RLC_HEADER + 10 }, &payload), FEC_RLC);
	assert_true(rlc_is_symbol((struct view){ buf, RLC_HEADER + 10 }, CONV));
	assert_int_equal(rlc_ts((struct view){ buf, RLC_HEADER + 10 }), TS);
	assert_false(rlc_is_symbol((struct view){ buf, RLC_HEADER + 10 }, CONV + 1));
	for (size_t n = 0; n < RLC_HEADER + 12; n++) /* two, as long as each other */
		assert_int_equal(rlc_is_symbol((struct view){ buf, n }, CONV),
				 n >= RLC_HEADER + 4 && n % 2 == RLC_HEADER % 2);
	buf[17] = 0;
	assert_false(rlc_is_symbol((struct view){ buf, RLC_HEADER + 10 }, CONV));
	buf[17] = RLC_COUNT_MAX + 1;
	assert_false(rlc_is_symbol((struct view){ buf, RLC_HEADER + 9 * 4 }, CONV));
}

/* They are of the wire: another build has to find the same. */
static void the_factors_are_what_they_were(void **state)
{
	bool seen[256] = { false };

	(void)state;
	assert_int_equal(rlc_factor(0, 0), 1);
	assert_int_equal(rlc_factor(1, 0), 8);
	assert_int_equal(rlc_factor(0, 1), 68);
	assert_int_equal(rlc_factor(200, 0xfffffff0), 152);
	for (uint32_t i = 0; i < 4000; i++)
		seen[rlc_factor((uint8_t)i, i / 7)] = true;
	assert_false(seen[0]);
	for (unsigned i = 1; i < 256; i++)
		assert_true(seen[i]);
}

static void what_does_not_fit_is_no_symbol(void **state)
{
	static const uint8_t bytes[RLC_PAYLOAD_MAX + 1];
	struct rlc_source two[2] = { { 1, { bytes, 10 } }, { 1 + RLC_WINDOW, { bytes, 10 } } };
	const struct rlc_header one = { CONV, 0, 0, 1 }, three = { CONV, 0, 0, 3 };
	uint8_t buf[2000];

	(void)state;
	assert_int_equal(rlc_encode(&one, two, 2, buf, sizeof(buf)), 0);
	two[1].number--;
	assert_int_equal(rlc_encode(&one, two, 2, buf, sizeof(buf)), RLC_HEADER + 12);
	assert_int_equal(rlc_encode(&one, two, 2, buf, RLC_HEADER + 11), 0);
	assert_int_equal(rlc_encode(&three, two, 2, buf, RLC_HEADER + 36), RLC_HEADER + 36);
	assert_int_equal(rlc_encode(&three, two, 2, buf, RLC_HEADER + 35), 0);
	two[1].payload.n = RLC_PAYLOAD_MAX + 1;
	assert_int_equal(rlc_encode(&one, two, 2, buf, sizeof(buf)), 0);
}

/* ---- what it rebuilds ------------------------------------------------------------- */

static void one_of_one_needs_nothing_kept(void **state)
{
	struct bed *b = bed_new(UINT32_MAX, 300);

	(void)state;
	for (uint32_t i = 0; i < 100; i += 3) {
		make(b, i, 1);
		assert_int_equal(give_symbol(b), 1);
		assert_int_equal(give_symbol(b), 0); /* it is known */
	}
	assert_int_equal(rlc_in_stats(b->in)->repaired, 34);
	bed_free(b);
}

static void several_in_one_packet_are_each_worth_a_segment(void **state)
{
	struct bed *b = bed_new(12, 100);

	(void)state;
	for (uint32_t i = 0; i + RLC_WINDOW < 1000; i += RLC_WINDOW) {
		unsigned count = 1 + draw(&b->rng) % RLC_COUNT_MAX;

		for (uint32_t k = count; k < RLC_WINDOW; k++)
			assert_int_equal(give(b, i + k), 0);
		make_several(b, i, 0xffff, count);
		assert_int_equal(give_symbol(b), count);
	}
	bed_free(b);
}

/* Neither tells one of them alone. */
static void windows_that_overlap_are_solved_together(void **state)
{
	struct bed *b = bed_new(UINT32_MAX - 5, 200); /* numbers wrap */

	(void)state;
	for (uint32_t i = 0; i < 10; i++)
		if (i != 3 && i != 6)
			assert_int_equal(give(b, i), 0);
	make(b, 0, 0x3ff);
	assert_int_equal(give_symbol(b), 0);
	give(b, 10);
	make(b, 2, 0x1ff);
	assert_int_equal(give_symbol(b), 2);
	bed_free(b);
}

static void a_segment_that_comes_late_solves_the_rest(void **state)
{
	struct bed *b = bed_new(50, 200);

	(void)state;
	make(b, 0, 0x000f);
	assert_int_equal(give_symbol(b), 0);
	assert_int_equal(give(b, 2), 0);
	assert_int_equal(give(b, 0), 0);
	assert_int_equal(give(b, 3), 1); /* 1 */
	assert_true(b->there[1]);
	assert_int_equal(give(b, 3), 0);
	bed_free(b);
}

/* A fifth is lost, of segments and symbols, of which one rides with each and one comes after it: all but a few are there
 * within three segments' time. */
static void most_of_what_is_lost_is_there_soon(void **state)
{
	struct bed *b = bed_new(UINT32_MAX - 1000, 120);
	unsigned lost = 0, late = 0;

	(void)state;
	for (uint32_t i = 0; i + 1 < TOTAL; i++) {
		uint32_t from = i < 7 ? 0 : i - 7;
		uint16_t mask = (uint16_t)((1u << (i + 1 - from)) - 1);

		for (unsigned k = 0; k < 2; k++) {
			bool comes = draw(&b->rng) % 5 != 0;

			if (comes && k == 0)
				give(b, i);
			make(b, from, mask);
			if (comes)
				give_symbol(b);
			lost += k == 0 && !comes;
		}
		late += i >= 3 && !b->there[i - 3];
	}
	assert_in_range(lost, TOTAL / 6, TOTAL / 4);
	assert_in_range(late, 0, lost / 20);
	assert_true(rlc_in_memory(b->in) < 20000);
	bed_free(b);
}

/* ---- the hostile -------------------------------------------------------------------- */

static void a_symbol_of_something_else_rebuilds_nothing(void **state)
{
	struct bed *b = bed_new(0, 100);
	struct view got;
	uint32_t number;

	(void)state;
	b->len[0] = 100;
	make(b, 0, 1);
	b->symbol[RLC_HEADER] ^= 0x55; /* of the length */
	b->symbol[RLC_HEADER + 1] ^= 0x55;
	rlc_in_symbols(b->in, (struct view){ b->symbol, b->symbol_len });
	assert_false(rlc_in_next(b->in, &number, &got));
	assert_int_equal(rlc_in_stats(b->in)->errors, 1);
	give(b, 1); /* longer than the sum says that any is */
	b->len[1] = b->len[2] = 0;
	make(b, 1, 3);
	rlc_in_symbols(b->in, (struct view){ b->symbol, b->symbol_len });
	assert_false(rlc_in_next(b->in, &number, &got));
	assert_int_equal(rlc_in_stats(b->in)->errors, 2);
	bed_free(b);
}

static void what_is_held_is_bounded(void **state)
{
	struct bed *b = bed_new(0, RLC_PAYLOAD_MAX);
	uint8_t longer[RLC_HEADER + 3 + RLC_PAYLOAD_MAX] = { 4, 3, 2, 1, 0xf8, 0, 1 };
	size_t most = rlc_in_memory(b->in) + (RLC_KEPT + RLC_SYMBOLS) * (size_t)(RLC_PAYLOAD_MAX + 2);

	(void)state;
	for (uint32_t i = 0; i + RLC_WINDOW < TOTAL; i++) {
		make(b, i, (uint16_t)(draw(&b->rng) | 1));
		store_le32(b->symbol + 8, draw(&b->rng)); /* of anything, anywhere */
		rlc_in_symbols(b->in, (struct view){ b->symbol, b->symbol_len });
		rlc_in_data(b->in, draw(&b->rng), seg(b, i));
		rlc_in_verify(b->in);
		assert_true(rlc_in_memory(b->in) <= most);
	}
	longer[17] = 1;
	assert_true(rlc_is_symbol((struct view){ longer, sizeof(longer) }, CONV));
	rlc_in_symbols(b->in, (struct view){ longer, sizeof(longer) });
	assert_true(rlc_in_stats(b->in)->errors > 0);
	rlc_in_verify(b->in);
	bed_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_symbol_says_what_it_is_of),
		cmocka_unit_test(the_factors_are_what_they_were),
		cmocka_unit_test(what_does_not_fit_is_no_symbol),
		cmocka_unit_test(one_of_one_needs_nothing_kept),
		cmocka_unit_test(several_in_one_packet_are_each_worth_a_segment),
		cmocka_unit_test(windows_that_overlap_are_solved_together),
		cmocka_unit_test(a_segment_that_comes_late_solves_the_rest),
		cmocka_unit_test(most_of_what_is_lost_is_there_soon),
		cmocka_unit_test(a_symbol_of_something_else_rebuilds_nothing),
		cmocka_unit_test(what_is_held_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
