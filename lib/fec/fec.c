/* fec.c - what a datagram is, and the coefficients of the code. */
#include "fec.h"

#include "err.h"
#include "fec_rs.h"
#include "gf256.h"

enum { OOB_HEADER = FEC_HEADER_DATA + 4 /* and conv */ };

/* The bytes from offset `from` to the end that the size field tells; the field counts
 * itself and what follows it. */
static enum fec_kind sized(struct view pkt, size_t from, enum fec_kind kind, struct view *payload)
{
	size_t end;

	if (pkt.n < from)
		return FEC_BAD;
	end = FEC_HEADER + (size_t)load_le16(pkt.p + FEC_HEADER);
	if (end < from || end > pkt.n)
		return FEC_BAD;
	*payload = (struct view){ pkt.p + from, end - from };
	return kind;
}

enum fec_kind fec_classify(struct view pkt, struct view *payload)
{
	*payload = (struct view){ pkt.p, 0 };
	if (pkt.n < FEC_HEADER)
		return FEC_BAD;
	switch (load_le16(pkt.p + 4)) {
	case FEC_TYPE_DATA:
		return sized(pkt, FEC_HEADER_DATA, FEC_DATA, payload);
	case FEC_TYPE_OOB:
		return sized(pkt, OOB_HEADER, FEC_OOB, payload);
	case FEC_TYPE_PARITY:
		return pkt.n < FEC_HEADER_DATA ? FEC_BAD : FEC_PARITY;
	case FEC_TYPE_REPAIR:
		return FEC_REPAIR;
	case FEC_TYPE_RLC:
		return FEC_RLC;
	case FEC_TYPE_TELL:
		return FEC_TELL;
	case FEC_TYPE_PIECE:
		return FEC_PIECE;
	default:
		*payload = pkt;
		return FEC_PLAIN;
	}
}

/* 1 / product of the distances of x[i] from the other points */
static uint8_t weight(const uint8_t *x, size_t n, size_t i)
{
	uint8_t product = 1;

	for (size_t j = 0; j < n; j++)
		if (j != i)
			product = gf256_mul(product, x[i] ^ x[j]);
	return gf256_inv(product);
}

void rs_data_weights(unsigned ds, uint8_t *weights)
{
	uint8_t x[FEC_SHARDS_MAX];

	for (unsigned i = 0; i < ds; i++)
		x[i] = (uint8_t)i;
	for (unsigned i = 0; i < ds; i++)
		weights[i] = weight(x, ds, i);
}

void rs_weights_replaced(const uint8_t *x, size_t n, const uint8_t *data_weights,
			 const uint8_t *missing, size_t e, uint8_t *weights)
{
	const uint8_t *replacing = x + n - e;

	for (size_t i = 0; i < n - e; i++) {
		uint8_t gone = data_weights[x[i]], come = 1;

		for (size_t k = 0; k < e; k++) {
			gone = gf256_mul(gone, x[i] ^ missing[k]);
			come = gf256_mul(come, x[i] ^ replacing[k]);
		}
		weights[i] = gf256_mul(gone, gf256_inv(come));
	}
	for (size_t i = n - e; i < n; i++)
		weights[i] = weight(x, n, i);
}

void rs_row(const uint8_t *x, const uint8_t *weights, size_t n, uint8_t at, uint8_t *row)
{
	uint8_t product = 1;

	for (size_t i = 0; i < n; i++)
		product = gf256_mul(product, at ^ x[i]);
	for (size_t i = 0; i < n; i++)
		row[i] = gf256_mul(gf256_mul(product, gf256_inv(at ^ x[i])), weights[i]);
}

/* ISA-L's kernels take so many rows at once. */
enum { ROWS = 6 };

static void interpolate(const uint8_t *x, const uint8_t *weights, size_t n, const uint8_t *at,
			size_t count, size_t columns, uint8_t **from, uint8_t **to)
{
	uint8_t rows[ROWS * FEC_SHARDS_MAX];
	uint8_t table[ROWS * FEC_SHARDS_MAX * GF256_TABLE];

	for (size_t i = 0; i < count; i++)
		rs_row(x, weights, n, at[i], rows + i * n);
	gf256_prepare(n, count, rows, table);
	gf256_multiply(columns, n, count, table, from, to);
}

void rs_interpolate(const uint8_t *x, const uint8_t *weights, size_t n, const uint8_t *at,
		    size_t count, size_t columns, uint8_t **from, uint8_t **to)
{
	for (size_t i = 0; i < count; i += ROWS)
		interpolate(x, weights, n, at + i, count - i < ROWS ? count - i : ROWS, columns,
			    from, to + i);
}

int fec_matrix(unsigned ds, unsigned ps, uint8_t *rows)
{
	uint8_t x[FEC_SHARDS_MAX], weights[FEC_SHARDS_MAX];

	if (!rs_valid(ds, ps))
		return KT_EINVAL;
	for (unsigned i = 0; i < ds; i++)
		x[i] = (uint8_t)i;
	rs_data_weights(ds, weights);
	for (unsigned i = 0; i < ps; i++)
		rs_row(x, weights, ds, (uint8_t)(ds + i), rows + (size_t)i * ds);
	return KT_OK;
}
