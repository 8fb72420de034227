/* test_replay.c - what came before is known, as many as promised, and nothing else is. */
#include "replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "wire.h"

static const uint8_t secret[REPLAY_SECRET_SIZE] = { 1, 2, 3 };

static struct replay *make(void)
{
	struct replay *r = replay_new(secret);

	assert_non_null(r);
	return r;
}

/* The print of a nonce that number i stands for. */
static uint64_t nth(const struct replay *r, uint64_t i)
{
	uint8_t nonce[16] = { 0 };

	store_le64(nonce, i);
	return replay_print(r, nonce, sizeof(nonce));
}

static size_t known_of(struct replay *r, uint64_t from, uint64_t to)
{
	size_t known = 0;

	for (uint64_t i = from; i < to; i++)
		known += !replay_note(r, nth(r, i));
	return known;
}

static void what_came_is_known_and_nothing_else(void **state)
{
	struct replay *r = make();

	assert_int_equal(known_of(r, 0, 10000), 0);
	assert_int_equal(known_of(r, 0, 10000), 10000);
	assert_int_equal(replay_count(r), 10000);
	assert_int_equal(replay_rotations(r), 0);
	replay_verify(r);
	replay_free(r);
}

/* Of a million none was taken for another, and the last million are known at any time. */
static void a_generation_is_known_in_full_and_two_at_most(void **state)
{
	enum { N = REPLAY_GENERATION };
	struct replay *r = make();

	assert_int_equal(known_of(r, 0, N), 0);
	assert_int_equal(replay_young_count(r), N);
	assert_int_equal(replay_rotations(r), 0);
	assert_int_equal(known_of(r, N, 2 * N), 0);
	assert_int_equal(replay_rotations(r), 1);
	replay_verify(r);
	assert_int_equal(known_of(r, 0, 2 * N), 2 * N);
	assert_int_equal(replay_count(r), 2 * N);
	/* One more, and the first million are forgotten. */
	assert_int_equal(known_of(r, 2 * N, 2 * N + 1), 0);
	assert_int_equal(replay_rotations(r), 2);
	assert_int_equal(replay_count(r), N + 1);
	assert_int_equal(known_of(r, N, 2 * N + 1), N + 1);
	assert_int_equal(known_of(r, 0, 1000), 0);
	replay_verify(r);
	replay_free(r);
}

static void prints_depend_on_the_secret_and_on_every_byte(void **state)
{
	const uint8_t other_secret[REPLAY_SECRET_SIZE] = { 1, 2, 4 };
	struct replay *r = make(), *other = replay_new(other_secret);
	uint8_t nonce[16] = { 0 };
	uint64_t print = replay_print(r, nonce, sizeof(nonce));

	assert_int_not_equal(print, replay_print(other, nonce, sizeof(nonce)));
	assert_int_not_equal(print, replay_print(r, nonce, 8));
	for (size_t i = 0; i < sizeof(nonce); i++) {
		nonce[i] = 1;
		assert_int_not_equal(print, replay_print(r, nonce, sizeof(nonce)));
		nonce[i] = 0;
	}
	replay_free(other);
	replay_free(r);
}

static void a_rotation_by_hand_keeps_what_came_last(void **state)
{
	struct replay *r = make();

	known_of(r, 0, 100);
	replay_rotate(r);
	assert_int_equal(replay_young_count(r), 0);
	assert_int_equal(known_of(r, 0, 100), 100);
	known_of(r, 100, 200);
	replay_rotate(r);
	assert_int_equal(known_of(r, 100, 200), 100);
	assert_int_equal(known_of(r, 0, 100), 0);
	replay_rotate(r);
	replay_rotate(r);
	assert_int_equal(replay_count(r), 0);
	replay_verify(r);
	replay_free(r);
}

/* As a file may have them: no hash made these. */
static void prints_that_crowd_together_cost_no_more(void **state)
{
	struct replay *r = make();

	for (uint64_t print = 1; print <= 300000; print++)
		assert_true(replay_note(r, print));
	assert_false(replay_note(r, 300000));
	replay_verify(r);
	for (uint64_t print = UINT64_MAX; print > UINT64_MAX - 300000; print--)
		assert_true(replay_note(r, print));
	assert_false(replay_note(r, UINT64_MAX - 299999));
	replay_verify(r);
	assert_int_equal(known_of(r, 0, 100), 0);
	replay_free(r);
}

static void memory_is_taken_as_it_fills(void **state)
{
	struct replay *r = make();

	assert_in_range(replay_memory(r), 1, 16 << 10);
	known_of(r, 0, 10000);
	assert_in_range(replay_memory(r), 80000, 10000 * 8 * 4);
	known_of(r, 10000, 2 * REPLAY_GENERATION);
	assert_in_range(replay_memory(r), 16 << 20, 22 << 20);
	replay_free(r);
	replay_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_came_is_known_and_nothing_else),
		cmocka_unit_test(a_generation_is_known_in_full_and_two_at_most),
		cmocka_unit_test(prints_depend_on_the_secret_and_on_every_byte),
		cmocka_unit_test(a_rotation_by_hand_keeps_what_came_last),
		cmocka_unit_test(prints_that_crowd_together_cost_no_more),
		cmocka_unit_test(memory_is_taken_as_it_fills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
