/* test_fec.c - shards, parity and recovery. */
#include "fec_bed.h"

/* ---- coefficients ---- */

static void matrix_rows_are_those_of_the_wire(void **state)
{
	struct vec_file *f = vec_open("fec_matrix.txt");
	uint8_t *rows = malloc(255 * 255);
	unsigned checked = 0;

	assert_non_null(rows);
	for (size_t i = 0; i < f->record_count; i++) {
		const struct vec_record *r = &f->records[i];
		unsigned ds = (unsigned)vec_number(r, "ds"), ps = (unsigned)vec_number(r, "ps");

		if (ds + ps > FEC_SHARDS_MAX) {
			assert_int_equal(fec_matrix(ds, ps, rows), KT_EINVAL);
			continue;
		}
		assert_int_equal(fec_matrix(ds, ps, rows), KT_OK);
		for (unsigned k = 0; k < ps; k++) {
			struct vec_bytes want = vec_hex_text(vec_numbered(r, "row", k));

			assert_int_equal(want.n, ds);
			assert_memory_equal(rows + (size_t)k * ds, want.p, ds);
			vec_bytes_free(&want);
			checked++;
		}
	}
	assert_true(checked > 200);
	free(rows);
	vec_close(f);
}

static void refuses_impossible_numbers_of_shards(void **state)
{
	static const unsigned bad[][2] = {
		{ 0, 1 },   { 1, 0 },   { 255, 1 },        { 1, 255 },        { 128, 128 },
		{ 255, 0 }, { 0, 255 }, { UINT32_MAX, 2 }, { 2, UINT32_MAX }, { 256, 256 },
	};
	uint8_t rows[4];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(fec_matrix(bad[i][0], bad[i][1], rows), KT_EINVAL);
		assert_null(fec_enc_new(bad[i][0], bad[i][1], PAYLOAD_MAX));
		assert_null(fec_dec_new(bad[i][0], bad[i][1], PAYLOAD_MAX));
	}
	assert_null(fec_enc_new(10, 3, PACKET_CAP));
	assert_null(fec_dec_new(10, 3, 70000));
	fec_enc_free(NULL);
	fec_dec_free(NULL);
}

/* ---- what a datagram is ---- */

struct classify_case {
	const char *hex;
	enum fec_kind kind;
	size_t from, len; /* of the payload */
};

static void tells_what_a_datagram_is(void **state)
{
	static const struct classify_case cases[] = {
		{ "", FEC_BAD, 0, 0 },
		{ "00000000f1", FEC_BAD, 0, 0 },
		{ "00000000f100", FEC_BAD, 0, 0 },
		{ "00000000f10002", FEC_BAD, 0, 0 },
		{ "00000000f1000200", FEC_DATA, 8, 0 },
		{ "00000000f1000100", FEC_BAD, 0, 0 },
		{ "00000000f1000000", FEC_BAD, 0, 0 },
		{ "00000000f1000300", FEC_BAD, 0, 0 },
		{ "00000000f1000300aa", FEC_DATA, 8, 1 },
		{ "00000000f1000300aabb", FEC_DATA, 8, 1 },
		{ "00000000f100ffffaabb", FEC_BAD, 0, 0 },
		{ "00000000f200", FEC_BAD, 0, 0 },
		{ "00000000f20000", FEC_BAD, 0, 0 },
		{ "00000000f2000000", FEC_PARITY, 0, 0 },
		{ "fffffffff3000a004d3c2b1a70696e67", FEC_OOB, 12, 4 },
		{ "fffffffff30006004d3c2b1a", FEC_OOB, 12, 0 },
		{ "fffffffff30005004d3c2b1a", FEC_BAD, 0, 0 },
		{ "fffffffff30007004d3c2b1a", FEC_BAD, 0, 0 },
		{ "fffffffff30006004d3c2b", FEC_BAD, 0, 0 },
		{ "000000005100", FEC_PLAIN, 0, 6 },
		{ "00000000f10100000000", FEC_PLAIN, 0, 10 },
		{ "00000000f0000000", FEC_PLAIN, 0, 8 },
		{ "00000000f4000000", FEC_PLAIN, 0, 8 },
		{ "01000000540000000000000000000000000000000000000000000000", FEC_PLAIN, 0, 28 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct vec_bytes b = vec_hex_text(cases[i].hex);
		struct view payload;

		assert_int_equal(fec_classify((struct view){ b.p, b.n }, &payload), cases[i].kind);
		assert_int_equal(payload.n, cases[i].len);
		if (payload.n > 0)
			assert_ptr_equal(payload.p, b.p + cases[i].from);
		vec_bytes_free(&b);
	}
}

static void out_of_band_packets_are_no_shards(void **state)
{
	struct vec_file *f = vec_open("fec.txt");
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);
	unsigned found = 0;

	for (size_t i = 0; i < f->record_count; i++) {
		struct vec_bytes pkt, data;
		struct view v, payload;

		if (strcmp(f->records[i].kind, "oob") != 0)
			continue;
		pkt = vec_hex(&f->records[i], "packet");
		data = vec_hex(&f->records[i], "data");
		v = (struct view){ pkt.p, pkt.n };
		assert_int_equal(fec_classify(v, &payload), FEC_OOB);
		assert_bytes(payload, data.p, data.n);
		assert_int_equal(fec_dec_input(d, v), KT_EPROTO);
		vec_bytes_free(&pkt);
		vec_bytes_free(&data);
		found++;
	}
	assert_int_equal(found, 1);
	fec_dec_free(d);
	vec_close(f);
}

/* ---- recovery ---- */

static void rebuilds_all_of_each_set_with_as_many_losses_as_parity(void **state)
{
	for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
		unsigned ds = shapes[k][0], ps = shapes[k][1];
		struct sender *s = sender_new(ds, ps, 0);
		struct fec_dec *d = fec_dec_new(ds, ps, PAYLOAD_MAX);
		uint64_t rebuilt = 0;

		sender_set(s, 100); /* with ds == 1 this one has no parity */
		for (unsigned set = 0; set < (ds + ps > 100 ? 5 : 20); set++) {
			struct outcome o;

			sender_set(s, set % 2 == 0 ? PAYLOAD_MAX : 40);
			o = deliver_set(d, s, set % 3 == 0 ? ps : draw(&s->rng) % (ps + 1));
			assert_all_got(s, &o);
			rebuilt += o.rebuilt;
		}
		assert_true(rebuilt > 0);
		assert_int_equal(fec_dec_stats(d)->recovered, rebuilt);
		assert_int_equal(fec_dec_stats(d)->errors, 0);
		assert_int_equal(fec_dec_stats(d)->retunes, 0);
		fec_dec_free(d);
		sender_free(s);
	}
}

static void every_number_of_data_shards_works(void **state)
{
	for (unsigned ds = 1; ds < FEC_SHARDS_MAX; ds += 9) {
		unsigned ps = FEC_SHARDS_MAX - ds < 5 ? FEC_SHARDS_MAX - ds : 5;
		struct sender *s = sender_new(ds, ps, 0);
		struct fec_dec *d = fec_dec_new(ds, ps, PAYLOAD_MAX);
		struct outcome o;

		sender_set(s, 30);
		sender_set(s, 30);
		o = deliver_set(d, s, ps);
		assert_all_got(s, &o);
		fec_dec_free(d);
		sender_free(s);
	}
}

static void one_loss_too_many_rebuilds_nothing(void **state)
{
	struct sender *s = sender_new(10, 3, 0);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);

	for (unsigned set = 0; set < 50; set++) {
		struct outcome o;

		sender_set(s, 200);
		o = deliver_set(d, s, 4);
		assert_int_equal(o.rebuilt, 0);
		assert_true(fec_dec_stats(d)->sets_held <= FEC_SETS_MAX);
	}
	assert_int_equal(fec_dec_stats(d)->sets_held, FEC_SETS_MAX);
	assert_int_equal(fec_dec_stats(d)->shard_min, 9);
	fec_dec_free(d);
	sender_free(s);
}

static void recovery_goes_on_where_seqid_wraps(void **state)
{
	for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
		unsigned ds = shapes[k][0], ps = shapes[k][1], n = ds + ps;
		uint32_t paws = UINT32_MAX / n * n;
		struct sender *s = sender_new(ds, ps, paws - 3 * n);
		struct fec_dec *d = fec_dec_new(ds, ps, PAYLOAD_MAX);

		sender_set(s, 60);
		for (unsigned set = 0; set < 6; set++) {
			struct outcome o;

			sender_set(s, 60);
			assert_int_equal(load_le32(s->set[0].bytes),
					 set < 2 ? paws - (2 - set) * n : (set - 2) * n);
			o = deliver_set(d, s, ps);
			assert_all_got(s, &o);
		}
		fec_dec_free(d);
		sender_free(s);
	}
}

/* Deliver set A but for `lost` of its data, then `newer` whole sets, then its first parity. */
static int late_parity(unsigned newer, uint32_t seqid)
{
	struct sender *s = sender_new(10, 3, seqid);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);
	struct wire_packet parity;
	int n;

	sender_set(s, 60);
	parity = s->set[11];
	for (unsigned i = 1; i < 10; i++)
		assert_int_equal(receive(d, &s->set[i]), 0);
	for (unsigned k = 0; k < newer; k++) {
		sender_set(s, 60);
		for (unsigned i = 0; i < 13; i++)
			assert_int_equal(receive(d, &s->set[i]), 0);
	}
	assert_int_equal(fec_dec_stats(d)->full_sets, newer);
	n = receive(d, &parity);
	fec_dec_free(d);
	sender_free(s);
	return n;
}

static void a_set_survives_three_newer_ones_also_where_seqid_wraps(void **state)
{
	uint32_t paws = UINT32_MAX / 13 * 13;

	for (unsigned newer = 0; newer < 7; newer++) {
		int want = newer <= 3;

		assert_int_equal(late_parity(newer, 0), want);
		for (uint32_t before = 1; before < 6; before++)
			assert_int_equal(late_parity(newer, paws - 13 * before), want);
	}
}

static void a_set_is_counted_full_once_and_its_parity_is_ignored(void **state)
{
	struct sender *s = sender_new(10, 3, 0);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);

	sender_set(s, 60);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < 13; i++)
			assert_int_equal(receive(d, &s->set[i]), 0);
	assert_int_equal(fec_dec_stats(d)->full_sets, 1);
	assert_int_equal(fec_dec_stats(d)->parity_shards, 9);
	assert_int_equal(fec_dec_stats(d)->recovered, 0);
	assert_int_equal(fec_dec_stats(d)->sets_held, 0);
	assert_int_equal(fec_dec_stats(d)->shard_min, 0);
	fec_dec_free(d);
	sender_free(s);
}

static void empty_payloads_are_sound_but_not_delivered(void **state)
{
	struct sender *s = sender_new(2, 1, 0);
	struct fec_dec *d = fec_dec_new(2, 1, PAYLOAD_MAX);
	struct view v;

	sender_put(s, 0);
	sender_put(s, 30);
	assert_int_equal(fec_enc_add(s->enc, 0, &s->batch, 0), 0);
	assert_int_equal(fec_enc_add(s->enc, 0, &s->batch, 1), 1);
	for (size_t i = 1; i < 3; i++)
		assert_int_equal(
			fec_dec_input(d, (struct view){ s->batch.v[i].data, s->batch.v[i].len }), 0);
	assert_false(fec_dec_next(d, &v));
	assert_int_equal(fec_dec_stats(d)->recovered, 1);
	assert_int_equal(fec_dec_stats(d)->errors, 0);
	fec_dec_free(d);
	sender_free(s);
}

/* ---- hostile input ---- */

static void malformed_packets_are_refused_and_counted(void **state)
{
	struct fec_dec *d = fec_dec_new(10, 3, 100);
	uint32_t paws = UINT32_MAX / 13 * 13;
	const struct wire_packet bad[] = {
		loose(0, FEC_TYPE_DATA, 0, 10), /* size does not count itself */
		loose(0, FEC_TYPE_DATA, 1, 10),
		loose(0, FEC_TYPE_DATA, 11, 10), /* size past the end */
		loose(0, FEC_TYPE_DATA, 0xffff, 10),
		loose(0, FEC_TYPE_DATA, 103, 103), /* longer than was agreed */
		loose(10, FEC_TYPE_PARITY, 0, 103),
		loose(10, FEC_TYPE_PARITY, 0, 1), /* not even a size */
		loose(10, FEC_TYPE_PARITY, 0, 0),
		loose(0, FEC_TYPE_OOB, 10, 10),
		loose(0, 0x51, 10, 10),
		loose(UINT32_MAX, FEC_TYPE_DATA, 10, 10),
		loose(UINT32_MAX, FEC_TYPE_PARITY, 10, 10),
		loose(paws, FEC_TYPE_DATA, 10, 10),
		loose(paws + 5, FEC_TYPE_PARITY, 10, 10),
	};
	const struct fec_dec_stats *stats = fec_dec_stats(d);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(receive(d, &bad[i]), KT_EPROTO);
		assert_int_equal(stats->errors, i + 1);
		assert_int_equal(stats->sets_held, 0);
	}
	assert_int_equal(fec_dec_input(d, (struct view){ NULL, 0 }), KT_EPROTO);
	fec_dec_free(d);
}

static void parity_of_unequal_length_is_refused(void **state)
{
	struct sender *s = sender_new(10, 3, 0);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);
	struct wire_packet lie;

	sender_set(s, 300);
	for (unsigned i = 2; i < 11; i++)
		assert_int_equal(receive(d, &s->set[i]), 0);
	lie = s->set[11];
	lie.len--;
	assert_int_equal(receive(d, &lie), KT_EPROTO);
	lie.len += 2;
	assert_int_equal(receive(d, &lie), KT_EPROTO);
	assert_int_equal(receive(d, &s->set[12]), 2);
	fec_dec_free(d);
	sender_free(s);
}

static void data_longer_than_the_parity_spoils_only_its_set(void **state)
{
	struct sender *s = sender_new(3, 2, 0);
	struct fec_dec *d = fec_dec_new(3, 2, PAYLOAD_MAX);
	struct wire_packet lie = loose(0, FEC_TYPE_DATA, 900, 900);
	struct outcome o;

	sender_set(s, 300);
	assert_int_equal(receive(d, &lie), 0);
	assert_int_equal(receive(d, &s->set[1]), 0);
	assert_int_equal(receive(d, &s->set[3]), 0);
	assert_int_equal(fec_dec_stats(d)->errors, 1);
	assert_int_equal(receive(d, &s->set[4]), 0);
	sender_set(s, 300);
	o = deliver_set(d, s, 2);
	assert_all_got(s, &o);
	fec_dec_free(d);
	sender_free(s);
}

static void rebuilt_shards_with_a_false_size_are_dropped(void **state)
{
	struct sender *s = sender_new(4, 2, 0);
	struct fec_dec *d = fec_dec_new(4, 2, PAYLOAD_MAX);
	struct view v;

	for (unsigned round = 0; round < 64; round++) {
		sender_set(s, 300);
		/* Noise in the parity of the size field, or of the padding behind the packet. */
		s->set[4].bytes[FEC_HEADER + 1] ^= 0x80;
		for (unsigned i = 1; i < 5; i++)
			assert_int_equal(receive(d, &s->set[i]), 0);
		assert_false(fec_dec_next(d, &v));
		assert_int_equal(fec_dec_stats(d)->errors, round + 1);
	}
	assert_int_equal(fec_dec_stats(d)->recovered, 0);
	fec_dec_free(d);
	sender_free(s);
}

static void rebuilt_shards_with_noise_behind_the_payload_are_dropped(void **state)
{
	struct sender *s = sender_new(2, 1, 0);
	struct fec_dec *d = fec_dec_new(2, 1, PAYLOAD_MAX);

	for (size_t i = 0; i < 2; i++) {
		sender_put(s, 20 + 30 * i);
		fec_enc_add(s->enc, 0, &s->batch, i);
	}
	s->batch.v[2].data[s->batch.v[2].len - 1] ^= 1;
	for (size_t i = 1; i < 3; i++)
		assert_int_equal(
			fec_dec_input(d, (struct view){ s->batch.v[i].data, s->batch.v[i].len }), 0);
	assert_int_equal(fec_dec_stats(d)->errors, 1);
	assert_int_equal(fec_dec_stats(d)->recovered, 0);
	fec_dec_free(d);
	sender_free(s);
}

static void a_flood_of_noise_takes_bounded_memory(void **state)
{
	struct sender *s = sender_new(20, 10, 0);
	struct fec_dec *d = fec_dec_new(20, 10, PAYLOAD_MAX);
	size_t limit = 300000u + 5 * 30 * PAYLOAD_MAX;
	struct view v;

	for (unsigned i = 0; i < 60000; i++) {
		uint32_t seqid = draw(&s->rng);
		struct wire_packet p;

		if (i % 3 == 0)
			seqid %= 1000;
		if (i % 3 == 1)
			seqid = i;
		p = loose(seqid, seqid % 30 < 20 ? FEC_TYPE_DATA : FEC_TYPE_PARITY, 5, 5);
		if (chance(&s->rng, 3))
			p.bytes[4] ^= 3;
		p.bytes[FEC_HEADER + 3] = (uint8_t)draw(&s->rng);
		if (fec_dec_input(d, packet_view(&p)) > 0)
			assert_true(fec_dec_next(d, &v));
		if (i % 512 == 0)
			fec_dec_verify(d);
		assert_true(fec_dec_memory(d) < limit);
	}
	fec_dec_free(d);
	sender_free(s);
}

/* ---- jumps of the sequence ---- */

/* Sets until one of them, with losses, is rebuilt again; 0: none of twenty. */
static unsigned sets_until_recovery(struct fec_dec *d, struct sender *s)
{
	for (unsigned set = 1; set <= 20; set++) {
		struct outcome o;

		sender_set(s, 60);
		o = deliver_set(d, s, s->ps);
		for (unsigned i = 0; i < s->ds; i++)
			if (!o.got[i])
				o.rebuilt = 0;
		if (o.rebuilt > 0)
			return set;
	}
	return 0;
}

static void resumes_soon_wherever_the_sender_jumps(void **state)
{
	static const uint32_t jumps[] = { 5, 50, 63, 64, 65, 1000, 1u << 20, 1u << 27, 300u << 20 };
	uint32_t sets = UINT32_MAX / 13;

	for (size_t i = 0; i < ARRAY_LEN(jumps); i++) {
		for (int back = 0; back < 2; back++) {
			uint32_t from = 1000;
			uint32_t to = (from + (back ? sets - jumps[i] : jumps[i])) % sets;
			struct sender *a = sender_new(10, 3, from * 13),
				      *b = sender_new(10, 3, to * 13);
			struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);

			assert_int_equal(sets_until_recovery(d, a), 1);
			assert_in_range(sets_until_recovery(d, b), 1, 4);
			assert_int_equal(sets_until_recovery(d, b), 1);
			assert_params(d, 10, 3);
			fec_dec_free(d);
			sender_free(a);
			sender_free(b);
		}
	}
}

static void packets_astray_do_not_disturb_a_set(void **state)
{
	static const uint32_t places[] = { 0, 5, 940, 990, 995, 1200, 2000, 1u << 20, 300u << 20 };
	struct sender *s = sender_new(10, 3, 1000 * 13);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);

	assert_int_equal(sets_until_recovery(d, s), 1);
	for (unsigned set = 0; set < 50; set++) {
		uint64_t before = fec_dec_stats(d)->recovered;

		sender_set(s, 60);
		for (unsigned i = 0; i < 13; i++) {
			const uint32_t place = places[(set + i) % ARRAY_LEN(places)];
			struct wire_packet stray = loose(place * 13 + i,
							 i < 10 ? FEC_TYPE_DATA : FEC_TYPE_PARITY,
							 20, 20);

			assert_int_equal(receive(d, &stray), 0);
			if (i == set % 10)
				continue;
			assert_int_equal(receive(d, &s->set[i]), i == 10);
		}
		assert_int_equal(fec_dec_stats(d)->recovered, before + 1);
	}
	fec_dec_free(d);
	sender_free(s);
}

static void a_clump_of_late_packets_does_not_lose_the_place(void **state)
{
	struct sender *s = sender_new(10, 3, 0);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);

	for (unsigned set = 0; set < 30; set++) {
		struct outcome o;

		sender_set(s, 60);
		o = deliver_set(d, s, 3);
		assert_all_got(s, &o);
	}
	for (uint32_t seqid = 100; seqid < 107; seqid++) {
		struct wire_packet late = loose(seqid,
						seqid % 13 < 10 ? FEC_TYPE_DATA : FEC_TYPE_PARITY,
						20, 20);

		assert_int_equal(receive(d, &late), 0);
	}
	assert_int_equal(sets_until_recovery(d, s), 1);
	fec_dec_free(d);
	sender_free(s);
}

/* ---- memory ---- */

static void trimming_gives_memory_back_and_recovery_goes_on(void **state)
{
	struct sender *s = sender_new(10, 3, 0);
	struct fec_dec *d = fec_dec_new(10, 3, PAYLOAD_MAX);
	size_t empty = fec_dec_memory(d), enc_empty = fec_enc_memory(s->enc);

	sender_set(s, 60);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(receive(d, &s->set[i]), 0);
	assert_true(fec_dec_memory(d) >= empty + (size_t)9 * PAYLOAD_MAX);
	fec_dec_trim(d); /* it was in use a moment ago */
	fec_dec_verify(d);
	assert_int_equal(receive(d, &s->set[11]), 1);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(receive(d, &s->set[i]), 0);
	sender_set(s, 60);
	assert_int_equal(receive(d, &s->set[0]), 0);
	assert_int_equal(fec_dec_stats(d)->sets_held, 1);
	fec_dec_trim(d);
	fec_dec_trim(d);
	fec_dec_verify(d);
	assert_int_equal(fec_dec_memory(d), empty);
	assert_int_equal(fec_dec_stats(d)->sets_held, 0);
	assert_int_equal(sets_until_recovery(d, s), 1);
	fec_enc_trim(s->enc);
	assert_int_equal(fec_enc_memory(s->enc), enc_empty);
	fec_dec_free(d);
	sender_free(s);
}

static void trimming_an_encoder_with_an_open_set_keeps_the_set(void **state)
{
	struct sender *s = sender_new(10, 3, 0), *plain = sender_new(10, 3, 0);
	size_t most = fec_enc_memory(s->enc) + (size_t)11 * (PAYLOAD_MAX + 64);

	for (unsigned i = 0; i < 10; i++) {
		size_t made;

		sender_put(s, 50 + i);
		sender_put(plain, 50 + i);
		made = fec_enc_add(s->enc, i, &s->batch, s->batch.count - 1);
		assert_int_equal(made, i == 9 ? 3 : 0);
		assert_int_equal(fec_enc_add(plain->enc, i, &plain->batch, i), made);
		if (i == 9)
			break;
		fec_enc_settle(s->enc);
		batch_clear(&s->batch);
		fec_enc_trim(s->enc);
		assert_true(fec_enc_memory(s->enc) <= most);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_bytes((struct view){ s->batch.v[1 + i].data, s->batch.v[1 + i].len },
			     plain->batch.v[10 + i].data, plain->batch.v[10 + i].len);
	sender_free(s);
	sender_free(plain);
}

static void a_full_batch_costs_the_parity_but_not_the_sequence(void **state)
{
	struct sender *s = sender_new(2, 2, 0);

	while (batch_room(&s->batch) > 1)
		sender_put(s, 10);
	assert_int_equal(fec_enc_add(s->enc, 0, &s->batch, 0), 0);
	assert_int_equal(fec_enc_add(s->enc, 0, &s->batch, 1), 0);
	assert_int_equal(s->batch.count, BATCH_MAX - 1);
	assert_int_equal(fec_enc_add(s->enc, 0, &s->batch, 2), 0);
	assert_int_equal(load_le32(s->batch.v[2].data), 4);
	sender_free(s);
}

static void packets_without_room_behind_them_are_copied(void **state)
{
	struct sender *s = sender_new(2, 1, 0), *plain = sender_new(2, 1, 0);

	for (unsigned i = 0; i < 2; i++) {
		struct packet *pkt;

		sender_put(s, 20 + 30 * i);
		sender_put(plain, 20 + 30 * i);
		pkt = &s->batch.v[i];
		memmove(pkt->mem + PACKET_CAP - pkt->len, pkt->data, pkt->len);
		pkt->data = pkt->mem + PACKET_CAP - pkt->len;
		assert_int_equal(fec_enc_add(s->enc, 0, &s->batch, i), i);
		assert_int_equal(fec_enc_add(plain->enc, 0, &plain->batch, i), i);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_bytes((struct view){ s->batch.v[i].data, s->batch.v[i].len },
			     plain->batch.v[i].data, plain->batch.v[i].len);
	sender_free(s);
	sender_free(plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matrix_rows_are_those_of_the_wire),
		cmocka_unit_test(refuses_impossible_numbers_of_shards),
		cmocka_unit_test(tells_what_a_datagram_is),
		cmocka_unit_test(out_of_band_packets_are_no_shards),
		cmocka_unit_test(rebuilds_all_of_each_set_with_as_many_losses_as_parity),
		cmocka_unit_test(every_number_of_data_shards_works),
		cmocka_unit_test(one_loss_too_many_rebuilds_nothing),
		cmocka_unit_test(recovery_goes_on_where_seqid_wraps),
		cmocka_unit_test(a_set_survives_three_newer_ones_also_where_seqid_wraps),
		cmocka_unit_test(a_set_is_counted_full_once_and_its_parity_is_ignored),
		cmocka_unit_test(empty_payloads_are_sound_but_not_delivered),
		cmocka_unit_test(malformed_packets_are_refused_and_counted),
		cmocka_unit_test(parity_of_unequal_length_is_refused),
		cmocka_unit_test(data_longer_than_the_parity_spoils_only_its_set),
		cmocka_unit_test(rebuilt_shards_with_a_false_size_are_dropped),
		cmocka_unit_test(rebuilt_shards_with_noise_behind_the_payload_are_dropped),
		cmocka_unit_test(a_flood_of_noise_takes_bounded_memory),
		cmocka_unit_test(resumes_soon_wherever_the_sender_jumps),
		cmocka_unit_test(packets_astray_do_not_disturb_a_set),
		cmocka_unit_test(a_clump_of_late_packets_does_not_lose_the_place),
		cmocka_unit_test(trimming_gives_memory_back_and_recovery_goes_on),
		cmocka_unit_test(trimming_an_encoder_with_an_open_set_keeps_the_set),
		cmocka_unit_test(a_full_batch_costs_the_parity_but_not_the_sequence),
		cmocka_unit_test(packets_without_room_behind_them_are_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
