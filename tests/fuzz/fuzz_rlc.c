/* fuzz_rlc.c - hostile segments and symbols into a receiver; and of what a sender makes, what is rebuilt
 * must be as it went in. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fec_rlc.h"
#include "input.h"

enum {
	CONV = 0x01020304,
	SEGS = 64,
	BYTES_MAX = 2047, /* more than a segment may have */
	SYMBOL_MAX = RLC_HEADER + RLC_COUNT_MAX * (2 + RLC_PAYLOAD_MAX)
};

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void drain(struct rlc_in *r)
{
	volatile uint8_t sum = 0;
	struct view v;
	uint32_t number;

	while (rlc_in_next(r, &number, &v))
		for (size_t i = 0; i < v.n; i++)
			sum = (uint8_t)(sum ^ v.p[i]);
	rlc_in_verify(r);
}

/* Numbers are near each other, or nothing would ever be solved. */
static void receive(struct view in)
{
	struct rlc_in *r = rlc_in_new();
	uint8_t symbol[RLC_HEADER + BYTES_MAX];

	while (r != NULL && in.n > 0) {
		uint8_t what = input_byte(&in), number = input_byte(&in);
		struct view bytes;

		if (what & 1) {
			rlc_in_data(r, number, input_bytes(&in, BYTES_MAX));
		} else {
			store_le32(symbol, CONV);
			store_le16(symbol + 4, FEC_TYPE_RLC);
			symbol[6] = input_byte(&in);
			symbol[7] = input_byte(&in);
			store_le32(symbol + 8, number);
			store_le32(symbol + 12, 0);
			symbol[16] = what;
			symbol[17] = (uint8_t)(what >> 2);
			bytes = input_bytes(&in, BYTES_MAX);
			if (bytes.n > 0)
				memcpy(symbol + RLC_HEADER, bytes.p, bytes.n);
			bytes = (struct view){ symbol, RLC_HEADER + bytes.n };
			if (rlc_is_symbol(bytes, CONV))
				rlc_in_symbols(r, bytes);
		}
		drain(r);
	}
	rlc_in_free(r);
}

static void check(struct rlc_in *r, const struct view *segs, unsigned count)
{
	struct view v;
	uint32_t number;

	while (rlc_in_next(r, &number, &v)) {
		assert(number < count && v.n == segs[number].n);
		assert(v.n == 0 || memcmp(v.p, segs[number].p, v.n) == 0);
	}
	rlc_in_verify(r);
}

/* Segments in sequence, some lost, and symbols of the last few, some lost. */
static void round_trip(struct view in)
{
	struct rlc_in *r = rlc_in_new();
	uint8_t symbol[SYMBOL_MAX];
	struct view segs[SEGS];

	if (r == NULL)
		abort();
	for (unsigned i = 0; i < SEGS && in.n > 0; i++) {
		uint8_t what = input_byte(&in);
		unsigned n = 1 + (what >> 4 < i ? what >> 4 : i);
		struct rlc_source sources[RLC_WINDOW];
		struct rlc_header h = { CONV, i, what, 1 + (what >> 2) % RLC_COUNT_MAX };
		size_t len;

		segs[i] = input_bytes(&in, BYTES_MAX);
		if (segs[i].n > RLC_PAYLOAD_MAX)
			segs[i].n = RLC_PAYLOAD_MAX;
		if (what & 1)
			rlc_in_data(r, i, segs[i]);
		check(r, segs, i + 1);
		for (unsigned k = 0; k < n; k++)
			sources[k] = (struct rlc_source){ i + 1 - n + k, segs[i + 1 - n + k] };
		len = rlc_encode(&h, sources, n, symbol, sizeof(symbol));
		assert(len > 0);
		if (what & 2)
			rlc_in_symbols(r, (struct view){ symbol, len });
		check(r, segs, i + 1);
	}
	rlc_in_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	receive((struct view){ p, n });
	round_trip((struct view){ p, n });
	return 0;
}
