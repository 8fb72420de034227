/* sim.c - thousands of seeded tunnels in virtual time.
 *
 *     sim [--runs N] [--seed S] [--scenario NAME] [--verbose]
 *
 * Without a scenario every named one runs once, and those that draw everything from the seed,
 * `any` and, a quarter as often, `any-full`, run N times with the seeds S, S+1, ...  A failure prints the command that repeats it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seal.h"
#include "wire.h"
#include "world.h"

struct scenario {
	const char *name, *what;
	void (*make)(struct world_params *p, struct rng *r);
};

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
		.framesize = 8192,
		.smuxbuf = 4 << 20,
		.streambuf = 2 << 20,
		.stream_send_bytes_max = 128 << 10,
		.streams_max = 256,
		.keepalive_us = 10 * 1000000,
	};
}

/* A sound network of 10 ms and one stream: what the scenarios start from. */
static void base(struct world_params *p)
{
	memset(p, 0, sizeof(*p));
	for (unsigned side = 0; side < 2; side++) {
		p->net[side].delay_us = 10000;
		p->pool_bytes[side] = SIZE_MAX;
		base_config(&p->cfg[side], side == 0);
	}
	p->session_count = 1;
	p->crypt = "aes-128";
	p->time_max_us = 120 * 1000000ull;
	p->verify_every = 64;
	p->resent_share_max = 1;
}

static struct flow_plan *add_flow(struct world_params *p, uint32_t up, uint32_t down)
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
	base(p);
	add_flow(p, 1 << 20, 1 << 20);
	p->resent_share_max = 0;
	p->time_max_us = 3 * 1000000;
}

static void make_loss10(struct world_params *p, struct rng *r)
{
	base(p);
	no_fec(p);
	both_nets(p, (struct net_params){ .loss = 0.1, .delay_us = 40000 });
	add_flow(p, 1 << 20, 1 << 20);
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
	base(p);
	both_nets(p, (struct net_params){ .loss = 0.5, .delay_us = 20000 });
	add_flow(p, 100000, 100000);
}

/* A sender's own queue of 100 ms fills; nothing is lost, only late. */
static void make_bufferbloat(struct world_params *p, struct rng *r)
{
	base(p);
	no_fec(p);
	both_nets(p, (struct net_params){ .delay_us = 10000,
					  .bytes_per_s = 12500000,
					  .queue_us = 400000 });
	windows(p, 1024);
	add_flow(p, 20 << 20, 0);
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
	base(p);
	no_fec(p);
	both_nets(p, (struct net_params){ .delay_us = 20000, .jitter_us = 8000 });
	add_flow(p, 4 << 20, 0);
	p->resent_share_max = 0.05;
}

static void make_bursts(struct world_params *p, struct rng *r)
{
	base(p);
	both_nets(p, (struct net_params){ .delay_us = 30000, .burst_start = 0.005, .burst_end = 0.1 });
	add_flow(p, 1 << 20, 1 << 20);
	p->time_max_us = 30 * 1000000;
}

static void make_dead_period(struct world_params *p, struct rng *r)
{
	base(p);
	both_nets(p, (struct net_params){ .delay_us = 20000,
					  .bytes_per_s = 1000000,
					  .queue_us = 500000,
					  .dead_from_us = 500000,
					  .dead_until_us = 20500000 });
	add_flow(p, 2 << 20, 2 << 20);
	p->time_max_us = 40 * 1000000;
}

static void make_tiny_mtu(struct world_params *p, struct rng *r)
{
	base(p);
	both_nets(p, (struct net_params){ .delay_us = 5000, .loss = 0.02 });
	for (unsigned side = 0; side < 2; side++)
		p->cfg[side].packet_bytes_max = 20 + 8 + KCP_MTU_MIN;
	add_flow(p, 50000, 50000);
}

/* 64 streams, 5 % loss: none of them may starve. */
static void make_fair(struct world_params *p, struct rng *r)
{
	base(p);
	both_nets(p, (struct net_params){ .delay_us = 20000,
					  .loss = 0.05,
					  .bytes_per_s = 6000000,
					  .queue_us = 200000 });
	for (unsigned i = 0; i < 64; i++)
		add_flow(p, 200000, 200000);
	p->stall_us_max = 2 * 1000000;
}

/* One reader sleeps; the others must not notice (smux 2). */
static void make_slow_reader(struct world_params *p, struct rng *r)
{
	struct flow_plan *f;

	base(p);
	f = add_flow(p, 6 << 20, 0);
	f->read_chunk[1] = 1 << 18;
	f->read_pause_us[1] = 400000;
	for (unsigned i = 0; i < 4; i++)
		add_flow(p, 500000, 500000);
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
	base(p);
	both_nets(p, (struct net_params){ .delay_us = 10000, .loss = 0.1 });
	for (unsigned i = 0; i < 16; i++) {
		struct flow_plan *f = add_flow(p, i % 3 == 0 ? 0 : 30000, i % 4 == 0 ? 0 : 30000);

		f->wait_for_eof[i % 2] = true;
		f->open_at_us = i * 3000;
	}
}

static void make_wide_window(struct world_params *p, struct rng *r)
{
	base(p);
	no_fec(p);
	windows(p, KCP_WND_MAX);
	both_nets(p, (struct net_params){ .delay_us = 100000, .loss = 0.01 });
	add_flow(p, 16 << 20, 0);
	p->verify_every = 512;
}

static void pools(struct world_params *p, size_t bytes)
{
	p->pool_bytes[0] = p->pool_bytes[1] = bytes;
}

static void make_echo_full_pool(struct world_params *p, struct rng *r)
{
	base(p);
	pools(p, 1 << 20);
	for (unsigned i = 0; i < 16; i++)
		add_flow(p, 1 << 20, 1 << 20)->echo = true;
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

	base(p);
	pools(p, 8 << 20);
	p->session_count = 2;
	p->resets_max = 100; /* of the session that they stall */
	for (unsigned side = 0; side < 2; side++)
		p->cfg[side].streams_max = 4096;
	for (unsigned i = 0; i < 2048; i++)
		add_flow(p, 100, 40000)->read_from_us[0] = 20 * 1000000;
	for (unsigned i = 0; i < 4; i++) {
		f = add_flow(p, 1 << 20, 4 << 20);
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
	base(p);
	p->pool_bytes[0] = pool_bytes;
	for (unsigned side = 0; side < 2; side++)
		p->cfg[side].streams_max = 4096;
	for (unsigned i = 0; i < stalled; i++) {
		struct flow_plan *f = add_flow(p, 100, 200000);

		f->open_at_us = i * 4000;
		f->read_from_us[0] = 20 * 1000000;
	}
	for (unsigned i = 0; i < 4; i++) {
		struct flow_plan *f = add_flow(p, 1 << 20, 4 << 20);

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

/* ---- any ------------------------------------------------------------------------------- */

static const char *const ciphers[] = {
	"aes", "aes-128", "aes-192", "aes-128-gcm", "aes-256-gcm", "chacha20-poly1305", "salsa20",
	"xor", "none",    "null",    "tea",         "sm4",         "twofish",
};

static void draw_net(struct net_params *n, struct rng *r, bool may_corrupt)
{
	static const double losses[] = { 0, 0, 0.01, 0.05, 0.1, 0.2, 0.3 };

	n->loss = losses[rng_below(r, ARRAY_LEN(losses))];
	n->delay_us = rng_range(r, 100, 100000);
	if (rng_chance(r, 0.3))
		n->jitter_us = rng_range(r, 1, n->delay_us);
	if (rng_chance(r, 0.3))
		n->reorder = 0.05;
	if (rng_chance(r, 0.3))
		n->duplicate = 0.05;
	if (may_corrupt && rng_chance(r, 0.3))
		n->corrupt = 0.03;
	if (rng_chance(r, 0.2)) {
		n->burst_start = 0.01;
		n->burst_end = 0.2;
	}
	if (rng_chance(r, 0.3)) {
		n->bytes_per_s = rng_range(r, 100000, 10000000);
		n->queue_us = rng_range(r, 20000, 400000);
	}
	if (rng_chance(r, 0.1)) {
		/* Not from the start: both sessions are there from the start, and a
		 * server's ends when it hears no frame for 10 s. */
		n->dead_from_us = rng_range(r, 1500000, 3500000);
		n->dead_until_us = n->dead_from_us + rng_range(r, 0, 8000000);
	}
}

static void draw_end(struct session_config *c, struct rng *r)
{
	static const uint32_t wnds[] = { 2, 16, 128, 512, 1024, 4096, 65535 };
	static const unsigned shards[][2] = {
		{ 0, 0 },
		{ 10, 3 },
		{ 1, 1 },
		{ 2, 5 },
		{ 20, 10 },
		{ 70, 30 },
		{ SESSION_AUTO, SESSION_AUTO },
		{ SESSION_AUTO, SESSION_AUTO },
	};
	size_t i = rng_below(r, ARRAY_LEN(shards));

	c->data_shards = shards[i][0];
	c->parity_shards = shards[i][1];
	c->packet_bytes_max = rng_chance(r, 0.2) ? rng_range(r, 120, 1500) : 1350;
	c->snd_wnd = wnds[rng_below(r, ARRAY_LEN(wnds))];
	c->rcv_wnd = wnds[rng_below(r, ARRAY_LEN(wnds))];
	c->nodelay = rng_below(r, 4);
	c->interval_ms = rng_range(r, 10, 50);
	c->resend = rng_below(r, 4);
	c->congestion = (enum session_congestion)rng_below(r, SESSION_NONE + 1);
	c->copies = rng_chance(r, 0.5) ? SESSION_AUTO : rng_below(r, KCP_COPIES_MAX + 1);
	c->ack_nodelay = rng_chance(r, 0.3);
	c->rate_limit = rng_chance(r, 0.1) ? rng_range(r, 200000, 2000000) : 0;
	c->framesize = rng_chance(r, 0.3) ? rng_range(r, 1, 65535) : 8192;
	c->smuxbuf = rng_range(r, 16384, 4 << 20);
	c->streambuf = rng_range(r, 4096, 2 << 20);
	c->stream_send_bytes_max = rng_range(r, 4096, 128 << 10);
}

static void draw_flow(struct world_params *p, struct rng *r, uint32_t bytes_max)
{
	struct flow_plan *f = add_flow(p, rng_below(r, bytes_max), rng_below(r, bytes_max));
	unsigned waits = rng_below(r, 4);

	f->open_at_us = rng_chance(r, 0.5) ? 0 : rng_below(r, 1000000);
	for (unsigned side = 0; side < 2; side++) {
		if (rng_chance(r, 0.1))
			f->bytes[side] = 0;
		f->wait_for_eof[side] = waits == side; /* never both */
		if (rng_chance(r, 0.2)) {
			f->read_pause_us[side] = rng_below(r, 50000);
			f->read_chunk[side] = rng_range(r, 1000, 20000);
		}
	}
}

/* What sessions share, and who echoes. */
static void draw_company(struct world_params *p, struct rng *r)
{
	p->session_count = (unsigned)rng_range(r, 1, 3);
	for (unsigned side = 0; side < 2; side++)
		if (rng_chance(r, 0.4))
			p->pool_bytes[side] = rng_range(r, 512 << 10, 4 << 20);
	for (unsigned i = 0; i < p->flow_count; i++) {
		struct flow_plan *f = &p->flows[i];

		/* Each has a flow from the start, or its server gives it up. */
		f->session = i < p->session_count ? i : rng_below(r, p->session_count);
		if (i < p->session_count)
			f->open_at_us = 0;
		if (!rng_chance(r, 0.15))
			continue;
		f->echo = true;
		f->bytes[1] = f->bytes[0];
		f->wait_for_eof[0] = false;
	}
	if (p->session_count > p->flow_count)
		p->session_count = p->flow_count;
}

static void make_any(struct world_params *p, struct rng *r)
{
	unsigned flows = rng_chance(r, 0.3) ? rng_range(r, 5, 24) : rng_range(r, 1, 4);

	base(p);
	p->crypt = ciphers[rng_below(r, ARRAY_LEN(ciphers))];
	p->qpp = rng_chance(r, 0.2);
	for (unsigned side = 0; side < 2; side++) {
		draw_net(&p->net[side], r, strcmp(p->crypt, "null") != 0);
		draw_end(&p->cfg[side], r);
	}
	p->cfg[0].smux_version = (int)rng_range(r, 1, 2);
	p->cfg[0].compression = (enum codec_kind)rng_below(r, 3);
	for (unsigned i = 0; i < flows; i++)
		draw_flow(p, r, 120000 / flows + 1000);
	p->flows[0].open_at_us = 0;
	draw_company(p, r);
	p->time_max_us = 900 * 1000000ull;
}

/* The same with too little memory for what readers leave lying and targets echo. */
static void make_any_full(struct world_params *p, struct rng *r)
{
	make_any(p, r);
	p->resets_max = p->flow_count;
	for (unsigned side = 0; side < 2; side++) {
		p->pool_bytes[side] = rng_range(r, 256 << 10, 2 << 20);
		/* It is to be the memory that they wait for. */
		p->cfg[side].snd_wnd = rng_range(r, 128, 2048);
		p->cfg[side].rcv_wnd = rng_range(r, 128, 2048);
		p->cfg[side].rate_limit = 0;
		p->cfg[side].congestion = SESSION_NONE;
		p->net[side].burst_start = 0;
		if (p->net[side].loss > 0.1)
			p->net[side].loss = 0.1;
	}
	for (unsigned i = 0; i < p->flow_count; i++) {
		struct flow_plan *f = &p->flows[i];

		f->bytes[0] = rng_below(r, 400000);
		f->bytes[1] = f->echo ? f->bytes[0] : rng_below(r, 400000);
		f->read_pause_us[0] = f->read_pause_us[1] = 0;
		for (unsigned side = 0; side < 2; side++)
			if (rng_chance(r, 0.3))
				f->read_from_us[side] = rng_below(r, 10 * 1000000);
	}
}

/* ---- running --------------------------------------------------------------------------------- */

static const struct scenario scenarios[] = {
	{ "clean", "no loss: nothing is resent", make_clean },
	{ "loss10", "10 % loss, 80 ms: 1 MiB both ways within 20 s", make_loss10 },
	{ "loss10-fec", "the same with FEC", make_loss10_fec },
	{ "loss10-auto", "the same with parity where it pays", make_loss10_auto },
	{ "loss50", "half of all datagrams lost", make_loss50 },
	{ "bufferbloat", "a queue of 100 ms: under 1 % resent", make_bufferbloat },
	{ "bufferbloat-long", "the same on a long link", make_bufferbloat_long },
	{ "reorder", "jitter without loss: under 5 % resent", make_reorder },
	{ "bursts", "loss in bursts", make_bursts },
	{ "dead-period", "20 s without a network", make_dead_period },
	{ "tiny-mtu", "datagrams of 78 bytes", make_tiny_mtu },
	{ "fair", "64 streams at 5 % loss: none waits 2 s", make_fair },
	{ "slow-reader", "one reader sleeps, four do not", make_slow_reader },
	{ "smux1-slow-reader", "the same with smux 1", make_smux1_slow_reader },
	{ "half-close", "every order of ends", make_half_close },
	{ "wide-window", "65535 segments", make_wide_window },
	{ "echo-full-pool", "a target that echoes, a pool of 1 MiB, a slow way back",
	  make_echo_full_pool },
	{ "smux1-echo-full-pool", "the same with smux 1", make_smux1_echo_full_pool },
	{ "stalled-neighbour", "2048 stalled downloads, and a session beside them that moves",
	  make_stalled_neighbour },
	{ "stalled-mates", "512 stalled downloads, and streams of the same session that move",
	  make_stalled_mates },
	{ "given-up", "too many stalled downloads for the memory: some are reset, what moves moves",
	  make_given_up },
	{ "any", "everything drawn from the seed", make_any },
	{ "any-full", "the same with too little memory", make_any_full },
};

static const struct scenario *find_scenario(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(scenarios); i++)
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	return NULL;
}

/* Its seed makes a scenario, so that many are worth while. */
static bool is_drawn(const struct scenario *s)
{
	return s->make == make_any || s->make == make_any_full;
}

static unsigned long long runs_of(const struct scenario *s, const struct scenario *only,
				  unsigned long long runs)
{
	if (only != NULL || s->make == make_any)
		return runs;
	return is_drawn(s) ? (runs + 3) / 4 : 1; /* those of a full pool are ten times longer */
}

static void print_result(const struct scenario *s, uint64_t seed, const struct world_result *r)
{
	printf("%s --scenario %s --seed %llu: %llu bytes in %.2f s, %llu steps, %.2f %% resent, "
	       "longest stall %.2f s, %u resets%s%s\n",
	       r->good ? "ok" : "FAILED", s->name, (unsigned long long)seed,
	       (unsigned long long)r->bytes, (double)r->time_us * 1e-6,
	       (unsigned long long)r->steps, 100 * r->resent_share,
	       (double)r->longest_stall_us * 1e-6, r->resets, r->good ? "" : ": ", r->why);
	fflush(stdout);
}

static bool run_one(const struct scenario *s, uint64_t seed, bool verbose)
{
	static struct world_params p; /* large */
	struct world_result result;
	struct rng r = { seed };

	s->make(&p, &r);
	p.name = s->name;
	if (verbose) {
		printf("running --scenario %s --seed %llu\n", s->name, (unsigned long long)seed);
		fflush(stdout);
	}
	world_run(&p, seed, &result);
	if (verbose || !result.good || !is_drawn(s))
		print_result(s, seed, &result);
	return result.good;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "runs", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 's' },
		{ "scenario", required_argument, NULL, 'n' },
		{ "verbose", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	unsigned long long runs = 1, seed = 1, bad = 0, total = 0;
	const struct scenario *only = NULL;
	bool verbose = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (opt == 'r')
			runs = strtoull(optarg, NULL, 0);
		else if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 'v')
			verbose = true;
		else if (opt != 'n' || (only = find_scenario(optarg)) == NULL)
			return 2;
	}
	for (size_t i = 0; i < ARRAY_LEN(scenarios); i++) {
		const struct scenario *s = &scenarios[i];
		unsigned long long n = runs_of(s, only, runs);

		if (only != NULL && only != s)
			continue;
		for (unsigned long long k = 0; k < n; k++, total++)
			bad += !run_one(s, seed + k, verbose);
	}
	world_cleanup();
	printf("%llu runs, %llu failed\n", total, bad);
	return bad > 0;
}
