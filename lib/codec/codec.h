/* codec.h - one compressed byte stream: snappy framing or zstd.
 *
 * Wire: protocol section 4.  Each direction of a session is one stream; it is
 * flushed after every block given to the encoder, so nothing waits inside.  A stream that is
 * not compressed, CODEC_NONE, needs neither encoder nor decoder, and there are none for it. */
#ifndef KT_CODEC_H
#define KT_CODEC_H

#include <stdbool.h>
#include "wire.h"

enum codec_kind {
	CODEC_UNKNOWN = -1, /* detection: more bytes are needed */
	CODEC_NONE = 0,
	CODEC_SNAPPY,
	CODEC_ZSTD,
	CODEC_FOREIGN, /* detection: the bytes are of none of these */
};

enum {
	CODEC_DETECT_BYTES = 4,      /* after this many detection is decided */
	CODEC_BLOCK_MAX = 65536 + 8, /* largest block for codec_encode(): a smux frame */
};

/* As in the `compression` key; "unknown", "foreign". */
const char *codec_name(enum codec_kind kind);
/* Whether this build has it; snappy and zstd can be left out.  What is not there is detected all the same, to be
 * named, but has neither encoder nor decoder. */
bool codec_built_in(enum codec_kind kind);
/* What a session's first bytes say: ff 06 00 00 snappy, 28 b5 2f fd zstd,
 * 01 or 02 bare smux, else CODEC_FOREIGN.  A prefix that could still become one of them
 * is CODEC_UNKNOWN. */
enum codec_kind codec_detect(struct view first);

/* ---- encoder ------------------------------------------------------------- */

struct codec_enc;

struct codec_enc *codec_enc_new(enum codec_kind kind); /* NULL when out of memory */
void codec_enc_free(struct codec_enc *e);
/* Most bytes that codec_encode() can give for n bytes in. */
size_t codec_bound(enum codec_kind kind, size_t n);
/* Compress and flush one block, given as pieces that are read in order; cap must be at least
 * codec_bound() of their sum, the sum 1 .. CODEC_BLOCK_MAX.  Bytes written, or KT_ENOMEM:
 * then nothing has happened, and the block may be given again. */
int codec_encode(struct codec_enc *e, const struct view *pieces, size_t count, uint8_t *out,
		 size_t cap);
/* Give back what an idle stream does not need; the stream goes on with the next block.  (zstd: it
 * starts a new frame then, without what it learnt; so not after every block.) */
void codec_enc_trim(struct codec_enc *e);
size_t codec_enc_memory(const struct codec_enc *e); /* bytes held now, itself included */

/* ---- decoder ------------------------------------------------------------- */

struct codec_dec;

struct codec_dec *codec_dec_new(enum codec_kind kind); /* NULL when out of memory */
void codec_dec_free(struct codec_dec *d);
/* Decode some bytes: takes from the front of *in (advancing it) and sets *out
 * to plain bytes, borrowed until the next call on d, codec_dec_trim() included.  They may
 * lie in *in itself (snappy's uncompressed chunks), so what *in pointed to must
 * stay as long.
 * out->n may be 0 with KT_OK when all of *in was taken and no block is complete yet; call again
 * while in->n > 0, each time with all that was left of *in.  KT_EPROTO and KT_ENOMEM: the
 * stream is broken for good; each further call returns the same.
 *
 * Memory is bounded whatever comes: a snappy chunk of at most 76494 bytes,
 * a zstd window of at most 8 MiB; and it is freed while nothing is pending (snappy) or by
 * codec_dec_trim(), which an idle session calls: zstd keeps its window while inside a frame. */
int codec_decode(struct codec_dec *d, struct view *in, struct view *out);
void codec_dec_trim(struct codec_dec *d);
size_t codec_dec_memory(const struct codec_dec *d);

#endif
