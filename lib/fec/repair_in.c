/* repair_in.c - keeps the segments that came lately, and rebuilds those that parity tells.
 *
 * A segment lives in the slot of its number, until a later one takes that.  Parity of a set waits
 * until as much of it is there as the set lacks; that is looked at whenever something of it
 * comes, so it does not matter in which order. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fec_repair.h"
#include "fec_rs.h"

struct kept {
	uint8_t *mem; /* of `stride` bytes: a shard, not padded; NULL: nothing */
	uint32_t number;
	size_t len;
};

struct set { /* whose parity waits; `parity` 0: none */
	uint32_t first;
	unsigned count, parity;
	uint64_t heard_us; /* the last of that */
	size_t len;        /* of each */
	uint8_t index[REPAIR_PARITY_MAX];
	uint8_t *mem[REPAIR_PARITY_MAX];
};

struct repair_in {
	uint32_t conv;
	size_t shard_max;
	size_t stride;
	size_t mem_count; /* memories of `stride` bytes */
	unsigned oldest;  /* of sets: the next to give way */
	struct set sets[REPAIR_SETS];
	unsigned rebuilt_count, rebuilt_next;
	uint32_t rebuilt[REPAIR_PARITY_MAX]; /* numbers of those, kept as if they had come */
	struct repair_in_stats stats;
	struct kept kept[REPAIR_KEPT];
};

struct repair_in *repair_in_new(uint32_t conv, size_t payload_max)
{
	struct repair_in *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->conv = conv;
	r->shard_max = payload_max + 2;
	r->stride = rs_columns(r->shard_max);
	return r;
}

/* ---- memory -------------------------------------------------------------------- */

static uint8_t *mem_new(struct repair_in *r)
{
	uint8_t *mem = malloc(r->stride);

	r->mem_count += mem != NULL;
	return mem;
}

static void mem_free(struct repair_in *r, uint8_t *mem)
{
	r->mem_count -= mem != NULL;
	free(mem);
}

static void set_forget(struct repair_in *r, struct set *s)
{
	for (unsigned i = 0; i < s->parity; i++)
		mem_free(r, s->mem[i]);
	s->parity = 0;
}

void repair_in_free(struct repair_in *r)
{
	if (r == NULL)
		return;
	for (unsigned i = 0; i < REPAIR_SETS; i++)
		set_forget(r, &r->sets[i]);
	for (unsigned i = 0; i < REPAIR_KEPT; i++)
		mem_free(r, r->kept[i].mem);
	assert(r->mem_count == 0);
	free(r);
}

/* ---- what is there --------------------------------------------------------------- */

static struct kept *slot(struct repair_in *r, uint32_t number)
{
	return &r->kept[number & (REPAIR_KEPT - 1)];
}

static bool is_here(struct repair_in *r, uint32_t number)
{
	const struct kept *k = slot(r, number);

	return k->mem != NULL && k->number == number;
}

static unsigned missing(struct repair_in *r, const struct set *s, uint8_t *positions)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->count; i++)
		if (!is_here(r, s->first + i))
			positions[n++] = (uint8_t)i;
	return n;
}

/* ---- rebuilding -------------------------------------------------------------------- */

/* The shards of a set that are there, as many as it has segments. */
struct sources {
	uint8_t x[REPAIR_SEGS_MAX];
	uint8_t *mem[REPAIR_SEGS_MAX];
};

/* Collect and pad; false when a segment is longer than the parity made of it. */
static bool gather(struct repair_in *r, const struct set *s, unsigned lacking, struct sources *src)
{
	size_t columns = rs_columns(s->len);
	unsigned n = 0;

	for (unsigned i = 0; i < s->count; i++) {
		struct kept *k = slot(r, s->first + i);

		if (!is_here(r, s->first + i))
			continue;
		if (k->len > s->len)
			return false;
		memset(k->mem + k->len, 0, columns - k->len);
		src->x[n] = (uint8_t)i;
		src->mem[n++] = k->mem;
	}
	for (unsigned i = 0; i < lacking; i++) {
		memset(s->mem[i] + s->len, 0, columns - s->len);
		src->x[n] = (uint8_t)(s->count + s->index[i]);
		src->mem[n++] = s->mem[i];
	}
	assert(n == s->count);
	return true;
}

/* Is this a length, so many bytes, and zeros? */
static bool is_sound(const uint8_t *shard, size_t len)
{
	size_t end = (size_t)load_le16(shard) + 2;
	uint8_t rest = 0;

	if (end > len)
		return false;
	for (size_t i = end; i < len; i++)
		rest |= shard[i];
	return rest == 0;
}

/* Keep it, in memory that becomes the slot's. */
static void take_rebuilt(struct repair_in *r, uint32_t number, uint8_t *mem, size_t len)
{
	struct kept *k = slot(r, number);

	if (!is_sound(mem, len)) {
		r->stats.errors++;
		mem_free(r, mem);
		return;
	}
	mem_free(r, k->mem);
	*k = (struct kept){ .mem = mem, .number = number, .len = (size_t)load_le16(mem) + 2 };
	r->stats.repaired++;
	r->rebuilt[r->rebuilt_count++] = number;
}

/* All that lacks, or nothing for want of memory: KCP sends it again. */
static bool get_mems(struct repair_in *r, uint8_t **mem, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		mem[i] = mem_new(r);
		if (mem[i] == NULL) {
			while (i-- > 0)
				mem_free(r, mem[i]);
			return false;
		}
	}
	return true;
}

static void rebuild(struct repair_in *r, const struct set *s, const uint8_t *lack, unsigned n)
{
	uint8_t data_weights[REPAIR_SEGS_MAX], weights[REPAIR_SEGS_MAX];
	uint8_t *out[REPAIR_PARITY_MAX];
	struct sources src;

	if (!gather(r, s, n, &src)) {
		r->stats.errors++;
		return;
	}
	if (!get_mems(r, out, n))
		return;
	rs_data_weights(s->count, data_weights);
	rs_weights_replaced(src.x, s->count, data_weights, lack, n, weights);
	rs_interpolate(src.x, weights, s->count, lack, n, rs_columns(s->len), src.mem, out);
	for (unsigned i = 0; i < n; i++)
		take_rebuilt(r, s->first + lack[i], out[i], s->len);
}

/* Is there enough to know all of it? */
static void try_set(struct repair_in *r, struct set *s)
{
	uint8_t lack[REPAIR_SEGS_MAX];
	unsigned n = missing(r, s, lack);

	if (n > s->parity)
		return;
	if (n > 0)
		rebuild(r, s, lack, n);
	set_forget(r, s);
}

static void drop_rebuilt(struct repair_in *r)
{
	r->rebuilt_count = 0;
	r->rebuilt_next = 0;
}

bool repair_in_next(struct repair_in *r, uint32_t *number, struct view *payload)
{
	const struct kept *k;

	if (r->rebuilt_next == r->rebuilt_count)
		return false;
	*number = r->rebuilt[r->rebuilt_next++];
	k = slot(r, *number);
	*payload = (struct view){ k->mem + 2, k->len - 2 };
	return true;
}

/* ---- input ------------------------------------------------------------------------- */

/* Sets are few, and mostly none waits. */
static void try_sets(struct repair_in *r, uint64_t now_us, uint32_t number)
{
	for (unsigned i = 0; i < REPAIR_SETS; i++) {
		struct set *s = &r->sets[i];

		if (s->parity > 0 && now_us - s->heard_us > REPAIR_WAIT_US)
			set_forget(r, s);
		if (s->parity > 0 && r->rebuilt_count == 0 && number - s->first < s->count)
			try_set(r, s);
	}
}

void repair_in_data(struct repair_in *r, uint64_t now_us, uint32_t number, struct view payload)
{
	struct kept *k = slot(r, number);

	drop_rebuilt(r);
	if (payload.n + 2 > r->shard_max || is_here(r, number))
		return;
	if (k->mem == NULL && (k->mem = mem_new(r)) == NULL)
		return;
	k->number = number;
	k->len = payload.n + 2;
	store_le16(k->mem, (uint16_t)payload.n);
	if (payload.n > 0)
		memcpy(k->mem + 2, payload.p, payload.n);
	try_sets(r, now_us, number);
}

static bool same_set(const struct set *s, uint32_t first, unsigned count, size_t len)
{
	return s->parity > 0 && s->first == first && s->count == count && s->len == len;
}

/* Where parity of this set goes; a new one replaces the oldest. */
static struct set *find_set(struct repair_in *r, uint32_t first, unsigned count, size_t len)
{
	struct set *s;

	for (unsigned i = 0; i < REPAIR_SETS; i++)
		if (same_set(&r->sets[i], first, count, len))
			return &r->sets[i];
	s = &r->sets[r->oldest];
	r->oldest = (r->oldest + 1) % REPAIR_SETS;
	set_forget(r, s);
	s->first = first;
	s->count = count;
	s->len = len;
	return s;
}

static void store(struct repair_in *r, struct set *s, uint8_t index, struct view bytes)
{
	uint8_t *mem;

	for (unsigned i = 0; i < s->parity; i++)
		if (s->index[i] == index)
			return;
	if (s->parity == REPAIR_PARITY_MAX || (mem = mem_new(r)) == NULL)
		return;
	memcpy(mem, bytes.p, bytes.n);
	s->index[s->parity] = index;
	s->mem[s->parity++] = mem;
}

/* Does a set like this lack nothing, all of it kept or read long ago? */
static bool is_whole(struct repair_in *r, const struct set *s, uint32_t expected)
{
	uint8_t lack[REPAIR_SEGS_MAX];

	return (int32_t)(s->first + s->count - expected) <= 0 || missing(r, s, lack) == 0;
}

static bool well_formed(const struct repair_in *r, struct view pkt)
{
	unsigned count;

	if (pkt.n < REPAIR_HEADER + 2 || pkt.n - REPAIR_HEADER > r->shard_max ||
	    load_le16(pkt.p + 4) != FEC_TYPE_REPAIR || load_le32(pkt.p) != r->conv)
		return false;
	count = pkt.p[6];
	return count >= 1 && count <= REPAIR_SEGS_MAX && pkt.p[7] < REPAIR_PARITY_MAX;
}

void repair_in_parity(struct repair_in *r, uint64_t now_us, uint32_t expected, struct view pkt)
{
	struct view bytes = { pkt.p + REPAIR_HEADER, pkt.n - REPAIR_HEADER };
	struct set told, *s;

	drop_rebuilt(r);
	if (!well_formed(r, pkt)) {
		r->stats.errors++;
		return;
	}
	r->stats.parity++;
	told = (struct set){ .first = load_le32(pkt.p + 8), .count = pkt.p[6] };
	if (is_whole(r, &told, expected))
		return;
	s = find_set(r, told.first, told.count, bytes.n);
	s->heard_us = now_us;
	store(r, s, pkt.p[7], bytes);
	try_set(r, s);
}

/* ---- looking ----------------------------------------------------------------------- */

const struct repair_in_stats *repair_in_stats(const struct repair_in *r)
{
	return &r->stats;
}

size_t repair_in_memory(const struct repair_in *r)
{
	return sizeof(*r) + r->mem_count * r->stride;
}

void repair_in_verify(const struct repair_in *r)
{
	size_t mems = 0;

	for (unsigned i = 0; i < REPAIR_KEPT; i++) {
		const struct kept *k = &r->kept[i];

		mems += k->mem != NULL;
		assert(k->mem == NULL || (k->len >= 2 && k->len <= r->shard_max));
		assert(k->mem == NULL || (k->number & (REPAIR_KEPT - 1)) == i);
	}
	for (unsigned i = 0; i < REPAIR_SETS; i++) {
		assert(r->sets[i].parity <= REPAIR_PARITY_MAX);
		mems += r->sets[i].parity;
	}
	assert(mems == r->mem_count);
	assert(r->rebuilt_next <= r->rebuilt_count && r->rebuilt_count <= REPAIR_PARITY_MAX);
}
