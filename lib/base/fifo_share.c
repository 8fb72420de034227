/* fifo_share.c - who may hold how much of a pool, and who waits for some. */
#include <assert.h>

#include "fifo_impl.h"

/* Those that wait and are looked at when something came back: all of them would be too many for
 * each chunk, and the next chunk goes on where this one ended. */
enum { LOOKS = 4 };

static size_t less(size_t a, size_t b)
{
	return a > b ? a - b : 0;
}

static size_t max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ---- shares ----------------------------------------------------------------------- */

/* What is left of a way for all together. */
static size_t way_room(const struct fifo_pool *pool, enum fifo_way way)
{
	size_t sure = pool->bytes_max / 4;
	size_t others = max_size(pool->way_bytes[!way], sure);
	size_t limit = less(less(pool->bytes_max, others), pool->charged_bytes);

	return less(max_size(limit, sure), pool->way_bytes[way]);
}

size_t fifo_account_room(const struct fifo_account *a, enum fifo_way way)
{
	size_t held = a->way_bytes[way], room;

	if (a->pool->bytes_max == SIZE_MAX)
		return SIZE_MAX;
	room = way_room(a->pool, way);
	return max_size(less(room, held) / 2, min_size(less(FIFO_FLOOR, held), room));
}

bool fifo_may_take(const struct fifo *f, size_t bytes)
{
	size_t room = fifo_account_room(f->account, (enum fifo_way)f->way);

	if (bytes > room)
		return false;
	return f->way == FIFO_IN || f->held == 0 || f->held + bytes <= room - bytes;
}

size_t fifo_pool_held(const struct fifo_pool *pool)
{
	return pool->used_bytes + pool->charged_bytes;
}

bool fifo_pool_over(const struct fifo_pool *pool)
{
	return fifo_pool_held(pool) > pool->bytes_max;
}

/* ---- those that wait ---------------------------------------------------------------- */

static void enqueue(struct fifo_account *a)
{
	struct fifo_pool *pool = a->pool;

	if (a->queued)
		return;
	a->queued = true;
	a->next_waiting = NULL;
	*pool->waiting_tail = a;
	pool->waiting_tail = &a->next_waiting;
}

static struct fifo_account *dequeue(struct fifo_pool *pool)
{
	struct fifo_account *a = pool->waiting;

	pool->waiting = a->next_waiting;
	if (pool->waiting == NULL)
		pool->waiting_tail = &pool->waiting;
	a->queued = false;
	return a;
}

/* Out of the middle: only who leaves needs it. */
static void unqueue(struct fifo_account *a)
{
	struct fifo_pool *pool = a->pool;
	struct fifo_account **at = &pool->waiting;

	if (!a->queued)
		return;
	while (*at != a)
		at = &(*at)->next_waiting;
	*at = a->next_waiting;
	if (*at == NULL)
		pool->waiting_tail = at;
	a->queued = false;
}

void fifo_account_wait(struct fifo_account *a, enum fifo_way way)
{
	if (a->owner == NULL)
		return;
	a->waits[way] = true;
	enqueue(a);
}

/* True if it took notice. */
static bool offer(struct fifo_account *a)
{
	bool served = false;

	for (unsigned way = 0; way < FIFO_WAYS; way++) {
		if (!a->waits[way])
			continue;
		if (fifo_account_room(a, (enum fifo_way)way) < FIFO_SMALL_CHUNK) {
			enqueue(a);
			continue;
		}
		a->waits[way] = false;
		served |= a->owner->room(a->user, (enum fifo_way)way);
	}
	return served;
}

void fifo_share_offer(struct fifo_account *from)
{
	struct fifo_pool *pool = from->pool;

	for (int i = 0; i < LOOKS && pool->waiting != NULL; i++)
		if (offer(dequeue(pool)))
			return;
	/* The others are at their bounds, and its own has just moved. */
	if (from->queued)
		offer(from);
}

void fifo_pool_set_max(struct fifo_pool *pool, size_t bytes_max)
{
	struct fifo_account *last = NULL;

	pool->bytes_max = bytes_max;
	/* Each once: who wants more waits anew, behind the last one of now. */
	for (struct fifo_account *a = pool->waiting; a != NULL; a = a->next_waiting)
		last = a;
	while (last != NULL) {
		struct fifo_account *a = dequeue(pool);

		offer(a);
		if (a == last)
			return;
	}
}

bool fifo_pool_relieve(struct fifo_pool *pool, enum fifo_way way, uint64_t now_us)
{
	struct fifo_account *most = NULL;

	if (now_us < pool->relief_us)
		return false;
	pool->relief_us = now_us + FIFO_RELIEF_US;
	for (struct fifo_account *a = pool->accounts; a != NULL; a = a->next)
		if (a->owner != NULL && (most == NULL || a->way_bytes[way] > most->way_bytes[way]))
			most = a;
	return most != NULL && most->owner->relieve(most->user, way, now_us);
}

/* ---- accounts ----------------------------------------------------------------------- */

void fifo_account_init(struct fifo_account *a, struct fifo_pool *pool)
{
	*a = (struct fifo_account){ .pool = pool, .next = pool->accounts };
	if (a->next != NULL)
		a->next->prev = a;
	pool->accounts = a;
}

void fifo_account_dispose(struct fifo_account *a)
{
	assert(a->way_bytes[FIFO_IN] == 0);
	assert(a->way_bytes[FIFO_OUT] == 0);
	fifo_account_attach(a, NULL, NULL);
	fifo_account_charge(a, 0);
	if (a->prev != NULL)
		a->prev->next = a->next;
	else
		a->pool->accounts = a->next;
	if (a->next != NULL)
		a->next->prev = a->prev;
}

void fifo_account_attach(struct fifo_account *a, const struct fifo_owner *owner, void *user)
{
	unqueue(a);
	a->waits[FIFO_IN] = a->waits[FIFO_OUT] = false;
	a->owner = owner;
	a->user = user;
}

void fifo_account_charge(struct fifo_account *a, size_t bytes)
{
	bool less_now = bytes < a->charged_bytes;

	a->pool->charged_bytes += bytes - a->charged_bytes;
	a->charged_bytes = bytes;
	if (less_now)
		fifo_share_offer(a);
}

/* ---- invariants --------------------------------------------------------------------- */

void fifo_pool_verify(const struct fifo_pool *pool)
{
	size_t in = 0, out = 0, charged = 0, queued = 0, waiting = 0;

	for (const struct fifo_account *a = pool->accounts; a != NULL; a = a->next) {
		assert(a->pool == pool);
		assert(a->next == NULL || a->next->prev == a);
		assert(!(a->waits[FIFO_IN] || a->waits[FIFO_OUT]) || a->queued);
		in += a->way_bytes[FIFO_IN];
		out += a->way_bytes[FIFO_OUT];
		charged += a->charged_bytes;
		queued += a->queued;
	}
	for (const struct fifo_account *a = pool->waiting; a != NULL; a = a->next_waiting) {
		assert(a->queued);
		assert(a->next_waiting != NULL || pool->waiting_tail == &a->next_waiting);
		waiting++;
	}
	assert(pool->waiting != NULL || pool->waiting_tail == &pool->waiting);
	assert(in == pool->way_bytes[FIFO_IN]);
	assert(out == pool->way_bytes[FIFO_OUT]);
	assert(in + out == pool->used_bytes);
	assert(charged == pool->charged_bytes);
	assert(queued == waiting);
}
