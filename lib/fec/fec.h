/* fec.h - Reed-Solomon shards over datagrams.
 *
 * Wire: protocol section 2.  Each KCP packet becomes a data shard; after
 * `ds` of them `ps` parity shards follow:
 *
 *     0        4        6       8
 *     | seqid  | 0x00f1 | size  | KCP packet ...     size counts itself
 *     | seqid  | 0x00f2 | parity bytes ...
 *     | ffffffff | 0x00f3 | size | conv | payload    out-of-band, no shard
 *
 * Arithmetic is gf256.h's.  Pure state machines: no clock, no globals. */
#ifndef KT_FEC_H
#define KT_FEC_H

#include "packet.h"
#include "wire.h"

enum {
	FEC_HEADER = 6,      /* seqid, type */
	FEC_HEADER_DATA = 8, /* and size */
	FEC_TYPE_DATA = 0xf1,
	FEC_TYPE_PARITY = 0xf2,
	FEC_TYPE_OOB = 0xf3,
	FEC_TYPE_REPAIR = 0xf7, /* ours alone: fec_repair.h */
	FEC_TYPE_RLC = 0xf8,    /* and fec_rlc.h, */
	FEC_TYPE_TELL = 0xf9,   /* and tell.h, */
	FEC_TYPE_PIECE = 0xfa,  /* and piece.h */
	FEC_SHARDS_MAX = 255,   /* ds + ps */
	FEC_GAP_MS = 500,       /* a pause this long before the completing shard: no parity */
	FEC_SETS_MAX = 4,       /* sets held at once: a set is dropped at the fourth newer one */
};

/* What the first bytes of an opened datagram say it is. */
enum fec_kind {
	FEC_PLAIN, /* no FEC header (a KCP packet, or nothing known) */
	FEC_DATA,
	FEC_PARITY,
	FEC_OOB,
	FEC_REPAIR, /* of fec_repair.h, which looks into it */
	FEC_RLC,    /* of fec_rlc.h, likewise */
	FEC_TELL,   /* of tell.h */
	FEC_PIECE,  /* of piece.h */
	FEC_BAD,    /* too short, or a size field that does not fit */
};
/* Classify `pkt`; for FEC_DATA *payload is the KCP packet inside (the size field is
 * checked against the length), for FEC_PLAIN all of it, for FEC_OOB what follows the conv. */
enum fec_kind fec_classify(struct view pkt, struct view *payload);

/* Parity coefficients of (ds, ps) as the wire defines them: ps rows of ds
 * bytes.  KT_OK or KT_EINVAL (ds, ps >= 1, ds + ps <= 255). */
int fec_matrix(unsigned ds, unsigned ps, uint8_t *rows);

/* ---- encoder ------------------------------------------------------------- */

struct fec_enc;

/* Encoder for payloads (KCP packets) of up to `payload_max` bytes.  NULL when out of
 * memory or ds, ps are out of range.  Memory: at most about (ds + 1) * payload_max, and
 * only while a set is open. */
struct fec_enc *fec_enc_new(unsigned ds, unsigned ps, size_t payload_max);
void fec_enc_free(struct fec_enc *e);
/* For tests: the seqid the encoder starts with. */
void fec_enc_set_seqid(struct fec_enc *e, uint32_t seqid);

/* Go on where `from` was, at the next seqid where a set of these numbers can begin. */
void fec_enc_continue(struct fec_enc *e, const struct fec_enc *from);
/* Hold the parity back, before the first shard: sets get none until fec_enc_release(), and the
 * sequence advances as if they had.  A set that is open then gets its own if nothing of it went
 * with a batch. */
void fec_enc_hold(struct fec_enc *e);
void fec_enc_release(struct fec_enc *e);
/* While it is on, a set that is completed gets no parity, and the sequence advances all the same. */
void fec_enc_bare(struct fec_enc *e, bool on);

/* Make packet b->v[index] a data shard: the 8-byte header goes into its headroom.
 * When it completes a set, and the 500 ms rule allows, `ps` parity packets are appended to
 * `b` with the same `path`.  The caller makes sure beforehand of batch_room(b) >= ps;
 * if memory runs out the set's parity is left out (the sequence advances all the same).
 * Returns the number of parity packets appended.
 *
 * The shards of an unfinished set are borrowed from the batch, unsealed and in place, until
 * fec_enc_settle() copies them; their bytes behind `len` up to the longest payload
 * (PACKET_CAP bounds it) are scratch for padding. */
size_t fec_enc_add(struct fec_enc *e, uint64_t now_us, struct batch *b, size_t index);
/* Before the batch is sealed, moved or cleared: copy what is still needed. */
void fec_enc_settle(struct fec_enc *e);
/* Free what an idle encoder can do without. */
void fec_enc_trim(struct fec_enc *e);
size_t fec_enc_memory(const struct fec_enc *e);

/* ---- decoder ------------------------------------------------------------- */

struct fec_dec;

struct fec_dec_stats {
	uint64_t parity_shards; /* parity packets received */
	uint64_t full_sets;     /* sets whose data shards all came by themselves */
	uint64_t recovered;     /* data shards rebuilt and found sound */
	uint64_t errors;        /* malformed shards, rebuilt shards with a bad size */
	uint64_t retunes;       /* times that the sender's numbers were adopted */
	uint32_t sets_held;     /* sets in memory now */
	uint32_t shard_min;     /* smallest number of shards in a set held now, 0: none */
};

/* Decoder that starts with (ds, ps) and tunes itself to the sender's numbers.
 * ds = ps = 0 is fine: nothing known yet.  `payload_max` bounds a KCP packet.
 * NULL when out of memory or out of range. */
struct fec_dec *fec_dec_new(unsigned ds, unsigned ps, size_t payload_max);
void fec_dec_free(struct fec_dec *d);
/* The numbers given to fec_dec_new() are our own, and the sender's may differ:
 * rebuild nothing until what arrives has shown that they are right.  (A set rebuilt with wrong
 * numbers can look sound: every row of the matrix adds up to 1, so header bytes that the shards have
 * in common come out right, and only the payload is noise.)  Sets that are complete
 * by then are rebuilt at once. */
void fec_dec_doubt(struct fec_dec *d);
/* The numbers that fec_dec_params() gives are the sender's beyond doubt. */
bool fec_dec_proven(const struct fec_dec *d);

/* Offer an opened datagram of kind FEC_DATA or FEC_PARITY (header included);
 * `pkt` is borrowed for this call and copied if needed.  The payload of a data
 * shard is the caller's to deliver at once; this tells of rebuilt ones only:
 * returns how many fec_dec_next() will yield, or KT_EPROTO (counted, ignored). */
int fec_dec_input(struct fec_dec *d, struct view pkt);
/* Next rebuilt KCP packet, in the order of seqid, never empty; valid until the
 * next fec_dec_input(). */
bool fec_dec_next(struct fec_dec *d, struct view *payload);
/* The sender's numbers as they are believed now; 0, 0 before anything is known. */
void fec_dec_params(const struct fec_dec *d, unsigned *ds, unsigned *ps);
const struct fec_dec_stats *fec_dec_stats(const struct fec_dec *d);
/* Free what an idle decoder can do without: spare memory, rebuilt packets that were not
 * asked for, and sets that got nothing since the last call.  Call it every few seconds. */
void fec_dec_trim(struct fec_dec *d);
size_t fec_dec_memory(const struct fec_dec *d);
void fec_dec_verify(const struct fec_dec *d);

#endif
