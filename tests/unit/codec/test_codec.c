/* test_codec.c - compressed streams: which one it is, round trips, memory. */
#include "codec_bed.h"

/* ---- names and detection ------------------------------------------------- */

static void each_kind_has_a_name(void **state)
{
	assert_string_equal(codec_name(CODEC_NONE), "none");
	assert_string_equal(codec_name(CODEC_SNAPPY), "snappy");
	assert_string_equal(codec_name(CODEC_ZSTD), "zstd");
	assert_string_equal(codec_name(CODEC_UNKNOWN), "unknown");
	assert_string_equal(codec_name(CODEC_FOREIGN), "foreign");
}

static void detects_a_stream_from_its_first_four_bytes(void **state)
{
	static const struct {
		uint8_t first[6];
		enum codec_kind kinds[7]; /* for 0 .. 6 bytes of it */
	} rows[] = {
#define U CODEC_UNKNOWN
#define S CODEC_SNAPPY
#define Z CODEC_ZSTD
#define F CODEC_FOREIGN
#define N CODEC_NONE
		{ { 0xff, 0x06, 0x00, 0x00, 0x73, 0x4e }, { U, U, U, U, S, S, S } },
		{ { 0xff, 0x06, 0x00, 0x01, 0x73, 0x4e }, { U, U, U, U, F, F, F } },
		{ { 0xff, 0x06, 0x01, 0x00, 0x73, 0x4e }, { U, U, U, F, F, F, F } },
		{ { 0xff, 0x07, 0x00, 0x00, 0x73, 0x4e }, { U, U, F, F, F, F, F } },
		{ { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x00 }, { U, U, U, U, Z, Z, Z } },
		{ { 0x28, 0xb5, 0x2f, 0xfc, 0x00, 0x00 }, { U, U, U, U, F, F, F } },
		{ { 0x28, 0x06, 0x00, 0x00, 0x00, 0x00 }, { U, U, F, F, F, F, F } },
		{ { 0xff, 0xb5, 0x2f, 0xfd, 0x00, 0x00 }, { U, U, F, F, F, F, F } },
		{ { 0x01, 0x00, 0x00, 0x00, 0x03, 0x00 }, { U, N, N, N, N, N, N } },
		{ { 0x02, 0xff, 0xff, 0xff, 0xff, 0xff }, { U, N, N, N, N, N, N } },
		{ { 0x00, 0x00, 0x00, 0x00, 0x00, 0x00 }, { U, F, F, F, F, F, F } },
		{ { 0x03, 0x00, 0x00, 0x00, 0x00, 0x00 }, { U, F, F, F, F, F, F } },
#undef U
#undef S
#undef Z
#undef F
#undef N
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t n = 0; n <= 6; n++) {
			struct view first = { rows[i].first, n };

			assert_int_equal(codec_detect(first), rows[i].kinds[n]);
		}
}

/* ---- round trips --------------------------------------------------------- */

/* Random cuts of n bytes, some of the pieces empty. */
static size_t cut_pieces(const uint8_t *p, size_t n, struct view pieces[static 8])
{
	size_t count = 0;

	while (count < 7 && n > 0) {
		size_t k = rnd(4) == 0 ? 0 : rnd(3) == 0 ? rnd((uint32_t)n) + 1 : n < 8 ? n : 8;

		pieces[count++] = (struct view){ k > 0 ? p : NULL, k };
		p += k;
		n -= k;
	}
	pieces[count++] = (struct view){ n > 0 ? p : NULL, n };
	return count;
}

/* A block goes through whole: encoded from pieces, decoded from cuts, and all of it is there
 * at once, for nothing may wait inside. */
static void pass(struct pair *p, const uint8_t *data, size_t n, size_t cut_max)
{
	size_t cap = codec_bound(p->kind, n), at = 0;
	uint8_t *out = malloc(cap); /* exactly: AddressSanitizer watches the end */
	struct bytes plain = { 0 };
	struct view pieces[8];
	size_t count = cut_pieces(data, n, pieces);
	int used = codec_encode(p->e, pieces, count, out, cap);

	assert_true(used > 0);
	assert_true((size_t)used <= cap);
	while (at < (size_t)used) {
		size_t k = 1 + rnd((uint32_t)cut_max);

		if (k > (size_t)used - at)
			k = (size_t)used - at;
		assert_int_equal(feed(p->d, out + at, k, &plain), KT_OK);
		at += k;
	}
	assert_same(plain, data, n);
	drop(&plain);
	free(out);
}

static void returns_every_block_at_once_whatever_the_size_content_and_cut(void **state)
{
	static const size_t sizes[] = { 100,   1000,  1354,  4104,  8200,  32767,
					32768, 32769, 65535, 65536, 65537, CODEC_BLOCK_MAX };
	uint8_t *data = malloc(CODEC_BLOCK_MAX);

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct pair p = pair_new(kinds[k]);

		for (int content = 0; content < CONTENTS; content++) {
			for (size_t n = 1; n <= 40; n++) {
				fill(data, n, content);
				pass(&p, data, n, 5);
			}
			for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
				fill(data, sizes[i], content);
				pass(&p, data, sizes[i], 1354);
				pass(&p, data, sizes[i], 100000);
			}
		}
		pair_free(&p);
	}
	free(data);
}

static void goes_on_after_either_end_was_trimmed_at_any_time(void **state)
{
	uint8_t *data = malloc(CODEC_BLOCK_MAX);

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct pair p = pair_new(kinds[k]);

		for (int i = 0; i < 60; i++) {
			size_t n = 1 + rnd(rnd(2) == 0 ? 30 : 20000);

			if (rnd(3) == 0)
				codec_enc_trim(p.e);
			if (rnd(3) == 0)
				codec_dec_trim(p.d);
			fill(data, n, (int)rnd(CONTENTS));
			pass(&p, data, n, 3000);
		}
		pair_free(&p);
	}
	free(data);
}

static void decodes_a_stream_fed_byte_by_byte(void **state)
{
	static uint8_t data[3 * 8200];

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct codec_enc *e = codec_enc_new(kinds[k]);
		struct bytes wire = { 0 }, plain = { 0 };

		fill(data, sizeof(data), MIXED);
		for (size_t at = 0; at < sizeof(data); at += 8200) {
			encode(e, kinds[k], data + at, 8200, &wire);
			codec_enc_trim(e);
		}
		assert_int_equal(feed_cut(kinds[k], (struct view){ wire.p, wire.n }, 1, 1, &plain),
				 KT_OK);
		assert_same(plain, data, sizeof(data));
		drop(&wire);
		drop(&plain);
		codec_enc_free(e);
	}
}

/* ---- memory -------------------------------------------------------------- */

static void snappy_holds_nothing_while_nothing_is_pending(void **state)
{
	struct pair p = pair_new(CODEC_SNAPPY);
	size_t d_rest = codec_dec_memory(p.d), e_rest = codec_enc_memory(p.e);
	uint8_t *data = malloc(CODEC_BLOCK_MAX), *wire = malloc(100000);
	struct view in, out, pieces[2] = { { data, 8 }, { data + 8, 65528 } };

	fill(data, 65536, TEXT);
	in = (struct view){ wire, (size_t)codec_encode(p.e, pieces, 2, wire, 100000) };
	assert_true(codec_enc_memory(p.e) >= 65536);
	assert_true(codec_enc_memory(p.e) <= e_rest + 65536);
	codec_enc_trim(p.e);
	assert_int_equal(codec_enc_memory(p.e), e_rest);

	/* Whole: no copy of the chunk, only its content. */
	assert_int_equal(codec_decode(p.d, &in, &out), KT_OK);
	assert_int_equal(out.n, 65536);
	assert_int_equal(in.n, 0);
	assert_int_equal(codec_dec_memory(p.d), d_rest + 65536);
	codec_dec_trim(p.d);
	assert_int_equal(codec_dec_memory(p.d), d_rest);

	/* In two parts: the first is held; trimming does not lose it. */
	in.n = (size_t)codec_encode(p.e, pieces, 1, wire, 100000); /* 8 header bytes, 8 raw ones */
	in.p = wire;
	in.n = 12;
	assert_int_equal(codec_decode(p.d, &in, &out), KT_OK);
	assert_int_equal(out.n, 0);
	assert_int_equal(codec_dec_memory(p.d), d_rest + 12);
	codec_dec_trim(p.d);
	assert_int_equal(codec_dec_memory(p.d), d_rest + 12);
	in = (struct view){ wire + 12, 4 };
	assert_int_equal(codec_decode(p.d, &in, &out), KT_OK);
	assert_int_equal(out.n, 8);
	assert_memory_equal(out.p, data, 8);
	in.n = 0;
	assert_int_equal(codec_decode(p.d, &in, &out), KT_OK); /* ends the borrow */
	assert_int_equal(codec_dec_memory(p.d), d_rest);
	pair_free(&p);
	free(data);
	free(wire);
}

static void uncompressed_bytes_that_lie_whole_in_the_input_are_not_copied(void **state)
{
	struct pair p = pair_new(CODEC_SNAPPY);
	uint8_t data[1000], wire[2000];
	struct view piece = { data, sizeof(data) }, in, out;

	fill(data, sizeof(data), NOISE);
	in = (struct view){ wire, (size_t)codec_encode(p.e, &piece, 1, wire, sizeof(wire)) };
	assert_int_equal(codec_decode(p.d, &in, &out), KT_OK);
	assert_ptr_equal(out.p, wire + 18);
	assert_int_equal(out.n, 1000);
	assert_int_equal(codec_enc_memory(p.e) < 100, true); /* nor was the one piece gathered */
	pair_free(&p);
}

static void zstd_gives_its_tables_back_when_trimmed(void **state)
{
	struct pair p = pair_new(CODEC_ZSTD);
	size_t d_rest = codec_dec_memory(p.d), e_rest = codec_enc_memory(p.e);
	uint8_t data[5000];
	struct bytes wire = { 0 }, got = { 0 };

	fill(data, sizeof(data), TEXT);
	encode(p.e, CODEC_ZSTD, data, sizeof(data), &wire);
	assert_true(codec_enc_memory(p.e) > e_rest);
	assert_true(codec_enc_memory(p.e) < 1200000);
	codec_enc_trim(p.e);
	assert_int_equal(codec_enc_memory(p.e), e_rest);
	assert_int_equal(feed(p.d, wire.p, wire.n, &got), KT_OK);
	assert_true(codec_dec_memory(p.d) < 800000);

	/* The next block begins with the end of the old frame; between frames nothing is held. */
	wire.n = 0;
	encode(p.e, CODEC_ZSTD, data, sizeof(data), &wire);
	assert_memory_equal(wire.p, "\x01\0\0\x28\xb5\x2f\xfd", 7);
	assert_int_equal(feed(p.d, wire.p, 3, &got), KT_OK);
	assert_int_equal(codec_dec_memory(p.d), d_rest);
	assert_int_equal(feed(p.d, wire.p + 3, wire.n - 3, &got), KT_OK);
	assert_int_equal(got.n, 2 * sizeof(data));
	drop(&wire);
	drop(&got);
	pair_free(&p);
}

static void freeing_null_is_fine(void **state)
{
	codec_enc_free(NULL);
	codec_dec_free(NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_a_name),
		cmocka_unit_test(detects_a_stream_from_its_first_four_bytes),
		cmocka_unit_test(returns_every_block_at_once_whatever_the_size_content_and_cut),
		cmocka_unit_test(goes_on_after_either_end_was_trimmed_at_any_time),
		cmocka_unit_test(decodes_a_stream_fed_byte_by_byte),
		cmocka_unit_test(snappy_holds_nothing_while_nothing_is_pending),
		cmocka_unit_test(uncompressed_bytes_that_lie_whole_in_the_input_are_not_copied),
		cmocka_unit_test(zstd_gives_its_tables_back_when_trimmed),
		cmocka_unit_test(freeing_null_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
