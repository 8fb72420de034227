/* relief.c - what is given up when others have been waiting for its memory for too long. */
#include "smux_impl.h"

/* ---- giving up ------------------------------------------------------------------------- */

static struct smux_stream *heaviest(const struct smux *m, enum fifo_way way)
{
	struct smux_stream *most = NULL;

	for (struct link *l = m->all.next; l != &m->all; l = l->next) {
		struct smux_stream *st = container_of(l, struct smux_stream, all);

		if (smux_lies_since(st, way, SMUX_STARVE_US) &&
		    (most == NULL || smux_fifo(st, way)->held > smux_fifo(most, way)->held))
			most = st;
	}
	return most;
}

/* Of all that only lies there, the stream that holds most is reset. */
static bool give_up_heaviest(struct smux *m, enum fifo_way way)
{
	struct smux_stream *st;

	smux_settle(m);
	st = heaviest(m, way);
	if (st == NULL || m->closed != SMUX_ALIVE)
		return false;
	m->stats.memory_resets++;
	smux_give_up(st);
	return true;
}

static bool on_relieve(void *user, enum fifo_way way, uint64_t now_us)
{
	struct smux *m = user;

	if (m->now_us < now_us)
		m->now_us = now_us;
	if (!give_up_heaviest(m, way))
		return false;
	smux_wake(m);
	return true;
}

/* Whoever holds little and gets nothing suffers from other sessions.  Else it is its own streams that
 * stand in the way: with version 1 and outwards that is what back-pressure is, but where each stream
 * has a window, one must not stop the others. */
static bool relieve(struct smux *m, enum fifo_way way)
{
	struct fifo_account *a = m->cfg.account;

	if (a->way_bytes[way] < FIFO_FLOOR && fifo_account_room(a, way) < FIFO_CHUNK)
		return fifo_pool_relieve(a->pool, way, m->now_us);
	return way == FIFO_IN && m->cfg.version == 2 && give_up_heaviest(m, way);
}

static bool on_room(void *user, enum fifo_way way)
{
	return smux_offer_room(user, way);
}

const struct fifo_owner smux_fifo_owner = { .room = on_room, .relieve = on_relieve };

/* ---- looking oneself ------------------------------------------------------------------- */

uint64_t smux_look_deadline(const struct smux *m)
{
	return smux_waits(m, FIFO_IN) || smux_waits(m, FIFO_OUT) ? m->look_us : KT_NEVER;
}

/* When it is due: what waits behind the first stream that was given up mostly is for more of its
 * kind, and none of them is to be waited for as long as for the first. */
static uint64_t relief_at(const struct smux *m, enum fifo_way way)
{
	uint64_t since_us = m->starved_us[way];
	bool again = m->relieved_us[way] > 0 && since_us < m->relieved_us[way] + SMUX_STARVE_US;

	return again ? since_us : since_us + SMUX_STARVE_US;
}

static void complain(struct smux *m, enum fifo_way way)
{
	if (!smux_waits(m, way))
		return;
	if (m->starved_us[way] == KT_NEVER) /* another one was served meanwhile */
		m->starved_us[way] = m->now_us;
	if (m->now_us >= relief_at(m, way) && relieve(m, way))
		m->starved_us[way] = m->relieved_us[way] = m->now_us;
}

void smux_look_for_room(struct smux *m)
{
	if (m->now_us < smux_look_deadline(m))
		return;
	smux_take_windows_back(m);
	smux_feed_all(m);
	complain(m, FIFO_IN);
	complain(m, FIFO_OUT);
	m->look_us = m->now_us + SMUX_LOOK_US;
}
