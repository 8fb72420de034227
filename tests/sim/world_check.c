/* world_check.c - what is checked: bounds while it runs, and that nothing is left at the end. */
#include "world_impl.h"

/* ---- while it runs ------------------------------------------------------------------- */

/* As smux.h says of version 2. */
static size_t unread_most(const struct session_config *cfg)
{
	const size_t one = cfg->smuxbuf + SMUX_PEER_WINDOW_INITIAL;

	return 4 * cfg->smuxbuf > one ? 4 * cfg->smuxbuf : one;
}

static void check_limits(const struct leg *l)
{
	struct world *w = l->world;
	const struct session_config *cfg = &w->p->cfg[l->side];
	struct session_info info;
	size_t held;

	session_get_info(l->session, &info);
	held = info.kcp.rcv_queue_segs + info.kcp.rcv_ring_segs;
	if (held > w->r->peak_rcv_segs)
		w->r->peak_rcv_segs = held;
	if (held > 2 * (size_t)cfg->rcv_wnd)
		world_fail(w, "end %u holds %zu segments, window %u", l->side, held, cfg->rcv_wnd);
	if (info.kcp.inflight_segs > cfg->snd_wnd)
		world_fail(w, "end %u has %u segments in flight, window %u", l->side,
			   info.kcp.inflight_segs, cfg->snd_wnd);
	if (info.unread_bytes > unread_most(cfg) + SMUX_FRAME_MAX)
		world_fail(w, "end %u holds %zu unread bytes", l->side, info.unread_bytes);
	session_verify(l->session);
}

static void check_node(struct world *w, unsigned side)
{
	const struct node *n = &w->node[side];
	const struct fifo_pool *pool = &n->fifos;

	fifo_pool_verify(pool);
	for (unsigned i = 0; i < n->host_count; i++)
		path_verify(n->hosts[i].path);
	if (pool->used_bytes > w->r->peak_pool_bytes[side])
		w->r->peak_pool_bytes[side] = pool->used_bytes;
	if (pool->used_bytes > pool->bytes_max)
		world_fail(w, "end %u holds %zu bytes in a pool of %zu", side, pool->used_bytes,
			   pool->bytes_max);
}

void world_check_limits(struct world *w)
{
	check_node(w, 0);
	check_node(w, 1);
	for (unsigned i = 0; i < w->p->session_count; i++)
		check_limits(w->client.legs[i]);
	for (unsigned i = 0; i < w->server.leg_count; i++)
		check_limits(w->server.legs[i]);
}

/* ---- at the end ---------------------------------------------------------------------- */

static void check_counters(const struct leg *l, struct counters *c)
{
	struct world *w = l->world;

	session_counters(l->session, c);
#define X(field, name, kind, help) \
	if (c->field > INT64_MAX) \
		world_fail(w, "end %u: %s went below zero", l->side, name);
	KT_COUNTERS(X)
#undef X
	if (c->in_pkts != l->in_pkts)
		world_fail(w, "end %u counts %llu datagrams in, %llu came", l->side,
			   (unsigned long long)c->in_pkts, (unsigned long long)l->in_pkts);
	if (c->out_pkts != l->out_pkts)
		world_fail(w, "end %u counts %llu datagrams out, %llu left", l->side,
			   (unsigned long long)c->out_pkts, (unsigned long long)l->out_pkts);
	if (c->retrans_segs != c->fast_retrans_segs + c->early_retrans_segs + c->lost_segs)
		world_fail(w, "end %u: the causes of resending do not add up", l->side);
	if (c->retrans_segs > c->out_segs)
		world_fail(w, "end %u resent more than it sent", l->side);
}

/* Also before it is known whether the peer has a use for parity. */
static bool has_wide_sets(const struct leg *l, const struct session_info *info)
{
	const struct session_config *c = &l->world->p->cfg[l->side];
	bool automatic = c->data_shards == SESSION_AUTO;

	return info->ds_in + info->ps_in > 16 || info->ds_out + info->ps_out > 16 ||
	       (!automatic && c->data_shards + c->parity_shards > 16);
}

/* Once everything is closed and quiet, next to nothing may be held. */
static void check_memory(const struct leg *l)
{
	struct world *w = l->world;
	struct session_info info;

	while (session_trim(l->session))
		;
	session_get_info(l->session, &info);
	if (info.streams != 0)
		world_fail(w, "end %u still has %u streams", l->side, info.streams);
	/* zstd has its window, and a wide shard set its copies and tables. */
	if (info.codec_out != CODEC_ZSTD && !has_wide_sets(l, &info) && info.memory_bytes > 64 * 1024)
		world_fail(w, "end %u: an idle session holds %zu bytes (KCP %zu, FEC %zu, codec %zu)",
			   l->side, info.memory_bytes, info.kcp_bytes, info.fec_bytes,
			   info.codec_bytes);
}

static void judge_leg(const struct leg *l)
{
	struct world_result *r = l->world->r;
	struct counters c;
	double share;

	check_limits(l);
	check_counters(l, &c);
	check_memory(l);
	share = (double)c.retrans_segs / ((double)c.out_segs + 1e-9);
	if (c.bytes_sent > 100000 && share > r->resent_share)
		r->resent_share = share;
}

void world_judge(struct world *w)
{
	struct world_result *r = w->r;

	world_server_sweep(w);
	for (unsigned i = 0; i < w->p->session_count; i++)
		judge_leg(w->client.legs[i]);
	for (unsigned i = 0; i < w->server.leg_count; i++)
		judge_leg(w->server.legs[i]);
	for (unsigned side = 0; side < 2; side++) {
		r->net[side] = *net_stats(w->net[side]);
		if (w->node[side].fifos.used_count != 0)
			world_fail(w, "end %u still has %zu chunks in use", side,
				   w->node[side].fifos.used_count);
	}
	if (r->resent_share > w->p->resent_share_max)
		world_fail(w, "%.1f %% of the segments were resent, allowed are %.1f %%",
			   100 * r->resent_share, 100 * w->p->resent_share_max);
	if (w->p->stall_us_max > 0 && (double)r->longest_stall_us > w->p->stall_us_max)
		world_fail(w, "a stream waited %.3f s for a byte", (double)r->longest_stall_us * 1e-6);
}
