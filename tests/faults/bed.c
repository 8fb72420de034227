/* bed.c - a small tunnel in virtual time that bears failures. */
#include "bed.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "err.h"
#include "kcp_model.h"
#include "net.h"
#include "seal.h"

enum {
	SESSIONS = 2,
	SPINS_MAX = 4000,
	LOOP_US = 50,
	DELAY_US = 25000,
	TIME_MAX_US = 150 * 1000000, /* a session that is cut off is given up after 30 s */
	VERIFY_EVERY = 32,
};

/* What a stream carries.  Ways: 0 from the client, 1 from the server. */
static const struct plan {
	unsigned session;
	uint32_t open_at_us;
	uint32_t bytes[2];
	uint32_t piece[2]; /* written at once, then PIECE_US of rest; 0: as much as there is room for */
} plans[] = {
	{ 0, 0, { 3000, 60000 }, { 0, 0 } },   { 0, 5000, { 40000, 3000 }, { 0, 100 } },
	{ 1, 0, { 2000, 2500 }, { 60, 90 } },  { 1, 100000, { 1, 30000 }, { 0, 0 } },
	{ 1, 400000, { 20000, 0 }, { 0, 0 } },
};
enum { PIECE_US = 20000, FLOWS = ARRAY_LEN(plans) };

/* One end of a stream. */
struct end {
	struct smux_stream *stream;
	uint32_t sent, received;
	uint64_t write_at_us;
	bool shut, eof;
	bool over; /* released */
	bool cut;  /* and it was told that this is no regular end */
};

struct flow {
	struct end end[2];
	uint32_t sid;
	bool opened;
};

struct leg {
	struct session *session; /* NULL: not there yet, or ended */
	struct net *net;         /* for what it sends */
	bool ended;
	unsigned spins;
	bool woken;
};

/* What the sessions of one end share. */
struct node {
	struct seal *seal;
	struct qpp *qpp;
	struct path *path;
	struct packet_pool packets;
	struct batch out;
	struct fifo_pool fifos;
	struct session_scratch scratch;
	struct leg leg[SESSIONS];
};

struct bed {
	const struct bed_kind *kind;
	struct bed_result *r;
	struct node node[2];
	struct flow flow[FLOWS];
	uint64_t now_us, start_us, seed;
	unsigned turns;
	unsigned long failed; /* requests, when it was last verified */
};

__attribute__((format(printf, 2, 3))) static void fail(struct bed *b, const char *fmt, ...)
{
	va_list ap;

	if (!b->r->good)
		return;
	b->r->good = false;
	va_start(ap, fmt);
	vsnprintf(b->r->why, sizeof(b->r->why), fmt, ap);
	va_end(ap);
}

/* ---- making --------------------------------------------------------------------------- */

static bool make_node(struct bed *b, unsigned side)
{
	struct node *n = &b->node[side];
	uint8_t pass[SEAL_KEY_SIZE], seed[SEAL_SEED_SIZE];
	struct rng rng = { b->seed };

	rng_bytes(&rng, pass, sizeof(pass));
	rng.s += side + 1;
	rng_bytes(&rng, seed, sizeof(seed));
	packet_pool_init(&n->packets);
	batch_init(&n->out, &n->packets);
	fifo_pool_init(&n->fifos, SIZE_MAX);
	session_scratch_init(&n->scratch);
	n->seal = seal_new(seal_method_find(b->kind->crypt), pass, seed, NULL);
	alloc_pause(); /* it makes a hundred thousand requests, see start_qpp() of faults.c */
	if (b->kind->qpp)
		n->qpp = qpp_new("key", 3, 5, NULL);
	alloc_resume();
	if (b->kind->shares)
		n->path = path_new(&kcp_cc_model);
	return n->seal != NULL && (n->path != NULL || !b->kind->shares);
}

static void drop_node(struct bed *b, unsigned side)
{
	struct node *n = &b->node[side];

	for (unsigned s = 0; s < SESSIONS; s++)
		session_free(n->leg[s].session);
	session_scratch_dispose(&n->scratch);
	batch_clear(&n->out);
	if (n->packets.used_count != 0)
		fail(b, "end %u keeps %zu packets", side, n->packets.used_count);
	packet_pool_dispose(&n->packets);
	fifo_pool_dispose(&n->fifos);
	path_free(n->path);
	qpp_free(n->qpp);
	seal_free(n->seal);
}

static void make_nets(struct bed *b)
{
	struct net_params p = { .loss = b->kind->loss_percent / 100.0, .delay_us = DELAY_US };

	alloc_pause();
	for (unsigned side = 0; side < 2; side++)
		for (unsigned s = 0; s < SESSIONS; s++)
			b->node[side].leg[s].net = net_new(&p, b->now_us, b->seed + side + 2 * s);
	alloc_resume();
}

static void drop_nets(struct bed *b)
{
	alloc_pause();
	for (unsigned side = 0; side < 2; side++)
		for (unsigned s = 0; s < SESSIONS; s++)
			net_free(b->node[side].leg[s].net);
	alloc_resume();
}

static void on_memory(void *user)
{
	struct leg *l = user;

	l->woken = true;
}

static void make_session(struct bed *b, unsigned s, unsigned side)
{
	const struct bed_kind *k = b->kind;
	const struct seal_method *m = seal_method_find(k->crypt);
	struct node *n = &b->node[side];
	struct session_config cfg = {
		.client = side == 0,
		.conv = 77 + s,
		.packet_bytes_max = 1350 - m->head - m->tail,
		.finds_mtu = true,
		.seal_overhead = m->head + m->tail,
		.snd_wnd = SESSION_AUTO,
		.rcv_wnd = SESSION_AUTO,
		.nodelay = 3,
		.interval_ms = 10,
		.resend = 2,
		.congestion = k->congestion,
		.copies = SESSION_AUTO,
		.path = n->path,
		.data_shards = k->data_shards,
		.parity_shards = k->parity_shards,
		.compression = k->compression,
		.smux_version = k->smux_version,
		.framesize = 8192,
		.smuxbuf = 4 << 20,
		.streambuf = 2 << 20,
		.stream_send_bytes_max = 16 << 10,
		.streams_max = 16,
		.keepalive_us = 10 * 1000000,
		.qpp = n->qpp,
		.pool = &n->fifos,
		.scratch = &n->scratch,
		.wake = on_memory,
		.wake_user = &n->leg[s],
	};

	n->leg[s].session = session_new(&cfg, b->now_us);
}

/* ---- streams ------------------------------------------------------------------------------ */

/* Byte i of what flow f sends one way; every other KiB is such as a codec likes. */
static uint8_t content(unsigned f, unsigned way, uint32_t i)
{
	uint64_t x = ((uint64_t)f * 2 + way + 1) * UINT64_C(0x9e3779b97f4a7c15) + i / 8;

	x ^= x >> 29;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 32;
	x >>= 8 * (i % 8);
	return (i >> 10) & 1 ? (uint8_t)('a' + (x & 3)) : (uint8_t)x;
}

static void be_over(struct end *e, bool cut)
{
	e->stream = NULL;
	e->over = true;
	e->cut = cut;
}

static void open_flows(struct bed *b)
{
	for (unsigned f = 0; f < FLOWS; f++) {
		struct session *session = b->node[0].leg[plans[f].session].session;
		struct flow *flow = &b->flow[f];

		if (flow->opened || b->now_us < b->start_us + plans[f].open_at_us)
			continue;
		flow->opened = true;
		if (session == NULL || session_open(session, &flow->end[0].stream) != KT_OK) {
			be_over(&flow->end[0], true);
			be_over(&flow->end[1], true);
			continue;
		}
		flow->sid = smux_sid(flow->end[0].stream);
		smux_set_user(flow->end[0].stream, &flow->end[0]);
		smux_commit(flow->end[0].stream, 0);
	}
}

/* Its other end is cut, or the session is gone: nobody will hear of it at this one. */
static void give_up_ends(struct bed *b, unsigned s, unsigned side)
{
	for (unsigned f = 0; f < FLOWS; f++)
		if (plans[f].session == s && !b->flow[f].end[side].over)
			be_over(&b->flow[f].end[side], true);
}

static struct end *end_of(struct bed *b, unsigned s, struct smux_stream *st)
{
	for (unsigned f = 0; f < FLOWS; f++) {
		struct flow *flow = &b->flow[f];

		if (plans[f].session != s || !flow->opened || flow->sid != smux_sid(st) ||
		    flow->end[1].stream != NULL || flow->end[1].over)
			continue;
		flow->end[1].stream = st;
		smux_set_user(st, &flow->end[1]);
		return &flow->end[1];
	}
	return NULL;
}

static void hear(struct bed *b, unsigned s, unsigned side)
{
	struct smux_event ev;

	while (session_next(b->node[side].leg[s].session, &ev)) {
		struct end *e = smux_user(ev.stream);

		if (e == NULL)
			e = end_of(b, s, ev.stream);
		if (e == NULL) {
			fail(b, "stream %u was never opened", smux_sid(ev.stream));
			return;
		}
		if (ev.what & SMUX_RESET) {
			smux_reset(ev.stream);
			smux_release(ev.stream, true);
			be_over(e, true);
		}
	}
}

static void read_all(struct bed *b, unsigned f, unsigned side)
{
	struct end *e = &b->flow[f].end[side];
	struct span piece;

	while (smux_peek(e->stream, &piece, 1) == 1) {
		for (size_t i = 0; i < piece.n; i++)
			if (piece.p[i] != content(f, !side, e->received++))
				fail(b, "flow %u at end %u: byte %u is wrong", f, side,
				     e->received - 1);
		smux_consume(e->stream, piece.n);
	}
	if (!smux_eof(e->stream) || e->eof)
		return;
	e->eof = true;
	if (e->received != plans[f].bytes[!side])
		fail(b, "flow %u at end %u: ends regularly after %u of %u bytes", f, side,
		     e->received, plans[f].bytes[!side]);
}

static void write_some(struct bed *b, unsigned f, unsigned side)
{
	struct end *e = &b->flow[f].end[side];
	uint32_t left = plans[f].bytes[side] - e->sent;
	struct span room;

	if (plans[f].piece[side] > 0 && left > plans[f].piece[side])
		left = plans[f].piece[side];
	if (left > 0 && b->now_us >= e->write_at_us) {
		room = smux_reserve(e->stream);
		if (room.n > left)
			room.n = left;
		for (size_t i = 0; i < room.n; i++)
			room.p[i] = content(f, side, e->sent++);
		smux_commit(e->stream, room.n);
		e->write_at_us = b->now_us + (plans[f].piece[side] > 0 ? PIECE_US : 1000);
	}
	if (e->sent == plans[f].bytes[side] && !e->shut) {
		e->shut = true;
		smux_shutdown(e->stream);
	}
}

static void serve_streams(struct bed *b, unsigned s, unsigned side)
{
	for (unsigned f = 0; f < FLOWS; f++) {
		struct end *e = &b->flow[f].end[side];

		if (plans[f].session != s || e->stream == NULL)
			continue;
		read_all(b, f, side);
		write_some(b, f, side);
		if (e->shut && e->eof) {
			smux_release(e->stream, false);
			be_over(e, false);
		}
	}
}

static uint64_t streams_deadline(const struct bed *b)
{
	uint64_t at = KT_NEVER;

	for (unsigned f = 0; f < FLOWS; f++) {
		uint64_t opens_us = b->start_us + plans[f].open_at_us;

		if (!b->flow[f].opened && opens_us < at)
			at = opens_us;
		for (unsigned side = 0; side < 2; side++) {
			const struct end *e = &b->flow[f].end[side];

			if (e->stream != NULL && !e->shut && e->write_at_us < at)
				at = e->write_at_us;
		}
	}
	return at;
}

/* ---- packets ------------------------------------------------------------------------------ */

/* A server's session begins with the first datagram for which there is memory. */
static void receive(struct bed *b, unsigned s, unsigned side)
{
	struct leg *l = &b->node[side].leg[s];
	struct net_label label;
	uint8_t buf[2048];

	for (;;) {
		struct packet pkt = { .data = buf };
		struct session_sniff sniff;
		struct view payload;

		alloc_pause();
		pkt.len = net_receive(b->node[!side].leg[s].net, b->now_us, &label, buf);
		alloc_resume();
		if (pkt.len == 0)
			return;
		if (seal_open_batch(b->node[side].seal, &pkt, 1) != 1)
			continue;
		payload = (struct view){ pkt.data, pkt.len };
		if (l->session == NULL && !l->ended && side == 1 &&
		    session_sniff(payload, &sniff) && sniff.has_conv && sniff.cmd == KCP_CMD_PUSH)
			make_session(b, s, side);
		if (l->session != NULL)
			session_input(l->session, b->now_us, payload);
	}
}

static void transmit(struct bed *b, unsigned s, unsigned side)
{
	struct node *n = &b->node[side];
	bool more;

	do {
		more = session_flush(n->leg[s].session, b->now_us, &n->out, NULL);
		if (more && n->out.count == 0)
			break; /* for want of memory: the daemon comes again later, too */
		seal_batch(n->seal, n->out.v, n->out.count);
		alloc_pause();
		for (size_t i = 0; i < n->out.count; i++)
			if (n->out.v[i].len > 0)
				net_send(n->leg[s].net, b->now_us, (struct net_label){ 0 },
					 n->out.v[i].data, n->out.v[i].len);
		alloc_resume();
		batch_clear(&n->out);
	} while (more);
}

/* ---- time ---------------------------------------------------------------------------------- */

static void verify(struct bed *b)
{
	b->failed = alloc_failed();
	for (unsigned side = 0; side < 2; side++) {
		fifo_pool_verify(&b->node[side].fifos);
		if (b->node[side].path != NULL)
			path_verify(b->node[side].path);
		for (unsigned s = 0; s < SESSIONS; s++)
			if (b->node[side].leg[s].session != NULL)
				session_verify(b->node[side].leg[s].session);
	}
}

static void turn(struct bed *b, unsigned s, unsigned side)
{
	struct leg *l = &b->node[side].leg[s];

	receive(b, s, side);
	if (l->session == NULL)
		return;
	l->woken = false;
	if (session_deadline(l->session) <= b->now_us)
		session_tick(l->session, b->now_us);
	session_process(l->session, b->now_us);
	hear(b, s, side);
	serve_streams(b, s, side);
	transmit(b, s, side);
	hear(b, s, side);
	l->spins = l->woken || session_deadline(l->session) <= b->now_us ? l->spins + 1 : 0;
	if (l->spins > SPINS_MAX)
		fail(b, "end %u: due at once for %u turns in a row", side, l->spins);
	if (b->failed != alloc_failed() || b->turns++ % VERIFY_EVERY == 0)
		verify(b);
	if (session_ended(l->session) == SESSION_ALIVE)
		return;
	b->r->ended++;
	session_free(l->session);
	l->session = NULL;
	l->ended = true;
	give_up_ends(b, s, side);
}

static bool all_over(const struct bed *b)
{
	for (unsigned f = 0; f < FLOWS; f++) {
		const struct flow *flow = &b->flow[f];
		bool lone = b->node[1].leg[plans[f].session].session == NULL;

		/* A server that never came to know it waits for nothing. */
		if (!flow->end[0].over || !(flow->end[1].over || (flow->end[1].stream == NULL &&
								  (lone || flow->end[0].cut))))
			return false;
	}
	return true;
}

static uint64_t next_time(const struct bed *b)
{
	uint64_t next = streams_deadline(b);

	for (unsigned side = 0; side < 2; side++)
		for (unsigned s = 0; s < SESSIONS; s++) {
			const struct leg *l = &b->node[side].leg[s];
			uint64_t at = net_deadline(l->net);

			next = at < next ? at : next;
			if (l->session == NULL)
				continue;
			at = l->woken ? b->now_us : session_deadline(l->session);
			next = at < next ? at : next;
		}
	return next > b->now_us ? next : b->now_us + LOOP_US;
}

static void run(struct bed *b)
{
	for (unsigned s = 0; s < SESSIONS; s++)
		make_session(b, s, 0);
	while (b->r->good) {
		open_flows(b);
		for (unsigned s = 0; s < SESSIONS; s++)
			for (unsigned side = 0; side < 2; side++)
				turn(b, s, side);
		if (all_over(b))
			break;
		b->now_us = next_time(b);
		if (b->now_us - b->start_us > TIME_MAX_US)
			fail(b, "not over after %u s of virtual time", TIME_MAX_US / 1000000);
	}
	verify(b);
	for (unsigned f = 0; f < FLOWS; f++) {
		bool cut = b->flow[f].end[0].cut || b->flow[f].end[1].cut;

		b->r->whole += !cut;
		b->r->cut += cut;
	}
}

void bed_run(const struct bed_kind *kind, uint64_t seed, struct bed_result *result)
{
	static struct bed bed; /* large */

	memset(result, 0, sizeof(*result));
	result->good = true;
	bed = (struct bed){ .kind = kind, .r = result, .seed = seed };
	bed.start_us = bed.now_us = UINT64_C(1000000) * 1000;
	make_nets(&bed);
	result->started = make_node(&bed, 0);
	result->started &= make_node(&bed, 1);
	if (result->started)
		run(&bed);
	drop_node(&bed, 0);
	drop_node(&bed, 1);
	drop_nets(&bed);
	ERR_clear_error();
}
