/* test_session_repair.c - parity where it pays: which traffic gets it, over which path, and towards
 * whom. */
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

enum { MS = 1000, QUEUE = 8192, MTU = 1350, BYTES_PER_MS = 12500, BACKLOG_MS = 100 };

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
	unsigned loss; /* of 1000 */
	struct smux_stream *st[2];
	uint64_t sent, received; /* by the server, by the client */
};

static struct session_config config(struct tunnel *t, bool client)
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

static struct tunnel *tunnel_new(unsigned delay_ms, unsigned loss)
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

static void tunnel_free(struct tunnel *t)
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

static bool is_lost(struct tunnel *t)
{
	t->rng ^= t->rng << 13;
	t->rng ^= t->rng >> 7;
	t->rng ^= t->rng << 17;
	return (t->rng >> 32) % 1000 < t->loss;
}

static void send(struct tunnel *t, int side, const struct packet *pkt)
{
	struct way *w = &t->way[side];
	struct datagram *d = &w->queue[(w->head + w->count) % QUEUE];

	w->bytes += pkt->len;
	if (load_le16(pkt->data + 4) == FEC_TYPE_REPAIR) {
		w->repairs++;
		w->repair_bytes += pkt->len;
	}
	if (w->free_us < t->now_us)
		w->free_us = t->now_us;
	if (is_lost(t) || w->free_us > t->now_us + BACKLOG_MS * MS)
		return;
	w->free_us += pkt->len * MS / BYTES_PER_MS;
	assert_true(w->count < QUEUE);
	w->count++;
	d->at_us = w->free_us + t->delay_us;
	d->len = pkt->len;
	memcpy(d->bytes, pkt->data, pkt->len);
}

static void receive(struct tunnel *t, int side)
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
static uint8_t text_at(uint64_t place)
{
	return (uint8_t)(place * 7 + place / 251);
}

static void read_all(struct tunnel *t)
{
	struct span piece;

	while (smux_peek(t->st[0], &piece, 1) == 1) {
		for (size_t i = 0; i < piece.n; i++)
			assert_int_equal(piece.p[i], text_at(t->received++));
		smux_consume(t->st[0], piece.n);
	}
}

static void step(struct tunnel *t)
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

static void steps(struct tunnel *t, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++)
		step(t);
}

/* A client that opened a stream, and a server that has it. */
static void open_with(struct tunnel *t, const struct session_config *client,
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

static void open(struct tunnel *t)
{
	struct session_config cfg[2] = { config(t, true), config(t, false) };

	open_with(t, &cfg[0], &cfg[1]);
}

/* The server writes up to so many bytes; returns how many there was room for. */
static size_t write_some(struct tunnel *t, size_t bytes)
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
static unsigned transfer(struct tunnel *t, size_t bytes)
{
	uint64_t begun_us = t->now_us, end = t->sent + bytes;

	while (t->received < end) {
		if (write_some(t, (size_t)(end - t->sent)) == 0 || t->sent == end)
			step(t);
		assert_true(t->now_us - begun_us < 60 * UINT64_C(1000000));
	}
	return (unsigned)((t->now_us - begun_us) / MS);
}

static uint64_t repaired(const struct tunnel *t)
{
	struct counters c;

	session_counters(t->end[0], &c);
	return c.fec_recovered;
}

/* ---- cases -------------------------------------------------------------------------- */

static void files_over_a_long_path_that_loses_get_parity(void **state)
{
	struct tunnel *t = tunnel_new(50, 50);
	unsigned quick = 0;

	(void)state;
	open(t);
	for (unsigned i = 0; i < 6; i++) { /* it learns */
		transfer(t, 100000);
		steps(t, 500);
	}
	for (unsigned i = 0; i < 20; i++) {
		quick += transfer(t, 100000) < 120; /* 50 and some: no round trip more */
		steps(t, 500);
	}
	assert_in_range(quick, 15, 20);
	assert_true(repaired(t) > 20);
	assert_true(t->way[1].repair_bytes < t->way[1].bytes / 3);
	assert_int_equal(t->way[0].repairs, 0); /* nothing large goes that way */
	tunnel_free(t);
}

/* So many files of 100 KB, with a pause of so many steps behind each. */
static void files(struct tunnel *t, unsigned count, unsigned pause)
{
	while (count-- > 0) {
		transfer(t, 100000);
		steps(t, pause);
	}
}

/* Ten files over such a path get no parity. */
static void spends_nothing(uint32_t delay_ms, uint32_t loss_permille)
{
	struct tunnel *t = tunnel_new(delay_ms, loss_permille);

	open(t);
	files(t, 10, 300);
	assert_int_equal(t->way[1].repairs, 0);
	tunnel_free(t);
}

static void nothing_is_spent_where_nothing_is_lost(void **state)
{
	(void)state;
	spends_nothing(50, 0);
}

static void nor_over_a_short_path(void **state)
{
	(void)state;
	spends_nothing(3, 50);
}

/* A queue that overflows once is no reason to give up, nor to spend as if that were the rule. */
static void a_flood_that_was_lost_is_soon_forgotten(void **state)
{
	struct tunnel *t = tunnel_new(50, 30);
	unsigned quick = 0;
	struct way before;

	(void)state;
	open(t);
	files(t, 10, 300);
	t->loss = 500;
	for (size_t left = 800000; left > 0;)
		left -= write_some(t, left);
	steps(t, 70);
	t->loss = 30;
	steps(t, 2000);
	before = t->way[1];
	for (unsigned i = 0; i < 10; i++) {
		quick += transfer(t, 100000) < 120;
		steps(t, 300);
	}
	assert_in_range(quick, 7, 10);
	assert_true(t->way[1].repair_bytes - before.repair_bytes <
		    (t->way[1].bytes - before.bytes) / 4);
	tunnel_free(t);
}

static void small_segments_get_none(void **state)
{
	struct tunnel *t = tunnel_new(50, 50);

	(void)state;
	open(t);
	for (unsigned i = 0; i < 3; i++) /* it knows the loss */
		transfer(t, 100000);
	steps(t, 500);
	t->way[1].repairs = 0;
	for (unsigned i = 0; i < 200; i++) {
		transfer(t, 100);
		steps(t, 10);
	}
	assert_int_equal(t->way[1].repairs, 0);
	tunnel_free(t);
}

static void a_bulk_transfer_gets_hardly_any(void **state)
{
	struct tunnel *t = tunnel_new(50, 10);

	(void)state;
	open(t);
	for (unsigned i = 0; i < 3; i++)
		transfer(t, 100000);
	transfer(t, 40 << 20);
	assert_true(t->way[1].repair_bytes < t->way[1].bytes / 200);
	tunnel_free(t);
}

/* A peer with numbers of its own, or none, hears of nothing. */
static void a_peer_that_has_numbers_gets_none(void **state)
{
	(void)state;
	for (int with = 0; with < 2; with++) {
		struct tunnel *t = tunnel_new(50, 50);
		struct session_config cfg[2] = { config(t, true), config(t, false) };

		cfg[with].data_shards = cfg[with].parity_shards = 0;
		open_with(t, &cfg[0], &cfg[1]);
		for (unsigned i = 0; i < 10; i++)
			transfer(t, 100000);
		assert_int_equal(t->way[1].repairs, 0);
		tunnel_free(t);
	}
}

static void what_was_kept_is_given_back(void **state)
{
	struct tunnel *t = tunnel_new(50, 50);
	struct session_info info;

	(void)state;
	open(t);
	for (unsigned i = 0; i < 10; i++)
		transfer(t, 100000);
	session_get_info(t->end[0], &info);
	assert_true(info.fec_bytes > 0);
	while (!session_drained(t->end[1]))
		step(t);
	for (int side = 0; side < 2; side++)
		while (session_trim(t->end[side]))
			;
	session_get_info(t->end[0], &info);
	assert_int_equal(info.fec_bytes, 0);
	transfer(t, 100000);
	tunnel_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_over_a_long_path_that_loses_get_parity),
		cmocka_unit_test(nothing_is_spent_where_nothing_is_lost),
		cmocka_unit_test(nor_over_a_short_path),
		cmocka_unit_test(a_flood_that_was_lost_is_soon_forgotten),
		cmocka_unit_test(small_segments_get_none),
		cmocka_unit_test(a_bulk_transfer_gets_hardly_any),
		cmocka_unit_test(a_peer_that_has_numbers_gets_none),
		cmocka_unit_test(what_was_kept_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
