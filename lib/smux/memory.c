/* memory.c - what holds memory, and what waits for some: the peer's bytes, and streams that were refused
 * room. */
#include "smux_impl.h"

enum { LOOKS = 4 }; /* at streams that wait, for each chunk that came back */

/* ---- what lies ------------------------------------------------------------------------ */

const struct fifo *smux_fifo(const struct smux_stream *st, enum fifo_way way)
{
	return way == FIFO_IN ? &st->in : &st->out;
}

bool smux_lies_since(const struct smux_stream *st, enum fifo_way way, uint64_t us)
{
	return smux_fifo(st, way)->held > 0 && st->m->now_us >= st->freed_us[way] + us;
}

/* By chunks: one that is read a byte at a time is as good as not read. */
void smux_note_moved(struct smux_stream *st, enum fifo_way way, size_t held)
{
	if (held == 0 || smux_fifo(st, way)->held < held)
		st->freed_us[way] = st->m->now_us;
}

/* ---- waiting ------------------------------------------------------------------------- */

static bool anybody_waits(const struct smux *m)
{
	return smux_waits(m, FIFO_IN) || smux_waits(m, FIFO_OUT);
}

/* The next look is due when it was, however often somebody finds that there is nothing yet. */
static void starve(struct smux *m, enum fifo_way way)
{
	fifo_account_wait(m->cfg.account, way);
	if (m->starved_us[way] == KT_NEVER)
		m->starved_us[way] = m->now_us;
	if (!anybody_waits(m))
		m->look_us = m->now_us + SMUX_LOOK_US;
}

void smux_starve_input(struct smux *m)
{
	starve(m, FIFO_IN);
	m->input_starved = true;
}

void smux_starve_writer(struct smux_stream *st)
{
	starve(st->m, FIFO_OUT);
	st->want_write = true;
	if (!linked(&st->starved))
		link_append(&st->m->starved, &st->starved);
}

void smux_not_starved(struct smux *m, enum fifo_way way)
{
	m->starved_us[way] = KT_NEVER;
	if (way == FIFO_IN)
		m->input_starved = false;
}

bool smux_waits(const struct smux *m, enum fifo_way way)
{
	return way == FIFO_IN ? m->input_starved : linked(&m->starved);
}

/* ---- being served ---------------------------------------------------------------------- */

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

void smux_wake(const struct smux *m)
{
	if (m->cfg.wake != NULL)
		m->cfg.wake(m->cfg.wake_user);
}

/* For each chunk one is woken, here or in another session, so that none is for nothing. */
bool smux_offer_room(struct smux *m, enum fifo_way way)
{
	bool fed = way == FIFO_IN ? feed_input(m) : feed_writers(m, LOOKS, 1);

	if (smux_waits(m, way))
		fifo_account_wait(m->cfg.account, way);
	if (fed)
		smux_wake(m);
	return fed;
}

/* Whoever is offered room after others may have been passed over for want of it, and then found
 * that nothing more came back. */
void smux_feed_all(struct smux *m)
{
	feed_input(m);
	feed_writers(m, m->count, m->count);
}
