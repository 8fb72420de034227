/* spread.c - which of a tunnel's sessions gets a new stream. */
#include "spread.h"

#include <stdbool.h>

enum {
	LATELY_US = 500 * 1000,
	BULK_BYTES = 16 * 1024, /* as much as talk and small requests come to */
};

/* Of what was carried so long ago this much still counts. */
static uint64_t faded(uint64_t bytes, uint64_t us)
{
	uint64_t all = LATELY_US + us;

	return bytes / all * LATELY_US + bytes % all * LATELY_US / all;
}

void spread_note(struct spread_meter *m, uint64_t now_us, uint64_t total_bytes)
{
	m->recent = faded(m->recent, now_us - m->at_us) + (total_bytes - m->total);
	m->total = total_bytes;
	m->at_us = now_us;
}

uint64_t spread_recent(const struct spread_meter *m, uint64_t now_us)
{
	return faded(m->recent, now_us - m->at_us);
}

/* Bulk first; between those that have about as much, which is mostly none, streams. */
static bool lighter(const struct spread_load *a, const struct spread_load *b)
{
	uint64_t of_a = a->bytes / BULK_BYTES, of_b = b->bytes / BULK_BYTES;

	return of_a != of_b ? of_a < of_b : a->streams < b->streams;
}

unsigned spread_choose(const struct spread_load *loads, unsigned count, unsigned most)
{
	unsigned best = 0;

	for (unsigned i = 0; i < count; i++)
		if (loads[i].streams == 0)
			return i;
	if (count < most)
		return count;
	for (unsigned i = 1; i < count; i++)
		if (lighter(&loads[i], &loads[best]))
			best = i;
	return best;
}
