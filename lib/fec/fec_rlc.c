/* fec_rlc.c - the symbols of the sliding window code: how they are made, and what is in one. */
#include "fec_rlc.h"

#include <assert.h>
#include <string.h>

#include "gf256.h"
#include "rlc_impl.h"

uint8_t rlc_factor(uint8_t seed, uint32_t number)
{
	uint32_t x = number ^ seed * UINT32_C(0x9e3779b1);

	x = (x ^ x >> 16) * UINT32_C(0x7feb352d);
	x = (x ^ x >> 15) * UINT32_C(0x846ca68b);
	x ^= x >> 16;
	return (uint8_t)(1 + x % 255);
}

void rlc_add(uint8_t *sum, uint8_t factor, struct view bytes)
{
	if (bytes.n > 0)
		gf256_add(sum, factor, bytes.p, bytes.n);
}

void rlc_add_source(uint8_t *sum, uint8_t factor, struct view payload)
{
	sum[0] ^= gf256_mul(factor, (uint8_t)payload.n);
	sum[1] ^= gf256_mul(factor, (uint8_t)(payload.n >> 8));
	rlc_add(sum + RLC_LENGTH, factor, payload);
}

/* Do these fit a symbol?  Tells the longest payload. */
static bool fit(const struct rlc_source *sources, size_t n, size_t *longest)
{
	*longest = 0;
	for (size_t i = 0; i < n; i++) {
		if (sources[i].number - sources[0].number >= RLC_WINDOW ||
		    sources[i].payload.n > RLC_PAYLOAD_MAX)
			return false;
		if (sources[i].payload.n > *longest)
			*longest = sources[i].payload.n;
	}
	return true;
}

size_t rlc_encode(const struct rlc_header *h, const struct rlc_source *sources, size_t n,
		  uint8_t *buf, size_t cap)
{
	uint16_t mask = 0;
	size_t longest, len;

	assert(n > 0 && n <= RLC_WINDOW && h->count > 0 && h->count <= RLC_COUNT_MAX);
	if (!fit(sources, n, &longest))
		return 0;
	len = RLC_LENGTH + longest;
	if (RLC_HEADER + h->count * len > cap)
		return 0;
	memset(buf + RLC_HEADER, 0, h->count * len);
	for (size_t i = 0; i < n; i++) {
		mask |= (uint16_t)(1u << (sources[i].number - sources[0].number));
		for (unsigned k = 0; k < h->count; k++)
			rlc_add_source(buf + RLC_HEADER + k * len,
				       rlc_factor((uint8_t)(h->seed + k), sources[i].number),
				       sources[i].payload);
	}
	store_le32(buf, h->conv);
	store_le16(buf + 4, FEC_TYPE_RLC);
	store_le16(buf + 6, mask);
	store_le32(buf + 8, sources[0].number);
	store_le32(buf + 12, h->ts);
	buf[16] = h->seed;
	buf[17] = (uint8_t)h->count;
	return RLC_HEADER + h->count * len;
}

bool rlc_is_symbol(struct view bytes, uint32_t conv)
{
	size_t count, sums;

	if (bytes.n < RLC_HEADER || load_le16(bytes.p + 4) != FEC_TYPE_RLC ||
	    load_le32(bytes.p) != conv || (load_le16(bytes.p + 6) & 1) == 0)
		return false;
	count = bytes.p[17];
	sums = bytes.n - RLC_HEADER;
	return count >= 1 && count <= RLC_COUNT_MAX && sums % count == 0 && sums / count >= RLC_LENGTH;
}
