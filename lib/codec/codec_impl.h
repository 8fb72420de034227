/* codec_impl.h - what codec.c shares with the formats behind it; private to them. */
#ifndef KT_CODEC_IMPL_H
#define KT_CODEC_IMPL_H

#include "codec.h"

/* Both are the first member of the format's own struct. */
struct codec_enc {
	const struct codec_format *format;
};
struct codec_dec {
	const struct codec_format *format;
	int error; /* sticky: what the first failing codec_decode() returned */
};

/* One for each kind that compresses.  codec.c has checked the arguments: encode() gets 1 .. CODEC_BLOCK_MAX bytes
 * in all and room for bound() of them; decode() is never called again after an error. */
struct codec_format {
	struct codec_enc *(*enc_new)(void);
	void (*enc_free)(struct codec_enc *e);
	size_t (*bound)(size_t n);
	int (*encode)(struct codec_enc *e, const struct view *pieces, size_t count, struct span out);
	void (*enc_trim)(struct codec_enc *e);
	size_t (*enc_memory)(const struct codec_enc *e);

	struct codec_dec *(*dec_new)(void);
	void (*dec_free)(struct codec_dec *d);
	int (*decode)(struct codec_dec *d, struct view *in, struct view *out);
	void (*dec_trim)(struct codec_dec *d);
	size_t (*dec_memory)(const struct codec_dec *d);
};

extern const struct codec_format codec_format_snappy;
extern const struct codec_format codec_format_zstd;

/* Sum of the pieces' lengths. */
size_t codec_total(const struct view *pieces, size_t count);

/* The next n bytes of *in, which has as many; *in goes on behind them. */
static inline struct view codec_take(struct view *in, size_t n)
{
	struct view v = { in->p, n };

	in->p += n;
	in->n -= n;
	return v;
}

#endif
