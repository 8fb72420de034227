/* fec_rlc.h - a sliding window code between two kcptunds, for small segments that somebody waits for.
 *
 * Where little is sent, a set (fec_repair.h) would close when its parity is of no use any more.  Here
 * every repair symbol is of all that is under way: a random linear combination of the segments that
 * were not acknowledged when it left (RFC 8681; the arithmetic is gf256.h's).  Whoever holds as many
 * symbols as segments are missing has them all, whichever those are, so it takes half of the
 * bytes that copies of each would.
 *
 *     0      4        6      8       12   16     17      18
 *     | conv | 0x00f8 | mask | first | ts | seed | count | sum ... | sum ... |
 *
 * Bit i of `mask` says that segment first + i is in them, bit 0 is set.  A source is the length of a
 * segment's payload, 16 bits, and the payload; shorter ones count as if zeros followed.  Each is
 * multiplied in GF(2^8) by a number made of a seed and its own (rlc_factor()), and added; sum k, of
 * `count` equally long ones, has seed + k.  `ts` is KCP's clock when they left.  They stand behind the
 * segments of a plain packet, up to its end, or are a packet by themselves. */
#ifndef KT_FEC_RLC_H
#define KT_FEC_RLC_H

#include "fec.h"

enum {
	RLC_HEADER = 18,
	RLC_WINDOW = 16,        /* segments from the first to the last of a symbol */
	RLC_PAYLOAD_MAX = 1024, /* of a segment that may be in one */
	RLC_KEPT = 32,          /* segments that a receiver keeps; a power of two */
	RLC_COUNT_MAX = 8,      /* symbols in a packet */
	RLC_SYMBOLS = 16,       /* that it keeps, while something of them is missing */
};

/* 1 .. 255: what segment `number` is multiplied by in the symbol of this seed. */
uint8_t rlc_factor(uint8_t seed, uint32_t number);

/* ---- sender ----------------------------------------------------------------- */

struct rlc_source {
	uint32_t number;
	struct view payload;
};

struct rlc_header {
	uint32_t conv, ts;
	uint8_t seed;
	unsigned count; /* 1 .. RLC_COUNT_MAX */
};
/* Symbols of these, 1 .. RLC_WINDOW, numbers ascending: written to `buf`.  Returns their length, 0 when `cap` is too
 * small, one is too long, or the first and the last are too far apart. */
size_t rlc_encode(const struct rlc_header *h, const struct rlc_source *sources, size_t n,
		  uint8_t *buf, size_t cap);

/* ---- receiver --------------------------------------------------------------- */

/* Is this, what stands behind the segments of a packet or all of it, symbols of `conv`? */
bool rlc_is_symbol(struct view bytes, uint32_t conv);
/* The clock that it tells. */
static inline uint32_t rlc_ts(struct view symbols)
{
	return load_le32(symbols.p + 12);
}

struct rlc_in;

struct rlc_in_stats {
	uint64_t symbols;  /* received */
	uint64_t repaired; /* segments rebuilt and found sound */
	uint64_t errors;   /* symbols too long, or what was rebuilt from them wrong */
};

/* NULL when out of memory. */
struct rlc_in *rlc_in_new(void);
void rlc_in_free(struct rlc_in *r);
/* A segment came, whether before or not: keep a copy if it is short enough to be in a symbol. */
void rlc_in_data(struct rlc_in *r, uint32_t number, struct view payload);
/* Some came, for which rlc_is_symbol() is true. */
void rlc_in_symbols(struct rlc_in *r, struct view symbols);
/* The next segment that the call before rebuilt, numbers ascending; valid until the next call that
 * is not this. */
bool rlc_in_next(struct rlc_in *r, uint32_t *number, struct view *payload);
const struct rlc_in_stats *rlc_in_stats(const struct rlc_in *r);
size_t rlc_in_memory(const struct rlc_in *r);
void rlc_in_verify(const struct rlc_in *r);

#endif
