/* test_kcp_copies.c - copies of small segments: when, how many, what they are worth, how they are counted. */
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

/* Messages of `bytes`, 50 a second each way, over 100 ms and so much loss each way. */
static struct net *messages(uint32_t copies, uint32_t loss_permille, uint32_t bytes, unsigned seed)
{
	struct kcp_config cfg = net_config(1024);
	struct net *n;

	cfg.cc = &kcp_cc_model;
	cfg.nodelay = 3;
	cfg.copies = copies;
	n = net_new(seed, &cfg, &cfg);
	for (unsigned i = 0; i < 2; i++) {
		n->end[i].path = net_wan(loss_permille);
		n->end[i].to_send = UINT64_MAX;
		n->end[i].chunk = bytes;
		n->end[i].send_every_us = 20 * MS;
	}
	return n;
}

/* For so long; the bytes that are late at end 1 are summed over the steps of 20 ms. */
static uint64_t lateness(struct net *n, uint64_t us)
{
	uint64_t end = n->now_us + us, late = 0;

	while (n->now_us < end) {
		n->limit_us = n->now_us + 20 * MS;
		net_run(n);
		n->now_us = n->limit_us;
		late += n->end[0].sent - n->end[1].received;
	}
	return late;
}

static const struct kcp_stats *stats(const struct net *n, unsigned end)
{
	return kcp_stats(n->end[end].kcp);
}

static void copies_spare_the_round_trip_that_a_loss_costs(void **state)
{
	uint64_t late[2] = { 0 };

	(void)state;
	for (unsigned seed = 1; seed <= 4; seed++) {
		for (unsigned i = 0; i < 2; i++) {
			struct net *n = messages(i == 0 ? 0 : KCP_COPIES_AUTO, 100, 64, seed);

			late[i] += lateness(n, 30 * S);
			assert_false(n->end[1].corrupt);
			net_free(n);
		}
	}
	/* Half of what is under way needs no help: in these 50 ms nothing can be gained. */
	assert_true(late[1] < late[0] * 2 / 3);
}

static void copies_are_no_retransmissions_on_either_side(void **state)
{
	struct net *n = messages(2, 50, 64, 5);

	(void)state;
	lateness(n, 30 * S);
	for (unsigned i = 0; i < 2; i++) {
		assert_in_range(stats(n, i)->copy_segs, 1500 * 2 * 9 / 10, 1500 * 2 + 20);
		assert_in_range(stats(n, i)->retrans_segs, 0, 15);
		/* Those of which the first, or one before, had come. */
		assert_in_range(stats(n, i)->copies_in_segs, 1500 * 2 * 8 / 10, 1500 * 2);
		assert_in_range(stats(n, i)->repeat_segs, 0, 15);
	}
	net_free(n);
}

static void without_loss_there_are_soon_none(void **state)
{
	struct net *n = messages(KCP_COPIES_AUTO, 0, 64, 6);
	uint64_t before;

	(void)state;
	lateness(n, 20 * S);
	before = stats(n, 0)->copy_segs;
	assert_true(before > 0); /* at first it was not known */
	lateness(n, 20 * S);
	assert_int_equal(stats(n, 0)->copy_segs, before);
	net_free(n);
}

static void as_many_as_are_asked_for(void **state)
{
	(void)state;
	for (uint32_t copies = 0; copies <= KCP_COPIES_MAX; copies++) {
		struct net *n = messages(copies, 0, 64, 7);

		lateness(n, 10 * S);
		assert_in_range(stats(n, 0)->copy_segs, copies * 490, copies * 501);
		net_free(n);
	}
}

/* What fills datagrams is not small, and what fills the link is not few. */
static void large_segments_get_one_and_bulk_none(void **state)
{
	struct net *n = messages(3, 0, 1000, 8);

	(void)state;
	lateness(n, 5 * S);
	assert_in_range(stats(n, 0)->copy_segs, 245, 251);
	net_free(n);
	n = messages(3, 20, 64, 9);
	n->end[0].send_every_us = 0;
	n->end[0].chunk = 0;
	lateness(n, 10 * S);
	assert_in_range(stats(n, 0)->copy_segs, 0, stats(n, 0)->out_push / 200);
	net_free(n);
}

/* Each tells another time, and the ACK of any would do: but a proof is the ACK of the first. */
static void before_a_peer_is_proven_there_are_none(void **state)
{
	struct net *n = messages(2, 0, 64, 7);

	(void)state;
	kcp_set_allowance(n->end[0].kcp, 1 << 20, 0);
	lateness(n, 2 * S);
	assert_true(stats(n, 0)->out_push > 50);
	assert_int_equal(stats(n, 0)->copy_segs, 0);
	assert_true(kcp_acked_since(n->end[0].kcp, n->now_us - S));
	kcp_set_allowance(n->end[0].kcp, UINT64_MAX, 0);
	lateness(n, 2 * S);
	assert_true(stats(n, 0)->copy_segs > 50);
	net_free(n);
}

/* A flow of small segments that is no trickle costs no more than its budget. */
static void copies_keep_to_a_budget(void **state)
{
	struct net *n = messages(3, 0, 600, 10);

	(void)state;
	n->end[0].send_every_us = 8 * MS;
	lateness(n, 20 * S);
	/* 60 kB/s, and what was saved. */
	assert_in_range(stats(n, 0)->copy_segs, 500, 20 * 60000 / 624 + 60);
	net_free(n);
}

/* What cover() was asked, and what it gives. */
static struct cover_seen {
	unsigned calls, wanted;
	size_t segs_most, give; /* bytes per segment wanted */
	bool sound;
} seen;

static size_t cover(void *user, uint32_t ts, unsigned want, const struct kcp_covered *segs,
		    size_t n, uint8_t *buf, size_t cap)
{
	struct net_end *e = user;

	seen.calls++;
	seen.wanted += want;
	seen.segs_most = n > seen.segs_most ? n : seen.segs_most;
	seen.sound &= want >= 1 && n >= 1 && n <= KCP_COVER_SEGS && cap <= KCP_COVER_MAX &&
		      ts == (uint32_t)(e->net->now_us / MS);
	for (size_t i = 0; i < n; i++)
		seen.sound &= segs[i].len == 64 && segs[i].sn - segs[0].sn < KCP_COVER_SEGS &&
			      (i == 0 || segs[i].sn - segs[i - 1].sn - 1 < KCP_COVER_SEGS);
	memset(buf, 0xff, want * seen.give);
	return want * seen.give;
}

static struct net *covered(uint32_t copies, bool on, size_t give)
{
	struct kcp_config cfg = net_config(1024);
	struct net *n;

	seen = (struct cover_seen){ .give = give, .sound = true };
	cfg.cc = &kcp_cc_model;
	cfg.nodelay = 3;
	cfg.copies = copies;
	cfg.cover = cover;
	n = net_new(11, &cfg, &cfg);
	kcp_set_cover(n->end[0].kcp, on);
	n->end[0].path.delay_us = n->end[1].path.delay_us = 50 * MS;
	n->end[0].to_send = UINT64_MAX;
	n->end[0].chunk = 64;
	n->end[0].send_every_us = 20 * MS;
	return n;
}

/* One in a datagram of its own, one behind the next segment. */
static void what_covers_segments_stands_in_for_copies(void **state)
{
	struct net *n = covered(2, true, 90);

	(void)state;
	lateness(n, 10 * S);
	assert_true(seen.sound);
	assert_in_range(seen.calls, 990, 1002);
	assert_int_equal(seen.wanted, seen.calls);
	assert_in_range(seen.segs_most, 5, 8); /* a round trip's */
	assert_int_equal(stats(n, 0)->copy_segs, 0);
	assert_in_range(n->end[0].path.offered, 990, 1010);
	assert_in_range(n->end[0].path.bytes, 500 * (24 + 64) + 990 * 90,
			500 * (24 + 64 + 24) + 1010 * 90);
	assert_in_range(stats(n, 1)->in_errs, 990, 1002); /* this peer knows nothing of it, */
	assert_false(n->end[1].corrupt);                  /* and has all the same what it knows */
	assert_in_range(n->end[0].sent - n->end[1].received, 0, 6 * 64);
	net_free(n);
}

static void without_it_there_are_copies(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 3; how++) {
		/* Not wanted; not able; or it would take more bytes than copies do. */
		struct net *n = covered(2, how != 0, how == 1 ? 0 : 500);

		lateness(n, 10 * S);
		assert_int_equal(seen.calls > 0, how != 0);
		assert_in_range(stats(n, 0)->copy_segs, 980, 1002);
		net_free(n);
	}
}

/* Who acknowledges at leisure is not taken for one who has got nothing. */
static void an_acknowledgement_that_waits_is_waited_for(void **state)
{
	struct net *n = covered(0, false, 0);

	(void)state;
	n->end[1].to_send = UINT64_MAX; /* it measures the path, too, and waits a part of that */
	n->end[1].chunk = 64;
	n->end[1].send_every_us = S;
	lateness(n, 20 * S);
	assert_in_range(stats(n, 0)->retrans_segs, 0, 5);
	net_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_spare_the_round_trip_that_a_loss_costs),
		cmocka_unit_test(copies_are_no_retransmissions_on_either_side),
		cmocka_unit_test(without_loss_there_are_soon_none),
		cmocka_unit_test(as_many_as_are_asked_for),
		cmocka_unit_test(large_segments_get_one_and_bulk_none),
		cmocka_unit_test(before_a_peer_is_proven_there_are_none),
		cmocka_unit_test(copies_keep_to_a_budget),
		cmocka_unit_test(what_covers_segments_stands_in_for_copies),
		cmocka_unit_test(without_it_there_are_copies),
		cmocka_unit_test(an_acknowledgement_that_waits_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
