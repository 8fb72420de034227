/* fifo_pool.c - the chunks of byte queues: made, handed out, kept for the next one. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fifo_impl.h"

static_assert(sizeof(struct fifo_chunk) <= 16, "the header is small");

/* ---- shelves ---------------------------------------------------------------------- */

static struct fifo_chunk *shelf_pop(struct fifo_shelf *shelf)
{
	struct fifo_chunk *c = shelf->free;

	shelf->free = c->next;
	shelf->free_count--;
	if (shelf->free_count < shelf->low_water)
		shelf->low_water = shelf->free_count;
	return c;
}

static void shelf_drop(struct fifo_shelf *shelf, size_t count)
{
	while (count-- > 0)
		free(shelf_pop(shelf));
	shelf->low_water = shelf->free_count;
}

static struct fifo_shelf *shelf_of(struct fifo_pool *pool, size_t cap)
{
	return cap == FIFO_SMALL_CAP ? &pool->small : &pool->large;
}

/* ---- the pool --------------------------------------------------------------------- */

void fifo_pool_init(struct fifo_pool *pool, size_t bytes_max)
{
	memset(pool, 0, sizeof(*pool));
	pool->bytes_max = bytes_max;
	pool->waiting_tail = &pool->waiting;
}

void fifo_pool_dispose(struct fifo_pool *pool)
{
	assert(pool->accounts == NULL);
	assert(pool->used_count == 0);
	assert(pool->used_bytes == 0);
	assert(pool->charged_bytes == 0);
	shelf_drop(&pool->small, pool->small.free_count);
	shelf_drop(&pool->large, pool->large.free_count);
}

void fifo_pool_trim(struct fifo_pool *pool)
{
	shelf_drop(&pool->small, pool->small.low_water);
	shelf_drop(&pool->large, pool->large.low_water);
}

/* ---- chunks ----------------------------------------------------------------------- */

struct fifo_chunk *fifo_chunk_take(struct fifo *f, uint32_t cap)
{
	struct fifo_pool *pool = f->account->pool;
	struct fifo_shelf *shelf = shelf_of(pool, cap);
	size_t bytes = fifo_chunk_bytes(cap);
	struct fifo_chunk *c = shelf->free_count > 0 ? shelf_pop(shelf) : malloc(bytes);

	if (c == NULL)
		return NULL;
	*c = (struct fifo_chunk){ .cap = cap };
	pool->used_count++;
	pool->used_bytes += bytes;
	pool->way_bytes[f->way] += bytes;
	f->account->way_bytes[f->way] += bytes;
	f->held += (uint32_t)bytes;
	return c;
}

struct fifo_chunk *fifo_chunk_get(struct fifo *f, uint32_t cap)
{
	return fifo_may_take(f, fifo_chunk_bytes(cap)) ? fifo_chunk_take(f, cap) : NULL;
}

void fifo_chunk_put(struct fifo *f, struct fifo_chunk *c)
{
	struct fifo_pool *pool = f->account->pool;
	struct fifo_shelf *shelf = shelf_of(pool, c->cap);
	size_t bytes = fifo_chunk_bytes(c->cap);

	assert(pool->used_count > 0);
	pool->used_count--;
	pool->used_bytes -= bytes;
	pool->way_bytes[f->way] -= bytes;
	f->account->way_bytes[f->way] -= bytes;
	f->held -= (uint32_t)bytes;
	c->next = shelf->free;
	shelf->free = c;
	shelf->free_count++;
	if (pool->waiting != NULL)
		fifo_share_offer(f->account);
}
