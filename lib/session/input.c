/* input.c - what comes: datagrams to KCP, and its bytes in order through codec and smux. */
#include "session_impl.h"

#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "tell.h"

enum {
	WINDOW_LEAST = 32,
	TELL_AGE_MS = 10000, /* since what is answered left */
};

/* ---- datagrams -------------------------------------------------------------------- */

bool session_sniff(struct view payload, struct session_sniff *out)
{
	struct kcp_seg_header h;
	struct view inner;

	memset(out, 0, sizeof(*out));
	switch (fec_classify(payload, &inner)) {
	case FEC_PARITY:
	case FEC_REPAIR:
	case FEC_RLC:
	case FEC_TELL:
	case FEC_OOB:
		return true;
	case FEC_PIECE:
		out->is_piece = true;
		if (!piece_header(payload, &h))
			return true;
		break;
	case FEC_PLAIN:
	case FEC_DATA:
		if (!kcp_header_decode(&h, inner.p, inner.n))
			return false;
		break;
	case FEC_BAD:
		return false;
	}
	out->has_conv = true;
	out->conv = h.conv;
	out->cmd = h.cmd;
	out->sn = h.sn;
	out->una = h.una;
	return true;
}

bool session_input_kcp(struct session *s, uint64_t now_us, struct view pkt, unsigned flags)
{
	bool good = kcp_input(s->kcp, now_us, pkt.p, pkt.n, flags) == KCP_OK;

	s->kcp_in_errors += !good;
	if (s->fit.open && good)
		session_fit_hear(s, pkt);
	/* One that never spoke may have another reason: a kcptun forgets those that it does not understand, see fit.c. */
	if (s->cfg.client && session_fit_found(s) && kcp_peer_forgot(s->kcp))
		session_fail(s, SESSION_UNKNOWN);
	return good;
}

static void input_shard(struct session *s, uint64_t now_us, struct view pkt)
{
	struct view rebuilt;

	if (kcp_strange_lately(s->kcp) || fec_pair_input(&s->fec, pkt) <= 0)
		return;
	while (fec_pair_next(&s->fec, &rebuilt))
		session_input_kcp(s, now_us, rebuilt, KCP_INPUT_RECOVERED);
}

struct view session_rest_of(struct view pkt)
{
	struct kcp_seg_header h;

	while (kcp_header_decode(&h, pkt.p, pkt.n)) {
		pkt.p += KCP_OVERHEAD + h.len;
		pkt.n -= KCP_OVERHEAD + h.len;
	}
	return pkt;
}

/* Segments, and what may stand behind them: a symbol of fec_rlc.h, or the mark of fec_pair.h. */
static void input_plain(struct session *s, uint64_t now_us, struct view pkt)
{
	struct view rest = session_rest_of(pkt);
	bool covers = rlc_is_symbol(rest, s->cfg.conv);

	if (covers)
		pkt.n -= rest.n;
	if (!session_input_kcp(s, now_us, pkt, 0) && pkt.n > 0)
		return;
	session_repair_hear(s, now_us, pkt);
	session_cover_hear(s, now_us, pkt);
	if (covers)
		session_cover_input(s, now_us, rest);
	else if (s->fec.state == FEC_PAIR_HELD)
		fec_pair_input_rest(&s->fec, rest);
}

/* Only what answers a segment of ours that is under way is believed: it left lately, and was not acknowledged. */
static void hear_tell(struct session *s, uint64_t now_us, struct view payload)
{
	struct kcp_info k;
	struct tell t;

	if (!s->cfg.client || !tell_decode(payload, &t) || t.conv != s->cfg.conv ||
	    t.answered.conv != t.conv || t.answered.cmd != KCP_CMD_PUSH)
		return;
	kcp_get_info(s->kcp, &k);
	if (t.answered.sn - k.snd_una >= k.snd_nxt - k.snd_una ||
	    (uint32_t)(now_us / 1000) + s->cfg.ts_base - t.answered.ts > TELL_AGE_MS)
		return;
	s->peer_uptime_ms = t.uptime_ms;
	session_fail(s, SESSION_UNKNOWN);
}

bool session_suits(const struct session *s, const struct session_sniff *sniff)
{
	return sniff->has_conv && sniff->conv == s->cfg.conv && kcp_has_sent(s->kcp, sniff->una);
}

/* What is new may stand behind acknowledgements, and behind what is sent again. */
static bool has_newer(const struct session *s, struct view pkt)
{
	struct kcp_seg_header h;

	while (kcp_header_decode(&h, pkt.p, pkt.n) && h.conv == s->cfg.conv) {
		if (h.cmd == KCP_CMD_PUSH && kcp_is_news(s->kcp, h.sn, h.ts))
			return true;
		pkt.p += KCP_OVERHEAD + h.len;
		pkt.n -= KCP_OVERHEAD + h.len;
	}
	return false;
}

bool session_is_news(const struct session *s, struct view payload)
{
	struct session_sniff sniff;
	struct kcp_seg_header h;
	struct view inner;

	if (!session_sniff(payload, &sniff) || !session_suits(s, &sniff))
		return false;
	if (sniff.is_piece)
		return piece_header(payload, &h) && !piece_in_has(s->pieces, s->cfg.conv, payload) &&
		       kcp_is_news(s->kcp, h.sn, h.ts);
	fec_classify(payload, &inner);
	return has_newer(s, inner);
}

void session_input(struct session *s, uint64_t now_us, struct view payload)
{
	struct view inner;

	s->in_pkts++;
	s->heard_us = now_us;
	if (s->born_heard_us == 0)
		s->born_heard_us = now_us;
	s->in_bytes += payload.n + s->cfg.seal_overhead;
	if (payload.n + s->cfg.seal_overhead > s->in_longest)
		s->in_longest = payload.n + s->cfg.seal_overhead;
	switch (fec_classify(payload, &inner)) {
	case FEC_PLAIN:
		input_plain(s, now_us, inner);
		break;
	case FEC_DATA:
		if (session_input_kcp(s, now_us, inner, 0))
			input_shard(s, now_us, payload);
		break;
	case FEC_PARITY:
		input_shard(s, now_us, payload);
		break;
	case FEC_REPAIR:
		session_repair_input(s, now_us, payload);
		break;
	case FEC_RLC:
		if (rlc_is_symbol(payload, s->cfg.conv))
			session_cover_input(s, now_us, payload);
		else
			s->fec_errors++;
		break;
	case FEC_TELL:
		hear_tell(s, now_us, payload);
		break;
	case FEC_PIECE:
		session_mtu_piece(s, now_us, payload);
		break;
	case FEC_OOB:
		s->oob_packets++;
		break;
	case FEC_BAD:
		s->fec_errors++;
		break;
	}
}

/* ---- what waits ------------------------------------------------------------------- */

static struct view kept_bytes(const struct session_kept *k)
{
	return k->mem != NULL ? (struct view){ k->mem + k->off, k->len - k->off }
			      : (struct view){ NULL, 0 };
}

/* Copy bytes aside, behind those that are there: they lie in memory that will not stay. */
static bool keep(struct session *s, struct view bytes)
{
	struct session_kept *k = &s->kept;
	uint8_t *mem = realloc(k->mem, k->len + bytes.n);

	if (mem == NULL) {
		session_fail(s, SESSION_NO_MEMORY);
		return false;
	}
	memcpy(mem + k->len, bytes.p, bytes.n);
	k->mem = mem;
	k->len += bytes.n;
	return true;
}

/* ---- the stream ------------------------------------------------------------------- */

/* The first plain byte is a smux version.  A server takes the client's; a
 * client was told one, and a server that differs will never understand it. */
static bool agree_on_version(struct session *s, uint64_t now_us, uint8_t version)
{
	s->peer_version = version;
	if (version != 1 && version != 2) {
		session_fail(s, SESSION_FOREIGN);
		return false;
	}
	if (s->smux != NULL) {
		if (s->cfg.smux_version != version)
			session_fail(s, SESSION_OTHER_VERSION);
		return s->end == SESSION_ALIVE;
	}
	if (!session_start_smux(s, version, now_us)) {
		session_fail(s, SESSION_NO_MEMORY);
		return false;
	}
	return true;
}

/* Give plain bytes to smux, and keep what it cannot take now. */
static void input_smux(struct session *s, uint64_t now_us, struct view plain)
{
	if (plain.n == 0)
		return;
	if (s->peer_version == 0 && !agree_on_version(s, now_us, plain.p[0]))
		return;
	if (smux_input(s->smux, now_us, &plain) == KT_EPROTO)
		session_fail_smux(s);
	else if (plain.n > 0)
		keep(s, plain);
}

/* Offer smux again what was kept; true when nothing is left of it. */
static bool input_kept(struct session *s, uint64_t now_us)
{
	struct view rest = kept_bytes(&s->kept);

	if (rest.n == 0)
		return true;
	if (smux_input(s->smux, now_us, &rest) == KT_EPROTO)
		session_fail_smux(s);
	s->kept.off = s->kept.len - rest.n;
	if (rest.n > 0)
		return false;
	free(s->kept.mem);
	s->kept = (struct session_kept){ .mem = NULL };
	return true;
}

/* One step of the decoder; what is not compressed goes through as it is. */
static void decode_some(struct session *s, uint64_t now_us, struct view *in)
{
	struct view plain = *in;
	int err = KT_OK;

	if (s->dec != NULL)
		err = codec_decode(s->dec, in, &plain);
	else
		*in = (struct view){ in->p + in->n, 0 };
	if (err != KT_OK) {
		session_fail(s, err == KT_ENOMEM ? SESSION_NO_MEMORY : SESSION_BROKEN_CODEC);
		return;
	}
	input_smux(s, now_us, plain);
}

/* Both ends compress alike: a server does as its client, whose choice a client sticks to. */
static bool agree_on_codec(struct session *s, enum codec_kind kind)
{
	s->codec_in = kind;
	if (kind == CODEC_FOREIGN)
		session_fail(s, SESSION_FOREIGN);
	else if ((s->cfg.client && kind != s->codec_out) || !codec_built_in(kind))
		session_fail(s, SESSION_OTHER_CODEC);
	else if (!session_start_decoder(s, kind) ||
		 (!s->cfg.client && !session_start_encoder(s, kind)))
		session_fail(s, SESSION_NO_MEMORY);
	return s->end == SESSION_ALIVE;
}

/* Find out from the stream's first bytes how it is compressed.  They may come in segments of
 * their own, so they are kept until they are enough, and decoded from there. */
static bool detect(struct session *s, uint64_t now_us)
{
	struct session_kept first;
	enum codec_kind kind;
	const uint8_t *p;
	struct view in;

	while ((kind = codec_detect(kept_bytes(&s->kept))) == CODEC_UNKNOWN) {
		if (kcp_peek(s->kcp, &p) == 0 || !keep(s, (struct view){ p, 1 }))
			return false;
		kcp_consume(s->kcp, 1);
		s->bytes_received++;
	}
	if (!agree_on_codec(s, kind))
		return false;
	first = s->kept;
	s->kept = (struct session_kept){ .mem = NULL };
	in = kept_bytes(&first);
	while (in.n > 0 && s->end == SESSION_ALIVE)
		decode_some(s, now_us, &in);
	free(first.mem);
	return s->end == SESSION_ALIVE;
}

/* A peer that floods is told less. */
static uint32_t flood_bound(struct session *s, uint64_t now_us)
{
	const struct kcp_stats *st = kcp_stats(s->kcp);
	struct advert_seen seen = {
		.fresh = st->in_push - st->repeat_segs - st->copies_in_segs,
		.again = st->repeat_segs,
	};
	uint32_t rtt_us = kcp_min_rtt_us(s->kcp);

	if (s->cfg.rcv_wnd != SESSION_AUTO || s->repair.peer_paces)
		return 0;
	if (now_us >= advert_due_at(&s->advert, rtt_us))
		s->flood_bound = advert_window(&s->advert, now_us, rtt_us,
					       kcp_take_in_delay(s->kcp), &seen);
	return s->flood_bound;
}

/* And so is everybody when memory is short: what comes has to be held until it is in order. */
static void advertise(struct session *s, uint64_t now_us)
{
	size_t room = fifo_account_room(&s->account, FIFO_IN) / SEGMENT_MEMORY;
	uint32_t flood = flood_bound(s, now_us);

	room = room < WINDOW_LEAST ? WINDOW_LEAST : room;
	if (room > KCP_WND_MAX)
		room = 0;
	if (flood != 0 && (room == 0 || flood < room))
		room = flood;
	kcp_set_told_window(s->kcp, (uint32_t)room);
}

static void process(struct session *s, uint64_t now_us)
{
	const uint8_t *p;
	struct view in;
	size_t n;

	advertise(s, now_us);
	if (s->codec_in == CODEC_UNKNOWN && s->end == SESSION_ALIVE && !detect(s, now_us))
		return;
	while (s->end == SESSION_ALIVE && input_kept(s, now_us) &&
	       !(s->smux != NULL && smux_input_blocked(s->smux))) {
		n = kcp_peek(s->kcp, &p);
		if (n == 0)
			break;
		in = (struct view){ p, n };
		decode_some(s, now_us, &in);
		kcp_consume(s->kcp, n - in.n);
		s->bytes_received += n - in.n;
	}
}

void session_process(struct session *s, uint64_t now_us)
{
	process(s, now_us);
	session_fit_look(s, now_us);
	session_report_memory(s);
}
