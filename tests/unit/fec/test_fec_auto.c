/* test_fec_auto.c - a decoder finds out the peer's numbers of shards, and guesses that may be wrong. */
#include "fec_bed.h"

/* ---- auto-tune ---- */

static void feed(struct fec_dec *d, uint32_t seqid, bool is_data)
{
	struct wire_packet p = loose(seqid, is_data ? FEC_TYPE_DATA : FEC_TYPE_PARITY, 20, 20);

	receive(d, &p);
}

/* "SEQID TYPE ..." or "SEQID*COUNT TYPE ...": feed it to the decoder. */
static void feed_trace(struct fec_dec *d, const char *text)
{
	char *rest;
	uint32_t seqid = (uint32_t)strtoul(text, &rest, 10);
	unsigned long count = *rest == '*' ? strtoul(rest + 1, &rest, 10) : 1;

	assert_true(rest[1] == 'd' || rest[1] == 'p');
	for (unsigned long i = 0; i < count; i++)
		feed(d, seqid + (uint32_t)i, rest[1] == 'd');
}

static void finds_the_numbers_in_every_trace_of_the_reference(void **state)
{
	struct vec_file *f = vec_open("fec_autotune.txt");

	assert_int_equal(f->record_count, 22);
	for (size_t i = 0; i < f->record_count; i++) {
		const struct vec_record *r = &f->records[i];
		unsigned enc_ds = (unsigned)vec_number(r, "enc_ds"),
			 enc_ps = (unsigned)vec_number(r, "enc_ps");
		unsigned dec_ds = (unsigned)vec_number(r, "dec_ds"),
			 dec_ps = (unsigned)vec_number(r, "dec_ps");
		struct fec_dec *d = fec_dec_new(dec_ds, dec_ps, PAYLOAD_MAX);
		const char *text;

		for (unsigned k = 0; k < 1000; k++) /* numbered by packet, with gaps */
			if ((text = vec_numbered(r, "pkt", k)) != NULL)
				feed_trace(d, text);
		/* The second half of `switch` has sets of 7 that begin at 65: no encoder counts
		 * so, and no decoder could rebuild from it.  There is nothing to find. */
		if (strcmp(vec_text(r, "name"), "switch") == 0)
			enc_ds = dec_ds, enc_ps = dec_ps;
		assert_params(d, enc_ds, enc_ps);
		assert_int_equal(fec_dec_stats(d)->retunes, enc_ds != dec_ds || enc_ps != dec_ps);
		fec_dec_free(d);
	}
	vec_close(f);
}

/* Positions of one (ds, ps) stream with loss, swaps and repeats; the number of sets
 * until the decoder has the right numbers, or 0. */
static unsigned sets_to_tune(struct fec_dec *d, unsigned ds, unsigned ps, uint32_t first,
			     unsigned loss, unsigned disorder, uint64_t *rng)
{
	unsigned n = ds + ps, got_ds, got_ps;
	uint32_t seqid = first, paws = UINT32_MAX / n * n;

	for (unsigned i = 0; i < 40 * n; i++) {
		uint32_t late = (seqid + paws - draw(rng) % 10) % paws;

		if (!chance(rng, loss))
			feed(d, seqid, seqid % n < ds);
		if (chance(rng, disorder))
			feed(d, late, late % n < ds);
		seqid = seqid + 1 == paws ? 0 : seqid + 1;
		fec_dec_params(d, &got_ds, &got_ps);
		if (got_ds == ds && got_ps == ps)
			return i / n + 1;
	}
	return 0;
}

static void finds_the_numbers_under_loss_and_disorder_within_a_few_sets(void **state)
{
	static const unsigned loss[] = { 0, 5, 20, 30 };
	static const unsigned from[][2] = { { 0, 0 }, { 10, 4 }, { 1, 1 } };
	uint64_t rng = 4711;

	for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
		unsigned ds = shapes[k][0], ps = shapes[k][1];

		for (size_t i = 0; i < ARRAY_LEN(loss) * ARRAY_LEN(from); i++) {
			const unsigned *start = from[i % ARRAY_LEN(from)];
			uint32_t first = i % 2 == 0 ? 0 : 30007;
			struct fec_dec *d = fec_dec_new(start[0], start[1], PAYLOAD_MAX);
			unsigned sets = sets_to_tune(d, ds, ps, first, loss[i / ARRAY_LEN(from)],
						     10, &rng);

			/* A set of two packets tells little at a time. */
			if (ds != start[0] || ps != start[1])
				assert_in_range(sets, 1, ds + ps < 10 ? 20 : 9);
			else
				assert_int_equal(sets, 1);
			fec_dec_free(d);
		}
	}
}

static void finds_the_numbers_across_the_wrap_of_seqid(void **state)
{
	uint64_t rng = 99;

	for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
		unsigned n = shapes[k][0] + shapes[k][1];
		uint32_t paws = UINT32_MAX / n * n;
		struct fec_dec *d = fec_dec_new(0, 0, PAYLOAD_MAX);

		assert_in_range(sets_to_tune(d, shapes[k][0], shapes[k][1], paws - n / 2, 10, 0, &rng),
				1, 20);
		fec_dec_free(d);
	}
}

static void recovers_with_the_numbers_it_found(void **state)
{
	for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
		struct sender *s = sender_new(shapes[k][0], shapes[k][1], 0);
		struct fec_dec *d = fec_dec_new(0, 0, PAYLOAD_MAX);
		unsigned set = 0, ds, ps;

		do {
			sender_set(s, 60);
			for (unsigned i = 0; i < s->ds + s->ps; i++)
				if (!chance(&s->rng, 20))
					fec_dec_input(d, packet_view(&s->set[i]));
			fec_dec_params(d, &ds, &ps);
			assert_true(++set < 20);
		} while (ds == 0);
		assert_params(d, s->ds, s->ps);
		for (unsigned i = 0; i < 5; i++) {
			struct outcome o;

			sender_set(s, 60);
			o = deliver_set(d, s, s->ps);
			assert_all_got(s, &o);
		}
		fec_dec_free(d);
		sender_free(s);
	}
}

static void a_packet_out_of_phase_does_not_switch_recovery_off(void **state)
{
	struct sender *s = sender_new(10, 3, 0);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);

	for (unsigned set = 0; set < 200; set++) {
		struct outcome o;

		sender_set(s, 60);
		if (set % 2 == 0)
			feed(d, set * 13 + set % 10, false);
		o = deliver_set(d, s, 3);
		assert_all_got(s, &o);
	}
	assert_int_equal(fec_dec_stats(d)->retunes, 0);
	assert_params(d, 10, 3);
	fec_dec_free(d);
	sender_free(s);
}

static void noise_does_not_change_the_numbers(void **state)
{
	uint64_t rng = 17;

	for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
		unsigned ds = shapes[k][0], n = ds + shapes[k][1];
		struct fec_dec *d = fec_dec_new(ds, n - ds, PAYLOAD_MAX);

		for (uint32_t seqid = 0; seqid < 50 * n; seqid++) {
			uint32_t forged = draw(&rng) % (50 * n);

			if (!chance(&rng, 10))
				feed(d, seqid, seqid % n < ds);
			if (chance(&rng, 5))
				feed(d, forged, chance(&rng, 50));
		}
		assert_params(d, ds, n - ds);
		assert_int_equal(fec_dec_stats(d)->retunes, 0);
		fec_dec_free(d);
	}
}

static void follows_a_sender_that_changes_its_numbers(void **state)
{
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);
	uint64_t rng = 5;
	uint64_t changes = 0;

	for (size_t k = 0; k < 2 * ARRAY_LEN(shapes); k++) {
		const unsigned *shape = shapes[(k * 5 + 1) % ARRAY_LEN(shapes)];
		unsigned ds, ps;

		fec_dec_params(d, &ds, &ps);
		changes += ds != shape[0] || ps != shape[1];
		assert_in_range(sets_to_tune(d, shape[0], shape[1], 0, 10, 5, &rng), 1, 20);
		assert_int_equal(fec_dec_stats(d)->retunes, changes);
	}
	fec_dec_free(d);
}

static void numbers_that_hardly_differ_are_told_apart(void **state)
{
	static const unsigned pairs[][4] = {
		{ 254, 1, 253, 1 }, { 253, 2, 254, 1 }, { 20, 1, 21, 1 },
		{ 10, 3, 10, 2 },   { 1, 254, 1, 253 },
	};
	uint64_t rng = 3;

	for (size_t k = 0; k < ARRAY_LEN(pairs); k++) {
		const unsigned *p = pairs[k];
		struct fec_dec *d = fec_dec_new(p[0], p[1], PAYLOAD_MAX);

		assert_in_range(sets_to_tune(d, p[2], p[3], 0, 5, 5, &rng), 1, 12);
		fec_dec_free(d);
	}
}

static void without_parity_nothing_is_believed(void **state)
{
	struct fec_dec *d = fec_dec_new(0, 0, PAYLOAD_MAX);
	unsigned ds, ps;

	for (uint32_t set = 0; set < 500; set++)
		for (uint32_t i = 0; i < 10; i++)
			feed(d, set * 13 + i, true);
	fec_dec_params(d, &ds, &ps);
	assert_int_equal(ds, 0);
	assert_int_equal(ps, 0);
	assert_int_equal(fec_dec_stats(d)->sets_held, 0);
	feed(d, 500 * 13 + 10, false); /* one alone may be a stray */
	assert_params(d, 0, 0);
	feed(d, 501 * 13 + 10, false);
	assert_params(d, 10, 3);
	fec_dec_free(d);
}

/* ---- a guess that may be wrong ---- */

static void nothing_is_rebuilt_with_numbers_that_fail(void **state)
{
	struct sender *s = sender_new(11, 5, 0);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);
	struct view v;
	unsigned sets = 0, ds, ps;

	/* Parity is rare, so the search takes its time. */
	do {
		sender_set(s, 60);
		for (unsigned i = 0; i < 16; i++) {
			if (i < 11 ? i == 3 : sets % 4 != 0)
				continue;
			fec_dec_input(d, packet_view(&s->set[i]));
			assert_false(fec_dec_next(d, &v));
		}
		fec_dec_params(d, &ds, &ps);
		assert_true(++sets < 40);
	} while (ds != 11);
	assert_int_equal(fec_dec_stats(d)->recovered, 0);
	fec_dec_free(d);
	sender_free(s);
}

/* A set of payloads of one length, which leaves no padding to tell noise by. */
static void sender_equal_set(struct sender *s, size_t len)
{
	for (unsigned i = 0; i < s->ds; i++) {
		sender_put(s, len);
		s->now_us += 1000;
		fec_enc_add(s->enc, s->now_us, &s->batch, s->batch.count - 1);
	}
	sender_keep_set(s);
}

/* Was this payload among those of the last few sets? */
static bool was_sent(uint8_t (*sent)[40], unsigned count, struct view v)
{
	for (unsigned i = 0; i < count; i++)
		if (v.n == sizeof(sent[i]) && memcmp(sent[i], v.p, v.n) == 0)
			return true;
	return false;
}

enum { GUESS_SETS = 30, GUESS_LEN = 40 };

static void guess_wrongly(unsigned ds, unsigned ps, unsigned guess_ds, unsigned guess_ps)
{
	struct sender *s = sender_new(ds, ps, 0);
	struct fec_dec *d = fec_dec_new(guess_ds, guess_ps, PAYLOAD_MAX);
	static uint8_t sent[GUESS_SETS * FEC_SHARDS_MAX][GUESS_LEN];
	unsigned sent_count = 0;
	struct view v;

	fec_dec_doubt(d);
	for (unsigned set = 0; set < GUESS_SETS; set++) {
		sender_equal_set(s, GUESS_LEN);
		for (unsigned i = 0; i < ds; i++)
			memcpy(sent[sent_count++], payload_view(&s->set[i]).p, GUESS_LEN);
		for (unsigned i = 0; i < ds + ps; i++) {
			if (s->set[i].len == 0 || chance(&s->rng, 40))
				continue;
			receive(d, &s->set[i]);
			while (fec_dec_next(d, &v))
				assert_true(was_sent(sent, sent_count, v));
		}
	}
	assert_params(d, ds, ps);
	fec_dec_free(d);
	sender_free(s);
}

static void a_wrong_guess_never_rebuilds_noise(void **state)
{
	static const uint8_t guesses[][2] = { { 1, 1 }, { 2, 5 },  { 10, 3 },
					      { 9, 4 }, { 3, 10 }, { 5, 1 } };

	for (size_t i = 0; i < ARRAY_LEN(guesses); i++)
		for (size_t k = 0; k < ARRAY_LEN(guesses); k++)
			guess_wrongly(guesses[i][0], guesses[i][1], guesses[k][0], guesses[k][1]);
}

static void a_right_guess_recovers_the_first_set_too(void **state)
{
	struct sender *s = sender_new(10, 3, 0);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);
	uint8_t lost[GUESS_LEN];
	bool found = false;
	struct view v;

	fec_dec_doubt(d);
	for (unsigned set = 0; set < 4; set++) {
		sender_equal_set(s, GUESS_LEN);
		if (set == 0)
			memcpy(lost, payload_view(&s->set[4]).p, GUESS_LEN);
		for (unsigned i = 0; i < 13; i++) {
			if (set == 0 && i == 4)
				continue;
			receive(d, &s->set[i]);
			while (fec_dec_next(d, &v))
				found |= v.n == GUESS_LEN && memcmp(v.p, lost, v.n) == 0;
		}
	}
	assert_true(found);
	assert_int_equal(fec_dec_stats(d)->recovered, 1);
	fec_dec_free(d);
	sender_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_numbers_in_every_trace_of_the_reference),
		cmocka_unit_test(finds_the_numbers_under_loss_and_disorder_within_a_few_sets),
		cmocka_unit_test(finds_the_numbers_across_the_wrap_of_seqid),
		cmocka_unit_test(recovers_with_the_numbers_it_found),
		cmocka_unit_test(a_packet_out_of_phase_does_not_switch_recovery_off),
		cmocka_unit_test(noise_does_not_change_the_numbers),
		cmocka_unit_test(follows_a_sender_that_changes_its_numbers),
		cmocka_unit_test(numbers_that_hardly_differ_are_told_apart),
		cmocka_unit_test(without_parity_nothing_is_believed),
		cmocka_unit_test(nothing_is_rebuilt_with_numbers_that_fail),
		cmocka_unit_test(a_wrong_guess_never_rebuilds_noise),
		cmocka_unit_test(a_right_guess_recovers_the_first_set_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
