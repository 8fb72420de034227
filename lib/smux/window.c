/* window.c - what the peer may send (version 2).
 *
 * A window is a promise to hold so much, and all of them together are far more than there is
 * memory for: it comes out even because most streams are read as fast as they are filled.  When it
 * does not, those that are not read give their windows back.  A window that is smaller than the
 * one before stops a peer too, though what is under way still comes.
 *
 * Those that are read keep theirs.  Less for them would not only be slower: where what comes in
 * depends on what goes out, as with a target that echoes, the UPD that lets the peer's side go on can stand
 * behind bytes that wait for memory here. */
#include "smux_impl.h"

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- granting -------------------------------------------------------------------------- */

/* A whole window that the peer assumes fits in any case: a stream that is read only once its
 * peer has read (an echo) could otherwise wait for an UPD that stands behind its own bytes. */
size_t smux_hard_stop(const struct smux *m)
{
	const size_t soft = m->cfg.recv_bytes_max, first = SMUX_PEER_WINDOW_INITIAL;

	return SMUX_HARD_FACTOR * soft > soft + first ? SMUX_HARD_FACTOR * soft : soft + first;
}

static uint32_t least_window(const struct smux *m)
{
	return m->cfg.streambuf < SMUX_GRANT_MIN ? m->cfg.streambuf : SMUX_GRANT_MIN;
}

/* The window to grant: streambuf, but once the session holds more unread bytes than it
 * should, less and less, so that the sum of all windows cannot run away.  Never nothing:
 * a peer that was granted 0 would have to wait for an UPD that no read triggers. */
static uint32_t window_to_grant(const struct smux *m)
{
	const uint64_t soft = m->cfg.recv_bytes_max, hard = smux_hard_stop(m);
	const uint32_t full = m->cfg.streambuf, least = least_window(m);
	uint64_t window;

	if (m->unread <= soft)
		return full;
	if (m->unread >= hard)
		return least;
	window = full * (hard - m->unread) / (hard - soft);
	return window > least ? (uint32_t)window : least;
}

uint32_t smux_grant(struct smux_stream *st)
{
	uint64_t window = window_to_grant(st->m);

	if (st->take_back) /* what it holds, and what is there for more of it anyway */
		window = min_u64(window, st->in.len + fifo_spare(&st->in));
	st->take_back = false;
	st->granted = (uint32_t)window;
	st->told = st->consumed;
	if (st->edge < st->consumed + window)
		st->edge = st->consumed + window;
	return st->granted;
}

/* The first read always tells, because only that replaces the window that the peer
 * assumes: what was told at the opening may have met a peer that did not know its stream yet (Go's smux sends a SYN first,
 * and drops what is of no stream).  Then half of what it was granted, which is streambuf / 2 unless that was short. */
static bool upd_due(const struct smux_stream *st)
{
	uint32_t half = st->granted / 2;

	if (st->m->cfg.version == 1 || st->cut)
		return false;
	if (st->told == 0 && !st->m->cfg.client)
		return true;
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

/* ---- taking back ------------------------------------------------------------------------ */

/* More of the account is held than is left. */
static bool memory_is_tight(const struct smux *m)
{
	const struct fifo_account *a = m->cfg.account;

	return a->way_bytes[FIFO_IN] > fifo_account_room(a, FIFO_IN);
}

/* What it may still send, by what it was told last. */
static uint64_t outstanding(const struct smux_stream *st)
{
	uint64_t edge = st->told + (st->granted > 0 ? st->granted : SMUX_PEER_WINDOW_INITIAL);
	uint64_t came = st->consumed + st->in.len;

	return edge > came ? edge - came : 0;
}

static void take_back(struct smux_stream *st)
{
	st->take_back = true;
	st->upd_pending = true;
	smux_schedule(st);
}

/* True while there are any. */
static bool take_back_from_unread(struct smux *m)
{
	bool any = false;

	for (struct link *l = m->all.next; l != &m->all; l = l->next) {
		struct smux_stream *st = container_of(l, struct smux_stream, all);

		if (!smux_takes_data(st) || !smux_lies_since(st, FIFO_IN, SMUX_UNREAD_US))
			continue;
		any = true;
		if (outstanding(st) > fifo_spare(&st->in))
			take_back(st);
	}
	return any;
}

/* All streams are visited, so only now and then, or when much has come since. */
void smux_take_windows_back(struct smux *m)
{
	const struct fifo_account *a = m->cfg.account;

	if (m->cfg.version == 1 || (m->unread <= m->cfg.recv_bytes_max && !memory_is_tight(m)))
		return;
	if (m->now_us < m->take_back_us && a->way_bytes[FIFO_IN] < m->take_back_at)
		return;
	m->take_back_us = m->now_us + SMUX_TAKE_BACK_US;
	m->take_back_at = a->way_bytes[FIFO_IN] + fifo_account_room(a, FIFO_IN) / 8;
	m->stalled = take_back_from_unread(m);
}

/* The peer assumes that a new stream has SMUX_PEER_WINDOW_INITIAL.  If there is less, it should
 * hear so before it sends anything, which it does where it is the one that accepts.  If there is more it is
 * told at once, too: what it assumes would be filled before the first read is heard of, and a
 * download would stand still for a round trip. */
void smux_grant_first(struct smux_stream *st)
{
	const struct smux *m = st->m;

	if (m->cfg.version == 1)
		return;
	if (m->stalled && (memory_is_tight(m) || m->unread > 2 * m->cfg.recv_bytes_max))
		take_back(st);
	st->upd_pending |= m->cfg.streambuf > SMUX_PEER_WINDOW_INITIAL;
	smux_schedule(st);
}
