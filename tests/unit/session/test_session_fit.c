/* test_session_fit.c - whether a server understands what its client only guesses, seen by what it acknowledges.
 *
 * The server is a kcptun: a KCP that says nothing, and that ends when what comes first is not what it expects; the next
 * datagram begins another one. */
#include "session_bed.h"

enum { RTT_MS = 40 };

struct go {
	struct kcp *kcp; /* NULL: it knows no conversation */
	const char *expects;
	size_t expects_len;
	unsigned slow_ms; /* from its first byte to its end */
	uint64_t ends_at_us;
	size_t had;
	unsigned begun;
};

struct world {
	struct tunnel *t; /* its end[0], and the ways */
	struct go go;
	unsigned packets;       /* that the client sent */
	unsigned jitter_ms;     /* of what it sends */
	uint64_t first_from_us; /* until then what begins with the first segment is lost */
};

static size_t go_output(void *user, uint8_t *buf, size_t len)
{
	struct packet pkt = { .data = buf, .len = len };

	send(user, 1, &pkt);
	return len;
}

static void go_begin(struct world *w)
{
	struct kcp_config cfg;

	kcp_config_init(&cfg);
	cfg.conv = 77;
	cfg.nodelay = 1;
	cfg.copies = 0;
	cfg.ack_nodelay = true; /* at its end it does so, too */
	cfg.output = go_output;
	cfg.user = w->t;
	w->go.kcp = kcp_new(&cfg, w->t->now_us);
	assert_non_null(w->go.kcp);
	w->go.had = 0;
	w->go.begun++;
}

static void go_end(struct world *w)
{
	kcp_free(w->go.kcp);
	w->go.kcp = NULL;
	w->go.ends_at_us = 0;
}

static void go_read(struct world *w)
{
	struct go *go = &w->go;
	const uint8_t *p;
	size_t n;

	while (go->kcp != NULL && (n = kcp_peek(go->kcp, &p)) > 0) {
		for (size_t i = 0; i < n && go->had < go->expects_len; i++, go->had++)
			if (p[i] != (uint8_t)go->expects[go->had] && go->ends_at_us == 0)
				go->ends_at_us = w->t->now_us + go->slow_ms * UINT64_C(1000);
		kcp_consume(go->kcp, n);
	}
}

static void go_step(struct world *w)
{
	struct way *way = &w->t->way[0];

	for (; way->count > 0 && way->queue[way->head].at_us <= w->t->now_us; way->count--) {
		const struct datagram *d = &way->queue[way->head];

		if (w->go.kcp == NULL)
			go_begin(w);
		kcp_input(w->go.kcp, w->t->now_us, d->bytes, d->len, 0);
		way->head = (way->head + 1) % QUEUE;
	}
	if (w->go.kcp == NULL)
		return;
	kcp_flush(w->go.kcp, w->t->now_us);
	go_read(w);
	if (w->go.ends_at_us != 0 && w->t->now_us >= w->go.ends_at_us)
		go_end(w);
}

/* What leaves behind it is late, too. */
static void send_late(struct world *w, const struct packet *pkt)
{
	struct way *way = &w->t->way[0];
	size_t before = way->count;
	struct kcp_seg_header h;

	if (kcp_header_decode(&h, pkt->data, pkt->len) && h.sn == 0 && w->t->now_us < w->first_from_us)
		return;

	send(w->t, 0, pkt);
	if (way->count > before && w->jitter_ms > 0)
		way->queue[(way->head + before) % QUEUE].at_us += w->t->rng % (w->jitter_ms * MS);
}

static void client_step(struct world *w)
{
	struct tunnel *t = w->t;

	receive(t, 0);
	if (session_deadline(t->end[0]) <= t->now_us)
		session_tick(t->end[0], t->now_us);
	for (bool more = session_ended(t->end[0]) == SESSION_ALIVE; more;) {
		more = session_flush(t->end[0], t->now_us, &t->out, NULL);
		for (size_t i = 0; i < t->out.count; i++, w->packets++)
			send_late(w, &t->out.v[i]);
		batch_clear(&t->out);
	}
}

static void world_steps(struct world *w, unsigned ms)
{
	while (ms-- > 0) {
		w->t->now_us += MS;
		go_step(w);
		client_step(w);
	}
}

static struct world *world_new(enum codec_kind codec, int version, bool unsure, unsigned rtt_ms)
{
	struct world *w = calloc(1, sizeof(*w));
	struct session_config cfg;

	assert_non_null(w);
	w->t = tunnel_new(rtt_ms / 2, 0);
	cfg = config(w->t, true);
	cfg.compression = codec;
	cfg.smux_version = version;
	cfg.unsure = unsure;
	w->t->end[0] = session_new(&cfg, w->t->now_us);
	assert_non_null(w->t->end[0]);
	session_ping(w->t->end[0]);
	return w;
}

static void expect(struct world *w, const char *bytes, size_t n)
{
	w->go.expects = bytes;
	w->go.expects_len = n;
}

static void world_free(struct world *w)
{
	struct session_config server = config(w->t, false);

	go_end(w);
	w->t->end[1] = session_new(&server, w->t->now_us); /* tunnel_free() wants one */
	tunnel_free(w->t);
	free(w);
}

/* ms until the session is understood, or ended. */
static unsigned until_known(struct world *w)
{
	unsigned ms = 0;

	while (!session_understood(w->t->end[0]) && session_ended(w->t->end[0]) == SESSION_ALIVE &&
	       ms < 20000) {
		world_steps(w, 1);
		ms++;
	}
	return ms;
}

#define EXPECT(w, text) expect(w, text, sizeof(text) - 1)
#define SNAPPY "\xff\x06\x00\x00sNaPpY"

static void what_is_taken_on_and_on_is_understood(void **state)
{
	static const unsigned rtts[] = { 2, 40, 200, 600 };

	(void)state;
	for (size_t i = 0; i < sizeof(rtts) / sizeof(*rtts); i++) {
		struct world *w = world_new(CODEC_NONE, 2, true, rtts[i]);
		unsigned ms, most = (rtts[i] > 50 ? rtts[i] : 50) + rtts[i] + 40;

		EXPECT(w, "\x02");
		assert_false(session_understood(w->t->end[0]));
		ms = until_known(w);
		assert_true(session_understood(w->t->end[0]));
		assert_int_equal(session_ended(w->t->end[0]), SESSION_ALIVE);
		assert_true(ms >= 2 * rtts[i]);
		assert_true(ms <= most);
		world_free(w);
	}
}

static void what_ends_the_servers_session_is_not_understood(void **state)
{
	static const struct {
		enum codec_kind codec;
		int version;
		const char *expects;
		size_t n;
	} cases[] = {
		{ CODEC_NONE, 2, "\x01", 1 },
		{ CODEC_NONE, 1, "\x02", 1 },
		{ CODEC_NONE, 2, SNAPPY, 10 },
#if KT_SNAPPY
		{ CODEC_SNAPPY, 2, "\x02", 1 },
#endif
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct world *w = world_new(cases[i].codec, cases[i].version, true, RTT_MS);
		unsigned ms;

		expect(w, cases[i].expects, cases[i].n);
		ms = until_known(w);
		assert_int_equal(session_ended(w->t->end[0]), SESSION_NOT_UNDERSTOOD);
		assert_false(session_understood(w->t->end[0]));
		assert_true(ms <= 50 + RTT_MS + 40);
		assert_true(w->go.begun >= 2);
		world_free(w);
	}
}

static void a_server_that_is_slow_to_end_is_waited_for(void **state)
{
	struct world *w = world_new(CODEC_NONE, 2, true, 2);

	(void)state;
	EXPECT(w, "\x01");
	w->go.slow_ms = 40;
	until_known(w);
	assert_int_equal(session_ended(w->t->end[0]), SESSION_NOT_UNDERSTOOD);
	world_free(w);
}

/* One that was even slower, or was restarted since: what was said meanwhile may have been passed on, so it is not for the
 * next guess. */
static void who_forgets_later_was_restarted(void **state)
{
	struct world *w = world_new(CODEC_NONE, 2, true, RTT_MS);

	(void)state;
	EXPECT(w, "\x02");
	until_known(w);
	assert_true(session_understood(w->t->end[0]));
	go_end(w);
	session_ping(w->t->end[0]);
	world_steps(w, 100);
	assert_int_equal(session_ended(w->t->end[0]), SESSION_UNKNOWN);
	world_free(w);
}

/* Copies of what left first, and a stream's beginning behind it, are under way with the question. */
static void losses_and_delays_change_nothing_but_the_time(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 300; seed++) {
		struct world *w = world_new(CODEC_NONE, 2, true, 2 + seed * 2);
		bool fits = seed % 2 == 0;
		struct smux_stream *st;

		w->t->rng += seed * 7919;
		w->t->loss = seed % 3 * 100;
		w->jitter_ms = seed % 5 * 10;
		world_steps(w, seed % 7);
		assert_int_equal(session_open(w->t->end[0], &st), KT_OK);
		smux_commit(st, 0);
		expect(w, fits ? "\x02" : "\x01", 1);
		until_known(w);
		assert_int_equal(session_ended(w->t->end[0]),
				 fits ? SESSION_ALIVE : SESSION_NOT_UNDERSTOOD);
		world_free(w);
	}
}

static void hear_ack(struct world *w, uint32_t sn, uint32_t una, uint32_t ts)
{
	struct kcp_seg_header h = { .conv = 77,
				    .cmd = KCP_CMD_ACK,
				    .wnd = 128,
				    .ts = ts,
				    .sn = sn,
				    .una = una };
	uint8_t bytes[KCP_OVERHEAD];

	kcp_header_encode(bytes, &h);
	session_input(w->t->end[0], w->t->now_us, (struct view){ bytes, sizeof(bytes) });
	session_process(w->t->end[0], w->t->now_us);
}

/* A session begun by copies of the first two had both, and the next one had none of them. */
static void what_is_heard_behind_the_question_of_before_it_shows_nothing(void **state)
{
	struct world *w = world_new(CODEC_NONE, 2, true, 0);
	struct smux_stream *st;
	uint32_t began_ms, asked_ms = 0;
	uint64_t sent;

	(void)state;
	w->t->loss = 1000;
	began_ms = (uint32_t)(w->t->now_us / MS) + 1;
	world_steps(w, 1);
	assert_int_equal(session_open(w->t->end[0], &st), KT_OK);
	smux_commit(st, 0);
	world_steps(w, 5);
	hear_ack(w, 0, 1, began_ms);
	sent = session_sent_bytes(w->t->end[0]);
	while (session_sent_bytes(w->t->end[0]) == sent) {
		world_steps(w, 1);
		asked_ms = (uint32_t)(w->t->now_us / MS);
	}
	world_steps(w, 10);
	hear_ack(w, 1, 2, began_ms + 1);
	assert_false(session_understood(w->t->end[0]));
	assert_int_equal(session_ended(w->t->end[0]), SESSION_ALIVE);
	hear_ack(w, 2, 0, asked_ms);
	assert_int_equal(session_ended(w->t->end[0]), SESSION_NOT_UNDERSTOOD);
	world_free(w);
}

/* As a kcptund does that was built without the compression. */
static void who_never_takes_the_first_does_not_understand_it(void **state)
{
	struct world *w = world_new(CODEC_NONE, 2, true, 0);
	struct session *s = w->t->end[0];
	uint32_t began_ms = (uint32_t)(w->t->now_us / MS) + 1;

	(void)state;
	w->t->loss = 1000;
	world_steps(w, 50);
	session_ping(s);
	world_steps(w, 1000);
	assert_int_equal(session_ended(s), SESSION_ALIVE); /* nothing arrives */
	hear_ack(w, 1, 0, began_ms + 1000);
	world_steps(w, 480);
	assert_int_equal(session_ended(s), SESSION_ALIVE);
	world_steps(w, 400);
	assert_int_equal(session_ended(s), SESSION_NOT_UNDERSTOOD);
	world_free(w);
}

static void what_was_only_lost_is_not_missed(void **state)
{
	struct world *w = world_new(CODEC_NONE, 2, true, 20);
	struct session *s = w->t->end[0];

	(void)state;
	EXPECT(w, "\x02");
	w->first_from_us = w->t->now_us + 400 * MS;
	world_steps(w, 50);
	session_ping(s);
	world_steps(w, 300);
	assert_true(session_acked_bytes(s) > 0);
	until_known(w);
	assert_true(session_understood(s));
	world_free(w);
}

static void who_never_answers_is_asked_nothing(void **state)
{
	struct world *w = world_new(CODEC_NONE, 2, true, RTT_MS);

	(void)state;
	EXPECT(w, "\x02");
	w->t->loss = 1000;
	world_steps(w, 5000);
	assert_false(session_understood(w->t->end[0]));
	assert_int_equal(session_ended(w->t->end[0]), SESSION_ALIVE);
	w->t->loss = 0;
	until_known(w);
	assert_true(session_understood(w->t->end[0]));
	world_free(w);
}

static void who_is_sure_asks_nothing(void **state)
{
	unsigned packets[2];

	(void)state;
	for (int unsure = 0; unsure < 2; unsure++) {
		struct world *w = world_new(CODEC_NONE, 2, unsure, RTT_MS);

		EXPECT(w, "\x02");
		assert_int_equal(session_understood(w->t->end[0]), !unsure);
		world_steps(w, 300);
		assert_true(session_understood(w->t->end[0]));
		packets[unsure] = w->packets;
		world_free(w);
	}
	assert_true(packets[1] > packets[0]);
	assert_true(packets[1] <= packets[0] + 1 + KCP_COPIES_MAX);
}

/* A kcptund server says at once what it understands, and so needs no question. */
static void who_speaks_is_understood(void **state)
{
	struct tunnel *t = tunnel_new(20, 0);
	struct session_config cfg[2] = { config(t, true), config(t, false) };
	unsigned ms = 0;

	(void)state;
	cfg[0].unsure = true;
	t->end[0] = session_new(&cfg[0], t->now_us);
	t->end[1] = session_new(&cfg[1], t->now_us);
	session_ping(t->end[0]);
	for (; !session_understood(t->end[0]); ms++)
		step(t);
	assert_true(ms <= 60);
	assert_int_equal(session_peer_version(t->end[0]), 2);
	tunnel_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_on_and_on_is_understood),
		cmocka_unit_test(what_ends_the_servers_session_is_not_understood),
		cmocka_unit_test(a_server_that_is_slow_to_end_is_waited_for),
		cmocka_unit_test(who_forgets_later_was_restarted),
		cmocka_unit_test(losses_and_delays_change_nothing_but_the_time),
		cmocka_unit_test(what_is_heard_behind_the_question_of_before_it_shows_nothing),
		cmocka_unit_test(who_never_takes_the_first_does_not_understand_it),
		cmocka_unit_test(what_was_only_lost_is_not_missed),
		cmocka_unit_test(who_never_answers_is_asked_nothing),
		cmocka_unit_test(who_is_sure_asks_nothing),
		cmocka_unit_test(who_speaks_is_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
