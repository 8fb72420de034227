/* test_seal_nonce.c - nonces: they differ, look drawn and come of all of the seed, and those of salsa20 never come again. */
#include "seal_bed.h"

/* --- nonces --- */

enum { NONCE_COUNT = 100000, NONCE_STEP = 500 };

/* Collect the nonces of NONCE_COUNT empty datagrams, `size` bytes each. */
static uint8_t *collect_nonces(struct seal *s, size_t size)
{
	uint8_t *all = calloc(NONCE_COUNT, size), mem[NONCE_STEP][64];
	struct packet p[NONCE_STEP];

	assert_non_null(all);
	for (size_t i = 0; i < NONCE_COUNT; i += NONCE_STEP) {
		for (size_t k = 0; k < NONCE_STEP; k++)
			p[k] = (struct packet){ .data = mem[k] + SEAL_HEAD_MAX };
		seal_batch(s, p, NONCE_STEP);
		for (size_t k = 0; k < NONCE_STEP; k++)
			memcpy(all + (i + k) * size, p[k].data, size);
	}
	return all;
}

static int compare_12(const void *a, const void *b)
{
	return memcmp(a, b, 12);
}

static void check_nonces_differ(const char *name, size_t size)
{
	struct seal *s = make_named(name, pass);
	uint8_t *all = collect_nonces(s, size);

	/* The first 12 bytes are all that an AEAD takes; those of the others differ too. */
	qsort(all, NONCE_COUNT, size, compare_12);
	for (size_t i = 1; i < NONCE_COUNT; i++)
		assert_true(memcmp(all + (i - 1) * size, all + i * size, 12) != 0);
	free(all);
	seal_free(s);
}

static void a_hundred_thousand_nonces_all_differ(void **state)
{
	check_nonces_differ("none", 16);
	check_nonces_differ("aes-256-gcm", 12);
	check_nonces_differ("chacha20-poly1305", 12);
}

/* Six standard deviations of an honest coin. */
static void check_balance(const uint8_t *all, size_t size, size_t count)
{
	for (size_t bit = 0; bit < 8 * size; bit++) {
		size_t ones = 0;

		for (size_t i = 0; i < count; i++)
			ones += all[i * size + bit / 8] >> bit % 8 & 1;
		assert_in_range(ones, count / 2 - 1000, count / 2 + 1000);
	}
}

static void check_nonce_bits(const char *name, size_t size)
{
	struct seal *s = make_named(name, pass);
	uint8_t *all = collect_nonces(s, size);

	check_balance(all, size, NONCE_COUNT);
	/* What is counted differs from the one before in few bits; a nonce in half of them. */
	for (size_t i = 0; i < (NONCE_COUNT - 1) * size; i++)
		all[i] ^= all[i + size];
	check_balance(all, size, NONCE_COUNT - 1);
	free(all);
	seal_free(s);
}

static void nonce_bits_are_balanced(void **state)
{
	check_nonce_bits("none", 16);
	check_nonce_bits("salsa20", 16);
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = load_le64(a), y = load_le64(b);

	return (x > y) - (x < y);
}

/* The first 8 bytes, which choose the key stream, of four million datagrams, with reseeds between. */
static void a_nonce_of_salsa20_never_comes_again(void **state)
{
	enum { PARTS = 42 };
	struct seal *s = make_named("salsa20", pass);
	uint8_t *all = malloc((size_t)PARTS * NONCE_COUNT * 8);
	uint8_t more[SEAL_SEED_SIZE] = { 7 };

	assert_true((size_t)PARTS * NONCE_COUNT > 1 << 22);
	assert_non_null(all);
	for (size_t i = 0; i < PARTS; i++) {
		uint8_t *part = collect_nonces(s, 8);

		memcpy(all + i * NONCE_COUNT * 8, part, NONCE_COUNT * 8);
		free(part);
		more[0] = (uint8_t)i;
		seal_reseed(s, more);
	}
	qsort(all, (size_t)PARTS * NONCE_COUNT, 8, compare_u64);
	for (size_t i = 1; i < (size_t)PARTS * NONCE_COUNT; i++)
		assert_int_not_equal(load_le64(all + (i - 1) * 8), load_le64(all + i * 8));
	free(all);
	seal_free(s);
}

/* Wherever two begin: so they have one in common only where their stretches overlap. */
static void unique_nonces_of_one_key_have_one_order(void **state)
{
	const uint8_t at_end[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const uint8_t at_start[8] = { 0 }, at_1[8] = { 1 };
	struct seal_unique a, b, c;

	assert_int_equal(seal_unique_init(&a, pass, at_end), KT_OK);
	assert_int_equal(seal_unique_init(&b, pass, at_start), KT_OK);
	assert_int_equal(seal_unique_init(&c, empty_pass, at_1), KT_OK);
	seal_unique_draw(&a); /* the last before the numbers begin again */
	for (int i = 0; i < 1000; i++) {
		uint8_t nonce[8];

		memcpy(nonce, seal_unique_draw(&a), 8);
		assert_memory_equal(nonce, seal_unique_draw(&b), 8);
		assert_memory_not_equal(nonce, seal_unique_draw(&c), 8);
	}
	seal_unique_dispose(&a);
	seal_unique_dispose(&b);
	seal_unique_dispose(&c);
}

static void seeds_choose_where_salsa20_begins(void **state)
{
	const uint8_t other_seed[SEAL_SEED_SIZE] = { 1, 2, 4 };
	struct seal *a = make_named("salsa20", pass);
	struct seal *b = make_with(seal_method_find("salsa20"), pass, other_seed);
	uint64_t apart = a->salsa20.nonces.next - b->salsa20.nonces.next;

	assert_in_range(apart, UINT64_C(1) << 48, UINT64_MAX - (UINT64_C(1) << 48));
	seal_free(a);
	seal_free(b);
}

static void a_fresh_seed_is_wanted_after_2_to_the_20_datagrams(void **state)
{
	struct seal *s = make_named("none", pass), *twin = make_named("none", pass);
	const uint8_t more[SEAL_SEED_SIZE] = { 9 };
	uint8_t d[128], e[128];

	assert_false(seal_wants_seed(s));
	for (size_t i = 1; i < 1 << 20; i++)
		assert_non_null(seal_nonces_draw(&s->nonces));
	assert_false(seal_wants_seed(s));
	make_datagram(s, d);
	assert_true(seal_wants_seed(s));
	make_datagram(s, e); /* goes on without */
	assert_memory_not_equal(d, e, 16);
	assert_true(seal_wants_seed(s));
	seal_reseed(s, more);
	assert_false(seal_wants_seed(s));
	make_datagram(s, d);
	assert_memory_not_equal(d, e, 16);
	seal_free(twin);
	seal_free(s);
}

static void equal_seeds_give_equal_datagrams_and_a_reseed_parts_them(void **state)
{
	const uint8_t other_seed[SEAL_SEED_SIZE] = { 1, 2, 4 };
	struct seal *a = make_named("none", pass), *b = make_named("none", pass);
	struct seal *c = make_with(seal_method_find("none"), pass, other_seed);
	uint8_t d[128], e[128];
	size_t len;

	for (int i = 0; i < 600; i++) { /* beyond two refills */
		len = make_datagram(a, d);
		assert_int_equal(make_datagram(b, e), len);
		assert_memory_equal(d, e, len);
		make_datagram(c, e);
		assert_memory_not_equal(d, e, 16);
	}
	seal_reseed(a, other_seed);
	make_datagram(a, d);
	make_datagram(b, e);
	assert_memory_not_equal(d, e, 16);
	seal_free(a);
	a = make_with(seal_method_find("none"), pass, other_seed);
	make_datagram(a, e);
	assert_memory_not_equal(d, e, 16); /* a reseeded one keeps its past */
	seal_free(a);
	seal_free(b);
	seal_free(c);
}

/* The last 16 bytes of the seed are the counter, the first 32 the key: all count. */
static void every_byte_of_the_seed_counts(void **state)
{
	struct seal *s = make_named("none", pass);
	uint8_t d[128], e[128];

	make_datagram(s, d);
	for (size_t i = 0; i < SEAL_SEED_SIZE; i++) {
		uint8_t other[SEAL_SEED_SIZE];
		struct seal *t;

		memcpy(other, seed, sizeof(other));
		other[i] ^= 0x10;
		t = make_with(seal_method_find("none"), pass, other);
		make_datagram(t, e);
		assert_memory_not_equal(d, e, 16);
		seal_free(t);
	}
	seal_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hundred_thousand_nonces_all_differ),
		cmocka_unit_test(nonce_bits_are_balanced),
		cmocka_unit_test(a_nonce_of_salsa20_never_comes_again),
		cmocka_unit_test(unique_nonces_of_one_key_have_one_order),
		cmocka_unit_test(seeds_choose_where_salsa20_begins),
		cmocka_unit_test(a_fresh_seed_is_wanted_after_2_to_the_20_datagrams),
		cmocka_unit_test(equal_seeds_give_equal_datagrams_and_a_reseed_parts_them),
		cmocka_unit_test(every_byte_of_the_seed_counts),
	};

	return cmocka_run_group_tests(tests, derive_keys, no_error_of_libcrypto_is_left);
}
