/* snappy.c - the snappy framing format, as golang/snappy writes and reads it.
 *
 *   0      1         4            8
 *   | type | length  | crc-32c    | block or raw bytes ...    types 00, 01
 *   | ff   | 6       | sNaPpY                                 the identifier
 *   | 80..fe | length | anything                              skipped
 *
 * `length` counts what follows it.  The CRC is that of the plain bytes, masked. */
#include "codec_impl.h"

#include <assert.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>

#include "crc32.h"
#include "err.h"

enum {
	CHUNK_COMPRESSED = 0x00,
	CHUNK_RAW = 0x01,
	CHUNK_SKIPPABLE = 0x80, /* .. 0xfe */
	CHUNK_IDENTIFIER = 0xff,

	HEADER_BYTES = 4, /* type and length */
	CRC_BYTES = 4,
	PLAIN_MAX = 65536,                                /* plain bytes of one chunk */
	BLOCK_BYTES_MAX = 32 + PLAIN_MAX + PLAIN_MAX / 6, /* snappy's worst block */
	CHUNK_LENGTH_MAX = CRC_BYTES + BLOCK_BYTES_MAX,   /* Go refuses longer, of any type */
	CHUNK_ROOM = HEADER_BYTES + CRC_BYTES + BLOCK_BYTES_MAX, /* to compress a full chunk in */
	NEVER_SHRINKS = 16,      /* plain bytes: so short, snappy looks for no match */
	TABLE_BYTES_MAX = 65536, /* libsnappy's hash table, all releases */
	DRY_BLOCKS = 8,          /* after so many in sequence that did not shrink */
	DRY_LOOKS = 16,          /* one in so many is tried */
};

static const uint8_t identifier[] = { CHUNK_IDENTIFIER, 6, 0, 0, 's', 'N', 'a', 'P', 'p', 'Y' };
enum { MARK_BYTES = sizeof(identifier) - HEADER_BYTES };

static uint32_t masked_crc(struct view v)
{
	uint32_t crc = kt_crc32c(v);

	return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static void store_le24(uint8_t p[static 3], size_t v)
{
	store_le16(p, (uint16_t)v);
	p[2] = (uint8_t)(v >> 16);
}

static uint32_t load_le24(const uint8_t p[static 3])
{
	return load_le16(p) | (uint32_t)p[2] << 16;
}

/* ---- encoder ------------------------------------------------------------- */

struct snappy_enc {
	struct codec_enc base;
	bool identified;
	uint32_t dry;     /* blocks in sequence that did not shrink or were not tried */
	uint8_t *scratch; /* owned; pieces are gathered here when a chunk has several */
	size_t scratch_size;
};

static struct snappy_enc *enc_of(struct codec_enc *e)
{
	return container_of(e, struct snappy_enc, base);
}

static struct codec_enc *enc_new(void)
{
	struct snappy_enc *s = calloc(1, sizeof(*s));

	return s != NULL ? &s->base : NULL;
}

static void enc_trim(struct codec_enc *e)
{
	struct snappy_enc *s = enc_of(e);

	free(s->scratch);
	s->scratch = NULL;
	s->scratch_size = 0;
}

static void enc_free(struct codec_enc *e)
{
	enc_trim(e);
	free(enc_of(e));
}

static size_t enc_memory(const struct codec_enc *e)
{
	const struct snappy_enc *s = (const void *)e;

	return sizeof(*s) + s->scratch_size;
}

static size_t bound(size_t n)
{
	size_t rest = n % PLAIN_MAX;
	size_t full = n / PLAIN_MAX;

	return sizeof(identifier) + full * CHUNK_ROOM + HEADER_BYTES + CRC_BYTES +
	       snappy_max_compressed_length(rest);
}

static bool reserve_scratch(struct snappy_enc *s, size_t n)
{
	uint8_t *p;

	if (s->scratch_size >= n)
		return true;
	p = malloc(n);
	if (p == NULL)
		return false;
	free(s->scratch); /* old bytes are of no use, so no realloc() */
	s->scratch = p;
	s->scratch_size = n;
	return true;
}

/* Where in the pieces the next chunk begins. */
struct cursor {
	const struct view *piece;
	size_t offset; /* in *piece */
};

static struct view cursor_rest(struct cursor *c)
{
	while (c->offset == c->piece->n) {
		c->piece++;
		c->offset = 0;
	}
	return (struct view){ c->piece->p + c->offset, c->piece->n - c->offset };
}

/* The next n bytes in one run: where they are if they lie together, else gathered. */
static struct view next_plain(struct cursor *c, size_t n, uint8_t *scratch)
{
	struct view rest = cursor_rest(c);

	if (rest.n >= n) {
		c->offset += n;
		return (struct view){ rest.p, n };
	}
	for (size_t done = 0; done < n;) {
		size_t k;

		rest = cursor_rest(c);
		k = rest.n < n - done ? rest.n : n - done;
		memcpy(scratch + done, rest.p, k);
		c->offset += k;
		done += k;
	}
	return (struct view){ scratch, n };
}

/* Whether the pieces are several once the empty ones are left out. */
static bool scattered(const struct view *pieces, size_t count, size_t total)
{
	for (size_t i = 0; i < count; i++)
		if (pieces[i].n > 0)
			return pieces[i].n != total;
	return false;
}

/* libsnappy is C++: when it finds no memory for its table and two buffers it throws, and in C
 * that ends the process.  So the memory is tried for first; without it the bytes go uncompressed. */
static bool snappy_has_memory(size_t n)
{
	/* volatile, or the compiler takes the pair of calls for useless */
	void *volatile probe = malloc(TABLE_BYTES_MAX + n + snappy_max_compressed_length(n));

	free(probe);
	return probe != NULL;
}

/* What is encrypted or compressed already does not shrink, and mostly nor does what follows. */
static bool worth_a_try(const struct snappy_enc *s)
{
	return s->dry < DRY_BLOCKS || s->dry % DRY_LOOKS == 0;
}

/* The length of the snappy block of `plain` in `body`; 0 when it is not worth sending. */
static size_t try_block(struct snappy_enc *s, uint8_t *body, struct view plain)
{
	size_t n = snappy_max_compressed_length(plain.n);
	bool tries = worth_a_try(s);

	if (plain.n <= NEVER_SHRINKS)
		return 0;
	s->dry++;
	if (!tries || !snappy_has_memory(plain.n))
		return 0;
	if (snappy_compress((const char *)plain.p, plain.n, (char *)body, &n) != SNAPPY_OK)
		return 0;
	if (n >= plain.n - plain.n / 8)
		return 0;
	s->dry = 0;
	return n;
}

/* One chunk from up to PLAIN_MAX bytes; `out` has room for the worst block.  Bytes written. */
static size_t put_chunk(struct snappy_enc *s, uint8_t *out, struct view plain)
{
	uint8_t *body = out + HEADER_BYTES + CRC_BYTES;
	size_t n = try_block(s, body, plain);

	out[0] = n > 0 ? CHUNK_COMPRESSED : CHUNK_RAW;
	if (n == 0) {
		memcpy(body, plain.p, plain.n);
		n = plain.n;
	}
	store_le24(out + 1, CRC_BYTES + n);
	store_le32(out + HEADER_BYTES, masked_crc(plain));
	return HEADER_BYTES + CRC_BYTES + n;
}

static int encode(struct codec_enc *e, const struct view *pieces, size_t count, struct span out)
{
	struct snappy_enc *s = enc_of(e);
	size_t left = codec_total(pieces, count), used = 0;
	struct cursor c = { pieces, 0 };

	if (scattered(pieces, count, left) && !reserve_scratch(s, left < PLAIN_MAX ? left : PLAIN_MAX))
		return KT_ENOMEM;
	if (!s->identified) {
		memcpy(out.p, identifier, sizeof(identifier));
		used = sizeof(identifier);
		s->identified = true;
	}
	while (left > 0) {
		size_t n = left < PLAIN_MAX ? left : PLAIN_MAX;

		used += put_chunk(s, out.p + used, next_plain(&c, n, s->scratch));
		left -= n;
	}
	assert(used <= out.n);
	return (int)used;
}

/* ---- decoder ------------------------------------------------------------- */

struct snappy_dec {
	struct codec_dec base;
	bool identified;
	uint8_t header[HEADER_BYTES];
	uint8_t header_n; /* bytes of it that are in; all of them while inside a chunk */
	uint32_t length;  /* of the chunk's body */
	uint32_t taken;   /* bytes of the body that are in */
	uint8_t *body;    /* owned, `length` bytes; only for a body that does not come whole */
	uint8_t *plain;   /* owned; what the last call's out may point into */
	size_t plain_size;
};

static struct snappy_dec *dec_of(struct codec_dec *d)
{
	return container_of(d, struct snappy_dec, base);
}

static struct codec_dec *dec_new(void)
{
	struct snappy_dec *s = calloc(1, sizeof(*s));

	return s != NULL ? &s->base : NULL;
}

static void drop_body(struct snappy_dec *s)
{
	free(s->body);
	s->body = NULL;
}

static void drop_plain(struct snappy_dec *s)
{
	free(s->plain);
	s->plain = NULL;
	s->plain_size = 0;
}

static void dec_free(struct codec_dec *d)
{
	struct snappy_dec *s = dec_of(d);

	drop_body(s);
	drop_plain(s);
	free(s);
}

static void dec_trim(struct codec_dec *d)
{
	drop_plain(dec_of(d));
}

static size_t dec_memory(const struct codec_dec *d)
{
	const struct snappy_dec *s = (const void *)d;

	return sizeof(*s) + s->plain_size + (s->body != NULL ? s->length : 0);
}

/* Whether a chunk may begin like this; all that its header can tell is checked here, before
 * anything is allocated for it. */
static bool header_is_sound(const struct snappy_dec *s)
{
	uint8_t type = s->header[0];

	if (type == CHUNK_IDENTIFIER)
		return s->length == MARK_BYTES;
	if (!s->identified || s->length > CHUNK_LENGTH_MAX)
		return false;
	if (type == CHUNK_COMPRESSED)
		return s->length > CRC_BYTES; /* a block has a length of its own at least */
	if (type == CHUNK_RAW)
		return s->length >= CRC_BYTES && s->length <= CRC_BYTES + PLAIN_MAX;
	return type >= CHUNK_SKIPPABLE;
}

/* KT_OK when inside a chunk, KT_EAGAIN when the input ends in its header. */
static int take_header(struct snappy_dec *s, struct view *in)
{
	if (s->header_n == HEADER_BYTES)
		return KT_OK;
	while (s->header_n < HEADER_BYTES) {
		if (in->n == 0)
			return KT_EAGAIN;
		s->header[s->header_n++] = codec_take(in, 1).p[0];
	}
	s->length = load_le24(s->header + 1);
	s->taken = 0;
	return header_is_sound(s) ? KT_OK : KT_EPROTO;
}

/* What is there of the chunk's body, as a view. */
static struct view take_some(struct snappy_dec *s, struct view *in)
{
	size_t want = s->length - s->taken;
	struct view v = codec_take(in, in->n < want ? in->n : want);

	s->taken += (uint32_t)v.n;
	return v;
}

/* KT_OK with the chunk's whole body, in place when it came whole; KT_EAGAIN. */
static int take_body(struct snappy_dec *s, struct view *in, struct view *body)
{
	struct view some;
	size_t before = s->taken;

	if (before == 0 && in->n >= s->length) {
		*body = take_some(s, in);
		return KT_OK;
	}
	if (s->body == NULL)
		s->body = malloc(s->length);
	if (s->body == NULL)
		return KT_ENOMEM;
	some = take_some(s, in);
	memcpy(s->body + before, some.p, some.n);
	*body = (struct view){ s->body, s->length };
	return s->taken == s->length ? KT_OK : KT_EAGAIN;
}

static int check_identifier(struct snappy_dec *s, struct view *in)
{
	const uint8_t *mark = identifier + HEADER_BYTES + s->taken;
	struct view some = take_some(s, in);

	if (some.n > 0 && memcmp(some.p, mark, some.n) != 0)
		return KT_EPROTO;
	if (s->taken < s->length)
		return KT_EAGAIN;
	s->identified = true;
	return KT_OK;
}

/* A raw chunk's bytes are given out where they lie; gathered ones become `plain`. */
static int open_raw(struct snappy_dec *s, struct view body, struct view *out)
{
	*out = (struct view){ body.p + CRC_BYTES, body.n - CRC_BYTES };
	if (s->body != NULL) {
		s->plain = s->body;
		s->plain_size = s->length;
		s->body = NULL;
	}
	return KT_OK;
}

static int open_block(struct snappy_dec *s, struct view body, struct view *out)
{
	const char *block = (const char *)body.p + CRC_BYTES;
	size_t block_n = body.n - CRC_BYTES, n;

	/* The length is only a claim: it decides what is allocated, so it is bounded first. */
	if (snappy_uncompressed_length(block, block_n, &n) != SNAPPY_OK || n > PLAIN_MAX)
		return KT_EPROTO;
	s->plain_size = n > 0 ? n : 1;
	s->plain = malloc(s->plain_size);
	if (s->plain == NULL)
		return KT_ENOMEM;
	if (snappy_uncompress(block, block_n, (char *)s->plain, &n) != SNAPPY_OK)
		return KT_EPROTO;
	drop_body(s);
	*out = (struct view){ s->plain, n };
	return KT_OK;
}

static int take_data(struct snappy_dec *s, struct view *in, struct view *out)
{
	struct view body;
	uint32_t crc;
	int err = take_body(s, in, &body);

	if (err != KT_OK)
		return err;
	crc = load_le32(body.p);
	err = s->header[0] == CHUNK_RAW ? open_raw(s, body, out) : open_block(s, body, out);
	if (err == KT_OK && masked_crc(*out) != crc)
		err = KT_EPROTO;
	return err;
}

/* One chunk, or what is there of it. */
static int take_chunk(struct snappy_dec *s, struct view *in, struct view *out)
{
	int err = take_header(s, in);

	if (err != KT_OK)
		return err;
	switch (s->header[0]) {
	case CHUNK_COMPRESSED:
	case CHUNK_RAW:
		err = take_data(s, in, out);
		break;
	case CHUNK_IDENTIFIER:
		err = check_identifier(s, in);
		break;
	default:
		take_some(s, in);
		err = s->taken == s->length ? KT_OK : KT_EAGAIN;
	}
	if (err == KT_OK)
		s->header_n = 0;
	return err;
}

/* Ends: each turn takes a byte of *in, or is the last. */
static int decode(struct codec_dec *d, struct view *in, struct view *out)
{
	struct snappy_dec *s = dec_of(d);
	int err = KT_OK;

	drop_plain(s);
	while (err == KT_OK && out->n == 0 && in->n > 0) {
		drop_plain(s); /* of a chunk without content */
		err = take_chunk(s, in, out);
	}
	if (err == KT_OK || err == KT_EAGAIN) {
		if (out->n == 0)
			drop_plain(s);
		return KT_OK;
	}
	*out = (struct view){ NULL, 0 }; /* nothing that is not verified leaves */
	drop_body(s);
	drop_plain(s);
	return err;
}

const struct codec_format codec_format_snappy = {
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
