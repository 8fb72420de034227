/* world_app.c - the applications at both ends of each stream: they send known bytes, and check
 * those that come. */
#include <assert.h>
#include <stdlib.h>

#include "err.h"
#include "world_impl.h"

enum { APP_WRITES_PER_TURN = 8 };

static const struct flow_plan *plan_of(const struct world *w, unsigned f)
{
	return &w->p->flows[f];
}

/* Byte `i` of what flow `f` sends in direction `d`: cheap, and without a period
 * that a lost or doubled piece could hide behind.  Every other 4 KiB is text-like. */
static uint8_t content(const struct world *w, unsigned f, unsigned d, uint32_t i)
{
	uint64_t x;

	if (plan_of(w, f)->echo)
		d = 0;
	x = w->seed + f * 0x9e3779b97f4a7c15u + d * 0xbf58476d1ce4e5b9u + i / 8;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 32;
	x >>= 8 * (i % 8);
	return (i >> 12) & 1 ? (uint8_t)('a' + (x & 3)) : (uint8_t)x;
}

/* ---- opening ------------------------------------------------------------------------ */

static struct end *begin(struct leg *l, unsigned f, struct smux_stream *st)
{
	struct end *e = calloc(1, sizeof(*e));

	assert(e != NULL);
	*e = (struct end){ .stream = st, .leg = l, .flow = f, .side = l->side, .writable = true };
	e->progress_us = l->world->now_us;
	e->next = l->ends;
	l->ends = e;
	smux_set_user(st, e);
	return e;
}

void world_open_flows(struct world *w)
{
	for (unsigned f = 0; f < w->p->flow_count; f++) {
		const struct flow_plan *plan = plan_of(w, f);
		struct leg *l = w->client.legs[plan->session];
		struct flow *flow = &w->flows[f];
		struct smux_stream *st;

		if (flow->opened || w->now_us < w->start_us + plan->open_at_us)
			continue;
		if (session_open(l->session, &st) != KT_OK) {
			world_fail(w, "flow %u: cannot open a stream", f);
			return;
		}
		flow->opened = true;
		flow->conv = l->conv;
		flow->sid = smux_sid(st);
		begin(l, f, st);
	}
}

/* Which flow a stream is of that the server sees for the first time; flow_count: none. */
static unsigned flow_of(const struct leg *l, struct smux_stream *st)
{
	const struct world *w = l->world;
	unsigned f = 0;

	while (f < w->p->flow_count && !(w->flows[f].opened && w->flows[f].conv == l->conv &&
					 w->flows[f].sid == smux_sid(st)))
		f++;
	return f;
}

/* ---- ends ----------------------------------------------------------------------------- */

static struct flow *flow_of_end(const struct end *e)
{
	return &e->leg->world->flows[e->flow];
}

static unsigned ends_of(const struct flow *flow)
{
	return flow->lost ? 0u : 2u - flow->through[0] - flow->through[1];
}

static void lose(struct world *w, struct flow *flow)
{
	w->ends_left -= ends_of(flow);
	flow->lost = true;
	w->r->lost++;
}

static void leave(struct end *e, bool is_through, bool keep)
{
	struct world *w = e->leg->world;
	struct flow *flow = flow_of_end(e);

	w->ends_left -= ends_of(flow);
	flow->through[e->side] |= is_through;
	w->ends_left += ends_of(flow);
	smux_release(e->stream, !keep);
	e->stream = NULL;
}

/* The stream was cut short; both ends hear of it, the flow counts once.  What a session does that no client talks
 * to is nobody's loss. */
static void be_cut(struct end *e)
{
	struct world *w = e->leg->world;
	struct flow *flow = flow_of_end(e);
	bool counts = world_leg_peer(e->leg) != NULL || flow->through[!e->side];

	if (counts && !flow->cut) {
		flow->cut = true;
		if (++w->r->resets > w->p->resets_max)
			world_fail(w, "end %u: stream %u was cut", e->side, flow->sid);
	}
	smux_reset(e->stream);
	leave(e, counts, false);
}

void world_apps_gone(struct leg *l)
{
	struct end *next;

	for (struct end *e = l->ends; e != NULL; e = next) {
		next = e->next;
		free(e);
	}
	l->ends = NULL;
}

void world_lose_flows(struct world *w, uint32_t conv)
{
	for (unsigned f = 0; f < w->p->flow_count; f++) {
		struct flow *flow = &w->flows[f];

		if (!flow->opened || flow->conv != conv || ends_of(flow) == 0)
			continue;
		lose(w, flow);
	}
}

void world_lose_flows_half_through(struct world *w)
{
	for (unsigned f = 0; f < w->p->flow_count; f++)
		if (w->flows[f].through[0] && ends_of(&w->flows[f]) > 0)
			lose(w, &w->flows[f]);
}

void world_hear(struct leg *l)
{
	struct smux_event ev;

	while (session_next(l->session, &ev)) {
		struct end *e = smux_user(ev.stream);

		if (e == NULL) {
			unsigned f = flow_of(l, ev.stream);

			if (f == l->world->p->flow_count) {
				world_fail(l->world, "stream %u was never opened",
					   smux_sid(ev.stream));
				return;
			}
			e = begin(l, f, ev.stream);
		}
		if (ev.what & SMUX_WRITABLE)
			e->writable = true;
		if (ev.what & SMUX_RESET)
			be_cut(e);
	}
}

/* ---- writing -------------------------------------------------------------------------- */

/* How much this end has sent when it is through, as far as it knows by now. */
static uint32_t total(const struct end *e)
{
	const struct flow_plan *plan = plan_of(e->leg->world, e->flow);

	return plan->echo && e->side == 1 ? e->received : plan->bytes[e->side];
}

static bool may_shut(const struct end *e)
{
	const struct flow_plan *plan = plan_of(e->leg->world, e->flow);
	bool waits = plan->wait_for_eof[e->side] || (plan->echo && e->side == 1);

	return e->sent == total(e) && (!waits || e->eof);
}

/* Up to n bytes of what this end sends next; returns how many there was room for. */
static size_t write_some(struct end *e, size_t n)
{
	struct span room = smux_reserve(e->stream);

	if (n > room.n)
		n = room.n;
	if (room.n == 0) {
		e->writable = false;
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		room.p[i] = content(e->leg->world, e->flow, e->side, e->sent + (uint32_t)i);
	smux_commit(e->stream, n);
	e->sent += (uint32_t)n;
	return n;
}

static void app_write(struct end *e)
{
	uint32_t all = total(e);

	for (int turn = 0; turn < APP_WRITES_PER_TURN && e->sent < all && e->writable; turn++)
		write_some(e, all - e->sent);
	if (!e->shut && may_shut(e)) {
		e->shut = true;
		smux_shutdown(e->stream);
	}
}

/* ---- reading -------------------------------------------------------------------------- */

static void check_bytes(const struct end *e, struct span got)
{
	struct world *w = e->leg->world;

	for (size_t i = 0; i < got.n; i++) {
		uint32_t at = e->received + (uint32_t)i;

		if (got.p[i] != content(w, e->flow, !e->side, at)) {
			world_fail(w, "flow %u at end %u: byte %u is wrong", e->flow, e->side, at);
			return;
		}
	}
}

static void note_stall(struct end *e)
{
	struct world *w = e->leg->world;
	uint64_t stall = w->now_us - e->progress_us;

	if (stall > w->r->longest_stall_us)
		w->r->longest_stall_us = stall;
	e->progress_us = w->now_us;
}

static void take(struct end *e, struct span piece)
{
	check_bytes(e, piece);
	smux_consume(e->stream, piece.n);
	e->received += (uint32_t)piece.n;
	note_stall(e);
}

/* A program that echoes takes no more than it could send back. */
static void echo(struct end *e)
{
	struct span piece;

	while (e->writable && smux_peek(e->stream, &piece, 1) == 1) {
		piece.n = write_some(e, piece.n);
		if (piece.n > 0)
			take(e, piece);
	}
}

static void read_some(struct end *e)
{
	const struct flow_plan *plan = plan_of(e->leg->world, e->flow);
	uint32_t left = plan->read_pause_us[e->side] > 0 ? plan->read_chunk[e->side] : UINT32_MAX;
	struct span piece;

	while (left > 0 && smux_peek(e->stream, &piece, 1) == 1) {
		if (piece.n > left)
			piece.n = left;
		take(e, piece);
		left -= (uint32_t)piece.n;
	}
}

static void app_read(struct end *e)
{
	struct world *w = e->leg->world;
	const struct flow_plan *plan = plan_of(w, e->flow);
	uint32_t before = e->received;

	if (w->now_us < e->read_at_us || w->now_us < w->start_us + plan->read_from_us[e->side] ||
	    e->eof)
		return;
	if (plan->echo && e->side == 1)
		echo(e);
	else
		read_some(e);
	/* A turn seldom has a whole chunk, so a slow reader rests after whatever it got. */
	if (e->received > before && plan->read_pause_us[e->side] > 0)
		e->read_at_us = w->now_us + plan->read_pause_us[e->side];
	if (!smux_eof(e->stream))
		return;
	e->eof = true;
	if (e->received != plan->bytes[!e->side])
		world_fail(w, "flow %u at end %u: ends after %u of %u bytes", e->flow, e->side,
			   e->received, plan->bytes[!e->side]);
}

/* ---- turns ------------------------------------------------------------------------------ */

static void app_turn(struct end *e)
{
	struct world *w = e->leg->world;
	uint64_t by_us = plan_of(w, e->flow)->through_by_us;

	app_read(e);
	app_write(e);
	if (by_us > 0 && w->now_us > w->start_us + by_us)
		world_fail(w, "flow %u at end %u: after %.1f s it has sent %u bytes and received %u",
			   e->flow, e->side, (double)by_us * 1e-6, e->sent, e->received);
	if (e->shut && e->eof)
		leave(e, true, true);
}

void world_apps_turn(struct leg *l)
{
	struct end **at = &l->ends;

	while (*at != NULL) {
		struct end *e = *at;

		if (e->stream != NULL)
			app_turn(e);
		if (e->stream != NULL) {
			at = &e->next;
			continue;
		}
		*at = e->next;
		free(e);
	}
}

/* When the applications of a session want to read next. */
static uint64_t reads_at(const struct leg *l)
{
	const struct world *w = l->world;
	uint64_t at = KT_NEVER;

	for (const struct end *e = l->ends; e != NULL; e = e->next) {
		uint64_t from_us = w->start_us + plan_of(w, e->flow)->read_from_us[e->side];

		if (e->read_at_us > w->now_us)
			at = min_u64(at, e->read_at_us);
		if (from_us > w->now_us)
			at = min_u64(at, from_us);
	}
	return at;
}

uint64_t world_apps_deadline(const struct world *w)
{
	uint64_t at = KT_NEVER;

	for (unsigned f = 0; f < w->p->flow_count; f++)
		if (!w->flows[f].opened)
			at = min_u64(at, w->start_us + plan_of(w, f)->open_at_us);
	for (unsigned i = 0; i < w->p->session_count; i++)
		at = min_u64(at, reads_at(w->client.legs[i]));
	for (unsigned i = 0; i < w->server.leg_count; i++)
		at = min_u64(at, reads_at(w->server.legs[i]));
	return at;
}
