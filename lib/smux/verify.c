/* verify.c - asserts every invariant of a session, for the tests. */
#include <assert.h>

#include "smux_impl.h"

static size_t list_length(const struct link *list)
{
	size_t n = 0;

	for (const struct link *l = list->next; l != list; l = l->next) {
		assert(l->next->prev == l);
		n++;
	}
	return n;
}

static void verify_lists(const struct smux_stream *st)
{
	const bool alive = st->m->closed == SMUX_ALIVE;
	const bool pending = st->syn_pending || st->upd_pending || st->fin_pending ||
			     smux_reset_due(st);
	const bool sendable = smux_unsent(st) > 0 && smux_window_room(st) > 0;

	assert(linked(&st->control) == (alive && pending));
	assert(linked(&st->data) == (alive && sendable));
	assert(linked(&st->ready) == (st->events != 0));
	assert(!linked(&st->starved) || st->want_write);
	assert(linked(&st->linger) == smux_may_give_up(st));
}

static void verify_directions(const struct smux_stream *st)
{
	assert(!st->want_write || !st->shut);
	assert(!st->fin_pending || st->shut);
	assert(!(st->fin_pending && st->fin_sent));
	assert(!st->fin_pending || smux_unsent(st) == 0);
	assert(!st->fin_sent || smux_unsent(st) == 0);
	assert(!st->reset_pending || st->shut);
	assert(!st->fin_sent || !st->syn_pending);
	assert(!st->shut || smux_unsent(st) > 0 || st->fin_sent || st->fin_pending);
}

static void verify_windows(const struct smux_stream *st)
{
	if (st->m->cfg.version == 1)
		return;
	assert((uint32_t)st->sent - st->peer_consumed <= INT32_MAX);
	assert(st->told <= st->consumed);
	assert(st->told + st->granted <= st->edge);
	assert(st->edge >= SMUX_PEER_WINDOW_INITIAL);
	assert(st->released || st->consumed + st->in.len <= st->edge);
}

/* Nothing that was released or cut may wait for an application that is gone. */
static void verify_ends(const struct smux_stream *st)
{
	if (st->released) {
		assert(st->m->closed == SMUX_ALIVE);
		assert(st->events == 0);
		assert(st->in.len == 0);
		assert(!st->fin_sent || st->reset_pending);
		assert(st->shut);
	}
	if (st->peer_reset) {
		assert(st->peer_fin);
		assert(st->out.len == 0);
		assert(st->shut);
	}
	if (st->cut) {
		assert(st->in.len == 0);
		assert(st->out.len == 0);
		assert(st->shut);
	}
}

static void verify_stream(const struct smux_stream *st)
{
	assert(smux_table_find(st->m, st->sid) == st);
	assert(st->plain <= st->in.len);
	fifo_verify(&st->in);
	fifo_verify(&st->out);
	verify_lists(st);
	verify_directions(st);
	verify_windows(st);
	verify_ends(st);
}

static void verify_input(const struct smux *m)
{
	assert(m->head_len < sizeof(m->head));
	assert(m->payload_left <= SMUX_FRAME_MAX);
	assert(m->payload_left == 0 || m->head_len == 0);
	assert(m->rx == NULL || m->payload_left > 0);
	assert(m->rx == NULL || smux_table_find(m, m->rx->sid) == m->rx);
	assert(m->recent == NULL || smux_table_find(m, m->recent->sid) == m->recent);
}

static void verify_output(const struct smux *m)
{
	assert(m->taken == NULL || m->taken_len <= m->taken->out.len);
	assert(m->refusals.count <= SMUX_REFUSALS_MAX);
	assert(m->refusals.count <= SMUX_REFUSALS_FEW || m->refusals.many != NULL);
	assert(m->spoke_us <= m->now_us);
	assert(m->heard_us <= m->now_us);
}

void smux_verify(const struct smux *m)
{
	size_t unread = 0, control = 0, data = 0, ready = 0, starved = 0, linger = 0;

	for (struct link *l = m->all.next; l != &m->all; l = l->next) {
		const struct smux_stream *st = container_of(l, struct smux_stream, all);

		verify_stream(st);
		unread += st->in.len;
		control += linked(&st->control);
		data += linked(&st->data);
		ready += linked(&st->ready);
		starved += linked(&st->starved);
		linger += linked(&st->linger);
	}
	assert(unread == m->unread);
	assert(list_length(&m->all) == m->count);
	assert(list_length(&m->control) == control);
	assert(list_length(&m->data) == data);
	assert(list_length(&m->ready) == ready);
	assert(list_length(&m->starved) == starved);
	assert(list_length(&m->linger) == linger);
	verify_input(m);
	verify_output(m);
	fifo_pool_verify(m->cfg.account->pool);
}
