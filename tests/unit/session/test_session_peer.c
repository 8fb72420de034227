/* test_session_peer.c - a peer that may not be where it seems to be, or says that it does not know a session. */
#include "session_bed.h"

#include "admit.h"
#include "piece.h"
#include "tell.h"

static struct tunnel *two_ends(void)
{
	struct tunnel *t = tunnel_new(20, 0);

	open(t);
	steps(t, 200);
	return t;
}

static struct kcp_info kcp_of(const struct tunnel *t, int side)
{
	struct session_info info;

	session_get_info(t->end[side], &info);
	return info.kcp;
}

/* ---- the guard ------------------------------------------------------------------------- */

static void three_times_what_comes_is_sent_until_it_is_acknowledged(void **state)
{
	struct tunnel *t = two_ends();
	size_t in = t->way[0].bytes, out = t->way[1].bytes;

	(void)state;
	session_guard(t->end[1], t->now_us);
	t->loss = 1000; /* the client hears nothing, and nothing of it is heard */
	while (t->sent < 100000)
		assert_true(write_some(t, (size_t)(100000 - t->sent)) > 0);
	steps(t, 3000);
	assert_true(session_guarded(t->end[1]));
	assert_int_equal(t->way[1].bytes, out);
	assert_true(session_deadline(t->end[1]) > t->now_us); /* and it does not try on and on */
	t->loss = 0;
	steps(t, 3000);
	session_ping(t->end[0]);
	session_pad(t->end[0]);
	for (unsigned i = 0; i < 5000 && session_guarded(t->end[1]); i++) {
		step(t);
		if (session_guarded(t->end[1])) /* what proves it opens the way in the same step */
			assert_true(t->way[1].bytes - out <= 3 * (t->way[0].bytes - in));
	}
	assert_false(session_guarded(t->end[1]));
	steps(t, 2000);
	assert_int_equal(t->received, 100000);
	tunnel_free(t);
}

/* ---- what it tells ---------------------------------------------------------------------- */

static void a_session_tells_what_it_sent_and_what_of_that_arrived(void **state)
{
	struct tunnel *t = two_ends();
	const struct session *server = t->end[1];
	uint64_t sent = session_sent_bytes(server), carried = session_carried_bytes(server);

	(void)state;
	assert_true(session_peer_follows(t->end[0]));
	assert_true(session_peer_follows(server));
	t->loss = 1000;
	write_some(t, 5000);
	steps(t, 100);
	assert_true(session_sent_bytes(server) >= sent + 5000);
	assert_true(session_acked_bytes(server) <= sent);
	assert_true(session_unanswered(server));
	assert_false(session_drained(server));
	t->loss = 0;
	steps(t, 5000);
	assert_int_equal(session_acked_bytes(server), session_sent_bytes(server));
	assert_true(session_carried_bytes(server) >= carried + 5000);
	assert_false(session_unanswered(server));
	assert_true(session_drained(server));
	tunnel_free(t);
}

static void every_end_has_words_of_its_own(void **state)
{
	(void)state;
	for (int end = SESSION_ALIVE; end <= SESSION_NO_MEMORY; end++)
		for (int other = SESSION_ALIVE; other < end; other++)
			assert_string_not_equal(session_end_text((enum session_end)end),
						session_end_text((enum session_end)other));
	for (int err = KT_ENOSUP; err <= KT_OK; err++)
		for (int other = KT_ENOSUP; other < err; other++)
			assert_string_not_equal(kt_strerror(err), kt_strerror(other));
	assert_string_equal(kt_strerror(7), kt_strerror(KT_OK)); /* a count */
}

/* A full segment would be more than three times what comes, and the client says nothing more by itself. */
static void what_is_guarded_asks_with_something_small(void **state)
{
	struct tunnel *t = two_ends();
	size_t in = t->way[0].bytes, out = t->way[1].bytes;

	(void)state;
	session_guard(t->end[1], t->now_us);
	while (t->sent < 50000)
		assert_true(write_some(t, (size_t)(50000 - t->sent)) > 0);
	session_ping(t->end[0]);
	for (unsigned i = 0; i < 1000 && session_guarded(t->end[1]); i++) {
		assert_true(t->way[1].bytes - out <= 3 * (t->way[0].bytes - in));
		step(t);
	}
	assert_false(session_guarded(t->end[1]));
	steps(t, 1000);
	assert_int_equal(t->received, 50000);
	tunnel_free(t);
}

static void a_short_answer_does_not_wait_for_the_proof(void **state)
{
	struct tunnel *t = two_ends();

	(void)state;
	session_guard(t->end[1], t->now_us);
	session_ping(t->end[0]);
	session_pad(t->end[0]);
	assert_int_equal(write_some(t, 500), 500);
	steps(t, 45);
	assert_int_equal(t->received, 500);
	assert_true(session_guarded(t->end[1]));
	steps(t, 50);
	assert_false(session_guarded(t->end[1]));
	tunnel_free(t);
}

/* What asked arrived, which una alone tells; and what is longer than the rest of what may leave was lost. */
static void what_is_guarded_asks_again_when_no_segment_may_leave(void **state)
{
	struct tunnel *t = two_ends();
	size_t in = t->way[0].bytes, out = t->way[1].bytes;

	(void)state;
	session_guard(t->end[1], t->now_us);
	session_ping(t->end[0]);
	session_pad(t->end[0]);
	while (t->sent < 50000)
		assert_true(write_some(t, (size_t)(50000 - t->sent)) > 0);
	steps(t, 2); /* the padded one left */
	t->narrow = 200;
	steps(t, 35);
	t->loss = 1000; /* the short one of the answer comes, and what acknowledges it does not */
	steps(t, 5000);
	t->loss = 0;
	t->narrow = 0;
	assert_true(session_guarded(t->end[1]));
	session_ping(t->end[0]);
	for (unsigned i = 0; i < 2000 && session_guarded(t->end[1]); i++) {
		step(t);
		assert_true(t->way[1].bytes - out <= 3 * (t->way[0].bytes - in) ||
			    !session_guarded(t->end[1]));
	}
	assert_false(session_guarded(t->end[1]));
	steps(t, 3000);
	assert_int_equal(t->received, 50000);
	tunnel_free(t);
}

/* ---- news ------------------------------------------------------------------------------- */

static void only_what_never_came_is_news(void **state)
{
	struct tunnel *t = two_ends();
	struct kcp_info k = kcp_of(t, 1);
	struct kcp_seg_header h = { .conv = 77, .cmd = KCP_CMD_PUSH };
	uint8_t pkt[KCP_OVERHEAD], two[2 * KCP_OVERHEAD];

	(void)state;
	for (uint32_t sn = 0; sn < k.rcv_nxt + 5; sn++) {
		h.sn = sn;
		kcp_header_encode(pkt, &h);
		assert_int_equal(session_is_news(t->end[1], (struct view){ pkt, sizeof(pkt) }),
				 sn >= k.rcv_nxt);
	}
	h.sn = k.rcv_nxt - 1;
	h.ts = (uint32_t)(t->now_us / MS) + 1; /* sent again */
	kcp_header_encode(pkt, &h);
	assert_true(session_is_news(t->end[1], (struct view){ pkt, sizeof(pkt) }));
	memcpy(two + KCP_OVERHEAD, pkt, sizeof(pkt));
	h.cmd = KCP_CMD_ACK;
	kcp_header_encode(two, &h);
	assert_true(session_is_news(t->end[1], (struct view){ two, sizeof(two) }));
	assert_false(session_is_news(t->end[1], (struct view){ two, sizeof(two) - 1 }));
	kcp_header_encode(pkt, &h);
	assert_false(session_is_news(t->end[1], (struct view){ pkt, sizeof(pkt) }));
	h.cmd = KCP_CMD_PUSH;
	h.conv++;
	kcp_header_encode(pkt, &h);
	assert_false(session_is_news(t->end[1], (struct view){ pkt, sizeof(pkt) }));
	tunnel_free(t);
}

/* Who moved onto a path that is narrower may have nothing else to say. */
static void a_piece_is_news_like_its_segment(void **state)
{
	struct tunnel *t = two_ends();
	struct kcp_seg_header h = { .conv = 77, .cmd = KCP_CMD_PUSH, .sn = kcp_of(t, 1).rcv_nxt - 1 };
	uint8_t pkt[PIECE_HEADER + 1] = { 0 };
	struct view piece = { pkt, sizeof(pkt) };
	struct session_sniff sniff;

	(void)state;
	store_le32(pkt, h.conv);
	store_le16(pkt + 4, FEC_TYPE_PIECE);
	pkt[7] = 2;
	h.len = 2;
	kcp_header_encode(pkt + PIECE_PREFIX, &h);
	assert_false(session_is_news(t->end[1], piece));
	h.ts = (uint32_t)(t->now_us / MS) + 1;
	kcp_header_encode(pkt + PIECE_PREFIX, &h);
	assert_true(session_is_news(t->end[1], piece));
	session_input(t->end[1], t->now_us, piece);
	assert_false(session_is_news(t->end[1],
				     piece)); /* one that was kept and comes again, from elsewhere */
	pkt[6] = 1;
	assert_true(session_is_news(t->end[1], piece));
	assert_true(session_sniff(piece, &sniff));
	assert_true(sniff.has_conv && sniff.conv == 77 && sniff.sn == h.sn);
	assert_false(admit_is_early(&sniff));
	pkt[0]++;
	assert_true(session_sniff(piece, &sniff));
	assert_false(sniff.has_conv);
	assert_false(session_is_news(t->end[1], piece));
	tunnel_free(t);
}

/* Who moved has to say something new, and the window lets nothing out. */
static void a_question_behind_a_shut_window_is_news(void **state)
{
	struct tunnel *t = tunnel_new(20, 0);
	struct session_config cfg[2] = { config(t, true), config(t, false) };
	struct packet *asked;

	(void)state;
	cfg[1].rcv_wnd = 128;
	cfg[0].smux_version = cfg[1].smux_version = 1;
	cfg[1].smuxbuf = 1; /* and nobody reads */
	open_with(t, &cfg[0], &cfg[1]);
	for (unsigned i = 0; i < 2000; i++) {
		struct span room = smux_reserve(t->st[0]);

		if (room.n > 0)
			memset(room.p, 0, room.n);
		smux_commit(t->st[0], room.n);
		step(t);
	}
	assert_int_equal(kcp_of(t, 0).rmt_wnd, 0);
	assert_false(session_unanswered(t->end[0]));
	session_ping(t->end[0]);
	t->now_us += MS;
	assert_true(session_deadline(t->end[0]) <= t->now_us);
	session_flush(t->end[0], t->now_us, &t->out, NULL);
	assert_int_equal(t->out.count, 1);
	asked = &t->out.v[0];
	assert_true(session_is_news(t->end[1], (struct view){ asked->data, asked->len }));
	send(t, 0, asked);
	batch_clear(&t->out);
	steps(t, 50);
	assert_int_equal(session_ended(t->end[1]), SESSION_ALIVE);
	tunnel_free(t);
}

/* ---- more than there is memory for -------------------------------------------------------- */

/* Segments with frames of smux 1 for stream 3, which nobody reads: one opens it, and all that follow carry data. */
static void flood(struct tunnel *t, uint32_t from, uint32_t to)
{
	uint8_t pkt[KCP_OVERHEAD + 1280] = { 0 };

	for (uint32_t sn = from; sn < to; sn++) {
		struct kcp_seg_header h = { .conv = 77,
					    .cmd = KCP_CMD_PUSH,
					    .wnd = 128,
					    .sn = sn,
					    .ts = (uint32_t)(t->now_us / MS),
					    .len = sn == 0 ? 8 : 1280 };

		kcp_header_encode(pkt, &h);
		memcpy(pkt + KCP_OVERHEAD, (uint8_t[]){ 1, sn == 0 ? 0 : 2, 0, 0, 3, 0, 0, 0 }, 8);
		if (sn > 0)
			store_le16(pkt + KCP_OVERHEAD + 2, 1272);
		session_input(t->end[1], t->now_us, (struct view){ pkt, KCP_OVERHEAD + h.len });
		if (sn % 64 == 63) {
			session_process(t->end[1], t->now_us);
			session_flush(t->end[1], t->now_us, &t->out, NULL);
			batch_clear(&t->out);
			assert_true(fifo_pool_held(&t->fifos) <= t->fifos.bytes_max + (256 << 10));
			t->now_us += MS;
		}
	}
}

static struct tunnel *flooded(void)
{
	struct tunnel *t = tunnel_new(20, 0);
	struct session_config client = config(t, true), server = config(t, false);

	fifo_pool_set_max(&t->fifos, 4 << 20);
	t->end[0] = session_new(&client, t->now_us);
	t->end[1] = session_new(&server, t->now_us);
	return t;
}

static void segments_that_come_in_spite_of_the_window_told_take_no_more_than_the_memory(void **state)
{
	struct tunnel *t = flooded();

	(void)state;
	flood(t, 1, 20000); /* all wait for the first */
	assert_true(kcp_of(t, 1).rcv_ring_segs > 1000);
	flood(t, 0, 1);
	assert_int_equal(session_ended(t->end[1]), SESSION_ALIVE);
	tunnel_free(t);
	t = flooded();
	flood(t, 0, 20000); /* and these for somebody who reads */
	assert_true(kcp_of(t, 1).rcv_queue_segs >= 64);
	tunnel_free(t);
}

/* ---- another way --------------------------------------------------------------------------- */

static void what_is_unanswered_leaves_again_at_once_on_another_way(void **state)
{
	struct tunnel *t = two_ends();
	size_t left;

	(void)state;
	t->loss = 1000;
	while (t->sent < 100000)
		assert_true(write_some(t, (size_t)(100000 - t->sent)) > 0);
	steps(t, 8000);
	left = t->way[1].bytes;
	step(t);
	assert_int_equal(t->way[1].bytes, left); /* so long after the last time that it waits */
	t->loss = 0;
	session_way_changed(t->end[1]);
	step(t);
	assert_true(t->way[1].bytes > left);
	steps(t, 3000);
	assert_int_equal(t->received, 100000);
	tunnel_free(t);
}

/* ---- not known ---------------------------------------------------------------------------- */

static void hear(struct tunnel *t, uint32_t conv, uint8_t cmd, uint32_t sn, uint64_t sent_us)
{
	struct kcp_seg_header h = { .conv = conv, .cmd = cmd, .sn = sn, .ts = (uint32_t)(sent_us / MS) };
	uint8_t asked[KCP_OVERHEAD], told[TELL_BYTES];

	kcp_header_encode(asked, &h);
	assert_true(tell_encode(told, (struct view){ asked, sizeof(asked) }, 1234));
	session_input(t->end[0], t->now_us, (struct view){ told, sizeof(told) });
}

/* Of one that is cut in pieces, each has the header. */
static void a_piece_is_answered_like_its_segment(void **state)
{
	struct kcp_seg_header h = { .conv = 77, .cmd = KCP_CMD_PUSH, .sn = 5, .ts = 9, .len = 1000 };
	uint8_t segment[KCP_OVERHEAD + 1000] = { 0 }, piece[PIECE_HEADER + 1] = { 0 };
	uint8_t told[2][TELL_BYTES];

	(void)state;
	kcp_header_encode(segment, &h);
	store_le32(piece, h.conv);
	store_le16(piece + 4, FEC_TYPE_PIECE);
	piece[7] = 2;
	kcp_header_encode(piece + PIECE_PREFIX, &h);
	assert_true(tell_encode(told[0], (struct view){ segment, sizeof(segment) }, 1));
	assert_true(tell_encode(told[1], (struct view){ piece, sizeof(piece) }, 1));
	assert_memory_equal(told[0], told[1], TELL_BYTES);
	assert_false(tell_encode(told[1], (struct view){ piece, PIECE_HEADER - 1 }, 1));
}

static void what_answers_nothing_under_way_ends_nothing(void **state)
{
	struct tunnel *t = two_ends();
	uint32_t una;

	(void)state;
	t->loss = 1000;
	session_ping(t->end[0]);
	steps(t, 5);
	una = kcp_of(t, 0).snd_una;
	assert_int_equal(kcp_of(t, 0).snd_nxt, una + 1);
	hear(t, 77, KCP_CMD_PUSH, una - 1, t->now_us);          /* acknowledged */
	hear(t, 77, KCP_CMD_PUSH, una + 1, t->now_us);          /* not sent yet */
	hear(t, 78, KCP_CMD_PUSH, una, t->now_us);              /* another conversation */
	hear(t, 77, KCP_CMD_ACK, una, t->now_us);               /* no segment */
	hear(t, 77, KCP_CMD_PUSH, una, t->now_us - 11000 * MS); /* long ago */
	assert_int_equal(session_ended(t->end[0]), SESSION_ALIVE);
	hear(t, 77, KCP_CMD_PUSH, una, t->now_us - 3 * MS);
	assert_int_equal(session_ended(t->end[0]), SESSION_UNKNOWN);
	assert_int_equal(session_peer_uptime_ms(t->end[0]), 1234);
	tunnel_free(t);
}

/* As a kcptun server does that was restarted: it takes what comes, and has nothing of what was before. */
static void a_peer_that_has_less_than_before_is_another_one(void **state)
{
	struct tunnel *t = two_ends();
	struct session_config server = config(t, false);

	(void)state;
	session_ping(t->end[0]);
	steps(t, 200);
	assert_int_equal(session_ended(t->end[0]), SESSION_ALIVE);
	session_free(t->end[1]);
	t->end[1] = session_new(&server, t->now_us);
	t->st[1] = NULL;
	session_ping(t->end[0]);
	steps(t, 100);
	assert_int_equal(session_ended(t->end[0]), SESSION_UNKNOWN);
	assert_int_equal(session_peer_uptime_ms(t->end[0]), 0);
	tunnel_free(t);
}

/* As one that was restarted while the beginning was sent again: it has all of it, and its answer is not the other's. */
static void another_server_of_the_same_conversation_is_not_taken_for_the_first(void **state)
{
	struct tunnel *t = tunnel_new(20, 0);
	struct session_config server = config(t, false);

	(void)state;
	open(t);
	transfer(t, 3000);
	session_free(t->end[1]);
	server.ts_base = 3000000000;
	t->end[1] = session_new(&server, t->now_us);
	t->st[1] = NULL;
	for (size_t i = 0; i < t->kept_count; i++)
		session_input(t->end[1], t->now_us, (struct view){ t->kept[i].bytes, t->kept[i].len });
	while (t->st[1] == NULL)
		step(t);
	t->sent = 0; /* it says what the other has said */
	write_some(t, 20000);
	steps(t, 1000);
	assert_int_equal(t->received, 3000);
	assert_int_equal(session_ended(t->end[0]),
			 SESSION_ALIVE); /* somebody may repeat what he recorded */
	session_ping(t->end[0]);
	steps(t, 1000);
	assert_int_equal(session_ended(t->end[0]), SESSION_UNKNOWN);
	assert_int_equal(t->received, 3000);
	tunnel_free(t);
}

static void a_server_is_told_nothing(void **state)
{
	struct tunnel *t = two_ends();
	struct kcp_seg_header h = { .conv = 77, .cmd = KCP_CMD_PUSH };
	uint8_t asked[KCP_OVERHEAD], told[TELL_BYTES];

	(void)state;
	t->loss = 1000;
	session_ping(t->end[1]);
	steps(t, 5);
	h.sn = kcp_of(t, 1).snd_una;
	h.ts = (uint32_t)(t->now_us / MS);
	kcp_header_encode(asked, &h);
	assert_true(tell_encode(told, (struct view){ asked, sizeof(asked) }, 1));
	session_input(t->end[1], t->now_us, (struct view){ told, sizeof(told) });
	assert_int_equal(session_ended(t->end[1]), SESSION_ALIVE);
	tunnel_free(t);
}

/* ---- silence --------------------------------------------------------------------------------- */

static void two_of_ours_wait_longer_than_thirty_seconds(void **state)
{
	struct tunnel *t = tunnel_new(20, 0);
	struct session_config cfg[2] = { config(t, true), config(t, false) };

	(void)state;
	cfg[0].timeout_us = cfg[1].timeout_us = 60000000;
	open_with(t, &cfg[0], &cfg[1]);
	steps(t, 200);
	t->loss = 1000;
	steps(t, 40000);
	t->loss = 0;
	transfer(t, 1000);
	t->loss = 1000;
	steps(t, 61000);
	assert_int_equal(session_ended(t->end[0]), SESSION_TIMEOUT);
	assert_int_equal(session_ended(t->end[1]), SESSION_TIMEOUT);
	tunnel_free(t);
}

static void who_leaves_says_so(void **state)
{
	struct tunnel *t = two_ends();

	(void)state;
	assert_false(session_peer_leaves(t->end[0]));
	session_leave(t->end[1]);
	steps(t, 100);
	assert_true(session_peer_leaves(t->end[0]));
	transfer(t, 1000);
	tunnel_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_times_what_comes_is_sent_until_it_is_acknowledged),
		cmocka_unit_test(a_session_tells_what_it_sent_and_what_of_that_arrived),
		cmocka_unit_test(every_end_has_words_of_its_own),
		cmocka_unit_test(what_is_guarded_asks_with_something_small),
		cmocka_unit_test(what_is_guarded_asks_again_when_no_segment_may_leave),
		cmocka_unit_test(a_short_answer_does_not_wait_for_the_proof),
		cmocka_unit_test(only_what_never_came_is_news),
		cmocka_unit_test(a_piece_is_news_like_its_segment),
		cmocka_unit_test(a_question_behind_a_shut_window_is_news),
		cmocka_unit_test(
			segments_that_come_in_spite_of_the_window_told_take_no_more_than_the_memory),
		cmocka_unit_test(what_is_unanswered_leaves_again_at_once_on_another_way),
		cmocka_unit_test(a_piece_is_answered_like_its_segment),
		cmocka_unit_test(what_answers_nothing_under_way_ends_nothing),
		cmocka_unit_test(a_peer_that_has_less_than_before_is_another_one),
		cmocka_unit_test(another_server_of_the_same_conversation_is_not_taken_for_the_first),
		cmocka_unit_test(a_server_is_told_nothing),
		cmocka_unit_test(two_of_ours_wait_longer_than_thirty_seconds),
		cmocka_unit_test(who_leaves_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
