/* gf256_portable.c - GF(2^8) in plain C, a machine word at a time and without tables.
 *
 * A sum of products is evaluated by Horner's rule over the bits of the coefficients, highest first:
 * double what there is, and add each source whose coefficient has the bit.  So a word of eight bytes is doubled
 * eight times for all sources together, and a source costs four additions on average. */
#include "gf256.h"

#include <string.h>

typedef unsigned long word;

enum {
	REDUCTION = 0x1d, /* x^8 = x^4 + x^3 + x^2 + 1 */
	BLOCK = 32,       /* words that are worked on at once: they stay in the first cache */
	BLOCK_BYTES = BLOCK * sizeof(word),
};

/* The same byte in each place of a word. */
#define EACH(byte) ((word)-1 / 0xff * (byte))

/* ---- single bytes --------------------------------------------------------- */

static uint8_t twice(uint8_t a)
{
	return (uint8_t)(a << 1 ^ (a >> 7) * REDUCTION);
}

uint8_t gf256_mul(uint8_t a, uint8_t b)
{
	uint8_t product = 0;

	for (int bit = 7; bit >= 0; bit--)
		product = (uint8_t)(twice(product) ^ (b >> bit & 1) * a);
	return product;
}

/* a^254, since a^255 is 1. */
uint8_t gf256_inv(uint8_t a)
{
	uint8_t power = 1;

	for (int i = 0; i < 7; i++) {
		power = gf256_mul(power, power);
		power = gf256_mul(power, a);
	}
	return gf256_mul(power, power);
}

/* ---- rows of bytes -------------------------------------------------------- */

static void double_block(word *sum)
{
	for (size_t i = 0; i < BLOCK; i++) {
		word high = sum[i] >> 7 & EACH(1);

		sum[i] = (sum[i] & EACH(0x7f)) << 1 ^ high * REDUCTION;
	}
}

static void add_block(word *restrict sum, const uint8_t *restrict from)
{
	for (size_t i = 0; i < BLOCK; i++) {
		word w;

		memcpy(&w, from + i * sizeof(w), sizeof(w)); /* it may lie anywhere */
		sum[i] ^= w;
	}
}

static void add_bytes(word *restrict sum, const uint8_t *restrict from, size_t n)
{
	uint8_t *bytes = (uint8_t *)sum;

	for (size_t i = 0; i < n; i++)
		bytes[i] ^= from[i];
}

/* sum = the sum of the products, of n sources at `offset`; `bytes` are BLOCK_BYTES or fewer. */
static void sum_block(word sum[static BLOCK], const uint8_t *row, size_t n,
		      const uint8_t *const *from, size_t offset, size_t bytes)
{
	memset(sum, 0, BLOCK_BYTES);
	for (int bit = 7; bit >= 0; bit--) {
		double_block(sum);
		for (size_t j = 0; j < n; j++) {
			if ((row[j] >> bit & 1) == 0)
				continue;
			if (bytes == BLOCK_BYTES)
				add_block(sum, from[j] + offset);
			else
				add_bytes(sum, from[j] + offset, bytes);
		}
	}
}

static size_t block_at(size_t offset, size_t columns)
{
	return columns - offset < BLOCK_BYTES ? columns - offset : BLOCK_BYTES;
}

/* The coefficients themselves are all that is needed. */
void gf256_prepare(size_t n, size_t rows, const uint8_t *coefficients, uint8_t *table)
{
	memcpy(table, coefficients, n * rows);
}

void gf256_multiply(size_t columns, size_t n, size_t rows, const uint8_t *table, uint8_t **from,
		    uint8_t **to)
{
	word sum[BLOCK];

	for (size_t offset = 0; offset < columns; offset += BLOCK_BYTES) {
		size_t bytes = block_at(offset, columns);

		for (size_t i = 0; i < rows; i++) {
			sum_block(sum, table + i * n, n, (const uint8_t *const *)from, offset, bytes);
			memcpy(to[i] + offset, sum, bytes);
		}
	}
}

void gf256_add(uint8_t *to, uint8_t factor, const uint8_t *from, size_t columns)
{
	word sum[BLOCK];

	for (size_t offset = 0; offset < columns; offset += BLOCK_BYTES) {
		size_t bytes = block_at(offset, columns);

		sum_block(sum, &factor, 1, &from, offset, bytes);
		for (size_t i = 0; i < bytes; i++)
			to[offset + i] ^= ((const uint8_t *)sum)[i];
	}
}
