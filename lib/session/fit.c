/* fit.c - does the peer understand how a client speaks, which is only a guess?
 *
 * A kcptun server says nothing before its keepalive, but shows it.  What it does not understand, another compression or
 * another smux version, ends its session at the first frame.  What comes after that begins a new one there, which has had
 * nothing: it acknowledges, and its una stands before what was acknowledged already.  So when the first segment was, a NOP is sent.
 * If una comes to stand behind that, the peer reads on.
 *
 * Between the two the server must have had the time to look at the first, so they leave SETTLE_US apart; on a path whose round
 * trip is longer nothing is waited for.  The copies of the first count, too: each begins a session, and with
 * the NOP on its heels that would seem to go on.  None leaves any more once it was acknowledged.
 *
 * A kcptund speaks at once, and then nothing is asked.  One that was built without the compression ends its session before it
 * acknowledges anything, and so takes what comes later and never what was first. */
#include "session_impl.h"

enum {
	SETTLE_US = 50 * 1000,
	/* And two round trips: so long the first may be missing while others arrived. */
	MISSING_US = 500 * 1000,
	SHORT_BYTES = 512, /* of all that left: the path may be too narrow for a long segment */
};

void session_fit_init(struct session *s)
{
	s->fit = (struct session_fit){ .open = s->cfg.client && s->cfg.unsure,
				       .ask_at_us = UINT64_MAX };
}

static int32_t behind(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

void session_fit_hear(struct session *s, struct view pkt)
{
	struct session_fit *f = &s->fit;
	struct kcp_seg_header h;

	while (f->asked && kcp_header_decode(&h, pkt.p, pkt.n)) {
		if (behind(h.una, f->asked_sn) > 0)
			f->taken = true;
		else if (h.cmd == KCP_CMD_ACK && behind(h.sn, f->asked_sn) >= 0 &&
			 behind(h.una, f->acked_sn) < 0)
			f->refused = true;
		pkt.p += KCP_OVERHEAD + h.len;
		pkt.n -= KCP_OVERHEAD + h.len;
	}
}

static bool first_has_arrived(const struct session *s)
{
	struct kcp_info k;

	kcp_get_info(s->kcp, &k);
	return k.snd_una > 0;
}

/* What is merely lost was sent again several times by then. */
static bool first_is_missing(struct session *s, uint64_t now_us)
{
	struct session_fit *f = &s->fit;

	if (f->began || session_acked_bytes(s) == 0 || s->bytes_sent > SHORT_BYTES)
		return false;
	if (f->missing_us == 0)
		f->missing_us = now_us;
	return now_us - f->missing_us >= MISSING_US + 2 * (uint64_t)kcp_min_rtt_us(s->kcp);
}

void session_fit_look(struct session *s, uint64_t now_us)
{
	struct session_fit *f = &s->fit;

	if (!f->open || s->end != SESSION_ALIVE)
		return;
	if (s->peer_version != 0 || f->taken) {
		f->open = f->asked = false;
		f->ask_at_us = UINT64_MAX;
		return;
	}
	if (!f->began && first_has_arrived(s)) {
		f->began = true;
		f->ask_at_us = f->left_us + SETTLE_US;
	}
	if (f->refused || kcp_peer_forgot(s->kcp) || first_is_missing(s, now_us))
		session_fail(s, SESSION_NOT_UNDERSTOOD);
}

void session_fit_ask(struct session *s)
{
	struct session_fit *f = &s->fit;
	struct kcp_info k;

	if (s->flush_us < f->ask_at_us)
		return;
	kcp_get_info(s->kcp, &k);
	f->asked = true;
	f->asked_sn = k.snd_nxt;
	f->acked_sn = k.snd_una;
	f->ask_at_us = UINT64_MAX;
	smux_ping(s->smux);
}

void session_fit_left(struct session *s)
{
	if (s->fit.open && !s->fit.began && s->out->count > s->out_start)
		s->fit.left_us = s->flush_us;
}

bool session_fit_found(const struct session *s)
{
	return s->peer_version != 0 || (s->cfg.unsure && !s->fit.open);
}
