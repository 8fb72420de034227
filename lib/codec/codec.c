/* codec.c - compression of a session's byte stream: names, detection, dispatch. */
#include "codec_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"

/* ---- none: bytes pass as they are ---------------------------------------- */

static struct codec_enc *none_enc_new(void)
{
	return calloc(1, sizeof(struct codec_enc));
}

static void none_enc_free(struct codec_enc *e)
{
	free(e);
}

static size_t none_bound(size_t n)
{
	return n;
}

static int none_encode(struct codec_enc *e, const struct view *pieces, size_t count,
		       struct span out)
{
	size_t done = 0;

	for (size_t i = 0; i < count; i++) {
		if (pieces[i].n > 0) /* an empty piece may be NULL */
			memcpy(out.p + done, pieces[i].p, pieces[i].n);
		done += pieces[i].n;
	}
	return (int)done;
}

static void none_enc_trim(struct codec_enc *e)
{
}

static size_t none_enc_memory(const struct codec_enc *e)
{
	return sizeof(*e);
}

static struct codec_dec *none_dec_new(void)
{
	return calloc(1, sizeof(struct codec_dec));
}

static void none_dec_free(struct codec_dec *d)
{
	free(d);
}

static int none_decode(struct codec_dec *d, struct view *in, struct view *out)
{
	*out = codec_take(in, in->n);
	return KT_OK;
}

static void none_dec_trim(struct codec_dec *d)
{
}

static size_t none_dec_memory(const struct codec_dec *d)
{
	return sizeof(*d);
}

static const struct codec_format codec_format_none = {
	.name = "none",
	.enc_new = none_enc_new,
	.enc_free = none_enc_free,
	.bound = none_bound,
	.encode = none_encode,
	.enc_trim = none_enc_trim,
	.enc_memory = none_enc_memory,
	.dec_new = none_dec_new,
	.dec_free = none_dec_free,
	.decode = none_decode,
	.dec_trim = none_dec_trim,
	.dec_memory = none_dec_memory,
};

/* ---- names and detection ------------------------------------------------- */

static const struct codec_format *const formats[] = {
	[CODEC_NONE] = &codec_format_none,
	[CODEC_SNAPPY] = &codec_format_snappy,
	[CODEC_ZSTD] = &codec_format_zstd,
};

static const struct codec_format *format_of(enum codec_kind kind)
{
	assert(kind >= CODEC_NONE);
	assert((size_t)kind < ARRAY_LEN(formats));
	return formats[kind];
}

const char *codec_name(enum codec_kind kind)
{
	if (kind == CODEC_UNKNOWN)
		return "unknown";
	if (kind == CODEC_FOREIGN)
		return "foreign";
	return format_of(kind)->name;
}

enum codec_kind codec_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (strcmp(formats[i]->name, name) == 0)
			return (enum codec_kind)i;
	return CODEC_UNKNOWN;
}

enum codec_kind codec_detect(struct view first, int *smux_version)
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
	if (first.p[0] == 1 || first.p[0] == 2) {
		if (smux_version != NULL)
			*smux_version = first.p[0];
		return CODEC_NONE;
	}
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (memcmp(first.p, known[i].magic, n) == 0)
			return n == CODEC_DETECT_BYTES ? known[i].kind : CODEC_UNKNOWN;
	return CODEC_FOREIGN;
}

/* ---- dispatch ------------------------------------------------------------ */

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

int codec_encode(struct codec_enc *e, const struct view *pieces, size_t count, uint8_t *out,
		 size_t cap)
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
