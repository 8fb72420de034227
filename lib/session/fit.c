/* fit.c - does the peer understand how a client speaks, which is only a guess?
 *
 * A kcptun server says nothing before its keepalive, but shows it.  What it does not understand, another compression or
 * another smux version, ends its session at the first frame, and what comes after that begins a new one there, of which it
 * has had nothing: an acknowledgement of it carries a smaller una than before.  So a NOP is sent when the first frame was
 * acknowledged: if that is acknowledged with all before it, the peer reads on.  Between the two the server must have had the
 * time to look at the first, so they leave SETTLE_US apart; on a path that is longer than that nothing is waited for.
 * A kcptund speaks at once, and then nothing is asked. */
#include "session_impl.h"

enum {
	SETTLE_US = 50 * 1000,
	/* kcp_peer_forgot() tells times apart by milliseconds. */
	APART_US = 2 * 1000,
};

void session_fit_init(struct session *s)
{
	s->fit = (struct session_fit){ .open = s->cfg.client && s->cfg.unsure,
				       .ask_at_us = UINT64_MAX };
}

/* The first frame arrived: it left a round trip ago at the latest. */
static uint64_t time_to_ask(const struct session *s, uint64_t now_us)
{
	uint64_t left_us = now_us - kcp_min_rtt_us(s->kcp);

	return left_us + SETTLE_US > now_us + APART_US ? left_us + SETTLE_US : now_us + APART_US;
}

void session_fit_look(struct session *s, uint64_t now_us)
{
	struct session_fit *f = &s->fit;
	uint64_t acked = session_acked_bytes(s);

	if (!f->open || s->end != SESSION_ALIVE)
		return;
	if (s->peer_version == 0 && kcp_peer_forgot(s->kcp)) {
		session_fail(s, SESSION_NOT_UNDERSTOOD);
	} else if (s->peer_version != 0 || (f->asked_bytes != 0 && acked >= f->asked_bytes)) {
		f->open = false;
		f->ask_at_us = UINT64_MAX;
	} else if (acked > 0 && !f->began) {
		f->began = true;
		f->ask_at_us = time_to_ask(s, now_us);
	}
}

void session_fit_ask(struct session *s)
{
	struct session_fit *f = &s->fit;

	if (s->flush_us < f->ask_at_us)
		return;
	smux_ping(s->smux);
	f->sent_bytes = s->bytes_sent;
}

/* Whatever left by now asks; where KCP holds too much already, nothing did. */
void session_fit_asked(struct session *s)
{
	struct session_fit *f = &s->fit;

	if (s->flush_us < f->ask_at_us)
		return;
	if (s->bytes_sent > f->sent_bytes) {
		f->asked_bytes = s->bytes_sent;
		f->ask_at_us = UINT64_MAX;
	} else {
		f->ask_at_us = s->flush_us + SETTLE_US;
	}
}

bool session_fit_found(const struct session *s)
{
	return s->peer_version != 0 || (s->cfg.unsure && !s->fit.open);
}
