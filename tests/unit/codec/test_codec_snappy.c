/* test_codec_snappy.c - snappy against the vectors, and what its encoder writes. */
#include "codec_bed.h"

#include "vectors.h"

#include <snappy-c.h>
#include <stdio.h>

/* ---- snappy vectors ------------------------------------------------------ */

/* Whether a chunk list in the vectors' form, TYPE:LENGTH:CRC, has these CRCs in this order. */
static void assert_chunks_like(struct bytes wire, const char *chunks)
{
	size_t at = 0;

	for (const char *c = chunks; *c != '\0'; c += strcspn(c, " "), c += *c == ' ') {
		unsigned type, length, crc = 0;
		uint32_t our_length;

		assert_true(sscanf(c, "%x:%u:%x", &type, &length, &crc) >= 2);
		assert_true(wire.n >= at + 8);
		our_length = load_le32(wire.p + at) >> 8;
		if (type == 0xff)
			assert_int_equal(wire.p[at], 0xff);
		else
			assert_int_equal(load_le32(wire.p + at + 4), crc);
		if (type == 1) { /* the reference's compressor is not better than ours at noise */
			assert_int_equal(wire.p[at], 1);
			assert_int_equal(our_length, length);
		}
		at += 4 + our_length;
	}
	assert_int_equal(at, wire.n);
}

static void writes_chunks_like_those_of_the_reference_and_reads_its_own(void **state)
{
	struct vec_file *f = vec_open("snappy.txt");
	struct codec_enc *e = NULL;
	struct codec_dec *ours = NULL, *theirs = NULL;
	size_t seen = 0;

	for (size_t i = 0; i < f->record_count; i++) {
		const struct vec_record *r = &f->records[i];
		struct bytes wire = { 0 }, plain = { 0 };
		struct vec_bytes data;

		if (strcmp(r->kind, "write") != 0)
			continue;
		if (vec_number(r, "n") == 0) {
			codec_enc_free(e);
			codec_dec_free(ours);
			codec_dec_free(theirs);
			e = codec_enc_new(CODEC_SNAPPY);
			ours = codec_dec_new(CODEC_SNAPPY);
			theirs = codec_dec_new(CODEC_SNAPPY);
		}
		data = vec_bytes_or_gen(r, "data", "gen");
		if (vec_find(r, "emit") != NULL) {
			struct vec_bytes emit = vec_hex(r, "emit");

			assert_int_equal(feed(theirs, emit.p, emit.n, &plain), KT_OK);
			assert_same(plain, data.p, data.n);
			plain.n = 0;
			vec_bytes_free(&emit);
		} else {
			codec_dec_free(theirs); /* a hole in the stream: the rest is not read */
			theirs = NULL;
		}
		for (size_t at = 0; at < data.n;) { /* some of the writes are of several blocks */
			size_t n = data.n - at < 65536 ? data.n - at : 65536;

			encode(e, CODEC_SNAPPY, data.p + at, n, &wire);
			at += n;
		}
		assert_chunks_like(wire, data.n > 0 ? vec_text(r, "chunks") : "");
		assert_int_equal(feed(ours, wire.p, wire.n, &plain), KT_OK);
		assert_same(plain, data.p, data.n);
		drop(&wire);
		drop(&plain);
		vec_bytes_free(&data);
		seen++;
	}
	assert_true(seen > 5);
	codec_enc_free(e);
	codec_dec_free(ours);
	codec_dec_free(theirs);
	vec_close(f);
}

/* A stream that just ends is no error to a decoder which may yet get more. */
static bool is_cut(const char *name)
{
	return strncmp(name, "bad_cut_", 8) == 0 || strcmp(name, "bad_identifier_cut") == 0;
}

static void check_read(const struct vec_record *r, struct view wire, size_t first, size_t step)
{
	const char *name = vec_text(r, "name");
	bool good = strcmp(vec_text(r, "expect"), "ok") == 0 || is_cut(name);
	struct bytes plain = { 0 };
	char sha[65];

	assert_int_equal(feed_cut(CODEC_SNAPPY, wire, first, step, &plain), good ? KT_OK : KT_EPROTO);
	if (vec_find(r, "data") != NULL) {
		struct vec_bytes data = vec_hex(r, "data");

		assert_same(plain, data.p, data.n);
		vec_bytes_free(&data);
	} else {
		assert_int_equal(plain.n, vec_number(r, "data_len"));
		vec_sha256(plain.p, plain.n, sha);
		assert_string_equal(sha, vec_text(r, "data_sha256"));
	}
	drop(&plain);
}

static void reads_or_refuses_each_vector_in_every_cut(void **state)
{
	struct vec_file *f = vec_open("snappy.txt");
	size_t seen = 0;

	for (size_t i = 0; i < f->record_count; i++) {
		const struct vec_record *r = &f->records[i];
		struct vec_bytes wire;
		struct view v;

		if (strcmp(r->kind, "read") != 0)
			continue;
		wire = vec_hex(r, "wire");
		v = (struct view){ wire.p, wire.n };
		check_read(r, v, wire.n, 1);
		check_read(r, v, 1, 1);
		check_read(r, v, 3, 7);
		for (size_t cut = 1; cut < wire.n; cut++)
			check_read(r, v, cut, wire.n);
		vec_bytes_free(&wire);
		seen++;
	}
	assert_true(seen > 50);
	vec_close(f);
}

/* ---- what the snappy encoder writes -------------------------------------- */

static void a_full_smux_frame_makes_two_chunks_behind_one_identifier(void **state)
{
	struct codec_enc *e = codec_enc_new(CODEC_SNAPPY);
	uint8_t *data = malloc(CODEC_BLOCK_MAX);
	struct bytes wire = { 0 };
	size_t n = 65535 + 8;

	fill(data, n, NOISE);
	encode(e, CODEC_SNAPPY, data, n, &wire);
	assert_int_equal(wire.n, 10 + 8 + 65536 + 8 + 7);
	assert_memory_equal(wire.p, "\xff\x06\0\0sNaPpY", 10);
	assert_int_equal(load_le32(wire.p + 10), 1 | 65540 << 8);
	assert_memory_equal(wire.p + 18, data, 65536);
	assert_int_equal(load_le32(wire.p + 18 + 65536), 1 | 11 << 8);
	wire.n = 0;
	encode(e, CODEC_SNAPPY, data, 5, &wire);
	assert_int_equal(wire.n, 8 + 5);
	drop(&wire);
	free(data);
	codec_enc_free(e);
}

static void a_block_is_compressed_only_if_it_shrinks_by_an_eighth(void **state)
{
	uint8_t data[1024];
	bool raw_seen = false, compressed_seen = false;

	/* From all noise to all zeros, through the point where it begins to pay. */
	for (size_t zeros = 0; zeros <= sizeof(data); zeros += 8) {
		struct codec_enc *e = codec_enc_new(CODEC_SNAPPY);
		struct bytes wire = { 0 };
		char block[2048];
		size_t block_n = sizeof(block), at = 10;
		bool pays;

		fill(data, sizeof(data), NOISE);
		memset(data, 0, zeros);
		assert_int_equal(snappy_compress((char *)data, sizeof(data), block, &block_n), 0);
		pays = block_n < sizeof(data) - sizeof(data) / 8;
		encode(e, CODEC_SNAPPY, data, sizeof(data), &wire);
		assert_int_equal(wire.p[at], pays ? 0 : 1);
		assert_int_equal(wire.n, at + 8 + (pays ? block_n : sizeof(data)));
		raw_seen |= !pays;
		compressed_seen |= pays;
		drop(&wire);
		codec_enc_free(e);
	}
	assert_true(raw_seen);
	assert_true(compressed_seen);
}

/* Its chunk's type. */
static uint8_t type_of_next(struct codec_enc *e, const void *p, size_t n, bool first)
{
	struct bytes wire = { 0 };
	uint8_t type;

	encode(e, CODEC_SNAPPY, p, n, &wire);
	type = wire.p[first ? 10 : 0];
	drop(&wire);
	return type;
}

static void where_nothing_shrinks_one_block_in_sixteen_is_tried(void **state)
{
	struct codec_enc *e = codec_enc_new(CODEC_SNAPPY);
	uint8_t noise[1024], text[1024];
	unsigned raw = 0;

	fill(noise, sizeof(noise), NOISE);
	fill(text, sizeof(text), TEXT);
	for (int i = 0; i < 7; i++)
		assert_int_equal(type_of_next(e, noise, sizeof(noise), i == 0), 1);
	assert_int_equal(type_of_next(e, text, sizeof(text), false), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(type_of_next(e, noise, sizeof(noise), false), 1);
	while (raw < 16 && type_of_next(e, text, sizeof(text), false) == 1)
		raw++;
	assert_in_range(raw, 1, 15);
	for (int i = 0; i < 100; i++)
		assert_int_equal(type_of_next(e, text, sizeof(text), false), 0);
	codec_enc_free(e);
}

static void blocks_too_short_to_be_compressed_would_indeed_never_shrink(void **state)
{
	for (size_t n = 1; n <= 16; n++) {
		char data[16] = { 0 }, block[64];
		size_t block_n = sizeof(block);

		assert_int_equal(snappy_compress(data, n, block, &block_n), 0);
		assert_true(block_n >= n - n / 8);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_chunks_like_those_of_the_reference_and_reads_its_own),
		cmocka_unit_test(reads_or_refuses_each_vector_in_every_cut),
		cmocka_unit_test(a_full_smux_frame_makes_two_chunks_behind_one_identifier),
		cmocka_unit_test(a_block_is_compressed_only_if_it_shrinks_by_an_eighth),
		cmocka_unit_test(where_nothing_shrinks_one_block_in_sixteen_is_tried),
		cmocka_unit_test(blocks_too_short_to_be_compressed_would_indeed_never_shrink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
