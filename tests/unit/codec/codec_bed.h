/* codec_bed.h - bytes through an encoder and a decoder, in pieces and cuts, and contents to compress. */
#ifndef CODEC_BED_H
#define CODEC_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec.h"
#include "err.h"

enum {
	SNAPPY_MEMORY_MAX = 76494 + 65536 + 256,
	ZSTD_MEMORY_MAX = (8 << 20) + (1 << 19) + 65536, /* window, zstd's own, our output */
};

static const enum codec_kind kinds[] = { CODEC_SNAPPY, CODEC_ZSTD };

static uint32_t seed = 1;

static inline uint32_t rnd(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(seed ^ seed >> 15) * below >> 32);
}

struct bytes {
	uint8_t *p;
	size_t n, size;
};

static inline void append(struct bytes *b, const void *p, size_t n)
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

static inline void drop(struct bytes *b)
{
	free(b->p);
	*b = (struct bytes){ 0 };
}

static inline void assert_same(struct bytes a, const void *p, size_t n)
{
	assert_int_equal(a.n, n);
	if (n > 0)
		assert_memory_equal(a.p, p, n);
}

/* Decode one run of bytes as a session does; the input lies in a block of its own, so that
 * AddressSanitizer sees a byte read too far.  What codec_decode() returned. */
static inline int feed(struct codec_dec *d, const uint8_t *p, size_t n, struct bytes *plain)
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
static inline int feed_cut(enum codec_kind kind, struct view wire, size_t first, size_t step,
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
static inline void encode(struct codec_enc *e, enum codec_kind kind, const void *p, size_t n,
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

static inline void fill(uint8_t *p, size_t n, int content)
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

struct pair {
	enum codec_kind kind;
	struct codec_enc *e;
	struct codec_dec *d;
};

static inline struct pair pair_new(enum codec_kind kind)
{
	struct pair p = { kind, codec_enc_new(kind), codec_dec_new(kind) };

	assert_non_null(p.e);
	assert_non_null(p.d);
	return p;
}

static inline void pair_free(struct pair *p)
{
	codec_enc_free(p->e);
	codec_dec_free(p->d);
}

#endif
