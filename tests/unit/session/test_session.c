/* test_session.c - two of ours: what they carry and hold, and how a session tells what does not fit. */
#include "session_given.h"

#include "fec.h"

/* ---- two of ours ------------------------------------------------------------------------ */

struct pair {
	struct bed bed;
	struct session *end[2]; /* client, server */
	uint64_t now_us;
};

static void pair_open(struct pair *p, const struct session_config *client,
		      const struct session_config *server)
{
	p->now_us = 1000000;
	p->end[0] = session_new(client, p->now_us);
	p->end[1] = session_new(server, p->now_us);
	assert_non_null(p->end[0]);
	assert_non_null(p->end[1]);
}

static void pair_close(struct pair *p)
{
	session_free(p->end[0]);
	session_free(p->end[1]);
	bed_dispose(&p->bed);
}

/* Move packets both ways until nothing is under way. */
static void settle(struct pair *p)
{
	for (int round = 0; round < 50; round++) {
		p->now_us += 5000;
		for (int side = 0; side < 2; side++) {
			bool more;

			do {
				more = session_flush(p->end[side], p->now_us, &p->bed.out, NULL);
				for (size_t i = 0; i < p->bed.out.count; i++)
					session_input(p->end[!side], p->now_us,
						      (struct view){ p->bed.out.v[i].data,
								     p->bed.out.v[i].len });
				batch_clear(&p->bed.out);
			} while (more);
			session_process(p->end[!side], p->now_us);
		}
	}
}

static void write_text(struct smux_stream *st, const char *text)
{
	struct span room = smux_reserve(st);

	assert_true(room.n >= strlen(text));
	memcpy(room.p, text, strlen(text));
	smux_commit(st, strlen(text));
}

static void assert_reads(struct smux_stream *st, const char *text)
{
	struct span piece;

	assert_int_equal(smux_peek(st, &piece, 1), 1);
	assert_int_equal(piece.n, strlen(text));
	assert_memory_equal(piece.p, text, piece.n);
	smux_consume(st, piece.n);
}

static struct smux_stream *accept_stream(struct session *s)
{
	struct smux_event ev;

	assert_true(session_next(s, &ev));
	assert_true(ev.what & SMUX_OPENED);
	return ev.stream;
}

static void carries_a_request_and_its_answer(enum codec_kind codec, int version, bool with_qpp)
{
	struct pair p = { 0 };
	struct session_config client, server;
	struct smux_stream *near, *far;
	struct qpp *qpp = with_qpp ? qpp_new("a key of the test", 17, 7, NULL) : NULL;
	struct session_info info;

	bed_init(&p.bed);
	client = config(&p.bed, true);
	server = config(&p.bed, false);
	client.compression = codec;
	client.smux_version = version;
	client.qpp = server.qpp = qpp;
	pair_open(&p, &client, &server);
	assert_int_equal(session_open(p.end[0], &near), KT_OK);
	write_text(near, "a request");
	smux_shutdown(near);
	settle(&p);
	far = accept_stream(p.end[1]);
	assert_reads(far, "a request");
	assert_true(smux_eof(far));
	write_text(far, "the answer comes after the end of the request");
	smux_shutdown(far);
	settle(&p);
	assert_reads(near, "the answer comes after the end of the request");
	assert_true(smux_eof(near));
	session_get_info(p.end[1], &info);
	assert_int_equal(info.codec_in, codec);
	assert_int_equal(info.codec_out, codec);
	assert_int_equal(info.smux_version, version);
	assert_int_equal(session_peer_version(p.end[1]), version);
	smux_release(near, false);
	smux_release(far, false);
	settle(&p);
	assert_true(session_drained(p.end[0]));
	assert_true(session_drained(p.end[1]));
	pair_close(&p);
	qpp_free(qpp);
}

static void write_zeros(struct smux_stream *st, size_t n)
{
	while (n > 0) {
		struct span room = smux_reserve(st);

		assert_true(room.n > 0);
		if (room.n > n)
			room.n = n;
		memset(room.p, 0, room.n);
		smux_commit(st, room.n);
		n -= room.n;
	}
}

/* One round of a session that nobody answers; segments that it has queued or in flight then. */
static unsigned send_all(struct pair *p, struct session *s)
{
	struct session_info info;

	p->now_us += 1000;
	session_process(s, p->now_us);
	while (session_flush(s, p->now_us, &p->bed.out, NULL))
		batch_clear(&p->bed.out);
	batch_clear(&p->bed.out);
	session_get_info(s, &info);
	return info.kcp.inflight_segs + info.kcp.snd_queue_segs;
}

static void what_a_session_holds_is_charged_to_its_pool(void **state)
{
	struct pair p = { 0 };
	struct session_config client, server;
	struct session_info info[2];
	struct smux_stream *st;

	bed_init(&p.bed);
	client = config(&p.bed, true);
	server = config(&p.bed, false);
	pair_open(&p, &client, &server);
	assert_int_equal(session_open(p.end[0], &st), KT_OK);
	write_zeros(st, 100000);
	settle(&p);
	for (int i = 0; i < 2; i++) {
		session_process(p.end[i], p.now_us);
		session_get_info(p.end[i], &info[i]);
		assert_true(info[i].memory_bytes >=
			    info[i].kcp_bytes + info[i].fec_bytes + info[i].codec_bytes);
	}
	assert_int_equal(p.bed.fifos.charged_bytes, info[0].memory_bytes + info[1].memory_bytes);
	assert_int_equal(fifo_pool_held(&p.bed.fifos),
			 p.bed.fifos.charged_bytes + p.bed.fifos.used_bytes);
	while (session_trim(p.end[0]))
		;
	assert_true(p.bed.fifos.charged_bytes < info[0].memory_bytes + info[1].memory_bytes);
	pair_close(&p); /* and nothing is left of it */
}

/* The segments of others have used it up: what is to be sent stays in its streams, but for a little. */
static void beyond_the_budget_kcp_gets_little_to_hold(void **state)
{
	struct pair p = { 0 };
	struct session_config client, server;
	struct fifo_account others;
	struct smux_stream *st, *far;

	bed_init(&p.bed);
	fifo_pool_set_max(&p.bed.fifos, 4 << 20);
	fifo_account_init(&others, &p.bed.fifos);
	client = config(&p.bed, true);
	server = config(&p.bed, false);
	client.compression = CODEC_NONE;
	client.snd_wnd = 1024;
	client.stream_send_bytes_max = 1 << 20;
	pair_open(&p, &client, &server);
	assert_int_equal(session_open(p.end[0], &st), KT_OK);
	write_zeros(st, 1);
	settle(&p);
	far = accept_stream(p.end[1]);
	fifo_account_charge(&others, 4 << 20);
	for (int i = 0; i < 30; i++) {
		write_zeros(st, 8000);
		assert_in_range(send_all(&p, p.end[0]), 1, 128);
	}
	assert_true(smux_unsent(st) > 100000);
	assert_false(session_drained(p.end[0]));
	settle(&p); /* acknowledgements let the rest go, a little at a time */
	assert_int_equal(smux_unsent(st), 0);
	smux_consume(far, smux_unread(far));
	settle(&p);
	fifo_account_charge(&others, 0);
	for (int i = 0; i < 30; i++) {
		write_zeros(st, 8000);
		send_all(&p, p.end[0]);
	}
	assert_int_equal(smux_unsent(st), 0);
	fifo_account_dispose(&others);
	pair_close(&p);
}

static void a_server_recognises_compression_and_version(void **state)
{
	for (enum codec_kind codec = CODEC_NONE; codec <= CODEC_ZSTD; codec++)
		for (int version = 1; version <= 2; version++)
			for (int qpp = 0; qpp <= 1 && codec_built_in(codec); qpp++)
				carries_a_request_and_its_answer(codec, version, qpp);
}

/* A client hears a server that answers with `codec` and `version`. */
static enum session_end end_of_client_that_hears(enum codec_kind ours, int our_version,
						 enum codec_kind theirs, int their_version)
{
	struct pair p = { 0 };
	struct session_config a, b;
	struct smux_stream *st;
	enum session_end end;

	bed_init(&p.bed);
	a = config(&p.bed, true);
	a.compression = ours;
	a.smux_version = our_version;
	b = config(&p.bed, true); /* a second client: it speaks without being asked */
	b.compression = theirs;
	b.smux_version = their_version;
	pair_open(&p, &a, &b);
	assert_int_equal(session_open(p.end[1], &st), KT_OK);
	write_text(st, "something");
	settle(&p);
	end = session_ended(p.end[0]);
	if (end == SESSION_OTHER_CODEC)
		assert_int_equal(session_peer_codec(p.end[0]), theirs);
	if (end == SESSION_OTHER_VERSION)
		assert_int_equal(session_peer_version(p.end[0]), their_version);
	pair_close(&p);
	return end;
}

static void a_client_names_what_the_server_does_otherwise(void **state)
{
	if (!codec_built_in(CODEC_SNAPPY) || !codec_built_in(CODEC_ZSTD))
		skip();
	assert_int_equal(end_of_client_that_hears(CODEC_NONE, 2, CODEC_SNAPPY, 2),
			 SESSION_OTHER_CODEC);
	assert_int_equal(end_of_client_that_hears(CODEC_SNAPPY, 2, CODEC_NONE, 2),
			 SESSION_OTHER_CODEC);
	assert_int_equal(end_of_client_that_hears(CODEC_SNAPPY, 2, CODEC_ZSTD, 2),
			 SESSION_OTHER_CODEC);
	assert_int_equal(end_of_client_that_hears(CODEC_SNAPPY, 2, CODEC_SNAPPY, 1),
			 SESSION_OTHER_VERSION);
	assert_int_equal(end_of_client_that_hears(CODEC_NONE, 1, CODEC_NONE, 2),
			 SESSION_OTHER_VERSION);
	assert_int_equal(end_of_client_that_hears(CODEC_NONE, 2, CODEC_NONE, 2), SESSION_ALIVE);
}

/* Stream bytes of our choice, through a bare KCP. */
static void put_segment(uint8_t *seg, uint32_t sn, const void *data, uint32_t len)
{
	struct kcp_seg_header h = { .conv = 77, .cmd = KCP_CMD_PUSH, .wnd = 128, .sn = sn, .len = len };

	kcp_header_encode(seg, &h);
	memcpy(seg + KCP_OVERHEAD, data, len);
}

static void store_sid(uint8_t *p, uint32_t sid)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(sid >> (8 * i));
}

static enum session_end end_of_server_that_hears(const void *data, uint32_t len)
{
	struct bed bed;
	struct session_config cfg;
	struct session *s;
	uint8_t seg[KCP_OVERHEAD + 64];
	enum session_end end;

	bed_init(&bed);
	cfg = config(&bed, false);
	s = session_new(&cfg, 1000);
	assert_non_null(s);
	for (uint32_t i = 0; i < len; i++) { /* a byte a segment */
		put_segment(seg, i, (const uint8_t *)data + i, 1);
		session_input(s, 2000, (struct view){ seg, KCP_OVERHEAD + 1 });
		session_process(s, 2000);
	}
	end = session_ended(s);
	session_free(s);
	bed_dispose(&bed);
	return end;
}

static void a_server_ends_what_is_no_kcptun_stream(void **state)
{
	assert_int_equal(end_of_server_that_hears("GET / HTTP/1.1", 14), SESSION_FOREIGN);
	assert_int_equal(end_of_server_that_hears("\x03\x00\x00\x00\x03\x00\x00\x00", 8),
			 SESSION_FOREIGN);
	assert_int_equal(end_of_server_that_hears("\x02\x07\x00\x00\x03\x00\x00\x00", 8),
			 SESSION_BROKEN_SMUX);
	assert_int_equal(end_of_server_that_hears("\xff\x06\x00\x00sNaPpX", 10),
			 codec_built_in(CODEC_SNAPPY) ? SESSION_BROKEN_CODEC : SESSION_OTHER_CODEC);
	assert_int_equal(end_of_server_that_hears("\x02\x00\x00\x00\x03\x00\x00\x00", 8),
			 SESSION_ALIVE);
}

/* Who opens and ends streams and never acknowledges makes us owe a frame for each, for ever; what is
 * queued for it is bounded. */
static void a_peer_that_never_acknowledges_is_owed_little(void **state)
{
	enum { STREAM_COUNT = 200000 };
	struct bed bed;
	struct session_config cfg;
	struct session_info info;
	struct session *s;
	uint8_t seg[KCP_OVERHEAD + 16];
	uint32_t sn = 0;

	bed_init(&bed);
	cfg = config(&bed, false);
	cfg.data_shards = cfg.parity_shards = 0;
	cfg.streams_max = 16;
	s = session_new(&cfg, 1000);
	assert_non_null(s);
	for (uint32_t i = 0; i < STREAM_COUNT; i++) {
		uint8_t frames[16] = { 2, 0, 0, 0, 0, 0, 0, 0, 2, 1 };
		struct smux_event ev;

		store_sid(frames + 4, 3 + 2 * i);
		store_sid(frames + 12, 3 + 2 * i);
		put_segment(seg, sn++, frames, sizeof(frames));
		session_input(s, 2000 + i, (struct view){ seg, sizeof(seg) });
		session_process(s, 2000 + i);
		while (session_next(s, &ev)) {
			if (ev.what & SMUX_OPENED)
				smux_shutdown(ev.stream);
			if (smux_eof(ev.stream))
				smux_release(ev.stream, false);
		}
		session_flush(s, 2000 + i, &bed.out, NULL);
		batch_clear(&bed.out);
	}
	session_get_info(s, &info);
	assert_true(info.kcp.snd_queue_segs <= 200);
	assert_true(info.memory_bytes < 2000000);
	session_free(s);
	bed_dispose(&bed);
}

/* Segments with a hole before each, 1 ms apart: how often a server answers them in 20 ms. */
static void who_does_not_say_that_it_paces_is_told_of_holes_in_batches(void **state)
{
	struct bed bed;
	struct session_config cfg;
	struct session *s;
	uint8_t seg[KCP_OVERHEAD + 8];
	unsigned answers = 0;

	(void)state;
	bed_init(&bed);
	cfg = config(&bed, false);
	cfg.ack_nodelay = false;
	cfg.data_shards = cfg.parity_shards = 0;
	s = session_new(&cfg, 1000);
	assert_non_null(s);
	for (unsigned ms = 1; ms <= 20; ms++) {
		put_segment(seg, 2 * ms, "\2\3\0\0\0\0\0\0", 8);
		session_input(s, ms * 1000, (struct view){ seg, sizeof(seg) });
		session_process(s, ms * 1000);
		session_flush(s, ms * 1000, &bed.out, NULL);
		answers += bed.out.count > 0;
		batch_clear(&bed.out);
	}
	assert_in_range(answers, 2, 4); /* the first at once, then every 10 ms */
	session_free(s);
	bed_dispose(&bed);
}

static void a_server_drops_a_session_without_a_frame_after_seconds(void **state)
{
	struct bed bed;
	struct session_config cfg;
	struct session *s;

	bed_init(&bed);
	cfg = config(&bed, false);
	s = session_new(&cfg, 1000);
	assert_non_null(s);
	assert_true(session_deadline(s) <= 1000 + SESSION_FIRST_FRAME_US);
	session_tick(s, SESSION_FIRST_FRAME_US);
	assert_int_equal(session_ended(s), SESSION_ALIVE);
	session_tick(s, 1000 + SESSION_FIRST_FRAME_US);
	assert_int_equal(session_ended(s), SESSION_NO_FRAME);
	session_free(s);
	bed_dispose(&bed);
}

static void sniff_tells_the_conversation_of_a_datagram(void **state)
{
	uint8_t seg[8 + KCP_OVERHEAD + 4];
	struct session_sniff sniff;

	put_segment(seg + 8, 9, "abcd", 4);
	assert_true(session_sniff((struct view){ seg + 8, KCP_OVERHEAD + 4 }, &sniff));
	assert_true(sniff.has_conv);
	assert_int_equal(sniff.conv, 77);
	assert_int_equal(sniff.cmd, KCP_CMD_PUSH);
	assert_int_equal(sniff.sn, 9);
	/* the same in a data shard */
	memcpy(seg, "\0\0\0\0\xf1\0", 6);
	store_le16(seg + 6, 2 + KCP_OVERHEAD + 4);
	assert_true(session_sniff((struct view){ seg, sizeof(seg) }, &sniff));
	assert_int_equal(sniff.sn, 9);
	/* parity has none */
	seg[4] = 0xf2;
	assert_true(session_sniff((struct view){ seg, sizeof(seg) }, &sniff));
	assert_false(sniff.has_conv);
	/* rubbish, and every truncation */
	for (size_t n = 0; n < KCP_OVERHEAD + 4; n++)
		assert_false(session_sniff((struct view){ seg + 8, n }, &sniff));
	seg[8 + 4] = 99;
	assert_false(session_sniff((struct view){ seg + 8, KCP_OVERHEAD + 4 }, &sniff));
}

static void a_ping_is_heard(void **state)
{
	struct pair p = { 0 };
	struct session_config client, server;

	bed_init(&p.bed);
	client = config(&p.bed, true);
	server = config(&p.bed, false);
	pair_open(&p, &client, &server);
	assert_false(session_flush(p.end[0], p.now_us, &p.bed.out, NULL));
	assert_int_equal(p.bed.out.count, 0); /* an idle session is silent */
	session_ping(p.end[0]);
	settle(&p);
	assert_int_equal(session_peer_version(p.end[1]), 2);
	assert_true(session_drained(p.end[0])); /* and acknowledged */
	pair_close(&p);
}

static void silence_ends_a_session_after_thirty_seconds(void **state)
{
	struct pair p = { 0 };
	struct session_config client, server;

	bed_init(&p.bed);
	client = config(&p.bed, true);
	server = config(&p.bed, false);
	pair_open(&p, &client, &server);
	session_tick(p.end[0], p.now_us + 29 * 1000000);
	assert_int_equal(session_ended(p.end[0]), SESSION_ALIVE);
	session_tick(p.end[0], p.now_us + 31 * 1000000);
	assert_int_equal(session_ended(p.end[0]), SESSION_TIMEOUT);
	assert_true(session_exhausted(p.end[0]));
	pair_close(&p);
}

static void no_more_streams_than_allowed(void **state)
{
	struct pair p = { 0 };
	struct session_config client, server;
	struct smux_stream *st;

	bed_init(&p.bed);
	client = config(&p.bed, true);
	server = config(&p.bed, false);
	pair_open(&p, &client, &server);
	for (unsigned i = 0; i < client.streams_max; i++)
		assert_int_equal(session_open(p.end[0], &st), KT_OK);
	assert_int_equal(session_open(p.end[0], &st), KT_ELIMIT);
	pair_close(&p);
}

/* Numbers that nobody gave are those of the network; error correction is not begun for it. */
static void two_ends_of_automatic_numbers_carry_a_stream_without_parity(void **state)
{
	struct pair p = { 0 };
	struct session_config cfg[2];
	struct session_info info;
	struct smux_stream *near, *far;

	bed_init(&p.bed);
	for (int side = 0; side < 2; side++) {
		cfg[side] = config(&p.bed, side == 0);
		cfg[side].snd_wnd = cfg[side].rcv_wnd = SESSION_AUTO;
		cfg[side].data_shards = cfg[side].parity_shards = SESSION_AUTO;
		cfg[side].copies = SESSION_AUTO;
		cfg[side].nodelay = 3;
		cfg[side].congestion = SESSION_MODEL;
	}
	pair_open(&p, &cfg[0], &cfg[1]);
	assert_int_equal(session_open(p.end[0], &near), KT_OK);
	write_text(near, "question");
	settle(&p);
	far = accept_stream(p.end[1]);
	assert_reads(far, "question");
	for (int side = 0; side < 2; side++) {
		session_get_info(p.end[side], &info);
		assert_int_equal(info.ps_out, 0);
		assert_int_equal(info.ds_in, 0);
		assert_in_range(info.kcp.snd_wnd, 1, KCP_WND_MAX);
		assert_in_range(info.kcp.rcv_wnd, 1, KCP_WND_MAX);
	}
	/* and goes over to given ones in use */
	cfg[0].snd_wnd = 77;
	cfg[0].congestion = SESSION_RENO;
	session_set_kcp(p.end[0], &cfg[0], p.now_us);
	session_get_info(p.end[0], &info);
	assert_int_equal(info.kcp.snd_wnd, 77);
	assert_string_equal(info.kcp.cc_name, "reno");
	write_text(near, "more");
	settle(&p);
	assert_reads(far, "more");
	pair_close(&p);
}

/* What a client with FEC sends once it heard a plain segment with `data` and `rest` behind it. */
static unsigned parity_after(const char *data, const char *rest)
{
	struct kcp_seg_header h = { .conv = 7, .cmd = KCP_CMD_PUSH, .len = (uint32_t)strlen(data) };
	uint8_t pkt[KCP_OVERHEAD + 32];
	struct session_info info;
	struct session_config cfg;
	struct session *s;
	struct bed bed;

	bed_init(&bed);
	cfg = config(&bed, true);
	cfg.conv = h.conv;
	cfg.data_shards = 10;
	cfg.parity_shards = 3;
	s = session_new(&cfg, 0);
	assert_non_null(s);
	kcp_header_encode(pkt, &h);
	memcpy(pkt + KCP_OVERHEAD, data, h.len);
	memcpy(pkt + KCP_OVERHEAD + h.len, rest, strlen(rest));
	session_input(s, 1000, (struct view){ pkt, KCP_OVERHEAD + h.len + strlen(rest) });
	session_get_info(s, &info);
	session_free(s);
	bed_dispose(&bed);
	return info.ps_out;
}

static void the_mark_releases_the_parity_but_not_inside_of_data(void **state)
{
	assert_int_equal(parity_after("data", "kctd"), 3);
	assert_int_equal(parity_after("", "kctd"), 3);
	assert_int_equal(parity_after("kctd", ""), 0);
	assert_int_equal(parity_after("data", "kct"), 0);
}

static void refuses_a_datagram_size_that_cannot_work(void **state)
{
	struct bed bed;
	struct session_config cfg;

	bed_init(&bed);
	cfg = config(&bed, true);
	cfg.packet_bytes_max = FEC_HEADER_DATA + KCP_MTU_MIN - 1;
	assert_null(session_new(&cfg, 0));
	cfg.packet_bytes_max = PACKET_MTU_MAX + 1;
	assert_null(session_new(&cfg, 0));
	cfg = config(&bed, false); /* which follows a client that has error correction */
	cfg.data_shards = cfg.parity_shards = 0;
	cfg.packet_bytes_max = FEC_HEADER_DATA + KCP_MTU_MIN - 1;
	assert_null(session_new(&cfg, 0));
	bed_dispose(&bed);
}

static void a_client_without_fec_needs_no_room_for_it(void **state)
{
	struct bed bed;
	struct session_config cfg;
	struct session *s;

	bed_init(&bed);
	cfg = config(&bed, true);
	cfg.data_shards = cfg.parity_shards = 0;
	cfg.packet_bytes_max = KCP_MTU_MIN;
	s = session_new(&cfg, 0);
	assert_non_null(s);
	session_free(s);
	bed_dispose(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_recognises_compression_and_version),
		cmocka_unit_test(what_a_session_holds_is_charged_to_its_pool),
		cmocka_unit_test(beyond_the_budget_kcp_gets_little_to_hold),
		cmocka_unit_test(a_client_names_what_the_server_does_otherwise),
		cmocka_unit_test(a_server_ends_what_is_no_kcptun_stream),
		cmocka_unit_test(a_peer_that_never_acknowledges_is_owed_little),
		cmocka_unit_test(who_does_not_say_that_it_paces_is_told_of_holes_in_batches),
		cmocka_unit_test(a_server_drops_a_session_without_a_frame_after_seconds),
		cmocka_unit_test(sniff_tells_the_conversation_of_a_datagram),
		cmocka_unit_test(a_ping_is_heard),
		cmocka_unit_test(silence_ends_a_session_after_thirty_seconds),
		cmocka_unit_test(no_more_streams_than_allowed),
		cmocka_unit_test(two_ends_of_automatic_numbers_carry_a_stream_without_parity),
		cmocka_unit_test(the_mark_releases_the_parity_but_not_inside_of_data),
		cmocka_unit_test(refuses_a_datagram_size_that_cannot_work),
		cmocka_unit_test(a_client_without_fec_needs_no_room_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
