/* test_codec_hostile.c - streams that are changed, cut, broken or bombs. */
#include "codec_bed.h"

#include <zstd.h>

enum { ZSTD_OUT_MAX = 32768 };

/* ---- hostile input ------------------------------------------------------- */

/* A stream of some blocks of each content. */
static void make_stream(enum codec_kind kind, struct bytes *wire, struct bytes *plain)
{
	struct codec_enc *e = codec_enc_new(kind);
	uint8_t data[400];

	for (int content = 0; content < CONTENTS; content++) {
		size_t n = 60 + 80 * (size_t)content;

		fill(data, n, content);
		encode(e, kind, data, n, wire);
		append(plain, data, n);
		if (content == 1)
			codec_enc_trim(e);
	}
	codec_enc_free(e);
}

/* Two ways to say the same exist (a copy from farther back in a run): nothing else passes. */
static void a_changed_byte_never_makes_snappy_give_out_wrong_bytes(void **state)
{
	static const uint8_t masks[] = { 0x01, 0x10, 0x55, 0x7e }; /* none makes a chunk skippable */
	struct bytes wire = { 0 }, plain = { 0 };
	size_t passed = 0;

	make_stream(CODEC_SNAPPY, &wire, &plain);
	for (size_t i = 0; i < wire.n; i++)
		for (size_t m = 0; m < ARRAY_LEN(masks); m++) {
			struct view v = { wire.p, wire.n };
			struct bytes whole = { 0 }, cut = { 0 };

			wire.p[i] ^= masks[m];
			feed_cut(CODEC_SNAPPY, v, wire.n, 1, &whole);
			feed_cut(CODEC_SNAPPY, v, 9, 31, &cut);
			wire.p[i] ^= masks[m];
			assert_true(whole.n <= plain.n);
			assert_same(whole, plain.p, whole.n);
			assert_same(cut, plain.p, whole.n);
			passed += whole.n == plain.n;
			drop(&whole);
			drop(&cut);
		}
	assert_true(passed < wire.n * ARRAY_LEN(masks) / 20);
	drop(&wire);
	drop(&plain);
}

static void a_changed_byte_never_hurts_zstd(void **state)
{
	struct bytes wire = { 0 }, plain = { 0 };

	make_stream(CODEC_ZSTD, &wire, &plain);
	for (size_t i = 0; i < wire.n; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			struct bytes got = { 0 };
			int err;

			wire.p[i] ^= (uint8_t)(1u << bit);
			err = feed_cut(CODEC_ZSTD, (struct view){ wire.p, wire.n }, wire.n, 1, &got);
			if (i < 4)
				assert_int_equal(err, KT_EPROTO);
			got.n = 0;
			feed_cut(CODEC_ZSTD, (struct view){ wire.p, wire.n }, 1 + i, 13, &got);
			wire.p[i] ^= (uint8_t)(1u << bit);
			drop(&got);
		}
	drop(&wire);
	drop(&plain);
}

static void a_truncated_snappy_stream_gives_whole_chunks_only(void **state)
{
	struct bytes wire = { 0 }, plain = { 0 };
	struct codec_enc *e = codec_enc_new(CODEC_SNAPPY);
	size_t wire_end[4], plain_end[4];

	for (int content = 0; content < CONTENTS; content++) {
		uint8_t data[300];

		fill(data, sizeof(data), content);
		encode(e, CODEC_SNAPPY, data, sizeof(data), &wire);
		append(&plain, data, sizeof(data));
		wire_end[content] = wire.n;
		plain_end[content] = plain.n;
	}
	for (size_t n = 0; n <= wire.n; n++) {
		struct bytes got = { 0 };
		size_t want = 0;

		for (int i = 0; i < CONTENTS; i++)
			if (n >= wire_end[i])
				want = plain_end[i];
		assert_int_equal(feed_cut(CODEC_SNAPPY, (struct view){ wire.p, n }, 11, 50, &got),
				 KT_OK);
		assert_same(got, plain.p, want);
		drop(&got);
	}
	drop(&wire);
	drop(&plain);
	codec_enc_free(e);
}

static void a_broken_stream_stays_broken_and_holds_nothing(void **state)
{
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct codec_dec *d = codec_dec_new(kinds[k]);
		struct bytes wire = { 0 }, plain = { 0 }, none = { 0 };
		size_t at_rest = codec_dec_memory(d);

		make_stream(kinds[k], &wire, &plain);
		assert_int_equal(feed(d, (const uint8_t *)"garbage", 7, &none), KT_EPROTO);
		assert_int_equal(codec_dec_memory(d), at_rest);
		assert_int_equal(feed(d, wire.p, wire.n, &none), KT_EPROTO);
		assert_int_equal(none.n, 0);
		codec_dec_free(d);
		drop(&wire);
		drop(&plain);
	}
}

static void refuses_a_block_that_claims_more_than_a_chunk_may_hold(void **state)
{
	static const uint8_t claims[][6] = {
		{ 0x81, 0x80, 0x04 },             /* 65537 */
		{ 0xff, 0xff, 0xff, 0xff, 0x0f }, /* 4 GiB - 1 */
		{ 0xff, 0xff, 0xff, 0xff, 0x7f }, /* no 32-bit number */
		{ 0x80, 0x80, 0x80, 0x80, 0x80, 0x01 },
	};

	for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
		uint8_t wire[28] = "\xff\x06\0\0sNaPpY\0\x0e\0\0crc!";
		struct bytes got = { 0 };

		memcpy(wire + 18, claims[i], sizeof(claims[i]));
		assert_int_equal(feed_cut(CODEC_SNAPPY, (struct view){ wire, sizeof(wire) }, 28, 1,
					  &got),
				 KT_EPROTO);
		assert_int_equal(got.n, 0);
	}
}

static void skips_the_longest_padding_without_holding_it(void **state)
{
	static const uint8_t types[] = { 0x80, 0xa0, 0xfd, 0xfe };

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct codec_dec *d = codec_dec_new(CODEC_SNAPPY);
		size_t at_rest = codec_dec_memory(d);
		uint8_t *padding = calloc(1, 76494), header[4];
		struct bytes got = { 0 };

		store_le32(header, types[i] | 76494u << 8);
		assert_int_equal(feed(d, (const uint8_t *)"\xff\x06\0\0sNaPpY", 10, &got), KT_OK);
		assert_int_equal(feed(d, header, 4, &got), KT_OK);
		for (size_t at = 0; at < 76494; at += 1000) {
			size_t n = 76494 - at < 1000 ? 76494 - at : 1000;

			assert_int_equal(feed(d, padding, n, &got), KT_OK);
			assert_int_equal(codec_dec_memory(d), at_rest);
		}
		assert_int_equal(feed(d, (const uint8_t *)"\x01\x05\0\0\x78\x6e\xe4\x28\x61", 9, &got),
				 KT_OK);
		assert_same(got, "a", 1);
		store_le32(header, types[i] | 76495u << 8);
		assert_int_equal(feed(d, header, 4, &got), KT_EPROTO);
		drop(&got);
		free(padding);
		codec_dec_free(d);
	}
}

/* One frame by libzstd itself, with parameters that our encoder does not use. */
static struct bytes zstd_frame(const void *p, size_t n, int window_log, int checksum)
{
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	size_t cap = ZSTD_compressBound(n) + 64;
	struct bytes b = { malloc(cap), 0, cap };
	ZSTD_inBuffer in = { p, n, 0 };
	ZSTD_outBuffer out = { b.p, cap, 0 };

	ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, window_log);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, checksum);
	/* Not in one go: then the window would shrink to the content. */
	assert_int_equal(ZSTD_compressStream2(ctx, &out, &in, ZSTD_e_flush), 0);
	assert_int_equal(ZSTD_compressStream2(ctx, &out, &in, ZSTD_e_end), 0);
	b.n = out.pos;
	ZSTD_freeCCtx(ctx);
	return b;
}

static void zstd_windows_up_to_8_mib_are_taken_and_larger_ones_refused(void **state)
{
	for (int log = 20; log <= 27; log++) {
		struct bytes wire = zstd_frame("hello", 5, log, 1), got = { 0 };
		int err = feed_cut(CODEC_ZSTD, (struct view){ wire.p, wire.n }, wire.n, 1, &got);

		assert_int_equal(err, log <= 23 ? KT_OK : KT_EPROTO);
		assert_same(got, "hello", err == KT_OK ? 5 : 0);
		drop(&wire);
		drop(&got);
	}
}

/* How a session meets a bomb: a few bytes come in, and what they mean goes out in small parts. */
static void a_zstd_bomb_comes_out_in_small_parts(void **state)
{
	size_t n = 32 << 20, total = 0;
	void *zeros = calloc(1, n);
	struct bytes wire = zstd_frame(zeros, n, 23, 1);
	struct codec_dec *d = codec_dec_new(CODEC_ZSTD);
	struct view in = { wire.p, wire.n }, out;

	assert_true(wire.n < n / 1000);
	while (in.n > 0) {
		assert_int_equal(codec_decode(d, &in, &out), KT_OK);
		assert_true(out.n <= ZSTD_OUT_MAX);
		assert_true(codec_dec_memory(d) <= ZSTD_MEMORY_MAX);
		total += out.n;
	}
	assert_int_equal(total, n);
	codec_dec_free(d);
	drop(&wire);
	free(zeros);
}

static void zstd_gives_all_of_a_block_before_the_input_is_used_up(void **state)
{
	static uint8_t zeros[2 * ZSTD_OUT_MAX];

	/* Around whole parts of output, with the input in one run and byte by byte. */
	for (size_t n = ZSTD_OUT_MAX - 2; n <= sizeof(zeros); n += n == ZSTD_OUT_MAX + 2 ? 32764 : 1)
		for (size_t step = 1; step <= 64; step += 63) {
			struct codec_enc *e = codec_enc_new(CODEC_ZSTD);
			struct bytes wire = { 0 }, got = { 0 };

			encode(e, CODEC_ZSTD, zeros, n, &wire);
			encode(e, CODEC_ZSTD, zeros, n, &wire);
			assert_int_equal(feed_cut(CODEC_ZSTD, (struct view){ wire.p, wire.n }, step,
						  step, &got),
					 KT_OK);
			assert_int_equal(got.n, 2 * n);
			drop(&wire);
			drop(&got);
			codec_enc_free(e);
		}
}

static void zstd_takes_frame_after_frame_in_every_cut(void **state)
{
	struct bytes wire = { 0 }, plain = { 0 };

	for (int i = 0; i < 3; i++) {
		uint8_t data[90];
		char frame[256];
		size_t n;
		struct bytes streamed;

		fill(data, sizeof(data), TEXT);
		n = ZSTD_compress(frame, sizeof(frame), data, sizeof(data), 3); /* one segment */
		append(&wire, frame, n);
		append(&plain, data, sizeof(data));
		streamed = zstd_frame(data, (size_t)i, 17 + i, i & 1); /* the first one is empty */
		append(&wire, streamed.p, streamed.n);
		append(&plain, data, (size_t)i);
		drop(&streamed);
	}
	for (size_t cut = 1; cut <= wire.n; cut++)
		for (size_t step = 1; step <= wire.n; step += step == 1 ? 16 : wire.n) {
			struct bytes got = { 0 };

			assert_int_equal(feed_cut(CODEC_ZSTD, (struct view){ wire.p, wire.n }, cut,
						  step, &got),
					 KT_OK);
			assert_same(got, plain.p, plain.n);
			drop(&got);
		}
	drop(&wire);
	drop(&plain);
}

static void zstd_refuses_what_is_not_a_plain_frame(void **state)
{
	static const struct {
		const char *what;
		uint8_t wire[24];
	} rows[] = {
		{ "skippable frame", { 0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0 } },
		{ "format 0.7", { 0x27, 0xb5, 0x2f, 0xfd, 0x20, 1 } },
		{ "format 0.5", { 0x25, 0xb5, 0x2f, 0xfd, 0x20, 1 } },
		{ "reserved bit", { 0x28, 0xb5, 0x2f, 0xfd, 0x08, 0x38 } },
		{ "a dictionary", { 0x28, 0xb5, 0x2f, 0xfd, 0x21, 7, 5, 0x29, 0, 0 } },
		{ "one segment of 4 GiB",
		  { 0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0xff, 0xff, 0xff, 0xff, 0x01, 0, 0 } },
		{ "reserved block type", { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38, 0x07, 0, 0 } },
		{ "another magic behind an empty frame",
		  { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38, 1, 0, 0, 0x29 } },
		/* A header that is refused only at its end, where the old magic was looked for. */
		{ "old magic inside a bad header",
		  { 0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0xff, 0x25, 0xb5, 0x2f, 0xfd, 0x0d, 0, 0, 0 } },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t cut = 1; cut <= sizeof(rows[i].wire); cut++) {
			struct view wire = { rows[i].wire, sizeof(rows[i].wire) };
			struct bytes got = { 0 };
			int err = feed_cut(CODEC_ZSTD, wire, cut, wire.n, &got);

			if (err != KT_EPROTO || got.n != 0)
				fail_msg("%s, cut at %zu: %d", rows[i].what, cut, err);
		}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_changed_byte_never_makes_snappy_give_out_wrong_bytes),
		cmocka_unit_test(a_changed_byte_never_hurts_zstd),
		cmocka_unit_test(a_truncated_snappy_stream_gives_whole_chunks_only),
		cmocka_unit_test(a_broken_stream_stays_broken_and_holds_nothing),
		cmocka_unit_test(refuses_a_block_that_claims_more_than_a_chunk_may_hold),
		cmocka_unit_test(skips_the_longest_padding_without_holding_it),
		cmocka_unit_test(zstd_windows_up_to_8_mib_are_taken_and_larger_ones_refused),
		cmocka_unit_test(a_zstd_bomb_comes_out_in_small_parts),
		cmocka_unit_test(zstd_gives_all_of_a_block_before_the_input_is_used_up),
		cmocka_unit_test(zstd_takes_frame_after_frame_in_every_cut),
		cmocka_unit_test(zstd_refuses_what_is_not_a_plain_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
