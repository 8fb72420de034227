/* test_smux_pipes.c - from seeds: two sessions joined by pipes, and one whose peer is hostile. */
#include "smux_bed.h"

/* ---- two sessions joined by pipes ------------------------------------------------------------------------------ */

/* One random conversation: client and server, each direction a pipe that carries the
 * bytes in random cuts.  Every stream has a script of its own: how many bytes each end writes,
 * whether it then ends its direction at once or after the peer did, and whether it gives up early.
 * Every byte's value follows from stream, direction and place. */
struct flow { /* one end of one stream */
	struct smux_stream *st;
	size_t to_write, written, read;
	bool waits;  /* ends its direction only after the peer's end */
	bool aborts; /* gives up early */
	bool done;
};

enum { FLOWS_MAX = 40 };

struct world {
	struct fixture side[2]; /* client, server */
	struct bytes pipe[2];   /* from side i, not yet taken by the other */
	struct flow flow[2][FLOWS_MAX];
	unsigned opened, to_open;
	uint32_t rng;
	bool slow_server;
};

static uint32_t draw(struct world *w, uint32_t n)
{
	w->rng = w->rng * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(w->rng >> 4) * n >> 28);
}

static uint8_t flow_byte(unsigned side, unsigned i, size_t at)
{
	return (uint8_t)(at * 3 + (at >> 8) + i * 31 + side * 101);
}

static void plan(struct world *w, unsigned side, unsigned i)
{
	struct flow *f = &w->flow[side][i];

	*f = (struct flow){ .to_write = draw(w, 4) == 0 ? draw(w, 300000) : draw(w, 2000) };
	f->waits = draw(w, 3) == 0 && side == 1; /* one side at most, or both wait forever */
	f->aborts = draw(w, 10) == 0;
}

static struct smux_config random_config(struct world *w, int version, bool client)
{
	struct smux_config cfg = config(version, client);

	cfg.framesize = draw(w, 3) == 0 ? 50 + draw(w, 100) : 200 + draw(w, SMUX_FRAME_MAX - 199);
	cfg.recv_bytes_max = draw(w, 2) ? 5000 + draw(w, 100000) : 4194304;
	cfg.streambuf = draw(w, 2) ? 1000 + draw(w, 5000) : 65536;
	cfg.send_bytes_max = 1 + draw(w, 100000);
	return cfg;
}

static void world_begin(struct world *w, uint32_t seed)
{
	int version;

	*w = (struct world){ .rng = seed };
	for (int i = 0; i < 10; i++)
		draw(w, 2);
	version = 1 + (int)draw(w, 2);
	for (unsigned side = 0; side < 2; side++)
		begin_cfg(&w->side[side], random_config(w, version, side == 0),
			  draw(w, 2) ? SIZE_MAX : (8 + draw(w, 40)) * FIFO_CHUNK);
	w->to_open = 1 + draw(w, FLOWS_MAX);
	w->slow_server = draw(w, 3) == 0;
	for (unsigned i = 0; i < FLOWS_MAX; i++) {
		plan(w, 0, i);
		plan(w, 1, i);
	}
}

static void open_one(struct world *w)
{
	struct flow *f = &w->flow[0][w->opened];

	if (w->opened == w->to_open)
		return;
	f->st = open_stream(&w->side[0]);
	assert_int_equal(smux_sid(f->st), 3 + 2 * w->opened);
	w->opened++;
}

static void accept_all(struct world *w)
{
	struct smux_event ev;

	for (unsigned side = 0; side < 2; side++)
		while (smux_next(w->side[side].m, &ev)) {
			assert_false(ev.what & SMUX_RESET);
			if (ev.what & SMUX_OPENED)
				w->flow[side][(smux_sid(ev.stream) - 3) / 2].st = ev.stream;
		}
}

static void let_go(struct flow *f, bool discard)
{
	smux_release(f->st, discard);
	f->st = NULL;
	f->done = true;
}

static void flow_write(struct world *w, unsigned side, unsigned i)
{
	struct flow *f = &w->flow[side][i];
	struct span room = smux_reserve(f->st);
	size_t n = room.n < f->to_write - f->written ? room.n : f->to_write - f->written;

	if (room.n == 0)
		return;
	if (n > 1 && draw(w, 2))
		n = draw(w, (uint32_t)n);
	for (size_t k = 0; k < n; k++)
		room.p[k] = flow_byte(side, i, f->written + k);
	smux_commit(f->st, n);
	f->written += n;
	if (f->written == f->to_write && (!f->waits || smux_eof(f->st)))
		smux_shutdown(f->st);
}

static void flow_read(struct world *w, unsigned side, unsigned i)
{
	struct flow *f = &w->flow[side][i];
	struct span pieces[3];
	size_t count = smux_peek(f->st, pieces, 1 + draw(w, 3)), sum = 0, take;

	for (size_t p = 0; p < count; p++)
		for (size_t k = 0; k < pieces[p].n; k++, sum++)
			assert_int_equal(pieces[p].p[k], flow_byte(!side, i, f->read + sum));
	take = sum > 1 && draw(w, 3) ? draw(w, (uint32_t)sum) : sum;
	smux_consume(f->st, take);
	f->read += take;
}

static void flow_step(struct world *w, unsigned side, unsigned i)
{
	struct flow *f = &w->flow[side][i];
	const struct flow *peer = &w->flow[!side][i];

	if (f->st == NULL)
		return;
	if (f->aborts && draw(w, 20) == 0) {
		let_go(f, draw(w, 2));
		return;
	}
	/* What closewait is for: the peer's end may mean that nobody reads any more. */
	if (peer->aborts && peer->done && smux_peer_finished(f->st) && draw(w, 50) == 0) {
		let_go(f, draw(w, 2));
		return;
	}
	if (!f->st->shut)
		flow_write(w, side, i);
	if (!(side == 1 && w->slow_server) || draw(w, 8) == 0)
		flow_read(w, side, i);
	if (!smux_eof(f->st) || f->written < f->to_write)
		return;
	if (!peer->aborts)
		assert_int_equal(f->read, peer->to_write);
	let_go(f, false);
}

/* Some frames of one side into its pipe, bounded, so that both directions fill up at times. */
static void pump_out(struct world *w, unsigned side)
{
	struct fixture *x = &w->side[side];
	struct smux_frame f;

	for (unsigned n = draw(w, 20); n > 0 && w->pipe[side].n < 200000; n--) {
		if (!smux_next_frame(x->m, x->now, draw(w, 4) ? SIZE_MAX : draw(w, 5000), &f))
			return;
		frame_add(&w->pipe[side], &f);
	}
}

static void pump_in(struct world *w, unsigned side)
{
	struct bytes *pipe = &w->pipe[!side];
	size_t n = draw(w, 3) == 0 ? draw(w, 30) : draw(w, 100000), left;
	int rc;

	if (n > pipe->n)
		n = pipe->n;
	if (n == 0)
		return;
	rc = feed_bytes(&w->side[side], pipe->p, n, &left);
	assert_int_not_equal(rc, KT_EPROTO);
	assert_int_equal(rc == KT_EAGAIN, left > 0);
	if (rc == KT_EAGAIN)
		assert_true(smux_input_blocked(w->side[side].m));
	bytes_keep(pipe, pipe->n - (n - left));
}

static void check_limits(struct fixture *x)
{
	size_t max = x->cfg.version == 2 ? smux_hard_stop(x->m) : x->m->cfg.recv_bytes_max;

	assert_true(smux_unread_bytes(x->m) <= max);
	assert_true(x->pool.bytes_max == SIZE_MAX || x->pool.used_bytes <= x->pool.bytes_max);
	assert_int_equal(smux_stats(x->m)->window_overruns, 0);
}

static void world_step(struct world *w)
{
	if (draw(w, 20) == 0)
		open_one(w);
	for (unsigned side = 0; side < 2; side++) {
		struct fixture *x = &w->side[side];

		x->now += 2000;
		pump_out(w, side);
		smux_verify(x->m);
		pump_in(w, side);
		if (smux_deadline(x->m) <= x->now)
			smux_tick(x->m, x->now);
		for (unsigned n = 0; n < 8; n++)
			flow_step(w, side, draw(w, FLOWS_MAX));
		smux_verify(x->m);
		check_limits(x);
	}
	accept_all(w);
}

static bool world_done(const struct world *w)
{
	return w->opened == w->to_open && w->pipe[0].n + w->pipe[1].n == 0 &&
	       smux_stream_count(w->side[0].m) == 0 && smux_stream_count(w->side[1].m) == 0;
}

static void world_end(struct world *w)
{
	for (unsigned side = 0; side < 2; side++) {
		assert_int_equal(w->side[side].pool.used_count, 0);
		end(&w->side[side]);
		bytes_clear(&w->pipe[side]);
	}
}

static void random_conversations_carry_every_byte_and_every_end(void **state)
{
	const char *one = getenv("SMUX_SEED");
	uint32_t first = one != NULL ? (uint32_t)strtoul(one, NULL, 10) : 1;
	uint32_t last = one != NULL ? first : 60;

	for (uint32_t seed = first; seed <= last; seed++) {
		struct world w;
		unsigned steps = 0;

		world_begin(&w, seed);
		while (!world_done(&w) && ++steps < 60000)
			world_step(&w);
		if (!world_done(&w))
			fail_msg("SMUX_SEED=%u: %u and %u streams did not end", seed,
				 smux_stream_count(w.side[0].m), smux_stream_count(w.side[1].m));
		world_end(&w);
	}
}

/* ---- hostile peers ------------------------------------------------------------------------------------------------ */

/* Frames with plausible headers and hostile numbers, while the application acts at random. */
static void hostile_frame(struct world *w, struct bytes *b)
{
	static const uint32_t nasty[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 262144, 262145 };
	uint8_t body[300];
	uint32_t sid = draw(w, 6);

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)draw(w, 256);
	switch (draw(w, 8)) {
	case 0:
		put_upd(b, sid, nasty[draw(w, 7)] + draw(w, 3), nasty[draw(w, 7)]);
		break;
	case 1:
		put_frame(b, 2, SMUX_SYN, sid, body, 0);
		break;
	case 2:
		put_frame(b, 2, SMUX_FIN, sid, body, 0);
		break;
	case 3:
		put_frame(b, 2, SMUX_NOP, sid, body, 0);
		break;
	default:
		for (unsigned n = draw(w, 40); n > 0; n--)
			put_frame(b, 2, SMUX_PSH, sid, body, draw(w, sizeof(body)));
	}
}

static void hostile_application(struct world *w, struct fixture *x)
{
	struct smux_event ev;

	while (smux_next(x->m, &ev)) {
		if (draw(w, 4) == 0)
			write_zeros(ev.stream, draw(w, 100000));
		if (draw(w, 3) == 0)
			smux_consume(ev.stream, smux_unread(ev.stream));
		if (draw(w, 10) == 0)
			smux_shutdown(ev.stream);
		if (draw(w, 10) == 0)
			smux_release(ev.stream, draw(w, 2));
		smux_verify(x->m);
	}
}

static void a_hostile_peer_breaks_nothing_but_its_own_streams(void **state)
{
	for (uint32_t seed = 1; seed <= 20; seed++) {
		struct world w = { .rng = seed };
		struct smux_config cfg = config(2, false);
		struct bytes b = { .p = NULL };
		struct fixture x;

		cfg.recv_bytes_max = 10000 + draw(&w, 200000);
		begin_cfg(&x, cfg, (4 + draw(&w, 60)) * FIFO_CHUNK);
		for (int i = 0; i < 300; i++) {
			size_t left;

			hostile_frame(&w, &b);
			assert_int_not_equal(feed_bytes(&x, b.p, b.n, &left), KT_EPROTO);
			bytes_keep(&b, left);
			hostile_application(&w, &x);
			if (draw(&w, 3) == 0)
				drain(&x);
			if (left > 100000)
				break; /* stuck behind a stream that nobody reads */
		}
		bytes_clear(&b);
		end(&x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_conversations_carry_every_byte_and_every_end),
		cmocka_unit_test(a_hostile_peer_breaks_nothing_but_its_own_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
