/* memory.c - what a session holds besides its streams, and what it does when its tunnel holds too much. */
#include "session_impl.h"

/* So many segments may any session have queued, in flight, or received: it goes on, however full it is. */
enum { HOLD_SEGMENTS = 64 };

size_t session_codec_memory(const struct session *s)
{
	return (s->enc != NULL ? codec_enc_memory(s->enc) : 0) +
	       (s->dec != NULL ? codec_dec_memory(s->dec) : 0);
}

size_t session_memory(const struct session *s)
{
	return sizeof(*s) + kcp_memory(s->kcp) + fec_pair_memory(&s->fec) +
	       session_repair_memory(&s->repair) + session_cover_memory(&s->cover) +
	       session_codec_memory(s) + piece_in_memory(s->pieces) + s->kept.len;
}

/* The window told is only advice, to which somebody who means ill need not keep. */
static void bound_held(struct session *s)
{
	size_t most = 0;

	if (fifo_pool_over(s->cfg.pool)) {
		most = fifo_account_room(&s->account, FIFO_IN) / SEGMENT_MEMORY;
		most = most < HOLD_SEGMENTS ? HOLD_SEGMENTS
		       : most > KCP_WND_MAX ? KCP_WND_MAX
					    : most;
	}
	kcp_set_hold(s->kcp, (uint32_t)most);
}

/* Bytes that wait for KCP are accounted for, and while there are too many of KCP's they stay where
 * they are.  It is looked at again with each acknowledgement, and there are some to come. */
void session_report_memory(struct session *s)
{
	fifo_account_charge(&s->account, session_memory(s));
	bound_held(s);
	if (s->smux != NULL)
		smux_hold(s->smux,
			  fifo_pool_over(s->cfg.pool) && kcp_waiting(s->kcp) >= HOLD_SEGMENTS);
}
