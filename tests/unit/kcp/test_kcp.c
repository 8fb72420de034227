/* test_kcp.c - the ARQ call by call: what leaves when, limits, hostile input, want of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "kcp.h"
#include "kcp_reno.h"

#include <cmocka.h>

/* kcp.c is compiled into this test with an allocator that can fail. */
static unsigned long alloc_count, alloc_fail_from, alloc_fail_to;

static bool alloc_fails(void)
{
	alloc_count++;
	return alloc_count >= alloc_fail_from && alloc_count < alloc_fail_to;
}

static void *test_malloc_or_fail(size_t n)
{
	return alloc_fails() ? NULL : malloc(n);
}

static void *test_calloc_or_fail(size_t n, size_t size)
{
	return alloc_fails() ? NULL : calloc(n, size);
}

#define malloc(n) test_malloc_or_fail(n)
#define calloc(n, size) test_calloc_or_fail(n, size)
#include "kcp.c"
#undef malloc
#undef calloc

#include "kcp_peer.h"

/* ---- config -------------------------------------------------------------- */

static void refuses_configs_out_of_range(void **state)
{
	static const struct {
		size_t offset;
		uint32_t bad;
	} t[] = {
		{ offsetof(struct kcp_config, mtu), 49 },
		{ offsetof(struct kcp_config, mtu), 65508 },
		{ offsetof(struct kcp_config, snd_wnd), 0 },
		{ offsetof(struct kcp_config, snd_wnd), 65536 },
		{ offsetof(struct kcp_config, rcv_wnd), 0 },
		{ offsetof(struct kcp_config, rcv_wnd), 65536 },
		{ offsetof(struct kcp_config, nodelay), 4 },
		{ offsetof(struct kcp_config, copies), 4 },
		{ offsetof(struct kcp_config, interval_ms), 0 },
		{ offsetof(struct kcp_config, interval_ms), 5001 },
		{ offsetof(struct kcp_config, reserved), 1 },
		{ sizeof(struct kcp_config) - sizeof(uint32_t), 1 },
	};
	struct kcp_config good = base_config();

	(void)state;
	assert_int_equal(kcp_config_check(&good), KCP_OK);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct kcp_config cfg = good;

		memcpy((char *)&cfg + t[i].offset, &t[i].bad, sizeof(uint32_t));
		assert_int_equal(kcp_config_check(&cfg), KCP_EINVAL);
		assert_null(kcp_new(&cfg, T0));
	}
	good.output = NULL;
	assert_int_equal(kcp_config_check(&good), KCP_EINVAL);
}

static void nothing(void)
{
}

/* As one that was made for a later version, which would call what is there. */
static void refuses_a_controller_that_asks_for_more(void **state)
{
	struct kcp_config cfg = base_config();
	struct kcp *k = kcp_new(&cfg, T0);
	struct kcp_cc cc = kcp_cc_none;

	(void)state;
	assert_non_null(k);
	cfg.cc = &cc;
	assert_int_equal(kcp_config_check(&cfg), KCP_OK);
	assert_int_equal(kcp_set_cc(k, &cc, NULL, T0), KCP_OK);
	cc.reserved[ARRAY_LEN(cc.reserved) - 1] = nothing;
	assert_int_equal(kcp_config_check(&cfg), KCP_EINVAL);
	assert_int_equal(kcp_set_cc(k, &cc, NULL, T0), KCP_EINVAL);
	cc = kcp_cc_none;
	cc.state_size = KCP_CC_STATE_MAX + 1;
	assert_int_equal(kcp_config_check(&cfg), KCP_EINVAL);
	assert_int_equal(kcp_set_cc(k, &cc, NULL, T0), KCP_EINVAL);
	assert_int_equal(kcp_set_cc(k, NULL, NULL, T0), KCP_OK);
	kcp_free(k);
}

static void a_config_begins_with_what_suits_most(void **state)
{
	struct kcp_config cfg;

	(void)state;
	memset(&cfg, 0xff, sizeof(cfg));
	kcp_config_init(&cfg);
	assert_int_equal(kcp_config_check(&cfg), KCP_EINVAL); /* nowhere to send to */
	cfg.output = peer_output;
	assert_int_equal(kcp_config_check(&cfg), KCP_OK);
	assert_true(cfg.stream);
	assert_null(cfg.cc);
	assert_null(cfg.reserve);
	assert_int_equal(kcp_version(), KCP_VERSION);
}

static void changes_of_parameters_are_checked_and_leave_all_as_it_was(void **state)
{
	struct peer *p = open_peer(base_config());
	struct kcp_info info;

	(void)state;
	assert_int_equal(kcp_set_window(p->k, 65536, 1), KCP_EINVAL);
	assert_int_equal(kcp_set_nodelay(p->k, 4, 10, 2), KCP_EINVAL);
	kcp_get_info(p->k, &info);
	assert_int_equal(info.snd_wnd, 256);
	assert_int_equal(info.rcv_wnd, 64);
	close_peer(p);
}

/* ---- sending ------------------------------------------------------------- */

static void a_stream_merges_sends_into_full_segments(void **state)
{
	struct peer *p = open_peer(base_config());
	uint8_t byte = 1;

	(void)state;
	for (unsigned i = 0; i < 2500; i++)
		assert_int_equal(kcp_send(p->k, &byte, 1), KCP_OK);
	assert_int_equal(kcp_send(p->k, &byte, 0), KCP_OK);
	assert_int_equal(kcp_waiting(p->k), 3);
	flush_at(p, T0);
	assert_int_equal(p->count, 3);
	assert_int_equal(p->seg[0].len, 1000);
	assert_int_equal(p->seg[1].len, 1000);
	assert_int_equal(p->seg[2].len, 500);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(p->seg[i].frg, 0);
		assert_int_equal(p->seg[i].sn, i);
		assert_int_equal(p->seg[i].ts, ms(T0));
		assert_int_equal(p->seg[i].wnd, 64);
	}
	close_peer(p);
}

static void what_is_to_stay_whole_is_in_one_segment(void **state)
{
	static const uint8_t bytes[1001];
	struct peer *p = open_peer(base_config());

	(void)state;
	send_bytes(p, 980);
	assert_int_equal(kcp_send_whole(p->k, bytes, 16), KCP_OK);
	assert_int_equal(kcp_send_whole(p->k, bytes, 16), KCP_OK); /* four bytes are left for it */
	send_bytes(p, 990);
	assert_int_equal(kcp_send_whole(p->k, bytes, 1000), KCP_OK);
	assert_int_equal(kcp_send_whole(p->k, bytes, 1001), KCP_ELIMIT);
	flush_at(p, T0);
	assert_int_equal(p->count, 4);
	assert_int_equal(p->seg[0].len, 996);
	assert_int_equal(p->seg[1].len, 1000);
	assert_int_equal(p->seg[2].len, 6);
	assert_int_equal(p->seg[3].len, 1000);
	close_peer(p);
}

static void a_message_is_cut_into_fragments_that_count_down(void **state)
{
	struct kcp_config cfg = base_config();
	struct peer *p;
	static uint8_t big[257 * 1000];

	(void)state;
	cfg.stream = false;
	p = open_peer(cfg);
	send_bytes(p, 2001);
	send_bytes(p, 0);
	send_bytes(p, 5);
	flush_at(p, T0);
	assert_int_equal(p->count, 5);
	assert_int_equal(p->seg[0].frg, 2);
	assert_int_equal(p->seg[1].frg, 1);
	assert_int_equal(p->seg[2].frg, 0);
	assert_int_equal(p->seg[2].len, 1);
	assert_int_equal(p->seg[3].len, 0);
	assert_int_equal(p->datagrams, 3); /* the small ones share one */
	/* At most the receive window, and 256 fragments. */
	assert_int_equal(kcp_send(p->k, big, 64 * 1000), KCP_OK);
	assert_int_equal(kcp_send(p->k, big, 64 * 1000 + 1), KCP_ELIMIT);
	assert_int_equal(kcp_set_window(p->k, 256, 1000), KCP_OK);
	assert_int_equal(kcp_send(p->k, big, 256 * 1000), KCP_OK);
	assert_int_equal(kcp_send(p->k, big, 256 * 1000 + 1), KCP_ELIMIT);
	close_peer(p);
}

static void new_segments_stop_at_the_peers_window_counted_from_una(void **state)
{
	struct kcp_config cfg = base_config();
	struct peer *p;

	(void)state;
	cfg.resend = 0;
	p = open_peer(cfg);
	assert_int_equal(kcp_send_room(p->k), KCP_RMT_WND_INITIAL);
	send_bytes(p, 60000);
	assert_int_equal(kcp_send_room(p->k), 0);
	flush_at(p, T0);
	assert_int_equal(p->count, 32);
	give_wnd(p, T0 + MS, 40, 0, 0);
	flush_at(p, T0 + MS);
	assert_int_equal(p->count, 8);
	/* ACKs beyond una open nothing, una does; recovered or old, wnd is not believed. */
	ack(p, T0 + 2 * MS, 5, 0, T0);
	give_wnd(p, T0 + 2 * MS, 40, 0, 0);
	give_wnd(p, T0 + 2 * MS, 60, 0, KCP_INPUT_RECOVERED);
	flush_at(p, T0 + 3 * MS);
	assert_int_equal(p->count, 0);
	give_wnd(p, T0 + 4 * MS, 40, 2, 0);
	give_wnd(p, T0 + 4 * MS, 90, 1, 0);
	give_wnd(p, T0 + 4 * MS, 90, 0x80000000u, 0);
	give_wnd(p, T0 + 4 * MS, 90, 41, 0);
	flush_at(p, T0 + 8 * MS);
	assert_int_equal(p->count, 2);
	close_peer(p);
}

/* Where only timeouts resend, and acknowledgements keep coming. */
static void what_was_overtaken_times_out_though_others_arrive(void **state)
{
	struct kcp_config cfg = base_config();
	uint64_t again_us = 0;
	struct peer *p;

	(void)state;
	cfg.resend = 0;
	p = open_peer(cfg);
	for (uint32_t sn = 0; sn < 250 && again_us == 0; sn++) {
		uint64_t now_us = T0 + sn * UINT64_C(5) * MS;

		send_bytes(p, 900);
		flush_at(p, now_us);
		for (unsigned i = 0; i < p->count; i++)
			if (p->seg[i].sn == 0 && sn > 0)
				again_us = now_us;
		if (sn > 20)
			give(p, now_us, KCP_CMD_ACK, sn - 20, 0, (uint32_t)(now_us / MS) - 100, 0);
		give_wnd(p, now_us, 256, 0, 0);
	}
	assert_true(again_us != 0);
	assert_true(again_us < T0 + 1000 * MS);
	close_peer(p);
}

static void a_zero_window_is_probed_less_and_less_often(void **state)
{
	struct peer *p = open_peer(base_config());
	uint64_t now = T0, wait = 500 * MS;

	(void)state;
	give_wnd(p, now, 0, 0, 0);
	flush_at(p, now);
	assert_true(kcp_deadline(p->k) == KCP_NEVER); /* nothing to send: nothing to ask */
	send_bytes(p, 100);
	flush_at(p, now);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(p->count, i > 0);
		assert_true(kcp_deadline(p->k) == now + wait);
		flush_at(p, now + wait - 1);
		assert_int_equal(p->count, 0);
		now += wait;
		flush_at(p, now);
		assert_int_equal(count_cmd(p, KCP_CMD_WASK), 1);
		wait = wait * 3 / 2 < 5000 * MS ? wait * 3 / 2 : 5000 * MS;
	}
	give_wnd(p, now, 1, 0, 0);
	flush_at(p, now);
	assert_int_equal(count_cmd(p, KCP_CMD_PUSH), 1);
	assert_int_equal(count_cmd(p, KCP_CMD_WASK), 0);
	close_peer(p);
}

/* ---- losses -------------------------------------------------------------- */

/* Ten segments at T0, RTT 50 ms known. */
static struct peer *ten_in_flight(uint32_t resend_count)
{
	struct kcp_config cfg = base_config();
	struct peer *p;

	cfg.resend = resend_count;
	p = open_peer(cfg);
	send_bytes(p, 1000);
	flush_at(p, T0 - 50 * MS);
	flush_at(p, T0);
	ack(p, T0 + 50 * MS, 0, 1, T0);
	send_bytes(p, 10000);
	flush_at(p, T0 + 50 * MS);
	assert_int_equal(p->count, 10);
	return p;
}

static void a_segment_is_lost_when_exactly_resend_later_ones_arrived(void **state)
{
	static const uint32_t counts[] = { 1, 2, 5 }, after[] = { 2 + 5, 2 + 4, 2 };
	const uint64_t sent = T0 + 50 * MS, now = sent + 50 * MS;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct peer *p = ten_in_flight(counts[i]);

		send_bytes(p, 1); /* something new to send would hide early resends */
		for (uint32_t a = 0; a < counts[i]; a++) {
			assert_int_equal(kcp_stats(p->k)->fast_retrans_segs, 0);
			ack(p, now, 3 + a, 1, sent);
			flush_at(p, now);
		}
		/* 1 and 2 were sent before all of those; una was not needed. */
		assert_int_equal(kcp_stats(p->k)->fast_retrans_segs, 2);
		assert_int_equal(count_cmd(p, KCP_CMD_PUSH), counts[i] == 1 ? 3 : 2);
		assert_int_equal(p->seg[0].ts, ms(now));
		/* Resent, they are the latest: later acknowledgements of earlier ones say nothing. */
		ack(p, now + MS, 9, 1, sent);
		ack(p, now + MS, 10, 1, sent);
		flush_at(p, now + MS);
		assert_int_equal(kcp_stats(p->k)->fast_retrans_segs, after[i]);
		close_peer(p);
	}
}

static void una_counts_as_arrival_of_what_was_sent_once(void **state)
{
	const uint64_t sent = T0 + 50 * MS, now = sent + 50 * MS;
	struct peer *p = ten_in_flight(2);

	(void)state;
	flush_at(p, now);
	ack(p, now, 2, 1, sent);
	ack(p, now, 3, 1, sent);
	flush_at(p, now); /* 1 is resent, the latest transmission now */
	assert_int_equal(p->count, 1);
	assert_int_equal(p->seg[0].sn, 1);
	/* It arrives, una jumps over what it had held up; 4 is missing then. */
	send_bytes(p, 3000);
	flush_at(p, now + MS);
	give_wnd(p, now + 51 * MS, 128, 4, 0);
	ack(p, now + 51 * MS, 5, 4, sent);
	ack(p, now + 51 * MS, 6, 4, sent);
	flush_at(p, now + 51 * MS);
	assert_int_equal(count_cmd(p, KCP_CMD_PUSH), 1);
	assert_int_equal(p->seg[0].sn, 4);
	close_peer(p);
}

static void with_resend_zero_only_timeouts_resend(void **state)
{
	const uint64_t sent = T0 + 50 * MS;
	struct peer *p = ten_in_flight(0);
	struct kcp_info info;

	(void)state;
	for (uint32_t sn = 2; sn <= 10; sn++)
		ack(p, sent + 50 * MS, sn, 1, sent);
	flush_at(p, sent + 51 * MS);
	assert_int_equal(p->count, 0);
	kcp_get_info(p->k, &info);
	assert_true(kcp_deadline(p->k) == sent + info.rto_us);
	flush_at(p, sent + info.rto_us - 1);
	assert_int_equal(p->count, 0);
	flush_at(p, sent + info.rto_us);
	assert_int_equal(p->count, 1);
	assert_int_equal(kcp_stats(p->k)->lost_segs, 1);
	close_peer(p);
}

static void a_skipped_segment_is_resent_early_once_when_nothing_new_is_there(void **state)
{
	const uint64_t sent = T0 + 50 * MS, now = sent + 57 * MS;
	struct peer *p = ten_in_flight(2);

	(void)state;
	for (uint32_t sn = 1; sn <= 8; sn++)
		ack(p, sent + 50 * MS, sn, sn + 1, sent);
	ack(p, sent + 50 * MS, 10, 9, sent);
	assert_true(kcp_deadline(p->k) <= now);
	flush_at(p, now);
	assert_int_equal(p->count, 1);
	assert_int_equal(p->seg[0].sn, 9);
	assert_int_equal(kcp_stats(p->k)->early_retrans_segs, 1);
	flush_at(p, now + 2 * MS);
	assert_int_equal(p->count, 0);
	close_peer(p);
}

static void what_was_resent_early_and_lost_again_holds_up_nothing_behind_it(void **state)
{
	const uint64_t sent = T0 + 50 * MS, again = sent + 57 * MS;
	struct peer *p = ten_in_flight(2);

	(void)state;
	for (uint32_t sn = 1; sn <= 8; sn++)
		ack(p, sent + 50 * MS, sn, sn + 1, sent);
	ack(p, sent + 50 * MS, 10, 9, sent);
	flush_at(p, again);
	assert_int_equal(p->seg[0].sn, 9);
	send_bytes(p, 1000);
	send_bytes(p, 1000);
	flush_at(p, again + MS);
	assert_int_equal(p->count, 2);
	ack(p, again + 51 * MS, 12, 9, again + MS);
	flush_at(p, again + 51 * MS);
	assert_int_equal(p->count, 0);
	flush_at(p, again + 58 * MS);
	assert_int_equal(p->count, 1);
	assert_int_equal(p->seg[0].sn, 11);
	assert_int_equal(kcp_stats(p->k)->early_retrans_segs, 2);
	close_peer(p);
}

static void an_ack_of_the_first_transmission_shows_that_the_second_was_needless(void **state)
{
	const uint64_t sent = T0 + 50 * MS, now = sent + 50 * MS;
	struct peer *p = ten_in_flight(2);
	struct kcp_info info;

	(void)state;
	ack(p, now, 2, 1, sent);
	ack(p, now, 3, 1, sent);
	flush_at(p, now);
	assert_int_equal(p->count, 1);
	kcp_get_info(p->k, &info);
	assert_int_equal(info.reorder_us, 0);
	ack(p, now + 8 * MS, 1, 4, sent);
	assert_int_equal(kcp_stats(p->k)->spurious_segs, 1);
	kcp_get_info(p->k, &info);
	assert_in_range(info.reorder_us, 8 * MS, 12 * MS);
	/* The next that is as late is waited for. */
	ack(p, now + 9 * MS, 5, 4, sent);
	ack(p, now + 9 * MS, 6, 4, sent);
	send_bytes(p, 1);
	flush_at(p, now + 9 * MS);
	assert_int_equal(kcp_stats(p->k)->fast_retrans_segs, 1);
	close_peer(p);
}

static void round_trips_are_sampled_from_the_newest_sound_ack(void **state)
{
	const uint64_t sent = T0 + 50 * MS;
	struct peer *p = ten_in_flight(2);
	struct kcp_info before, after;

	(void)state;
	kcp_get_info(p->k, &before);
	/* From the future, from long ago, of what was never sent, and rebuilt: all no sample. */
	give(p, sent + 20 * MS, KCP_CMD_ACK, 0, 1, ms(sent + 30 * MS), 0);
	give(p, sent + 20 * MS, KCP_CMD_ACK, 0, 1, ms(sent) - 70000, 0);
	give(p, sent + 20 * MS, KCP_CMD_ACK, 99, 1, ms(sent), 0);
	kcp_get_info(p->k, &after);
	assert_int_equal(before.srtt_us, after.srtt_us);
	assert_int_equal(before.rttvar_us, after.rttvar_us);
	ack(p, sent + 90 * MS, 1, 2, sent);
	kcp_get_info(p->k, &after);
	assert_int_equal(after.srtt_us, (7 * before.srtt_us + 90 * MS) / 8);
	assert_int_equal(after.rto_us, after.srtt_us + 4 * after.rttvar_us);
	close_peer(p);
}

static void timeouts_back_off_by_mode(void **state)
{
	/* Sums of timeouts in initial rtos of 200 ms, in tenths. */
	static const uint64_t at[3][4] = {
		{ 10, 30, 60, 100 },
		{ 10, 25, 47, 81 },
		{ 10, 25, 45, 70 },
	};

	(void)state;
	for (uint32_t nodelay = 0; nodelay < 3; nodelay++) {
		struct kcp_config cfg = base_config();
		struct peer *p;

		cfg.nodelay = nodelay;
		p = open_peer(cfg);
		send_bytes(p, 10);
		flush_at(p, T0);
		for (unsigned i = 0; i < 4; i++) {
			uint64_t due = kcp_deadline(p->k);

			assert_in_range(due - T0, at[nodelay][i] * 20 * MS,
					at[nodelay][i] * 20 * MS + 20 * MS);
			flush_at(p, due - 1);
			assert_int_equal(p->count, 0);
			flush_at(p, due);
			assert_int_equal(p->count, 1);
		}
		assert_int_equal(kcp_stats(p->k)->lost_segs, 4);
		close_peer(p);
	}
}

/* Behind it others time out again and again, which takes all that a silence allows. */
static void the_oldest_is_sent_again_in_a_silence_though_it_was_the_last_that_was_sent(void **state)
{
	struct peer *p;
	unsigned resent = 0;

	(void)state;
	p = ten_in_flight(2);
	send_bytes(p, 30000);
	for (unsigned i = 0; i < 30; i++)
		flush_at(p, T0 + 51 * MS + i * MS);
	assert_true(kcp_waiting(p->k) == 40 && kcp_queued(p->k) == 0);
	for (uint32_t sn = 2; sn < 5; sn++) /* of sn 1 it is known early that it is lost */
		ack(p, T0 + 100 * MS, sn, 1, T0 + 50 * MS);
	for (unsigned i = 0; i < 3000; i++) {
		flush_at(p, T0 + 100 * MS + i * 10 * MS);
		for (unsigned j = 0; j < p->count; j++)
			resent += p->seg[j].cmd == KCP_CMD_PUSH && p->seg[j].sn == 1;
	}
	assert_true(resent >= 8);
	close_peer(p);
}

/* ---- congestion control of an application ---------------------------------- */

/* What an application's own control was told; kcp owns the state, the test finds it by `seen`. */
struct own_cc {
	uint32_t calls, acked, lost, timeouts, samples, rtt_us;
	uint32_t inflight;
};

static struct own_cc *seen;

static void own_init(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	seen = state;
	assert_int_equal(seen->calls, 0);
	assert_int_equal(s->mss, 1000 + KCP_OVERHEAD);
	control->cwnd_bytes = 7 * s->mss;
}

static void own_update(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	struct own_cc *own = state;

	own->calls++;
	own->acked += s->acked_bytes / s->mss;
	own->lost += s->lost_bytes / s->mss;
	own->timeouts += s->timeout;
	own->samples += s->rtt_us != 0;
	own->rtt_us = s->rtt_us;
	own->inflight = s->inflight_bytes / s->mss;
	assert_int_equal(control->cwnd_bytes, 7 * s->mss); /* as it was left */
}

static void own_slow_update(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	control->cwnd_bytes = UINT32_MAX;
	control->pacing_rate = 102400; /* a full datagram each 10 ms */
}

static struct kcp_cc own_control(void)
{
	return (struct kcp_cc){
		.name = "own",
		.state_size = sizeof(struct own_cc),
		.init = own_init,
		.update = own_update,
	};
}

static struct peer *open_peer_with(const struct kcp_cc *cc)
{
	struct kcp_config cfg = base_config();
	struct peer *p;

	cfg.cc = cc;
	p = open_peer(cfg);
	give_wnd(p, T0, 128, 0, 0);
	return p;
}

static void an_applications_own_control_is_told_all_and_obeyed(void **state)
{
	const struct kcp_cc cc = own_control();
	struct peer *p = open_peer_with(&cc);

	(void)state;
	send_bytes(p, 20 * 1000);
	flush_at(p, T0);
	assert_int_equal(count_cmd(p, KCP_CMD_PUSH), 7);
	ack(p, T0 + 30 * MS, 1, 0, T0);
	ack(p, T0 + 30 * MS, 2, 0, T0);
	assert_int_equal(seen->acked, 0); /* it is told when something is to leave */
	flush_at(p, T0 + 30 * MS);
	assert_int_equal(seen->acked, 2);
	assert_int_equal(seen->samples, 1);
	assert_int_equal(seen->rtt_us, 30 * MS);
	assert_int_equal(seen->lost, 1);
	assert_int_equal(seen->inflight, 4);
	assert_int_equal(seen->timeouts, 0);
	assert_int_equal(count_cmd(p, KCP_CMD_PUSH), 3); /* the lost one, and two new ones */
	flush_at(p, T0 + 2000 * MS);
	assert_int_equal(seen->timeouts, 1);
	assert_in_range(seen->lost, 2, 8);
	close_peer(p);
}

static void an_applications_own_rate_spaces_packets_evenly(void **state)
{
	struct kcp_cc cc = own_control();
	struct peer *p;
	uint64_t last = 0;
	unsigned sent = 0;

	(void)state;
	cc.init = own_slow_update;
	cc.update = own_slow_update;
	p = open_peer_with(&cc);
	send_bytes(p, 60 * 1000);
	flush_at(p, T0);
	assert_in_range(count_cmd(p, KCP_CMD_PUSH), 1, 20); /* after a pause, a few at once */
	for (uint64_t at = T0 + MS; at <= T0 + 150 * MS; at += MS) {
		flush_at(p, at);
		if (p->count == 0)
			continue;
		assert_int_equal(p->count, 1);
		assert_true(last == 0 || at - last == 10 * MS);
		last = at;
		sent++;
	}
	assert_in_range(sent, 14, 15);
	close_peer(p);
}

/* ---- want of memory ------------------------------------------------------ */

struct pipe {
	struct kcp *to;
	uint8_t buf[512];
	uint64_t now_us;
};

static uint8_t *pipe_reserve(void *user, size_t cap)
{
	return cap <= 512 ? ((struct pipe *)user)->buf : NULL;
}

static size_t pipe_output(void *user, uint8_t *buf, size_t len)
{
	struct pipe *p = user;

	kcp_input(p->to, p->now_us, buf, len, 0);
	return len;
}

/* A transfer in which allocations [from, from + 5) fail: it must be complete
 * all the same, as everything is tried again.  Returns the allocations made. */
static unsigned long transfer_failing_at(unsigned long from, bool stream)
{
	struct kcp_config cfg = base_config();
	struct pipe pipe[2] = { { .now_us = T0 }, { .now_us = T0 } };
	struct kcp *k[2];
	size_t sent = 0, got = 0;
	uint8_t buf[4096];

	cfg.mtu = 500;
	cfg.stream = stream;
	cfg.ack_nodelay = true;
	cfg.output = pipe_output;
	for (unsigned i = 0; i < 2; i++) {
		cfg.user = &pipe[i];
		cfg.reserve = i == 0 ? pipe_reserve : NULL;
		k[i] = kcp_new(&cfg, T0);
		assert_non_null(k[i]);
	}
	pipe[0].to = k[1];
	pipe[1].to = k[0];
	alloc_count = 0;
	alloc_fail_from = from;
	alloc_fail_to = from + 5;
	for (uint64_t now = T0; got < 60000; now += 5 * MS) {
		const uint8_t *data = NULL;
		size_t n;
		int len;

		assert_true(now < T0 + 60000 * (uint64_t)MS);
		pipe[0].now_us = pipe[1].now_us = now;
		for (size_t i = 0; i < 3000; i++)
			buf[i] = (uint8_t)((sent + i) % 251);
		if (sent < 60000) {
			int r = kcp_send(k[0], buf, 3000);

			assert_true(r == KCP_OK || r == KCP_ENOMEM);
			sent += r == KCP_OK ? 3000 : 0;
		}
		for (unsigned i = 0; i < 2; i++) {
			kcp_flush(k[i], now);
			kcp_verify(k[0]);
			kcp_verify(k[1]);
		}
		while (stream && (n = kcp_peek(k[1], &data)) > 0) {
			for (size_t i = 0; i < n; i++)
				assert_int_equal(data[i], (got + i) % 251);
			got += n;
			kcp_consume(k[1], n);
		}
		while (!stream && (len = kcp_recv(k[1], buf, sizeof(buf))) >= 0) {
			assert_int_equal(len, 3000);
			assert_int_equal(buf[len - 1], (got + 2999) % 251);
			got += 3000;
		}
		if ((now / MS) % 50 == 0)
			kcp_trim(k[1]); /* makes it ask for memory again */
	}
	alloc_fail_from = alloc_fail_to = 0;
	kcp_free(k[0]);
	kcp_free(k[1]);
	return alloc_count;
}

static void whatever_allocation_fails_nothing_is_lost(void **state)
{
	struct kcp_config cfg = base_config();

	(void)state;
	for (unsigned stream = 0; stream < 2; stream++) {
		unsigned long total = transfer_failing_at(0, stream);

		assert_true(total > 20);
		for (unsigned long from = 1; from <= total && from < 120; from++)
			transfer_failing_at(from, stream);
	}
	alloc_count = 0;
	alloc_fail_from = 1;
	alloc_fail_to = 2;
	assert_null(kcp_new(&cfg, T0));
	alloc_fail_from = alloc_fail_to = 0;
	kcp_free(NULL);
}

static void a_send_without_memory_queues_nothing_at_all(void **state)
{
	struct peer *p = open_peer(base_config());
	static const uint8_t data[5000];

	(void)state;
	send_bytes(p, 500);
	alloc_count = 0;
	alloc_fail_from = 3;
	alloc_fail_to = 4;
	assert_int_equal(kcp_send(p->k, data, sizeof(data)), KCP_ENOMEM);
	alloc_fail_from = alloc_fail_to = 0;
	kcp_verify(p->k);
	flush_at(p, T0);
	assert_int_equal(p->count, 1);
	assert_int_equal(p->seg[0].len, 500);
	close_peer(p);
}

static void in_the_steady_state_nothing_is_allocated(void **state)
{
	struct peer *p = open_peer(base_config());
	uint64_t now = T0;
	unsigned long before = 0;

	(void)state;
	for (uint32_t i = 0; i < 2000; i++, now += 2 * MS) {
		const uint8_t *data = NULL;
		size_t n;

		if (i == 1000)
			before = alloc_count;
		send_bytes(p, i % 7 * 150 + 1);
		flush_at(p, now);
		ack(p, now + MS, i, i + 1, now);
		give(p, now + MS, KCP_CMD_PUSH, i, i + 1, 1, 1 + i % 900);
		while ((n = kcp_peek(p->k, &data)) > 0)
			kcp_consume(p->k, n);
	}
	assert_int_equal(alloc_count, before);
	flush_at(p, now + 20 * MS);
	kcp_trim(p->k);
	assert_true(kcp_memory(p->k) < 2900);
	close_peer(p);
}

static void hostile_repeats_and_tiny_segments_cost_bounded_memory(void **state)
{
	struct kcp_config cfg = base_config();
	struct peer *p;

	(void)state;
	cfg.rcv_wnd = 128;
	p = open_peer(cfg);
	for (unsigned i = 0; i < 20000; i++)
		give(p, T0, KCP_CMD_PUSH, 0, 0, i, 1);
	for (uint32_t sn = 0; sn < 1000; sn++)
		give(p, T0, KCP_CMD_PUSH, sn, 0, sn, 1);
	assert_true(kcp_memory(p->k) < 64 * 1024);
	flush_at(p, T0);
	assert_true(count_cmd(p, KCP_CMD_ACK) <= 128 + ACKS_SPARE);
	/* Numbers from all over: inside of the window or nowhere. */
	for (unsigned i = 0; i < 2000; i++)
		give(p, T0, KCP_CMD_PUSH, i * 2654435761u, i * 40503u, i, 2);
	assert_true(kcp_memory(p->k) < 64 * 1024);
	close_peer(p);
}

/* ---- clock --------------------------------------------------------------- */

static void a_clock_that_stands_still_or_goes_back_breaks_nothing(void **state)
{
	struct peer *p = ten_in_flight(2);

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		flush_at(p, T0);
		give(p, 0, KCP_CMD_PUSH, i, 1, 5, 3);
	}
	ack(p, T0, 1, 2, T0 + 50 * MS);
	close_peer(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_configs_out_of_range),
		cmocka_unit_test(refuses_a_controller_that_asks_for_more),
		cmocka_unit_test(a_config_begins_with_what_suits_most),
		cmocka_unit_test(changes_of_parameters_are_checked_and_leave_all_as_it_was),
		cmocka_unit_test(a_stream_merges_sends_into_full_segments),
		cmocka_unit_test(what_is_to_stay_whole_is_in_one_segment),
		cmocka_unit_test(a_message_is_cut_into_fragments_that_count_down),
		cmocka_unit_test(new_segments_stop_at_the_peers_window_counted_from_una),
		cmocka_unit_test(what_was_overtaken_times_out_though_others_arrive),
		cmocka_unit_test(a_zero_window_is_probed_less_and_less_often),
		cmocka_unit_test(a_segment_is_lost_when_exactly_resend_later_ones_arrived),
		cmocka_unit_test(una_counts_as_arrival_of_what_was_sent_once),
		cmocka_unit_test(with_resend_zero_only_timeouts_resend),
		cmocka_unit_test(a_skipped_segment_is_resent_early_once_when_nothing_new_is_there),
		cmocka_unit_test(what_was_resent_early_and_lost_again_holds_up_nothing_behind_it),
		cmocka_unit_test(an_ack_of_the_first_transmission_shows_that_the_second_was_needless),
		cmocka_unit_test(round_trips_are_sampled_from_the_newest_sound_ack),
		cmocka_unit_test(timeouts_back_off_by_mode),
		cmocka_unit_test(an_applications_own_control_is_told_all_and_obeyed),
		cmocka_unit_test(an_applications_own_rate_spaces_packets_evenly),
		cmocka_unit_test(whatever_allocation_fails_nothing_is_lost),
		cmocka_unit_test(a_send_without_memory_queues_nothing_at_all),
		cmocka_unit_test(in_the_steady_state_nothing_is_allocated),
		cmocka_unit_test(
			the_oldest_is_sent_again_in_a_silence_though_it_was_the_last_that_was_sent),
		cmocka_unit_test(a_clock_that_stands_still_or_goes_back_breaks_nothing),
		cmocka_unit_test(hostile_repeats_and_tiny_segments_cost_bounded_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
