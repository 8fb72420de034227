/* session_impl.h - what a session is made of, for its own files.
 *
 * Each calls only those above it:
 *
 *     start.c    layers that begin once the peer is known
 *     memory.c   what it holds, and what it does when its tunnel holds too much
 *     input.c    datagrams and stream bytes in
 *     output.c   frames and packets out
 *     session.c  life, time, streams, questions
 *     look.c     counters, figures, invariants
 */
#ifndef KT_SESSION_IMPL_H
#define KT_SESSION_IMPL_H

#include "fec_pair.h"
#include "session.h"

/* Bytes of the peer's stream that wait: until CODEC_DETECT_BYTES of them or less tell the codec,
 * the first ones as they came; after that, plain ones that smux had no room for. */
struct session_kept {
	uint8_t *mem; /* NULL when there are none */
	size_t off, len;
};

struct session {
	struct session_config cfg;
	struct kcp *kcp;
	struct fec_pair fec;
	struct codec_enc *enc; /* NULL: not known yet (server), or CODEC_NONE */
	struct codec_dec *dec; /* NULL: not known yet, or CODEC_NONE */
	struct smux *smux;     /* NULL on a server until the client was heard */
	struct fifo_account account;

	enum codec_kind codec_in, codec_out;
	int peer_version;
	enum session_end end;
	uint64_t born_us;
	uint64_t trim_pkts; /* packets in and out at the last session_trim() */
	unsigned trims;     /* done since it became idle */

	struct session_kept kept;

	/* of session_flush(), valid while it runs */
	struct batch *out;
	size_t out_start; /* its packets from here on are ours */
	const void *out_path;
	uint64_t flush_us;

	/* counted here; the rest comes from the modules when asked for */
	uint64_t bytes_sent, bytes_received;
	uint64_t in_pkts, in_bytes, out_pkts, out_bytes;
	uint64_t kcp_in_errors, fec_errors, oob_packets;
};

/* The first end is the one that counts. */
static inline void session_fail(struct session *s, enum session_end end)
{
	if (s->end == SESSION_ALIVE)
		s->end = end;
}

/* smux has ended. */
static inline void session_fail_smux(struct session *s)
{
	session_fail(s, smux_closed(s->smux) == SMUX_CLOSED_TIMEOUT ? SESSION_TIMEOUT
								    : SESSION_BROKEN_SMUX);
}

/* ---- start.c: false when out of memory ------------------------------------------ */

bool session_start_smux(struct session *s, int version, uint64_t now_us);
bool session_start_encoder(struct session *s, enum codec_kind kind);
bool session_start_decoder(struct session *s, enum codec_kind kind);

/* ---- memory.c --------------------------------------------------------------------- */

size_t session_codec_memory(const struct session *s);
/* In all, fifos and streams apart. */
size_t session_memory(const struct session *s);
/* Charge it to the pool; if that holds too much, give KCP no more to hold. */
void session_report_memory(struct session *s);

/* ---- output.c: kcp.h's reserve and output ---------------------------------------- */

/* Room for this packet and for the parity it may complete. */
uint8_t *session_reserve_packet(void *user, size_t cap);
size_t session_output_packet(void *user, uint8_t *buf, size_t len);

#endif
