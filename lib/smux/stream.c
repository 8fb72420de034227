/* stream.c - what the application does with a stream. */
#include <assert.h>

#include "err.h"
#include "smux_impl.h"

/* ---- life ------------------------------------------------------------------------- */

void smux_reset(struct smux_stream *st)
{
	if (st->peer_reset || (st->fin_sent && st->peer_fin))
		return;
	smux_settle(st->m);
	smux_stop_writing(st);
	st->reset_pending = true;
	smux_schedule(st);
}

bool smux_exhausted(const struct smux *m)
{
	return m->closed != SMUX_ALIVE || !m->cfg.client || m->next_sid > UINT32_MAX;
}

int smux_open(struct smux *m, struct smux_stream **st)
{
	if (smux_exhausted(m))
		return KT_ECLOSED;
	if (m->count >= m->cfg.streams_max)
		return KT_ELIMIT;
	*st = smux_stream_new(m, (uint32_t)m->next_sid);
	if (*st == NULL)
		return KT_ENOMEM;
	m->next_sid += 2;
	m->stats.streams_opened++;
	(*st)->syn_pending = true;
	smux_grant_first(*st);
	smux_schedule(*st);
	return KT_OK;
}

/* It lingers while it has a FIN, and bytes before it, to send.  A SYN that never left needs
 * no FIN. */
void smux_release(struct smux_stream *st, bool discard)
{
	struct smux *m = st->m;
	size_t dropped;

	smux_settle(m);
	st->released = true;
	st->user = NULL;
	st->events = 0;
	link_remove(&st->ready);
	smux_stop_writing(st);
	dropped = smux_drop_unread(st);
	if (discard)
		fifo_dispose(&st->out);
	if (m->closed != SMUX_ALIVE || (st->fin_sent && !st->reset_pending) ||
	    (discard && st->syn_pending)) {
		smux_stream_free(st);
	} else {
		if (st->out.len == 0)
			st->upd_pending = false;
		else
			smux_account_consumed(st, dropped);
		smux_schedule(st);
		smux_linger(st);
	}
}

uint32_t smux_sid(const struct smux_stream *st)
{
	return st->sid;
}

void smux_set_user(struct smux_stream *st, void *user)
{
	st->user = user;
}

void *smux_user(const struct smux_stream *st)
{
	return st->user;
}

/* ---- writing --------------------------------------------------------------------------- */

void smux_commit(struct smux_stream *st, size_t n)
{
	if (n > 0)
		smux_transform_written(st, (struct span){ st->reserved, n });
	fifo_commit(&st->out, n);
	smux_schedule(st);
}

void smux_shutdown(struct smux_stream *st)
{
	if (st->shut)
		return;
	smux_settle(st->m);
	smux_stop_writing(st);
	smux_schedule(st);
}

/* ---- reading ----------------------------------------------------------------------------- */

size_t smux_peek(struct smux_stream *st, struct span *pieces, size_t max)
{
	size_t count = fifo_peek(&st->in, pieces, max, SIZE_MAX);

	smux_transform_peeked(st, pieces, count);
	return count;
}

size_t smux_unread(const struct smux_stream *st)
{
	return st->in.len;
}

void smux_consume(struct smux_stream *st, size_t n)
{
	size_t held = st->in.held;

	assert(n <= st->in.len);
	smux_settle(st->m);
	smux_transform_consumed(st, n);
	fifo_consume(&st->in, n);
	smux_note_moved(st, FIFO_IN, held);
	st->m->unread -= n;
	smux_account_consumed(st, n);
}

bool smux_eof(const struct smux_stream *st)
{
	return st->peer_fin && !st->cut && !st->peer_reset && st->in.len == 0;
}

bool smux_peer_finished(const struct smux_stream *st)
{
	return st->peer_fin;
}

bool smux_was_reset(const struct smux_stream *st)
{
	return st->peer_reset || st->cut;
}

size_t smux_given_up(const struct smux_stream *st)
{
	return st->given_up;
}
