/* session.h - one conversation: FEC, KCP, codec, smux and QPP composed.
 *
 *     streams  ->  smux  ->  codec  ->  KCP  ->  FEC  ->  packets for the seal
 *
 * A session takes opened datagrams and gives unsealed ones: the seal belongs to the tunnel,
 * because one batch of datagrams is of many sessions.  In each round of its loop a driver
 *
 *   1. calls session_input() for each datagram, then session_process() once,
 *   2. drains session_next(), and reads and writes streams,
 *   3. calls session_flush() once, and arms one timer for session_deadline(); when
 *      that comes it calls session_tick() and does 2 and 3.
 *
 * A client knows its compression and smux version from its config, or is given a guess and told
 * whether that is right: session_understood().  A server recognises both, and the FEC numbers, from the client's first bytes and
 * answers in kind. */
#ifndef KT_SESSION_H
#define KT_SESSION_H

#include <limits.h>
#include <stdbool.h>

#include "codec.h"
#include "counters.h"
#include "fifo.h"
#include "kcp.h"
#include "packet.h"
#include "path.h"
#include "qpp.h"
#include "smux.h"
#include "wire.h"

enum {
	/* A session that delivered no smux frame for so long never will: a
	 * packet of a lost conversation, or of somebody who guesses. */
	SESSION_FIRST_FRAME_US = 10 * 1000 * 1000,
	/* A server waits so long for the first segment of all while others come: a client repeats what was lost
	 * several times by then. */
	SESSION_HEADLESS_US = 2 * 1000 * 1000,
	/* One flush gives at most about this many packets, so that they are
	 * still in the cache when the seal and the kernel read them. */
	SESSION_FLUSH_PACKETS = 128,
};

/* Work memory that the sessions of one thread share. */
struct session_scratch {
	uint8_t *buf; /* grown to codec_bound() of the largest frame so far */
	size_t cap;
};
void session_scratch_init(struct session_scratch *w);
void session_scratch_dispose(struct session_scratch *w);

/* For a number of the config: as the network and the peer ask for. */
#define SESSION_AUTO UINT_MAX

/* How much may be in flight, of what the windows allow. */
enum session_congestion {
	SESSION_MODEL, /* what a model of the path says that it carries */
	SESSION_RENO,  /* a window that grows until something is lost */
	SESSION_NONE,  /* all of it */
};

struct session_config {
	bool client;
	uint32_t conv;
	uint32_t ts_base;        /* random, kcp.h */
	size_t packet_bytes_max; /* mtu less the seal's overhead */
	/* The longest datagrams that pass are looked for, up to that, see pmtu.h; else all may be so long. */
	bool finds_mtu;
	size_t seal_overhead; /* bytes, for the counters */

	/* KCP, see kcp.h */
	uint32_t snd_wnd, rcv_wnd; /* or SESSION_AUTO: a peer that floods is told less, see advert.h */
	uint32_t nodelay, interval_ms, resend;
	enum session_congestion congestion;
	bool ack_nodelay;
	uint64_t rate_limit;
	unsigned copies; /* sent of a small segment beyond the first, or SESSION_AUTO: by the loss */
	/* What the session shares with others to the same host, borrowed for its life: its
	 * controller stands in for that of above.  NULL: it has one of its own. */
	struct path *path;

	/* Client: of what we send, 0, 0: no FEC; server: a guess.  Or SESSION_AUTO, both: towards
	 * a peer that has the same, parity where it pays (repair.c); else none of our own accord,
	 * and what the peer sends is understood. */
	unsigned data_shards, parity_shards;
	enum codec_kind compression; /* client only */
	int smux_version;            /* client only */
	bool unsure; /* client: whether the server understands these two is to be found out */

	uint32_t framesize;
	size_t smuxbuf;
	uint32_t streambuf;
	size_t stream_send_bytes_max; /* unsent bytes that a stream may hold */
	unsigned streams_max;
	uint64_t keepalive_us;
	/* Of silence that ends it; SMUX_TIMEOUT_US, which is 0 here as well, at most until the peer is known
	 * as one of ours. */
	uint64_t timeout_us;

	const struct qpp *qpp;           /* borrowed; NULL: off */
	struct fifo_pool *pool;          /* borrowed */
	struct session_scratch *scratch; /* borrowed */
	/* What waited for the pool's memory has it: the session is to have a turn soon.  May be
	 * called in the middle of another session's work, so may only mark; NULL: not wanted. */
	void (*wake)(void *user);
	void *wake_user;
};

enum session_end {
	SESSION_ALIVE,
	SESSION_TIMEOUT,  /* nothing heard for too long */
	SESSION_UNKNOWN,  /* the peer says, or shows, that it does not know it: it was restarted */
	SESSION_NO_FRAME, /* server: no smux frame within SESSION_FIRST_FRAME_US */
	SESSION_FOREIGN,  /* the stream's first bytes are of nothing we know */
	SESSION_OTHER_CODEC, /* the peer compresses in another way, or in one not built in: session_peer_codec() */
	SESSION_OTHER_VERSION,  /* the peer speaks another smux version: session_peer_version() */
	SESSION_NOT_UNDERSTOOD, /* client: the peer ended what it was sent at the first frame */
	SESSION_BROKEN_CODEC,   /* the compressed stream is corrupt */
	SESSION_BROKEN_SMUX,    /* a malformed smux frame */
	SESSION_NO_MEMORY,
};
/* English, for the log; never NULL. */
const char *session_end_text(enum session_end end);

struct session;

/* NULL when out of memory or the config is out of range. */
struct session *session_new(const struct session_config *cfg, uint64_t now_us);
/* Ends everything at once; the streams' pointers become invalid. */
void session_free(struct session *s);

/* ---- routing --------------------------------------------------------------- */

/* What can be told of an opened datagram without a session. */
struct session_sniff {
	bool has_conv; /* a KCP packet, bare or in a data shard, or a piece of one: the rest is valid */
	bool is_piece; /* begins nothing */
	uint32_t conv;
	uint8_t cmd;
	uint32_t sn;
	uint32_t una; /* 0: its sender has had nothing yet */
};
/* False when it is nothing that a session could use. */
bool session_sniff(struct view payload, struct session_sniff *out);

/* ---- packets ---------------------------------------------------------------- */

/* An opened datagram, borrowed for the call.  Bad ones are counted and dropped. */
void session_input(struct session *s, uint64_t now_us, struct view payload);
/* Could its peer have sent what was sniffed?  Nobody has had what never left. */
bool session_suits(const struct session *s, const struct session_sniff *sniff);
/* Client: the peer never spoke, and acknowledges as if it had had nothing before.  It was restarted, or does not understand
 * us; a kcptund that is asked after SESSION_HEADLESS_US says so. */
bool session_peer_forgot(const struct session *s);
/* Client: the peer spoke, or goes on taking what is sent to it; always, where `unsure` was not asked for.  Until then nothing that
 * may be sent only once is to be. */
bool session_understood(const struct session *s);
/* Server: what came first in the conversation does not come, though what follows does: another server had that, and
 * acknowledged it.  It is as one that is not known here. */
bool session_is_headless(const struct session *s, uint64_t now_us);
/* Does it carry a segment of this session that left later than all that came?  Then it is no repeat of what was
 * heard, and who sent it is where it comes from. */
bool session_is_news(const struct session *s, struct view payload);
/* The way to the peer is another one: what is unanswered begins to be sent again at once. */
void session_way_changed(struct session *s);
/* The peer may not be where it seems to be: until it acknowledges something that leaves from now on, three times
 * as many bytes leave as come, at most. */
void session_guard(struct session *s, uint64_t now_us);
bool session_guarded(const struct session *s);
/* The peer acknowledged something of this session, in a way that no repeat of another one's datagrams does. */
bool session_proven(const struct session *s);
/* SESSION_UNKNOWN: for how long the peer has run, so that what began later never came to the one before. */
uint32_t session_peer_uptime_ms(const struct session *s);
/* Tell the peer, if it is one of ours, that this end stops: it is to open no more streams here. */
void session_leave(struct session *s);
/* The peer told that. */
bool session_peer_leaves(const struct session *s);
/* The peer is one of ours, and follows a session from one address to another. */
bool session_peer_follows(const struct session *s);
/* Move what KCP has in order through codec and smux. */
void session_process(struct session *s, uint64_t now_us);
/* Append what is to leave now to `out`, each packet with this `path`.  True when it stopped for
 * want of room: seal and send the batch, then call again. */
bool session_flush(struct session *s, uint64_t now_us, struct batch *out, const void *path);
uint64_t session_deadline(const struct session *s);
void session_tick(struct session *s, uint64_t now_us);
/* Send a keepalive with the next flush: an answer shows that the peer is there. */
void session_ping(struct session *s);
/* The next packet is to be as long as any: who doubts where it comes from sends no more than three times its length. */
void session_pad(struct session *s);
/* Release what a session can do without if it had hardly a packet since the last
 * call.  True when it had, or more can go next time: call again in a few seconds. */
bool session_trim(struct session *s);

enum session_end session_ended(const struct session *s);
enum codec_kind session_peer_codec(const struct session *s); /* CODEC_UNKNOWN before it was heard */
int session_peer_version(const struct session *s);           /* 0 before it was heard */
/* Nothing queued, nothing in flight: all that was written has arrived. */
bool session_drained(const struct session *s);
/* Something left and was not acknowledged; what waits for the peer's window did not leave. */
bool session_unanswered(const struct session *s);
/* Bytes of the stream of streams that were sent so far, and of them those that arrived. */
uint64_t session_sent_bytes(const struct session *s);
uint64_t session_acked_bytes(const struct session *s);
/* Sent and received so far. */
uint64_t session_carried_bytes(const struct session *s);
/* No further stream can be opened: ended, or stream ids exhausted. */
bool session_exhausted(const struct session *s);

/* Take over the windows, timings, controller, path, copies and rate of `cfg` in use. */
void session_set_kcp(struct session *s, const struct session_config *cfg, uint64_t now_us);

/* ---- streams ----------------------------------------------------------------
 *
 * They are smux's, see smux.h, and so are the events; QPP is done and undone in them. */

/* Next stream with news, false when there is none. */
bool session_next(struct session *s, struct smux_event *ev);
/* KT_OK, KT_ELIMIT, KT_ECLOSED, KT_ENOMEM. */
int session_open(struct session *s, struct smux_stream **st);

/* ---- looking ----------------------------------------------------------------- */

/* The session's counters as of now. */
void session_counters(const struct session *s, struct counters *out);
struct session_info {
	struct kcp_info kcp;
	unsigned streams;
	size_t unread_bytes;
	uint64_t queued_bytes; /* handed to KCP and not acknowledged yet */
	enum codec_kind codec_in, codec_out;
	int smux_version;
	unsigned ds_in, ps_in;   /* what the peer is believed to send */
	unsigned ds_out, ps_out; /* what we send; 0, 0: no parity (yet), see fec_pair.h; or the
				  * last set of repair.c, while that pays */
	/* Datagrams, the seal's overhead included: */
	size_t mtu_bytes;        /* the longest that leave, */
	bool mtu_sought;         /* whether longer ones are being tried, or these are in doubt, */
	size_t in_longest_bytes; /* and the longest that came */
	bool mtu_narrow;         /* longer ones than mtu_bytes were tried, and did not pass */
	bool peer_is_ours;       /* a kcptund: it finds its own length */
	size_t kcp_bytes, fec_bytes, codec_bytes; /* memory held */
	size_t memory_bytes; /* of this session in all, fifos and streams apart */
};
void session_get_info(const struct session *s, struct session_info *info);
void session_verify(const struct session *s);

#endif
