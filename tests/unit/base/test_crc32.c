/* test_crc32.c - both CRCs, of whichever code is linked, against the definition. */
#include "crc32.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	uint32_t (*crc)(struct view v);
	uint32_t polynomial, check; /* `check` is that of "123456789" */
} kinds[] = {
	{ kt_crc32, 0xedb88320, 0xcbf43926 },
	{ kt_crc32c, 0x82f63b78, 0xe3069283 },
};

/* A bit at a time. */
static uint32_t definition(uint32_t polynomial, const uint8_t *p, size_t n)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1) * polynomial;
	}
	return ~crc;
}

static void the_published_check_values_come_out(void **state)
{
	static const uint8_t digits[] = { '1', '2', '3', '4', '5', '6', '7', '8', '9' };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		assert_int_equal(kinds[i].crc((struct view){ digits, sizeof(digits) }),
				 kinds[i].check);
}

static void any_length_at_any_address_is_as_defined(void **state)
{
	enum { LONGEST = 2100 };
	uint32_t random = 1;

	for (size_t n = 0; n <= LONGEST; n += n < 300 ? 1 : 61) {
		size_t lead = n % 16;
		uint8_t *mem = malloc(lead + n + 1);

		assert_non_null(mem);
		for (size_t i = 0; i < n; i++) {
			random = random * 1664525u + 1013904223u;
			mem[lead + i] = (uint8_t)(random >> 24);
		}
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
			assert_int_equal(kinds[i].crc((struct view){ mem + lead, n }),
					 definition(kinds[i].polynomial, mem + lead, n));
		free(mem);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_check_values_come_out),
		cmocka_unit_test(any_length_at_any_address_is_as_defined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
