/* test_codec.c - compressed streams: vectors, round trips, hostile input, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "codec.h"
#include "err.h"
#include "vectors.h"

enum {
	SNAPPY_MEMORY_MAX = 76494 + 65536 + 256,
	ZSTD_MEMORY_MAX = (8 << 20) + (1 << 19) + 65536, /* window, zstd's own, our output */
	ZSTD_OUT_MAX = 32768,
};

static const enum codec_kind kinds[] = { CODEC_SNAPPY, CODEC_ZSTD };

/* ---- helpers ------------------------------------------------------------- */

static uint32_t seed = 1;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(seed ^ seed >> 15) * below >> 32);
}

struct bytes {
	uint8_t *p;
	size_t n, size;
};

static void append(struct bytes *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	if (b->n + n > b->size) {
		b->size = 2 * b->size + n;
		b->p = realloc(b->p, b->size);
		assert_non_null(b->p);
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static void drop(struct bytes *b)
{
	free(b->p);
	*b = (struct bytes){ 0 };
}

static void assert_same(struct bytes a, const void *p, size_t n)
{
	assert_int_equal(a.n, n);
	if (n > 0)
		assert_memory_equal(a.p, p, n);
}

/* Decode one run of bytes as a session does; the input lies in a block of its own, so that
 * AddressSanitizer sees a byte read too far.  What codec_decode() returned. */
static int feed(struct codec_dec *d, const uint8_t *p, size_t n, struct bytes *plain)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);
	struct view in = { copy, n }, out;
	int err = KT_OK;

	assert_non_null(copy);
	if (n > 0)
		memcpy(copy, p, n);
	while (in.n > 0 && err == KT_OK) {
		size_t before = in.n;

		err = codec_decode(d, &in, &out);
		assert_true(err == KT_OK || out.n == 0);
		assert_true(err != KT_OK || out.n > 0 || in.n < before);
		append(plain, out.p, out.n);
	}
	codec_dec_trim(d); /* ends the borrow of out before the input goes */
	free(copy);
	return err;
}

/* The whole of a wire stream in runs of `step` bytes, the first one `first`. */
static int feed_cut(enum codec_kind kind, struct view wire, size_t first, size_t step,
		    struct bytes *plain)
{
	struct codec_dec *d = codec_dec_new(kind);
	int err = KT_OK;

	assert_non_null(d);
	for (size_t at = 0, n = first; at < wire.n && err == KT_OK; at += n, n = step) {
		if (n > wire.n - at)
			n = wire.n - at;
		err = feed(d, wire.p + at, n, plain);
		assert_true(codec_dec_memory(d) <=
			    (kind == CODEC_ZSTD ? ZSTD_MEMORY_MAX : SNAPPY_MEMORY_MAX));
	}
	codec_dec_free(d);
	return err;
}

/* Encode as one piece and append. */
static void encode(struct codec_enc *e, enum codec_kind kind, const void *p, size_t n,
		   struct bytes *wire)
{
	struct view piece = { p, n };
	size_t cap = codec_bound(kind, n);
	uint8_t *out = malloc(cap);
	int used = codec_encode(e, &piece, 1, out, cap);

	assert_true(used > 0);
	assert_true((size_t)used <= cap);
	append(wire, out, (size_t)used);
	free(out);
}

enum { ZEROS, NOISE, TEXT, MIXED, CONTENTS };

static void fill(uint8_t *p, size_t n, int content)
{
	static const char words[] = "GET /index.html HTTP/1.1\r\nHost: www.example.com\r\n";

	for (size_t i = 0; i < n; i++) {
		int how = content == MIXED ? (int)(i / 1500 % 3) : content;

		if (how == ZEROS)
			p[i] = 0;
		else if (how == NOISE)
			p[i] = (uint8_t)rnd(256);
		else
			p[i] = (uint8_t)words[(i + i / 97) % (sizeof(words) - 1)];
	}
}

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

/* ---- round trips --------------------------------------------------------- */

struct pair {
	enum codec_kind kind;
	struct codec_enc *e;
	struct codec_dec *d;
};

static struct pair pair_new(enum codec_kind kind)
{
	struct pair p = { kind, codec_enc_new(kind), codec_dec_new(kind) };

	assert_non_null(p.e);
	assert_non_null(p.d);
	return p;
}

static void pair_free(struct pair *p)
{
	codec_enc_free(p->e);
	codec_dec_free(p->d);
}

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
	while (type_of_next(e, text, sizeof(text), false) == 1)
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
		cmocka_unit_test(writes_chunks_like_those_of_the_reference_and_reads_its_own),
		cmocka_unit_test(reads_or_refuses_each_vector_in_every_cut),
		cmocka_unit_test(returns_every_block_at_once_whatever_the_size_content_and_cut),
		cmocka_unit_test(goes_on_after_either_end_was_trimmed_at_any_time),
		cmocka_unit_test(decodes_a_stream_fed_byte_by_byte),
		cmocka_unit_test(a_full_smux_frame_makes_two_chunks_behind_one_identifier),
		cmocka_unit_test(a_block_is_compressed_only_if_it_shrinks_by_an_eighth),
		cmocka_unit_test(where_nothing_shrinks_one_block_in_sixteen_is_tried),
		cmocka_unit_test(blocks_too_short_to_be_compressed_would_indeed_never_shrink),
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
		cmocka_unit_test(snappy_holds_nothing_while_nothing_is_pending),
		cmocka_unit_test(uncompressed_bytes_that_lie_whole_in_the_input_are_not_copied),
		cmocka_unit_test(zstd_gives_its_tables_back_when_trimmed),
		cmocka_unit_test(freeing_null_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
