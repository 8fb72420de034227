/* schedule.c - the lists that a stream is on: what it has to send, to tell, to wait for. */
#include "smux_impl.h"

size_t smux_unsent(const struct smux_stream *st)
{
	return st->out.len - (st->m->taken == st ? st->m->taken_len : 0);
}

/* Version 2: sent - consumed < window, modulo 2^32.  input.c lets no `consumed` in
 * that is ahead of what was sent, and less than 2^31 is kept in flight, so the difference
 * is the true one. */
size_t smux_window_room(const struct smux_stream *st)
{
	uint32_t in_flight = (uint32_t)st->sent - st->peer_consumed;
	uint32_t window = st->peer_window < INT32_MAX ? st->peer_window : INT32_MAX;

	if (st->m->cfg.version == 1)
		return SIZE_MAX;
	return window > in_flight ? window - in_flight : 0;
}

static void set_linked(struct link *list, struct link *l, bool on)
{
	if (on && !linked(l))
		link_append(list, l);
	else if (!on && linked(l))
		link_remove(l);
}

void smux_schedule(struct smux_stream *st)
{
	struct smux *m = st->m;
	size_t unsent = smux_unsent(st);
	bool alive = m->closed == SMUX_ALIVE;

	if (st->shut && unsent == 0 && !st->fin_sent)
		st->fin_pending = true;
	set_linked(&m->control, &st->control,
		   alive && (st->syn_pending || st->upd_pending || st->fin_pending ||
			     smux_reset_due(st)));
	set_linked(&m->data, &st->data, alive && unsent > 0 && smux_window_room(st) > 0);
}

void smux_raise(struct smux_stream *st, unsigned what)
{
	st->events |= (uint8_t)what;
	if (!linked(&st->ready))
		link_append(&st->m->ready, &st->ready);
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
