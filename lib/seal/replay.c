/* replay.c - which datagrams came before.
 *
 * A print's place is its value as a fraction of the table's length; where that is taken, the next free one behind it.
 * Places go with the values, so that a table of twice the length is filled from front to back in one pass.  A search
 * is never longer than REACH slots, and there are so many behind the last place; at three quarters even the longest run in a
 * full table seldom is.  Values out of a file may be anything, and only then it matters. */
#include "replay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "siphash.h"

enum {
	PLACES_MIN = 1024,
	PLACES_MAX = (REPLAY_GENERATION / 3 + 1) * 4,
	REACH = 512,
};

static_assert((int)REPLAY_SECRET_SIZE == (int)SIPHASH_KEY_SIZE, "the secret is the hash's key");

struct table {
	uint64_t *slots; /* 0: free; NULL: no table */
	size_t places;   /* and REACH slots more */
	size_t count;
};

struct replay {
	uint8_t secret[REPLAY_SECRET_SIZE];
	struct table young, old;
	uint64_t rotations;
};

/* ---- one table ------------------------------------------------------------------- */

static size_t place_of(const struct table *t, uint64_t print)
{
	return (size_t)((print >> 32) * t->places >> 32);
}

static size_t table_bytes(const struct table *t)
{
	return t->slots != NULL ? (t->places + REACH) * sizeof(*t->slots) : 0;
}

static bool table_init(struct table *t, size_t places)
{
	*t = (struct table){ .slots = calloc(places + REACH, sizeof(*t->slots)), .places = places };
	return t->slots != NULL;
}

/* Where it is, or is to be put; NULL: it is not there, and there is no room for it. */
static uint64_t *table_find(const struct table *t, uint64_t print)
{
	uint64_t *slot;

	if (t->slots == NULL)
		return NULL;
	slot = t->slots + place_of(t, print);
	for (uint64_t *end = slot + REACH; slot < end; slot++)
		if (*slot == 0 || *slot == print)
			return slot;
	return NULL;
}

static bool table_has(const struct table *t, uint64_t print)
{
	const uint64_t *slot = table_find(t, print);

	return slot != NULL && *slot == print;
}

static bool table_put(struct table *t, uint64_t print)
{
	uint64_t *slot = table_find(t, print);

	if (slot == NULL)
		return false;
	t->count += *slot == 0;
	*slot = print;
	return true;
}

/* Into one of twice the length. */
static bool table_grow(struct table *t)
{
	struct table larger;
	size_t places = 2 * t->places < PLACES_MAX ? 2 * t->places : PLACES_MAX;
	bool all = true;

	if (places == t->places || !table_init(&larger, places))
		return false;
	for (size_t i = 0; i < t->places + REACH && all; i++)
		all = t->slots[i] == 0 || table_put(&larger, t->slots[i]);
	free(all ? t->slots : larger.slots);
	if (all)
		*t = larger;
	return all;
}

/* Room for one more, at three quarters at most. */
static bool table_prepare(struct table *t)
{
	if (t->slots == NULL)
		return table_init(t, PLACES_MIN);
	return t->count < t->places / 4 * 3 || table_grow(t);
}

/* ---- both -------------------------------------------------------------------------- */

struct replay *replay_new(const uint8_t secret[static REPLAY_SECRET_SIZE])
{
	struct replay *r = calloc(1, sizeof(*r));

	if (r == NULL || !table_init(&r->young, PLACES_MIN)) {
		free(r);
		return NULL;
	}
	memcpy(r->secret, secret, sizeof(r->secret));
	return r;
}

void replay_free(struct replay *r)
{
	if (r == NULL)
		return;
	free(r->young.slots);
	free(r->old.slots);
	free(r);
}

uint64_t replay_print(const struct replay *r, const uint8_t *identity, size_t len)
{
	uint64_t print = siphash(r->secret, identity, len);

	return print != 0 ? print : 1;
}

void replay_rotate(struct replay *r)
{
	free(r->old.slots);
	r->old = r->young;
	r->young = (struct table){ 0 };
	r->rotations++;
}

/* When there is no memory even for a small table, the one that is there begins anew. */
static void start_over(struct replay *r)
{
	if (r->old.slots == NULL)
		return;
	r->young = r->old;
	r->old = (struct table){ 0 };
	memset(r->young.slots, 0, table_bytes(&r->young));
	r->young.count = 0;
}

bool replay_note(struct replay *r, uint64_t print)
{
	assert(print != 0);
	if (table_has(&r->young, print) || table_has(&r->old, print))
		return false;
	if (r->young.count < REPLAY_GENERATION && table_prepare(&r->young) &&
	    table_put(&r->young, print))
		return true;
	replay_rotate(r);
	if (!table_prepare(&r->young))
		start_over(r);
	table_put(&r->young, print);
	return true;
}

uint64_t replay_rotations(const struct replay *r)
{
	return r->rotations;
}

size_t replay_young_count(const struct replay *r)
{
	return r->young.count;
}

size_t replay_count(const struct replay *r)
{
	return r->young.count + r->old.count;
}

size_t replay_memory(const struct replay *r)
{
	return sizeof(*r) + table_bytes(&r->young) + table_bytes(&r->old);
}

static void table_verify(const struct table *t)
{
	size_t count = 0;

	if (t->slots == NULL) {
		assert(t->count == 0);
		return;
	}
	assert(t->places >= PLACES_MIN);
	assert(t->places <= PLACES_MAX);
	for (size_t i = 0; i < t->places + REACH; i++) {
		if (t->slots[i] == 0)
			continue;
		count++;
		assert(table_find(t, t->slots[i]) == &t->slots[i]);
	}
	assert(count == t->count);
	assert(count <= REPLAY_GENERATION);
}

void replay_verify(const struct replay *r)
{
	table_verify(&r->young);
	table_verify(&r->old);
}
