/* guard.c - a peer that has yet to show that it is where it seems to be. */
#include "session_impl.h"

enum {
	GUARD_TIMES = 3,
	CODEC_SPARE = 64, /* a little data grows by less when it is compressed */
	ASK_BYTES = KCP_OVERHEAD,
	ASK_WAIT_MAX_US = 2 * 1000 * 1000,
};

void session_guard(struct session *s, uint64_t now_us)
{
	s->guard = (struct session_guard){
		.on = true,
		.asks = true,
		.since_us = now_us,
		.in_bytes = s->in_bytes,
		.out_bytes = s->out_bytes,
	};
}

bool session_guarded(const struct session *s)
{
	return s->guard.on;
}

bool session_proven(const struct session *s)
{
	return kcp_acked_since(s->kcp, s->born_us);
}

static void end_guard(struct session *s)
{
	s->guard.on = false;
	kcp_set_allowance(s->kcp, UINT64_MAX, 0);
	fec_pair_bare(&s->fec, false);
}

void session_guard_watch(struct session *s)
{
	struct session_guard *g = &s->guard;
	uint64_t may, sent;

	if (!g->on)
		return;
	if (kcp_acked_since(s->kcp, g->since_us)) {
		end_guard(s);
		return;
	}
	may = GUARD_TIMES * (s->in_bytes - g->in_bytes);
	sent = s->out_bytes - g->out_bytes;
	kcp_set_allowance(s->kcp, may > sent ? may - sent : 0,
			  s->cfg.seal_overhead + FEC_PAIR_OVERHEAD);
	fec_pair_bare(&s->fec, true);
}

/* ---- what leaves before the proof ---------------------------------------------------- */

/* Data that may leave before the proof.  Behind what asks for it, in a packet of its own: it might be lost when nothing is
 * left to send it again, and a peer that has everything of its own acknowledged says nothing more. */
static size_t unproven_max(const struct session *s)
{
	uint64_t kept = KCP_ALLOWANCE_KEPT + KCP_OVERHEAD + SMUX_HEADER + FEC_PAIR_OVERHEAD +
			s->cfg.seal_overhead + CODEC_SPARE;
	uint64_t left = kcp_allowance(s->kcp);

	if (kcp_queued(s->kcp) > 0 || left <= kept)
		return 0;
	return left - kept < SMUX_FRAME_MAX ? (size_t)(left - kept) : SMUX_FRAME_MAX;
}

/* Bytes of data in the next frame.  A small one without any asks for the proof, and another one if that was covered by una
 * alone. */
size_t session_guard_frame_max(struct session *s)
{
	struct session_guard *g = &s->guard;
	bool ask;

	if (!g->on)
		return SMUX_FRAME_MAX;
	ask = g->asks || (kcp_waiting(s->kcp) == 0 && smux_has_output(s->smux));
	if (ask)
		smux_ping(s->smux);
	g->asks = false;
	return ask ? 0 : unproven_max(s);
}

/* ---- asking again ------------------------------------------------------------------ */

static bool may_ask(const struct session *s)
{
	return kcp_allowance(s->kcp) >= ASK_BYTES + s->cfg.seal_overhead;
}

/* What asked may have arrived, of which only una tells, and then what waits may be longer than all that may leave, or
 * than the path takes.  A sounding is acknowledged by everybody, and says when it left. */
static void ask(struct session *s)
{
	struct packet *pkt = may_ask(s) ? batch_add(s->out) : NULL;

	if (pkt == NULL)
		return;
	kcp_sound_anew(s->kcp);
	kcp_sound(s->kcp, s->flush_us, KCP_SOUNDINGS - 1, false, pkt->data, ASK_BYTES);
	pkt->len = ASK_BYTES;
	pkt->path = s->out_path;
}

void session_guard_flush(struct session *s)
{
	struct session_guard *g = &s->guard;

	if (!g->on || (!kcp_held(s->kcp) && kcp_waiting(s->kcp) == 0)) {
		g->ask_at_us = g->wait_us = 0;
		return;
	}
	if (s->flush_us < g->ask_at_us)
		return;
	if (g->ask_at_us != 0)
		ask(s);
	g->wait_us = g->wait_us == 0 ? kcp_rto_us(s->kcp) : 2 * g->wait_us;
	if (g->wait_us > ASK_WAIT_MAX_US)
		g->wait_us = ASK_WAIT_MAX_US;
	g->ask_at_us = s->flush_us + g->wait_us;
}

/* Where nothing may leave any more, only what comes changes that. */
uint64_t session_guard_deadline(const struct session *s)
{
	return s->guard.ask_at_us != 0 && may_ask(s) ? s->guard.ask_at_us : UINT64_MAX;
}
