/* memory.c - what waits for memory: the peer's bytes, and streams that were refused room. */
#include "smux_impl.h"

enum { LOOKS = 4 }; /* at streams that wait, for each chunk that came back */

/* ---- waiting ------------------------------------------------------------------------- */

static void look_later(struct smux *m)
{
	if (m->look_us <= m->now_us)
		m->look_us = m->now_us + SMUX_LOOK_US;
}

void smux_starve_input(struct smux *m)
{
	m->input_starved = true;
	fifo_account_wait(m->cfg.account, FIFO_IN);
	look_later(m);
}

void smux_starve_writer(struct smux_stream *st)
{
	st->want_write = true;
	if (!linked(&st->starved))
		link_append(&st->m->starved, &st->starved);
	fifo_account_wait(st->m->cfg.account, FIFO_OUT);
	look_later(st->m);
}

/* ---- and being served ------------------------------------------------------------------ */

static bool feed_input(struct smux *m)
{
	if (!m->input_starved || (m->rx != NULL && !fifo_has_room(&m->rx->in)))
		return false;
	m->input_starved = false;
	return true;
}

/* SMUX_WRITABLE to at most `wakes` streams among the first so many that were refused.  Those that
 * may still have nothing go to the end of the line, for those behind them may. */
static bool feed_writers(struct smux *m, unsigned looks, unsigned wakes)
{
	bool any = false;

	for (; looks > 0 && wakes > 0 && linked(&m->starved); looks--) {
		struct smux_stream *st = container_of(m->starved.next, struct smux_stream, starved);

		link_remove(&st->starved);
		if (!fifo_has_room(&st->out)) {
			link_append(&m->starved, &st->starved);
			continue;
		}
		st->want_write = false;
		smux_raise(st, SMUX_WRITABLE);
		any = true;
		wakes--;
	}
	return any;
}

/* For each chunk one is woken, here or in another session, so that none is for nothing. */
static bool on_room(void *user, enum fifo_way way)
{
	struct smux *m = user;
	bool fed = way == FIFO_IN ? feed_input(m) : feed_writers(m, LOOKS, 1);

	if (way == FIFO_IN ? m->input_starved : linked(&m->starved))
		fifo_account_wait(m->cfg.account, way);
	if (fed && m->cfg.wake != NULL)
		m->cfg.wake(m->cfg.wake_user);
	return fed;
}

const struct fifo_owner smux_fifo_owner = { .room = on_room };

/* ---- looking oneself ------------------------------------------------------------------- */

uint64_t smux_look_deadline(const struct smux *m)
{
	return m->input_starved || linked(&m->starved) ? m->look_us : KT_NEVER;
}

/* Whoever is offered room after others may have been passed over for want of it, and then found
 * that nothing more came back. */
void smux_look_for_room(struct smux *m)
{
	if (m->now_us < smux_look_deadline(m))
		return;
	feed_input(m);
	feed_writers(m, m->count, m->count);
	m->look_us = m->now_us + SMUX_LOOK_US;
}
