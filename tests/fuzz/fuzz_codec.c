/* fuzz_codec.c - the decoders on foreign bytes, and the encoders' output through them.
 *
 * Byte 0 says what is done: bit 0 the kind, bit 2 decode or round trip, bit 3 trim between the
 * runs.  Bytes 1 .. 8 are the lengths of the runs that the rest is cut into, in turn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "err.h"

enum {
	CUTS = 8,
	PLAIN_MAX = 1 << 24, /* a bomb need not be eaten up */
	SNAPPY_MEMORY_MAX = 76494 + 65536 + 256,
	ZSTD_MEMORY_MAX = (8 << 20) + (1 << 19) + 65536,
};

struct plan {
	enum codec_kind kind;
	bool trim;
	const uint8_t *cuts;
	size_t run; /* number of runs so far */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "fuzz_codec: %s\n", what);
	abort();
}

static size_t next_cut(struct plan *plan, size_t left)
{
	size_t cut = plan->cuts[plan->run++ % CUTS];

	cut = cut > 250 ? cut * 300 : cut + 1u; /* also runs longer than a chunk */
	return cut < left ? cut : left;
}

static size_t memory_max(enum codec_kind kind)
{
	return kind == CODEC_ZSTD ? ZSTD_MEMORY_MAX : SNAPPY_MEMORY_MAX;
}

/* One run, in a block of its own; what comes out must be `expected` when that is not NULL. */
static bool decode_run(struct codec_dec *d, const struct plan *plan, const uint8_t *p, size_t n,
		       size_t *done, const uint8_t *expected)
{
	uint8_t *copy = malloc(n);
	struct view in = { copy, n }, out;
	int err = KT_OK;

	check(copy != NULL, "out of memory");
	memcpy(copy, p, n);
	while (in.n > 0 && err == KT_OK && *done < PLAIN_MAX) {
		size_t before = in.n;

		err = codec_decode(d, &in, &out);
		check(err == KT_OK || out.n == 0, "bytes out of a broken stream");
		check(err != KT_OK || out.n > 0 || in.n < before, "no progress");
		check(codec_dec_memory(d) <= memory_max(plan->kind), "too much memory");
		for (volatile size_t i = 0; i < out.n; i++) /* every byte must be readable */
			check(expected == NULL || out.p[i] == expected[*done + i], "other bytes");
		*done += out.n;
	}
	if (plan->trim || err != KT_OK)
		codec_dec_trim(d);
	free(copy);
	return err == KT_OK && in.n == 0;
}

static void decode_foreign(struct plan *plan, const uint8_t *p, size_t n)
{
	struct codec_dec *d = codec_dec_new(plan->kind);
	size_t done = 0;

	check(d != NULL, "out of memory");
	for (size_t at = 0, k; at < n; at += k) {
		k = next_cut(plan, n - at);
		if (!decode_run(d, plan, p + at, k, &done, NULL))
			break;
	}
	codec_dec_free(d);
}

static void round_trip(struct plan *plan, const uint8_t *p, size_t n)
{
	struct codec_enc *e = codec_enc_new(plan->kind);
	struct codec_dec *d = codec_dec_new(plan->kind);
	size_t done = 0;

	check(e != NULL && d != NULL, "out of memory");
	for (size_t at = 0, k; at < n; at += k) {
		size_t cap, split;
		uint8_t *wire;
		int used;

		k = next_cut(plan, n - at);
		k = k < CODEC_BLOCK_MAX ? k : CODEC_BLOCK_MAX;
		split = k < 8 ? 0 : 8; /* a smux header and its bytes */
		cap = codec_bound(plan->kind, k);
		wire = malloc(cap);
		check(wire != NULL, "out of memory");
		used = codec_encode(
			e, (struct view[]){ { p + at, split }, { p + at + split, k - split } }, 2,
			wire, cap);
		check(used > 0 && (size_t)used <= cap, "more bytes than codec_bound() says");
		for (size_t w = 0, cut; w < (size_t)used; w += cut) {
			cut = next_cut(plan, (size_t)used - w);
			check(decode_run(d, plan, wire + w, cut, &done, p), "own stream refused");
		}
		check(done == at + k, "bytes wait inside");
		if (plan->trim)
			codec_enc_trim(e);
		free(wire);
	}
	codec_enc_free(e);
	codec_dec_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan plan;

	if (size < 1 + CUTS)
		return 0;
	plan = (struct plan){
		.kind = (data[0] & 1) != 0 ? CODEC_ZSTD : CODEC_SNAPPY,
		.trim = (data[0] & 8) != 0,
		.cuts = data + 1,
	};
	codec_detect((struct view){ data + 1 + CUTS, size - 1 - CUTS });
	if ((data[0] & 4) != 0)
		round_trip(&plan, data + 1 + CUTS, size - 1 - CUTS);
	else
		decode_foreign(&plan, data + 1 + CUTS, size - 1 - CUTS);
	return 0;
}
