/* fifo.h - a queue of bytes in pooled chunks.
 *
 * An empty fifo holds no chunk, so thousands of idle streams cost nothing.  One
 * that holds a few bytes has a small chunk, so thousands of slow streams cost little.
 * What it may hold is decided by its account, see fifo_pool.h: a write beyond that is
 * refused, and the refusal is the back-pressure. */
#ifndef KT_FIFO_H
#define KT_FIFO_H

#include <stdbool.h>
#include "fifo_pool.h"
#include "wire.h"

struct fifo {
	struct fifo_account *account; /* borrowed */
	struct fifo_chunk *head, *tail;
	size_t len;        /* bytes in it */
	uint32_t held;     /* bytes of its chunks */
	uint16_t head_off; /* bytes already consumed of the head chunk */
	uint8_t way;       /* enum fifo_way */
};

void fifo_init(struct fifo *f, struct fifo_account *account, enum fifo_way way);
/* Empty, it can be used again. */
void fifo_dispose(struct fifo *f);
/* Append as many of the first bytes as there may be; returns their number. */
size_t fifo_write(struct fifo *f, struct view bytes);
/* False while fifo_write() would take nothing for want of memory. */
bool fifo_has_room(const struct fifo *f);
/* Bytes that fit without more memory, or into a small chunk if it has none. */
size_t fifo_spare(const struct fifo *f);
/* Contiguous room at the end, at least 1 byte, for a read(2) straight into the
 * fifo; n = 0 when it may have no more.  Valid until the next call on f. */
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
