/* scenarios.c - the scenarios by name, and those that are made the same way each time. */
#include <string.h>

#include "scenario.h"
#include "wire.h"

/* ---- pieces of scenarios ------------------------------------------------------------ */

static void base_config(struct session_config *c, bool client)
{
	*c = (struct session_config){
		.client = client,
		.packet_bytes_max = 1350,
		.snd_wnd = 1024,
		.rcv_wnd = 1024,
		.nodelay = 1,
		.interval_ms = 10,
		.resend = 2,
		.congestion = SESSION_NONE,
		.data_shards = 10,
		.parity_shards = 3,
		.compression = CODEC_NONE,
		.smux_version = 2,
		.unsure = true,
		.framesize = 8192,
		.smuxbuf = 4 << 20,
		.streambuf = 2 << 20,
		.stream_send_bytes_max = 128 << 10,
		.streams_max = 256,
		.keepalive_us = 10 * 1000000,
	};
}

/* A sound network of 10 ms and one stream: what the scenarios start from. */
void scenario_base(struct world_params *p)
{
	memset(p, 0, sizeof(*p));
	for (unsigned side = 0; side < 2; side++) {
		p->net[side].delay_us = 10000;
		p->pool_bytes[side] = SIZE_MAX;
		base_config(&p->cfg[side], side == 0);
	}
	p->session_count = 1;
	p->shares_path = true;
	p->crypt = "aes-128";
	p->time_max_us = 120 * 1000000ull;
	p->verify_every = 64;
	p->resent_share_max = 1;
}

struct flow_plan *scenario_flow(struct world_params *p, uint32_t up, uint32_t down)
{
	struct flow_plan *f = &p->flows[p->flow_count++];

	*f = (struct flow_plan){
		.bytes = { up, down },
		.read_chunk = { 65536, 65536 },
	};
	return f;
}

static void both_nets(struct world_params *p, struct net_params n)
{
	p->net[0] = p->net[1] = n;
}

static void no_fec(struct world_params *p)
{
	for (unsigned side = 0; side < 2; side++)
		p->cfg[side].data_shards = p->cfg[side].parity_shards = 0;
}

static void windows(struct world_params *p, uint32_t wnd)
{
	for (unsigned side = 0; side < 2; side++)
		p->cfg[side].snd_wnd = p->cfg[side].rcv_wnd = wnd;
}

/* ---- the named ones --------------------------------------------------------------------- */

static void make_clean(struct world_params *p, struct rng *r)
{
	scenario_base(p);
	scenario_flow(p, 1 << 20, 1 << 20);
	p->resent_share_max = 0;
	p->time_max_us = 3 * 1000000;
}

static void make_loss10(struct world_params *p, struct rng *r)
{
	scenario_base(p);
	no_fec(p);
	both_nets(p, (struct net_params){ .loss = 0.1, .delay_us = 40000 });
	scenario_flow(p, 1 << 20, 1 << 20);
	p->resent_share_max = 0.25;
	p->time_max_us = 20 * 1000000;
}

static void make_loss10_fec(struct world_params *p, struct rng *r)
{
	make_loss10(p, r);
	for (unsigned side = 0; side < 2; side++) {
		p->cfg[side].data_shards = 10;
		p->cfg[side].parity_shards = 3;
	}
}

static void make_loss10_auto(struct world_params *p, struct rng *r)
{
	make_loss10(p, r);
	for (unsigned side = 0; side < 2; side++) {
		p->cfg[side].data_shards = p->cfg[side].parity_shards = SESSION_AUTO;
		p->cfg[side].congestion = SESSION_MODEL;
		p->cfg[side].nodelay = 3;
	}
}

static void make_loss50(struct world_params *p, struct rng *r)
{
	scenario_base(p);
	both_nets(p, (struct net_params){ .loss = 0.5, .delay_us = 20000 });
	scenario_flow(p, 100000, 100000);
}

/* A sender's own queue of 100 ms fills; nothing is lost, only late. */
static void make_bufferbloat(struct world_params *p, struct rng *r)
{
	scenario_base(p);
	no_fec(p);
	both_nets(p, (struct net_params){ .delay_us = 10000,
					  .bytes_per_s = 12500000,
					  .queue_us = 400000 });
	windows(p, 1024);
	scenario_flow(p, 20 << 20, 0);
	p->resent_share_max = 0.01;
}

static void make_bufferbloat_long(struct world_params *p, struct rng *r)
{
	make_bufferbloat(p, r);
	both_nets(p, (struct net_params){ .delay_us = 50000,
					  .bytes_per_s = 12500000,
					  .queue_us = 400000 });
	windows(p, 2048);
}

static void make_reorder(struct world_params *p, struct rng *r)
{
	scenario_base(p);
	no_fec(p);
	both_nets(p, (struct net_params){ .delay_us = 20000, .jitter_us = 8000 });
	scenario_flow(p, 4 << 20, 0);
	p->resent_share_max = 0.05;
}

static void make_bursts(struct world_params *p, struct rng *r)
{
	scenario_base(p);
	both_nets(p, (struct net_params){ .delay_us = 30000, .burst_start = 0.005, .burst_end = 0.1 });
	scenario_flow(p, 1 << 20, 1 << 20);
	p->time_max_us = 30 * 1000000;
}

static void make_dead_period(struct world_params *p, struct rng *r)
{
	scenario_base(p);
	both_nets(p, (struct net_params){ .delay_us = 20000,
					  .bytes_per_s = 1000000,
					  .queue_us = 500000,
					  .dead_from_us = 500000,
					  .dead_until_us = 20500000 });
	scenario_flow(p, 2 << 20, 2 << 20);
	p->time_max_us = 40 * 1000000;
}

static void make_tiny_mtu(struct world_params *p, struct rng *r)
{
	scenario_base(p);
	both_nets(p, (struct net_params){ .delay_us = 5000, .loss = 0.02 });
	for (unsigned side = 0; side < 2; side++)
		p->cfg[side].packet_bytes_max = 20 + 8 + KCP_MTU_MIN;
	scenario_flow(p, 50000, 50000);
}

/* 64 streams, 5 % loss: none of them may starve. */
static void make_fair(struct world_params *p, struct rng *r)
{
	scenario_base(p);
	both_nets(p, (struct net_params){ .delay_us = 20000,
					  .loss = 0.05,
					  .bytes_per_s = 6000000,
					  .queue_us = 200000 });
	for (unsigned i = 0; i < 64; i++)
		scenario_flow(p, 200000, 200000);
	p->stall_us_max = 2 * 1000000;
}

/* One reader sleeps; the others must not notice (smux 2). */
static void make_slow_reader(struct world_params *p, struct rng *r)
{
	struct flow_plan *f;

	scenario_base(p);
	f = scenario_flow(p, 6 << 20, 0);
	f->read_chunk[1] = 1 << 18;
	f->read_pause_us[1] = 400000;
	for (unsigned i = 0; i < 4; i++)
		scenario_flow(p, 500000, 500000);
	p->time_max_us = 60 * 1000000;
}

static void make_smux1_slow_reader(struct world_params *p, struct rng *r)
{
	make_slow_reader(p, r);
	p->cfg[0].smux_version = p->cfg[1].smux_version = 1;
	p->cfg[1].smuxbuf = 1 << 20;
}

static void make_half_close(struct world_params *p, struct rng *r)
{
	scenario_base(p);
	both_nets(p, (struct net_params){ .delay_us = 10000, .loss = 0.1 });
	for (unsigned i = 0; i < 16; i++) {
		struct flow_plan *f = scenario_flow(p, i % 3 == 0 ? 0 : 30000, i % 4 == 0 ? 0 : 30000);

		f->wait_for_eof[i % 2] = true;
		f->open_at_us = i * 3000;
	}
}

static void make_wide_window(struct world_params *p, struct rng *r)
{
	scenario_base(p);
	no_fec(p);
	windows(p, KCP_WND_MAX);
	both_nets(p, (struct net_params){ .delay_us = 100000, .loss = 0.01 });
	scenario_flow(p, 16 << 20, 0);
	p->verify_every = 512;
}

static void pools(struct world_params *p, size_t bytes)
{
	p->pool_bytes[0] = p->pool_bytes[1] = bytes;
}

static void make_echo_full_pool(struct world_params *p, struct rng *r)
{
	scenario_base(p);
	pools(p, 1 << 20);
	for (unsigned i = 0; i < 16; i++)
		scenario_flow(p, 1 << 20, 1 << 20)->echo = true;
	p->net[1] = (struct net_params){ .delay_us = 20000, .bytes_per_s = 1000000, .queue_us = 200000 };
	p->time_max_us = 60 * 1000000;
}

static void make_smux1_echo_full_pool(struct world_params *p, struct rng *r)
{
	make_echo_full_pool(p, r);
	p->cfg[0].smux_version = p->cfg[1].smux_version = 1;
}

static void make_stalled_neighbour(struct world_params *p, struct rng *r)
{
	struct flow_plan *f;

	scenario_base(p);
	pools(p, 8 << 20);
	p->session_count = 2;
	p->resets_max = 100; /* of the session that they stall */
	for (unsigned side = 0; side < 2; side++)
		p->cfg[side].streams_max = 4096;
	for (unsigned i = 0; i < 2048; i++)
		scenario_flow(p, 100, 40000)->read_from_us[0] = 20 * 1000000;
	for (unsigned i = 0; i < 4; i++) {
		f = scenario_flow(p, 1 << 20, 4 << 20);
		f->session = 1;
		f->open_at_us = 5 * 1000000;
		f->through_by_us = 10 * 1000000;
	}
	p->verify_every = 2048;
	p->time_max_us = 120 * 1000000;
}

/* Streams of the same session: what is stalled must not stand before what moves. */
static void stalled_mates(struct world_params *p, unsigned stalled, size_t pool_bytes)
{
	scenario_base(p);
	p->proven = true;
	p->pool_bytes[0] = pool_bytes;
	for (unsigned side = 0; side < 2; side++)
		p->cfg[side].streams_max = 4096;
	for (unsigned i = 0; i < stalled; i++) {
		struct flow_plan *f = scenario_flow(p, 100, 200000);

		f->open_at_us = i * 4000;
		f->read_from_us[0] = 20 * 1000000;
	}
	for (unsigned i = 0; i < 4; i++) {
		struct flow_plan *f = scenario_flow(p, 1 << 20, 4 << 20);

		f->open_at_us = 6 * 1000000;
		f->through_by_us = 12 * 1000000;
	}
	p->verify_every = 2048;
	p->time_max_us = 120 * 1000000;
}

/* They would send 200 MB, and that is promised already. */
static void make_stalled_mates(struct world_params *p, struct rng *r)
{
	stalled_mates(p, 1024, 32 << 20);
}

/* What one round trip brings is too much already. */
static void make_given_up(struct world_params *p, struct rng *r)
{
	stalled_mates(p, 256, 8 << 20);
	p->resets_max = 32;
}

/* `memory = 4M`, the least there is, with what a daemon makes of it: a transfer, 50 streams and stalled readers over
 * 50 Mbit/s and 60 ms. */
static void make_router(struct world_params *p, struct rng *r)
{
	enum { MEMORY = 4 << 20, STALLED = 2, STREAMS = 50 };

	scenario_base(p);
	no_fec(p);
	p->proven = true;
	pools(p, MEMORY);
	both_nets(p, (struct net_params){ .delay_us = 30000,
					  .bytes_per_s = 6250000,
					  .queue_us = 50000,
					  .loss = 0.001 });
	for (unsigned side = 0; side < 2; side++) {
		p->cfg[side].snd_wnd = p->cfg[side].rcv_wnd = SESSION_AUTO;
		p->cfg[side].congestion = SESSION_MODEL;
		p->cfg[side].smuxbuf = MEMORY / 2;
		p->cfg[side].streambuf = MEMORY / 8;
	}
	for (unsigned i = 0; i < STALLED; i++)
		scenario_flow(p, 100, 2 << 20)->read_from_us[0] = 15 * 1000000;
	scenario_flow(p, 100, 16 << 20)->through_by_us = 14 * 1000000;
	for (unsigned i = 0; i < STREAMS; i++) {
		struct flow_plan *f = scenario_flow(p, 50000, 200000);

		f->open_at_us = 1000000 + i * 20000;
		f->through_by_us = 14 * 1000000;
	}
	p->verify_every = 512;
	p->time_max_us = 60 * 1000000;
}

/* ---- all of them ------------------------------------------------------------------------- */

const struct scenario scenarios[] = {
	{ "clean", "no loss: nothing is resent", make_clean, 0 },
	{ "loss10", "10 % loss, 80 ms: 1 MiB both ways within 20 s", make_loss10, 0 },
	{ "loss10-fec", "the same with FEC", make_loss10_fec, 0 },
	{ "loss10-auto", "the same with parity where it pays", make_loss10_auto, 0 },
	{ "loss50", "half of all datagrams lost", make_loss50, 0 },
	{ "bufferbloat", "a queue of 100 ms: under 1 % resent", make_bufferbloat, 0 },
	{ "bufferbloat-long", "the same on a long link", make_bufferbloat_long, 0 },
	{ "reorder", "jitter without loss: under 5 % resent", make_reorder, 0 },
	{ "bursts", "loss in bursts", make_bursts, 0 },
	{ "dead-period", "20 s without a network", make_dead_period, 0 },
	{ "tiny-mtu", "datagrams of 78 bytes", make_tiny_mtu, 0 },
	{ "fair", "64 streams at 5 % loss: none waits 2 s", make_fair, 0 },
	{ "slow-reader", "one reader sleeps, four do not", make_slow_reader, 0 },
	{ "smux1-slow-reader", "the same with smux 1", make_smux1_slow_reader, 0 },
	{ "half-close", "every order of ends", make_half_close, 0 },
	{ "wide-window", "65535 segments", make_wide_window, 0 },
	{ "echo-full-pool", "a target that echoes, a pool of 1 MiB, a slow way back",
	  make_echo_full_pool, 0 },
	{ "smux1-echo-full-pool", "the same with smux 1", make_smux1_echo_full_pool, 0 },
	{ "stalled-neighbour", "2048 stalled downloads, and a session beside them that moves",
	  make_stalled_neighbour, 0 },
	{ "stalled-mates", "1024 stalled downloads, and streams of the same session that move",
	  make_stalled_mates, 0 },
	{ "given-up", "too many stalled downloads for the memory: some are reset, what moves moves",
	  make_given_up, 0 },
	{ "router", "4 MiB of memory: a transfer, 50 streams and stalled readers together",
	  make_router, 0 },
	{ "any", "everything drawn from the seed", scenario_any, 40 },
	{ "any-full", "the same with too little memory", scenario_any_full, 10 },
	{ "roaming", "the client moves from address to address", scenario_roaming, 12 },
	{ "restarts", "the server forgets everything", scenario_restarts, 10 },
	{ "replays", "somebody repeats what he heard", scenario_replays, 10 },
	{ "replayed-openings", "likewise, before a server without a filter",
	  scenario_replayed_openings, 6 },
	{ "outages", "more than 30 s without a network", scenario_outages, 6 },
	{ "mtu", "paths that do not take every datagram", scenario_mtu, 6 },
};

const size_t scenario_count = ARRAY_LEN(scenarios);
