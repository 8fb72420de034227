/* world.c - sessions of two ends joined by a simulated network: packets, time, and what is checked. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world_impl.h"

enum {
	LOOP_US = 50,                 /* one iteration of a real loop */
	SPINS_MAX = 100000 / LOOP_US, /* turns in a row that are due at once */
};

/* The far more expensive parts of the tunnel's keys are made once for all runs. */
static struct qpp *shared_qpp;

void world_fail(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->r->good)
		return;
	w->r->good = false;
	va_start(ap, fmt);
	vsnprintf(w->r->why, sizeof(w->r->why), fmt, ap);
	va_end(ap);
}

/* ---- making -------------------------------------------------------------------------- */

static void make_node(struct world *w, unsigned side)
{
	struct node *n = &w->node[side];
	const struct seal_method *m = seal_method_find(w->p->crypt);
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
	fifo_pool_init(&n->fifos, w->p->pool_bytes[side]);
	session_scratch_init(&n->scratch);
}

static void on_memory(void *user)
{
	struct leg *l = user;

	l->woken = true;
}

static void make_leg(struct world *w, unsigned s, unsigned side)
{
	const struct seal_method *m = seal_method_find(w->p->crypt);
	struct session_config cfg = w->p->cfg[side];
	struct node *n = &w->node[side];
	struct leg *l = &w->leg[s][side];

	cfg.conv = 0x11223344 + s;
	cfg.seal_overhead = m->head + m->tail;
	cfg.packet_bytes_max -= cfg.seal_overhead;
	cfg.pool = &n->fifos;
	cfg.scratch = &n->scratch;
	cfg.wake = on_memory;
	cfg.wake_user = l;
	cfg.qpp = w->p->qpp ? shared_qpp : NULL;
	l->session = session_new(&cfg, w->now_us);
	assert(l->session != NULL);
	l->net = net_new(&w->p->net[side], w->now_us, w->seed + side + 2 * s);
}

static void drop_leg(struct leg *l)
{
	session_free(l->session);
	net_free(l->net);
}

static void drop_node(struct world *w, unsigned side)
{
	struct node *n = &w->node[side];

	session_scratch_dispose(&n->scratch);
	batch_clear(&n->out);
	if (n->packets.used_count != 0)
		world_fail(w, "end %u keeps %zu packets", side, n->packets.used_count);
	if (n->fifos.used_count != 0)
		world_fail(w, "end %u keeps %zu chunks", side, n->fifos.used_count);
	packet_pool_dispose(&n->packets);
	fifo_pool_dispose(&n->fifos);
	seal_free(n->seal);
}

/* ---- packets ------------------------------------------------------------------------------ */

static void receive(struct world *w, unsigned s, unsigned side)
{
	struct leg *l = &w->leg[s][side];
	uint8_t buf[2048];
	size_t len;

	while ((len = net_receive(w->leg[s][!side].net, w->now_us, buf)) > 0) {
		struct packet pkt = { .data = buf, .len = len };

		if (seal_open_batch(w->node[side].seal, &pkt, 1) == 1) {
			l->in_pkts++;
			session_input(l->session, w->now_us, (struct view){ pkt.data, pkt.len });
		}
	}
}

static void transmit(struct world *w, unsigned s, unsigned side)
{
	struct node *n = &w->node[side];
	struct leg *l = &w->leg[s][side];
	bool more;

	do {
		more = session_flush(l->session, w->now_us, &n->out, NULL);
		seal_batch(n->seal, n->out.v, n->out.count);
		l->out_pkts += n->out.count;
		for (size_t i = 0; i < n->out.count; i++) {
			struct packet *pkt = &n->out.v[i];

			if (pkt->len > w->p->cfg[side].packet_bytes_max)
				world_fail(w, "end %u: a datagram of %zu bytes, mtu is %zu", side,
					   pkt->len, w->p->cfg[side].packet_bytes_max);
			net_send(l->net, w->now_us, pkt->data, pkt->len);
		}
		batch_clear(&n->out);
	} while (more);
}

/* ---- checks --------------------------------------------------------------------------------- */

static void check_limits(struct world *w, unsigned s, unsigned side)
{
	const struct session_config *cfg = &w->p->cfg[side];
	struct session *session = w->leg[s][side].session;
	struct session_info info;
	size_t held;

	session_get_info(session, &info);
	held = info.kcp.rcv_queue_segs + info.kcp.rcv_ring_segs;
	if (held > w->r->peak_rcv_segs)
		w->r->peak_rcv_segs = held;
	if (held > 2 * (size_t)cfg->rcv_wnd)
		world_fail(w, "end %u holds %zu segments, window %u", side, held, cfg->rcv_wnd);
	if (info.kcp.inflight_segs > cfg->snd_wnd)
		world_fail(w, "end %u has %u segments in flight, window %u", side,
			   info.kcp.inflight_segs, cfg->snd_wnd);
	if (info.unread_bytes > 4 * cfg->smuxbuf + SMUX_FRAME_MAX)
		world_fail(w, "end %u holds %zu unread bytes", side, info.unread_bytes);
	session_verify(session);
}

static void check_pool(struct world *w, unsigned side)
{
	const struct fifo_pool *pool = &w->node[side].fifos;

	fifo_pool_verify(pool);
	if (pool->used_bytes > w->r->peak_pool_bytes[side])
		w->r->peak_pool_bytes[side] = pool->used_bytes;
	if (pool->used_bytes > pool->bytes_max)
		world_fail(w, "end %u holds %zu bytes in a pool of %zu", side, pool->used_bytes,
			   pool->bytes_max);
}

static void check_all_limits(struct world *w)
{
	for (unsigned side = 0; side < 2; side++) {
		check_pool(w, side);
		for (unsigned s = 0; s < w->p->session_count; s++)
			check_limits(w, s, side);
	}
}

static void check_counters(struct world *w, unsigned s, unsigned side, struct counters *c)
{
	const struct leg *l = &w->leg[s][side];

	session_counters(l->session, c);
#define X(field, name, kind, help) \
	if (c->field > INT64_MAX) \
		world_fail(w, "end %u: %s went below zero", side, name);
	KT_COUNTERS(X)
#undef X
	if (c->in_pkts != l->in_pkts)
		world_fail(w, "end %u counts %llu datagrams in, %llu came", side,
			   (unsigned long long)c->in_pkts, (unsigned long long)l->in_pkts);
	if (c->out_pkts != l->out_pkts)
		world_fail(w, "end %u counts %llu datagrams out, %llu left", side,
			   (unsigned long long)c->out_pkts, (unsigned long long)l->out_pkts);
	if (c->retrans_segs != c->fast_retrans_segs + c->early_retrans_segs + c->lost_segs)
		world_fail(w, "end %u: the causes of resending do not add up", side);
	if (c->retrans_segs > c->out_segs)
		world_fail(w, "end %u resent more than it sent", side);
}

/* Once everything is closed and quiet, next to nothing may be held. */
static void check_memory(struct world *w, unsigned s, unsigned side)
{
	struct session *session = w->leg[s][side].session;
	struct session_info info;

	while (session_trim(session))
		;
	session_get_info(session, &info);
	if (info.streams != 0)
		world_fail(w, "end %u still has %u streams", side, info.streams);
	if (w->node[side].fifos.used_count != 0)
		world_fail(w, "end %u still has %zu chunks in use", side,
			   w->node[side].fifos.used_count);
	/* zstd has its window, and a wide shard set its copies and tables. */
	if (info.codec_out != CODEC_ZSTD && info.ds_in + info.ps_in <= 16 &&
	    info.ds_out + info.ps_out <= 16 && info.memory_bytes > 64 * 1024)
		world_fail(w, "end %u: an idle session holds %zu bytes (KCP %zu, FEC %zu, codec %zu)",
			   side, info.memory_bytes, info.kcp_bytes, info.fec_bytes, info.codec_bytes);
}

static void judge_leg(struct world *w, unsigned s, unsigned side)
{
	struct world_result *r = w->r;
	struct counters c;
	double share;

	check_limits(w, s, side);
	check_counters(w, s, side, &c);
	check_memory(w, s, side);
	share = (double)c.retrans_segs / ((double)c.out_segs + 1e-9);
	if (c.bytes_sent > 100000 && share > r->resent_share)
		r->resent_share = share;
	if (s == 0)
		r->net[side] = *net_stats(w->leg[s][side].net);
}

static void judge(struct world *w)
{
	struct world_result *r = w->r;

	for (unsigned s = 0; s < w->p->session_count; s++)
		for (unsigned side = 0; side < 2; side++)
			judge_leg(w, s, side);
	if (r->resent_share > w->p->resent_share_max)
		world_fail(w, "%.1f %% of the segments were resent, allowed are %.1f %%",
			   100 * r->resent_share, 100 * w->p->resent_share_max);
	if (w->p->stall_us_max > 0 && (double)r->longest_stall_us > w->p->stall_us_max)
		world_fail(w, "a stream waited %.3f s for a byte", (double)r->longest_stall_us * 1e-6);
}

/* ---- time -------------------------------------------------------------------------------------- */

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A session whose deadline is not in the future although it just had its turn gets the next one
 * as soon as a real loop gives it, and so does one that was woken by another's. */
static uint64_t leg_deadline(const struct world *w, const struct leg *l)
{
	uint64_t due = session_deadline(l->session);

	if (l->woken || (due != KT_NEVER && due <= w->now_us))
		due = w->now_us + LOOP_US;
	return min_u64(due, net_deadline(l->net));
}

/* When something happens next. */
static uint64_t next_time(const struct world *w)
{
	uint64_t at = world_apps_deadline(w);

	for (unsigned s = 0; s < w->p->session_count; s++)
		for (unsigned side = 0; side < 2; side++)
			at = min_u64(at, leg_deadline(w, &w->leg[s][side]));
	return at;
}

static void serve_streams(struct world *w, unsigned s, unsigned side)
{
	session_process(w->leg[s][side].session, w->now_us);
	world_hear(w, s, side);
	world_apps_turn(w, s, side);
}

static void turn(struct world *w, unsigned s, unsigned side)
{
	struct leg *l = &w->leg[s][side];

	l->woken = false;
	if (session_deadline(l->session) <= w->now_us)
		session_tick(l->session, w->now_us);
	receive(w, s, side);
	serve_streams(w, s, side);
	serve_streams(w, s, side); /* what reading made room for */
	transmit(w, s, side);
	world_hear(w, s, side);
	l->spins = l->woken || session_deadline(l->session) <= w->now_us ? l->spins + 1 : 0;
	if (l->spins > SPINS_MAX)
		world_fail(w, "end %u: due at once for %u turns in a row", side, l->spins);
	if (session_ended(l->session) != SESSION_ALIVE)
		world_fail(w, "end %u: the session ended: %s", side,
			   session_end_text(session_ended(l->session)));
}

static void step(struct world *w)
{
	world_open_flows(w);
	for (unsigned s = 0; s < w->p->session_count; s++) {
		turn(w, s, 0);
		turn(w, s, 1);
	}
	if (w->r->steps++ % w->p->verify_every == 0)
		check_all_limits(w);
}

static bool all_quiet(const struct world *w)
{
	if (w->done != 2 * w->p->flow_count)
		return false;
	for (unsigned s = 0; s < w->p->session_count; s++)
		for (unsigned side = 0; side < 2; side++)
			if (!session_drained(w->leg[s][side].session))
				return false;
	return true;
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
			world_fail(w, "%u of %u ends were through after %.1f s of virtual time",
				   w->done, 2 * w->p->flow_count, (double)w->p->time_max_us * 1e-6);
			break;
		}
		w->now_us = next > w->now_us ? next : w->now_us;
	}
	w->r->time_us = w->now_us - w->start_us;
}

/* ---- life -------------------------------------------------------------------------------------- */

static void begin(struct world *w)
{
	if (shared_qpp == NULL)
		shared_qpp = qpp_new("the simulator's key", 19, 5, NULL);
	w->flows = calloc(w->p->flow_count, sizeof(*w->flows));
	assert(w->flows != NULL);
	for (unsigned f = 0; f < w->p->flow_count; f++)
		w->r->bytes += w->p->flows[f].bytes[0] + w->p->flows[f].bytes[1];
	for (unsigned side = 0; side < 2; side++) {
		make_node(w, side);
		for (unsigned s = 0; s < w->p->session_count; s++)
			make_leg(w, s, side);
	}
}

static void end(struct world *w)
{
	for (unsigned side = 0; side < 2; side++) {
		for (unsigned s = 0; s < w->p->session_count; s++)
			drop_leg(&w->leg[s][side]);
		drop_node(w, side);
	}
	free(w->flows);
}

void world_run(const struct world_params *p, uint64_t seed, struct world_result *result)
{
	struct world w = { .p = p, .r = result, .seed = seed };

	memset(result, 0, sizeof(*result));
	result->good = true;
	/* Start just before the 32-bit millisecond clock wraps, now and then. */
	w.start_us = seed % 4 == 0 ? (uint64_t)UINT32_MAX * 1000 - 50000 : 1000000 * (seed % 1000);
	w.now_us = w.start_us;
	begin(&w);
	run(&w);
	if (result->good)
		judge(&w);
	end(&w);
}

void world_cleanup(void)
{
	qpp_free(shared_qpp);
	shared_qpp = NULL;
}
