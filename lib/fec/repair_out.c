/* repair_out.c - makes parity of the segments that leave. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "fec_repair.h"
#include "fec_rs.h"
#include "gf256.h"

#define GAP_FIRST_US UINT64_C(1000)
#define GAP_MAX_US UINT64_C(25000)
#define IDLE_MIN_US UINT64_C(1000)

struct repair_out {
	uint32_t conv;
	size_t payload_max;
	size_t stride;  /* bytes of one shard in the store */
	uint8_t *store; /* REPAIR_SEGS_MAX shards; NULL while no set is open */
	uint32_t first; /* of the open set */
	unsigned count;
	size_t longest; /* shard of it */
	uint64_t began_us, last_us;
	uint64_t gap_us; /* between two that did not leave at once, smoothed */
	size_t len[REPAIR_SEGS_MAX];
};

struct repair_out *repair_out_new(uint32_t conv, size_t payload_max)
{
	struct repair_out *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->conv = conv;
	o->payload_max = payload_max;
	o->stride = rs_columns(payload_max + 2);
	o->gap_us = GAP_FIRST_US;
	return o;
}

void repair_out_free(struct repair_out *o)
{
	if (o == NULL)
		return;
	free(o->store);
	free(o);
}

/* ---- the open set ------------------------------------------------------------- */

static void forget(struct repair_out *o)
{
	free(o->store);
	o->store = NULL;
	o->count = 0;
	o->longest = 0;
}

/* False without memory, when there is no parity for what comes. */
static bool begin(struct repair_out *o, uint64_t now_us, uint32_t number)
{
	o->store = malloc(REPAIR_SEGS_MAX * o->stride);
	o->first = number;
	o->began_us = now_us;
	return o->store != NULL;
}

/* Of bursts that are this far apart, each begins anew. */
static void note_gap(struct repair_out *o, uint64_t now_us)
{
	uint64_t gap = now_us - o->last_us;

	if (gap > 0 && gap <= GAP_MAX_US)
		o->gap_us = (3 * o->gap_us + gap) / 4;
	o->last_us = now_us;
}

void repair_out_add(struct repair_out *o, uint64_t now_us, uint32_t number, struct view payload)
{
	uint8_t *shard;

	assert(payload.n <= o->payload_max);
	if (o->count > 0 && number != o->first + o->count)
		forget(o);
	if (o->count == 0 && !begin(o, now_us, number))
		return;
	assert(o->count < REPAIR_SEGS_MAX);
	note_gap(o, now_us);
	shard = o->store + o->count * o->stride;
	store_le16(shard, (uint16_t)payload.n);
	if (payload.n > 0)
		memcpy(shard + 2, payload.p, payload.n);
	o->len[o->count++] = payload.n + 2;
	if (payload.n + 2 > o->longest)
		o->longest = payload.n + 2;
}

unsigned repair_out_count(const struct repair_out *o)
{
	return o->count;
}

size_t repair_out_longest(const struct repair_out *o)
{
	return o->count > 0 ? o->longest - 2 : 0;
}

uint64_t repair_out_due(const struct repair_out *o, uint64_t span_us, bool more)
{
	uint64_t idle = 2 * o->gap_us > IDLE_MIN_US ? 2 * o->gap_us : IDLE_MIN_US;
	uint64_t at = o->began_us + span_us;

	if (o->count == 0)
		return KT_NEVER;
	return !more && o->last_us + idle < at ? o->last_us + idle : at;
}

/* ---- parity ---------------------------------------------------------------------- */

static void put_header(const struct repair_out *o, uint8_t *p, unsigned index)
{
	store_le32(p, o->conv);
	store_le16(p + 4, FEC_TYPE_REPAIR);
	p[6] = (uint8_t)o->count;
	p[7] = (uint8_t)index;
	store_le32(p + 8, o->first);
}

static bool add_packets(const struct repair_out *o, unsigned parity, struct batch *b,
			const void *path, uint8_t **out)
{
	for (unsigned i = 0; i < parity; i++) {
		struct packet *pkt = batch_add(b);

		if (pkt == NULL) {
			while (i-- > 0)
				batch_undo(b);
			return false;
		}
		put_header(o, pkt->data, i);
		pkt->len = REPAIR_HEADER + o->longest;
		pkt->path = path;
		out[i] = pkt->data + REPAIR_HEADER;
	}
	return true;
}

static bool encode(struct repair_out *o, unsigned parity, uint8_t **out)
{
	size_t columns = rs_columns(o->longest);
	uint8_t rows[REPAIR_PARITY_MAX * REPAIR_SEGS_MAX];
	uint8_t *table = malloc((size_t)parity * o->count * GF256_TABLE);
	uint8_t *data[REPAIR_SEGS_MAX];

	if (table == NULL || fec_matrix(o->count, parity, rows) != KT_OK) {
		free(table);
		return false;
	}
	for (unsigned i = 0; i < o->count; i++) {
		data[i] = o->store + i * o->stride;
		memset(data[i] + o->len[i], 0, columns - o->len[i]);
	}
	gf256_prepare(o->count, parity, rows, table);
	gf256_multiply(columns, o->count, parity, table, data, out);
	free(table);
	return true;
}

unsigned repair_out_close(struct repair_out *o, unsigned parity, struct batch *b, const void *path)
{
	uint8_t *out[REPAIR_PARITY_MAX];

	assert(parity <= REPAIR_PARITY_MAX);
	if (o->count == 0 || parity == 0 || !add_packets(o, parity, b, path, out)) {
		forget(o);
		return 0;
	}
	if (!encode(o, parity, out)) {
		for (unsigned i = 0; i < parity; i++)
			batch_undo(b);
		parity = 0;
	}
	forget(o);
	return parity;
}

size_t repair_out_memory(const struct repair_out *o)
{
	return sizeof(*o) + (o->store != NULL ? REPAIR_SEGS_MAX * o->stride : 0);
}
