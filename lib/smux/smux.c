/* smux.c - many streams in one reliable byte stream: the session as a whole, its clock and events.
 *
 * smux_impl.h says what else there is. */
#include "smux.h"

#include <assert.h>
#include <stdlib.h>

#include "err.h"
#include "smux_impl.h"

/* ---- life ------------------------------------------------------------------ */

struct smux *smux_new(const struct smux_config *cfg, uint64_t now_us)
{
	struct smux *m;

	assert(cfg->version == 1 || cfg->version == 2);
	assert(cfg->framesize >= 1 && cfg->framesize <= SMUX_FRAME_MAX);
	assert(cfg->version == 1 || cfg->streambuf > 0);
	assert(cfg->recv_bytes_max > 0 && cfg->send_bytes_max > 0);
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return NULL;
	m->cfg = *cfg;
	if (m->cfg.recv_bytes_max > SMUX_BUDGET_MAX)
		m->cfg.recv_bytes_max = SMUX_BUDGET_MAX;
	if (m->cfg.streambuf > INT32_MAX) /* the Go peer reads the window as a signed number */
		m->cfg.streambuf = INT32_MAX;
	link_init(&m->all);
	link_init(&m->control);
	link_init(&m->data);
	link_init(&m->ready);
	link_init(&m->starved);
	link_init(&m->linger);
	smux_notes_init(&m->notes);
	m->starved_us[FIFO_IN] = m->starved_us[FIFO_OUT] = KT_NEVER;
	fifo_account_attach(m->cfg.account, &smux_fifo_owner, m);
	m->next_sid = 3;
	m->now_us = m->heard_us = m->spoke_us = now_us;
	return m;
}

void smux_free(struct smux *m)
{
	if (m == NULL)
		return;
	fifo_account_attach(m->cfg.account, NULL, NULL);
	while (linked(&m->all))
		smux_stream_free(container_of(m->all.next, struct smux_stream, all));
	free(m->refusals.many);
	free(m);
}

/* ---- clock ------------------------------------------------------------------ */

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* 0 means never, as an interval. */
static uint64_t later(uint64_t from_us, uint64_t interval_us)
{
	return interval_us == 0 || interval_us > KT_NEVER - from_us ? KT_NEVER
								    : from_us + interval_us;
}

/* While our own budget keeps us from reading, silence says nothing about the peer.
 * Once it no longer does, a tick is due at once, which starts the clock anew. */
static uint64_t timeout_at(const struct smux *m)
{
	if (m->input_blocked)
		return smux_input_blocked(m) ? KT_NEVER : m->now_us;
	return later(m->heard_us, m->cfg.timeout_us);
}

uint64_t smux_deadline(const struct smux *m)
{
	uint64_t at;

	if (m->closed != SMUX_ALIVE)
		return KT_NEVER;
	at = min_u64(timeout_at(m), smux_linger_deadline(m));
	if (!m->nop_pending)
		at = min_u64(at, later(m->spoke_us, m->cfg.keepalive_us));
	return min_u64(at, smux_look_deadline(m));
}

void smux_tick(struct smux *m, uint64_t now_us)
{
	if (m->closed != SMUX_ALIVE)
		return;
	smux_settle(m);
	m->now_us = now_us;
	smux_look_for_room(m);
	smux_linger_expire(m);
	if (m->input_blocked && !smux_input_blocked(m)) {
		m->input_blocked = false;
		m->heard_us = now_us;
	}
	if (!m->input_blocked && now_us >= timeout_at(m))
		smux_close(m, SMUX_CLOSED_TIMEOUT);
	else if (now_us >= later(m->spoke_us, m->cfg.keepalive_us))
		m->nop_pending = true;
}

void smux_set_timeout(struct smux *m, uint64_t timeout_us)
{
	m->cfg.timeout_us = timeout_us;
}

void smux_ping(struct smux *m)
{
	if (m->closed == SMUX_ALIVE)
		m->nop_pending = true;
}

/* ---- events and questions ---------------------------------------------------- */

bool smux_next(struct smux *m, struct smux_event *ev)
{
	struct smux_stream *st;

	if (!linked(&m->ready))
		return false;
	st = container_of(m->ready.next, struct smux_stream, ready);
	link_remove(&st->ready);
	*ev = (struct smux_event){ st, st->events };
	st->events = 0;
	return true;
}

enum smux_close smux_closed(const struct smux *m)
{
	return m->closed;
}

unsigned smux_stream_count(const struct smux *m)
{
	return m->count;
}

size_t smux_unread_bytes(const struct smux *m)
{
	return m->unread;
}

const struct smux_stats *smux_stats(const struct smux *m)
{
	return &m->stats;
}
