/* tunnel.c - a tunnel between the two ends of a world. */
#include "tunnel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "kcp_model.h"
#include "rng.h"
#include "seal.h"
#include "spread.h"

/* As in the daemon's tunnel.h. */
#define TUNNEL_BUFFER_MAX ((size_t)256 << 20)

enum {
	LOOP_US = 50, /* what is due although it just had its turn waits for the loop to come round */
	CONV = 0x5eed0001,
	CONNS_MAX = 64,
};

struct side {
	struct seal *seal;
	struct packet_pool packets;
	struct batch out;
	struct fifo_pool fifos;
	struct session_scratch scratch;
	struct path *path; /* NULL: each session has one to itself */
	uint64_t packets_sent, wire_bytes;
};

struct conn {
	struct session *session[2];
	bool touched[2];
	uint64_t due_us[2];
	struct spread_meter meter; /* of the client's session */
	struct flow *unseen;       /* opened, and not heard of at the server */
};

struct tunnel {
	struct world *world;
	uint32_t owner;
	uint32_t timer_us;
	struct side side[2];
	struct conn *conns;
	unsigned conn_count;
	bool spread;  /* streams go where there is the least, wherever they are meant to go */
	bool touched; /* any of them */
	const char *why;
};

/* ---- making ------------------------------------------------------------------------------ */

static void make_side(struct side *s, const struct tunnel_params *p, unsigned end)
{
	const struct seal_method *m = seal_method_find(p->crypt);
	uint8_t pass[SEAL_KEY_SIZE], seed[SEAL_SEED_SIZE];
	struct rng r = { p->seed };

	assert(m != NULL);
	rng_bytes(&r, pass, sizeof(pass));
	r.s += end + 1;
	rng_bytes(&r, seed, sizeof(seed));
	s->seal = seal_new(m, pass, seed, NULL);
	assert(s->seal != NULL);
	packet_pool_init(&s->packets);
	batch_init(&s->out, &s->packets);
	fifo_pool_init(&s->fifos, TUNNEL_BUFFER_MAX);
	session_scratch_init(&s->scratch);
	if (p->config->shared) {
		s->path = path_new(&kcp_cc_model);
		assert(s->path != NULL);
	}
}

static void make_conn(struct tunnel *t, const struct tunnel_params *p, unsigned i)
{
	for (unsigned end = 0; end < 2; end++) {
		struct session_config cfg;

		config_session(p->config, p->crypt, end == END_CLIENT, CONV + i, &cfg);
		cfg.pool = &t->side[end].fifos;
		cfg.scratch = &t->side[end].scratch;
		cfg.path = t->side[end].path;
		t->conns[i].session[end] = session_new(&cfg, t->world->now_us);
		assert(t->conns[i].session[end] != NULL);
		tunnel_touch(t, i, end);
	}
}

static uint64_t deadline(const void *self);
static void run(void *self, uint64_t now_us);
static void arrive(void *self, uint64_t now_us, unsigned way, struct link_packet *pkt);

struct tunnel *tunnel_new(struct world *w, const struct tunnel_params *p)
{
	struct tunnel *t = calloc(1, sizeof(*t));

	assert(t != NULL);
	t->world = w;
	t->timer_us = p->timer_us;
	t->conn_count = p->conn != 0 ? p->conn : p->config->conn;
	t->spread = p->config->shared;
	assert(t->conn_count <= CONNS_MAX);
	t->conns = calloc(t->conn_count, sizeof(*t->conns));
	assert(t->conns != NULL);
	for (unsigned end = 0; end < 2; end++)
		make_side(&t->side[end], p, end);
	for (unsigned i = 0; i < t->conn_count; i++)
		make_conn(t, p, i);
	t->owner = world_join(w, &(struct party){ t, deadline, run, arrive });
	return t;
}

void tunnel_free(struct tunnel *t)
{
	for (unsigned end = 0; end < 2; end++) {
		struct side *s = &t->side[end];

		for (unsigned i = 0; i < t->conn_count; i++)
			session_free(t->conns[i].session[end]);
		path_free(s->path);
		session_scratch_dispose(&s->scratch);
		batch_clear(&s->out);
		packet_pool_dispose(&s->packets);
		fifo_pool_dispose(&s->fifos);
		seal_free(s->seal);
	}
	free(t->conns);
	free(t);
}

/* ---- streams ------------------------------------------------------------------------------- */

/* All sessions are there already: a real client would open some of them only now. */
static unsigned choose(const struct tunnel *t)
{
	struct spread_load loads[CONNS_MAX];

	for (unsigned i = 0; i < t->conn_count; i++) {
		const struct conn *c = &t->conns[i];
		struct session_info info;

		session_get_info(c->session[END_CLIENT], &info);
		loads[i].streams = info.streams;
		loads[i].bytes = info.queued_bytes + spread_recent(&c->meter, t->world->now_us);
	}
	return spread_choose(loads, t->conn_count, t->conn_count);
}

void tunnel_open(struct tunnel *t, struct flow *f, unsigned conn)
{
	struct conn *c;

	f->tunnel = t;
	f->conn = t->spread ? choose(t) : conn % t->conn_count;
	c = &t->conns[f->conn];
	if (session_open(c->session[END_CLIENT], &f->stream[END_CLIENT]) != KT_OK) {
		tunnel_fail(t, "no stream could be opened");
		return;
	}
	smux_set_user(f->stream[END_CLIENT], f);
	f->sid = smux_sid(f->stream[END_CLIENT]);
	f->next = c->unseen;
	c->unseen = f;
	tunnel_touch(t, f->conn, END_CLIENT);
}

/* The flow of a stream that the server hears of for the first time. */
static struct flow *flow_seen(struct conn *c, struct smux_stream *st)
{
	for (struct flow **at = &c->unseen; *at != NULL; at = &(*at)->next) {
		struct flow *f = *at;

		if (f->sid != smux_sid(st))
			continue;
		*at = f->next;
		f->stream[END_SERVER] = st;
		smux_set_user(st, f);
		return f;
	}
	return NULL;
}

static void drain_events(struct tunnel *t, struct conn *c, unsigned end)
{
	struct smux_event ev;

	while (t->why == NULL && session_next(c->session[end], &ev)) {
		struct flow *f = smux_user(ev.stream);

		if (f == NULL)
			f = flow_seen(c, ev.stream);
		if (f == NULL)
			tunnel_fail(t, "the server heard of a stream that nobody opened");
		else
			f->event(f, end, ev.what, t->world->now_us);
	}
}

/* ---- the pump ---------------------------------------------------------------------------------- */

void tunnel_touch(struct tunnel *t, unsigned conn, unsigned end)
{
	t->conns[conn].touched[end] = true;
	t->touched = true;
}

static void send_batch(struct tunnel *t, unsigned conn, unsigned end)
{
	struct side *s = &t->side[end];

	seal_batch(s->seal, s->out.v, s->out.count);
	for (size_t i = 0; i < s->out.count; i++) {
		struct packet *pkt = &s->out.v[i];
		uint32_t len = (uint32_t)pkt->len;

		link_send(t->world->link[end], t->world->now_us,
			  &(struct link_packet){ .owner = t->owner,
						 .tag = conn,
						 .wire = len + LINK_HEADERS,
						 .cut = pkt->may_fragment,
						 .len = len,
						 .data = pkt->data });
		s->packets_sent++;
		s->wire_bytes += len + LINK_HEADERS;
	}
	batch_clear(&s->out);
}

static void flush(struct tunnel *t, unsigned conn, unsigned end)
{
	struct session *s = t->conns[conn].session[end];
	bool more;

	do {
		more = session_flush(s, t->world->now_us, &t->side[end].out, NULL);
		send_batch(t, conn, end);
	} while (more);
}

/* When the daemon's timer for this deadline would fire. */
static uint64_t timer_at(const struct tunnel *t, uint64_t due_us)
{
	uint64_t now = t->world->now_us;

	if (due_us == KT_NEVER)
		return KT_NEVER;
	if (due_us <= now)
		return now + LOOP_US;
	if (t->timer_us > 0)
		due_us = now + (due_us - now + t->timer_us - 1) / t->timer_us * t->timer_us;
	return due_us;
}

static void check_alive(struct tunnel *t, const struct session *s)
{
	if (session_ended(s) != SESSION_ALIVE)
		tunnel_fail(t, session_end_text(session_ended(s)));
}

static void pump(struct tunnel *t, unsigned conn, unsigned end)
{
	struct conn *c = &t->conns[conn];
	struct session *s = c->session[end];

	c->touched[end] = false;
	session_process(s, t->world->now_us);
	drain_events(t, c, end);
	flush(t, conn, end);
	drain_events(t, c, end); /* room that the flush made */
	if (end == END_CLIENT)
		spread_note(&c->meter, t->world->now_us, session_carried_bytes(s));
	c->due_us[end] = timer_at(t, session_deadline(s));
	check_alive(t, s);
}

static void run(void *self, uint64_t now_us)
{
	struct tunnel *t = self;

	t->touched = false;
	for (unsigned i = 0; i < t->conn_count; i++) {
		for (unsigned end = 0; end < 2; end++) {
			struct conn *c = &t->conns[i];

			if (c->due_us[end] <= now_us) {
				session_tick(c->session[end], now_us);
				c->touched[end] = true;
			}
			if (c->touched[end])
				pump(t, i, end);
		}
	}
}

static uint64_t deadline(const void *self)
{
	const struct tunnel *t = self;
	uint64_t at = KT_NEVER;

	if (t->why != NULL)
		return KT_NEVER;
	if (t->touched)
		return 0;
	for (unsigned i = 0; i < t->conn_count; i++)
		for (unsigned end = 0; end < 2; end++)
			if (t->conns[i].due_us[end] < at)
				at = t->conns[i].due_us[end];
	return at;
}

static void arrive(void *self, uint64_t now_us, unsigned way, struct link_packet *in)
{
	struct tunnel *t = self;
	unsigned end = !way, conn = (unsigned)in->tag;
	struct packet pkt = { .data = in->data, .len = in->len };

	if (seal_open_batch(t->side[end].seal, &pkt, 1) != 1) {
		tunnel_fail(t, "a datagram could not be opened");
		return;
	}
	session_input(t->conns[conn].session[end], now_us, (struct view){ pkt.data, pkt.len });
	tunnel_touch(t, conn, end);
}

/* ---- looking ------------------------------------------------------------------------------------ */

unsigned tunnel_conns(const struct tunnel *t)
{
	return t->conn_count;
}

const char *tunnel_why(const struct tunnel *t)
{
	return t->why;
}

void tunnel_fail(struct tunnel *t, const char *why)
{
	if (t->why == NULL)
		t->why = why;
}

void tunnel_look(const struct tunnel *t, unsigned end, struct tunnel_look *look)
{
	uint32_t most = 0;

	*look = (struct tunnel_look){
		.wire_bytes = t->side[end].wire_bytes,
		.underway_bytes = link_underway(t->world->link[end], t->owner),
		.packets = t->side[end].packets_sent,
	};
	for (unsigned i = 0; i < t->conn_count; i++) {
		struct session_info info;
		struct counters n;

		session_get_info(t->conns[i].session[end], &info);
		session_counters(t->conns[i].session[end], &n);
		look->data_segs += n.out_data_segs;
		look->retrans_segs += n.retrans_segs;
		look->spurious_segs += n.spurious_segs;
		look->inflight_segs += info.kcp.inflight_segs;
		look->pacing_rate += info.kcp.pacing_rate;
		if (i > 0 && info.kcp.inflight_segs <= most)
			continue;
		most = info.kcp.inflight_segs;
		look->srtt_us = info.kcp.srtt_us;
		look->min_rtt_us = info.kcp.min_rtt_us;
		look->cc_wnd = info.kcp.cc_wnd;
	}
}
