/* scenarios_drawn.c - scenarios that draw everything from the seed. */
#include <string.h>

#include "pmtu.h"
#include "scenario.h"
#include "seal.h"
#include "wire.h"

/* ---- any ------------------------------------------------------------------------------- */

enum { ZSTD_BYTES = 4 << 20 };

static const char *const ciphers[] = {
	"aes", "aes-128", "aes-192", "aes-128-gcm", "aes-256-gcm", "chacha20-poly1305", "salsa20",
	"xor", "none",    "null",    "tea",         "sm4",         "twofish",
};

/* What the build has not is replaced after it was drawn, so that a seed means the same in all builds otherwise. */
static const char *draw_cipher(struct rng *r)
{
	const char *name = ciphers[rng_below(r, ARRAY_LEN(ciphers))];

	return seal_built_in(seal_method_find(name)) ? name : "aes";
}

static enum codec_kind draw_codec(struct rng *r)
{
	enum codec_kind kind = (enum codec_kind)rng_below(r, 3);

	return codec_built_in(kind) ? kind : CODEC_NONE;
}

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
	c->finds_mtu = rng_chance(r, 0.5);
	c->ack_nodelay = rng_chance(r, 0.3);
	c->rate_limit = rng_chance(r, 0.1) ? rng_range(r, 200000, 2000000) : 0;
	c->framesize = rng_chance(r, 0.3) ? rng_range(r, 1, 65535) : 8192;
	c->smuxbuf = rng_range(r, 16384, 4 << 20);
	c->streambuf = rng_range(r, 4096, 2 << 20);
	c->stream_send_bytes_max = rng_range(r, 4096, 128 << 10);
}

static void draw_flow(struct world_params *p, struct rng *r, uint32_t bytes_max)
{
	struct flow_plan *f = scenario_flow(p, rng_below(r, bytes_max), rng_below(r, bytes_max));
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

static bool is_narrow(const struct session_config *c)
{
	return c->snd_wnd < 128 || c->rcv_wnd < 128 ||
	       c->congestion == SESSION_RENO; /* where much is lost */
}

/* Two short segments a round trip, of which many are lost, carry no frame in the time that a session waits for one; and
 * memory that stays full for as long as there is no network is taken from somebody. */
static void be_fair(struct world_params *p)
{
	bool narrow = is_narrow(&p->cfg[0]) || is_narrow(&p->cfg[1]);

	for (unsigned side = 0; side < 2; side++) {
		struct session_config *c = &p->cfg[side];

		if (narrow && p->net[side].loss > 0.1)
			p->net[side].loss = 0.1;
		if (narrow && c->packet_bytes_max < 600)
			c->packet_bytes_max = 600;
		if (p->pool_bytes[side] != SIZE_MAX &&
		    p->net[0].dead_until_us + p->net[1].dead_until_us > 0)
			p->resets_max = p->flow_count;
	}
}

void scenario_any(struct world_params *p, struct rng *r)
{
	unsigned flows = rng_chance(r, 0.3) ? rng_range(r, 5, 24) : rng_range(r, 1, 4);

	scenario_base(p);
	p->crypt = draw_cipher(r);
	p->qpp = rng_chance(r, 0.2);
	for (unsigned side = 0; side < 2; side++) {
		draw_net(&p->net[side], r, strcmp(p->crypt, "null") != 0);
		draw_end(&p->cfg[side], r);
	}
	p->cfg[0].smux_version = (int)rng_range(r, 1, 2);
	p->cfg[0].compression = draw_codec(r);
	for (unsigned i = 0; i < flows; i++)
		draw_flow(p, r, 120000 / flows + 1000);
	p->flows[0].open_at_us = 0;
	draw_company(p, r);
	be_fair(p);
	p->time_max_us = 900 * 1000000ull;
}

/* The same with too little memory for what readers leave lying and targets echo. */
void scenario_any_full(struct world_params *p, struct rng *r)
{
	scenario_any(p, r);
	p->resets_max = p->flow_count;
	for (unsigned side = 0; side < 2; side++) {
		p->pool_bytes[side] = rng_range(r, 256 << 10, 2 << 20);
		if (p->cfg[0].compression == CODEC_ZSTD) /* whose windows alone are more */
			p->pool_bytes[side] += p->session_count * ZSTD_BYTES;
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

/* ---- peers that move, servers that forget, somebody who repeats ------------------------------ */

/* Several sessions, one pool and one path, so that what happens to one is felt by the others.  Streams of all kinds
 * begin in the first `last_us`; sessions last longer than a restart takes to be noticed. */
static void make_eventful(struct world_params *p, struct rng *r, uint32_t last_us)
{
	unsigned flows = rng_range(r, 4, 16);

	scenario_base(p);
	p->crypt = draw_cipher(r);
	p->shares_path = rng_chance(r, 0.7);
	p->watches = true;
	p->session_count = rng_range(r, 1, WORLD_SESSIONS_MAX);
	for (unsigned side = 0; side < 2; side++) {
		draw_net(&p->net[side], r, strcmp(p->crypt, "null") != 0);
		if (p->net[side].loss > 0.1)
			p->net[side].loss = 0.1;
		p->net[side].dead_from_us = p->net[side].dead_until_us = 0;
		draw_end(&p->cfg[side], r);
		p->cfg[side].timeout_us = 60 * 1000000ull;
	}
	p->cfg[0].smux_version = (int)rng_range(r, 1, 2);
	p->cfg[0].compression = draw_codec(r);
	for (unsigned i = 0; i < flows; i++) {
		struct flow_plan *f;

		draw_flow(p, r, 60000);
		f = &p->flows[i];
		f->session = i % p->session_count;
		f->open_at_us = i < p->session_count ? 0 : rng_below(r, last_us);
		if (rng_chance(r, 0.4)) { /* that lasts */
			f->read_pause_us[1] = f->read_pause_us[0] = rng_range(r, 20000, 200000);
			f->read_chunk[0] = f->read_chunk[1] = rng_range(r, 1000, 8000);
		}
	}
	be_fair(p);
	p->time_max_us = 900 * 1000000ull;
}

static void add_event(struct world_params *p, enum world_event_kind kind, uint64_t at_us,
		      unsigned session)
{
	p->events[p->event_count++] = (struct world_event){ kind, at_us, session };
}

static void draw_moves(struct world_params *p, struct rng *r, uint32_t gap_us)
{
	uint64_t at_us = 0;

	for (unsigned n = rng_range(r, 1, WORLD_EVENTS_MAX - 4); n > 0; n--) {
		at_us += rng_range(r, 1000, gap_us);
		add_event(p, (enum world_event_kind)rng_below(r, WORLD_SOCKET + 1), at_us,
			  rng_below(r, p->session_count));
	}
}

/* Nothing may be lost, however often and fast the client moves. */
void scenario_roaming(struct world_params *p, struct rng *r)
{
	make_eventful(p, r, 3 * 1000000);
	draw_moves(p, r, rng_chance(r, 0.3) ? 200000 : 2000000);
}

/* Streams of before are lost or through, never wrong; those of after are through. */
void scenario_restarts(struct world_params *p, struct rng *r)
{
	uint64_t at_us = 0;

	make_eventful(p, r, 80 * 1000000);
	for (unsigned n = rng_range(r, 1, 2); n > 0; n--) {
		at_us += rng_range(r, 20000, 10 * 1000000);
		add_event(p, WORLD_RESTART, at_us, 0);
	}
}

static void draw_attack(struct world_params *p, struct rng *r)
{
	p->attack = (struct attack_plan){
		.on = true,
		.until_us = rng_range(r, 2, 20) * 1000000ull,
		.gap_us = rng_range(r, 1000, 100000),
	};
}

void scenario_replays(struct world_params *p, struct rng *r)
{
	make_eventful(p, r, 3 * 1000000);
	draw_attack(p, r);
	if (rng_chance(r, 0.5))
		draw_moves(p, r, 2000000);
}

/* Who opens sessions with what he heard brings nobody else down, and no more than three times as much on a victim. */
void scenario_replayed_openings(struct world_params *p, struct rng *r)
{
	make_eventful(p, r, 3 * 1000000);
	draw_attack(p, r);
	p->attack.opens = true;
}

/* Between two kcptunds a session lives through 40 s without a network. */
void scenario_outages(struct world_params *p, struct rng *r)
{
	uint64_t from_us;

	make_eventful(p, r, 50 * 1000000);
	/* They know each other by then. */
	from_us = rng_range(r, 4000000, 8000000);
	for (unsigned side = 0; side < 2; side++) {
		p->net[side].dead_from_us = from_us;
		p->net[side].dead_until_us = from_us + rng_range(r, 31, 40) * 1000000ull;
	}
}

/* What is longer than the path takes is dropped without a word, and how much that is is found out. */
void scenario_mtu(struct world_params *p, struct rng *r)
{
	make_eventful(p, r, 3 * 1000000);
	for (unsigned side = 0; side < 2; side++) {
		struct net_params *n = &p->net[side];
		uint64_t at_us = 0;

		p->cfg[side].finds_mtu = true;
		n->mtu_count = rng_range(r, 1, NET_MTUS_MAX);
		for (unsigned i = 0; i < n->mtu_count; i++) {
			n->mtus[i].from_us = at_us;
			n->mtus[i].bytes = rng_range(r, PMTU_LEAST, 1500);
			at_us += rng_below(r, 2 * 1000000);
		}
	}
}
