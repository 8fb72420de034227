/* fuzz_repair.c - hostile segments and parity into a receiver; and what a sender makes, with some
 * of it lost, must come out as it went in. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fec_repair.h"
#include "input.h"

enum { CONV = 0x01020304, PAYLOAD_MAX = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void drain(struct repair_in *r)
{
	volatile uint8_t sum = 0;
	struct view v;
	uint32_t number;

	while (repair_in_next(r, &number, &v)) {
		assert(v.n <= PAYLOAD_MAX);
		for (size_t i = 0; i < v.n; i++)
			sum = (uint8_t)(sum ^ v.p[i]);
	}
	repair_in_verify(r);
}

/* Numbers are near each other, or sets would never be complete. */
static void receive(struct view in)
{
	struct repair_in *r = repair_in_new(CONV, PAYLOAD_MAX);
	uint8_t pkt[REPAIR_HEADER + 600];
	uint64_t now_us = 0;

	while (r != NULL && in.n > 0) {
		uint8_t what = input_byte(&in), number = input_byte(&in);

		now_us += what >> 2;
		if (what & 1) {
			repair_in_data(r, now_us, number, input_bytes(&in, 600));
		} else {
			struct view bytes = input_bytes(&in, 600);

			store_le32(pkt, CONV);
			store_le16(pkt + 4, FEC_TYPE_REPAIR);
			pkt[6] = input_byte(&in);
			pkt[7] = input_byte(&in);
			store_le32(pkt + 8, number);
			if (bytes.n > 0)
				memcpy(pkt + REPAIR_HEADER, bytes.p, bytes.n);
			repair_in_parity(r, now_us, what & 2 ? number : 0,
					 (struct view){ pkt, REPAIR_HEADER + bytes.n });
		}
		drain(r);
	}
	repair_in_free(r);
}

/* One set: bit i of the bytes `lost` says that its segment i is. */
static void round_trip(struct view in)
{
	struct packet_pool pool;
	struct batch *b = calloc(1, sizeof(*b));
	struct repair_out *o = repair_out_new(CONV, PAYLOAD_MAX);
	struct repair_in *r = repair_in_new(CONV, PAYLOAD_MAX);
	struct view segs[REPAIR_SEGS_MAX], v;
	unsigned count = 1 + input_byte(&in) % REPAIR_SEGS_MAX, lost = 0, parity;
	uint32_t number;

	if (b == NULL || o == NULL || r == NULL)
		abort();
	packet_pool_init(&pool);
	batch_init(b, &pool);
	for (unsigned i = 0; i < count; i++) {
		segs[i] = input_bytes(&in, PAYLOAD_MAX);
		repair_out_add(o, 0, i, segs[i]);
		if (lost < REPAIR_PARITY_MAX && input_byte(&in) & 1)
			lost++;
		else
			repair_in_data(r, 0, i, segs[i]);
	}
	parity = repair_out_close(o, lost, b, NULL);
	assert(parity == lost);
	for (unsigned i = 0; i < parity; i++)
		repair_in_parity(r, 0, 0, (struct view){ b->v[i].data, b->v[i].len });
	for (unsigned i = 0; i < lost; i++) {
		bool any = repair_in_next(r, &number, &v);

		assert(any && number < count && v.n == segs[number].n);
		assert(v.n == 0 || memcmp(v.p, segs[number].p, v.n) == 0);
	}
	assert(!repair_in_next(r, &number, &v));
	batch_clear(b);
	packet_pool_dispose(&pool);
	repair_out_free(o);
	repair_in_free(r);
	free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	receive((struct view){ p, n });
	round_trip((struct view){ p, n });
	return 0;
}
