/* world_app.c - the applications at both ends of each stream: they send known bytes, and check
 * those that come. */
#include "world_impl.h"

#include "err.h"

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

static void begin(struct world *w, struct end *e, struct smux_stream *st)
{
	e->stream = st;
	e->writable = true;
	e->progress_us = w->now_us;
	smux_set_user(st, e);
}

void world_open_flows(struct world *w)
{
	for (unsigned f = 0; f < w->p->flow_count; f++) {
		const struct flow_plan *plan = plan_of(w, f);
		struct flow *flow = &w->flows[f];
		struct smux_stream *st;

		if (flow->opened || w->now_us < w->start_us + plan->open_at_us)
			continue;
		if (session_open(w->leg[plan->session][0].session, &st) != KT_OK) {
			world_fail(w, "flow %u: cannot open a stream", f);
			return;
		}
		flow->opened = true;
		flow->sid = smux_sid(st);
		begin(w, &flow->end[0], st);
	}
}

/* Which flow a stream is that the server sees for the first time. */
static struct flow *flow_of(const struct world *w, unsigned s, struct smux_stream *st)
{
	for (unsigned f = 0; f < w->p->flow_count; f++) {
		struct flow *flow = &w->flows[f];

		if (plan_of(w, f)->session == s && flow->opened && flow->end[1].stream == NULL &&
		    !flow->end[1].released && flow->sid == smux_sid(st))
			return flow;
	}
	return NULL;
}

/* ---- ends ----------------------------------------------------------------------------- */

static void leave(struct world *w, struct end *e)
{
	e->stream = NULL;
	e->released = true;
	w->done++;
}

static struct flow *flow_of_end(const struct world *w, const struct end *e)
{
	return &w->flows[(size_t)((const char *)e - (const char *)w->flows) / sizeof(*w->flows)];
}

/* The stream was cut short; both ends hear of it, the flow counts once. */
static void be_cut(struct world *w, struct end *e, unsigned side)
{
	struct flow *flow = flow_of_end(w, e);

	if (!flow->cut && ++w->r->resets > w->p->resets_max)
		world_fail(w, "end %u: stream %u was cut", side, flow->sid);
	flow->cut = true;
	smux_reset(e->stream);
	smux_release(e->stream, true);
	leave(w, e);
}

void world_hear(struct world *w, unsigned s, unsigned side)
{
	struct smux_event ev;

	while (session_next(w->leg[s][side].session, &ev)) {
		struct end *e = smux_user(ev.stream);

		if (e == NULL) {
			struct flow *flow = flow_of(w, s, ev.stream);

			if (flow == NULL) {
				world_fail(w, "stream %u was never opened", smux_sid(ev.stream));
				return;
			}
			e = &flow->end[side];
			begin(w, e, ev.stream);
		}
		if (ev.what & SMUX_WRITABLE)
			e->writable = true;
		if (ev.what & SMUX_RESET)
			be_cut(w, e, side);
	}
}

/* ---- writing -------------------------------------------------------------------------- */

/* How much this end has sent when it is through, as far as it knows by now. */
static uint32_t total(const struct world *w, unsigned f, unsigned side)
{
	if (plan_of(w, f)->echo && side == 1)
		return w->flows[f].end[1].received;
	return plan_of(w, f)->bytes[side];
}

static bool may_shut(const struct world *w, unsigned f, unsigned side)
{
	const struct end *e = &w->flows[f].end[side];
	const struct flow_plan *plan = plan_of(w, f);
	bool waits = plan->wait_for_eof[side] || (plan->echo && side == 1);

	return e->sent == total(w, f, side) && (!waits || e->eof);
}

/* Up to n bytes of what this end sends next; returns how many there was room for. */
static size_t write_some(struct world *w, unsigned f, unsigned side, size_t n)
{
	struct end *e = &w->flows[f].end[side];
	struct span room = smux_reserve(e->stream);

	if (n > room.n)
		n = room.n;
	if (room.n == 0) {
		e->writable = false;
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		room.p[i] = content(w, f, side, e->sent + (uint32_t)i);
	smux_commit(e->stream, n);
	e->sent += (uint32_t)n;
	return n;
}

static void app_write(struct world *w, unsigned f, unsigned side)
{
	struct end *e = &w->flows[f].end[side];
	uint32_t all = total(w, f, side);

	for (int turn = 0; turn < APP_WRITES_PER_TURN && e->sent < all && e->writable; turn++)
		write_some(w, f, side, all - e->sent);
	if (!e->shut && may_shut(w, f, side)) {
		e->shut = true;
		smux_shutdown(e->stream);
	}
}

/* ---- reading -------------------------------------------------------------------------- */

static void check_bytes(struct world *w, unsigned f, unsigned side, struct span got)
{
	struct end *e = &w->flows[f].end[side];

	for (size_t i = 0; i < got.n; i++) {
		uint32_t at = e->received + (uint32_t)i;

		if (got.p[i] != content(w, f, !side, at)) {
			world_fail(w, "flow %u at end %u: byte %u is wrong", f, side, at);
			return;
		}
	}
}

static void note_stall(struct world *w, struct end *e)
{
	uint64_t stall = w->now_us - e->progress_us;

	if (stall > w->r->longest_stall_us)
		w->r->longest_stall_us = stall;
	e->progress_us = w->now_us;
}

static void take(struct world *w, unsigned f, unsigned side, struct span piece)
{
	struct end *e = &w->flows[f].end[side];

	check_bytes(w, f, side, piece);
	smux_consume(e->stream, piece.n);
	e->received += (uint32_t)piece.n;
	note_stall(w, e);
}

/* A program that echoes takes no more than it could send back. */
static void echo(struct world *w, unsigned f)
{
	struct end *e = &w->flows[f].end[1];
	struct span piece;

	while (e->writable && smux_peek(e->stream, &piece, 1) == 1) {
		piece.n = write_some(w, f, 1, piece.n);
		if (piece.n > 0)
			take(w, f, 1, piece);
	}
}

static void read_some(struct world *w, unsigned f, unsigned side)
{
	const struct flow_plan *plan = plan_of(w, f);
	uint32_t left = plan->read_pause_us[side] > 0 ? plan->read_chunk[side] : UINT32_MAX;
	struct end *e = &w->flows[f].end[side];
	struct span piece;

	while (left > 0 && smux_peek(e->stream, &piece, 1) == 1) {
		if (piece.n > left)
			piece.n = left;
		take(w, f, side, piece);
		left -= (uint32_t)piece.n;
	}
}

static void app_read(struct world *w, unsigned f, unsigned side)
{
	struct end *e = &w->flows[f].end[side];
	const struct flow_plan *plan = plan_of(w, f);
	uint32_t before = e->received;

	if (w->now_us < e->read_at_us || w->now_us < w->start_us + plan->read_from_us[side] || e->eof)
		return;
	if (plan->echo && side == 1)
		echo(w, f);
	else
		read_some(w, f, side);
	/* A turn seldom has a whole chunk, so a slow reader rests after whatever it got. */
	if (e->received > before && plan->read_pause_us[side] > 0)
		e->read_at_us = w->now_us + plan->read_pause_us[side];
	if (!smux_eof(e->stream))
		return;
	e->eof = true;
	if (e->received != total(w, f, !side))
		world_fail(w, "flow %u at end %u: ends after %u of %u bytes", f, side, e->received,
			   total(w, f, !side));
}

/* ---- turns ------------------------------------------------------------------------------ */

static void app_turn(struct world *w, unsigned f, unsigned side)
{
	struct end *e = &w->flows[f].end[side];
	uint64_t by_us = plan_of(w, f)->through_by_us;

	if (e->stream == NULL)
		return;
	app_read(w, f, side);
	app_write(w, f, side);
	if (by_us > 0 && w->now_us > w->start_us + by_us)
		world_fail(w, "flow %u at end %u: after %.1f s it has sent %u bytes and received %u",
			   f, side, (double)by_us * 1e-6, e->sent, e->received);
	if (e->shut && e->eof) {
		smux_release(e->stream, false);
		leave(w, e);
	}
}

void world_apps_turn(struct world *w, unsigned s, unsigned side)
{
	for (unsigned f = 0; f < w->p->flow_count; f++)
		if (plan_of(w, f)->session == s)
			app_turn(w, f, side);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t world_apps_deadline(const struct world *w)
{
	uint64_t at = KT_NEVER;

	for (unsigned f = 0; f < w->p->flow_count; f++) {
		const struct flow_plan *plan = plan_of(w, f);

		if (!w->flows[f].opened)
			at = min_u64(at, w->start_us + plan->open_at_us);
		for (unsigned side = 0; side < 2; side++) {
			const struct end *e = &w->flows[f].end[side];

			if (e->stream == NULL)
				continue;
			if (e->read_at_us > w->now_us)
				at = min_u64(at, e->read_at_us);
			if (w->start_us + plan->read_from_us[side] > w->now_us)
				at = min_u64(at, w->start_us + plan->read_from_us[side]);
		}
	}
	return at;
}
