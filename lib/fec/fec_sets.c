/* fec_sets.c - the sets a decoder holds, and the memory of their shards. */
#include "fec_sets.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fec_rs.h"

enum {
	JUMP_SETS = 64, /* a loss this long is followed at once */
	STRAYS_MAX = 8, /* so many packets in a row move the window to wherever they are */
};

/* ---- memory -------------------------------------------------------------- */

bool fec_sets_init(struct fec_sets *w, unsigned ds, unsigned ps, size_t stride)
{
	memset(w, 0, sizeof(*w));
	w->ds = ds;
	w->ps = ps;
	w->n = ds + ps;
	w->paws = rs_paws(w->n);
	w->set_count = w->paws / w->n;
	w->stride = stride;
	/* A set holds at most ds; the rest of n covers what is rebuilt. */
	w->spare_cap = (size_t)FEC_SETS_MAX * w->n;
	w->spare = calloc(w->spare_cap, sizeof(*w->spare));
	w->shards = calloc((size_t)FEC_SETS_MAX * w->n, sizeof(*w->shards));
	if (w->spare == NULL || w->shards == NULL) {
		free(w->spare);
		free(w->shards);
		memset(w, 0, sizeof(*w));
		return false;
	}
	for (size_t i = 0; i < FEC_SETS_MAX; i++)
		w->slots[i].shards = w->shards + i * w->n;
	return true;
}

uint8_t *fec_sets_get(struct fec_sets *w)
{
	uint8_t *mem;

	if (w->spare_count > 0)
		return w->spare[--w->spare_count];
	mem = malloc(w->stride);
	if (mem != NULL)
		w->mem_count++;
	return mem;
}

void fec_sets_put(struct fec_sets *w, uint8_t *mem)
{
	assert(w->spare_count < w->spare_cap);
	w->spare[w->spare_count++] = mem;
}

static void free_spare(struct fec_sets *w)
{
	w->mem_count -= w->spare_count;
	while (w->spare_count > 0)
		free(w->spare[--w->spare_count]);
}

/* ---- sets ---------------------------------------------------------------- */

bool fec_sets_store(struct fec_sets *w, struct fec_set *s, unsigned position, struct view bytes)
{
	uint8_t *mem = fec_sets_get(w);

	if (mem == NULL)
		return false;
	memcpy(mem, bytes.p, bytes.n);
	s->shards[position] = (struct fec_shard){ mem, bytes.n };
	s->held++;
	if (position < w->ds)
		s->data_held++;
	else
		s->parity_len = bytes.n;
	return true;
}

void fec_sets_close(struct fec_sets *w, struct fec_set *s)
{
	for (unsigned i = 0; s->held > 0; i++) {
		if (s->shards[i].mem == NULL)
			continue;
		fec_sets_put(w, s->shards[i].mem);
		s->shards[i].mem = NULL;
		s->held--;
	}
	s->data_held = 0;
	s->parity_len = 0;
	s->closed = true;
}

static void open_set(struct fec_set *s, uint64_t number)
{
	assert(s->held == 0);
	s->number = number;
	s->used = true;
	s->closed = false;
}

static void drop_set(struct fec_sets *w, struct fec_set *s)
{
	fec_sets_close(w, s);
	s->used = false;
}

void fec_sets_dispose(struct fec_sets *w)
{
	for (size_t i = 0; i < FEC_SETS_MAX; i++)
		drop_set(w, &w->slots[i]);
	free_spare(w);
	assert(w->mem_count == 0);
	free(w->spare);
	free(w->shards);
	memset(w, 0, sizeof(*w));
}

/* ---- window -------------------------------------------------------------- */

/* Signed distance a - b of two set numbers as the sender counts them. */
static int64_t set_diff(const struct fec_sets *w, uint32_t a, uint32_t b)
{
	int64_t count = w->set_count;
	int64_t diff = (int64_t)a - (int64_t)b;

	if (diff > count / 2)
		diff -= count;
	else if (diff < -(count / 2))
		diff += count;
	return diff;
}

static bool is_near(int64_t diff)
{
	return diff > -FEC_SETS_MAX && diff <= JUMP_SETS;
}

/* The window goes to where no set of it was before. */
static void restart(struct fec_sets *w, uint32_t set)
{
	for (size_t i = 0; i < FEC_SETS_MAX; i++)
		drop_set(w, &w->slots[i]);
	w->started = true;
	w->newest_set = set;
	w->newest += FEC_SETS_MAX;
}

static void advance(struct fec_sets *w, uint32_t set, uint64_t by)
{
	w->newest_set = set;
	w->newest += by;
	for (size_t i = 0; i < FEC_SETS_MAX; i++)
		if (w->slots[i].used && w->newest - w->slots[i].number >= FEC_SETS_MAX)
			drop_set(w, &w->slots[i]);
}

/* True when enough packets in a row insist on a place outside of the window. */
static bool insists(struct fec_sets *w, uint32_t set)
{
	int64_t diff = set_diff(w, set, w->stray_set);

	if (!is_near(diff))
		w->strays = 0;
	if (w->strays == 0 || diff > 0)
		w->stray_set = set;
	w->strays++;
	return w->strays >= STRAYS_MAX;
}

struct fec_set *fec_sets_find(struct fec_sets *w, uint32_t set)
{
	int64_t diff = w->started ? set_diff(w, set, w->newest_set) : 0;
	uint64_t back; /* from the newest */
	struct fec_set *s;

	if (!is_near(diff) && !insists(w, set))
		return NULL;
	if (!w->started || !is_near(diff))
		restart(w, set);
	else if (diff > 0)
		advance(w, set, (uint64_t)diff);
	w->strays = 0;
	back = set == w->newest_set ? 0 : (uint64_t)-diff;
	s = &w->slots[(w->newest - back) % FEC_SETS_MAX];
	if (!s->used)
		open_set(s, w->newest - back);
	assert(s->number == w->newest - back);
	s->touched = true;
	return s;
}

/* ---- housekeeping ----------------------------------------------------------- */

void fec_sets_trim(struct fec_sets *w)
{
	for (size_t i = 0; i < FEC_SETS_MAX; i++) {
		struct fec_set *s = &w->slots[i];

		/* KCP has long resent what such a set could bring back. */
		if (fec_set_is_open(s) && !s->touched)
			fec_sets_close(w, s);
		s->touched = false;
	}
	free_spare(w);
}

size_t fec_sets_memory(const struct fec_sets *w)
{
	return w->spare_cap * sizeof(*w->spare) + (size_t)FEC_SETS_MAX * w->n * sizeof(*w->shards) +
	       w->mem_count * w->stride;
}

/* Shards that a set holds, counted. */
static unsigned verify_set(const struct fec_sets *w, size_t slot)
{
	const struct fec_set *s = &w->slots[slot];
	unsigned held = 0, data_held = 0;

	for (unsigned i = 0; i < w->n; i++) {
		if (s->shards[i].mem == NULL)
			continue;
		held++;
		data_held += i < w->ds;
		assert(s->shards[i].len >= 2 && s->shards[i].len <= w->stride);
		assert(i < w->ds || s->shards[i].len == s->parity_len);
	}
	assert(held == s->held && data_held == s->data_held);
	assert(held == 0 || (fec_set_is_open(s) && held <= w->ds));
	if (s->used) {
		assert(s->number % FEC_SETS_MAX == slot);
		assert(w->newest - s->number < FEC_SETS_MAX);
	}
	return held;
}

void fec_sets_verify(const struct fec_sets *w, size_t outside)
{
	size_t in_use = outside;

	assert(w->n == w->ds + w->ps);
	assert(!w->started || w->newest_set < w->set_count);
	assert(w->strays < STRAYS_MAX);
	for (size_t i = 0; i < FEC_SETS_MAX; i++)
		in_use += verify_set(w, i);
	assert(in_use + w->spare_count == w->mem_count);
	assert(w->mem_count <= w->spare_cap);
}
