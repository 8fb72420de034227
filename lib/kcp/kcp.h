/* kcp.h - KCP: a reliable, ordered byte or message stream over datagrams.
 *
 * kcp.c and kcp.h are complete: they need the C library and nothing else.  No
 * socket, clock, random number, log or global; time comes in as an argument,
 * in microseconds of any monotonic clock, packets leave through a callback, and
 * the same calls give the same packets.
 *
 * Wire (protocol section 3): a datagram holds one or more segments,
 *
 *     0       4     5     6      8     12    16     20    24
 *     | conv  | cmd | frg | wnd  | ts  | sn  | una  | len | data ...
 *
 * How to use it:
 *
 *   1. kcp_new() with a config: kcp_config_init(), and what is to be otherwise.
 *   2. kcp_send() what is to be sent, kcp_input() every datagram that came.
 *   3. After a burst of those, and when kcp_deadline() has come, kcp_flush():
 *      it calls back with each datagram that shall leave now.
 *   4. kcp_peek()/kcp_consume() (stream) or kcp_recv() (messages) what arrived.
 *
 * Cost: nothing in here takes time proportional to a window, per packet.
 *
 * As a shared library (SONAME 1) all structs in here keep their size and their members' places: what later
 * versions add takes the place of `reserved` ones, which are zero, and zero means as before.  Enumerations get
 * further values at their ends.  */
#ifndef KCP_H
#define KCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Major, minor and patch as 0x010203.  A minor version adds, a patch changes nothing in here. */
#define KCP_VERSION 0x010000

#ifdef __cplusplus
extern "C" {
#endif

/* That of the library that runs, where KCP_VERSION is that of the header. */
uint32_t kcp_version(void);

enum {
	KCP_OVERHEAD = 24, /* bytes of a segment's header */
	KCP_MTU_MIN = 50,  /* smallest datagram size that can be configured */
	KCP_MTU_MAX = 65507,
	KCP_WND_MAX = 65535,      /* the wire has 16 bits */
	KCP_FRG_MAX = 255,        /* fragments of one message, less one */
	KCP_RMT_WND_INITIAL = 32, /* segments the peer takes before it was heard */
	KCP_COPIES_MAX = 3,
	KCP_COVER_SEGS = 16,  /* from the first to the last that cover() is given */
	KCP_COVER_MAX = 1100, /* bytes that it may write */
	KCP_MAP_MAX = 128,    /* bytes of a map */
};

#define KCP_NEVER UINT64_MAX
#define KCP_COPIES_AUTO UINT32_MAX

enum kcp_cmd {
	KCP_CMD_PUSH = 81, /* data */
	KCP_CMD_ACK = 82,
	KCP_CMD_WASK = 83, /* how large is your window? */
	KCP_CMD_WINS = 84, /* this large */
	KCP_CMD_MAP = 96,  /* an ACK, and what else arrived: kcp_set_maps() */
};

enum kcp_err {
	KCP_OK = 0,
	KCP_EAGAIN = -1, /* nothing to read */
	KCP_EPROTO = -2, /* malformed, or of another conversation */
	KCP_ELIMIT = -3, /* message too long for fragments or for the buffer given */
	KCP_ENOMEM = -4,
	KCP_EINVAL = -6, /* config out of range */
};

/* ---- congestion control -------------------------------------------------
 *
 * A controller decides how many bytes may be in flight and how fast they leave.
 * kcp_flush() calls update() once, before anything leaves, with all that
 * happened since the call before, and update() writes its decision into
 * `control`, which it finds as it left it.  What kcp.c does with it: it bounds
 * what is in flight (the windows of both ends apply as well), spaces packets
 * out, and keeps `mark` with what leaves, so that what became of that can be told
 * apart.  Lost segments leave before new ones and under the same bounds; the
 * oldest unacknowledged one may always leave.
 *
 * Bytes are those of segments, headers included; what is added below (parity,
 * a cipher's overhead) kcp.c measures and adds to the rate.  Times are in microseconds,
 * rates in bytes per second, windows of the peers in segments.
 *
 * To write one: a struct of at most KCP_CC_STATE_MAX bytes without pointers to
 * itself, init() and update() that change nothing else, and a struct kcp_cc that
 * names them.  The state is zeroed before init(), which sees a sample with
 * mss, now_us and the windows, and with what was measured so far if the
 * controller is exchanged in use.  tests/unit/kcp/test_kcp_cc.c has a small one.
 * One that has another within it gives it as much room as its state_size says. */
struct kcp_cc_sample {
	void *arg; /* cfg.cc_arg: what several conversations may share */
	uint64_t now_us;
	uint32_t mss; /* of a full segment */
	uint32_t snd_wnd, rmt_wnd;

	/* Since the call before.  Losses are told when they are found; spurious are
	 * those told earlier that arrived after all. */
	uint32_t acked_bytes, lost_bytes, spurious_bytes;
	uint32_t marked_acked_bytes,
		marked_lost_bytes; /* of those, sent with the mark that is `told` */
	bool timeout;     /* some were lost by their timeout, not because later ones arrived */
	uint32_t rtt_us;  /* newest round trip; 0: none was measured */
	uint32_t back_us; /* what it waited in queues on the way back, as the ts of what came lately
			   * tells; UINT32_MAX: nothing did */

	/* Now. */
	uint32_t srtt_us, min_rtt_us; /* 0 before the first sample */
	uint32_t inflight_bytes;      /* sent, neither acknowledged nor lost */
	uint32_t silent_rounds;       /* of timeouts in which nothing at all was heard */
	bool limited;                 /* the controller held back something at the last flush */

	/* Rate of delivery (draft-cheng-iccrg-delivery-rate-estimation): of the newest
	 * transmission that was acknowledged, what was delivered and lost in all when it
	 * left, and since.  interval_us is 0 when there is none. */
	uint64_t delivered_bytes, prior_delivered_bytes;
	uint64_t lost_total_bytes, prior_lost_bytes;
	uint32_t interval_us;
	uint64_t tx_sent_us;        /* when it left */
	uint32_t tx_inflight_bytes; /* in flight after it left */
	bool app_limited;           /* something other than the controller held back then */

	uint64_t reserved[4];
};

struct kcp_cc_control {
	uint32_t cwnd_bytes;  /* in flight at most; UINT32_MAX for no opinion */
	uint64_t pacing_rate; /* 0 for no opinion */
	uint32_t burst_bytes; /* may leave at once after a pause; 0: ten segments, or 2 ms */
	uint8_t mark;         /* kept with what leaves; 0: none */
	uint8_t told;         /* of what left with this mark samples tell */

	/* For people, as far as the controller knows. */
	uint64_t path_rate;       /* of the path, what the medium loses included; 0: unknown */
	uint32_t medium_loss_ppm; /* what is lost whatever we send */
	const char *phase;        /* static; NULL: none */

	uint64_t reserved[4];
};

struct kcp_cc {
	const char *name;
	size_t state_size; /* at most KCP_CC_STATE_MAX */
	void (*init)(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control);
	void (*update)(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control);
	void (*reserved[4])(void); /* NULL, else it is refused */
};

enum { KCP_CC_STATE_MAX = 592 };

/* What a kcp has when none is given: only the windows limit, and a window is
 * spread over half a round trip.  Others are in files of their own beside. */
extern const struct kcp_cc kcp_cc_none;

/* For controllers: the rate that sends so many bytes in each round trip; 0 before one is known. */
uint64_t kcp_cc_rate(const struct kcp_cc_sample *s, uint64_t bytes);

/* ---- one conversation --------------------------------------------------- */

struct kcp_covered { /* has no room: they stand in a row */
	uint32_t sn;
	const uint8_t *data;
	size_t len;
};

struct kcp_config {
	uint32_t conv;
	uint32_t ts_base; /* what the ts of what is sent are counted from: drawn anew for each kcp, it tells the
			   * peer one conversation from another of the same number */
	uint32_t mtu;     /* largest datagram, KCP_MTU_MIN .. KCP_MTU_MAX */
	uint32_t snd_wnd; /* segments in flight at most, 1 .. KCP_WND_MAX */
	uint32_t rcv_wnd; /* segments held for reading and beyond holes, as the peer is told */
	uint32_t nodelay; /* 0: RTO >= 100 ms, a timeout adds one RTO; 1: >= 30 ms, it adds half of
			   * the wait before; 2: >= 30 ms, it adds half an RTO; 3: as 1, and what
			   * came in order may wait a part of the round trip to be acknowledged */
	uint32_t interval_ms; /* longest wait of an ACK; part of the RTO; 1 .. 5000 */
	uint32_t resend; /* later deliveries that make a segment lost, 32 at most; 0: timeouts only */
	bool stream;     /* bytes, not messages: sends are merged, frg is 0 */
	bool ack_nodelay;    /* ACKs leave at the next flush instead of after interval_ms */
	uint64_t rate_limit; /* bytes per second on the wire, 0: none */
	uint32_t copies;     /* of small segments when few are in flight, KCP_COPIES_MAX at most, or
			  * KCP_COPIES_AUTO: as many as the loss calls for */
	const struct kcp_cc *cc; /* NULL: kcp_cc_none.  Borrowed for the life of the kcp */
	void *cc_arg;            /* for the controller: struct kcp_cc_sample */

	/* Output.  Neither may call back into the kcp; output may only queue.
	 *
	 * reserve: where to build the next datagram, `cap` bytes (the mtu); NULL
	 * means no room now: the flush stops and what is left stays due.  A
	 * reserved buffer is always followed by output() with it, len >= 24.
	 * May be NULL: then datagrams are built in memory of the kcp.
	 *
	 * output: returns the bytes that it caused on the wire, len and whatever is always added below
	 * (a cipher's overhead, parity of a fixed share): rates are about those. */
	uint8_t *(*reserve)(void *user, size_t cap);
	size_t (*output)(void *user, uint8_t *buf, size_t len);
	void *user;

	/* While kcp_set_cover(): called where `want` copies would be made, for what makes good any
	 * `want` of these segments, of which the peer is not known to have one (numbers ascending,
	 * less than KCP_COVER_SEGS apart; borrowed).  It goes behind the last segment of a datagram,
	 * of which it may be all (then output()'s len may be less than 24), so it must not look
	 * like one; `ts` is the clock that its segments tell.  At most `cap` bytes, KCP_COVER_MAX or
	 * less, are written to `buf`; returns how many, 0: cannot.  If they are more than those of
	 * copies they are not sent, but copies.  May be NULL. */
	size_t (*cover)(void *user, uint32_t ts, unsigned want, const struct kcp_covered *segs,
			size_t n, uint8_t *buf, size_t cap);

	uint64_t reserved[4]; /* zero, else it is refused: what is asked for is not known here */
};

/* What suits most: a stream, by the round trips measured (nodelay 3, interval_ms 10, resend 2), datagrams of 1200
 * bytes, windows of 1024 segments, copies as the loss calls for.  All else is zero, and conv, output and, for a
 * network with others in it, cc are still to be set. */
void kcp_config_init(struct kcp_config *cfg);

/* NULL when out of memory or the config is out of range (kcp_config_check()).
 * The config is copied; `user` and `cc` are borrowed. */
struct kcp *kcp_new(const struct kcp_config *cfg, uint64_t now_us);
void kcp_free(struct kcp *k); /* NULL is fine */
/* KCP_OK or KCP_EINVAL. */
int kcp_config_check(const struct kcp_config *cfg);

/* Change of parameters in use.  0 or KCP_EINVAL (nothing changed). */
int kcp_set_window(struct kcp *k, uint32_t snd_wnd, uint32_t rcv_wnd);
int kcp_set_nodelay(struct kcp *k, uint32_t nodelay, uint32_t interval_ms, uint32_t resend);
/* Datagrams from now on, KCP_MTU_MIN .. the config's mtu.  Segments that have their numbers keep their
 * lengths: one that is longer goes alone in a datagram that is longer, and at once if it is under way. */
int kcp_set_mtu(struct kcp *k, uint32_t mtu);
void kcp_set_rate_limit(struct kcp *k, uint64_t bytes_per_s);
void kcp_set_copies(struct kcp *k, uint32_t copies);
/* The peer understands what cover() makes. */
void kcp_set_cover(struct kcp *k, bool on);
/* Tell the peer of no larger receive window than so many segments; 0: of what there is.  What it
 * sends beyond that is taken all the same. */
void kcp_set_told_window(struct kcp *k, uint32_t segs);
/* Hold no segment that stands so far or further behind the first unread one; 0: as far as the receive window goes.  The
 * window told shrinks with it, and what comes beyond it is out of the window: it has to be sent again.  A message of
 * more fragments is never complete. */
void kcp_set_hold(struct kcp *k, uint32_t segs);
/* How long what came since the last call waited in queues, ms: the most of what its ts tell, above
 * the least of the last minute or two.  UINT32_MAX when nothing came. */
uint32_t kcp_take_in_delay(struct kcp *k);
/* What is sent now and not acknowledged for so long is taken for lost. */
uint32_t kcp_rto_us(const struct kcp *k);
/* The least round trip of the last seconds; 0 before the first. */
uint32_t kcp_min_rtt_us(const struct kcp *k);
void kcp_set_ack_nodelay(struct kcp *k, bool on);
/* For a peer whose timeouts are set by how much its round trips differ, and which sends a window at a
 * time: told of each hole at once it sees short round trips, and takes for lost what waits in the
 * queue that it fills itself.  So between acknowledgements passes as much time as it is used to; the
 * first after a pause still leaves at once. */
void kcp_set_steady_acks(struct kcp *k, bool on);
/* The peer understands maps.  Of what stands beyond a hole each segment has an acknowledgement of its own in KCP, 24 bytes,
 * and when several datagrams in sequence are lost, what they told is resent, although it arrived.  A map tells of all that
 * arrived lately at once: its header is that of an ACK of the newest segment (sn, ts), and its data are the lengths of runs
 * from that one downwards, of segments that arrived and of such that did not, in turn.  Each is of seven bits a byte, the
 * lowest first, with the highest bit set in all but the last.  A run that is cut off or missing tells nothing.
 * Segments that fill a hole, or come again, have acknowledgements as ever, because these tell which transmission it was. */
void kcp_set_maps(struct kcp *k, bool on);
/* Another controller from now on; NULL: none.  KCP_OK, or KCP_EINVAL: it asks for what there is not here, and the present one
 * goes on. */
int kcp_set_cc(struct kcp *k, const struct kcp_cc *cc, void *cc_arg, uint64_t now_us);

/* Queue bytes (stream: merged into segments of mss bytes; message: one
 * message of at most 256 fragments and at most the receive window).
 * All or nothing: KCP_OK, KCP_ELIMIT, KCP_ENOMEM.  Nothing leaves before the next flush. */
int kcp_send(struct kcp *k, const void *data, size_t len);
/* The same in a stream, all within one segment, so that the peer gets it all at once; what is
 * longer than a segment (KCP_ELIMIT) cannot be. */
int kcp_send_whole(struct kcp *k, const void *data, size_t len);

/* A datagram's payload came.  `flags`: KCP_INPUT_RECOVERED says that it was
 * rebuilt from parity and may be old: its wnd and round trips are not believed.
 * KCP_OK, or KCP_EPROTO when the first segment was no good (then nothing
 * changed); a bad segment further on ends the datagram, those before count. */
enum { KCP_INPUT_RECOVERED = 1 };
int kcp_input(struct kcp *k, uint64_t now_us, const uint8_t *data, size_t len, unsigned flags);

/* Stream reading without a copy: the next contiguous bytes, borrowed until the
 * next call on k other than kcp_consume(); 0 when there are none. */
size_t kcp_peek(const struct kcp *k, const uint8_t **data);
/* Take `n` bytes (<= what kcp_peek() gave) off the front.  */
void kcp_consume(struct kcp *k, size_t n);
/* Next whole message into buf: its length (0 is possible), KCP_EAGAIN, or
 * KCP_ELIMIT when cap is below kcp_peek_size() (nothing is lost). */
int kcp_recv(struct kcp *k, void *buf, size_t cap);
/* Length of the next whole message, or KCP_EAGAIN. */
int kcp_peek_size(const struct kcp *k);

/* Send everything that is due: acknowledgements, probes, lost segments, new
 * segments as the windows, the pacer and reserve() allow.  True when it
 * stopped because reserve() had no room: call again when there is. */
bool kcp_flush(struct kcp *k, uint64_t now_us);
/* So many bytes were sent beside what output() told of, now and then: they are taken from what may leave
 * next, and are no part of what each packet costs. */
void kcp_sent_beside(struct kcp *k, size_t bytes);
/* At most so many bytes may leave from now on, of those that output() tells of, and acknowledgements are no
 * exception: for a peer that has yet to prove where it is.  `added` of them come to each datagram behind our back.
 * What is long leaves KCP_ALLOWANCE_KEPT of them for what is short, and so can be asked again.  UINT64_MAX: any
 * number.  Where nothing may leave any more nothing is due. */
enum { KCP_ALLOWANCE_KEPT = 300 };
void kcp_set_allowance(struct kcp *k, uint64_t bytes, size_t added);
uint64_t kcp_allowance(const struct kcp *k); /* what is left of it */
bool kcp_held(const struct kcp *k);          /* something waits for more of it */
/* The way to the peer is another from now on: the oldest segment in flight leaves again with the next flush, and its
 * acknowledgement tells what became of the others. */
void kcp_way_changed(struct kcp *k);
/* Where the peer's window is shut and nothing is in flight, the next flush asks for it, with the last segment that was
 * acknowledged once more, empty: a peer that follows who moves learns from that, and from nothing else that may leave,
 * where we are.  It is dropped as a repeat, and acknowledged. */
void kcp_ask(struct kcp *k);
/* An ACK came of a segment that left at that time or later, or of a sounding, and it told when that was: whoever sent it
 * has had that very transmission, and not one of the same number that somebody else was sent. */
bool kcp_acked_since(const struct kcp *k, uint64_t since_us);
/* The peer acknowledges what leaves, and had more before; or it does so by another clock than before: it is another one,
 * and nothing will ever be delivered.  What comes by another clock, as what somebody recorded does, too, is ignored. */
bool kcp_peer_forgot(const struct kcp *k);
/* The latest by the peer's clock; whether this one is by another; and whether such was heard lately, so that what tells
 * no clock may be somebody else's, too. */
uint32_t kcp_heard_ts(const struct kcp *k);
bool kcp_is_strange(const struct kcp *k, uint32_t ts);
bool kcp_strange_lately(const struct kcp *k);
/* Such a segment is newer than all that came: by its number, or it left later than they did, as what is sent again
 * does and what somebody repeats does not. */
bool kcp_is_news(const struct kcp *k, uint32_t sn, uint32_t ts);
/* All segments before this one have left: a peer may acknowledge them. */
bool kcp_has_sent(const struct kcp *k, uint32_t una);

/* ---- the length of datagrams
 *
 * What a path lets through is found out by soundings (RFC 8899 calls them probes): datagrams that change
 * nothing at any peer, and that it answers.  Each is a segment from long before the first, which a peer
 * drops as a repeat and acknowledges once more. */

enum { KCP_SOUNDINGS = 8 };

/* Those before are forgotten, and so are their answers: before others are made. */
void kcp_sound_anew(struct kcp *k);
/* Make sounding `which`, below KCP_SOUNDINGS, of exactly `bytes` in `buf`, KCP_OVERHEAD, with `ask` twice that, to KCP_MTU_MAX; it leaves
 * by other ways than output(), and what leaves next waits for it.  `ask`: with a question for the window, because
 * some peers acknowledge repeats only now and then; any news of the window is taken for an answer. */
void kcp_sound(struct kcp *k, uint64_t now_us, unsigned which, bool ask, uint8_t *buf, size_t bytes);
/* It was answered. */
bool kcp_sounded(const struct kcp *k, unsigned which);
uint32_t kcp_mtu(const struct kcp *k);
/* Segments that end beyond so many bytes of their datagram may meet paths that swallow them without a word: */
void kcp_watch_longs(struct kcp *k, uint32_t bytes, uint32_t least);
/* how many of them were sent since the last that was acknowledged, and when the first of those was.  Or of those that are
 * beyond `least` if these are more: none that is longer may leave before they arrive. */
uint32_t kcp_longs_sent(const struct kcp *k, uint64_t *since_us);

/* When to call kcp_flush() if nothing else happens: absolute, in the past when
 * something is due at once, KCP_NEVER when nothing is in flight or owed. */
uint64_t kcp_deadline(const struct kcp *k);

/* How many new segments could leave soon, less those already queued: as the windows
 * allow, and no more than the pacer lets go in about 2 ms.  A caller that keeps its own
 * queues hands over about this much, so that its own order of sending stays in force. */
uint32_t kcp_send_room(const struct kcp *k);
/* Segments queued or in flight. */
uint32_t kcp_waiting(const struct kcp *k);
/* Of those, the ones that were never sent. */
uint32_t kcp_queued(const struct kcp *k);
/* Free what has been kept for reuse and shrink the rings to their content;
 * call it every few seconds on idle conversations. */
void kcp_trim(struct kcp *k);
/* Bytes held by this kcp, all in all. */
size_t kcp_memory(const struct kcp *k);

struct kcp_stats {                   /* counts since kcp_new() */
	uint64_t in_segs, out_segs;  /* segments of any command */
	uint64_t in_push, out_push;  /* of those, PUSH */
	uint64_t retrans_segs;       /* all resent, the sum of the next three */
	uint64_t fast_retrans_segs;  /* resent because `resend` later ones arrived */
	uint64_t early_retrans_segs; /* resent because nothing new was there to send */
	uint64_t lost_segs;          /* resent after a timeout */
	uint64_t spurious_segs;      /* resent, and then the first transmission was acknowledged */
	uint64_t copy_segs;      /* of out_push, copies of what is under way; not in retrans_segs */
	uint64_t copies_in_segs; /* copies that came after what they are of */
	uint64_t repeat_segs;    /* received more than once otherwise */
	uint64_t in_errs;        /* datagrams or segments refused */
	uint64_t out_of_window_segs; /* PUSH beyond the window, dropped */
	uint64_t acked_bytes;        /* payload acknowledged by the peer */
	uint64_t delivered_bytes;    /* payload in order, read or ready to be read */
	uint64_t reserved[4];
};
const struct kcp_stats *kcp_stats(const struct kcp *k);

enum kcp_limit {
	KCP_LIMIT_APPLICATION, /* nothing more to send */
	KCP_LIMIT_CONTROLLER,
	KCP_LIMIT_PEER,   /* its window */
	KCP_LIMIT_WINDOW, /* snd_wnd */
	KCP_LIMIT_RATE,   /* rate_limit */
};

struct kcp_info { /* a look inside, for people and tests */
	uint32_t conv, snd_una, snd_nxt, rcv_nxt;
	uint32_t snd_wnd, rcv_wnd, rmt_wnd;
	uint32_t cc_wnd;        /* full segments that the controller allows, UINT32_MAX: any */
	uint32_t inflight_segs; /* sent, neither acknowledged nor found lost */
	uint32_t unacked_segs;  /* sent, not acknowledged */
	uint32_t snd_queue_segs, rcv_queue_segs, rcv_ring_segs;
	uint32_t srtt_us, rttvar_us, min_rtt_us, rto_us;
	uint64_t pacing_rate; /* bytes per second on the wire, 0: none */
	const char *cc_name;
	const char *cc_phase;     /* what the controller does, "" when it does not say */
	uint64_t path_rate;       /* bytes per second on the wire that the path takes, 0: unknown */
	uint32_t medium_loss_ppm; /* lost by the medium, as the controller believes */
	uint32_t total_loss_ppm;  /* lost lately, for whatever reason */
	enum kcp_limit limit;     /* what held back the sender when it last flushed */
	uint32_t ack_arrivals;    /* segments received since acknowledgements last left */
	uint32_t reorder_us;      /* lateness that is taken for reordering, not for loss */
	uint64_t reserved[8];
};
void kcp_get_info(const struct kcp *k, struct kcp_info *info);

/* Start the numbering elsewhere; before the first send or input only.  For
 * tests of the wrap-around. */
void kcp_set_initial_sn(struct kcp *k, uint32_t snd_sn, uint32_t rcv_sn);

/* Assert every invariant; costs O(segments).  For tests and the simulator. */
void kcp_verify(const struct kcp *k);

/* ---- pure codec, no state ------------------------------------------------ */

struct kcp_seg_header { /* the wire's, which does not change */
	uint32_t conv;
	uint8_t cmd, frg;
	uint16_t wnd;
	uint32_t ts, sn, una, len;
};
void kcp_header_encode(uint8_t out[KCP_OVERHEAD], const struct kcp_seg_header *h);
/* False when n < 24, the command is unknown or len exceeds what follows. */
bool kcp_header_decode(struct kcp_seg_header *h, const uint8_t *data, size_t n);

#ifdef __cplusplus
}
#endif

#endif
