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

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum { CONV = 0x01020304, T0 = 10000000, MS = 1000 };

/* Takes what leaves, segment by segment. */
struct peer {
	struct kcp *k;
	uint8_t buf[1500];
	size_t cap; /* datagrams that reserve() has room for */
	unsigned datagrams;
	size_t bytes;
	struct kcp_seg_header seg[4096];
	unsigned count;
};

static uint8_t *peer_reserve(void *user, size_t cap)
{
	struct peer *p = user;

	assert_true(cap <= sizeof(p->buf));
	return p->datagrams < p->cap ? p->buf : NULL;
}

static size_t peer_output(void *user, uint8_t *buf, size_t len)
{
	struct peer *p = user;
	const size_t all = len;

	assert_true(len >= KCP_OVERHEAD);
	p->datagrams++;
	p->bytes += len;
	while (len > 0) {
		struct kcp_seg_header *h = &p->seg[p->count++];

		assert_true(p->count < ARRAY_LEN(p->seg));
		assert_true(kcp_header_decode(h, buf, len));
		assert_int_equal(h->conv, CONV);
		buf += KCP_OVERHEAD + h->len;
		len -= KCP_OVERHEAD + h->len;
	}
	return all;
}

static struct kcp_config base_config(void)
{
	return (struct kcp_config){
		.conv = CONV,
		.mtu = 1024,
		.snd_wnd = 256,
		.rcv_wnd = 64,
		.nodelay = 1,
		.interval_ms = 10,
		.resend = 2,
		.stream = true,
		.reserve = peer_reserve,
		.output = peer_output,
	};
}

static struct peer *open_peer(struct kcp_config cfg)
{
	struct peer *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->cap = SIZE_MAX;
	cfg.user = p;
	p->k = kcp_new(&cfg, T0);
	assert_non_null(p->k);
	return p;
}

static void close_peer(struct peer *p)
{
	kcp_verify(p->k);
	kcp_free(p->k);
	free(p);
}

static bool flush_at(struct peer *p, uint64_t us)
{
	bool blocked;

	p->count = p->datagrams = 0;
	p->bytes = 0;
	blocked = kcp_flush(p->k, us);
	kcp_verify(p->k);
	return blocked;
}

static unsigned count_cmd(const struct peer *p, enum kcp_cmd cmd)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->count; i++)
		n += p->seg[i].cmd == cmd;
	return n;
}

/* One segment to the kcp. */
static int give(struct peer *p, uint64_t us, enum kcp_cmd cmd, uint32_t sn, uint32_t una,
		uint32_t ts, size_t len)
{
	static uint8_t buf[4096];
	struct kcp_seg_header h = {
		.conv = CONV,
		.cmd = (uint8_t)cmd,
		.wnd = 128,
		.ts = ts,
		.sn = sn,
		.una = una,
		.len = (uint32_t)len,
	};
	int r;

	kcp_header_encode(buf, &h);
	memset(buf + KCP_OVERHEAD, (int)(sn & 0xff), len);
	r = kcp_input(p->k, us, buf, KCP_OVERHEAD + len, 0);
	kcp_verify(p->k);
	return r;
}

static void give_wnd(struct peer *p, uint64_t us, uint16_t wnd, uint32_t una, unsigned flags)
{
	uint8_t buf[KCP_OVERHEAD];
	struct kcp_seg_header h = { .conv = CONV, .cmd = KCP_CMD_WINS, .wnd = wnd, .una = una };

	kcp_header_encode(buf, &h);
	assert_int_equal(kcp_input(p->k, us, buf, sizeof(buf), flags), KCP_OK);
}

static uint32_t ms(uint64_t us)
{
	return (uint32_t)(us / 1000);
}

/* Acknowledge segment `sn` with its ts, una staying where it is. */
static void ack(struct peer *p, uint64_t us, uint32_t sn, uint32_t una, uint64_t sent_us)
{
	assert_int_equal(give(p, us, KCP_CMD_ACK, sn, una, ms(sent_us), 0), KCP_OK);
}

static void send_bytes(struct peer *p, size_t n)
{
	static const uint8_t data[1 << 16];

	assert_true(n <= sizeof(data));
	assert_int_equal(kcp_send(p->k, data, n), KCP_OK);
}

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

/* ---- acknowledging ------------------------------------------------------- */

static void acks_wait_for_the_interval_or_leave_at_once_with_ack_nodelay(void **state)
{
	struct peer *p = open_peer(base_config());

	(void)state;
	give(p, T0, KCP_CMD_PUSH, 0, 0, 1, 10);
	give(p, T0 + 3 * MS, KCP_CMD_PUSH, 1, 0, 2, 10);
	assert_true(kcp_deadline(p->k) == T0 + 10 * MS);
	flush_at(p, T0 + 10 * MS - 1);
	assert_int_equal(p->count, 0);
	flush_at(p, T0 + 10 * MS);
	/* In order: una tells of the first, the last carries the fresher ts. */
	assert_int_equal(p->count, 1);
	assert_int_equal(p->seg[0].cmd, KCP_CMD_ACK);
	assert_int_equal(p->seg[0].sn, 1);
	assert_int_equal(p->seg[0].ts, 2);
	assert_int_equal(p->seg[0].una, 2);
	assert_true(kcp_deadline(p->k) == KCP_NEVER);
	kcp_set_ack_nodelay(p->k, true);
	give(p, T0 + 20 * MS, KCP_CMD_PUSH, 2, 0, 3, 10);
	assert_true(kcp_deadline(p->k) <= T0 + 20 * MS);
	flush_at(p, T0 + 20 * MS);
	assert_int_equal(p->count, 1);
	close_peer(p);
}

static void acks_ride_with_data_that_has_room_for_them(void **state)
{
	struct peer *p = open_peer(base_config());

	(void)state;
	give(p, T0, KCP_CMD_PUSH, 0, 0, 1, 10);
	send_bytes(p, 100);
	flush_at(p, T0);
	assert_int_equal(p->datagrams, 1);
	assert_int_equal(p->count, 2);
	assert_int_equal(count_cmd(p, KCP_CMD_ACK), 1);
	/* A full segment leaves none: the ACK waits, it does not go alone. */
	give(p, T0 + MS, KCP_CMD_PUSH, 1, 0, 1, 10);
	send_bytes(p, 1000);
	flush_at(p, T0 + MS);
	assert_int_equal(p->count, 1);
	flush_at(p, T0 + 11 * MS);
	assert_int_equal(count_cmd(p, KCP_CMD_ACK), 1);
	close_peer(p);
}

static void holes_and_repeats_are_told_of_at_once_and_each_by_its_own_ack(void **state)
{
	struct peer *p = open_peer(base_config());

	(void)state;
	give(p, T0, KCP_CMD_PUSH, 0, 0, 1, 10);
	give(p, T0, KCP_CMD_PUSH, 2, 0, 1, 10);
	give(p, T0, KCP_CMD_PUSH, 3, 0, 1, 10);
	assert_true(kcp_deadline(p->k) <= T0);
	flush_at(p, T0);
	assert_int_equal(p->count, 2);
	assert_int_equal(p->seg[0].sn, 2);
	assert_int_equal(p->seg[1].sn, 3);
	assert_int_equal(p->seg[1].una, 1);
	give(p, T0 + MS, KCP_CMD_PUSH, 0, 0, 107, 10);
	flush_at(p, T0 + MS);
	assert_int_equal(p->count, 3);
	/* What stands beyond the hole is told once more, ahead of what is new. */
	assert_int_equal(p->seg[0].sn, 2);
	assert_int_equal(p->seg[1].sn, 3);
	assert_int_equal(p->seg[2].sn, 0);
	assert_int_equal(p->seg[2].ts, 107);
	/* Under a hole that stays, one datagram per packet would be a waste. */
	give(p, T0 + 2 * MS, KCP_CMD_PUSH, 4, 0, 1, 10);
	flush_at(p, T0 + 2 * MS);
	for (uint32_t sn = 5; sn < 20; sn++) {
		give(p, T0 + 3 * MS, KCP_CMD_PUSH, sn, 0, 1, 10);
		flush_at(p, T0 + 3 * MS);
		assert_int_equal(p->datagrams, 0);
	}
	close_peer(p);
}

static void steady_acks_leave_at_once_after_a_pause_only(void **state)
{
	struct peer *p = open_peer(base_config());

	(void)state;
	kcp_set_steady_acks(p->k, true);
	give(p, T0, KCP_CMD_PUSH, 1, 0, 1, 10); /* there is a hole */
	assert_true(kcp_deadline(p->k) <= T0);
	flush_at(p, T0);
	assert_int_equal(count_cmd(p, KCP_CMD_ACK), 1);
	give(p, T0 + 2 * MS, KCP_CMD_PUSH, 3, 0, 1, 10); /* another */
	give(p, T0 + 3 * MS, KCP_CMD_PUSH, 1, 0, 1, 10); /* and what came before */
	assert_true(kcp_deadline(p->k) == T0 + 10 * MS);
	flush_at(p, T0 + 10 * MS);
	assert_true(count_cmd(p, KCP_CMD_ACK) >= 2);
	give(p, T0 + 30 * MS, KCP_CMD_PUSH, 5, 0, 1, 10);
	assert_true(kcp_deadline(p->k) <= T0 + 30 * MS);
	close_peer(p);
}

static void half_a_window_of_arrivals_is_acknowledged_at_once(void **state)
{
	struct kcp_config cfg = base_config();
	struct peer *p;

	(void)state;
	cfg.rcv_wnd = 8;
	p = open_peer(cfg);
	for (uint32_t sn = 0; sn < 4; sn++) {
		flush_at(p, T0);
		assert_int_equal(p->count, 0);
		give(p, T0, KCP_CMD_PUSH, sn, 0, 1, 10);
	}
	flush_at(p, T0);
	assert_int_equal(p->count, 1);
	close_peer(p);
}

static void acks_that_found_no_room_stay_due(void **state)
{
	struct peer *p = open_peer(base_config());

	(void)state;
	for (uint32_t sn = 1; sn < 60; sn++)
		give(p, T0, KCP_CMD_PUSH, sn, 0, sn, 1);
	p->cap = 0;
	assert_true(flush_at(p, T0));
	p->cap = 1;
	assert_true(flush_at(p, T0));
	assert_int_equal(p->count, 42);
	p->cap = 9;
	assert_true(kcp_deadline(p->k) <= T0);
	assert_false(flush_at(p, T0));
	assert_int_equal(p->count, 17);
	assert_int_equal(p->seg[16].sn, 59);
	close_peer(p);
}

static void data_that_used_its_credit_does_not_hold_acknowledgements(void **state)
{
	struct kcp_config cfg = base_config();
	struct peer *p;

	(void)state;
	cfg.rate_limit = 1000;
	p = open_peer(cfg);
	send_bytes(p, 30000);
	flush_at(p, T0);
	assert_in_range(p->count, 1, 12);
	flush_at(p, T0 + MS);
	flush_at(p, T0 + MS);
	assert_int_equal(p->count, 0);
	assert_true(kcp_deadline(p->k) > T0 + 2 * MS);
	give(p, T0 + 2 * MS, KCP_CMD_PUSH, 5, 0, 1, 1);
	assert_true(kcp_deadline(p->k) <= T0 + 2 * MS);
	flush_at(p, T0 + 2 * MS);
	assert_int_equal(count_cmd(p, KCP_CMD_ACK), 1);
	assert_int_equal(count_cmd(p, KCP_CMD_PUSH), 0);
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

/* ---- receiving ----------------------------------------------------------- */

static void up_to_twice_the_window_is_held_and_no_more(void **state)
{
	struct kcp_config cfg = base_config();
	struct peer *p;
	struct kcp_info info;
	const uint8_t *data = NULL;

	(void)state;
	cfg.rcv_wnd = 8;
	p = open_peer(cfg);
	for (uint32_t sn = 0; sn < 30; sn++)
		give(p, T0, KCP_CMD_PUSH, sn, 0, 1, 10);
	kcp_get_info(p->k, &info);
	assert_int_equal(info.rcv_nxt, 8);
	assert_int_equal(info.rcv_queue_segs, 8);
	assert_int_equal(info.rcv_ring_segs, 8);
	assert_int_equal(kcp_stats(p->k)->out_of_window_segs, 14);
	flush_at(p, T0);
	assert_int_equal(p->seg[0].wnd, 0);
	/* As it drains, the peer is told unasked. */
	assert_int_equal(kcp_peek(p->k, &data), 10);
	kcp_consume(p->k, 10);
	assert_int_equal(data[0], 0); /* borrowed on, across consume */
	for (unsigned i = 1; i < 16; i++) {
		assert_int_equal(kcp_peek(p->k, &data), 10);
		assert_int_equal(data[9], i);
		kcp_consume(p->k, 4);
		assert_int_equal(kcp_peek(p->k, &data), 6);
		kcp_consume(p->k, 6);
	}
	assert_int_equal(kcp_peek(p->k, &data), 0);
	assert_true(kcp_deadline(p->k) <= T0);
	flush_at(p, T0 + MS);
	assert_int_equal(count_cmd(p, KCP_CMD_WINS), 1);
	assert_int_equal(p->seg[p->count - 1].wnd, 8);
	assert_int_equal(p->seg[p->count - 1].una, 16);
	close_peer(p);
}

static void give_push_ts(struct peer *p, uint64_t us, uint32_t sn, uint32_t ts, unsigned flags)
{
	uint8_t buf[KCP_OVERHEAD + 1] = { 0 };
	struct kcp_seg_header h = { .conv = CONV, .cmd = KCP_CMD_PUSH, .sn = sn, .ts = ts, .len = 1 };

	kcp_header_encode(buf, &h);
	assert_int_equal(kcp_input(p->k, us, buf, sizeof(buf), flags), KCP_OK);
}

/* Parity can come seconds after the packet that it rebuilds was sent. */
static void a_rebuilt_segment_is_not_echoed_with_its_old_time(void **state)
{
	struct kcp_config cfg = base_config();
	struct peer *p;

	(void)state;
	cfg.ack_nodelay = true;
	p = open_peer(cfg);
	give_push_ts(p, T0, 1, 9000, 0);
	give_push_ts(p, T0, 0, 5000, KCP_INPUT_RECOVERED);
	flush_at(p, T0);
	assert_int_equal(p->count, 2);
	assert_int_equal(p->seg[1].sn, 0);
	assert_int_equal(p->seg[1].ts, 9000);
	/* A segment that came by itself is echoed as it is, however late. */
	give_push_ts(p, T0, 3, 4000, 0);
	flush_at(p, T0);
	assert_int_equal(p->seg[0].ts, 4000);
	close_peer(p);
}

static void one_absurd_round_trip_does_not_stretch_the_timeout_for_long(void **state)
{
	struct peer *p = open_peer(base_config());
	struct kcp_info info;
	uint32_t before;

	(void)state;
	for (uint32_t sn = 0; sn < 8; sn++) {
		send_bytes(p, 10);
		flush_at(p, T0 + sn * 100 * MS);
		ack(p, T0 + (sn * 100 + 50) * MS, sn, sn, T0 + sn * 100 * MS);
	}
	kcp_get_info(p->k, &info);
	before = info.rto_us;
	assert_in_range(before, 50 * MS, 300 * MS);
	send_bytes(p, 10);
	flush_at(p, T0 + 900 * MS);
	ack(p, T0 + 5000 * MS, 8, 8, T0 + 900 * MS);
	kcp_get_info(p->k, &info);
	assert_in_range(info.rto_us, before, 6 * before);
	close_peer(p);
}

static void a_question_for_the_window_is_answered(void **state)
{
	struct peer *p = open_peer(base_config());

	(void)state;
	give(p, T0, KCP_CMD_WASK, 77, 0, 88, 0);
	assert_true(kcp_deadline(p->k) <= T0);
	flush_at(p, T0);
	assert_int_equal(p->count, 1);
	assert_int_equal(p->seg[0].cmd, KCP_CMD_WINS);
	assert_int_equal(p->seg[0].wnd, 64);
	assert_true(kcp_deadline(p->k) == KCP_NEVER);
	close_peer(p);
}

static void give_frg(struct peer *p, uint32_t sn, uint8_t frg)
{
	uint8_t buf[KCP_OVERHEAD + 1] = { 0 };
	struct kcp_seg_header h = { .conv = CONV, .cmd = KCP_CMD_PUSH, .frg = frg, .sn = sn, .len = 1 };

	kcp_header_encode(buf, &h);
	buf[KCP_OVERHEAD] = (uint8_t)sn;
	kcp_input(p->k, T0, buf, sizeof(buf), 0);
	kcp_verify(p->k);
}

static void a_message_of_more_fragments_than_the_window_still_arrives(void **state)
{
	struct kcp_config cfg = base_config();
	struct peer *p;
	uint8_t buf[512];

	(void)state;
	cfg.stream = false;
	cfg.rcv_wnd = 4;
	p = open_peer(cfg);
	for (uint32_t sn = 0; sn < 20; sn++) {
		assert_int_equal(kcp_peek_size(p->k), KCP_EAGAIN);
		give_frg(p, sn, (uint8_t)(19 - sn));
		flush_at(p, T0 + sn);
		if (p->count > 0)
			assert_int_equal(p->seg[0].wnd == 0, sn == 19);
	}
	assert_int_equal(kcp_peek_size(p->k), 20);
	assert_int_equal(kcp_recv(p->k, buf, 19), KCP_ELIMIT);
	assert_int_equal(kcp_recv(p->k, buf, 20), 20);
	assert_int_equal(buf[19], 19);
	close_peer(p);
}

static void fragments_that_count_wrongly_end_somewhere(void **state)
{
	struct kcp_config cfg = base_config();
	struct peer *p;
	uint8_t buf[512];

	(void)state;
	cfg.stream = false;
	p = open_peer(cfg);
	for (uint32_t sn = 0; sn < 6; sn++)
		give_frg(p, sn, 2); /* 2 2 2: three, by the first */
	give_frg(p, 6, 9);
	give_frg(p, 7, 0); /* 9 0: ends at 0 */
	assert_int_equal(kcp_recv(p->k, buf, sizeof(buf)), 3);
	assert_int_equal(kcp_recv(p->k, buf, sizeof(buf)), 3);
	assert_int_equal(kcp_recv(p->k, buf, sizeof(buf)), 2);
	assert_int_equal(kcp_recv(p->k, buf, sizeof(buf)), KCP_EAGAIN);
	close_peer(p);
}

static void a_stream_skips_empty_segments(void **state)
{
	struct peer *p = open_peer(base_config());
	const uint8_t *data = NULL;

	(void)state;
	for (uint32_t sn = 0; sn < 500; sn++)
		give(p, T0, KCP_CMD_PUSH, sn, 0, 1, 0);
	assert_int_equal(kcp_peek(p->k, &data), 0);
	give(p, T0, KCP_CMD_PUSH, 501, 0, 1, 0);
	give(p, T0, KCP_CMD_PUSH, 502, 0, 1, 3);
	give(p, T0, KCP_CMD_PUSH, 500, 0, 1, 2);
	assert_int_equal(kcp_peek(p->k, &data), 2);
	kcp_consume(p->k, 2);
	assert_int_equal(kcp_peek(p->k, &data), 3);
	assert_int_equal(kcp_stats(p->k)->delivered_bytes, 5);
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
	assert_true(kcp_memory(p->k) < 2750);
	close_peer(p);
}

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
	kcp_watch_longs(p->k, 1000);
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
	ack(p, T0 + 100 * MS, 2, 3, T0 + 10 * MS);
	assert_int_equal(kcp_longs_sent(p->k, &since), 0);
	close_peer(p);
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
		cmocka_unit_test(an_ack_of_the_first_transmission_shows_that_the_second_was_needless),
		cmocka_unit_test(round_trips_are_sampled_from_the_newest_sound_ack),
		cmocka_unit_test(timeouts_back_off_by_mode),
		cmocka_unit_test(acks_wait_for_the_interval_or_leave_at_once_with_ack_nodelay),
		cmocka_unit_test(acks_ride_with_data_that_has_room_for_them),
		cmocka_unit_test(holes_and_repeats_are_told_of_at_once_and_each_by_its_own_ack),
		cmocka_unit_test(steady_acks_leave_at_once_after_a_pause_only),
		cmocka_unit_test(half_a_window_of_arrivals_is_acknowledged_at_once),
		cmocka_unit_test(acks_that_found_no_room_stay_due),
		cmocka_unit_test(data_that_used_its_credit_does_not_hold_acknowledgements),
		cmocka_unit_test(an_applications_own_control_is_told_all_and_obeyed),
		cmocka_unit_test(an_applications_own_rate_spaces_packets_evenly),
		cmocka_unit_test(up_to_twice_the_window_is_held_and_no_more),
		cmocka_unit_test(a_rebuilt_segment_is_not_echoed_with_its_old_time),
		cmocka_unit_test(one_absurd_round_trip_does_not_stretch_the_timeout_for_long),
		cmocka_unit_test(a_question_for_the_window_is_answered),
		cmocka_unit_test(a_message_of_more_fragments_than_the_window_still_arrives),
		cmocka_unit_test(fragments_that_count_wrongly_end_somewhere),
		cmocka_unit_test(a_stream_skips_empty_segments),
		cmocka_unit_test(hostile_repeats_and_tiny_segments_cost_bounded_memory),
		cmocka_unit_test(whatever_allocation_fails_nothing_is_lost),
		cmocka_unit_test(a_send_without_memory_queues_nothing_at_all),
		cmocka_unit_test(in_the_steady_state_nothing_is_allocated),
		cmocka_unit_test(what_is_short_may_spend_what_is_kept_from_what_is_long),
		cmocka_unit_test(an_ack_proves_nothing_later_than_all_that_it_may_be_of),
		cmocka_unit_test(
			the_oldest_is_sent_again_in_a_silence_though_it_was_the_last_that_was_sent),
		cmocka_unit_test(a_sounding_changes_nothing_and_is_answered),
		cmocka_unit_test(one_that_asks_is_answered_by_news_of_the_window),
		cmocka_unit_test(segments_follow_a_smaller_mtu_and_long_ones_go_alone_at_once),
		cmocka_unit_test(a_clock_that_stands_still_or_goes_back_breaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
