/* world.c - two sessions joined by a simulated network. */
#include "world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "seal.h"

enum {
	APP_WRITES_PER_TURN = 8,
	LOOP_US = 50,                 /* one iteration of a real loop */
	SPINS_MAX = 100000 / LOOP_US, /* turns in a row that are due at once */
};

/* The far more expensive parts of the tunnel's keys are made once for all runs. */
static struct qpp *shared_qpp;

/* One end of a stream. */
struct end {
	struct smux_stream *stream;
	uint32_t sent, received;
	bool shut, eof, released, writable;
	uint64_t read_at_us;  /* next read allowed */
	uint64_t progress_us; /* last byte in */
};

struct node {
	struct session *session;
	struct seal *seal;
	struct packet_pool packets;
	struct batch out;
	struct fifo_pool fifos;
	struct session_scratch scratch;
	uint64_t in_pkts, out_pkts;
};

struct world {
	const struct world_params *p;
	struct world_result *r;
	uint64_t start_us, now_us, seed; /* plans count from start_us */
	struct node node[2];
	struct net *net[2]; /* [0]: from the client */
	struct end end[WORLD_FLOWS_MAX][2];
	bool opened[WORLD_FLOWS_MAX];
	uint32_t sid[WORLD_FLOWS_MAX];
	unsigned done;
	unsigned spins[2]; /* turns in a row after which a session was due at once */
};

__attribute__((format(printf, 2, 3))) static void fail(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->r->good)
		return;
	w->r->good = false;
	va_start(ap, fmt);
	vsnprintf(w->r->why, sizeof(w->r->why), fmt, ap);
	va_end(ap);
}

/* Byte `i` of what flow `f` sends in direction `d`: cheap, and without a period
 * that a lost or doubled piece could hide behind.  Every other 4 KiB is text-like. */
static uint8_t content(const struct world *w, unsigned f, unsigned d, uint32_t i)
{
	uint64_t x = w->seed + f * 0x9e3779b97f4a7c15u + d * 0xbf58476d1ce4e5b9u + i / 8;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 32;
	x >>= 8 * (i % 8);
	return (i >> 12) & 1 ? (uint8_t)('a' + (x & 3)) : (uint8_t)x;
}

/* ---- making -------------------------------------------------------------------------- */

static void make_node(struct world *w, unsigned side)
{
	struct node *n = &w->node[side];
	const struct seal_method *m = seal_method_find(w->p->crypt);
	struct session_config cfg = w->p->cfg[side];
	uint8_t pass[SEAL_KEY_SIZE], seed[SEAL_SEED_SIZE];
	struct rng rng = { w->seed };

	assert(m != NULL);
	rng_bytes(&rng, pass, sizeof(pass));
	rng.s += side + 1;
	rng_bytes(&rng, seed, sizeof(seed));
	n->seal = seal_new(m, pass, seed, NULL);
	assert(n->seal != NULL);
	packet_pool_init(&n->packets);
	batch_init(&n->out, &n->packets);
	fifo_pool_init(&n->fifos, SIZE_MAX);
	session_scratch_init(&n->scratch);
	cfg.seal_overhead = m->head + m->tail;
	cfg.packet_bytes_max -= cfg.seal_overhead;
	cfg.pool = &n->fifos;
	cfg.scratch = &n->scratch;
	cfg.qpp = w->p->qpp ? shared_qpp : NULL;
	n->session = session_new(&cfg, w->now_us);
	assert(n->session != NULL);
}

static void drop_node(struct world *w, unsigned side)
{
	struct node *n = &w->node[side];

	session_free(n->session);
	session_scratch_dispose(&n->scratch);
	batch_clear(&n->out);
	if (n->packets.used_count != 0)
		fail(w, "end %u keeps %zu packets", side, n->packets.used_count);
	if (n->fifos.used_count != 0)
		fail(w, "end %u keeps %zu chunks", side, n->fifos.used_count);
	packet_pool_dispose(&n->packets);
	fifo_pool_dispose(&n->fifos);
	seal_free(n->seal);
}

/* ---- applications ---------------------------------------------------------------------- */

static bool may_shut(const struct world *w, unsigned f, unsigned side)
{
	const struct end *e = &w->end[f][side];

	return e->sent == w->p->flows[f].bytes[side] &&
	       (!w->p->flows[f].wait_for_eof[side] || e->eof);
}

static void app_write(struct world *w, unsigned f, unsigned side)
{
	struct end *e = &w->end[f][side];
	uint32_t total = w->p->flows[f].bytes[side];

	for (int turn = 0; turn < APP_WRITES_PER_TURN && e->sent < total && e->writable; turn++) {
		struct span room = smux_reserve(e->stream);
		size_t n = total - e->sent < room.n ? total - e->sent : room.n;

		if (room.n == 0) {
			e->writable = false;
			break;
		}
		for (size_t i = 0; i < n; i++)
			room.p[i] = content(w, f, side, e->sent + (uint32_t)i);
		smux_commit(e->stream, n);
		e->sent += (uint32_t)n;
	}
	if (!e->shut && may_shut(w, f, side)) {
		e->shut = true;
		smux_shutdown(e->stream);
	}
}

static void check_bytes(struct world *w, unsigned f, unsigned side, struct span got)
{
	struct end *e = &w->end[f][side];

	for (size_t i = 0; i < got.n; i++) {
		uint32_t at = e->received + (uint32_t)i;

		if (got.p[i] != content(w, f, !side, at)) {
			fail(w, "flow %u at end %u: byte %u is wrong", f, side, at);
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

static void app_read(struct world *w, unsigned f, unsigned side)
{
	struct end *e = &w->end[f][side];
	const struct flow_plan *plan = &w->p->flows[f];
	uint32_t left = plan->read_pause_us[side] > 0 ? plan->read_chunk[side] : UINT32_MAX;
	uint32_t before = e->received;
	struct span piece;

	if (w->now_us < e->read_at_us || e->eof)
		return;
	while (left > 0 && smux_peek(e->stream, &piece, 1) == 1) {
		if (piece.n > left)
			piece.n = left;
		check_bytes(w, f, side, piece);
		smux_consume(e->stream, piece.n);
		e->received += (uint32_t)piece.n;
		left -= (uint32_t)piece.n;
		note_stall(w, e);
	}
	/* A turn seldom has a whole chunk, so a slow reader rests after whatever it got. */
	if (e->received > before && plan->read_pause_us[side] > 0)
		e->read_at_us = w->now_us + plan->read_pause_us[side];
	if (!smux_eof(e->stream))
		return;
	e->eof = true;
	if (e->received != plan->bytes[!side])
		fail(w, "flow %u at end %u: ends after %u of %u bytes", f, side, e->received,
		     plan->bytes[!side]);
}

static void app_turn(struct world *w, unsigned f, unsigned side)
{
	struct end *e = &w->end[f][side];

	if (e->stream == NULL || e->released)
		return;
	app_read(w, f, side);
	app_write(w, f, side);
	if (e->shut && e->eof) {
		smux_release(e->stream, false);
		e->released = true;
		w->done++;
	}
}

static void open_flows(struct world *w)
{
	for (unsigned f = 0; f < w->p->flow_count; f++) {
		struct end *e = &w->end[f][0];

		if (w->opened[f] || w->now_us < w->start_us + w->p->flows[f].open_at_us)
			continue;
		if (session_open(w->node[0].session, &e->stream) != KT_OK) {
			fail(w, "flow %u: cannot open a stream", f);
			return;
		}
		w->opened[f] = true;
		w->sid[f] = smux_sid(e->stream);
		e->writable = true;
		e->progress_us = w->now_us;
		smux_set_user(e->stream, e);
	}
}

/* Which flow a stream is that the server sees for the first time. */
static unsigned flow_of(const struct world *w, struct smux_stream *st)
{
	for (unsigned f = 0; f < w->p->flow_count; f++)
		if (w->opened[f] && w->end[f][1].stream == NULL && w->sid[f] == smux_sid(st))
			return f;
	return WORLD_FLOWS_MAX;
}

static void handle_events(struct world *w, unsigned side)
{
	struct smux_event ev;

	while (session_next(w->node[side].session, &ev)) {
		struct end *e = smux_user(ev.stream);

		if (ev.what & SMUX_RESET)
			fail(w, "end %u: stream %u was cut", side, smux_sid(ev.stream));
		if (e == NULL) {
			unsigned f = flow_of(w, ev.stream);

			if (f == WORLD_FLOWS_MAX) {
				fail(w, "stream %u was never opened", smux_sid(ev.stream));
				return;
			}
			e = &w->end[f][side];
			e->stream = ev.stream;
			e->writable = true;
			e->progress_us = w->now_us;
			smux_set_user(ev.stream, e);
		}
		if (ev.what & SMUX_WRITABLE)
			e->writable = true;
	}
}

/* ---- packets ------------------------------------------------------------------------------ */

static void receive(struct world *w, unsigned side)
{
	struct node *n = &w->node[side];
	uint8_t buf[2048];
	size_t len;

	while ((len = net_receive(w->net[!side], w->now_us, buf)) > 0) {
		struct packet pkt = { .data = buf, .len = len };

		if (seal_open_batch(n->seal, &pkt, 1) == 1) {
			n->in_pkts++;
			session_input(n->session, w->now_us, (struct view){ pkt.data, pkt.len });
		}
	}
}

static void transmit(struct world *w, unsigned side)
{
	struct node *n = &w->node[side];
	bool more;

	do {
		more = session_flush(n->session, w->now_us, &n->out, NULL);
		seal_batch(n->seal, n->out.v, n->out.count);
		n->out_pkts += n->out.count;
		for (size_t i = 0; i < n->out.count; i++) {
			struct packet *pkt = &n->out.v[i];

			if (pkt->len > w->p->cfg[side].packet_bytes_max)
				fail(w, "end %u: a datagram of %zu bytes, mtu is %zu", side,
				     pkt->len, w->p->cfg[side].packet_bytes_max);
			net_send(w->net[side], w->now_us, pkt->data, pkt->len);
		}
		batch_clear(&n->out);
	} while (more);
}

/* ---- checks --------------------------------------------------------------------------------- */

static void check_limits(struct world *w, unsigned side)
{
	const struct session_config *cfg = &w->p->cfg[side];
	struct session_info info;
	size_t held;

	session_get_info(w->node[side].session, &info);
	held = info.kcp.rcv_queue_segs + info.kcp.rcv_ring_segs;
	if (held > w->r->peak_rcv_segs)
		w->r->peak_rcv_segs = held;
	if (held > 2 * (size_t)cfg->rcv_wnd)
		fail(w, "end %u holds %zu segments, window %u", side, held, cfg->rcv_wnd);
	if (info.kcp.inflight_segs > cfg->snd_wnd)
		fail(w, "end %u has %u segments in flight, window %u", side, info.kcp.inflight_segs,
		     cfg->snd_wnd);
	if (info.unread_bytes > 4 * cfg->smuxbuf + SMUX_FRAME_MAX)
		fail(w, "end %u holds %zu unread bytes", side, info.unread_bytes);
	session_verify(w->node[side].session);
}

static void check_counters(struct world *w, unsigned side)
{
	struct counters *c = &w->r->counters[side];

	session_counters(w->node[side].session, c);
#define X(field, name, kind, help) \
	if (c->field > INT64_MAX) \
		fail(w, "end %u: %s went below zero", side, name);
	KT_COUNTERS(X)
#undef X
	if (c->in_pkts != w->node[side].in_pkts)
		fail(w, "end %u counts %llu datagrams in, %llu came", side,
		     (unsigned long long)c->in_pkts, (unsigned long long)w->node[side].in_pkts);
	if (c->out_pkts != w->node[side].out_pkts)
		fail(w, "end %u counts %llu datagrams out, %llu left", side,
		     (unsigned long long)c->out_pkts, (unsigned long long)w->node[side].out_pkts);
	if (c->retrans_segs != c->fast_retrans_segs + c->early_retrans_segs + c->lost_segs)
		fail(w, "end %u: the causes of resending do not add up", side);
	if (c->retrans_segs > c->out_segs)
		fail(w, "end %u resent more than it sent", side);
}

/* Once everything is closed and quiet, next to nothing may be held. */
static void check_memory(struct world *w, unsigned side)
{
	struct node *n = &w->node[side];
	struct session_info info;

	while (session_trim(n->session))
		;
	session_get_info(n->session, &info);
	if (info.streams != 0)
		fail(w, "end %u still has %u streams", side, info.streams);
	if (n->fifos.used_count != 0)
		fail(w, "end %u still has %zu chunks in use", side, n->fifos.used_count);
	/* zstd has its window, and a wide shard set its copies and tables. */
	if (info.codec_out != CODEC_ZSTD && info.ds_in + info.ps_in <= 16 &&
	    info.ds_out + info.ps_out <= 16 && info.memory_bytes > 64 * 1024)
		fail(w, "end %u: an idle session holds %zu bytes (KCP %zu, FEC %zu, codec %zu)",
		     side, info.memory_bytes, info.kcp_bytes, info.fec_bytes, info.codec_bytes);
}

/* ---- time -------------------------------------------------------------------------------------- */

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t app_deadline(const struct world *w)
{
	uint64_t at = KT_NEVER;

	for (unsigned f = 0; f < w->p->flow_count; f++) {
		if (!w->opened[f])
			at = min_u64(at, w->start_us + w->p->flows[f].open_at_us);
		for (unsigned side = 0; side < 2; side++) {
			const struct end *e = &w->end[f][side];

			if (e->stream != NULL && !e->released && e->read_at_us > w->now_us)
				at = min_u64(at, e->read_at_us);
		}
	}
	return at;
}

/* When something happens next.  A session whose deadline is not in the future
 * although it just had its turn gets the next one as soon as a real loop gives it. */
static uint64_t next_time(const struct world *w)
{
	uint64_t at = app_deadline(w);

	for (unsigned side = 0; side < 2; side++) {
		uint64_t due = session_deadline(w->node[side].session);

		if (due != KT_NEVER)
			at = min_u64(at, due > w->now_us ? due : w->now_us + LOOP_US);
		at = min_u64(at, net_deadline(w->net[side]));
	}
	return at;
}

static void turn(struct world *w, unsigned side)
{
	struct session *s = w->node[side].session;

	if (session_deadline(s) <= w->now_us)
		session_tick(s, w->now_us);
	receive(w, side);
	session_process(s, w->now_us);
	handle_events(w, side);
	for (unsigned f = 0; f < w->p->flow_count; f++)
		app_turn(w, f, side);
	session_process(s, w->now_us); /* what reading made room for */
	handle_events(w, side);
	for (unsigned f = 0; f < w->p->flow_count; f++)
		app_turn(w, f, side);
	transmit(w, side);
	handle_events(w, side);
	w->spins[side] = session_deadline(s) <= w->now_us ? w->spins[side] + 1 : 0;
	if (w->spins[side] > SPINS_MAX)
		fail(w, "end %u: due at once for %u turns in a row", side, w->spins[side]);
	if (session_ended(s) != SESSION_ALIVE)
		fail(w, "end %u: the session ended: %s", side, session_end_text(session_ended(s)));
}

static void step(struct world *w)
{
	open_flows(w);
	turn(w, 0);
	turn(w, 1);
	if (w->r->steps++ % w->p->verify_every == 0) {
		check_limits(w, 0);
		check_limits(w, 1);
	}
}

static bool all_quiet(const struct world *w)
{
	return w->done == 2 * w->p->flow_count && session_drained(w->node[0].session) &&
	       session_drained(w->node[1].session);
}

static void run(struct world *w)
{
	while (w->r->good) {
		uint64_t next;

		step(w);
		if (all_quiet(w))
			break;
		next = next_time(w);
		if (next == KT_NEVER || next - w->start_us > w->p->time_max_us) {
			fail(w, "%u of %u ends were through after %.1f s of virtual time", w->done,
			     2 * w->p->flow_count, (double)w->p->time_max_us * 1e-6);
			break;
		}
		w->now_us = next > w->now_us ? next : w->now_us;
	}
	w->r->time_us = w->now_us - w->start_us;
}

static void judge(struct world *w)
{
	struct world_result *r = w->r;

	for (unsigned side = 0; side < 2; side++) {
		double share;

		check_limits(w, side);
		check_counters(w, side);
		check_memory(w, side);
		share = (double)r->counters[side].retrans_segs /
			((double)r->counters[side].out_segs + 1e-9);
		if (r->counters[side].bytes_sent > 100000 && share > r->resent_share)
			r->resent_share = share;
		r->net[side] = *net_stats(w->net[side]);
	}
	if (r->resent_share > w->p->resent_share_max)
		fail(w, "%.1f %% of the segments were resent, allowed are %.1f %%",
		     100 * r->resent_share, 100 * w->p->resent_share_max);
	if (w->p->stall_us_max > 0 && (double)r->longest_stall_us > w->p->stall_us_max)
		fail(w, "a stream waited %.3f s for a byte", (double)r->longest_stall_us * 1e-6);
}

void world_run(const struct world_params *p, uint64_t seed, struct world_result *result)
{
	struct world *w = calloc(1, sizeof(*w));

	assert(w != NULL);
	memset(result, 0, sizeof(*result));
	result->good = true;
	if (shared_qpp == NULL)
		shared_qpp = qpp_new("the simulator's key", 19, 5, NULL);
	w->p = p;
	w->r = result;
	w->seed = seed;
	/* Start just before the 32-bit millisecond clock wraps, now and then. */
	w->now_us = seed % 4 == 0 ? (uint64_t)UINT32_MAX * 1000 - 50000 : 1000000 * (seed % 1000);
	for (unsigned side = 0; side < 2; side++) {
		make_node(w, side);
		w->net[side] = net_new(&p->net[side], w->now_us, seed + side);
	}
	for (unsigned f = 0; f < p->flow_count; f++)
		result->bytes += p->flows[f].bytes[0] + p->flows[f].bytes[1];
	w->start_us = w->now_us;
	run(w);
	if (result->good)
		judge(w);
	for (unsigned side = 0; side < 2; side++) {
		drop_node(w, side);
		net_free(w->net[side]);
	}
	free(w);
}

void world_cleanup(void)
{
	qpp_free(shared_qpp);
	shared_qpp = NULL;
}
