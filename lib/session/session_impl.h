/* session_impl.h - what a session is made of, for its own files.
 *
 * Each calls only those above it:
 *
 *     start.c    layers that begin once the peer is known
 *     fit.c      whether the peer understands what a client only guesses
 *     cover.c    symbols that stand for what is small and under way
 *     repair.c   parity of our own, when it pays
 *     memory.c   what it holds, and what it does when its tunnel holds too much
 *     mtu.c      how long datagrams may be
 *     input.c    datagrams and stream bytes in
 *     output.c   frames and packets out
 *     session.c  life, time, streams, questions
 *     look.c     counters, figures, invariants
 */
#ifndef KT_SESSION_IMPL_H
#define KT_SESSION_IMPL_H

#include "advert.h"
#include "fec_pair.h"
#include "fec_repair.h"
#include "fec_rlc.h"
#include "piece.h"
#include "pmtu.h"
#include "session.h"

enum { SEGMENT_MEMORY = 1500 }; /* bytes that a segment of the window may take */

/* Bytes of the peer's stream that wait: until CODEC_DETECT_BYTES of them or less tell the codec,
 * the first ones as they came; after that, plain ones that smux had no room for. */
struct session_kept {
	uint8_t *mem; /* NULL when there are none */
	size_t off, len;
};

/* A part of all, both halved now and then. */
struct session_share {
	int64_t all, part;
};

/* Parity between two kcptunds, see fec_repair.h and repair.c. */
struct session_repair {
	bool offered;           /* our numbers are automatic */
	bool heard_note;        /* the peer is a kcptund */
	bool peer_paces;        /* that floods nobody */
	bool peer_follows;      /* from one address to another */
	bool understood;        /* both numbers are automatic */
	bool covered;           /* and it understands cover.c */
	bool peer_joins;        /* pieces of piece.h */
	bool sends, peer_sends; /* it pays to, as was told */
	struct repair_out *out; /* NULL until needed */
	struct repair_in *in;

	/* of what we send */
	bool active; /* in this flush new sets begin */
	bool burst;  /* KCP makes no copies in it */
	uint64_t look_us;
	bool more;                 /* after it something waits to be sent */
	uint32_t next;             /* number of the next segment that is new */
	uint64_t span_us;          /* that a set may take */
	unsigned count, parity;    /* of the last set */
	uint64_t sent;             /* parity packets */
	size_t unpaid;             /* bytes of them on the wire, in this flush */
	struct session_share loss; /* of segments, those lost */
	uint64_t round_us;         /* when the round trip began in which */
	int64_t round_acked;       /* so many were acknowledged in it, */
	int64_t round_lost;        /* and so many lost ones were counted, */
	int64_t round_used;        /* and for `use` */
	struct session_share use;  /* of these, those that parity repaired */
	uint32_t rest;             /* segments to be acknowledged before it is tried again */
	unsigned rests;            /* in sequence */
	uint64_t acked_before;     /* totals when that was last looked at */
	int64_t lost_before;
	uint16_t heard; /* rebuilt by the peer, as it last said */
	uint64_t bulk_limit, bulk_bytes, bytes_before, counted_us;

	/* of what we hear */
	uint64_t heard_us, run_bytes; /* the last packet; since a pause */
	uint32_t since_parity;        /* packets */
	uint16_t told;                /* rebuilt, as we last said */
	uint64_t told_us;
	struct repair_in_stats past; /* of receivers that were given up */
};

/* Small segments that somebody waits for, see fec_rlc.h and cover.c. */
struct session_cover {
	uint8_t seed;             /* of the next symbol that leaves */
	struct rlc_in *in;        /* NULL until one comes */
	uint32_t since;           /* packets since the last one */
	uint32_t newest_ts;       /* heard */
	struct rlc_in_stats past; /* of receivers that were given up */
};

/* Until the peer has shown that it is where it seems to be. */
struct session_guard {
	bool on;
	bool asks; /* something small is to leave */
	uint64_t since_us;
	uint64_t in_bytes, out_bytes; /* totals then */
	uint64_t ask_at_us;           /* again; 0: nothing waits for it */
	uint64_t wait_us;             /* from one time to the next */
};

/* Whether the peer understands us, see fit.c. */
struct session_fit {
	bool open;           /* that is not known yet */
	bool began;          /* what left first has arrived */
	bool asked;          /* whether it goes on, */
	bool taken, refused; /* and it does; it does not */
	uint64_t missing_us; /* since when others have, and that not; 0: they have not */
	uint64_t left_us;    /* what left last, before it began */
	uint64_t ask_at_us;  /* UINT64_MAX: nothing is to be asked, or was */
	uint32_t asked_sn;   /* number of the question; */
	uint32_t acked_sn;   /* all below had arrived when it left */
};

struct session {
	struct session_config cfg;
	struct kcp *kcp;
	struct path_member member; /* of cfg.path */
	struct fec_pair fec;
	struct session_guard guard;
	struct session_fit fit;
	uint32_t peer_uptime_ms; /* SESSION_UNKNOWN */
	bool pads;               /* the next packet */
	struct pmtu pmtu;
	struct piece_in *pieces; /* NULL until one comes */
	size_t fec_overhead;     /* of each datagram */
	bool full_left;          /* datagrams as long as allowed, since pmtu was looked at */
	struct session_cover cover;
	struct session_repair repair;
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
	struct advert advert;
	uint32_t flood_bound; /* segments that it says; 0: any */

	/* of session_flush(), valid while it runs */
	struct batch *out;
	size_t out_start; /* its packets from here on are ours */
	const void *out_path;
	uint64_t flush_us;

	/* counted here; the rest comes from the modules when asked for */
	uint64_t bytes_sent, bytes_received;
	uint64_t in_pkts, in_bytes, out_pkts, out_bytes;
	uint64_t heard_us;      /* the last of in_pkts */
	uint64_t born_heard_us; /* and the first; 0: none yet */
	size_t in_longest;      /* bytes of one of them */
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

/* ---- fit.c ---------------------------------------------------------------------- */

void session_fit_init(struct session *s);
/* Segments that KCP took. */
void session_fit_hear(struct session *s, struct view pkt);
/* After what came. */
void session_fit_look(struct session *s, uint64_t now_us);
/* Before frames are pulled, and when segments have left. */
void session_fit_ask(struct session *s);
void session_fit_left(struct session *s);
/* The peer spoke, or was found to understand us: if it forgets, it is another one. */
bool session_fit_found(const struct session *s);

/* ---- cover.c --------------------------------------------------------------------- */

/* kcp.h's cover. */
size_t session_cover_segs(void *user, uint32_t ts, unsigned want, const struct kcp_covered *segs,
			  size_t n, uint8_t *buf, size_t cap);
/* The segments of a plain packet that KCP took; symbols. */
void session_cover_hear(struct session *s, uint64_t now_us, struct view pkt);
void session_cover_input(struct session *s, uint64_t now_us, struct view symbols);
void session_cover_stats(const struct session_cover *c, struct rlc_in_stats *sum);
size_t session_cover_memory(const struct session_cover *c);
/* Give back what an idle session does not need. */
void session_cover_trim(struct session_cover *c);
void session_cover_dispose(struct session_cover *c);

/* Give KCP a segment that was rebuilt, at a time of which `ts` is the newest that was heard. */
void session_input_rebuilt(struct session *s, uint64_t now_us, uint32_t ts, uint32_t number,
			   struct view payload);

/* ---- repair.c -------------------------------------------------------------------- */

/* smux was started. */
void session_repair_start(struct session *s);
void session_repair_changed(struct session *s);
void session_repair_dispose(struct session_repair *r);
/* Give back what an idle session does not need. */
void session_repair_trim(struct session_repair *r);

/* Around a flush, and before each of KCP's. */
void session_repair_begin(struct session *s, uint64_t now_us);
void session_repair_copies(struct session *s);
/* A packet is about to leave; may append parity. */
void session_repair_output(struct session *s, const uint8_t *buf, size_t len);
size_t session_repair_parity_max(const struct session_repair *r);
/* Close the set if that is due.  True when there was no room. */
bool session_repair_end(struct session *s);
uint64_t session_repair_deadline(const struct session_repair *r);

/* What was received, in all. */
void session_repair_stats(const struct session_repair *r, struct repair_in_stats *sum);
size_t session_repair_memory(const struct session_repair *r);

/* A plain packet that KCP took; one of parity. */
void session_repair_hear(struct session *s, uint64_t now_us, struct view pkt);
void session_repair_input(struct session *s, uint64_t now_us, struct view pkt);

/* ---- session.c -------------------------------------------------------------------- */

/* What kcp_config.copies is to be. */
uint32_t session_copies(const struct session_config *cfg);

/* ---- memory.c --------------------------------------------------------------------- */

size_t session_codec_memory(const struct session *s);
/* In all, fifos and streams apart. */
size_t session_memory(const struct session *s);
/* Charge it to the pool; if that holds too much, give KCP no more to hold. */
void session_report_memory(struct session *s);

/* ---- guard.c ---------------------------------------------------------------------- */

/* Before frames are pulled: what may leave now, or that anything may. */
void session_guard_watch(struct session *s);
/* Bytes of data in the next frame. */
size_t session_guard_frame_max(struct session *s);
/* At the end of a flush: while something is unanswered, or may not leave, it may add what asks for the proof. */
void session_guard_flush(struct session *s);
uint64_t session_guard_deadline(const struct session *s);

/* ---- mtu.c ----------------------------------------------------------------------- */

/* After kcp_new() and path_join(). */
void session_mtu_init(struct session *s);
/* At the end of a flush: marks what is longer than what passes, and may add soundings. */
void session_mtu_flush(struct session *s);
uint64_t session_mtu_deadline(const struct session *s);
/* Cut the packet, a long segment by itself, if the peer can put it together; else it is left to IP. */
bool session_mtu_cut(struct session *s, size_t index);
/* A packet of piece.h. */
void session_mtu_piece(struct session *s, uint64_t now_us, struct view pkt);
/* Of a plain packet at present, the seal's overhead not included. */
size_t session_packet_bytes(const struct session *s);

/* ---- input.c ---------------------------------------------------------------------- */

/* What stands behind the last segment of a plain packet. */
struct view session_rest_of(struct view pkt);
/* Segments; false when they are none, or those of another conversation. */
bool session_input_kcp(struct session *s, uint64_t now_us, struct view pkt, unsigned flags);

/* ---- output.c: kcp.h's reserve and output ---------------------------------------- */

/* Room for this packet and for the parity it may complete. */
uint8_t *session_reserve_packet(void *user, size_t cap);
size_t session_output_packet(void *user, uint8_t *buf, size_t len);

#endif
