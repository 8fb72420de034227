/* fec_repair.h - parity between two kcptunds, over the numbered segments of a stream.
 *
 * kcptun's shards are datagrams: each needs a header of eight bytes, and a set of them is full when
 * enough were sent, however long that takes.  Here the shards are KCP's segments, which have numbers
 * already.  So data travels as ever, without a byte more, and a parity packet says by itself
 * what it is of:
 *
 *     0      4        6       7       8       12
 *     | conv | 0x00f7 | count | index | first | parity bytes ...
 *
 * It is parity `index` of the segments first .. first + count - 1.  A shard is the length of a
 * segment's payload, 16 bits, and the payload, padded with zeros to the longest of the set; the code is that of
 * fec_rs.h, with the data at the points 0 .. count - 1 and the parity at count + index.  Since
 * every packet tells its set, the sender closes sets when it likes and sends as much parity as it
 * likes.  A segment that is sent again has the number that it had, and helps as well.
 *
 * Who sends decides when that pays (session_impl.h).  Who receives has to keep what came lately, because
 * the parity comes after it. */
#ifndef KT_FEC_REPAIR_H
#define KT_FEC_REPAIR_H

#include "fec.h"

enum {
	REPAIR_HEADER = 12,
	REPAIR_SEGS_MAX = 64,   /* of a set */
	REPAIR_PARITY_MAX = 32, /* sent for one */
	REPAIR_KEPT = 256,      /* segments that a receiver keeps; a power of two */
	REPAIR_SETS = 4,        /* whose parity it keeps, at once */
	/* And so long: what comes later was sent again, as is all that the set lacks beside it.  To
	 * be rebuilt that late looks like disorder on the way, for which KCP would learn to wait. */
	REPAIR_WAIT_US = 15000,
};

/* What a segment's payload may be for a parity packet of it to fit `packet_bytes_max`. */
#define REPAIR_PAYLOAD_MAX(packet_bytes_max) ((packet_bytes_max)-REPAIR_HEADER - 2)

/* Packets of parity that `count` segments need, so that all of them are there in 995 of 1000 cases
 * when so much is lost, each packet by itself: 0 .. REPAIR_PARITY_MAX. */
unsigned repair_share(unsigned count, uint32_t loss_ppm);

/* ---- sender ----------------------------------------------------------------- */

struct repair_out;

/* NULL when out of memory. */
struct repair_out *repair_out_new(uint32_t conv, size_t payload_max);
void repair_out_free(struct repair_out *o);
/* Segment `number` leaves for the first time; the next one is numbered one higher, or the
 * open set is given up.  Not when repair_out_full().  It is copied. */
void repair_out_add(struct repair_out *o, uint64_t now_us, uint32_t number, struct view payload);
unsigned repair_out_count(const struct repair_out *o); /* of the open set */
size_t repair_out_longest(const struct repair_out *o); /* payload of it */
static inline bool repair_out_full(const struct repair_out *o)
{
	return repair_out_count(o) == REPAIR_SEGS_MAX;
}
/* When the open set should be closed: `span_us` after it began, or, when nothing more is there to
 * send now, as soon as it seems that nothing will be.  KT_NEVER when it is empty. */
uint64_t repair_out_due(const struct repair_out *o, uint64_t span_us, bool more);
/* Close the set; so many parity packets are appended to `b`, or none for want of memory.
 * Returns how many. */
unsigned repair_out_close(struct repair_out *o, unsigned parity, struct batch *b, const void *path);
size_t repair_out_memory(const struct repair_out *o);

/* ---- receiver --------------------------------------------------------------- */

struct repair_in;

struct repair_in_stats {
	uint64_t parity;   /* packets received */
	uint64_t repaired; /* segments rebuilt and found sound */
	uint64_t errors;   /* malformed, or rebuilt and found wrong */
};

/* NULL when out of memory. */
struct repair_in *repair_in_new(uint32_t conv, size_t payload_max);
void repair_in_free(struct repair_in *r);
/* A segment came, whether before or not: keep a copy. */
void repair_in_data(struct repair_in *r, uint64_t now_us, uint32_t number, struct view payload);
/* A parity packet came, header included.  What is below `expected` is not missed. */
void repair_in_parity(struct repair_in *r, uint64_t now_us, uint32_t expected, struct view pkt);
/* The next segment that the calls before rebuilt, in the order of their numbers within a
 * set; valid until the next call that is not this. */
bool repair_in_next(struct repair_in *r, uint32_t *number, struct view *payload);
const struct repair_in_stats *repair_in_stats(const struct repair_in *r);
size_t repair_in_memory(const struct repair_in *r);
void repair_in_verify(const struct repair_in *r);

#endif
