/* test_fifo_share.c - who may hold how much of a pool, and who gets what comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fifo.h"

enum { MIB = 1 << 20, SESSIONS_MAX = 8, STREAMS_MAX = 64 };

/* A session with streams of both ways. */
struct session {
	struct fifo_account account;
	struct fifo fifo[FIFO_WAYS][STREAMS_MAX];
	unsigned offers[FIFO_WAYS];
	bool takes;     /* what is offered: one chunk */
	bool gives;     /* when others starve */
	unsigned asked; /* to give */
};

struct tunnel {
	struct fifo_pool pool;
	struct session s[SESSIONS_MAX];
};

static bool put(struct fifo *f, size_t n)
{
	static const uint8_t zeros[FIFO_CHUNK];

	return fifo_write(f, (struct view){ zeros, n }) == n;
}

/* Write until no more is taken; bytes held then. */
static size_t fill(struct fifo *f)
{
	while (put(f, 4000)) /* too much for a small chunk */
		;
	return f->held;
}

static bool on_room(void *user, enum fifo_way way)
{
	struct session *s = user;

	s->offers[way]++;
	return s->takes;
}

static bool on_relieve(void *user, enum fifo_way way, uint64_t now_us)
{
	struct session *s = user;

	s->asked++;
	if (s->gives)
		fifo_dispose(&s->fifo[way][0]);
	return s->gives;
}

static const struct fifo_owner owner = { on_room, on_relieve };

static void begin(struct tunnel *t, size_t bytes_max)
{
	fifo_pool_init(&t->pool, bytes_max);
	for (int i = 0; i < SESSIONS_MAX; i++) {
		struct session *s = &t->s[i];

		*s = (struct session){ .takes = true };
		fifo_account_init(&s->account, &t->pool);
		fifo_account_attach(&s->account, &owner, s);
		for (int k = 0; k < STREAMS_MAX; k++) {
			fifo_init(&s->fifo[FIFO_IN][k], &s->account, FIFO_IN);
			fifo_init(&s->fifo[FIFO_OUT][k], &s->account, FIFO_OUT);
		}
	}
}

static void empty(struct session *s, enum fifo_way way)
{
	for (int k = 0; k < STREAMS_MAX; k++)
		fifo_dispose(&s->fifo[way][k]);
}

static void end(struct tunnel *t)
{
	fifo_pool_verify(&t->pool);
	for (int i = 0; i < SESSIONS_MAX; i++) {
		empty(&t->s[i], FIFO_IN);
		empty(&t->s[i], FIFO_OUT);
		fifo_account_dispose(&t->s[i].account);
	}
	fifo_pool_verify(&t->pool);
	fifo_pool_dispose(&t->pool);
}

/* All streams of a session ask for all they can get, in turn. */
static size_t hog(struct session *s, enum fifo_way way)
{
	bool any = true;

	while (any) {
		any = false;
		for (int k = 0; k < STREAMS_MAX; k++)
			any |= put(&s->fifo[way][k], 1000);
	}
	return s->account.way_bytes[way];
}

/* ---- shares ----------------------------------------------------------------------- */

static void without_a_budget_nobody_is_refused(void **state)
{
	struct tunnel t;

	begin(&t, SIZE_MAX);
	assert_true(fifo_account_room(&t.s[0].account, FIFO_IN) == SIZE_MAX);
	assert_true(put(&t.s[0].fifo[FIFO_OUT][0], FIFO_CHUNK));
	assert_false(fifo_pool_over(&t.pool));
	end(&t);
}

static void a_session_holds_no_more_of_a_way_than_it_leaves(void **state)
{
	struct tunnel t;
	size_t held;

	begin(&t, 4 * MIB);
	held = fill(&t.s[0].fifo[FIFO_IN][0]);
	/* Of three quarters one half. */
	assert_in_range(held, 3 * MIB / 2 - FIFO_CHUNK, 3 * MIB / 2);
	/* And of the rest the next one, ... */
	held = fill(&t.s[1].fifo[FIFO_IN][0]);
	assert_in_range(held, 3 * MIB / 4 - FIFO_CHUNK, 3 * MIB / 4 + FIFO_CHUNK);
	held = fill(&t.s[2].fifo[FIFO_IN][0]);
	assert_in_range(held, 3 * MIB / 8 - 2 * FIFO_CHUNK, 3 * MIB / 8 + 2 * FIFO_CHUNK);
	/* ... and when the first gives back, the others may have more. */
	assert_false(put(&t.s[2].fifo[FIFO_IN][0], 4000));
	empty(&t.s[0], FIFO_IN);
	assert_true(put(&t.s[2].fifo[FIFO_IN][0], 4000));
	end(&t);
}

static void sessions_that_want_all_get_the_same(void **state)
{
	struct tunnel t;
	bool any = true;

	begin(&t, 4 * MIB);
	while (any) {
		any = false;
		for (int i = 0; i < SESSIONS_MAX; i++)
			any |= put(&t.s[i].fifo[FIFO_IN][0], 1000);
	}
	for (int i = 0; i < SESSIONS_MAX; i++) /* and one share is left */
		assert_in_range(t.s[i].account.way_bytes[FIFO_IN], 3 * MIB / 9 - FIFO_CHUNK,
				3 * MIB / 9 + FIFO_CHUNK);
	end(&t);
}

static void a_quarter_of_the_budget_is_sure_to_each_way(void **state)
{
	for (int way = 0; way < FIFO_WAYS; way++) {
		struct tunnel t;
		size_t held = 0;

		begin(&t, 4 * MIB);
		for (int i = 0; i < SESSIONS_MAX; i++)
			hog(&t.s[i], (enum fifo_way)way);
		assert_in_range(t.pool.way_bytes[way], 3 * MIB - FIFO_FLOOR, 3 * MIB);
		for (int i = 0; i < SESSIONS_MAX; i++)
			held += hog(&t.s[i], (enum fifo_way) !way);
		assert_in_range(held, MIB - FIFO_FLOOR, MIB);
		assert_true(t.pool.used_bytes <= t.pool.bytes_max);
		assert_false(fifo_pool_over(&t.pool));
		end(&t);
	}
}

static void anyone_may_hold_the_floor_while_there_is_some(void **state)
{
	struct tunnel t;

	begin(&t, 16 * FIFO_CHUNK); /* 12 are for one way */
	for (int i = 0; i < 3; i++)
		assert_int_equal(fill(&t.s[i].fifo[FIFO_IN][0]), i == 0   ? 6 * FIFO_CHUNK
								 : i == 1 ? 4 * FIFO_CHUNK
									  : 2 * FIFO_CHUNK);
	assert_false(put(&t.s[3].fifo[FIFO_IN][0], 1));
	end(&t);
}

static void streams_outwards_leave_room_to_each_other(void **state)
{
	struct tunnel t;
	struct session *s = &t.s[0];
	size_t first;

	begin(&t, 4 * MIB);
	first = fill(&s->fifo[FIFO_OUT][0]);
	assert_in_range(first, MIB / 3, 3 * MIB / 4);
	hog(s, FIFO_OUT);
	for (int k = 1; k < STREAMS_MAX; k++)
		assert_in_range(s->fifo[FIFO_OUT][k].held, FIFO_SMALL_CHUNK, first);
	end(&t);
}

static void a_read_gets_a_small_chunk_where_there_is_no_large_one(void **state)
{
	struct tunnel t;
	struct span room;

	begin(&t, FIFO_CHUNK);
	room = fifo_reserve(&t.s[0].fifo[FIFO_OUT][0]);
	assert_in_range(room.n, FIFO_SMALL_CHUNK / 2, FIFO_SMALL_CHUNK);
	fifo_commit(&t.s[0].fifo[FIFO_OUT][0], room.n);
	assert_int_equal(fifo_reserve(&t.s[0].fifo[FIFO_OUT][0]).n, 0);
	end(&t);
}

static void what_is_held_elsewhere_counts_down_to_the_sure_quarters(void **state)
{
	struct tunnel t;

	begin(&t, 4 * MIB);
	fifo_account_charge(&t.s[0].account, MIB);
	fifo_account_charge(&t.s[1].account, 10);
	fifo_account_charge(&t.s[1].account, 0);
	assert_int_equal(fifo_pool_held(&t.pool), MIB);
	assert_int_equal(fifo_account_room(&t.s[1].account, FIFO_IN), MIB); /* of two */
	fifo_account_charge(&t.s[0].account, 100 * MIB);
	assert_true(fifo_pool_over(&t.pool));
	assert_int_equal(fifo_account_room(&t.s[1].account, FIFO_IN), MIB / 2);
	assert_true(put(&t.s[1].fifo[FIFO_IN][0], 1000));
	assert_int_equal(fifo_pool_held(&t.pool), 100 * MIB + FIFO_SMALL_CHUNK);
	end(&t);
}

static void another_budget_holds_at_once(void **state)
{
	struct tunnel t;

	begin(&t, 4 * MIB);
	fill(&t.s[0].fifo[FIFO_IN][0]);
	fifo_account_wait(&t.s[0].account, FIFO_IN);
	fifo_pool_set_max(&t.pool, MIB);
	assert_true(fifo_pool_over(&t.pool));
	assert_false(put(&t.s[1].fifo[FIFO_IN][0], 1));
	assert_true(put(&t.s[1].fifo[FIFO_OUT][0], 1)); /* its quarter */
	assert_int_equal(t.s[0].offers[FIFO_IN], 0);
	fifo_pool_set_max(&t.pool, 8 * MIB);
	assert_int_equal(t.s[0].offers[FIFO_IN], 1);
	assert_true(put(&t.s[0].fifo[FIFO_IN][0], 1000));
	end(&t);
}

/* ---- those that wait ----------------------------------------------------------------- */

/* One session holds so much that the others, of which each holds nothing, are refused. */
static void crowd(struct tunnel *t)
{
	begin(t, 16 * FIFO_CHUNK);
	for (int i = 0; i < 3; i++)
		fill(&t->s[i].fifo[FIFO_IN][0]);
}

static void each_chunk_that_comes_back_is_offered_to_one_in_turn(void **state)
{
	struct tunnel t;

	crowd(&t);
	for (int i = 3; i < 7; i++)
		fifo_account_wait(&t.s[i].account, FIFO_IN);
	fifo_account_wait(&t.s[3].account, FIFO_IN); /* once is enough */
	for (int i = 3; i < 7; i++) {
		fifo_consume(&t.s[0].fifo[FIFO_IN][0], FIFO_CHUNK);
		for (int k = 3; k < 7; k++)
			assert_int_equal(t.s[k].offers[FIFO_IN], k <= i ? 1 : 0);
	}
	fifo_consume(&t.s[0].fifo[FIFO_IN][0], FIFO_CHUNK);
	for (int k = 3; k < 7; k++)
		assert_int_equal(t.s[k].offers[FIFO_IN], 1);
	end(&t);
}

static void one_that_wants_it_no_more_passes_it_on(void **state)
{
	struct tunnel t;

	crowd(&t);
	t.s[3].takes = false;
	fifo_account_wait(&t.s[3].account, FIFO_IN);
	fifo_account_wait(&t.s[4].account, FIFO_IN);
	fifo_consume(&t.s[0].fifo[FIFO_IN][0], FIFO_CHUNK);
	assert_int_equal(t.s[3].offers[FIFO_IN], 1);
	assert_int_equal(t.s[4].offers[FIFO_IN], 1);
	end(&t);
}

static void one_at_its_bound_is_passed_over_and_keeps_waiting(void **state)
{
	struct tunnel t;

	crowd(&t);
	fifo_account_wait(&t.s[1].account, FIFO_IN); /* holds its floor, and more than is left */
	fifo_account_wait(&t.s[3].account, FIFO_IN);
	fifo_consume(&t.s[2].fifo[FIFO_IN][0], FIFO_CHUNK);
	assert_int_equal(t.s[1].offers[FIFO_IN], 0);
	assert_int_equal(t.s[3].offers[FIFO_IN], 1);
	empty(&t.s[0], FIFO_IN);
	assert_int_equal(t.s[1].offers[FIFO_IN], 1);
	end(&t);
}

/* What it gave back moves its own bound, and perhaps nobody else's. */
static void who_gave_back_is_offered_it_when_the_others_cannot_have_it(void **state)
{
	struct tunnel t;

	begin(&t, 64 * FIFO_CHUNK);
	fill(&t.s[0].fifo[FIFO_IN][0]);
	for (int i = SESSIONS_MAX - 1; i >= 0; i--) {
		t.s[i].takes = i == 0;
		fifo_account_wait(&t.s[i].account, FIFO_IN);
	}
	fifo_consume(&t.s[0].fifo[FIFO_IN][0], FIFO_CHUNK);
	assert_int_equal(t.s[0].offers[FIFO_IN], 1);
	end(&t);
}

static void who_leaves_waits_no_more(void **state)
{
	struct tunnel t;

	crowd(&t);
	for (int i = 3; i < 6; i++)
		fifo_account_wait(&t.s[i].account, FIFO_IN);
	fifo_account_attach(&t.s[4].account, NULL, NULL);
	fifo_account_attach(&t.s[5].account, NULL, NULL);
	fifo_pool_verify(&t.pool);
	fifo_account_wait(&t.s[4].account, FIFO_IN); /* nobody to be told */
	fifo_account_wait(&t.s[6].account, FIFO_IN);
	empty(&t.s[0], FIFO_IN);
	assert_int_equal(t.s[3].offers[FIFO_IN], 1);
	assert_int_equal(t.s[4].offers[FIFO_IN], 0);
	assert_int_equal(t.s[5].offers[FIFO_IN], 0);
	assert_int_equal(t.s[6].offers[FIFO_IN], 1);
	end(&t);
}

static void the_session_that_holds_most_is_asked_for_relief(void **state)
{
	struct tunnel t;

	crowd(&t);
	assert_false(fifo_pool_relieve(&t.pool, FIFO_IN, FIFO_RELIEF_US));
	assert_false(fifo_pool_relieve(&t.pool, FIFO_IN, 2 * FIFO_RELIEF_US - 1)); /* too soon */
	assert_int_equal(t.s[0].asked, 1);
	t.s[0].gives = true;
	fifo_account_wait(&t.s[3].account, FIFO_IN);
	assert_true(fifo_pool_relieve(&t.pool, FIFO_IN, 2 * FIFO_RELIEF_US));
	assert_int_equal(t.s[0].account.way_bytes[FIFO_IN], 0);
	assert_int_equal(t.s[3].offers[FIFO_IN], 1);
	assert_false(fifo_pool_relieve(&t.pool, FIFO_IN, 3 * FIFO_RELIEF_US));
	assert_int_equal(t.s[1].asked, 1); /* now that one */
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_budget_nobody_is_refused),
		cmocka_unit_test(a_session_holds_no_more_of_a_way_than_it_leaves),
		cmocka_unit_test(sessions_that_want_all_get_the_same),
		cmocka_unit_test(a_quarter_of_the_budget_is_sure_to_each_way),
		cmocka_unit_test(anyone_may_hold_the_floor_while_there_is_some),
		cmocka_unit_test(streams_outwards_leave_room_to_each_other),
		cmocka_unit_test(a_read_gets_a_small_chunk_where_there_is_no_large_one),
		cmocka_unit_test(what_is_held_elsewhere_counts_down_to_the_sure_quarters),
		cmocka_unit_test(another_budget_holds_at_once),
		cmocka_unit_test(each_chunk_that_comes_back_is_offered_to_one_in_turn),
		cmocka_unit_test(one_that_wants_it_no_more_passes_it_on),
		cmocka_unit_test(one_at_its_bound_is_passed_over_and_keeps_waiting),
		cmocka_unit_test(who_gave_back_is_offered_it_when_the_others_cannot_have_it),
		cmocka_unit_test(who_leaves_waits_no_more),
		cmocka_unit_test(the_session_that_holds_most_is_asked_for_relief),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
