/* fec_rs.h - coefficients of the Reed-Solomon code (private to fec).
 *
 * The wire's matrix, Vandermonde times the inverse of its top square, has a
 * plain meaning: the data bytes of a column are the values of a polynomial of
 * degree < ds at the points 0 .. ds-1, and parity shard i is its value at the
 * point ds + i.  So every coefficient, for making parity and for rebuilding
 * alike, is a Lagrange basis polynomial over the points one has, evaluated at
 * the point one wants; no matrix is ever inverted. */
#ifndef KT_FEC_RS_H
#define KT_FEC_RS_H

#include "fec.h"
#include "gf256.h"

/* The part of the interpolation that depends only on the points one has: here
 * the data shards 0 .. ds-1. */
void rs_data_weights(unsigned ds, uint8_t *weights);
/* The same for the `n` points x, which are the data but for `e` missing ones,
 * and then `e` parity shards in their place.  Costs n * e, not n * n. */
void rs_weights_replaced(const uint8_t *x, size_t n, const uint8_t *data_weights,
			 const uint8_t *missing, size_t e, uint8_t *weights);
/* row[i]: what the value at x[i] contributes to the value at `at`, which is none of x. */
void rs_row(const uint8_t *x, const uint8_t *weights, size_t n, uint8_t at, uint8_t *row);

/* The values at the points at[], each of `columns` bytes, from those at x. */
void rs_interpolate(const uint8_t *x, const uint8_t *weights, size_t n, const uint8_t *at,
		    size_t count, size_t columns, uint8_t **from, uint8_t **to);

/* Are these numbers of shards possible? */
static inline bool rs_valid(unsigned ds, unsigned ps)
{
	return ds >= 1 && ps >= 1 && ds < FEC_SHARDS_MAX && ps <= FEC_SHARDS_MAX - ds;
}

/* Sequence numbers of sets of `n` shards wrap here, a multiple of n. */
static inline uint32_t rs_paws(unsigned n)
{
	return UINT32_MAX / n * n;
}

static inline size_t rs_columns(size_t longest)
{
	return longest > GF256_COLUMNS_MIN ? longest : GF256_COLUMNS_MIN;
}

#endif
