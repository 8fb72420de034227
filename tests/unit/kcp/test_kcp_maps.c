/* test_kcp_maps.c - maps of what arrived: what they say, what they are worth, and that they may say anything. */
#include <stdio.h>

#include "kcp_model.h"
#include "kcp_net.h"
#include "kcp_peer.h"

enum { SEGS = 100 };

/* ---- of who receives ------------------------------------------------------------------------ */

static struct peer *open_receiver(uint32_t mtu)
{
	struct kcp_config cfg = base_config();
	struct peer *p;

	cfg.mtu = mtu;
	cfg.rcv_wnd = 2048;
	p = open_peer(cfg);
	kcp_set_maps(p->k, true);
	return p;
}

static void arrive(struct peer *p, uint64_t us, uint32_t sn)
{
	assert_int_equal(give(p, us, KCP_CMD_PUSH, sn, 0, 1000 + sn, 1), KCP_OK);
}

static void a_map_tells_runs_from_the_newest_down(void **state)
{
	static const uint32_t came[] = { 0, 1, 3, 4, 5, 9 };
	static const uint8_t runs[] = { 1, 3, 3, 1 };
	struct peer *p = open_receiver(1024);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(came); i++)
		arrive(p, T0, came[i]);
	flush_at(p, T0);
	assert_int_equal(p->datagrams, 1);
	assert_int_equal(p->count, 2); /* it is behind what came in order */
	assert_int_equal(p->seg[1].cmd, KCP_CMD_MAP);
	assert_int_equal(p->seg[1].una, 2);
	assert_int_equal(p->seg[1].sn, 9);
	assert_int_equal(p->seg[1].ts, 1009);
	assert_int_equal(p->seg[1].len, sizeof(runs));
	assert_memory_equal(p->buf + p->len - sizeof(runs), runs, sizeof(runs));
	/* What fills a hole says which transmission it was, and the next map knows of it. */
	arrive(p, T0 + 50 * MS, 7);
	arrive(p, T0 + 50 * MS, 10);
	flush_at(p, T0 + 100 * MS);
	assert_int_equal(p->datagrams, 1);
	assert_int_equal(p->seg[0].cmd, KCP_CMD_ACK);
	assert_int_equal(p->seg[0].sn, 7);
	assert_int_equal(p->seg[1].len, 6);
	assert_memory_equal(p->buf + p->len - 6, "\2\1\1\1\3\1", 6);
	close_peer(p);
}

static void what_una_covers_by_now_has_an_ack(void **state)
{
	struct peer *p = open_receiver(1024);

	(void)state;
	arrive(p, T0, 1);
	arrive(p, T0, 0);
	flush_at(p, T0);
	assert_int_equal(p->count, 2);
	assert_int_equal(p->seg[1].cmd, KCP_CMD_ACK);
	assert_int_equal(p->seg[1].sn, 1);
	assert_int_equal(p->seg[1].una, 2);
	assert_int_equal(kcp_deadline(p->k), KCP_NEVER);
	close_peer(p);
}

static void a_map_is_no_longer_than_a_datagram(void **state)
{
	(void)state;
	for (uint32_t mtu = KCP_MTU_MIN; mtu < 400; mtu += 7) {
		struct peer *p = open_receiver(mtu);

		for (uint32_t sn = 1; sn < 600; sn += 2)
			arrive(p, T0, sn);
		flush_at(p, T0);
		assert_true(p->len == mtu || (p->len < mtu && p->seg[0].len == KCP_MAP_MAX));
		close_peer(p);
	}
}

static void without_a_peer_that_understands_there_is_none(void **state)
{
	struct peer *p = open_receiver(1024);

	(void)state;
	kcp_set_maps(p->k, false);
	for (uint32_t sn = 1; sn < 50; sn++)
		arrive(p, T0, sn);
	flush_at(p, T0);
	assert_int_equal(count_cmd(p, KCP_CMD_ACK), p->count);
	close_peer(p);
}

/* ---- to who sent ---------------------------------------------------------------------------- */

static struct peer *open_sender(void)
{
	struct kcp_config cfg = base_config();
	struct peer *p;

	cfg.snd_wnd = 2048;
	p = open_peer(cfg);
	give_wnd(p, T0, 2048, 0, 0);
	for (unsigned i = 0; i < SEGS; i++)
		send_bytes(p, 1000); /* a full one */
	flush_at(p, T0);
	assert_int_equal(p->datagrams, SEGS);
	return p;
}

static void hear_map(struct peer *p, uint32_t sn, uint32_t una, uint32_t ts, const void *runs,
		     size_t n)
{
	assert_int_equal(give_bytes(p, T0 + 10 * MS, KCP_CMD_MAP, sn, una, ts, runs, n), KCP_OK);
}

static void a_map_frees_what_it_tells_of(void **state)
{
	static const uint8_t runs[] = { 10, 5, 0x80 | 20, 0 };
	struct peer *p = open_sender();
	unsigned resent = 0;
	struct kcp_info info;

	(void)state;
	hear_map(p, 90, 0, ms(T0), runs, sizeof(runs));
	kcp_get_info(p->k, &info);
	assert_int_equal(info.snd_una, 0);
	assert_int_equal(kcp_waiting(p->k), SEGS - 30);
	for (unsigned i = 0; i < 10; i++) { /* of what left before 90 and was not told of, all is lost */
		flush_at(p, T0 + 10 * MS + i * 100);
		resent += p->datagrams;
	}
	assert_int_equal(resent, 61);
	close_peer(p);
}

static void a_map_may_say_anything(void **state)
{
	uint8_t runs[KCP_MAP_MAX];
	struct net_rng rng = { 4711 };

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		uint32_t sn = net_random(&rng) % (3 * SEGS) - SEGS;
		struct peer *p = open_sender();

		for (size_t i = 0; i < sizeof(runs); i++)
			runs[i] = (uint8_t)(net_random(&rng) >> (round % 8));
		hear_map(p, sn, 0, net_random(&rng), runs, net_random(&rng) % sizeof(runs));
		flush_at(p, T0 + 10 * MS);
		close_peer(p);
	}
}

/* Like an ACK: of what left after more was heard of, with less before it. */
static void a_map_tells_of_a_peer_that_forgot(void **state)
{
	struct peer *p = open_sender();

	(void)state;
	give_wnd(p, T0 + 5 * MS, 2048, 50, 0);
	hear_map(p, 60, 50, ms(T0), "\1", 1);
	assert_false(kcp_peer_forgot(p->k));
	hear_map(p, 61, 0, ms(T0), "\1", 1); /* it left before */
	assert_false(kcp_peer_forgot(p->k));
	hear_map(p, 62, 0, ms(T0) + 6, "\1", 1);
	assert_true(kcp_peer_forgot(p->k));
	close_peer(p);
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
		n->end[i].path = net_wan(i == 0 ? 10 : 0);
		kcp_set_maps(n->end[i].kcp, maps);
	}
	n->end[1].path.burst_start = 10;
	n->end[1].path.burst_end = 100;
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
		cmocka_unit_test(a_map_tells_of_a_peer_that_forgot),
		cmocka_unit_test(maps_make_lost_acknowledgements_cheap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
