/* fec_pair.h - the FEC of one session: what it sends, what it hears, and how the two fit.
 *
 * The decoder of older kcptun releases takes its own (ds, ps) for granted until it has
 * seen enough that contradicts them, and meanwhile rebuilds noise that looks like data
 * and corrupts streams.  So parity is sent only when the peer is known to make sense of it:
 *
 *   - A server sends none until the client's numbers are proven by what the client sends,
 *     and then uses those: a client's decoder is set to what it sends itself.
 *   - A client sends data shards without parity, which every decoder takes, until it has heard
 *     the server.  If the server sends FEC, its numbers are used, for the same reason.  If it is one
 *     of ours, which follows its clients, it says so by a mark, and the client's own numbers are used.
 *     A server that does neither has no use for parity, and gets none.
 *
 * The mark is four bytes behind the segments of a plain KCP packet, where every peer
 * ignores a rest that is too short for a segment. */
#ifndef KT_FEC_PAIR_H
#define KT_FEC_PAIR_H

#include "fec.h"

/* What we send, and what it takes to go on:
 *
 *     server   PLAIN --a shard--> MARKED --proof--> PARITY
 *     client   HELD --proof, or the mark--> PARITY
 *     client without FEC   NONE
 *
 * A proof is that of the peer's numbers, by its shards. */
enum fec_pair_state {
	FEC_PAIR_NONE,   /* plain packets, whatever is heard */
	FEC_PAIR_PLAIN,  /* plain packets: the client was not heard to send FEC */
	FEC_PAIR_MARKED, /* plain packets with the mark: it does, its numbers are not proven yet */
	FEC_PAIR_HELD,   /* data shards, the parity that belongs to them is held back */
	FEC_PAIR_PARITY, /* data shards and parity, in numbers that stay */
};

struct fec_pair {
	enum fec_pair_state state;
	unsigned ds, ps;     /* configured, then in use */
	size_t payload_max;  /* of what we send */
	struct fec_enc *enc; /* while shards are sent: HELD, PARITY */
	struct fec_dec *dec; /* NULL until a shard came */
};

/* Bytes that a packet grows by at most. */
enum { FEC_PAIR_OVERHEAD = FEC_HEADER_DATA };

/* `payload_max`: of a KCP packet.  False when out of memory or out of range. */
bool fec_pair_init(struct fec_pair *p, bool client, unsigned ds, unsigned ps, size_t payload_max);
void fec_pair_dispose(struct fec_pair *p); /* fine for one that is all zeros */

/* A datagram of kind FEC_DATA or FEC_PARITY: how many packets fec_pair_next() will give. */
int fec_pair_input(struct fec_pair *p, struct view pkt);
bool fec_pair_next(struct fec_pair *p, struct view *payload);
/* What stood behind the last segment of a plain packet, often nothing: the place of the mark.
 * It means something only in FEC_PAIR_HELD, else it need not be looked for. */
void fec_pair_input_rest(struct fec_pair *p, struct view rest);

/* Bytes that fec_pair_add() makes a packet longer by, as things stand. */
size_t fec_pair_grows(const struct fec_pair *p);
/* Packets that fec_pair_add() may append. */
size_t fec_pair_parity_max(const struct fec_pair *p);
/* What is sent is counted: no parity while it is on. */
void fec_pair_bare(struct fec_pair *p, bool on);
/* Make packet b->v[index] ready for the seal; see fec_enc_add(). */
void fec_pair_add(struct fec_pair *p, uint64_t now_us, struct batch *b, size_t index);
/* Before the batch goes away; see fec_enc_settle(). */
void fec_pair_settle(struct fec_pair *p);

/* What parity we send now: 0, 0 when none. */
void fec_pair_sending(const struct fec_pair *p, unsigned *ds, unsigned *ps);
void fec_pair_trim(struct fec_pair *p);
size_t fec_pair_memory(const struct fec_pair *p);

#endif
