/* codec.c - compression of a session's byte stream: names, detection, dispatch. */
#include "codec_impl.h"

#include <assert.h>
#include <string.h>

#include "err.h"

/* ---- names and detection ------------------------------------------------- */

static const char *const names[] = {
	[CODEC_NONE] = "none",
	[CODEC_SNAPPY] = "snappy",
	[CODEC_ZSTD] = "zstd",
};

const char *codec_name(enum codec_kind kind)
{
	if (kind == CODEC_UNKNOWN)
		return "unknown";
	if (kind == CODEC_FOREIGN)
		return "foreign";
	assert(kind >= CODEC_NONE);
	return names[kind];
}

enum codec_kind codec_detect(struct view first)
{
	static const struct {
		uint8_t magic[CODEC_DETECT_BYTES];
		enum codec_kind kind;
	} known[] = {
		{ { 0xff, 0x06, 0x00, 0x00 }, CODEC_SNAPPY },
		{ { 0x28, 0xb5, 0x2f, 0xfd }, CODEC_ZSTD },
	};
	size_t n = first.n < CODEC_DETECT_BYTES ? first.n : CODEC_DETECT_BYTES;

	if (n == 0)
		return CODEC_UNKNOWN;
	if (first.p[0] == 1 || first.p[0] == 2)
		return CODEC_NONE;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (memcmp(first.p, known[i].magic, n) == 0)
			return n == CODEC_DETECT_BYTES ? known[i].kind : CODEC_UNKNOWN;
	return CODEC_FOREIGN;
}

/* ---- dispatch ------------------------------------------------------------ */

static const struct codec_format *const formats[] = {
	[CODEC_NONE] = NULL,
#if KT_SNAPPY
	[CODEC_SNAPPY] = &codec_format_snappy,
#endif
#if KT_ZSTD
	[CODEC_ZSTD] = &codec_format_zstd,
#endif
};

bool codec_built_in(enum codec_kind kind)
{
	return kind == CODEC_NONE ||
	       (kind > CODEC_NONE && (size_t)kind < ARRAY_LEN(formats) && formats[kind] != NULL);
}

static const struct codec_format *format_of(enum codec_kind kind)
{
	assert(kind != CODEC_NONE);
	assert(codec_built_in(kind));
	return formats[kind];
}

size_t codec_total(const struct view *pieces, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += pieces[i].n;
	return n;
}

struct codec_enc *codec_enc_new(enum codec_kind kind)
{
	const struct codec_format *format = format_of(kind);
	struct codec_enc *e = format->enc_new();

	if (e != NULL)
		e->format = format;
	return e;
}

void codec_enc_free(struct codec_enc *e)
{
	if (e != NULL)
		e->format->enc_free(e);
}

size_t codec_bound(enum codec_kind kind, size_t n)
{
	return format_of(kind)->bound(n);
}

int codec_encode(struct codec_enc *e, const struct view *pieces, size_t count, uint8_t *out, size_t cap)
{
	size_t n = codec_total(pieces, count);

	assert(n >= 1);
	assert(n <= CODEC_BLOCK_MAX);
	assert(cap >= e->format->bound(n));
	return e->format->encode(e, pieces, count, (struct span){ out, cap });
}

void codec_enc_trim(struct codec_enc *e)
{
	e->format->enc_trim(e);
}

size_t codec_enc_memory(const struct codec_enc *e)
{
	return e->format->enc_memory(e);
}

struct codec_dec *codec_dec_new(enum codec_kind kind)
{
	const struct codec_format *format = format_of(kind);
	struct codec_dec *d = format->dec_new();

	if (d != NULL)
		d->format = format;
	return d;
}

void codec_dec_free(struct codec_dec *d)
{
	if (d != NULL)
		d->format->dec_free(d);
}

int codec_decode(struct codec_dec *d, struct view *in, struct view *out)
{
	*out = (struct view){ NULL, 0 };
	if (d->error == KT_OK)
		d->error = d->format->decode(d, in, out);
	return d->error;
}

void codec_dec_trim(struct codec_dec *d)
{
	d->format->dec_trim(d);
}

size_t codec_dec_memory(const struct codec_dec *d)
{
	return d->format->dec_memory(d);
}
