/* fuzz_pair.c - two sessions and what lies between: what was written arrives as it was, or the stream is reset.
 *
 * Four bytes choose the configuration; then come actions, a verb and an argument each: the
 * applications do anything they may, the network loses, delays, repeats and, unless the seal is taken to see
 * to that, alters.  At the end the network is good for a while, and everything has to arrive. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "input.h"
#include "kcp_model.h"
#include "session.h"
#include "tell.h"

enum {
	CONV = 0x01020304,
	MS = 1000,
	MTU = 400,
	WAY_MAX = 256,     /* datagrams under way */
	STREAMS = 12,      /* opened in all */
	EVENTS_MAX = 1500, /* looked at in one run, or it would take too long */
	CURE_MS = 40000,   /* within which a good network makes good everything */
};

struct datagram {
	uint64_t at_us;
	size_t len;
	uint8_t bytes[MTU];
};

/* From one side to the other. */
struct way {
	struct datagram under_way[WAY_MAX];
	size_t count;
	uint64_t delay_us;
	uint8_t lost; /* bit i: of eight datagrams, the i-th is */
	unsigned sent;
	unsigned altered; /* so many of the next are */
	unsigned late;    /* so many of the next come a while later, and once more */
};

/* What one side does with a stream. */
struct end {
	struct smux_stream *st; /* NULL: not yet, or no longer */
	uint64_t written, read;
	bool finished; /* nothing is written any more, and all of it is to arrive */
	bool cut;      /* some of it may not */
	bool reset;    /* and no end may be seen */
};

struct world {
	struct fifo_pool fifos[2];
	struct session_scratch scratch;
	struct packet_pool packets;
	struct batch out;
	struct path *path[2];
	struct session_config cfg[2];
	struct session *session[2]; /* client, server */
	struct way way[2];          /* from the client, from the server */
	struct end ends[2][STREAMS];
	bool deaf[2]; /* reads nothing */
	bool sealed;  /* nothing is altered, and so all is checked */
	uint64_t now_us;
	unsigned events;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "fuzz_pair: %s\n", what);
	abort();
}

/* ---- applications --------------------------------------------------------- */

static uint8_t text_at(int side, unsigned stream, uint64_t place)
{
	return (uint8_t)(place * 7 + place / 251 + stream * 31 + (unsigned)side * 101);
}

/* NULL when the peer made the stream up. */
static struct end *end_of(struct world *w, int side, const struct smux_stream *st, unsigned *index)
{
	*index = smux_sid(st) / 2 - 1;
	return smux_sid(st) % 2 == 1 && *index < STREAMS ? &w->ends[side][*index] : NULL;
}

/* The other side reads on: what it gets has to be reset, not ended, where it is not all. */
static void reset(struct end *e)
{
	e->reset |= !e->finished;
	e->cut = e->finished = true;
	smux_reset(e->st);
}

static void release(struct end *e, bool discard)
{
	e->cut |= discard;
	e->finished = true;
	smux_release(e->st, discard);
	e->st = NULL;
}

static void read_all(struct world *w, int side, unsigned index)
{
	struct end *e = &w->ends[side][index], *other = &w->ends[!side][index];
	struct span piece;

	while (smux_peek(e->st, &piece, 1) == 1) {
		for (size_t i = 0; i < piece.n && w->sealed; i++)
			check(piece.p[i] == text_at(!side, index, e->read + i), "another byte");
		e->read += piece.n;
		smux_consume(e->st, piece.n);
	}
	if (!w->sealed)
		return;
	check(e->read <= other->written, "more than was written");
	check(!smux_eof(e->st) || !other->reset, "an end that is a reset");
	if (smux_eof(e->st) && !other->cut)
		check(other->finished && e->read == other->written, "an end before the end");
}

static void take_events(struct world *w, int side)
{
	struct smux_event ev;
	struct end *e;
	unsigned index;

	while (session_next(w->session[side], &ev)) {
		e = end_of(w, side, ev.stream, &index);
		if (e == NULL || (e->st != NULL && e->st != ev.stream)) {
			check(!w->sealed, "a stream that nobody opened");
			smux_release(ev.stream, true);
			continue;
		}
		if (ev.what & SMUX_OPENED) {
			check(!w->sealed || (side == 1 && e->st == NULL), "opened again");
			e->st = ev.stream;
		}
		if (!w->deaf[side])
			read_all(w, side, index);
		if (ev.what & SMUX_RESET) {
			reset(e);
			release(e, true);
		}
	}
}

static void write_some(struct world *w, int side, unsigned index, size_t most)
{
	struct end *e = &w->ends[side][index];
	struct span room;

	if (e->st == NULL || e->finished)
		return;
	room = smux_reserve(e->st);
	room.n = room.n < most ? room.n : most;
	for (size_t i = 0; i < room.n; i++)
		room.p[i] = text_at(side, index, e->written + i);
	smux_commit(e->st, room.n);
	e->written += room.n;
}

static void open_stream(struct world *w)
{
	struct smux_stream *st;
	struct end *e;
	unsigned index;

	if (w->ends[0][STREAMS - 1].written > 0 || session_open(w->session[0], &st) != KT_OK)
		return;
	e = end_of(w, 0, st, &index);
	if (e == NULL)
		smux_release(st, true);
	else
		e->st = st;
}

static void end_stream(struct world *w, int side, unsigned index, unsigned how)
{
	struct end *e = &w->ends[side][index];

	if (e->st == NULL)
		return;
	switch (how % 4) {
	case 0:
		e->finished = true;
		smux_shutdown(e->st);
		break;
	case 1:
		reset(e);
		break;
	case 2:
		/* What the other one still writes is for nobody, and in time its own end is given up. */
		e->cut = true;
		release(e, false);
		break;
	default:
		release(e, true);
	}
}

/* ---- network ---------------------------------------------------------------- */

static void put(struct world *w, int side, const uint8_t *bytes, size_t len, uint64_t delay_us)
{
	struct way *way = &w->way[side];
	struct datagram *d = &way->under_way[way->count];

	if (way->count == WAY_MAX)
		return;
	way->count++;
	d->at_us = w->now_us + delay_us;
	d->len = len;
	memcpy(d->bytes, bytes, len);
}

static void send(struct world *w, int side, const struct packet *pkt)
{
	struct way *way = &w->way[side];
	unsigned n = way->sent++;

	check(pkt->len <= MTU, "a packet beyond the mtu");
	if (way->lost >> n % 8 & 1)
		return;
	if (way->altered > 0 && pkt->len > 0) {
		way->altered--;
		pkt->data[n * 13 % pkt->len] ^= (uint8_t)(1 + n % 255);
	}
	put(w, side, pkt->data, pkt->len, way->delay_us);
	if (way->late > 0) {
		way->late--;
		put(w, side, pkt->data, pkt->len, way->delay_us * 3 + 10 * MS);
	}
}

static void flush(struct world *w, int side)
{
	for (bool more = true; more;) {
		more = session_flush(w->session[side], w->now_us, &w->out, NULL);
		for (size_t i = 0; i < w->out.count; i++)
			send(w, side, &w->out.v[i]);
		batch_clear(&w->out);
	}
}

static void deliver(struct world *w, int side)
{
	struct way *way = &w->way[!side];
	size_t left = 0;

	for (size_t i = 0; i < way->count; i++) {
		const struct datagram *d = &way->under_way[i];

		if (d->at_us <= w->now_us)
			session_input(w->session[side], w->now_us, (struct view){ d->bytes, d->len });
		else if (left++ < i)
			way->under_way[left - 1] = *d;
	}
	way->count = left;
}

static void turn(struct world *w, int side)
{
	struct session *s = w->session[side];

	deliver(w, side);
	session_process(s, w->now_us);
	take_events(w, side);
	if (session_deadline(s) <= w->now_us)
		session_tick(s, w->now_us);
	flush(w, side);
	session_verify(s);
	if (w->sealed)
		check(session_ended(s) < SESSION_FOREIGN, session_end_text(session_ended(s)));
}

static uint64_t next_event(const struct world *w)
{
	uint64_t at = KT_NEVER;

	for (int side = 0; side < 2; side++) {
		uint64_t due = session_deadline(w->session[side]);

		at = due < at ? due : at;
		for (size_t i = 0; i < w->way[side].count; i++) {
			due = w->way[side].under_way[i].at_us;
			at = due < at ? due : at;
		}
	}
	return at;
}

static void pass(struct world *w, uint64_t us)
{
	uint64_t end_us = w->now_us + us;

	for (;;) {
		turn(w, 0);
		turn(w, 1);
		if (w->now_us >= end_us || ++w->events > EVENTS_MAX)
			break;
		/* A clock does not stand, nor does a loop turn more often than this. */
		w->now_us += MS;
		if (next_event(w) > w->now_us)
			w->now_us = next_event(w) < end_us ? next_event(w) : end_us;
	}
}

/* ---- the run ---------------------------------------------------------------- */

static void begin(struct world *w, const uint8_t *c)
{
	static const unsigned shards[4][2] = { { 0, 0 },
					       { 3, 2 },
					       { SESSION_AUTO, SESSION_AUTO },
					       { 10, 3 } };
	static const enum codec_kind codecs[4] = { CODEC_NONE, CODEC_SNAPPY, CODEC_ZSTD, CODEC_NONE };
	const struct session_config cfg = {
		.client = true,
		.conv = CONV,
		.packet_bytes_max = MTU,
		.finds_mtu = (c[1] ^ c[2]) & 16,
		.seal_overhead = 20,
		.snd_wnd = c[1] & 1 ? SESSION_AUTO : 32,
		.rcv_wnd = c[1] & 2 ? SESSION_AUTO : 64,
		.nodelay = c[1] & 4 ? 3 : 1,
		.interval_ms = 10,
		.resend = 2,
		.congestion = (enum session_congestion)((c[1] >> 3 & 3) % 3),
		.ack_nodelay = c[1] & 32,
		.rate_limit = c[1] & 64 ? 100000 : 0,
		.copies = c[1] & 128 ? SESSION_AUTO : c[2] & 1,
		.data_shards = shards[c[0] >> 1 & 3][0],
		.parity_shards = shards[c[0] >> 1 & 3][1],
		.compression = codec_built_in(codecs[c[0] >> 3 & 3]) ? codecs[c[0] >> 3 & 3]
								     : CODEC_NONE,
		.smux_version = c[0] & 32 ? 1 : 2,
		.framesize = 1 + c[3] * 16u,
		.smuxbuf = 65536,
		.streambuf = c[2] & 2 ? 65536 : 4096,
		.stream_send_bytes_max = c[2] & 4 ? 65536 : 2048,
		.streams_max = c[2] & 8 ? 3 : STREAMS,
		.keepalive_us = 2000000,
		.timeout_us = c[2] & 16 ? 60000000 : 0,
		.scratch = &w->scratch,
	};

	session_scratch_init(&w->scratch);
	packet_pool_init(&w->packets);
	batch_init(&w->out, &w->packets);
	w->now_us = 1000 * MS;
	w->sealed = c[0] & 1;
	for (int side = 0; side < 2; side++) {
		fifo_pool_init(&w->fifos[side], c[2] & 32 ? 1 << 16 : 1 << 20);
		w->cfg[side] = cfg;
		w->cfg[side].client = side == 0;
		w->cfg[side].pool = &w->fifos[side];
		w->way[side].delay_us = 10 * MS;
		if (c[2] & 64) {
			w->path[side] = path_new(&kcp_cc_model);
			w->cfg[side].path = w->path[side];
		}
	}
	if (c[2] & 128) { /* the server is of another mind */
		w->cfg[1].data_shards = shards[(c[0] >> 6) & 3][0];
		w->cfg[1].parity_shards = shards[(c[0] >> 6) & 3][1];
	}
	for (int side = 0; side < 2; side++) {
		w->session[side] = session_new(&w->cfg[side], w->now_us);
		check(w->session[side] != NULL, "no session");
	}
}

static void disturb(struct world *w, int side, struct view *in, uint8_t arg)
{
	struct way *way = &w->way[side];

	switch (arg >> 1 & 3) {
	case 0:
		way->lost = input_byte(in);
		break;
	case 1:
		way->delay_us = input_byte(in) * (uint64_t)MS;
		break;
	case 2:
		way->late = arg >> 3;
		break;
	default:
		if (!w->sealed)
			way->altered = arg >> 3;
	}
}

/* A datagram that nobody of these two made. */
static void forge(struct world *w, int side, struct view *in)
{
	struct view v = input_bytes(in, MTU);
	uint8_t bytes[MTU];

	if (w->sealed || v.n < 4)
		return;
	memcpy(bytes, v.p, v.n);
	store_le32(bytes, CONV);
	put(w, side, bytes, v.n, 0);
}

/* As a server does that was restarted. */
static void deny(struct world *w, uint8_t arg)
{
	uint8_t bytes[TELL_BYTES];

	for (size_t i = 0; i < w->way[0].count; i++) {
		const struct datagram *d = &w->way[0].under_way[i];

		if (tell_encode(bytes, (struct view){ d->bytes, d->len }, arg)) {
			put(w, 1, bytes, sizeof(bytes), 0);
			return;
		}
	}
}

static void command(struct world *w, int side, uint8_t arg)
{
	struct session *s = w->session[side];
	struct session_config cfg = w->cfg[side];

	switch (arg >> 1 & 7) {
	case 0:
		session_guard(s, w->now_us);
		break;
	case 1:
		session_leave(s);
		break;
	case 2:
		session_ping(s);
		break;
	case 3:
		session_pad(s);
		break;
	case 4:
		session_trim(s);
		break;
	case 5:
		w->deaf[side] = arg & 16;
		break;
	case 6:
		cfg.congestion = (enum session_congestion)((arg >> 4) % 3);
		cfg.rate_limit = arg & 128 ? 50000 : 0;
		cfg.copies = arg & 64 ? 2 : SESSION_AUTO;
		session_set_kcp(s, &cfg, w->now_us);
		break;
	default:
		if (arg & 16)
			deny(w, arg);
	}
}

static void act(struct world *w, struct view *in)
{
	uint8_t verb = input_byte(in), arg = input_byte(in);
	int side = arg & 1;

	switch (verb % 8) {
	case 0:
		open_stream(w);
		break;
	case 1:
	case 2:
		write_some(w, side, (arg >> 1) % STREAMS, verb % 8 == 1 ? verb : verb * 64u);
		break;
	case 3:
		end_stream(w, side, (arg >> 1) % STREAMS, verb >> 3);
		break;
	case 4:
		disturb(w, side, in, arg);
		break;
	case 5:
		forge(w, side, in);
		break;
	case 6:
		command(w, side, arg);
		break;
	default:
		pass(w, arg < 200 ? arg * (uint64_t)MS : (arg - 195) * UINT64_C(200) * MS);
	}
}

static bool at_rest(const struct world *w)
{
	for (int side = 0; side < 2; side++)
		if (session_ended(w->session[side]) != SESSION_ALIVE)
			return true;
	return session_drained(w->session[0]) && session_drained(w->session[1]);
}

static void cure(struct world *w)
{
	for (int side = 0; side < 2; side++) {
		struct way *way = &w->way[side];

		way->lost = 0;
		way->altered = way->late = 0;
		way->delay_us = 10 * MS;
		w->deaf[side] = false;
		for (unsigned i = 0; i < STREAMS; i++)
			if (w->ends[side][i].st != NULL)
				read_all(w, side, i);
	}
	w->events = 0;
	for (unsigned ms = 0; !at_rest(w) && ms < CURE_MS && w->events <= EVENTS_MAX; ms += 100)
		pass(w, 100 * MS);
	check(!w->sealed || at_rest(w) || w->events > EVENTS_MAX, "something never arrives");
}

static void end(struct world *w)
{
	for (int side = 0; side < 2; side++) {
		session_free(w->session[side]);
		path_free(w->path[side]);
	}
	session_scratch_dispose(&w->scratch);
	packet_pool_dispose(&w->packets);
	fifo_pool_dispose(&w->fifos[0]);
	fifo_pool_dispose(&w->fifos[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	struct view in = { data + 4, size - 4 };

	if (size < 4)
		return 0;
	memset(&w, 0, sizeof(w));
	begin(&w, data);
	while (in.n > 0 && w.events <= EVENTS_MAX)
		act(&w, &in);
	if (w.events <= EVENTS_MAX)
		cure(&w);
	end(&w);
	return 0;
}
