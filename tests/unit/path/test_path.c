/* test_path.c - conversations that share a path: what they know together, and what each gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kcp_model.h"
#include "kcp_reno.h"
#include "path_net.h"

#define MS UINT64_C(1000)
#define S UINT64_C(1000000)

enum { SEEDS = 2 };

static void open_bulk(struct pn *n, unsigned i)
{
	pn_open(n, i, NULL);
	n->pair[i].bulk = true;
}

static void talk(struct pn *n, unsigned i, uint32_t chunk, uint64_t every_us)
{
	pn_open(n, i, NULL);
	n->pair[i].chunk = chunk;
	n->pair[i].every_us = every_us;
	n->pair[i].at = n->now_us;
}

static struct kcp_info info_of(const struct pn *n, unsigned i)
{
	struct kcp_info info;

	kcp_get_info(n->pair[i].kcp[0], &info);
	return info;
}

/* ---- one member ------------------------------------------------------------------------- */

static uint64_t print_of(const struct kcp_cc *cc, const struct kcp_cc *alone, uint32_t loss,
			 unsigned seed)
{
	struct pn *n = pn_new(seed, cc);
	uint64_t print;

	n->loss = loss;
	pn_open(n, 0, alone);
	n->pair[0].bulk = true;
	pn_run(n, 5 * S);
	n->pair[0].bulk = false; /* a pause, and talk */
	n->pair[0].chunk = 3000;
	n->pair[0].every_us = 70 * MS;
	pn_run(n, 3 * S);
	n->pair[0].bulk = true;
	pn_run(n, 3 * S);
	print = n->print;
	pn_free(n);
	return print;
}

/* To the microsecond and the byte. */
static void a_member_by_itself_does_as_a_kcp_alone(void **state)
{
	const struct kcp_cc *const all[] = { &kcp_cc_model, &kcp_cc_reno, &kcp_cc_none };

	for (unsigned seed = 1; seed <= SEEDS; seed++)
		for (unsigned i = 0; i < 3; i++)
			for (uint32_t loss = 0; loss <= 50; loss += 50)
				assert_int_equal(print_of(all[i], NULL, loss, seed),
						 print_of(all[i], all[i], loss, seed));
}

/* ---- shares ----------------------------------------------------------------------------- */

static double alone(uint32_t loss, unsigned seed)
{
	struct pn *n = pn_new(seed, &kcp_cc_model);
	double bytes[PAIRS_MAX];

	n->loss = loss;
	open_bulk(n, 0);
	pn_run(n, 5 * S);
	pn_carry(n, 5 * S, bytes);
	pn_free(n);
	return 2 * bytes[0];
}

static void bulk_of_many(unsigned count, uint32_t loss, unsigned seed)
{
	struct pn *n = pn_new(seed, &kcp_cc_model);
	double bytes[PAIRS_MAX], sum = 0, squares = 0;

	n->loss = loss;
	for (unsigned i = 0; i < count; i++)
		open_bulk(n, i);
	pn_run(n, 5 * S);
	n->worst_queue_us = 0;
	pn_carry(n, 10 * S, bytes);
	for (unsigned i = 0; i < count; i++) {
		sum += bytes[i];
		squares += bytes[i] * bytes[i];
	}
	assert_true(sum * sum / squares / count > 0.98);
	assert_true(sum > 0.96 * alone(loss, seed));
	/* they do not fill the queue of 100 ms, as those that know nothing of each other would */
	assert_true(n->worst_queue_us < 70 * MS);
	pn_free(n);
}

static void bulk_members_get_equal_parts_of_what_one_gets(void **state)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		for (uint32_t loss = 0; loss <= 50; loss += 50) {
			bulk_of_many(2, loss, seed);
			bulk_of_many(8, loss, seed);
		}
	}
}

/* In no 20 ms does more leave than the rate of a probe, and a burst of each. */
static void together_they_leave_at_the_rate_of_the_path(void **state)
{
	struct pn *n = pn_new(3, &kcp_cc_model);

	for (unsigned i = 0; i < PAIRS_MAX; i++)
		open_bulk(n, i);
	pn_run(n, 5 * S);
	for (unsigned i = 0; i < 250; i++) {
		uint64_t before = n->bytes, rate = path_control(n->path)->path_rate;

		pn_run(n, 20 * MS);
		assert_true(n->bytes - before < rate * 5 / 4 / 50 + PAIRS_MAX * 2 * 1350);
	}
	pn_free(n);
}

static void idle_members_hold_back_nothing(void **state)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct pn *n = pn_new(seed, &kcp_cc_model);
		double bytes[PAIRS_MAX];

		for (unsigned i = 1; i < PAIRS_MAX; i++)
			talk(n, i, 8, S);
		open_bulk(n, 0);
		pn_run(n, 5 * S);
		pn_carry(n, 10 * S, bytes);
		assert_true(bytes[0] > 0.97 * alone(0, seed));
		pn_free(n);
	}
}

/* A conversation that takes a fifth of the path is not held to an eighth less because of bulk,
 * and bulk gets the rest. */
static void what_an_application_needs_less_others_get(void **state)
{
	struct pn *n = pn_new(2, &kcp_cc_model);
	double bytes[PAIRS_MAX];

	talk(n, 0, 5000, 5 * MS); /* 1 MB/s of 5 */
	open_bulk(n, 1);
	open_bulk(n, 2);
	pn_run(n, 5 * S);
	pn_carry(n, 10 * S, bytes);
	assert_true(bytes[0] > 9.8e6);
	assert_true(bytes[1] > 0.9 * 19e6 && bytes[2] > 0.9 * 19e6);
	pn_free(n);
}

static void one_that_leaves_gives_back_its_part(void **state)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct pn *n = pn_new(seed, &kcp_cc_model);
		double bytes[PAIRS_MAX], whole = alone(0, seed) / 10;

		open_bulk(n, 0);
		open_bulk(n, 1);
		pn_run(n, 5 * S);
		pn_close(n, 1);
		pn_run(n, 200 * MS); /* a round trip, and what the other still had in the queue */
		pn_carry(n, S, bytes);
		assert_true(bytes[0] > 0.93 * whole);
		/* and so does one that has no more to send */
		open_bulk(n, 1);
		pn_run(n, 3 * S);
		n->pair[1].bulk = false;
		pn_run(n, 400 * MS);
		pn_carry(n, S, bytes);
		assert_true(bytes[0] > 0.9 * whole);
		pn_free(n);
	}
}

/* ---- talk beside bulk -------------------------------------------------------------------- */

/* Small messages wait for the queue that bulk keeps, and for nothing else. */
static void talk_does_not_wait_for_bulk(void **state)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct pn *n = pn_new(seed, &kcp_cc_model);

		for (unsigned i = 0; i < 4; i++)
			open_bulk(n, i);
		for (unsigned i = 4; i < PAIRS_MAX; i++)
			talk(n, i, 1000, 50 * MS + i);
		pn_run(n, 5 * S);
		n->worst_queue_us = 0;
		for (unsigned i = 4; i < PAIRS_MAX; i++)
			n->pair[i].worst_us = 0;
		pn_run(n, 10 * S);
		for (unsigned i = 4; i < PAIRS_MAX; i++) {
			assert_true(n->pair[i].received > 190 * 1000);
			assert_true(n->pair[i].worst_us <= n->delay_us + n->worst_queue_us + 2 * MS);
		}
		pn_free(n);
	}
}

/* ---- what is known ------------------------------------------------------------------------ */

static void one_that_joins_starts_at_the_known_rate(void **state)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct pn *n = pn_new(seed, &kcp_cc_model);
		uint64_t sent;

		n->loss = 10;
		open_bulk(n, 0);
		pn_run(n, 8 * S);
		pn_close(n, 0);
		assert_int_equal(path_members(n->path), 0);
		pn_run(n, 30 * S);
		open_bulk(n, 1);
		/* The rate that it starts with may be that of a low phase, a quarter less. */
		assert_true(info_of(n, 1).path_rate > 4500000);
		assert_true(info_of(n, 1).pacing_rate > 3300000);
		assert_string_not_equal(info_of(n, 1).cc_phase, "startup");
		pn_run(n, 75 * MS);      /* the peer says for how much it has room */
		sent = n->pair[1].bytes; /* what arrived in order would be luck: a loss holds it up */
		pn_run(n, 200 * MS);
		assert_true((double)(n->pair[1].bytes - sent) > 0.7 * 5e6 / 5);
		pn_free(n);
	}
}

/* Beside one that has it all. */
static void one_that_joins_has_its_part_at_once(void **state)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct pn *n = pn_new(seed, &kcp_cc_model);
		double bytes[PAIRS_MAX];

		open_bulk(n, 0);
		pn_run(n, 8 * S);
		open_bulk(n, 1);
		pn_run(n, 200 * MS);
		pn_carry(n, 500 * MS, bytes);
		assert_true(bytes[1] > 0.42 * (bytes[0] + bytes[1]));
		pn_free(n);
	}
}

static void what_is_old_is_forgotten(void **state)
{
	struct pn *n = pn_new(1, &kcp_cc_model);

	open_bulk(n, 0);
	pn_run(n, 8 * S);
	pn_close(n, 0);
	pn_run(n, PATH_KEEP_US - S);
	pn_open(n, 1, NULL);
	assert_string_not_equal(info_of(n, 1).cc_phase, "startup");
	pn_close(n, 1);
	pn_run(n, 2 * S);
	pn_open(n, 2, NULL);
	assert_string_equal(info_of(n, 2).cc_phase, "startup");
	pn_free(n);
}

/* ---- coming and going --------------------------------------------------------------------- */

static void change_one(struct pn *n)
{
	unsigned i = pn_random(n) % PAIRS_MAX;
	struct pn_pair *p = &n->pair[i];

	if (p->kcp[0] == NULL) {
		uint32_t sn = UINT32_MAX - pn_random(n) % 256;

		open_bulk(n, i);
		kcp_set_initial_sn(p->kcp[0], sn, 0);
		kcp_set_initial_sn(p->kcp[1], 0, sn);
	} else if (pn_random(n) % 3 == 0) {
		pn_close(n, i);
	} else if (p->member.path != NULL && pn_random(n) % 2 == 0) {
		kcp_set_cc(p->kcp[0], &kcp_cc_none, NULL, n->now_us);
		path_leave(&p->member);
	} else if (p->member.path == NULL) {
		path_join(n->path, &p->member);
		kcp_set_cc(p->kcp[0], &path_cc, &p->member, n->now_us);
	} else {
		p->bulk = !p->bulk;
	}
}

/* pn_run() verifies at each step. */
static void members_come_and_go(void **state)
{
	for (unsigned seed = 1; seed <= 5; seed++) {
		struct pn *n = pn_new(seed, &kcp_cc_model);

		n->loss = 30;
		n->rate = 1000000;
		for (unsigned i = 0; i < 200; i++) {
			change_one(n);
			pn_run(n, pn_random(n) % (200 * MS));
		}
		for (unsigned i = 0; i < PAIRS_MAX; i++)
			if (n->pair[i].kcp[0] != NULL)
				kcp_verify(n->pair[i].kcp[0]);
		pn_free(n);
	}
}

/* All that was in flight was lost, several times over; they come back, and at the rate they had. */
static void an_outage_is_survived(void **state)
{
	struct pn *n = pn_new(4, &kcp_cc_model);
	double bytes[PAIRS_MAX];

	for (unsigned i = 0; i < 4; i++)
		open_bulk(n, i);
	pn_run(n, 5 * S);
	n->loss = 1000;
	pn_run(n, 2 * S);
	n->loss = 0;
	pn_run(n, 3 * S);
	pn_carry(n, 5 * S, bytes);
	assert_true(bytes[0] + bytes[1] + bytes[2] + bytes[3] > 0.85 * 25e6);
	pn_free(n);
}

static void a_path_without_members_holds_little(void **state)
{
	struct path *p = path_new(&kcp_cc_model);

	assert_true(path_memory(p) < 1024);
	path_free(p);
	path_free(NULL);
}

/* ---- what the controller is told ---------------------------------------------------------- */

static struct kcp_cc_sample told;
static uint32_t back_us = UINT32_MAX; /* of what tell() tells */

static void note_init(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	control->cwnd_bytes = UINT32_MAX;
}

static void note_update(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	told = *s;
}

/* An update of a member: so much was delivered and lost in all, the newest acknowledged left 100 ms ago. */
static void tell(struct path_member *m, unsigned ms, uint64_t delivered, uint64_t lost,
		 uint32_t inflight, bool limited)
{
	struct kcp_cc_sample s = {
		.arg = m,
		.now_us = ms * MS,
		.mss = 1350,
		.snd_wnd = 1000,
		.rmt_wnd = 1000,
		.srtt_us = 100 * MS,
		.min_rtt_us = 100 * MS,
		.rtt_us = 100 * MS,
		.inflight_bytes = inflight,
		.limited = limited,
		.delivered_bytes = delivered,
		.lost_total_bytes = lost,
		.interval_us = 100 * MS,
		.tx_sent_us = (ms - 100) * MS,
	};
	struct kcp_cc_control control = { 0 };

	s.back_us = back_us;
	path_cc.update(NULL, &s, &control);
}

/* One downloads and hears how long what comes waits; another uploads and does not. */
static void all_know_the_way_back(void **state)
{
	static const struct kcp_cc note = { .name = "note", .init = note_init, .update = note_update };
	struct path *p = path_new(&note);
	struct path_member a = { 0 }, b = { 0 };

	(void)state;
	path_join(p, &a);
	path_join(p, &b);
	tell(&b, 1000, 0, 0, 1000, true);
	assert_int_equal(told.back_us, UINT32_MAX);
	back_us = 40 * MS;
	tell(&a, 1010, 0, 0, 1000, true);
	assert_int_equal(told.back_us, 40 * MS);
	back_us = UINT32_MAX;
	tell(&b, 1020, 0, 0, 1000, true);
	assert_int_equal(told.back_us, 40 * MS);
	tell(&b, 1060, 0, 0, 1000, true); /* that was long ago */
	assert_int_equal(told.back_us, UINT32_MAX);
	path_leave(&a);
	path_leave(&b);
	path_free(p);
}

/* A burst that a slow link dropped is over when it was found lost, though it never arrives. */
static void what_is_lost_ends_a_time_of_little_to_send(void **state)
{
	static const struct kcp_cc note = { .name = "note", .init = note_init, .update = note_update };
	struct path *p = path_new(&note);
	struct path_member a = { 0 }, b = { 0 };
	unsigned ms = 1000;

	(void)state;
	path_join(p, &a);
	path_join(p, &b);
	tell(&a, ms, 0, 0, 100000, false);
	tell(&b, ms, 0, 0, 1000, false);
	for (; ms < 2000; ms += 10) {
		tell(&a, ms, ms, ms > 1200 ? 100000 : 0, 20000, true);
		tell(&b, ms, ms, 0, 20000, true);
		if (ms < 1200)
			assert_true(told.app_limited || told.interval_us == 0);
	}
	assert_int_not_equal(told.interval_us, 0);
	assert_false(told.app_limited);
	path_leave(&a);
	path_leave(&b);
	path_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_by_itself_does_as_a_kcp_alone),
		cmocka_unit_test(bulk_members_get_equal_parts_of_what_one_gets),
		cmocka_unit_test(together_they_leave_at_the_rate_of_the_path),
		cmocka_unit_test(idle_members_hold_back_nothing),
		cmocka_unit_test(what_an_application_needs_less_others_get),
		cmocka_unit_test(one_that_leaves_gives_back_its_part),
		cmocka_unit_test(talk_does_not_wait_for_bulk),
		cmocka_unit_test(one_that_joins_starts_at_the_known_rate),
		cmocka_unit_test(one_that_joins_has_its_part_at_once),
		cmocka_unit_test(what_is_old_is_forgotten),
		cmocka_unit_test(members_come_and_go),
		cmocka_unit_test(an_outage_is_survived),
		cmocka_unit_test(a_path_without_members_holds_little),
		cmocka_unit_test(all_know_the_way_back),
		cmocka_unit_test(what_is_lost_ends_a_time_of_little_to_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
