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

struct fec_pair {
	bool client;
	unsigned ds, ps;      /* configured; 0, 0: a client without FEC */
	size_t payload_max;   /* of what we send */
	struct fec_enc *enc;  /* NULL: plain packets */
	struct fec_dec *dec;  /* NULL until a shard came */
	bool settled;         /* it is known what to send */
	bool mark;            /* server: tell the client that we follow */
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
 * It changes something only while it is wanted, so nobody else need look for it. */
bool fec_pair_wants_rest(const struct fec_pair *p);
void fec_pair_input_rest(struct fec_pair *p, struct view rest);

/* Packets that fec_pair_add() may append. */
size_t fec_pair_parity_max(const struct fec_pair *p);
/* Make packet b->v[index] ready for the seal; see fec_enc_add(). */
void fec_pair_add(struct fec_pair *p, uint64_t now_us, struct batch *b, size_t index);
/* Before the batch goes away; see fec_enc_settle(). */
void fec_pair_settle(struct fec_pair *p);

/* What parity we send now: 0, 0 when none. */
void fec_pair_sending(const struct fec_pair *p, unsigned *ds, unsigned *ps);
void fec_pair_trim(struct fec_pair *p);
size_t fec_pair_memory(const struct fec_pair *p);

#endif
