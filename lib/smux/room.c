/* room.c - room to write, and what is told when there is some: WRITABLE to a stream that found
 * none, an UPD to the peer. */
#include "smux_impl.h"

/* ---- the pool ---------------------------------------------------------------------- */

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

enum wake { WAKE_FIRST, WAKE_ALL };

/* SMUX_WRITABLE to the streams that the pool refused. */
static void wake_starved(struct smux *m, enum wake which)
{
	while (linked(&m->starved) && pool_spare(m)) {
		struct smux_stream *st = container_of(m->starved.next, struct smux_stream, starved);

		link_remove(&st->starved);
		st->want_write = false;
		smux_raise(st, SMUX_WRITABLE);
		if (which == WAKE_FIRST)
			return;
	}
}

static void memory_freed(struct smux *m, enum wake which)
{
	if (m->input_starved && (m->rx == NULL || fifo_has_room(&m->rx->in)))
		m->input_starved = false;
	wake_starved(m, which);
}

void smux_memory_freed(struct smux *m)
{
	memory_freed(m, WAKE_FIRST);
}

static bool something_starved(const struct smux *m)
{
	return m->input_starved || linked(&m->starved);
}

uint64_t smux_retry_deadline(const struct smux *m)
{
	return something_starved(m) ? m->retry_us : KT_NEVER;
}

/* The pool is shared: whoever gives chunks back does not know that we wait for them. */
void smux_retry_pool(struct smux *m)
{
	if (m->now_us < smux_retry_deadline(m))
		return;
	memory_freed(m, WAKE_ALL);
	m->retry_us = m->now_us + SMUX_RETRY_US;
}

/* ---- writing ------------------------------------------------------------------------- */

void smux_settle(struct smux *m)
{
	struct smux_stream *st = m->taken;

	if (st == NULL)
		return;
	m->taken = NULL;
	fifo_consume(&st->out, m->taken_len);
	smux_memory_freed(m);
}

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
	st->reserved = room.p;
	return room;
}

/* ---- reading ------------------------------------------------------------------------- */

size_t smux_drop_unread(struct smux_stream *st)
{
	size_t n = st->in.len;

	st->m->unread -= n;
	st->plain = 0;
	fifo_dispose(&st->in);
	return n;
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

/* A larger window than the peer assumes is told at once: it would be filled before the first read
 * is heard of, and a download would stand still for a round trip. */
void smux_tell_window(struct smux_stream *st)
{
	const struct smux_config *cfg = &st->m->cfg;

	st->upd_pending = cfg->version == 2 && cfg->streambuf > SMUX_PEER_WINDOW_INITIAL;
}

void smux_account_consumed(struct smux_stream *st, size_t n)
{
	st->consumed += n;
	if (n == 0 || !upd_due(st))
		return;
	st->upd_pending = true;
	smux_schedule(st);
}
