/* life.c - a stream's beginning and its ends, and the end of all. */
#include <stdlib.h>

#include "smux_impl.h"

struct smux_stream *smux_stream_new(struct smux *m, uint32_t sid)
{
	struct smux_stream *st = calloc(1, sizeof(*st) + smux_transform_bytes(m));

	if (st == NULL)
		return NULL;
	st->m = m;
	st->sid = sid;
	st->edge = st->peer_window = SMUX_PEER_WINDOW_INITIAL;
	smux_transform_start(st);
	fifo_init(&st->in, m->cfg.account, FIFO_IN);
	fifo_init(&st->out, m->cfg.account, FIFO_OUT);
	link_init(&st->control);
	link_init(&st->data);
	link_init(&st->ready);
	link_init(&st->starved);
	link_init(&st->linger);
	link_append(&m->all, &st->all);
	smux_table_add(m, st);
	m->count++;
	return st;
}

void smux_stream_free(struct smux_stream *st)
{
	struct smux *m = st->m;

	if (m->rx == st)
		m->rx = NULL; /* the rest of its frame is dropped */
	if (m->recent == st)
		m->recent = NULL;
	if (m->taken == st)
		m->taken = NULL;
	smux_table_remove(m, st);
	link_remove(&st->all);
	link_remove(&st->control);
	link_remove(&st->data);
	link_remove(&st->ready);
	link_remove(&st->starved);
	link_remove(&st->linger);
	smux_drop_unread(st);
	fifo_dispose(&st->out);
	m->count--;
	free(st);
}

void smux_stop_writing(struct smux_stream *st)
{
	st->shut = true;
	st->want_write = false;
	link_remove(&st->starved);
}

/* If the application has not been told of the stream yet, it still has to be:
 * someone must release it. */
static void cut(struct smux_stream *st)
{
	st->cut = true;
	st->upd_pending = false;
	smux_stop_writing(st);
	smux_drop_unread(st);
	fifo_dispose(&st->out);
	st->events &= SMUX_OPENED;
	smux_raise(st, SMUX_RESET);
	smux_schedule(st);
}

void smux_overrun(struct smux_stream *st)
{
	st->m->stats.window_overruns++;
	cut(st);
}

/* The peer is told, as by smux_reset(): it holds bytes of the stream, too. */
void smux_give_up(struct smux_stream *st)
{
	st->given_up = st->in.held + st->out.held;
	if (!st->peer_reset && !(st->fin_sent && st->peer_fin))
		st->reset_pending = true;
	if (!st->released) {
		cut(st);
		return;
	}
	fifo_dispose(&st->out);
	smux_linger(st);
	smux_schedule(st);
}

/* What is unsent has no reader any more.  Our own end must not pass for a regular one then: the
 * peer may still pass on what it has got. */
void smux_peer_resets(struct smux_stream *st)
{
	if (st->peer_reset || st->cut)
		return;
	st->peer_reset = true;
	if (!st->fin_sent)
		st->reset_pending = true;
	smux_stop_writing(st);
	fifo_dispose(&st->out);
	smux_linger(st);
	smux_schedule(st);
	if (!st->released)
		smux_raise(st, SMUX_RESET);
}

/* ---- lingering ----------------------------------------------------------------------- */

uint64_t smux_linger_deadline(const struct smux *m)
{
	if (!linked(&m->linger))
		return KT_NEVER;
	return container_of(m->linger.next, struct smux_stream, linger)->moved_us + SMUX_LINGER_US;
}

/* Nothing at all was heard for longer than a peer keeps silent: it may be the path, and the session's own timeout
 * judges that. */
static bool is_quiet(const struct smux *m)
{
	return m->cfg.timeout_us != 0 && m->now_us - m->heard_us >= SMUX_QUIET_US;
}

/* One that could send but was not asked to is no victim of its peer's.  Where bytes are dropped the end is no regular one. */
void smux_linger_expire(struct smux *m)
{
	while (smux_linger_deadline(m) <= m->now_us) {
		struct smux_stream *st = container_of(m->linger.next, struct smux_stream, linger);

		if (!linked(&st->data) && !is_quiet(m)) {
			st->reset_pending = true;
			fifo_dispose(&st->out);
		}
		smux_schedule(st);
		smux_linger(st);
	}
}

/* ---- the session --------------------------------------------------------------------- */

void smux_close(struct smux *m, enum smux_close why)
{
	struct link *next;

	m->closed = why;
	for (struct link *l = m->all.next; l != &m->all; l = next) {
		struct smux_stream *st = container_of(l, struct smux_stream, all);

		next = l->next;
		if (st->released)
			smux_stream_free(st);
		else
			smux_schedule(st);
	}
}
