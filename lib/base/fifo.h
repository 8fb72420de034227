/* fifo.h - a queue of bytes in pooled chunks.
 *
 * An empty fifo holds no chunk, so thousands of idle streams cost nothing.  One
 * that holds a few bytes has a small chunk, so thousands of slow streams cost little.
 * The pool bounds the memory of all fifos made from it, counted in whole chunks: a write
 * that would pass the bound is refused, and the refusal is the back-pressure. */
#ifndef KT_FIFO_H
#define KT_FIFO_H

#include <stdbool.h>
#include "wire.h"

enum {
	FIFO_CHUNK = 16384,      /* bytes of a chunk, its small header included */
	FIFO_SMALL_CHUNK = 2048, /* of one that holds all of a fifo with few bytes */
};

struct fifo_chunk;

/* The recycled chunks of one size. */
struct fifo_shelf {
	struct fifo_chunk *free;
	size_t free_count; /* chunks */
	size_t low_water;  /* least free_count since the last trim */
};

struct fifo_pool {
	struct fifo_shelf small, large;
	size_t used_count; /* chunks handed out, of both sizes */
	size_t used_bytes; /* their bytes */
	size_t bytes_max;  /* bound of used_bytes, SIZE_MAX: none */
};

void fifo_pool_init(struct fifo_pool *pool, size_t bytes_max); /* SIZE_MAX: no bound */
void fifo_pool_dispose(struct fifo_pool *pool);                /* all chunks must be back */
void fifo_pool_trim(struct fifo_pool *pool); /* give back what was not needed since the last call */
/* Bytes that can still be handed out, in chunks. */
size_t fifo_pool_room(const struct fifo_pool *pool);

struct fifo {
	struct fifo_pool *pool; /* borrowed */
	struct fifo_chunk *head, *tail;
	size_t head_off; /* bytes already consumed of the head chunk */
	size_t len;      /* bytes held */
};

void fifo_init(struct fifo *f, struct fifo_pool *pool);
void fifo_dispose(struct fifo *f);
/* Append as many of the first bytes as the pool has room for; returns their number. */
size_t fifo_write(struct fifo *f, struct view bytes);
/* False while fifo_write() would take nothing for want of the pool. */
bool fifo_has_room(const struct fifo *f);
/* Contiguous room at the end, at least 1 byte, for a read(2) straight into the
 * fifo; n = 0 when the pool has no more.  Valid until the next call on f. */
struct span fifo_reserve(struct fifo *f);
/* The first n bytes of the reserved room are now content; 0 gives the room back. */
void fifo_commit(struct fifo *f, size_t n);
/* The first bytes as up to `max` pieces, oldest first, at most `limit` bytes in all;
 * returns the number of pieces.  The pieces may be changed in place; valid until the next
 * call but fifo_peek(). */
size_t fifo_peek(const struct fifo *f, struct span *pieces, size_t max, size_t limit);
/* Drop n <= f->len bytes from the front. */
void fifo_consume(struct fifo *f, size_t n);
/* Assert every invariant. */
void fifo_verify(const struct fifo *f);

#endif
