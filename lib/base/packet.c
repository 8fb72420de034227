/* packet.c - datagram buffers from a pool, and batches of them. */
#include "packet.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void packet_pool_init(struct packet_pool *pool)
{
	memset(pool, 0, sizeof(*pool));
}

/* The next pointer is copied in and out: a buffer's bytes have no type. */
static void *pop(struct packet_pool *pool)
{
	void *mem = pool->free;

	memcpy(&pool->free, mem, sizeof(pool->free));
	pool->free_count--;
	if (pool->free_count < pool->low_water)
		pool->low_water = pool->free_count;
	return mem;
}

void packet_pool_dispose(struct packet_pool *pool)
{
	assert(pool->used_count == 0);
	while (pool->free_count > 0)
		free(pop(pool));
	memset(pool, 0, sizeof(*pool));
}

uint8_t *packet_pool_get(struct packet_pool *pool)
{
	uint8_t *mem = pool->free_count > 0 ? pop(pool) : malloc(PACKET_CAP);

	if (mem != NULL)
		pool->used_count++;
	return mem;
}

void packet_pool_put(struct packet_pool *pool, uint8_t *mem)
{
	assert(pool->used_count > 0);
	memcpy(mem, &pool->free, sizeof(pool->free));
	pool->free = mem;
	pool->free_count++;
	pool->used_count--;
}

void packet_pool_trim(struct packet_pool *pool)
{
	size_t surplus = pool->low_water;

	while (surplus-- > 0)
		free(pop(pool));
	pool->low_water = pool->free_count;
}

void batch_init(struct batch *b, struct packet_pool *pool)
{
	b->pool = pool;
	b->count = 0;
}

struct packet *batch_add(struct batch *b)
{
	struct packet *pkt;
	uint8_t *mem;

	if (b->count == BATCH_MAX)
		return NULL;
	mem = packet_pool_get(b->pool);
	if (mem == NULL)
		return NULL;
	pkt = &b->v[b->count++];
	*pkt = (struct packet){ .data = mem + PACKET_HEADROOM, .mem = mem };
	return pkt;
}

void batch_undo(struct batch *b)
{
	assert(b->count > 0);
	packet_pool_put(b->pool, b->v[--b->count].mem);
}

void batch_clear(struct batch *b)
{
	for (size_t i = 0; i < b->count; i++)
		if (b->v[i].mem != NULL)
			packet_pool_put(b->pool, b->v[i].mem);
	b->count = 0;
}
