/* gf256_isal.c - GF(2^8) by ISA-L. */
#include "gf256.h"

#include <isa-l.h>

#include "simd.h"

uint8_t gf256_mul(uint8_t a, uint8_t b)
{
	return gf_mul(a, b);
}

uint8_t gf256_inv(uint8_t a)
{
	return gf_inv(a);
}

void gf256_prepare(size_t n, size_t rows, const uint8_t *coefficients, uint8_t *table)
{
	/* ISA-L does not say const, but only reads */
	ec_init_tables((int)n, (int)rows, (uint8_t *)(uintptr_t)coefficients, table);
}

void gf256_multiply(size_t columns, size_t n, size_t rows, const uint8_t *table, uint8_t **from,
		    uint8_t **to)
{
	ec_encode_data((int)columns, (int)n, (int)rows, (uint8_t *)(uintptr_t)table, from, to);
	simd_leave();
}

void gf256_add(uint8_t *to, uint8_t factor, const uint8_t *from, size_t columns)
{
	uint8_t table[GF256_TABLE];
	uint8_t *source = (uint8_t *)(uintptr_t)from;

	gf_vect_mul_init(factor, table);
	ec_encode_data_update((int)columns, 1, 1, 0, table, source, &to);
	simd_leave();
}
