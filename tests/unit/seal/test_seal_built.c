/* test_seal_built.c - every method of this build carries a datagram, and what it was built without is told. */
#include "seal.h"

#include "err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t pass[SEAL_KEY_SIZE] = { 1, 2, 3 }, seed[SEAL_SEED_SIZE] = { 4, 5, 6 };

static void carries_a_datagram(struct seal *s, const struct seal_method *m)
{
	uint8_t mem[SEAL_HEAD_MAX + 100 + SEAL_TAIL_MAX];
	struct packet p = { .data = mem + m->head, .len = 100 };

	for (size_t i = 0; i < p.len; i++)
		p.data[i] = (uint8_t)i;
	seal_batch(s, &p, 1);
	assert_int_equal(p.len, m->head + 100 + m->tail);
	assert_int_equal(seal_open_batch(s, &p, 1), 1);
	assert_int_equal(p.len, 100);
	for (size_t i = 0; i < p.len; i++)
		assert_int_equal(p.data[i], i);
}

static void each_method_works_or_is_told_to_be_missing(void **state)
{
	size_t out = 0;

	for (size_t i = 0; i < seal_method_count; i++) {
		const struct seal_method *m = &seal_methods[i];
		int err = 99;
		struct seal *s = seal_new(m, pass, seed, &err);

		if (s != NULL) {
			assert_true(seal_built_in(m));
			carries_a_datagram(s, m);
		} else {
			assert_int_equal(err, KT_ENOSUP);
			assert_true(strlen(seal_missing(m)) > 0);
		}
		if (!seal_built_in(m)) {
			assert_non_null(strstr(seal_missing(m), "built without nettle"));
			out++;
		}
		seal_free(s);
	}
	assert_int_equal(out, KT_NETTLE ? 0 : 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_method_works_or_is_told_to_be_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
