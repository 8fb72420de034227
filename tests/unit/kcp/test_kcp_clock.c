/* test_kcp_clock.c - two conversations of one number are told apart by the clocks of who sends; and what is late tells
 * little about a path. */
#include "kcp_peer.h"

enum { S = 1000 * MS, BASE = 123456789, FAR_MS = 4300000 };

static struct peer *open_clock(void)
{
	struct kcp_config cfg = base_config();

	cfg.ts_base = BASE;
	return open_peer(cfg);
}

/* A byte of the peer's. */
static int push(struct peer *p, uint64_t us, uint32_t sn, uint32_t una, uint32_t ts)
{
	return give(p, us, KCP_CMD_PUSH, sn, una, ts, 1);
}

/* Behind an ACK of segment 0, in one datagram. */
static int push_behind_ack(struct peer *p, uint64_t us, uint32_t sn, uint32_t ts)
{
	uint8_t buf[2 * KCP_OVERHEAD];
	struct kcp_seg_header h = { .conv = CONV, .cmd = KCP_CMD_ACK, .wnd = 128 };
	int r;

	kcp_header_encode(buf, &h);
	h.cmd = KCP_CMD_PUSH;
	h.sn = sn;
	h.ts = ts;
	kcp_header_encode(buf + KCP_OVERHEAD, &h);
	r = kcp_input(p->k, us, buf, sizeof(buf), 0);
	kcp_verify(p->k);
	return r;
}

static uint32_t received(const struct peer *p)
{
	struct kcp_info info;

	kcp_get_info(p->k, &info);
	return info.rcv_nxt;
}

static void send_one(struct peer *p, uint64_t us)
{
	send_bytes(p, 1000); /* a segment */
	flush_at(p, us);
	assert_int_equal(p->count, 1);
}

static void what_leaves_counts_from_the_base_and_what_echoes_it_is_understood(void **state)
{
	struct peer *p = open_clock();
	struct kcp_info info;

	(void)state;
	send_one(p, T0);
	assert_int_equal(p->seg[0].ts, ms(T0) + BASE);
	assert_int_equal(give(p, T0 + 30 * MS, KCP_CMD_ACK, 0, 1, p->seg[0].ts, 0), KCP_OK);
	kcp_get_info(p->k, &info);
	assert_int_equal(info.srtt_us, 30 * MS);
	assert_true(kcp_acked_since(p->k, T0));
	close_peer(p);
}

static void the_same_clock_may_be_late_and_stand_for_an_hour(void **state)
{
	static const struct {
		uint64_t us;
		uint32_t ts;
	} heard[] = {
		{ 0, 0 },
		{ 60 * (uint64_t)S, 1 },
		{ 61 * (uint64_t)S, 300000 },
		{ 3661 * (uint64_t)S, 300001 },
		{ 100000 * (uint64_t)S, 100000000 },
	};
	struct peer *p = open_clock();

	(void)state;
	for (uint32_t i = 0; i < ARRAY_LEN(heard); i++)
		assert_int_equal(push(p, T0 + heard[i].us, i, 0, 0xffffff00 + heard[i].ts), KCP_OK);
	assert_int_equal(received(p), ARRAY_LEN(heard));
	assert_false(kcp_strange_lately(p->k));
	close_peer(p);
}

static void what_comes_by_another_clock_is_ignored(void **state)
{
	struct peer *p = open_clock();

	(void)state;
	send_one(p, T0);
	assert_int_equal(push(p, T0, 0, 0, 5000000), KCP_OK);
	assert_false(kcp_is_strange(p->k, 5000000 + FAR_MS / 2));
	assert_true(kcp_is_strange(p->k, 5000000 + FAR_MS));
	assert_int_equal(push(p, T0, 1, 0, 5000000 - FAR_MS), KCP_EPROTO);
	assert_int_equal(push_behind_ack(p, T0, 1, 5000000 + FAR_MS), KCP_EPROTO);
	assert_int_equal(received(p), 1);
	assert_true(kcp_strange_lately(p->k));
	assert_false(kcp_peer_forgot(p->k)); /* it may have been recorded */
	assert_int_equal(push(p, T0 + 11 * S, 1, 0, 5011000), KCP_OK);
	assert_int_equal(received(p), 2);
	assert_false(kcp_strange_lately(p->k));
	close_peer(p);
}

static void who_has_more_than_anything_that_was_recorded_is_another_one(void **state)
{
	struct peer *p = open_clock();

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		send_one(p, T0);
	push(p, T0, 0, 1, 5000000);
	push(p, T0, 1, 1, 5000000 + FAR_MS);
	assert_false(kcp_peer_forgot(p->k));
	push(p, T0, 1, 4, 5000000 + FAR_MS); /* of what was never sent */
	assert_false(kcp_peer_forgot(p->k));
	push(p, T0, 1, 2, 5000000 + FAR_MS);
	assert_true(kcp_peer_forgot(p->k));
	close_peer(p);
}

/* They were lost, and somebody recorded them. */
static void acks_that_come_seconds_late_stretch_the_timeout_once(void **state)
{
	struct peer *p = open_clock();
	uint32_t before;

	(void)state;
	for (uint32_t sn = 0; sn < 10; sn++)
		send_one(p, T0 + sn * MS);
	give(p, T0 + 100 * MS, KCP_CMD_ACK, 0, 0, ms(T0) + BASE, 0);
	before = kcp_rto_us(p->k);
	for (uint32_t sn = 2; sn < 10; sn++)
		give(p, T0 + 5 * S + sn * MS, KCP_CMD_ACK, sn, 0, ms(T0) + sn + BASE, 0);
	assert_true(kcp_rto_us(p->k) < 4 * before);
	close_peer(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_leaves_counts_from_the_base_and_what_echoes_it_is_understood),
		cmocka_unit_test(the_same_clock_may_be_late_and_stand_for_an_hour),
		cmocka_unit_test(what_comes_by_another_clock_is_ignored),
		cmocka_unit_test(acks_that_come_seconds_late_stretch_the_timeout_once),
		cmocka_unit_test(who_has_more_than_anything_that_was_recorded_is_another_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
