/* test_kcp_maps.c - maps of what arrived: what they say, what they are worth, and that they may say anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kcp_model.h"
#include "kcp_net.h"

#define MS UINT64_C(1000)
#define S UINT64_C(1000000)

enum { CONV = 0x11223344, T0 = 10000000, SEGS = 100 };

/* ---- one end, whose last datagram is kept ---------------------------------------------- */

struct bench {
	struct kcp *kcp;
	uint8_t last[1500];
	size_t len;
	unsigned datagrams;
};

static uint8_t *bench_reserve(void *user, size_t cap)
{
	struct bench *b = user;

	assert_true(cap <= sizeof(b->last));
	return b->last;
}

static size_t bench_output(void *user, uint8_t *buf, size_t len)
{
	struct bench *b = user;

	(void)buf;
	b->len = len;
	b->datagrams++;
	return len;
}

static void bench_open_with(struct bench *b, uint32_t mtu)
{
	struct kcp_config cfg = net_config(2048);

	*b = (struct bench){ 0 };
	cfg.mtu = mtu;
	cfg.conv = CONV;
	cfg.reserve = bench_reserve;
	cfg.output = bench_output;
	cfg.user = b;
	b->kcp = kcp_new(&cfg, T0);
	assert_non_null(b->kcp);
}

static void bench_open(struct bench *b)
{
	bench_open_with(b, 1350);
}

static void bench_close(struct bench *b)
{
	kcp_verify(b->kcp);
	kcp_free(b->kcp);
}

static void hear(struct bench *b, uint64_t now_us, enum kcp_cmd cmd, uint32_t sn, uint32_t ts,
		 const void *data, size_t len)
{
	uint8_t buf[1500];
	struct kcp_seg_header h = {
		.conv = CONV,
		.cmd = (uint8_t)cmd,
		.sn = sn,
		.ts = ts,
		.wnd = 2048,
		.len = (uint32_t)len,
	};

	kcp_header_encode(buf, &h);
	memcpy(buf + KCP_OVERHEAD, data, len);
	assert_int_equal(kcp_input(b->kcp, now_us, buf, KCP_OVERHEAD + len, 0), KCP_OK);
	kcp_verify(b->kcp);
}

static void arrive(struct bench *b, uint64_t now_us, uint32_t sn)
{
	hear(b, now_us, KCP_CMD_PUSH, sn, 1000 + sn, "x", 1);
}

static void a_map_tells_runs_from_the_newest_down(void **state)
{
	static const uint32_t came[] = { 0, 1, 3, 4, 5, 9 };
	static const uint8_t runs[] = { 1, 3, 3, 1 };
	struct kcp_seg_header h;
	struct bench b;

	(void)state;
	bench_open(&b);
	kcp_set_maps(b.kcp, true);
	for (size_t i = 0; i < sizeof(came) / sizeof(came[0]); i++)
		arrive(&b, T0, came[i]);
	kcp_flush(b.kcp, T0);
	assert_int_equal(b.datagrams, 1);
	assert_true(kcp_header_decode(&h, b.last + KCP_OVERHEAD, b.len - KCP_OVERHEAD));
	assert_int_equal(b.len, 2 * KCP_OVERHEAD + sizeof(runs)); /* behind what came in order */
	assert_int_equal(h.cmd, KCP_CMD_MAP);
	assert_int_equal(h.una, 2);
	assert_int_equal(h.sn, 9);
	assert_int_equal(h.ts, 1009);
	assert_memory_equal(b.last + 2 * KCP_OVERHEAD, runs, sizeof(runs));
	/* What fills a hole says which transmission it was, and the next map knows of it. */
	b.datagrams = 0;
	arrive(&b, T0 + 50 * MS, 7);
	arrive(&b, T0 + 50 * MS, 10);
	kcp_flush(b.kcp, T0 + 100 * MS);
	assert_int_equal(b.datagrams, 1);
	assert_true(kcp_header_decode(&h, b.last, b.len));
	assert_int_equal(h.cmd, KCP_CMD_ACK);
	assert_int_equal(h.sn, 7);
	assert_int_equal(b.len, 2 * KCP_OVERHEAD + 6);
	assert_memory_equal(b.last + 2 * KCP_OVERHEAD, "\2\1\1\1\3\1", 6);
	bench_close(&b);
}

static void what_una_covers_by_now_has_an_ack(void **state)
{
	struct kcp_seg_header h;
	struct bench b;

	(void)state;
	bench_open(&b);
	kcp_set_maps(b.kcp, true);
	arrive(&b, T0, 1);
	arrive(&b, T0, 0);
	kcp_flush(b.kcp, T0);
	assert_int_equal(b.len, 2 * KCP_OVERHEAD);
	assert_true(kcp_header_decode(&h, b.last + KCP_OVERHEAD, KCP_OVERHEAD));
	assert_int_equal(h.cmd, KCP_CMD_ACK);
	assert_int_equal(h.sn, 1);
	assert_int_equal(h.una, 2);
	assert_int_equal(kcp_deadline(b.kcp), KCP_NEVER);
	bench_close(&b);
}

static void a_map_is_no_longer_than_a_datagram(void **state)
{
	struct bench b;

	(void)state;
	for (uint32_t mtu = KCP_MTU_MIN; mtu < 400; mtu += 7) {
		bench_open_with(&b, mtu);
		kcp_set_maps(b.kcp, true);
		for (uint32_t sn = 1; sn < 600; sn += 2)
			arrive(&b, T0, sn);
		kcp_flush(b.kcp, T0);
		assert_true(b.len <= mtu);
		assert_true(b.len == mtu || b.len == KCP_OVERHEAD + KCP_MAP_MAX);
		bench_close(&b);
	}
}

static void without_a_peer_that_understands_there_is_none(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b);
	for (uint32_t sn = 1; sn < 50; sn++)
		arrive(&b, T0, sn);
	kcp_flush(b.kcp, T0);
	for (size_t at = 0; at < b.len; at += KCP_OVERHEAD)
		assert_int_equal(b.last[at + 4], KCP_CMD_ACK);
	bench_close(&b);
}

/* ---- to who sent ---------------------------------------------------------------------------- */

static void bench_send(struct bench *b)
{
	uint8_t full[1326] = { 0 };

	hear(b, T0, KCP_CMD_WINS, 0, 0, "", 0);
	for (unsigned i = 0; i < SEGS; i++)
		assert_int_equal(kcp_send(b->kcp, full, sizeof(full)), KCP_OK);
	kcp_flush(b->kcp, T0);
	assert_int_equal(b->datagrams, SEGS);
}

static void a_map_frees_what_it_tells_of(void **state)
{
	static const uint8_t runs[] = { 10, 5, 0x80 | 20, 0 };
	struct kcp_info info;
	struct bench b;

	(void)state;
	bench_open(&b);
	bench_send(&b);
	hear(&b, T0 + 10 * MS, KCP_CMD_MAP, 90, T0 / MS, runs, sizeof(runs));
	kcp_get_info(b.kcp, &info);
	assert_int_equal(info.snd_una, 0);
	assert_int_equal(kcp_waiting(b.kcp), SEGS - 30);
	b.datagrams = 0;
	kcp_flush(b.kcp, T0 + 10 * MS); /* of what left before 90 and was not told of, all is lost */
	assert_int_equal(b.datagrams, 61);
	bench_close(&b);
}

static void a_map_may_say_anything(void **state)
{
	uint8_t runs[KCP_MAP_MAX];
	struct net_rng rng = { 4711 };
	struct bench b;

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		uint32_t sn = net_random(&rng) % (3 * SEGS) - SEGS;

		bench_open(&b);
		bench_send(&b);
		for (size_t i = 0; i < sizeof(runs); i++)
			runs[i] = (uint8_t)(net_random(&rng) >> (round % 8));
		hear(&b, T0 + 10 * MS, KCP_CMD_MAP, sn, net_random(&rng), runs,
		     net_random(&rng) % sizeof(runs));
		kcp_flush(b.kcp, T0 + 10 * MS);
		bench_close(&b);
	}
}

/* ---- what they are worth --------------------------------------------------------------------- */

struct worth {
	uint64_t us, back_bytes, spurious;
};

/* 40 MB over 100 Mbit/s and 100 ms, of which little is lost; of what comes back ten datagrams in sequence now and then. */
static struct worth transfer(bool maps, unsigned seed)
{
	struct kcp_config cfg = net_config(4096);
	struct worth w;
	struct net *n;

	cfg.cc = &kcp_cc_model;
	cfg.nodelay = 3;
	n = net_new(seed, &cfg, &cfg);
	for (unsigned i = 0; i < 2; i++) {
		n->end[i].path = (struct net_path){
			.delay_us = 50 * MS,
			.rate = 12500000,
			.queue_max = 1250000,
			.loss = i == 0 ? 10 : 0,
			.burst_start = i == 0 ? 0 : 10,
			.burst_end = 100,
		};
		kcp_set_maps(n->end[i].kcp, maps);
	}
	n->end[0].to_send = 40000000;
	net_run(n);
	assert_int_equal(n->end[1].received, 40000000);
	assert_false(n->end[1].corrupt);
	w = (struct worth){ n->now_us, n->end[1].path.bytes, kcp_stats(n->end[0].kcp)->spurious_segs };
	net_free(n);
	return w;
}

static void maps_make_lost_acknowledgements_cheap(void **state)
{
	struct worth with = { 0 }, without = { 0 };

	(void)state;
	for (unsigned seed = 1; seed <= 4; seed++) {
		struct worth a = transfer(true, seed), b = transfer(false, seed);

		with = (struct worth){ with.us + a.us, with.back_bytes + a.back_bytes,
				       with.spurious + a.spurious };
		without = (struct worth){ without.us + b.us, without.back_bytes + b.back_bytes,
					  without.spurious + b.spurious };
	}
	printf("%llu against %llu us, %llu against %llu bytes back, %llu against %llu spurious\n",
	       (unsigned long long)with.us, (unsigned long long)without.us,
	       (unsigned long long)with.back_bytes, (unsigned long long)without.back_bytes,
	       (unsigned long long)with.spurious, (unsigned long long)without.spurious);
	assert_true(with.us < without.us);
	assert_true(with.back_bytes < without.back_bytes / 2);
	assert_true(with.spurious < without.spurious / 4 * 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_tells_runs_from_the_newest_down),
		cmocka_unit_test(what_una_covers_by_now_has_an_ack),
		cmocka_unit_test(a_map_is_no_longer_than_a_datagram),
		cmocka_unit_test(without_a_peer_that_understands_there_is_none),
		cmocka_unit_test(a_map_frees_what_it_tells_of),
		cmocka_unit_test(a_map_may_say_anything),
		cmocka_unit_test(maps_make_lost_acknowledgements_cheap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
