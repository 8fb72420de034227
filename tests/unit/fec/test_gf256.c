/* test_gf256.c - the arithmetic, of whichever code is linked, against the definition and against ISA-L. */
#include "gf256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#if KT_ISAL
#include <isa-l.h>
#endif

#include <cmocka.h>

enum { SOURCES_MAX = 40, SUMS_MAX = 9, COLUMNS_MAX = 1500 };

static uint32_t seed = 1;

static uint8_t random_byte(void)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint8_t)(seed >> 24);
}

static void fill(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = random_byte();
}

/* Polynomials multiplied as at school, and what is of degree 8 and above divided away. */
static uint8_t product(uint8_t a, uint8_t b)
{
	unsigned p = 0;

	for (int i = 0; i < 8; i++)
		p ^= ((unsigned)b >> i & 1u) * ((unsigned)a << i);
	for (int i = 14; i >= 8; i--)
		p ^= (p >> i & 1) * (0x11du << (i - 8));
	return (uint8_t)p;
}

static void every_product_is_as_defined(void **state)
{
	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++)
			assert_int_equal(gf256_mul((uint8_t)a, (uint8_t)b),
					 product((uint8_t)a, (uint8_t)b));
}

static void every_inverse_is_one(void **state)
{
	for (unsigned a = 1; a < 256; a++)
		assert_int_equal(product((uint8_t)a, gf256_inv((uint8_t)a)), 1);
	assert_int_equal(gf256_inv(0), 0);
}

struct bed {
	size_t n, rows, columns;
	uint8_t row[SOURCES_MAX * SUMS_MAX], table[SOURCES_MAX * SUMS_MAX * GF256_TABLE];
	uint8_t *from[SOURCES_MAX], *to[SUMS_MAX];
};

/* Each in a block of its own, for a sanitizer to see the byte beyond it. */
static void bed_make(struct bed *b, size_t n, size_t rows, size_t columns)
{
	*b = (struct bed){ .n = n, .rows = rows, .columns = columns };
	fill(b->row, n * rows);
	for (size_t j = 0; j < n; j++) {
		b->from[j] = malloc(columns + j % 8);
		assert_non_null(b->from[j]);
		fill(b->from[j], columns + j % 8);
		b->from[j] += j % 8; /* at any address */
	}
	for (size_t i = 0; i < rows; i++) {
		b->to[i] = malloc(columns);
		assert_non_null(b->to[i]);
		fill(b->to[i], columns);
	}
}

static void bed_free(struct bed *b)
{
	for (size_t j = 0; j < b->n; j++)
		free(b->from[j] - j % 8);
	for (size_t i = 0; i < b->rows; i++)
		free(b->to[i]);
}

static void assert_sums(const struct bed *b)
{
	for (size_t i = 0; i < b->rows; i++) {
		for (size_t c = 0; c < b->columns; c++) {
			uint8_t sum = 0;

			for (size_t j = 0; j < b->n; j++)
				sum ^= product(b->row[i * b->n + j], b->from[j][c]);
			assert_int_equal(b->to[i][c], sum);
		}
	}
}

static void compare_with_isal(struct bed *b)
{
#if KT_ISAL
	uint8_t *theirs[SUMS_MAX], memory[SUMS_MAX][COLUMNS_MAX];
	uint8_t table[SOURCES_MAX * SUMS_MAX * 32];

	for (size_t i = 0; i < b->rows; i++)
		theirs[i] = memory[i];
	ec_init_tables((int)b->n, (int)b->rows, b->row, table);
	ec_encode_data((int)b->columns, (int)b->n, (int)b->rows, table, b->from, theirs);
	for (size_t i = 0; i < b->rows; i++)
		assert_memory_equal(b->to[i], theirs[i], b->columns);
#endif
}

static void sums_of_products_are_as_defined(void **state)
{
	static const size_t columns[] = { 64, 65, 127, 255, 256, 257, 511, 1000, 1024, COLUMNS_MAX };
	static struct bed b;

	for (size_t k = 0; k < sizeof(columns) / sizeof(columns[0]); k++) {
		for (size_t n = 1; n <= SOURCES_MAX; n += n < 4 ? 1 : 9) {
			bed_make(&b, n, 1 + (n + k) % SUMS_MAX, columns[k]);
			gf256_prepare(b.n, b.rows, b.row, b.table);
			gf256_multiply(b.columns, b.n, b.rows, b.table, b.from, b.to);
			assert_sums(&b);
			compare_with_isal(&b);
			bed_free(&b);
		}
	}
}

static void a_multiple_is_added_to_what_is_there(void **state)
{
	uint8_t before[COLUMNS_MAX];
	static struct bed b;

	for (size_t n = 1; n <= COLUMNS_MAX; n += n < 300 ? 1 : 97) {
		uint8_t factor = random_byte();

		bed_make(&b, 1, 1, n);
		memcpy(before, b.to[0], n);
		gf256_add(b.to[0], factor, b.from[0], n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(b.to[0][i], before[i] ^ product(factor, b.from[0][i]));
		bed_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_product_is_as_defined),
		cmocka_unit_test(every_inverse_is_one),
		cmocka_unit_test(sums_of_products_are_as_defined),
		cmocka_unit_test(a_multiple_is_added_to_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
