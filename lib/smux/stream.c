/* smux_stream.c - one stream: its life, and what the application does with it. */
#include <assert.h>
#include <stdlib.h>

#include "err.h"
#include "smux_impl.h"

/* ---- life ------------------------------------------------------------------------- */

struct smux_stream *smux_stream_new(struct smux *m, uint32_t sid)
{
	struct smux_stream *st = calloc(1, sizeof(*st));

	if (st == NULL)
		return NULL;
	st->m = m;
	st->sid = sid;
	st->edge = st->peer_window = SMUX_PEER_WINDOW_INITIAL;
	fifo_init(&st->in, m->cfg.pool);
	fifo_init(&st->out, m->cfg.pool);
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

size_t smux_drop_unread(struct smux_stream *st)
{
	size_t n = st->in.len;

	st->m->unread -= n;
	fifo_dispose(&st->in);
	return n;
}

void smux_raise(struct smux_stream *st, unsigned what)
{
	st->events |= (uint8_t)what;
	if (!linked(&st->ready))
		link_append(&st->m->ready, &st->ready);
}

static void stop_writing(struct smux_stream *st)
{
	st->shut = true;
	st->want_write = false;
	link_remove(&st->starved);
}

/* If the application has not been told of the stream yet, it still has to be:
 * someone must release it. */
void smux_cut(struct smux_stream *st)
{
	st->m->stats.window_overruns++;
	st->cut = true;
	st->upd_pending = false;
	stop_writing(st);
	smux_drop_unread(st);
	fifo_dispose(&st->out);
	st->events &= SMUX_OPENED;
	smux_raise(st, SMUX_RESET);
	smux_schedule(st);
	smux_memory_freed(st->m);
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
	stop_writing(st);
	fifo_dispose(&st->out);
	smux_linger(st);
	smux_schedule(st);
	if (!st->released)
		smux_raise(st, SMUX_RESET);
	smux_memory_freed(st->m);
}

void smux_reset(struct smux_stream *st)
{
	if (st->peer_reset || (st->fin_sent && st->peer_fin))
		return;
	smux_settle(st->m);
	stop_writing(st);
	st->reset_pending = true;
	smux_schedule(st);
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
	stop_writing(st);
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
	smux_memory_freed(m);
}

bool smux_may_give_up(const struct smux_stream *st)
{
	return st->released && (st->peer_fin || st->reset_pending) && smux_unsent(st) > 0;
}

void smux_linger(struct smux_stream *st)
{
	link_remove(&st->linger);
	if (!smux_may_give_up(st))
		return;
	st->moved_us = st->m->now_us;
	link_append(&st->m->linger, &st->linger);
}

uint64_t smux_linger_deadline(const struct smux *m)
{
	if (!linked(&m->linger))
		return KT_NEVER;
	return container_of(m->linger.next, struct smux_stream, linger)->moved_us + SMUX_LINGER_US;
}

/* One that could send but was not asked to is no victim of its peer's. */
void smux_linger_expire(struct smux *m)
{
	while (smux_linger_deadline(m) <= m->now_us) {
		struct smux_stream *st = container_of(m->linger.next, struct smux_stream, linger);

		if (!linked(&st->data))
			fifo_dispose(&st->out);
		smux_schedule(st);
		smux_linger(st);
	}
	smux_memory_freed(m);
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

/* ---- room in the pool ---------------------------------------------------------------- */

/* Writes leave a quarter of the pool to reads: were it full of bytes that wait for the
 * peer's windows, the UPDs that open them could not be reached behind data that finds no room. */
static bool pool_spare(const struct smux *m)
{
	return fifo_pool_room(m->cfg.pool) > m->cfg.pool->bytes_max / 4;
}

void smux_retry_later(struct smux *m)
{
	if (m->retry_us <= m->now_us)
		m->retry_us = m->now_us + SMUX_RETRY_US;
}

void smux_wake_starved(struct smux *m, enum smux_wake which)
{
	while (linked(&m->starved) && pool_spare(m)) {
		struct smux_stream *st = container_of(m->starved.next, struct smux_stream, starved);

		link_remove(&st->starved);
		st->want_write = false;
		smux_raise(st, SMUX_WRITABLE);
		if (which == SMUX_WAKE_FIRST)
			return;
	}
}

void smux_memory_freed(struct smux *m)
{
	if (m->input_starved && (m->rx == NULL || fifo_has_room(&m->rx->in)))
		m->input_starved = false;
	smux_wake_starved(m, SMUX_WAKE_FIRST);
}

/* ---- writing --------------------------------------------------------------------------- */

static size_t send_room(const struct smux_stream *st)
{
	size_t max = st->m->cfg.send_bytes_max, unsent = smux_unsent(st);

	return max > unsent ? max - unsent : 0;
}

/* A quarter of the buffer, so that a writer is not woken for every few bytes. */
void smux_wake_writer(struct smux_stream *st)
{
	size_t room = send_room(st);

	if (!st->want_write || linked(&st->starved) || room == 0)
		return;
	if (room < st->m->cfg.send_bytes_max / 4)
		return;
	st->want_write = false;
	smux_raise(st, SMUX_WRITABLE);
}

static void starve(struct smux_stream *st)
{
	st->want_write = true;
	if (!linked(&st->starved))
		link_append(&st->m->starved, &st->starved);
	smux_retry_later(st->m);
}

struct span smux_reserve(struct smux_stream *st)
{
	struct span room = { NULL, 0 };
	size_t limit;

	smux_settle(st->m);
	if (st->m->closed != SMUX_ALIVE || st->shut)
		return room;
	limit = send_room(st);
	if (limit == 0) {
		st->want_write = true;
		return room;
	}
	if (pool_spare(st->m))
		room = fifo_reserve(&st->out);
	if (room.n == 0) {
		starve(st);
		return room;
	}
	st->want_write = false;
	link_remove(&st->starved);
	if (room.n > limit)
		room.n = limit;
	return room;
}

void smux_commit(struct smux_stream *st, size_t n)
{
	fifo_commit(&st->out, n);
	smux_schedule(st);
}

void smux_shutdown(struct smux_stream *st)
{
	if (st->shut)
		return;
	smux_settle(st->m);
	stop_writing(st);
	smux_schedule(st);
}

size_t smux_unsent(const struct smux_stream *st)
{
	return st->out.len - (st->m->taken == st ? st->m->taken_len : 0);
}

/* ---- reading ----------------------------------------------------------------------------- */

size_t smux_peek(struct smux_stream *st, struct span *pieces, size_t max)
{
	return fifo_peek(&st->in, pieces, max, SIZE_MAX);
}

size_t smux_unread(const struct smux_stream *st)
{
	return st->in.len;
}

/* The first read always tells, because only that replaces the window that the peer
 * assumes; then half of what it was granted, which is streambuf / 2 unless that was short. */
static bool upd_due(const struct smux_stream *st)
{
	uint32_t half = st->granted / 2;

	if (st->m->cfg.version == 1 || st->cut)
		return false;
	return st->granted == 0 || st->consumed - st->told >= (half > 0 ? half : 1);
}

void smux_account_consumed(struct smux_stream *st, size_t n)
{
	st->consumed += n;
	if (n == 0 || !upd_due(st))
		return;
	st->upd_pending = true;
	smux_schedule(st);
}

void smux_consume(struct smux_stream *st, size_t n)
{
	assert(n <= st->in.len);
	smux_settle(st->m);
	fifo_consume(&st->in, n);
	st->m->unread -= n;
	smux_account_consumed(st, n);
	smux_memory_freed(st->m);
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
