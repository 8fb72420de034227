/* fifo_pool.h - the memory of the byte queues of a tunnel, and who may hold how much of it.
 *
 * A tunnel has one pool with a budget, and each of its sessions an account there; a queue belongs to
 * an account and to one of two ways: in, what came from the peer, and out, what is to go there.
 * Everything is counted in whole chunks.  Who asks for one that he may not have is refused, and the
 * refusal is the back-pressure.
 *
 *   - A quarter of the budget is sure to each way, whatever the other one holds: a target that
 *     echoes can always write, and what opens the peer's windows can always be read.
 *   - No account may hold more of a way than it leaves there for all others.  Whoever comes and
 *     holds for good takes half of what there is, and the next one again half of the rest, so
 *     that some is always left.  (Choudhury and Hahne's dynamic threshold, with alpha 1.)
 *   - FIFO_FLOOR of a way may anyone hold, as long as there is any.
 *   - Of an account's share outwards, its queues take in the same manner: none holds more than it leaves
 *     to the others, but each may hold one chunk.  Inwards the peer decides what comes next, and
 *     room that is kept for another stream would only keep that from being reached.
 *   - What is held elsewhere for the same bytes, segments mainly, is charged to the account.  It
 *     lessens what the queues may take, down to the sure quarters.
 *
 * Who was refused may wait: when chunks come back, those who wait are offered them in turn. */
#ifndef KT_FIFO_POOL_H
#define KT_FIFO_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FIFO_CHUNK = 16384,      /* bytes of a chunk, its small header included */
	FIFO_SMALL_CHUNK = 2048, /* of one that holds all of a queue with few bytes */
	FIFO_FLOOR = 4 * FIFO_CHUNK,
	FIFO_RELIEF_US = 100 * 1000,
};

enum fifo_way { FIFO_IN, FIFO_OUT, FIFO_WAYS };

struct fifo_chunk;
struct fifo_account;

/* The recycled chunks of one size. */
struct fifo_shelf {
	struct fifo_chunk *free;
	size_t free_count; /* chunks */
	size_t low_water;  /* least free_count since the last trim */
};

struct fifo_pool {
	struct fifo_shelf small, large;
	size_t used_count;             /* chunks handed out, of both sizes */
	size_t used_bytes;             /* their bytes */
	size_t way_bytes[FIFO_WAYS];   /* of them, by way */
	size_t charged_bytes;          /* held elsewhere */
	size_t bytes_max;              /* the budget, SIZE_MAX: none */
	struct fifo_account *accounts; /* all */
	struct fifo_account *waiting, **waiting_tail;
	uint64_t relief_us; /* no sooner is anybody asked to give something up */
};

void fifo_pool_init(struct fifo_pool *pool, size_t bytes_max); /* SIZE_MAX: no bound */
void fifo_pool_dispose(struct fifo_pool *pool);                /* all accounts must be gone */
void fifo_pool_trim(struct fifo_pool *pool); /* give back what was not needed since the last call */
/* Another budget from now on; what is held beyond it stays until it is given back. */
void fifo_pool_set_max(struct fifo_pool *pool, size_t bytes_max);
/* Bytes held, in queues and elsewhere. */
size_t fifo_pool_held(const struct fifo_pool *pool);
/* More than the budget is held. */
bool fifo_pool_over(const struct fifo_pool *pool);
/* Ask the account that holds most of a way to give some up; true if it did.  Not more often than
 * every FIFO_RELIEF_US, however many ask. */
bool fifo_pool_relieve(struct fifo_pool *pool, enum fifo_way way, uint64_t now_us);
void fifo_pool_verify(const struct fifo_pool *pool);

/* What an account's owner is asked.  Both are called in the middle of others' work: they may mark
 * and release, but take nothing. */
struct fifo_owner {
	/* There is room for who waited.  False: it was not wanted.  Who wants more waits anew. */
	bool (*room)(void *user, enum fifo_way way);
	/* Others starve: give up what only lies there.  False: there is nothing of that kind. */
	bool (*relieve)(void *user, enum fifo_way way, uint64_t now_us);
};

struct fifo_account {
	struct fifo_pool *pool;         /* borrowed */
	const struct fifo_owner *owner; /* borrowed; NULL: nobody waits */
	void *user;
	size_t way_bytes[FIFO_WAYS];
	size_t charged_bytes;
	bool waits[FIFO_WAYS];
	bool queued; /* on the pool's list of those that wait */
	struct fifo_account *next, *prev, *next_waiting;
};

void fifo_account_init(struct fifo_account *a, struct fifo_pool *pool);
void fifo_account_dispose(struct fifo_account *a); /* all its queues are empty */
/* From now on `owner` is asked; NULL: nobody is. */
void fifo_account_attach(struct fifo_account *a, const struct fifo_owner *owner, void *user);
/* So much is held elsewhere now, in all. */
void fifo_account_charge(struct fifo_account *a, size_t bytes);
/* Bytes of a way that it could still take, were it alone. */
size_t fifo_account_room(const struct fifo_account *a, enum fifo_way way);
/* Tell the owner when there is room. */
void fifo_account_wait(struct fifo_account *a, enum fifo_way way);

#endif
