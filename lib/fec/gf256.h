/* gf256.h - arithmetic in GF(2^8) (private to fec): bytes as polynomials modulo x^8+x^4+x^3+x^2+1, as kcptun has
 * them.
 *
 * There are two of it, and a build has one: ISA-L's vector code (gf256_isal.c), and C that runs anywhere
 * (gf256_portable.c).  What they compute is the same; what is in a table is theirs alone. */
#ifndef KT_FEC_GF256_H
#define KT_FEC_GF256_H

#include <stddef.h>
#include <stdint.h>

enum {
	GF256_TABLE = 32,       /* bytes of a table for each coefficient, at most */
	GF256_COLUMNS_MIN = 64, /* ISA-L goes byte by byte below this: pad short rows */
};

uint8_t gf256_mul(uint8_t a, uint8_t b);
uint8_t gf256_inv(uint8_t a); /* 0 has none; it is given for it */

/* A table of `rows` rows of n coefficients each. */
void gf256_prepare(size_t n, size_t rows, const uint8_t *coefficients, uint8_t *table);
/* to[i] = the sum of from[j] times the coefficient j of row i, `columns` bytes of each. */
void gf256_multiply(size_t columns, size_t n, size_t rows, const uint8_t *table, uint8_t **from,
		    uint8_t **to);
/* to += factor * from; neither overlaps the other. */
void gf256_add(uint8_t *to, uint8_t factor, const uint8_t *from, size_t columns);

#endif
