/* repair.c - parity where it pays, between two kcptunds whose numbers are automatic.
 *
 * Who sends sees what is lost and how long a round trip is.  Where a loss costs much it tells its
 * peer so, by a note, and the peer begins to keep copies of what comes.  Full segments that are
 * not of a bulk transfer then get parity as fec_repair.h says.  A bulk transfer gets none: its
 * resends fill no gap that anybody waits for, and parity is taken from its rate.
 *
 *     LOSS  what was resent for good reason, and what the peer rebuilt, of what was sent
 *     BULK  bytes since the application last kept us waiting: more than a file for which a
 *           round trip matters.  A steady stream leaks out of that at up to BULK_LEAK */
#include <stdlib.h>
#include <string.h>

#include "session_impl.h"

/* Bits of the number of SMUX_NOTE_REPAIR. */
enum {
	CAN = 1,      /* understands FEC_REPAIR, and what SMUX_NOTE_REPAIRED says */
	SENDS = 2,    /* may send it from now on */
	PACES = 4,    /* sends by a model of the path, and floods nobody */
	KNOWS = 8,    /* understands FEC_RLC */
	FOLLOWS = 16, /* a session from one address to another; and waits longer than 30 s */
	JOINS = 32,   /* pieces of a segment */
	MAPS = 64,    /* understands KCP_CMD_MAP */
};

enum {
	LOSS_SEGS = 4096, /* the loss is that of about so many */
	LOSS_SEGS_MIN = 64,
	LOSS_ON = 5000, /* ppm: it pays */
	LOSS_OFF = 2000,
	ROUND_LOST = 40, /* of a round trip count; or an eighth of what arrived, */
	ROUND_USED = 25, /* and for whether it is of use */
	USE_SEGS = 500,  /* lost ones, of which parity should repair a part */
	USE_SEGS_MIN = 160,
	USE_LEAST = 400000, /* ppm */
	REST_SEGS = 8192,   /* acknowledged before it is tried again, or twice as many each time: */
	RESTS_MAX = 4,
	COPIED_SEGS = 2, /* a set of so few, alone in flight, has copies: kcp.h */
	COPIED_INFLIGHT = 16,
	BURST_SEGS = 3,       /* that wait: parity makes copies needless */
	PARITY_RECENT = 1024, /* packets for which a peer that sent some is expected to go on */
};

#define RTT_ON_US 20000
#define RTT_OFF_US 15000
#define BULK_LEAK UINT64_C(1000000) /* bytes per second */
#define BULK_MIN (UINT64_C(256) << 10)
#define BULK_MAX (UINT64_C(2) << 20)
#define RUN_PAUSE_US 20000 /* of a peer that begins something new */
#define RUN_MAX (UINT64_C(4) << 20)
#define TELL_US 100000
#define LOOK_US 10000 /* to find out that it pays */

static uint16_t ours(const struct session *s)
{
	return (uint16_t)((s->repair.offered ? CAN | KNOWS : 0) | (s->repair.sends ? SENDS : 0) |
			  (s->cfg.congestion == SESSION_MODEL ? PACES : 0) | FOLLOWS | JOINS | MAPS);
}

void session_repair_start(struct session *s)
{
	const struct session_config *c = &s->cfg;

	s->repair.offered = c->data_shards == SESSION_AUTO && c->parity_shards == SESSION_AUTO;
	if (c->client)
		smux_note(s->smux, SMUX_NOTE_REPAIR, ours(s));
}

/* The controller was exchanged. */
void session_repair_changed(struct session *s)
{
	if (s->smux != NULL && (s->cfg.client || s->repair.heard_note))
		smux_note(s->smux, SMUX_NOTE_REPAIR, ours(s));
}

void session_repair_stats(const struct session_repair *r, struct repair_in_stats *sum)
{
	const struct repair_in_stats *now = r->in != NULL ? repair_in_stats(r->in) : NULL;

	*sum = r->past;
	if (now == NULL)
		return;
	sum->parity += now->parity;
	sum->repaired += now->repaired;
	sum->errors += now->errors;
}

size_t session_repair_memory(const struct session_repair *r)
{
	return (r->out != NULL ? repair_out_memory(r->out) : 0) +
	       (r->in != NULL ? repair_in_memory(r->in) : 0);
}

/* Both begin anew when they are needed. */
void session_repair_trim(struct session_repair *r)
{
	session_repair_stats(r, &r->past);
	session_repair_dispose(r);
}

void session_repair_dispose(struct session_repair *r)
{
	repair_out_free(r->out);
	repair_in_free(r->in);
	r->out = NULL;
	r->in = NULL;
}

/* ---- what both know ---------------------------------------------------------------- */

/* A server answers, and at once, though it may have nothing else to say: a client may wait to be understood, see fit.c.  A
 * client has spoken first. */
static void hear_notes(struct session *s)
{
	struct session_repair *r = &s->repair;
	int note = smux_noted(s->smux, SMUX_NOTE_REPAIR);

	if (note < 0)
		return;
	if (!r->heard_note && !s->cfg.client) {
		smux_ping(s->smux);
		smux_note(s->smux, SMUX_NOTE_REPAIR, ours(s));
	}
	r->heard_note = true;
	r->peer_paces = (note & PACES) != 0;
	if (!r->peer_follows && (note & FOLLOWS) != 0) {
		r->peer_follows = true;
		smux_set_timeout(s->smux, s->cfg.timeout_us);
	}
	kcp_set_steady_acks(s->kcp, !r->peer_paces);
	r->understood = r->offered && (note & CAN) != 0;
	r->covered = r->offered && (note & KNOWS) != 0;
	r->peer_joins = (note & JOINS) != 0;
	kcp_set_maps(s->kcp, (note & MAPS) != 0);
	kcp_set_cover(s->kcp, r->covered && s->cfg.copies == SESSION_AUTO);
	r->peer_sends = (note & SENDS) != 0;
}

/* What was rebuilt here, now and then: there it looks as if nothing had been lost. */
static void tell_repaired(struct session *s, uint64_t now_us)
{
	struct session_repair *r = &s->repair;
	struct repair_in_stats sum;
	uint16_t repaired;

	if (r->in == NULL || now_us < r->told_us + TELL_US)
		return;
	session_repair_stats(r, &sum);
	repaired = (uint16_t)sum.repaired;
	if (repaired == r->told)
		return;
	r->told = repaired;
	r->told_us = now_us;
	smux_note(s->smux, SMUX_NOTE_REPAIRED, repaired);
}

/* ---- when it pays -------------------------------------------------------------------- */

static void share_add(struct session_share *h, int64_t all, int64_t part, int64_t most)
{
	h->all += all;
	h->part += part;
	if (h->part > h->all) /* as far as a peer is to be believed */
		h->part = h->all;
	if (h->all < most)
		return;
	h->all /= 2;
	h->part /= 2;
}

static uint32_t share_ppm(const struct session_share *h, int64_t least)
{
	int64_t all = h->all > least ? h->all : least;

	return h->part <= 0 ? 0 : (uint32_t)(h->part * 1000000 / all);
}

static uint32_t loss_ppm(const struct session_repair *r)
{
	return share_ppm(&r->loss, LOSS_SEGS_MIN);
}

/* What became of some segments. */
struct fate {
	int64_t acked, lost, repaired;
};

static int64_t needed(const struct fate *f)
{
	return f->lost + f->repaired;
}

/* A part of that, so that no more than `left` were lost or would have been; returns how many. */
static int64_t bound(struct fate *f, int64_t left)
{
	int64_t all = needed(f);

	if (all <= left)
		return all;
	f->acked = f->acked * left / all;
	f->lost = f->lost * left / all;
	f->repaired = f->repaired * left / all;
	return left;
}

/* A queue that overflowed once says little about the next time. */
static void bound_round(struct session_repair *r, uint64_t now_us, uint32_t rtt_us, struct fate *f)
{
	int64_t most;

	if (now_us - r->round_us >= rtt_us) {
		r->round_us = now_us;
		r->round_acked = r->round_lost = r->round_used = 0;
	}
	r->round_acked += f->acked;
	most = r->round_acked / 8 > ROUND_LOST ? r->round_acked / 8 : ROUND_LOST;
	r->round_lost += bound(f, most - r->round_lost);
}

/* Losses that come in runs are too many for the sets that they are in, and so are those of a queue that
 * overflows again and again: then the parity is for nothing, and for a while there is none.  It begins to
 * count when the peer is known to have begun. */
static void learn_use(struct session_repair *r, struct fate f)
{
	r->rest -= (uint32_t)(f.acked < r->rest ? f.acked : r->rest);
	if (!r->sends || r->rest > 0 || r->bulk_bytes >= 2 * r->bulk_limit)
		return;
	if (r->use.part == 0 && f.repaired > 0)
		r->use.all = 0;
	r->round_used += bound(&f, ROUND_USED - r->round_used);
	share_add(&r->use, needed(&f), f.repaired, 2 * USE_SEGS);
	if (r->use.all < (r->use.part > 0 ? USE_SEGS_MIN : USE_SEGS))
		return;
	if (share_ppm(&r->use, 1) >= USE_LEAST) {
		r->rests = 0;
		return;
	}
	r->use = (struct session_share){ 0 };
	r->rest = UINT32_C(1) * REST_SEGS << r->rests;
	r->rests += r->rests < RESTS_MAX;
}

static uint16_t repaired_there(struct session *s)
{
	int noted = smux_noted(s->smux, SMUX_NOTE_REPAIRED);
	uint16_t more = noted < 0 ? 0 : (uint16_t)(noted - s->repair.heard);

	s->repair.heard += more;
	return more;
}

/* Of what was acknowledged, so that what is under way does not count as safe. */
static void learn(struct session *s, uint64_t now_us, const struct kcp_info *info)
{
	struct session_repair *r = &s->repair;
	const struct kcp_stats *k = kcp_stats(s->kcp);
	uint64_t acked = k->out_push - k->retrans_segs - info->unacked_segs;
	int64_t lost = (int64_t)(k->retrans_segs - k->spurious_segs);
	struct fate f = {
		.acked = (int64_t)(acked - r->acked_before),
		.lost = lost - r->lost_before,
		.repaired = repaired_there(s),
	};

	bound_round(r, now_us, info->srtt_us, &f);
	share_add(&r->loss, f.acked, needed(&f), LOSS_SEGS);
	learn_use(r, f);
	r->acked_before = acked;
	r->lost_before = lost;
}

static bool pays(const struct session_repair *r, const struct kcp_info *k)
{
	uint32_t loss = loss_ppm(r);

	return r->sends ? loss >= LOSS_OFF && k->min_rtt_us >= RTT_OFF_US
			: loss >= LOSS_ON && k->min_rtt_us >= RTT_ON_US;
}

/* The peer is told before what it is to keep, since the note goes ahead of that. */
static void decide(struct session *s, const struct kcp_info *k)
{
	struct session_repair *r = &s->repair;
	bool sends = pays(r, k);

	if (sends == r->sends)
		return;
	r->sends = sends;
	smux_note(s->smux, SMUX_NOTE_REPAIR, ours(s));
}

/* More than three times what is on its way at once takes so long that a round trip matters little. */
static uint64_t bulk_limit(const struct kcp_info *k)
{
	uint64_t bytes = 3 * k->path_rate * k->min_rtt_us / 1000000;

	return bytes < BULK_MIN ? BULK_MIN : bytes > BULK_MAX ? BULK_MAX : bytes;
}

static bool waits(const struct session *s)
{
	return kcp_queued(s->kcp) > 0 || smux_has_output(s->smux);
}

/* Since the last time, when something waited to be sent or not. */
static void count_bulk(struct session *s, uint64_t now_us)
{
	struct session_repair *r = &s->repair;
	uint64_t leak = 0;

	if (session_drained(s))
		leak = r->bulk_bytes;
	else if (!r->more)
		leak = (now_us - r->counted_us) * BULK_LEAK / 1000000;
	r->bulk_bytes -= leak < r->bulk_bytes ? leak : r->bulk_bytes;
	r->bulk_bytes += s->bytes_sent - r->bytes_before;
	r->bytes_before = s->bytes_sent;
	r->counted_us = now_us;
}

/* ---- sending ------------------------------------------------------------------------- */

/* What became of what was sent, and does parity pay? */
static void look(struct session *s, uint64_t now_us, struct kcp_info *k)
{
	struct session_repair *r = &s->repair;

	kcp_get_info(s->kcp, k);
	learn(s, now_us, k);
	if (!r->sends) {
		count_bulk(s, now_us);
		r->more = waits(s);
	}
	decide(s, k);
	r->look_us = now_us + LOOK_US;
}

/* Where it does not pay this costs next to nothing. */
void session_repair_begin(struct session *s, uint64_t now_us)
{
	struct session_repair *r = &s->repair;
	struct kcp_info k;

	if (s->smux == NULL)
		return;
	hear_notes(s);
	if (!r->understood) {
		r->active = false;
		return;
	}
	tell_repaired(s, now_us);
	if (!r->sends && now_us < r->look_us)
		return;
	look(s, now_us, &k);
	r->active = false;
	if (!r->sends)
		return;
	r->span_us = k.srtt_us / 4;
	r->next = k.snd_nxt;
	r->bulk_limit = bulk_limit(&k);
	r->active = r->bulk_bytes < r->bulk_limit && r->rest == 0;
	if (r->active && r->out == NULL)
		r->out = repair_out_new(s->cfg.conv, REPAIR_PAYLOAD_MAX(s->cfg.packet_bytes_max));
	r->active &= r->out != NULL;
}

static bool set_is_open(const struct session_repair *r)
{
	return r->out != NULL && repair_out_count(r->out) > 0;
}

size_t session_repair_parity_max(const struct session_repair *r)
{
	return r->active || set_is_open(r) ? REPAIR_PARITY_MAX : 0;
}

/* Copies of large segments are there for those that have no parity. */
void session_repair_copies(struct session *s)
{
	bool burst = s->repair.active && kcp_queued(s->kcp) >= BURST_SEGS;

	if (burst == s->repair.burst)
		return;
	s->repair.burst = burst;
	kcp_set_copies(s->kcp, burst ? 0 : session_copies(&s->cfg));
}

static bool has_copies(const struct session *s)
{
	struct kcp_info k;

	if (repair_out_count(s->repair.out) > COPIED_SEGS)
		return false;
	kcp_get_info(s->kcp, &k);
	return k.inflight_segs <= COPIED_INFLIGHT;
}

static void close_set(struct session *s)
{
	struct session_repair *r = &s->repair;
	unsigned count = repair_out_count(r->out);
	unsigned parity = has_copies(s) || s->guard.on ? 0 : repair_share(count, loss_ppm(r));
	size_t from = s->out->count;

	r->parity = repair_out_close(r->out, parity, s->out, s->out_path);
	r->count = count;
	r->sent += r->parity;
	for (; from < s->out->count; from++)
		r->unpaid += s->out->v[from].len + s->cfg.seal_overhead;
}

/* A set begins with a large segment, and takes what follows it. */
static void add(struct session *s, const struct kcp_seg_header *h, struct view payload)
{
	struct session_repair *r = &s->repair;
	size_t full = session_packet_bytes(s) - KCP_OVERHEAD;

	if (!set_is_open(r) && (!r->active || 2 * payload.n <= full))
		return;
	repair_out_add(r->out, s->flush_us, h->sn, payload);
	if (repair_out_full(r->out))
		close_set(s);
}

void session_repair_output(struct session *s, const uint8_t *buf, size_t len)
{
	struct session_repair *r = &s->repair;
	struct kcp_seg_header h;

	if (!r->active && !set_is_open(r))
		return;
	while (kcp_header_decode(&h, buf, len)) {
		if (h.cmd == KCP_CMD_PUSH && h.sn == r->next) {
			r->next++;
			add(s, &h, (struct view){ buf + KCP_OVERHEAD, h.len });
		}
		buf += KCP_OVERHEAD + h.len;
		len -= KCP_OVERHEAD + h.len;
	}
}

bool session_repair_end(struct session *s)
{
	struct session_repair *r = &s->repair;

	if (!r->sends && !set_is_open(r))
		return false;
	count_bulk(s, s->flush_us);
	r->more = waits(s);
	if (session_repair_deadline(r) > s->flush_us)
		return false;
	if (batch_room(s->out) < REPAIR_PARITY_MAX)
		return true;
	close_set(s);
	return false;
}

uint64_t session_repair_deadline(const struct session_repair *r)
{
	return r->out == NULL ? KT_NEVER : repair_out_due(r->out, r->span_us, r->more);
}

/* ---- receiving ----------------------------------------------------------------------- */

static void drain(struct session *s, uint64_t now_us)
{
	struct view payload;
	uint32_t number;

	while (repair_in_next(s->repair.in, &number, &payload))
		session_input_rebuilt(s, now_us, kcp_heard_ts(s->kcp), number, payload);
}

/* Is it worth to keep what comes?  Not of what must be a bulk transfer, unless there is parity. */
static bool keeps(struct session_repair *r, uint64_t now_us, size_t bytes)
{
	if (now_us - r->heard_us > RUN_PAUSE_US)
		r->run_bytes = 0;
	r->heard_us = now_us;
	r->run_bytes += bytes;
	r->since_parity++;
	return r->run_bytes < RUN_MAX || r->since_parity < PARITY_RECENT;
}

static bool have_receiver(struct session *s)
{
	struct session_repair *r = &s->repair;

	if (r->in == NULL)
		r->in = repair_in_new(s->cfg.conv, REPAIR_PAYLOAD_MAX(PACKET_MTU_MAX));
	return r->in != NULL;
}

void session_repair_hear(struct session *s, uint64_t now_us, struct view pkt)
{
	struct session_repair *r = &s->repair;
	struct kcp_seg_header h;

	if (!r->peer_sends || !keeps(r, now_us, pkt.n) || !have_receiver(s))
		return;
	while (kcp_header_decode(&h, pkt.p, pkt.n) && h.conv == s->cfg.conv) {
		if (h.cmd == KCP_CMD_PUSH) {
			repair_in_data(r->in, now_us, h.sn,
				       (struct view){ pkt.p + KCP_OVERHEAD, h.len });
			drain(s, now_us);
		}
		pkt.p += KCP_OVERHEAD + h.len;
		pkt.n -= KCP_OVERHEAD + h.len;
	}
}

void session_repair_input(struct session *s, uint64_t now_us, struct view pkt)
{
	struct session_repair *r = &s->repair;
	struct kcp_info k;

	if (!r->offered || kcp_strange_lately(s->kcp) || !have_receiver(s))
		return;
	r->since_parity = 0;
	kcp_get_info(s->kcp, &k);
	repair_in_parity(r->in, now_us, k.rcv_nxt, pkt);
	drain(s, now_us);
}
