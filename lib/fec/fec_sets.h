/* fec_sets.h - the sets a decoder holds, and the memory of their shards (private to fec).
 *
 * Sets are numbered on without end: where the sender's numbers wrap (at paws),
 * ours go on.  The newest FEC_SETS_MAX numbers are the window; number k lives in
 * slot k mod FEC_SETS_MAX.
 *
 *     ... | newest-3 | newest-2 | newest-1 | newest | up to 64 ahead | ...
 *   astray        in the window                       moves it         astray
 *
 * A packet astray is old, or the sender jumped: after a restart, or in a long
 * silence of the network.  It changes nothing until several of them in a row,
 * with nothing from the window between, agree on a place; then the window goes there. */
#ifndef KT_FEC_SETS_H
#define KT_FEC_SETS_H

#include "fec.h"

struct fec_shard {
	uint8_t *mem; /* NULL: not here */
	size_t len;
};

struct fec_set {
	uint64_t number;          /* of the unwrapped count */
	bool used;                /* number is valid */
	bool closed;              /* nothing more is expected of it */
	bool touched;             /* since the last fec_sets_trim() */
	unsigned held;            /* shards here */
	unsigned data_held;       /* of them, data */
	size_t parity_len;        /* of each parity shard, 0: none here */
	struct fec_shard *shards; /* ds + ps */
};

struct fec_sets {
	unsigned ds, ps, n; /* n = ds + ps; 0: nothing known yet, and nothing held */
	uint32_t paws;
	uint32_t set_count; /* sets before seqid wraps */
	struct fec_set slots[FEC_SETS_MAX];
	struct fec_shard *shards; /* of all slots */
	bool started;             /* newest is valid */
	uint32_t newest_set;      /* as the sender counts */
	uint64_t newest;          /* as we count */
	unsigned strays;          /* in a row */
	uint32_t stray_set;       /* the newest of them */
	size_t stride;            /* bytes of one shard memory */
	uint8_t **spare;          /* shard memory not in use */
	size_t spare_count;
	size_t spare_cap; /* as many as can ever be in use */
	size_t mem_count; /* shard memories, spare or not */
};

/* For shards of up to `stride` bytes.  False when out of memory. */
bool fec_sets_init(struct fec_sets *w, unsigned ds, unsigned ps, size_t stride);
/* What fec_sets_get() gave must have come back.  Fine for one that is all zeros. */
void fec_sets_dispose(struct fec_sets *w);

/* The set that the sender calls `set`, its seqid / n; NULL when that is astray. */
struct fec_set *fec_sets_find(struct fec_sets *w, uint32_t set);
/* Copy a shard; the position is free, the set not closed.  False when out of memory. */
bool fec_sets_store(struct fec_sets *w, struct fec_set *s, unsigned position, struct view bytes);
/* Expect nothing more of the set, free its shards. */
void fec_sets_close(struct fec_sets *w, struct fec_set *s);
static inline bool fec_set_is_open(const struct fec_set *s)
{
	return s->used && !s->closed;
}

/* Memory for a rebuilt shard, `stride` bytes, NULL when out of memory; and back. */
uint8_t *fec_sets_get(struct fec_sets *w);
void fec_sets_put(struct fec_sets *w, uint8_t *mem);

/* Free spare memory, and close sets that got nothing since the last call. */
void fec_sets_trim(struct fec_sets *w);
size_t fec_sets_memory(const struct fec_sets *w);
/* `outside`: memories that fec_sets_get() gave out. */
void fec_sets_verify(const struct fec_sets *w, size_t outside);

#endif
