/* room.c - room to write, and what is told when there is some: WRITABLE to a stream that found
 * none. */
#include "smux_impl.h"

/* ---- writing ------------------------------------------------------------------------- */

void smux_settle(struct smux *m)
{
	struct smux_stream *st = m->taken;
	size_t held;

	if (st == NULL)
		return;
	m->taken = NULL;
	held = st->out.held;
	fifo_consume(&st->out, m->taken_len);
	smux_note_moved(st, FIFO_OUT, held);
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
	size_t limit, held;

	smux_settle(st->m);
	held = st->out.held;
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
	smux_note_moved(st, FIFO_OUT, held);
	smux_not_starved(st->m, FIFO_OUT);
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
