/* fuzz_smux.c - foreign bytes into one session, and an application that does anything it may.
 *
 * Bytes 0 .. 4 choose the configuration; then come actions of two bytes, verb and argument, of
 * which some take more bytes as the peer's.  Every invariant is checked after every action. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "smux_impl.h"

enum {
	CONFIG_BYTES = 5,
	STREAMS = 16, /* that the application holds at once */
};

struct run {
	const uint8_t *p; /* what is left of the input */
	size_t n;
	struct fifo_pool pool;
	struct fifo_account account;
	struct smux *m;
	uint64_t now_us;
	struct smux_stream *st[STREAMS];
	uint8_t held[70000]; /* what smux did not take yet */
	size_t held_len;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "fuzz_smux: %s\n", what);
	abort();
}

/* Offer the bytes and then the held ones again, in a block of their own. */
static void feed(struct run *r, const uint8_t *p, size_t n)
{
	uint8_t *copy;
	struct view in;
	int rc;

	if (n > sizeof(r->held) - r->held_len)
		n = sizeof(r->held) - r->held_len;
	if (r->held_len + n == 0)
		return;
	copy = malloc(r->held_len + n);
	check(copy != NULL, "out of memory");
	memcpy(copy, r->held, r->held_len);
	if (n > 0)
		memcpy(copy + r->held_len, p, n);
	in = (struct view){ copy, r->held_len + n };
	rc = smux_input(r->m, r->now_us, &in);
	check(rc == KT_EPROTO || (rc == KT_OK) == (in.n == 0), "bytes are left without a reason");
	check(rc != KT_EAGAIN || smux_input_blocked(r->m), "EAGAIN, but not blocked");
	check((rc == KT_EPROTO) == (smux_closed(r->m) != SMUX_ALIVE), "EPROTO, but not closed");
	r->held_len = rc == KT_EPROTO ? 0 : in.n;
	memcpy(r->held, in.p, r->held_len);
	free(copy);
}

static void feed_raw(struct run *r, size_t n)
{
	if (n > r->n)
		n = r->n;
	feed(r, r->p, n);
	r->p += n;
	r->n -= n;
}

/* A frame that is well formed, so that the fuzzer need not find that out. */
static void feed_frame(struct run *r, uint8_t arg)
{
	static const uint16_t lengths[] = { 1, 100, 5000, 65535 };
	const struct smux_header h = {
		(uint8_t)r->m->cfg.version,
		arg % 5,
		lengths[arg >> 6],
		arg >> 3 & 7,
	};
	static uint8_t frame[SMUX_HEADER + SMUX_FRAME_MAX];
	size_t n = SMUX_HEADER;

	smux_header_encode(frame, &h);
	if (h.cmd == SMUX_PSH)
		n += h.length;
	feed(r, frame, n);
}

/* An UPD around the numbers that matter for its stream. */
static void feed_upd(struct run *r, uint8_t arg)
{
	static const uint32_t windows[] = { 0, 1, 262144, 0xffffffff };
	const struct smux_header h = {
		(uint8_t)r->m->cfg.version,
		SMUX_UPD,
		SMUX_UPD_BYTES,
		arg & 7,
	};
	const struct smux_stream *st = smux_table_find(r->m, h.sid);
	uint8_t frame[SMUX_HEADER + SMUX_UPD_BYTES];
	uint32_t sent = st != NULL ? (uint32_t)st->sent : 0;

	smux_header_encode(frame, &h);
	store_le32(frame + 8, sent + (uint32_t)(arg >> 3 & 7) * 100 - 350);
	store_le32(frame + 12, windows[arg >> 6]);
	feed(r, frame, sizeof(frame));
}

static struct smux_stream **slot_of(struct run *r, const struct smux_stream *st)
{
	for (size_t i = 0; i < STREAMS; i++)
		if (r->st[i] == st)
			return &r->st[i];
	return NULL;
}

static void own(struct run *r, struct smux_stream *st)
{
	struct smux_stream **slot = slot_of(r, NULL);

	if (slot != NULL)
		*slot = st;
	else
		smux_release(st, true);
}

static void take_events(struct run *r)
{
	struct smux_event ev;

	while (smux_next(r->m, &ev)) {
		check(ev.what != 0, "an event about nothing");
		check(((ev.what & SMUX_OPENED) != 0) == (slot_of(r, ev.stream) == NULL),
		      "announced twice, or an event for a stream that nobody has");
		if (ev.what & SMUX_OPENED)
			own(r, ev.stream);
	}
}

static void take_frames(struct run *r, uint8_t arg)
{
	size_t room = arg & 1 ? SIZE_MAX : arg * 16u;
	struct smux_frame f;

	for (unsigned i = 0; i < arg && smux_next_frame(r->m, r->now_us, room, &f); i++) {
		size_t sum = f.header_len;

		for (size_t k = 0; k < f.piece_count; k++)
			sum += f.pieces[k].n;
		check(sum == f.len, "a frame's length is not the sum of its pieces");
		check(f.header[1] != SMUX_PSH || f.len - SMUX_HEADER <= room,
		      "a frame beyond the room");
		check(f.len - f.header_len <= r->m->cfg.framesize, "a frame beyond framesize");
		smux_verify(r->m);
	}
}

static void write_some(struct smux_stream *st, uint8_t arg)
{
	struct span room = smux_reserve(st);
	size_t n = arg * 257u;

	if (room.n == 0)
		return;
	n = n < room.n ? n : room.n;
	memset(room.p, arg, n);
	smux_commit(st, n);
}

static void read_some(struct smux_stream *st, uint8_t arg)
{
	struct span pieces[3];
	size_t count = smux_peek(st, pieces, 3), sum = 0;

	for (size_t i = 0; i < count; i++) {
		memset(pieces[i].p, 0xaa, pieces[i].n);
		sum += pieces[i].n;
	}
	check(sum <= smux_unread(st), "more pieces than bytes");
	smux_consume(st, arg & 1 ? sum : sum * arg / 255);
}

/* Something that the application does with one of its streams. */
static void use_stream(struct run *r, uint8_t verb, uint8_t arg)
{
	struct smux_stream **slot = &r->st[arg % STREAMS];

	if (*slot == NULL)
		return;
	switch (verb) {
	case 0:
		write_some(*slot, arg);
		break;
	case 1:
		read_some(*slot, arg);
		break;
	case 2:
		smux_shutdown(*slot);
		break;
	default:
		take_events(r); /* events of a stream that is gone would be for nobody */
		if (*slot != NULL)
			smux_release(*slot, arg & 16);
		*slot = NULL;
	}
}

static void open_stream(struct run *r)
{
	struct smux_stream *st;

	if (smux_open(r->m, &st) == KT_OK)
		own(r, st);
}

static void pass_time(struct run *r, uint8_t arg)
{
	uint64_t at = smux_deadline(r->m);

	if (arg & 1 && at != KT_NEVER && at > r->now_us)
		r->now_us = at;
	else
		r->now_us += arg * 100000u;
	smux_tick(r->m, r->now_us);
	check(smux_deadline(r->m) > r->now_us, "a tick leaves a deadline behind");
}

static void act(struct run *r, uint8_t verb, uint8_t arg)
{
	switch (verb % 12) {
	case 0:
		feed_raw(r, arg);
		break;
	case 1:
	case 2:
		feed_frame(r, arg);
		break;
	case 3:
		feed_upd(r, arg);
		break;
	case 4:
		take_frames(r, arg);
		break;
	case 5:
		take_events(r);
		break;
	case 6:
		open_stream(r);
		break;
	case 7:
		pass_time(r, arg);
		break;
	default:
		use_stream(r, verb % 12 - 8, arg);
	}
}

static void check_all(const struct run *r)
{
	const struct smux_config *cfg = &r->m->cfg;
	size_t max = cfg->version == 2 ? smux_hard_stop(r->m) : cfg->recv_bytes_max;

	smux_verify(r->m);
	check(smux_unread_bytes(r->m) <= max, "more unread bytes than the budget allows");
	check(r->pool.used_bytes <= r->pool.bytes_max, "more memory than the pool allows");
	check(smux_stream_count(r->m) <= cfg->streams_max, "too many streams");
}

static void begin(struct run *r, const uint8_t *c)
{
	const struct smux_config cfg = {
		.version = 1 + (c[0] & 1),
		.client = c[0] & 2,
		.framesize = 1 + c[1] * 256u,
		.recv_bytes_max = 1 + c[2] * 1000u,
		.streambuf = 1 + c[3] * 300u,
		.send_bytes_max = 1 + c[3] * 500u,
		.streams_max = c[4] & 31,
		.keepalive_us = 10000000,
		.timeout_us = SMUX_TIMEOUT_US,
		.account = &r->account,
	};

	fifo_pool_init(&r->pool, c[0] & 4 ? SIZE_MAX : (1 + (size_t)(c[4] >> 5)) * 3 * FIFO_CHUNK);
	fifo_account_init(&r->account, &r->pool);
	r->m = smux_new(&cfg, 0);
	check(r->m != NULL, "out of memory");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run r;

	if (size < CONFIG_BYTES)
		return 0;
	memset(&r, 0, sizeof(r));
	r.p = data + CONFIG_BYTES;
	r.n = size - CONFIG_BYTES;
	begin(&r, data);
	while (r.n >= 2) {
		uint8_t verb = r.p[0], arg = r.p[1];

		r.p += 2;
		r.n -= 2;
		act(&r, verb, arg);
		check_all(&r);
	}
	smux_free(r.m);
	fifo_account_dispose(&r.account);
	fifo_pool_dispose(&r.pool);
	return 0;
}
