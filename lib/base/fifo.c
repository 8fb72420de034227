/* fifo.c - a queue of bytes in pooled chunks.
 *
 *     head                                 tail
 *     | consumed | content | -> | content | -> | content | room |
 *     0          head_off                                len    cap
 *
 * Only the last chunk has room.  It may be empty, between fifo_reserve() and
 * fifo_commit(); every other one holds content.  A small chunk is only ever made for a
 * fifo that was empty: once bytes pile up, large ones cost less per byte. */
#include <assert.h>
#include <string.h>

#include "fifo_impl.h"

enum { READ_MIN = 1024 }; /* less room than this is not worth a read(2) of its own */

static uint32_t chunk_room(const struct fifo_chunk *c)
{
	return c->cap - c->len;
}

/* ---- life ------------------------------------------------------------------------- */

void fifo_init(struct fifo *f, struct fifo_account *account, enum fifo_way way)
{
	*f = (struct fifo){ .account = account, .way = (uint8_t)way };
}

/* Whoever waits for the chunks may look at this fifo, so it is empty before they go. */
void fifo_dispose(struct fifo *f)
{
	struct fifo_chunk *c = f->head;

	f->head = f->tail = NULL;
	f->len = 0;
	f->head_off = 0;
	while (c != NULL) {
		struct fifo_chunk *next = c->next;

		fifo_chunk_put(f, c);
		c = next;
	}
}

/* ---- writing ---------------------------------------------------------------------- */

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
	return f->head == NULL && n <= FIFO_SMALL_CAP ? FIFO_SMALL_CAP : FIFO_LARGE_CAP;
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
		struct fifo_chunk *c = fifo_chunk_get(f, next_cap(f, bytes.n - done));

		if (c == NULL && f->head == NULL)
			c = fifo_chunk_get(f, FIFO_SMALL_CAP);
		if (c == NULL)
			break;
		append(f, c);
		done += fill_tail(f, (struct view){ bytes.p + done, bytes.n - done });
	}
	return done;
}

bool fifo_has_room(const struct fifo *f)
{
	return tail_room(f) > 0 || fifo_may_take(f, fifo_chunk_bytes(next_cap(f, 1)));
}

size_t fifo_spare(const struct fifo *f)
{
	return f->tail != NULL ? tail_room(f) : FIFO_SMALL_CAP;
}

struct span fifo_reserve(struct fifo *f)
{
	struct fifo_chunk *c = NULL;

	if (tail_room(f) < READ_MIN)
		c = fifo_chunk_get(f, FIFO_LARGE_CAP);
	if (c == NULL && f->head == NULL)
		c = fifo_chunk_get(f, FIFO_SMALL_CAP);
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
	fifo_chunk_put(f, c);
}

/* Few bytes were read into a large chunk and are all there is: a slow stream shall
 * not sit on 16 KiB for them. */
static void shrink(struct fifo *f)
{
	struct fifo_chunk *large = f->head, *small;

	small = fifo_chunk_take(f, FIFO_SMALL_CAP);
	if (small == NULL)
		return;
	memcpy(small->data, large->data, large->len);
	small->len = large->len;
	f->head = f->tail = small;
	fifo_chunk_put(f, large);
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
	else if (f->len == n && f->tail->cap == FIFO_LARGE_CAP && n <= FIFO_SMALL_CAP / 2)
		shrink(f);
}

/* ---- reading ---------------------------------------------------------------------- */

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
	size_t off = f->head_off + n;

	assert(n <= f->len);
	f->len -= n;
	if (f->len == 0) {
		fifo_dispose(f);
		return;
	}
	while (off >= f->head->len) {
		struct fifo_chunk *c = f->head;

		off -= c->len;
		f->head = c->next;
		fifo_chunk_put(f, c);
	}
	f->head_off = (uint16_t)off;
}

/* ---- invariants ------------------------------------------------------------------- */

void fifo_verify(const struct fifo *f)
{
	size_t sum = 0, held = 0;

	assert((f->head == NULL) == (f->tail == NULL));
	for (const struct fifo_chunk *c = f->head; c != NULL; c = c->next) {
		assert(c->len <= c->cap);
		assert(c->len > 0 || c == f->tail);
		assert(c->next != NULL || c == f->tail);
		assert(c->cap == FIFO_LARGE_CAP || (c->cap == FIFO_SMALL_CAP && c == f->head));
		sum += c->len;
		held += fifo_chunk_bytes(c->cap);
	}
	assert(held == f->held);
	assert(f->head != NULL || f->head_off == 0);
	assert(f->head == NULL || f->head_off == 0 || f->head_off < f->head->len);
	assert(sum == f->head_off + f->len);
}
