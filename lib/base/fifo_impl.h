/* fifo_impl.h - what the files of queues and their memory share; nobody else includes it.
 *
 * Each calls only those above it:
 *
 *     fifo_share.c  who may hold how much of the pool, and who waits for some
 *     fifo_pool.c   chunks
 *     fifo.c        queues */
#ifndef KT_FIFO_IMPL_H
#define KT_FIFO_IMPL_H

#include <assert.h>

#include "fifo.h"

struct fifo_chunk {
	struct fifo_chunk *next;
	uint32_t cap; /* bytes of data[] */
	uint32_t len; /* bytes of data[] written so far */
	uint8_t data[];
};

enum {
	FIFO_SMALL_CAP = FIFO_SMALL_CHUNK - sizeof(struct fifo_chunk),
	FIFO_LARGE_CAP = FIFO_CHUNK - sizeof(struct fifo_chunk),
};

static_assert(FIFO_LARGE_CAP <= UINT16_MAX, "struct fifo's head_off");

/* ---- fifo_share.c ---------------------------------------------------------------- */

/* May this queue have a chunk of so many bytes? */
bool fifo_may_take(const struct fifo *f, size_t bytes);
/* An account of the pool gave something back: offer it to those that wait. */
void fifo_share_offer(struct fifo_account *from);

/* ---- fifo_pool.c ----------------------------------------------------------------- */

static inline size_t fifo_chunk_bytes(size_t cap)
{
	return cap + sizeof(struct fifo_chunk);
}

/* A chunk for this queue, which is to link it; NULL when it may have none. */
struct fifo_chunk *fifo_chunk_get(struct fifo *f, uint32_t cap);
/* Without regard to what it may have; NULL when out of memory. */
struct fifo_chunk *fifo_chunk_take(struct fifo *f, uint32_t cap);
/* Give a chunk back that this queue has unlinked. */
void fifo_chunk_put(struct fifo *f, struct fifo_chunk *c);

#endif
