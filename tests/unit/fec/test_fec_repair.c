/* test_fec_repair.c - parity over numbered segments: what it rebuilds, when sets close, and what
 * hostile packets achieve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fec_repair.h"

enum { CONV = 0x01020304, PAYLOAD_MAX = 1300, MS = 1000, TOTAL = 1000 };

struct bed {
	struct packet_pool pool;
	struct batch batch;
	struct repair_out *out;
	struct repair_in *in;
	uint8_t segs[TOTAL][PAYLOAD_MAX]; /* by number less `first` */
	size_t len[TOTAL];
	uint32_t first;
	uint64_t rng;
};

static uint32_t draw(uint64_t *rng)
{
	*rng ^= *rng << 13;
	*rng ^= *rng >> 7;
	*rng ^= *rng << 17;
	return (uint32_t)(*rng >> 32);
}

static struct bed *bed_new(uint32_t first)
{
	struct bed *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	packet_pool_init(&b->pool);
	batch_init(&b->batch, &b->pool);
	b->out = repair_out_new(CONV, PAYLOAD_MAX);
	b->in = repair_in_new(CONV, PAYLOAD_MAX);
	assert_non_null(b->out);
	assert_non_null(b->in);
	b->first = first;
	b->rng = 88172645463325252u;
	return b;
}

static void bed_free(struct bed *b)
{
	repair_in_verify(b->in);
	repair_out_free(b->out);
	repair_in_free(b->in);
	batch_clear(&b->batch);
	packet_pool_dispose(&b->pool);
	free(b);
}

static struct view seg(const struct bed *b, uint32_t i)
{
	return (struct view){ b->segs[i], b->len[i] };
}

/* Segments [from, from + n), of any length, go to the sender. */
static void send(struct bed *b, uint64_t now_us, uint32_t from, unsigned n)
{
	for (uint32_t i = from; i < from + n; i++) {
		b->len[i] = draw(&b->rng) % (PAYLOAD_MAX + 1);
		for (size_t k = 0; k < b->len[i]; k++)
			b->segs[i][k] = (uint8_t)draw(&b->rng);
		repair_out_add(b->out, now_us, b->first + i, seg(b, i));
	}
}

static unsigned close_set(struct bed *b, unsigned parity)
{
	batch_clear(&b->batch);
	return repair_out_close(b->out, parity, &b->batch, NULL);
}

static void give_data(struct bed *b, uint32_t i)
{
	repair_in_data(b->in, 0, b->first + i, seg(b, i));
	repair_in_verify(b->in);
}

static void give_parity_at(struct bed *b, uint64_t now_us, unsigned i)
{
	const struct packet *p = &b->batch.v[i];

	repair_in_parity(b->in, now_us, b->first, (struct view){ p->data, p->len });
	repair_in_verify(b->in);
}

static void give_parity(struct bed *b, unsigned i)
{
	give_parity_at(b, 0, i);
}

/* The next rebuilt one is segment i. */
static void expect(struct bed *b, uint32_t i)
{
	struct view got;
	uint32_t number;

	assert_true(repair_in_next(b->in, &number, &got));
	assert_int_equal(number, b->first + i);
	assert_int_equal(got.n, b->len[i]);
	if (got.n > 0)
		assert_memory_equal(got.p, b->segs[i], got.n);
}

static void expect_none(struct bed *b)
{
	struct view got;
	uint32_t number;

	assert_false(repair_in_next(b->in, &number, &got));
}

/* ---- cases -------------------------------------------------------------------------- */

/* Of sets of every size, with as much lost as there is parity of, in any order; numbers wrap. */
static void what_is_lost_is_rebuilt_whatever_the_set(void **state)
{
	struct bed *b = bed_new(UINT32_MAX - 100);
	uint32_t from = 0;

	(void)state;
	for (unsigned n = 1; n <= 40; n++) {
		unsigned parity = 1 + draw(&b->rng) % 8, lost = parity < n ? parity : n;
		unsigned step = n / lost;

		send(b, 0, from, n);
		assert_int_equal(close_set(b, parity), parity);
		for (unsigned i = 0; i < n; i++)
			if (i % step != 0 || i / step >= lost)
				give_data(b, from + i);
		expect_none(b);
		for (unsigned i = parity; i-- > 0;) {
			struct packet *p = &b->batch.v[i];

			repair_in_parity(b->in, 0, b->first + from, (struct view){ p->data, p->len });
			if (i >= parity - lost + 1)
				expect_none(b);
			if (i == parity - lost)
				for (unsigned k = 0; k < lost; k++)
					expect(b, from + k * step);
			expect_none(b);
		}
		from += n;
	}
	assert_int_equal(repair_in_stats(b->in)->errors, 0);
	bed_free(b);
}

static void data_that_comes_after_its_parity_completes_the_set(void **state)
{
	struct bed *b = bed_new(5);

	(void)state;
	send(b, 0, 0, 10);
	assert_int_equal(close_set(b, 1), 1);
	for (unsigned i = 0; i < 8; i++)
		give_data(b, i);
	give_parity(b, 0);
	give_parity(b, 0); /* a repeat is no more */
	expect_none(b);
	give_data(b, 9);
	expect(b, 8);
	expect_none(b);
	bed_free(b);
}

static void a_set_that_is_complete_too_late_is_given_up(void **state)
{
	struct bed *b = bed_new(5);

	(void)state;
	send(b, 0, 0, 10);
	close_set(b, 1);
	for (unsigned i = 0; i < 8; i++)
		give_data(b, i);
	give_parity(b, 0);
	repair_in_data(b->in, REPAIR_WAIT_US + 1, b->first + 9, seg(b, 9));
	expect_none(b);
	bed_free(b);
}

static void what_was_read_long_ago_is_not_missed(void **state)
{
	struct bed *b = bed_new(0);
	size_t before = repair_in_memory(b->in);
	struct packet *p;

	(void)state;
	send(b, 0, 0, 10);
	close_set(b, 4);
	p = &b->batch.v[0];
	repair_in_parity(b->in, 0, 10, (struct view){ p->data, p->len });
	expect_none(b);
	assert_int_equal(repair_in_memory(b->in), before);
	assert_int_equal(repair_in_stats(b->in)->parity, 1);
	bed_free(b);
}

static void a_gap_in_the_numbers_gives_the_open_set_up(void **state)
{
	struct bed *b = bed_new(0);

	(void)state;
	send(b, 0, 0, 3);
	send(b, 0, 4, 2);
	assert_int_equal(repair_out_count(b->out), 2);
	assert_int_equal(close_set(b, 2), 2);
	assert_int_equal(b->batch.v[0].data[6], 2);
	assert_int_equal(load_le32(b->batch.v[0].data + 8), 4);
	bed_free(b);
}

static void the_packets_are_as_the_header_says(void **state)
{
	struct bed *b = bed_new(0x11223344);
	static const uint8_t header[] = { 4, 3, 2, 1, 0xf7, 0, 1, 1, 0x44, 0x33, 0x22, 0x11 };
	struct view payload;

	(void)state;
	repair_out_add(b->out, 0, b->first, (struct view){ (const uint8_t *)"abc", 3 });
	assert_int_equal(repair_out_longest(b->out), 3);
	assert_int_equal(close_set(b, 2), 2);
	assert_int_equal(b->batch.v[1].len, REPAIR_HEADER + 5);
	assert_memory_equal(b->batch.v[1].data, header, sizeof(header));
	/* the parity of one shard is that shard */
	assert_memory_equal(b->batch.v[1].data + REPAIR_HEADER, "\3\0abc", 5);
	assert_int_equal(fec_classify((struct view){ b->batch.v[1].data, b->batch.v[1].len }, &payload),
			 FEC_REPAIR);
	bed_free(b);
}

static void a_set_closes_in_time(void **state)
{
	struct bed *b = bed_new(0);

	(void)state;
	assert_true(repair_out_due(b->out, 25 * MS, false) == KT_NEVER);
	for (unsigned i = 0; i < 10; i++) /* three apart */
		send(b, 1000 * MS + 3 * MS * i, i, 1);
	/* while more waits, when its time is over; else after twice that gap, or nearly */
	assert_true(repair_out_due(b->out, 50 * MS, true) == 1050 * MS);
	assert_true(repair_out_due(b->out, 50 * MS, false) < 1034 * MS);
	assert_true(repair_out_due(b->out, 50 * MS, false) > 1031 * MS);
	assert_true(repair_out_due(b->out, 25 * MS, false) == 1025 * MS);
	close_set(b, 0);
	assert_int_equal(b->batch.count, 0);
	assert_true(repair_out_due(b->out, 25 * MS, false) == KT_NEVER);
	bed_free(b);
}

static void the_share_follows_the_loss(void **state)
{
	(void)state;
	assert_int_equal(repair_share(0, 50000), 0);
	assert_int_equal(repair_share(64, 0), 0);
	assert_in_range(repair_share(64, 10000), 2, 4);
	assert_in_range(repair_share(64, 50000), 8, 11);
	assert_int_equal(repair_share(1, 50000), 1);
	assert_int_equal(repair_share(64, 1000000), REPAIR_PARITY_MAX);
	for (uint32_t loss = 0; loss < 250000; loss += 5000)
		assert_true(repair_share(30, loss) <= repair_share(30, loss + 5000));
}

/* Malformed ones are counted; others change nothing but the memory of four sets. */
static void hostile_parity_is_bounded(void **state)
{
	struct bed *b = bed_new(0);
	uint8_t pkt[REPAIR_HEADER + PAYLOAD_MAX + 8] = { 4, 3, 2, 1, 0xf7 };
	size_t most;

	(void)state;
	pkt[6] = 0;
	repair_in_parity(b->in, 0, 0, (struct view){ pkt, 100 }); /* of nothing */
	pkt[6] = REPAIR_SEGS_MAX + 1;
	repair_in_parity(b->in, 0, 0, (struct view){ pkt, 100 });
	pkt[6] = 10;
	pkt[7] = REPAIR_PARITY_MAX;
	repair_in_parity(b->in, 0, 0, (struct view){ pkt, 100 });
	pkt[7] = 0;
	repair_in_parity(b->in, 0, 0, (struct view){ pkt, REPAIR_HEADER + 1 });
	repair_in_parity(b->in, 0, 0, (struct view){ pkt, REPAIR_HEADER + PAYLOAD_MAX + 3 });
	pkt[0] = 5; /* another conversation */
	repair_in_parity(b->in, 0, 0, (struct view){ pkt, 100 });
	assert_int_equal(repair_in_stats(b->in)->errors, 6);
	pkt[0] = 4;
	most = repair_in_memory(b->in) + (size_t)REPAIR_SETS * REPAIR_PARITY_MAX * (PAYLOAD_MAX + 2);
	pkt[6] = REPAIR_SEGS_MAX;
	for (unsigned i = 0; i < 20000; i++) {
		pkt[7] = (uint8_t)(i % REPAIR_PARITY_MAX);
		store_le32(pkt + 8, i / REPAIR_PARITY_MAX);
		repair_in_parity(b->in, i, 0, (struct view){ pkt, REPAIR_HEADER + PAYLOAD_MAX + 2 });
	}
	assert_true(repair_in_memory(b->in) <= most);
	expect_none(b);
	bed_free(b);
}

/* Noise that completes a set gives no segment that is longer than it can be. */
static void rebuilt_noise_is_refused(void **state)
{
	struct bed *b = bed_new(0);

	(void)state;
	send(b, 0, 0, 2);
	b->len[0] = 10; /* shorter than the parity */
	close_set(b, 1);
	give_data(b, 0);
	b->batch.v[0].data[REPAIR_HEADER + 1] ^= 0xff;
	give_parity(b, 0);
	expect_none(b);
	assert_int_equal(repair_in_stats(b->in)->errors, 1);
	bed_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_lost_is_rebuilt_whatever_the_set),
		cmocka_unit_test(data_that_comes_after_its_parity_completes_the_set),
		cmocka_unit_test(a_set_that_is_complete_too_late_is_given_up),
		cmocka_unit_test(what_was_read_long_ago_is_not_missed),
		cmocka_unit_test(a_gap_in_the_numbers_gives_the_open_set_up),
		cmocka_unit_test(the_packets_are_as_the_header_says),
		cmocka_unit_test(a_set_closes_in_time),
		cmocka_unit_test(the_share_follows_the_loss),
		cmocka_unit_test(hostile_parity_is_bounded),
		cmocka_unit_test(rebuilt_noise_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
