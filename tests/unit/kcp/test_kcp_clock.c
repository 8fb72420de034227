/* test_kcp_clock.c - two conversations of one number are told apart by the clocks of who sends; and what is late tells
 * little about a path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kcp_net.h"

#define MS UINT64_C(1000)
#define S UINT64_C(1000000)

enum { CONV = 0x11223344, T0 = 10000000, BASE = 123456789, FAR_MS = 4300000 };

struct bench {
	struct kcp *kcp;
	uint8_t last[1500];
	size_t len;
};

static size_t bench_output(void *user, uint8_t *buf, size_t len)
{
	struct bench *b = user;

	assert_true(len <= sizeof(b->last));
	memcpy(b->last, buf, len);
	b->len = len;
	return len;
}

static void bench_open(struct bench *b)
{
	struct kcp_config cfg = net_config(128);

	*b = (struct bench){ 0 };
	cfg.conv = CONV;
	cfg.ts_base = BASE;
	cfg.output = bench_output;
	cfg.user = b;
	b->kcp = kcp_new(&cfg, T0);
	assert_non_null(b->kcp);
}

static void bench_close(struct bench *b)
{
	kcp_verify(b->kcp);
	kcp_free(b->kcp);
}

/* A segment of one byte, or an ACK, behind an ACK of segment 0 if that is wanted. */
static int hear(struct bench *b, uint64_t now_us, enum kcp_cmd cmd, uint32_t sn, uint32_t una,
		uint32_t ts, bool behind_ack)
{
	uint8_t buf[2 * KCP_OVERHEAD + 1] = { 0 };
	struct kcp_seg_header h = { .conv = CONV, .cmd = KCP_CMD_ACK, .una = una, .wnd = 128 };
	size_t n = behind_ack ? KCP_OVERHEAD : 0;
	int rc;

	kcp_header_encode(buf, &h);
	h.cmd = (uint8_t)cmd;
	h.sn = sn;
	h.ts = ts;
	h.len = cmd == KCP_CMD_PUSH;
	kcp_header_encode(buf + n, &h);
	rc = kcp_input(b->kcp, now_us, buf, n + KCP_OVERHEAD + h.len, 0);
	kcp_verify(b->kcp);
	return rc;
}

static uint32_t received(const struct bench *b)
{
	struct kcp_info info;

	kcp_get_info(b->kcp, &info);
	return info.rcv_nxt;
}

static void what_leaves_counts_from_the_base_and_what_echoes_it_is_understood(void **state)
{
	struct kcp_seg_header h;
	struct kcp_info info;
	struct bench b;

	(void)state;
	bench_open(&b);
	assert_int_equal(kcp_send(b.kcp, "x", 1), KCP_OK);
	kcp_flush(b.kcp, T0);
	assert_true(kcp_header_decode(&h, b.last, b.len));
	assert_int_equal(h.ts, T0 / MS + BASE);
	assert_int_equal(hear(&b, T0 + 30 * MS, KCP_CMD_ACK, 0, 1, h.ts, false), KCP_OK);
	kcp_get_info(b.kcp, &info);
	assert_int_equal(info.srtt_us, 30 * MS);
	assert_true(kcp_acked_since(b.kcp, T0));
	bench_close(&b);
}

static void the_same_clock_may_be_late_and_stand_for_minutes(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b);
	assert_int_equal(hear(&b, T0, KCP_CMD_PUSH, 0, 0, 0xffffff00, false), KCP_OK);
	assert_int_equal(hear(&b, T0 + 60 * S, KCP_CMD_PUSH, 1, 0, 0xffffff01, false), KCP_OK);
	assert_int_equal(hear(&b, T0 + 61 * S, KCP_CMD_PUSH, 2, 0, 0xffffff00 + 300000, false),
			 KCP_OK);
	assert_int_equal(hear(&b, T0 + 3661 * S, KCP_CMD_PUSH, 2, 0, 0xffffff00 + 300001, false),
			 KCP_OK);
	assert_int_equal(hear(&b, T0 + 100000 * S, KCP_CMD_PUSH, 3, 0, 0xffffff00 + 100000000, false),
			 KCP_OK);
	assert_int_equal(received(&b), 4);
	assert_false(kcp_strange_lately(b.kcp));
	bench_close(&b);
}

static void what_comes_by_another_clock_is_ignored(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b);
	assert_int_equal(kcp_send(b.kcp, "x", 1), KCP_OK);
	kcp_flush(b.kcp, T0);
	assert_int_equal(hear(&b, T0, KCP_CMD_PUSH, 0, 0, 5000000, false), KCP_OK);
	assert_false(kcp_is_strange(b.kcp, 5000000 + FAR_MS / 2));
	assert_true(kcp_is_strange(b.kcp, 5000000 + FAR_MS));
	assert_int_equal(hear(&b, T0, KCP_CMD_PUSH, 1, 0, 5000000 - FAR_MS, false), KCP_EPROTO);
	assert_int_equal(hear(&b, T0, KCP_CMD_PUSH, 1, 0, 5000000 + FAR_MS, true), KCP_EPROTO);
	assert_int_equal(received(&b), 1);
	assert_true(kcp_strange_lately(b.kcp));
	assert_false(kcp_peer_forgot(b.kcp)); /* it may have been recorded */
	assert_int_equal(hear(&b, T0 + 11 * S, KCP_CMD_PUSH, 1, 0, 5011000, false), KCP_OK);
	assert_int_equal(received(&b), 2);
	assert_false(kcp_strange_lately(b.kcp));
	bench_close(&b);
}

static void who_has_more_than_anything_that_was_recorded_is_another_one(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(kcp_send(b.kcp, "x", 1), KCP_OK);
		kcp_flush(b.kcp, T0);
	}
	hear(&b, T0, KCP_CMD_PUSH, 0, 1, 5000000, false);
	hear(&b, T0, KCP_CMD_PUSH, 1, 1, 5000000 + FAR_MS, false);
	assert_false(kcp_peer_forgot(b.kcp));
	hear(&b, T0, KCP_CMD_PUSH, 1, 4, 5000000 + FAR_MS, false); /* of what was never sent */
	assert_false(kcp_peer_forgot(b.kcp));
	hear(&b, T0, KCP_CMD_PUSH, 1, 2, 5000000 + FAR_MS, false);
	assert_true(kcp_peer_forgot(b.kcp));
	bench_close(&b);
}

/* They were lost, and somebody recorded them. */
static void acks_that_come_seconds_late_stretch_the_timeout_once(void **state)
{
	uint32_t ts[10], before;
	struct kcp_seg_header h;
	struct bench b;

	(void)state;
	bench_open(&b);
	for (uint32_t sn = 0; sn < 10; sn++) {
		assert_int_equal(kcp_send(b.kcp, "x", 1), KCP_OK);
		kcp_flush(b.kcp, T0 + sn * MS);
		assert_true(kcp_header_decode(&h, b.last, b.len));
		assert_int_equal(h.sn, sn);
		ts[sn] = h.ts;
	}
	hear(&b, T0 + 100 * MS, KCP_CMD_ACK, 0, 0, ts[0], false);
	before = kcp_rto_us(b.kcp);
	for (uint32_t sn = 2; sn < 10; sn++)
		hear(&b, T0 + 5 * S + sn * MS, KCP_CMD_ACK, sn, 0, ts[sn], false);
	assert_true(kcp_rto_us(b.kcp) < 4 * before);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_leaves_counts_from_the_base_and_what_echoes_it_is_understood),
		cmocka_unit_test(the_same_clock_may_be_late_and_stand_for_minutes),
		cmocka_unit_test(what_comes_by_another_clock_is_ignored),
		cmocka_unit_test(acks_that_come_seconds_late_stretch_the_timeout_once),
		cmocka_unit_test(who_has_more_than_anything_that_was_recorded_is_another_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
