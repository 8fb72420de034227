/* test_fifo.c - the queue of bytes and its pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fifo.h"

/* Bytes whose value tells their place. */
static uint8_t pattern(size_t at)
{
	return (uint8_t)(at * 7 + (at >> 8) * 13 + (at >> 16));
}

static void fill(uint8_t *p, size_t at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = pattern(at + i);
}

/* How many bytes were taken. */
static size_t write_pattern(struct fifo *f, size_t at, size_t n)
{
	uint8_t *p = malloc(n + 1);

	fill(p, at, n);
	n = fifo_write(f, (struct view){ p, n });
	free(p);
	return n;
}

/* The first n bytes are those that stand at `at` in the pattern. */
static void expect_pattern(const struct fifo *f, size_t at, size_t n)
{
	struct span pieces[32];
	size_t count = fifo_peek(f, pieces, ARRAY_LEN(pieces), n), sum = 0;

	for (size_t k = 0; k < count; k++) {
		for (size_t i = 0; i < pieces[k].n; i++)
			assert_int_equal(pieces[k].p[i], pattern(at + sum + i));
		sum += pieces[k].n;
	}
	assert_int_equal(sum, n);
}

static void gives_back_what_was_written_in_order(void **state)
{
	struct fifo_pool pool;
	struct fifo_account account;
	struct fifo f;

	fifo_pool_init(&pool, SIZE_MAX);
	fifo_account_init(&account, &pool);
	fifo_init(&f, &account, FIFO_IN);
	for (size_t i = 0, at = 0; i < 200; at += i, i++)
		assert_int_equal(write_pattern(&f, at, i), i);
	assert_int_equal(f.len, 199 * 200 / 2);
	fifo_verify(&f);
	expect_pattern(&f, 0, f.len);
	for (size_t at = 0, n = 1; f.len > 0; at += n, n++) {
		if (n > f.len)
			n = f.len;
		expect_pattern(&f, at, n);
		fifo_consume(&f, n);
		fifo_verify(&f);
	}
	assert_int_equal(pool.used_count, 0);
	fifo_dispose(&f);
	fifo_account_dispose(&account);
	fifo_pool_dispose(&pool);
}

static void an_empty_fifo_holds_no_memory(void **state)
{
	struct fifo_pool pool;
	struct fifo_account account;
	struct fifo f;
	struct span piece;

	fifo_pool_init(&pool, SIZE_MAX);
	fifo_account_init(&account, &pool);
	fifo_init(&f, &account, FIFO_IN);
	assert_int_equal(pool.used_bytes, 0);
	assert_int_equal(fifo_peek(&f, &piece, 1, SIZE_MAX), 0);
	assert_int_equal(fifo_write(&f, (struct view){ NULL, 0 }), 0);
	assert_int_equal(pool.used_bytes, 0);
	assert_int_equal(write_pattern(&f, 0, 1), 1);
	assert_int_equal(pool.used_count, 1);
	fifo_consume(&f, 1);
	assert_int_equal(pool.used_bytes, 0);
	fifo_consume(&f, 0);
	fifo_commit(&f, 0);
	fifo_account_dispose(&account);
	fifo_pool_dispose(&pool);
}

static void a_few_bytes_take_a_small_chunk_and_many_take_large_ones(void **state)
{
	struct fifo_pool pool;
	struct fifo_account account;
	struct fifo f;

	fifo_pool_init(&pool, SIZE_MAX);
	fifo_account_init(&account, &pool);
	fifo_init(&f, &account, FIFO_IN);
	write_pattern(&f, 0, 100);
	assert_int_equal(pool.used_bytes, FIFO_SMALL_CHUNK);
	write_pattern(&f, 100, 5000);
	assert_int_equal(pool.used_bytes, FIFO_SMALL_CHUNK + FIFO_CHUNK);
	fifo_verify(&f);
	expect_pattern(&f, 0, 5100);
	fifo_dispose(&f);
	write_pattern(&f, 0, FIFO_SMALL_CHUNK);
	assert_int_equal(pool.used_bytes, FIFO_CHUNK);
	fifo_dispose(&f);
	fifo_account_dispose(&account);
	fifo_pool_dispose(&pool);
}

static void a_short_read_into_reserved_room_is_moved_to_a_small_chunk(void **state)
{
	struct fifo_pool pool;
	struct fifo_account account;
	struct fifo f;
	struct span room;

	fifo_pool_init(&pool, SIZE_MAX);
	fifo_account_init(&account, &pool);
	fifo_init(&f, &account, FIFO_IN);
	room = fifo_reserve(&f);
	assert_in_range(room.n, 8192, FIFO_CHUNK);
	fill(room.p, 0, 300);
	fifo_commit(&f, 300);
	assert_int_equal(pool.used_bytes, FIFO_SMALL_CHUNK);
	fifo_verify(&f);
	expect_pattern(&f, 0, 300);
	room = fifo_reserve(&f);
	fill(room.p, 300, room.n);
	fifo_commit(&f, room.n);
	fifo_verify(&f);
	expect_pattern(&f, 0, f.len);
	fifo_dispose(&f);
	fifo_account_dispose(&account);
	fifo_pool_dispose(&pool);
}

static void reserved_room_that_is_not_used_goes_back(void **state)
{
	struct fifo_pool pool;
	struct fifo_account account;
	struct fifo f;
	struct span room, pieces[2];

	fifo_pool_init(&pool, SIZE_MAX);
	fifo_account_init(&account, &pool);
	fifo_init(&f, &account, FIFO_IN);
	assert_true(fifo_reserve(&f).n > 0);
	fifo_commit(&f, 0);
	assert_int_equal(pool.used_count, 0);

	room = fifo_reserve(&f);
	fill(room.p, 0, room.n);
	fifo_commit(&f, room.n);
	assert_int_equal(pool.used_count, 1);
	assert_true(fifo_reserve(&f).n > 0);
	assert_int_equal(pool.used_count, 2);
	fifo_verify(&f);
	assert_int_equal(fifo_peek(&f, pieces, 2, SIZE_MAX), 1);
	fifo_commit(&f, 0);
	assert_int_equal(pool.used_count, 1);
	fifo_verify(&f);
	expect_pattern(&f, 0, room.n);
	fifo_dispose(&f);
	fifo_account_dispose(&account);
	fifo_pool_dispose(&pool);
}

static void room_for_a_read_is_never_a_sliver_while_the_pool_has_more(void **state)
{
	struct fifo_pool pool;
	struct fifo_account account;
	struct fifo f;
	struct span room;

	fifo_pool_init(&pool, 3 * FIFO_CHUNK); /* one is kept for the other way */
	fifo_account_init(&account, &pool);
	fifo_init(&f, &account, FIFO_IN);
	for (int i = 0; i < 2; i++) {
		room = fifo_reserve(&f);
		assert_in_range(room.n, 8192, FIFO_CHUNK);
		fifo_commit(&f, room.n - 10);
	}
	assert_int_equal(fifo_reserve(&f).n, 10);
	fifo_commit(&f, 10);
	assert_int_equal(fifo_reserve(&f).n, 0);
	fifo_verify(&f);
	fifo_dispose(&f);
	fifo_account_dispose(&account);
	fifo_pool_dispose(&pool);
}

static void the_bound_of_the_pool_is_that_of_all_its_fifos(void **state)
{
	enum { N = 2 * FIFO_CHUNK };
	struct fifo_pool pool;
	struct fifo_account account;
	struct fifo a, b;

	fifo_pool_init(&pool, 4 * FIFO_CHUNK); /* likewise */
	fifo_account_init(&account, &pool);
	fifo_init(&a, &account, FIFO_IN);
	fifo_init(&b, &account, FIFO_IN);
	assert_int_equal(write_pattern(&a, 0, N), N);
	assert_int_equal(pool.used_count, 3);
	assert_int_equal(fifo_account_room(&account, FIFO_IN), 0);
	assert_int_equal(write_pattern(&b, 0, 1), 0);
	assert_false(fifo_has_room(&b));
	assert_int_equal(fifo_reserve(&b).n, 0);
	fifo_commit(&b, 0);
	assert_true(fifo_has_room(&a));
	assert_int_equal(write_pattern(&a, N, 1000), 1000);
	assert_int_equal(pool.used_count, 3);
	expect_pattern(&a, 0, N + 1000);
	fifo_consume(&a, FIFO_CHUNK);
	assert_int_equal(write_pattern(&b, 0, 1), 1);
	fifo_verify(&a);
	fifo_verify(&b);
	fifo_dispose(&a);
	fifo_dispose(&b);
	fifo_account_dispose(&account);
	fifo_pool_dispose(&pool);
}

static void a_write_takes_what_the_pool_has(void **state)
{
	static uint8_t bytes[4 * FIFO_CHUNK];
	struct fifo_pool pool;
	struct fifo_account account;
	struct fifo f;
	size_t n;

	fill(bytes, 0, sizeof(bytes));
	fifo_pool_init(&pool, (FIFO_CHUNK + FIFO_SMALL_CHUNK) / 3 * 4);
	fifo_account_init(&account, &pool);
	fifo_init(&f, &account, FIFO_IN);
	n = fifo_write(&f, (struct view){ bytes, sizeof(bytes) });
	assert_in_range(n, FIFO_CHUNK - 64, FIFO_CHUNK);
	assert_false(fifo_has_room(&f));
	assert_int_equal(fifo_write(&f, (struct view){ bytes + n, 1 }), 0);
	expect_pattern(&f, 0, n);
	fifo_dispose(&f);

	fifo_pool_set_max(&pool, (FIFO_SMALL_CHUNK + 1) / 3 * 4);
	assert_true(fifo_has_room(&f));
	n = fifo_write(&f, (struct view){ bytes, sizeof(bytes) });
	assert_in_range(n, FIFO_SMALL_CHUNK - 64, FIFO_SMALL_CHUNK);
	assert_false(fifo_has_room(&f));
	fifo_verify(&f);
	fifo_dispose(&f);
	fifo_account_dispose(&account);
	fifo_pool_dispose(&pool);
}

static void peeks_in_bounded_pieces(void **state)
{
	enum { N = 5 * FIFO_CHUNK };
	struct span pieces[8];
	struct fifo_pool pool;
	struct fifo_account account;
	struct fifo f;

	fifo_pool_init(&pool, SIZE_MAX);
	fifo_account_init(&account, &pool);
	fifo_init(&f, &account, FIFO_IN);
	write_pattern(&f, 0, 777 + N);
	fifo_consume(&f, 777);
	assert_int_equal(fifo_peek(&f, pieces, 8, 0), 0);
	assert_int_equal(fifo_peek(&f, pieces, 0, SIZE_MAX), 0);
	assert_int_equal(fifo_peek(&f, pieces, 2, SIZE_MAX), 2);
	for (size_t limit = 1; limit < N; limit += 1 + limit / 3)
		expect_pattern(&f, 777, limit);
	expect_pattern(&f, 777, N);
	fifo_dispose(&f);
	fifo_account_dispose(&account);
	fifo_pool_dispose(&pool);
}

static void pieces_may_be_changed_in_place(void **state)
{
	struct fifo_pool pool;
	struct fifo_account account;
	struct span piece;
	struct fifo f;

	fifo_pool_init(&pool, SIZE_MAX);
	fifo_account_init(&account, &pool);
	fifo_init(&f, &account, FIFO_IN);
	write_pattern(&f, 0, 10);
	assert_int_equal(fifo_peek(&f, &piece, 1, SIZE_MAX), 1);
	piece.p[3] = 0xee;
	fifo_consume(&f, 3);
	assert_int_equal(fifo_peek(&f, &piece, 1, SIZE_MAX), 1);
	assert_int_equal(piece.p[0], 0xee);
	fifo_dispose(&f);
	fifo_account_dispose(&account);
	fifo_pool_dispose(&pool);
}

static void trimming_frees_only_what_was_not_needed_since_the_last_trim(void **state)
{
	struct fifo_pool pool;
	struct fifo_account account;
	struct fifo f;

	fifo_pool_init(&pool, SIZE_MAX);
	fifo_account_init(&account, &pool);
	fifo_init(&f, &account, FIFO_IN);
	write_pattern(&f, 0, 9 * FIFO_CHUNK);
	fifo_consume(&f, f.len);
	assert_int_equal(pool.large.free_count, 10);
	fifo_pool_trim(&pool); /* the least since the start was 0 free */
	assert_int_equal(pool.large.free_count, 10);
	write_pattern(&f, 0, 3 * FIFO_CHUNK);
	fifo_consume(&f, f.len);
	fifo_pool_trim(&pool);
	assert_int_equal(pool.large.free_count, 4);
	fifo_pool_trim(&pool);
	assert_int_equal(pool.large.free_count, 0);
	write_pattern(&f, 0, 1);
	fifo_consume(&f, 1);
	assert_int_equal(pool.small.free_count, 1);
	fifo_pool_trim(&pool);
	fifo_pool_trim(&pool);
	assert_int_equal(pool.small.free_count, 0);
	fifo_account_dispose(&account);
	fifo_pool_dispose(&pool);
}

static uint32_t rng(uint32_t *x)
{
	*x = *x * 1664525u + 1013904223u;
	return *x >> 8;
}

/* One random action on f; `in` and `out` count the bytes put in and taken out. */
static void act(struct fifo *f, uint32_t *seed, size_t *in, size_t *out)
{
	size_t n = rng(seed) % (rng(seed) % 4 == 0 ? 40000 : 3000);
	struct span room;

	switch (rng(seed) % 4) {
	case 0:
		*in += write_pattern(f, *in, n);
		return;
	case 1:
		room = fifo_reserve(f);
		n = n < room.n ? n : room.n;
		fill(room.p, *in, n);
		fifo_commit(f, n);
		*in += n;
		return;
	default:
		n = n < f->len ? n : f->len;
		expect_pattern(f, *out, n);
		fifo_consume(f, n);
		*out += n;
	}
}

static void random_actions_on_fifos_of_one_pool_keep_every_byte(void **state)
{
	enum { FIFOS = 5 };
	size_t in[FIFOS] = { 0 }, out[FIFOS] = { 0 };
	struct fifo f[FIFOS];
	struct fifo_pool pool;
	struct fifo_account account;
	uint32_t seed = 42;

	fifo_pool_init(&pool, 12 * FIFO_CHUNK);
	fifo_account_init(&account, &pool);
	for (size_t i = 0; i < FIFOS; i++)
		fifo_init(&f[i], &account, FIFO_IN);
	for (int round = 0; round < 20000; round++) {
		size_t i = rng(&seed) % FIFOS;

		act(&f[i], &seed, &in[i], &out[i]);
		fifo_verify(&f[i]);
		assert_int_equal(f[i].len, in[i] - out[i]);
		assert_true(pool.used_bytes <= pool.bytes_max);
		if (round % 1000 == 0)
			fifo_pool_trim(&pool);
	}
	for (size_t i = 0; i < FIFOS; i++) {
		expect_pattern(&f[i], out[i], f[i].len);
		fifo_dispose(&f[i]);
	}
	fifo_account_dispose(&account);
	fifo_pool_dispose(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_back_what_was_written_in_order),
		cmocka_unit_test(an_empty_fifo_holds_no_memory),
		cmocka_unit_test(a_few_bytes_take_a_small_chunk_and_many_take_large_ones),
		cmocka_unit_test(a_short_read_into_reserved_room_is_moved_to_a_small_chunk),
		cmocka_unit_test(reserved_room_that_is_not_used_goes_back),
		cmocka_unit_test(room_for_a_read_is_never_a_sliver_while_the_pool_has_more),
		cmocka_unit_test(the_bound_of_the_pool_is_that_of_all_its_fifos),
		cmocka_unit_test(a_write_takes_what_the_pool_has),
		cmocka_unit_test(peeks_in_bounded_pieces),
		cmocka_unit_test(pieces_may_be_changed_in_place),
		cmocka_unit_test(trimming_frees_only_what_was_not_needed_since_the_last_trim),
		cmocka_unit_test(random_actions_on_fifos_of_one_pool_keep_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
