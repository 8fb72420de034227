/* zstd.c - a zstd frame stream, flushed after every block.
 *
 * Only two kcptunds speak it.  The stream is a row of frames: a trimmed encoder ends its
 * frame and begins another, so that an idle session holds none of zstd's tables. */
#include "codec_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "err.h"

enum {
	/* The default level with smaller tables: 1 MiB an encoder instead of 1.7 and a decoder of
	 * 0.6 MiB, for one percent less compression; a window of 64 KiB would halve both, but
	 * compresses a third less where smux frames of one stream repeat each other. */
	LEVEL = 3,
	WINDOW_LOG = 17,
	HASH_LOG = 14,
	CHAIN_LOG = 13,

	WINDOW_LOG_MAX = 23, /* of foreign frames: 8 MiB */
	OUT_BYTES = 32768,   /* plain bytes of one codec_decode() */
	MAGIC_BYTES = 4,
	FRAME_HEADER_MAX = 18,
	BLOCK_HEADER_BYTES = 3,
	BLOCKS_MAX = 4, /* that a block of ours may be cut into, with room to spare */
};

static const uint8_t frame_magic[MAGIC_BYTES] = { 0x28, 0xb5, 0x2f, 0xfd };
/* The header of a last, raw, empty block: the shortest end of a frame (RFC 8878, 3.1.1.2). */
static const uint8_t frame_end[BLOCK_HEADER_BYTES] = { 0x01, 0x00, 0x00 };

/* ---- encoder ------------------------------------------------------------- */

struct zstd_enc {
	struct codec_enc base;
	ZSTD_CCtx *ctx;  /* owned; NULL before the first block and when trimmed */
	bool frame_open; /* the reader is inside a frame: without ctx it must be ended first */
};

static struct zstd_enc *enc_of(struct codec_enc *e)
{
	return container_of(e, struct zstd_enc, base);
}

static struct codec_enc *enc_new(void)
{
	struct zstd_enc *z = calloc(1, sizeof(*z));

	return z != NULL ? &z->base : NULL;
}

static void enc_trim(struct codec_enc *e)
{
	struct zstd_enc *z = enc_of(e);

	ZSTD_freeCCtx(z->ctx);
	z->ctx = NULL;
}

static void enc_free(struct codec_enc *e)
{
	enc_trim(e);
	free(enc_of(e));
}

static size_t enc_memory(const struct codec_enc *e)
{
	const struct zstd_enc *z = (const void *)e;

	return sizeof(*z) + ZSTD_sizeof_CCtx(z->ctx);
}

static size_t bound(size_t n)
{
	return ZSTD_compressBound(n) + FRAME_HEADER_MAX +
	       (BLOCKS_MAX + 1) * BLOCK_HEADER_BYTES; /* + 1: the end of the frame before */
}

static bool set_up(ZSTD_CCtx *ctx)
{
	static const struct {
		ZSTD_cParameter key;
		int value;
	} parameters[] = {
		{ ZSTD_c_compressionLevel, LEVEL }, { ZSTD_c_windowLog, WINDOW_LOG },
		{ ZSTD_c_hashLog, HASH_LOG },       { ZSTD_c_chainLog, CHAIN_LOG },
		{ ZSTD_c_checksumFlag, 0 }, /* it would come at a frame's end only */
	};

	for (size_t i = 0; i < ARRAY_LEN(parameters); i++)
		if (ZSTD_isError(ZSTD_CCtx_setParameter(ctx, parameters[i].key, parameters[i].value)))
			return false;
	return true;
}

/* Give one piece to zstd; with the last one everything comes out. */
static bool compress(ZSTD_CCtx *ctx, ZSTD_outBuffer *out, struct view piece, ZSTD_EndDirective how)
{
	ZSTD_inBuffer in = { piece.p, piece.n, 0 };
	size_t left;

	do {
		assert(out->pos < out->size); /* bound() leaves room for all */
		left = ZSTD_compressStream2(ctx, out, &in, how);
		if (ZSTD_isError(left))
			return false;
	} while (in.pos < in.size || (how == ZSTD_e_flush && left > 0));
	return true;
}

/* On failure nothing has been sent, and the peer's frame goes on being open or not as it was: the
 * context is dropped like in a trim, and the block may be given again. */
static int encode(struct codec_enc *e, const struct view *pieces, size_t count, struct span out)
{
	struct zstd_enc *z = enc_of(e);
	ZSTD_outBuffer o = { out.p, out.n, 0 };

	if (z->ctx == NULL) {
		z->ctx = ZSTD_createCCtx();
		if (z->ctx == NULL || !set_up(z->ctx))
			goto fail;
		if (z->frame_open) {
			memcpy(out.p, frame_end, sizeof(frame_end));
			o.pos = sizeof(frame_end);
		}
	}
	for (size_t i = 0; i < count; i++)
		if (!compress(z->ctx, &o, pieces[i], i + 1 < count ? ZSTD_e_continue : ZSTD_e_flush))
			goto fail;
	z->frame_open = true;
	return (int)o.pos;
fail:
	enc_trim(e);
	return KT_ENOMEM;
}

/* ---- decoder ------------------------------------------------------------- */

struct zstd_dec {
	struct codec_dec base;
	ZSTD_DCtx *ctx; /* owned; NULL before the first frame and when trimmed between frames */
	uint8_t *plain; /* owned, OUT_BYTES; what the last call's out may point into */
	bool in_frame;
	uint8_t header[FRAME_HEADER_MAX]; /* of the frame that is to begin */
	uint8_t header_n;                 /* bytes of it that are in */
	/* The input was used up but zstd has more to give.  The last byte of *in then stays there,
	 * so that the caller comes again; it is dropped when zstd has given all. */
	bool byte_kept;
};

static struct zstd_dec *dec_of(struct codec_dec *d)
{
	return container_of(d, struct zstd_dec, base);
}

static struct codec_dec *dec_new(void)
{
	struct zstd_dec *z = calloc(1, sizeof(*z));

	return z != NULL ? &z->base : NULL;
}

static void drop_context(struct zstd_dec *z)
{
	ZSTD_freeDCtx(z->ctx);
	z->ctx = NULL;
}

static void dec_trim(struct codec_dec *d)
{
	struct zstd_dec *z = dec_of(d);

	free(z->plain);
	z->plain = NULL;
	if (!z->in_frame || d->error != KT_OK)
		drop_context(z);
}

static void dec_free(struct codec_dec *d)
{
	dec_trim(d);
	drop_context(dec_of(d));
	free(dec_of(d));
}

static size_t dec_memory(const struct codec_dec *d)
{
	const struct zstd_dec *z = (const void *)d;

	return sizeof(*z) + ZSTD_sizeof_DCtx(z->ctx) + (z->plain != NULL ? OUT_BYTES : 0);
}

static int error_of(size_t code)
{
	return ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation ? KT_ENOMEM : KT_EPROTO;
}

static bool reserve(struct zstd_dec *z)
{
	if (z->plain == NULL)
		z->plain = malloc(OUT_BYTES);
	if (z->ctx != NULL || z->plain == NULL)
		return z->plain != NULL;
	z->ctx = ZSTD_createDCtx();
	return z->ctx != NULL &&
	       !ZSTD_isError(ZSTD_DCtx_setParameter(z->ctx, ZSTD_d_windowLogMax, WINDOW_LOG_MAX));
}

/* Size of the frame header that begins with h, from its descriptor byte (RFC 8878, 3.1.1.1). */
static size_t header_bytes(const uint8_t h[static MAGIC_BYTES + 1])
{
	static const uint8_t dictionary_id[4] = { 0, 1, 2, 4 }, content_size[4] = { 0, 2, 4, 8 };
	uint8_t descriptor = h[MAGIC_BYTES];
	bool single_segment = (descriptor & 0x20) != 0;
	size_t n = MAGIC_BYTES + 1u + dictionary_id[descriptor & 3] + content_size[descriptor >> 6];

	if (!single_segment)
		return n + 1; /* window descriptor */
	return descriptor >> 6 == 0 ? n + 1 : n;
}

/* KT_OK when all of the header is gathered, KT_EAGAIN when the input ends in it.
 *
 * It is gathered here and given to libzstd as one: libzstd reads formats of before 1.0 too, whose
 * memory windowLogMax does not bound, and looks for their magic where a call's input begins. */
static int gather_header(struct zstd_dec *z, struct view *in)
{
	size_t want = MAGIC_BYTES + 1;

	while (z->header_n < want) {
		if (in->n == 0)
			return KT_EAGAIN;
		z->header[z->header_n] = codec_take(in, 1).p[0];
		if (z->header_n < MAGIC_BYTES && z->header[z->header_n] != frame_magic[z->header_n])
			return KT_EPROTO;
		z->header_n++;
		if (z->header_n > MAGIC_BYTES)
			want = header_bytes(z->header);
	}
	return KT_OK;
}

static int begin_frame(struct zstd_dec *z, struct view *in)
{
	int err = gather_header(z, in);
	ZSTD_inBuffer i = { z->header, z->header_n, 0 };
	ZSTD_outBuffer none = { z->plain, 0, 0 };
	size_t left;

	if (err != KT_OK)
		return err;
	left = ZSTD_decompressStream(z->ctx, &none, &i);
	if (ZSTD_isError(left))
		return error_of(left);
	if (i.pos != i.size)
		return KT_EPROTO;
	z->header_n = 0;
	z->in_frame = true;
	return KT_OK;
}

static int decompress(struct zstd_dec *z, struct view *in, struct view *out)
{
	ZSTD_inBuffer i = { in->p, z->byte_kept ? 0 : in->n, 0 };
	ZSTD_outBuffer o = { z->plain, OUT_BYTES, 0 };
	size_t left = ZSTD_decompressStream(z->ctx, &o, &i);
	bool more;

	if (ZSTD_isError(left))
		return error_of(left);
	*out = (struct view){ z->plain, o.pos };
	z->in_frame = left != 0;
	more = left != 0 && i.pos == i.size && o.pos == o.size;
	codec_take(in, i.pos);
	if (more && !z->byte_kept) {
		in->p--;
		in->n++;
	} else if (!more && z->byte_kept) {
		codec_take(in, 1);
	}
	z->byte_kept = more;
	return KT_OK;
}

/* Ends: each turn takes a byte of *in, or gives some out, or fails; zstd sees to it that it makes
 * no empty turn. */
static int decode(struct codec_dec *d, struct view *in, struct view *out)
{
	struct zstd_dec *z = dec_of(d);
	int err = KT_OK;

	if (in->n > 0 && !reserve(z))
		err = KT_ENOMEM;
	while (err == KT_OK && out->n == 0 && in->n > 0) {
		err = z->in_frame ? decompress(z, in, out) : begin_frame(z, in);
	}
	if (err == KT_OK || err == KT_EAGAIN)
		return KT_OK;
	*out = (struct view){ NULL, 0 };
	d->error = err;
	dec_trim(d);
	return err;
}

const struct codec_format codec_format_zstd = {
	.enc_new = enc_new,
	.enc_free = enc_free,
	.bound = bound,
	.encode = encode,
	.enc_trim = enc_trim,
	.enc_memory = enc_memory,
	.dec_new = dec_new,
	.dec_free = dec_free,
	.decode = decode,
	.dec_trim = dec_trim,
	.dec_memory = dec_memory,
};
