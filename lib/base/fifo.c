/* fifo.c - a queue of bytes in pooled chunks.
 *
 *     head                                 tail
 *     | consumed | content | -> | content | -> | content | room |
 *     0          head_off                                len    cap
 *
 * Only the last chunk has room.  It may be empty, between fifo_reserve() and
 * fifo_commit(); every other one holds content.  A small chunk is only ever made for a
 * fifo that was empty: once bytes pile up, large ones cost less per byte. */
#include "fifo.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct fifo_chunk {
	struct fifo_chunk *next;
	uint32_t cap; /* bytes of data[] */
	uint32_t len; /* bytes of data[] written so far */
	uint8_t data[];
};

enum {
	SMALL_CAP = FIFO_SMALL_CHUNK - sizeof(struct fifo_chunk),
	LARGE_CAP = FIFO_CHUNK - sizeof(struct fifo_chunk),
	READ_MIN = 1024, /* less room than this is not worth a read(2) of its own */
};

static_assert(sizeof(struct fifo_chunk) <= 16, "the header is small");

static size_t chunk_bytes(size_t cap)
{
	return cap + sizeof(struct fifo_chunk);
}

static uint32_t chunk_room(const struct fifo_chunk *c)
{
	return c->cap - c->len;
}

/* ---- pool ---------------------------------------------------------------- */

void fifo_pool_init(struct fifo_pool *pool, size_t bytes_max)
{
	memset(pool, 0, sizeof(*pool));
	pool->bytes_max = bytes_max;
}

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

void fifo_pool_dispose(struct fifo_pool *pool)
{
	assert(pool->used_count == 0);
	assert(pool->used_bytes == 0);
	shelf_drop(&pool->small, pool->small.free_count);
	shelf_drop(&pool->large, pool->large.free_count);
}

void fifo_pool_trim(struct fifo_pool *pool)
{
	shelf_drop(&pool->small, pool->small.low_water);
	shelf_drop(&pool->large, pool->large.low_water);
}

size_t fifo_pool_room(const struct fifo_pool *pool)
{
	/* shrink() may pass the bound for a moment. */
	return pool->used_bytes < pool->bytes_max ? pool->bytes_max - pool->used_bytes : 0;
}

static struct fifo_shelf *shelf_of(struct fifo_pool *pool, size_t cap)
{
	return cap == SMALL_CAP ? &pool->small : &pool->large;
}

/* Without regard to the bound. */
static struct fifo_chunk *chunk_take(struct fifo_pool *pool, uint32_t cap)
{
	struct fifo_shelf *shelf = shelf_of(pool, cap);
	struct fifo_chunk *c = shelf->free_count > 0 ? shelf_pop(shelf) : malloc(chunk_bytes(cap));

	if (c == NULL)
		return NULL;
	*c = (struct fifo_chunk){ .cap = cap };
	pool->used_count++;
	pool->used_bytes += chunk_bytes(cap);
	return c;
}

static struct fifo_chunk *chunk_get(struct fifo_pool *pool, uint32_t cap)
{
	return chunk_bytes(cap) <= fifo_pool_room(pool) ? chunk_take(pool, cap) : NULL;
}

static void chunk_put(struct fifo_pool *pool, struct fifo_chunk *c)
{
	struct fifo_shelf *shelf = shelf_of(pool, c->cap);

	assert(pool->used_count > 0);
	pool->used_count--;
	pool->used_bytes -= chunk_bytes(c->cap);
	c->next = shelf->free;
	shelf->free = c;
	shelf->free_count++;
}

static void chain_put(struct fifo_pool *pool, struct fifo_chunk *c)
{
	while (c != NULL) {
		struct fifo_chunk *next = c->next;

		chunk_put(pool, c);
		c = next;
	}
}

/* ---- fifo ---------------------------------------------------------------- */

void fifo_init(struct fifo *f, struct fifo_pool *pool)
{
	*f = (struct fifo){ .pool = pool };
}

void fifo_dispose(struct fifo *f)
{
	chain_put(f->pool, f->head);
	fifo_init(f, f->pool);
}

static void append(struct fifo *f, struct fifo_chunk *c)
{
	if (f->tail != NULL)
		f->tail->next = c;
	else
		f->head = c;
	f->tail = c;
}

static size_t tail_room(const struct fifo *f)
{
	return f->tail != NULL ? chunk_room(f->tail) : 0;
}

/* What the next chunk should hold when n bytes are to go into it. */
static uint32_t next_cap(const struct fifo *f, size_t n)
{
	return f->head == NULL && n <= SMALL_CAP ? SMALL_CAP : LARGE_CAP;
}

/* Fill the last chunk; returns how many bytes went in. */
static size_t fill_tail(struct fifo *f, struct view bytes)
{
	size_t n = tail_room(f);

	if (n > bytes.n)
		n = bytes.n;
	if (n == 0)
		return 0;
	memcpy(f->tail->data + f->tail->len, bytes.p, n);
	f->tail->len += (uint32_t)n;
	f->len += n;
	return n;
}

size_t fifo_write(struct fifo *f, struct view bytes)
{
	size_t done = fill_tail(f, bytes);

	while (done < bytes.n) {
		struct fifo_chunk *c = chunk_get(f->pool, next_cap(f, bytes.n - done));

		if (c == NULL && f->head == NULL)
			c = chunk_get(f->pool, SMALL_CAP);
		if (c == NULL)
			break;
		append(f, c);
		done += fill_tail(f, (struct view){ bytes.p + done, bytes.n - done });
	}
	return done;
}

bool fifo_has_room(const struct fifo *f)
{
	return tail_room(f) > 0 || fifo_pool_room(f->pool) >= chunk_bytes(next_cap(f, 1));
}

struct span fifo_reserve(struct fifo *f)
{
	struct fifo_chunk *c = NULL;

	if (tail_room(f) < READ_MIN)
		c = chunk_get(f->pool, LARGE_CAP);
	if (c != NULL)
		append(f, c);
	if (tail_room(f) == 0)
		return (struct span){ NULL, 0 };
	return (struct span){ f->tail->data + f->tail->len, chunk_room(f->tail) };
}

/* Give the empty last chunk back. */
static void drop_tail(struct fifo *f)
{
	struct fifo_chunk *c = f->tail, *prev = f->head;

	if (prev == c) {
		fifo_dispose(f);
		return;
	}
	while (prev->next != c)
		prev = prev->next;
	prev->next = NULL;
	f->tail = prev;
	chunk_put(f->pool, c);
}

/* Few bytes were read into a large chunk and are all there is: a slow stream shall
 * not sit on 16 KiB for them. */
static void shrink(struct fifo *f)
{
	struct fifo_chunk *large = f->head, *small;

	small = chunk_take(f->pool, SMALL_CAP);
	if (small == NULL)
		return;
	memcpy(small->data, large->data, large->len);
	small->len = large->len;
	f->head = f->tail = small;
	chunk_put(f->pool, large);
}

void fifo_commit(struct fifo *f, size_t n)
{
	assert(n <= tail_room(f));
	if (n > 0) {
		f->tail->len += (uint32_t)n;
		f->len += n;
	}
	if (f->tail == NULL)
		return;
	if (f->tail->len == 0)
		drop_tail(f);
	else if (f->len == n && f->tail->cap == LARGE_CAP && n <= SMALL_CAP / 2)
		shrink(f);
}

size_t fifo_peek(const struct fifo *f, struct span *pieces, size_t max, size_t limit)
{
	size_t count = 0, skip = f->head_off;

	for (struct fifo_chunk *c = f->head; c != NULL && count < max && limit > 0; c = c->next) {
		size_t n = c->len - skip;

		if (n == 0)
			break; /* reserved, and nothing written yet */
		if (n > limit)
			n = limit;
		pieces[count++] = (struct span){ c->data + skip, n };
		limit -= n;
		skip = 0;
	}
	return count;
}

void fifo_consume(struct fifo *f, size_t n)
{
	assert(n <= f->len);
	f->len -= n;
	if (f->len == 0) {
		fifo_dispose(f);
		return;
	}
	f->head_off += n;
	while (f->head_off >= f->head->len) {
		struct fifo_chunk *c = f->head;

		f->head_off -= c->len;
		f->head = c->next;
		chunk_put(f->pool, c);
	}
}

void fifo_verify(const struct fifo *f)
{
	size_t sum = 0;

	assert((f->head == NULL) == (f->tail == NULL));
	for (const struct fifo_chunk *c = f->head; c != NULL; c = c->next) {
		assert(c->len <= c->cap);
		assert(c->len > 0 || c == f->tail);
		assert(c->next != NULL || c == f->tail);
		assert(c->cap == LARGE_CAP || (c->cap == SMALL_CAP && c == f->head));
		sum += c->len;
	}
	assert(f->head != NULL || f->head_off == 0);
	assert(f->head == NULL || f->head_off == 0 || f->head_off < f->head->len);
	assert(sum == f->head_off + f->len);
}
