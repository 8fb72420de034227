/* room.c - room to write, and what is told when there is some: WRITABLE to a stream that found
 * none, an UPD to the peer. */
#include "smux_impl.h"

/* ---- writing ------------------------------------------------------------------------- */

void smux_settle(struct smux *m)
{
	struct smux_stream *st = m->taken;

	if (st == NULL)
		return;
	m->taken = NULL;
	fifo_consume(&st->out, m->taken_len);
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
	room = fifo_reserve(&st->out);
	if (room.n == 0) {
		smux_starve_writer(st);
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
