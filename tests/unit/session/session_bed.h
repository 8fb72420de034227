/* session_bed.h - two sessions joined by a path of 100 Mbit/s that delays and loses, in steps of a millisecond, and one
 * stream through both. */
#ifndef SESSION_BED_H
#define SESSION_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"
#include "fec.h"
#include "session.h"

enum { MS = 1000, QUEUE = 8192, MTU = 1500, BYTES_PER_MS = 12500, BACKLOG_MS = 100, KEPT = 8 };

struct datagram {
	uint64_t at_us;
	size_t len;
	uint8_t bytes[MTU];
};

/* One way of the path. */
struct way {
	struct datagram *queue;
	size_t head, count;
	uint64_t free_us; /* when the bottleneck has sent what waits before it */
	unsigned repairs; /* packets of parity that left */
	size_t repair_bytes, bytes;
};

struct tunnel {
	struct fifo_pool fifos;
	struct session_scratch scratch;
	struct packet_pool packets;
	struct batch out;
	struct session *end[2]; /* client, server */
	struct way way[2];      /* from the client, from the server */
	uint64_t now_us, delay_us, rng;
	unsigned loss;              /* of 1000 */
	size_t narrow;              /* longer packets are lost; 0: none */
	struct datagram kept[KEPT]; /* the client's first ones */
	size_t kept_count;
	struct smux_stream *st[2];
	uint64_t sent, received; /* by the server, by the client */
};

static inline struct session_config config(struct tunnel *t, bool client)
{
	return (struct session_config){
		.client = client,
		.conv = 77,
		.packet_bytes_max = 1330,
		.snd_wnd = SESSION_AUTO,
		.rcv_wnd = SESSION_AUTO,
		.nodelay = 3,
		.interval_ms = 10,
		.resend = 2,
		.congestion = SESSION_MODEL,
		.copies = SESSION_AUTO,
		.data_shards = SESSION_AUTO,
		.parity_shards = SESSION_AUTO,
		.compression = CODEC_NONE,
		.smux_version = 2,
		.framesize = 8192,
		.smuxbuf = 64 << 20,
		.streambuf = 16 << 20,
		.stream_send_bytes_max = 1 << 20,
		.streams_max = 16,
		.keepalive_us = 10000000,
		.pool = &t->fifos,
		.scratch = &t->scratch,
	};
}

static inline struct tunnel *tunnel_new(unsigned delay_ms, unsigned loss)
{
	struct tunnel *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	fifo_pool_init(&t->fifos, SIZE_MAX);
	session_scratch_init(&t->scratch);
	packet_pool_init(&t->packets);
	batch_init(&t->out, &t->packets);
	t->now_us = 1000 * MS;
	t->delay_us = delay_ms * UINT64_C(1000);
	t->rng = 88172645463325252u;
	t->loss = loss;
	for (int side = 0; side < 2; side++) {
		t->way[side].queue = calloc(QUEUE, sizeof(struct datagram));
		assert_non_null(t->way[side].queue);
	}
	return t;
}

static inline void tunnel_free(struct tunnel *t)
{
	for (int side = 0; side < 2; side++) {
		session_verify(t->end[side]);
		session_free(t->end[side]);
		free(t->way[side].queue);
	}
	batch_clear(&t->out);
	packet_pool_dispose(&t->packets);
	session_scratch_dispose(&t->scratch);
	fifo_pool_dispose(&t->fifos);
	free(t);
}

static inline bool is_lost(struct tunnel *t)
{
	t->rng ^= t->rng << 13;
	t->rng ^= t->rng >> 7;
	t->rng ^= t->rng << 17;
	return (t->rng >> 32) % 1000 < t->loss;
}

static inline void send(struct tunnel *t, int side, const struct packet *pkt)
{
	struct way *w = &t->way[side];
	struct datagram *d = &w->queue[(w->head + w->count) % QUEUE];

	w->bytes += pkt->len;
	if (side == 0 && t->kept_count < KEPT) {
		t->kept[t->kept_count].len = pkt->len;
		memcpy(t->kept[t->kept_count++].bytes, pkt->data, pkt->len);
	}
	if (load_le16(pkt->data + 4) == FEC_TYPE_REPAIR) {
		w->repairs++;
		w->repair_bytes += pkt->len;
	}
	if (w->free_us < t->now_us)
		w->free_us = t->now_us;
	if (is_lost(t) || w->free_us > t->now_us + BACKLOG_MS * MS ||
	    (t->narrow != 0 && pkt->len > t->narrow))
		return;
	w->free_us += pkt->len * MS / BYTES_PER_MS;
	assert_true(w->count < QUEUE);
	w->count++;
	d->at_us = w->free_us + t->delay_us;
	d->len = pkt->len;
	memcpy(d->bytes, pkt->data, pkt->len);
}

static inline void receive(struct tunnel *t, int side)
{
	struct way *w = &t->way[!side];

	for (; w->count > 0 && w->queue[w->head].at_us <= t->now_us; w->count--) {
		const struct datagram *d = &w->queue[w->head];

		session_input(t->end[side], t->now_us, (struct view){ d->bytes, d->len });
		w->head = (w->head + 1) % QUEUE;
	}
	session_process(t->end[side], t->now_us);
}

/* The byte at a place of the server's stream. */
static inline uint8_t text_at(uint64_t place)
{
	return (uint8_t)(place * 7 + place / 251);
}

static inline void read_all(struct tunnel *t)
{
	struct span piece;

	while (smux_peek(t->st[0], &piece, 1) == 1) {
		for (size_t i = 0; i < piece.n; i++)
			assert_int_equal(piece.p[i], text_at(t->received++));
		smux_consume(t->st[0], piece.n);
	}
}

static inline void step(struct tunnel *t)
{
	struct smux_event ev;

	t->now_us += MS;
	for (int side = 0; side < 2; side++) {
		receive(t, side);
		while (session_next(t->end[side], &ev))
			t->st[side] = ev.stream;
		if (side == 0 && t->st[0] != NULL)
			read_all(t);
		if (session_deadline(t->end[side]) <= t->now_us)
			session_tick(t->end[side], t->now_us);
		for (bool more = true; more;) {
			more = session_flush(t->end[side], t->now_us, &t->out, NULL);
			for (size_t i = 0; i < t->out.count; i++)
				send(t, side, &t->out.v[i]);
			batch_clear(&t->out);
		}
	}
}

static inline void steps(struct tunnel *t, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++)
		step(t);
}

/* A client that opened a stream, and a server that has it. */
static inline void open_with(struct tunnel *t, const struct session_config *client,
			     const struct session_config *server)
{
	t->end[0] = session_new(client, t->now_us);
	t->end[1] = session_new(server, t->now_us);
	assert_non_null(t->end[0]);
	assert_non_null(t->end[1]);
	assert_int_equal(session_open(t->end[0], &t->st[0]), KT_OK);
	smux_commit(t->st[0], 0);
	while (t->st[1] == NULL)
		step(t);
}

static inline void open(struct tunnel *t)
{
	struct session_config cfg[2] = { config(t, true), config(t, false) };

	open_with(t, &cfg[0], &cfg[1]);
}

/* The server writes up to so many bytes; returns how many there was room for. */
static inline size_t write_some(struct tunnel *t, size_t bytes)
{
	struct span room = smux_reserve(t->st[1]);
	size_t n = room.n < bytes ? room.n : bytes;

	for (size_t i = 0; i < n; i++)
		room.p[i] = text_at(t->sent + i);
	smux_commit(t->st[1], n);
	t->sent += n;
	return n;
}

/* The server sends so many bytes; ms until the client has them. */
static inline unsigned transfer(struct tunnel *t, size_t bytes)
{
	uint64_t begun_us = t->now_us, end = t->sent + bytes;

	while (t->received < end) {
		if (write_some(t, (size_t)(end - t->sent)) == 0 || t->sent == end)
			step(t);
		assert_true(t->now_us - begun_us < 60 * UINT64_C(1000000));
	}
	return (unsigned)((t->now_us - begun_us) / MS);
}

static inline uint64_t repaired(const struct tunnel *t)
{
	struct counters c;

	session_counters(t->end[0], &c);
	return c.fec_recovered;
}

#endif
