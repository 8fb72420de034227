/* test_kcp_path.c - what a path lets through: how much before the peer is proven, and how long its datagrams may be. */
#include "kcp_peer.h"

/* ---- the allowance -------------------------------------------------------- */

static void what_is_short_may_spend_what_is_kept_from_what_is_long(void **state)
{
	struct peer *p = open_peer(base_config());
	uint32_t mtu = kcp_mtu(p->k);

	(void)state;
	kcp_set_allowance(p->k, mtu + 100, 36); /* which is enough for it, but leaves too little */
	send_bytes(p, mtu - KCP_OVERHEAD);
	flush_at(p, T0);
	assert_int_equal(p->count, 0);
	close_peer(p);
	p = open_peer(base_config());
	kcp_set_allowance(p->k, 360, 36);
	send_bytes(p, 100); /* a few frames of smux in one segment */
	flush_at(p, T0);
	assert_int_equal(p->count, 1);
	close_peer(p);
}

/* Sent again within the millisecond that its first transmission told: the ACK may be of either. */
static void an_ack_proves_nothing_later_than_all_that_it_may_be_of(void **state)
{
	struct peer *p = open_peer(base_config());
	uint64_t moved = T0 + 300, later = T0 + 5 * MS;

	(void)state;
	send_bytes(p, 100);
	flush_at(p, T0);
	kcp_way_changed(p->k);
	flush_at(p, moved);
	assert_int_equal(p->count, 1);
	give(p, T0 + 40 * MS, KCP_CMD_ACK, 0, 1, p->seg[0].ts, 0);
	assert_true(kcp_acked_since(p->k, T0));
	assert_false(kcp_acked_since(p->k, moved));
	send_bytes(p, 100);
	flush_at(p, later + 40 * MS);
	give(p, later + 80 * MS, KCP_CMD_ACK, 1, 2, p->seg[0].ts, 0);
	assert_true(kcp_acked_since(p->k, moved));
	close_peer(p);
}

/* ---- the length of datagrams ---------------------------------------------- */

/* The peer has it all already, whatever it had, and acknowledges it. */
static void a_sounding_changes_nothing_and_is_answered(void **state)
{
	struct peer *p = open_peer(base_config()), *far = open_peer(base_config());
	struct kcp_info before, after;
	uint8_t buf[900];

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		kcp_get_info(far->k, &before);
		kcp_sound_anew(p->k);
		for (unsigned which = 0; which < KCP_SOUNDINGS; which++) {
			assert_false(kcp_sounded(p->k, which));
			kcp_sound(p->k, T0, which, false, buf, 100 * (which + 1));
			if (which == 2)
				continue; /* lost */
			assert_int_equal(kcp_input(far->k, T0, buf, 100 * (which + 1), 0), KCP_OK);
		}
		kcp_get_info(far->k, &after);
		assert_int_equal(after.rcv_nxt, before.rcv_nxt);
		assert_int_equal(after.rcv_ring_segs, 0);
		far->count = 0;
		flush_at(far, T0 + 50 * MS);
		assert_int_equal(far->count, KCP_SOUNDINGS - 1);
		for (unsigned i = 0; i < far->count; i++)
			give(p, T0 + 60 * MS, KCP_CMD_ACK, far->seg[i].sn, 0, far->seg[i].ts, 0);
		for (unsigned which = 0; which < KCP_SOUNDINGS; which++)
			assert_int_equal(kcp_sounded(p->k, which), which != 2);
		kcp_verify(far->k);
	}
	close_peer(far);
	close_peer(p);
}

static void one_that_asks_is_answered_by_news_of_the_window(void **state)
{
	struct peer *p = open_peer(base_config());
	struct kcp_seg_header h;
	uint8_t buf[200];

	(void)state;
	kcp_sound_anew(p->k);
	kcp_sound(p->k, T0, 0, true, buf, sizeof(buf));
	assert_true(kcp_header_decode(&h, buf, sizeof(buf)));
	assert_int_equal(h.cmd, KCP_CMD_WASK);
	kcp_sound(p->k, T0, 1, false, buf, sizeof(buf));
	give(p, T0 + MS, KCP_CMD_WINS, 0, 0, 0, 0);
	assert_true(kcp_sounded(p->k, 0));
	assert_false(kcp_sounded(p->k, 1));
	kcp_sound_anew(p->k);
	assert_false(kcp_sounded(p->k, 0));
	close_peer(p);
}

static void segments_follow_a_smaller_mtu_and_long_ones_go_alone_at_once(void **state)
{
	struct kcp_config cfg = base_config();
	struct peer *p;
	uint64_t since;

	(void)state;
	cfg.mtu = 1400;
	p = open_peer(cfg);
	kcp_watch_longs(p->k, 1000, 600);
	send_bytes(p, 3 * 1376);
	flush_at(p, T0);
	assert_int_equal(p->count, 3);
	assert_int_equal(kcp_longs_sent(p->k, &since), 3);
	assert_int_equal(kcp_set_mtu(p->k, 1401), KCP_EINVAL);
	assert_int_equal(kcp_set_mtu(p->k, KCP_MTU_MIN - 1), KCP_EINVAL);
	assert_int_equal(kcp_set_mtu(p->k, 1000), KCP_OK);
	send_bytes(p, 2 * 976);
	flush_at(p, T0 + 10 * MS);
	assert_int_equal(p->count, 5);
	assert_int_equal(p->datagrams, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(p->seg[i].len, i < 3 ? 1376 : 976);
	ack(p, T0 + 100 * MS, 4, 0, T0 + 10 * MS); /* and what is before it leaves again */
	assert_true(kcp_longs_sent(p->k, &since) >= 3);
	ack(p, T0 + 100 * MS, 2, 3, T0 + 10 * MS);
	assert_int_equal(kcp_longs_sent(p->k, &since), 0);
	ack(p, T0 + 110 * MS, 3, 5, T0 + 10 * MS);
	/* Two that are short, resent in one datagram. */
	send_bytes(p, 300);
	flush_at(p, T0 + 200 * MS);
	send_bytes(p, 310);
	flush_at(p, T0 + 201 * MS);
	assert_int_equal(kcp_longs_sent(p->k, &since), 0);
	flush_at(p, T0 + 2000 * MS);
	assert_int_equal(p->datagrams, 1);
	assert_int_equal(p->count, 2);
	assert_int_equal(kcp_longs_sent(p->k, &since), 1);
	assert_true(since == T0 + 2000 * MS);
	ack(p, T0 + 2100 * MS, 6, 7, T0 + 2000 * MS);
	assert_int_equal(kcp_longs_sent(p->k, &since), 0);
	close_peer(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_short_may_spend_what_is_kept_from_what_is_long),
		cmocka_unit_test(an_ack_proves_nothing_later_than_all_that_it_may_be_of),
		cmocka_unit_test(a_sounding_changes_nothing_and_is_answered),
		cmocka_unit_test(one_that_asks_is_answered_by_news_of_the_window),
		cmocka_unit_test(segments_follow_a_smaller_mtu_and_long_ones_go_alone_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
