/* load_impl.h - what the kinds of load share. */
#ifndef KT_LAB_LOAD_IMPL_H
#define KT_LAB_LOAD_IMPL_H

#include "load.h"

struct load {
	struct load_params p;
	struct world *world;
	struct tunnel *tunnel;
	const struct load_ops *ops;
	void *state;           /* of the kind's */
	uint64_t bytes, begun; /* begun: of those counted */
	struct samples times;
	uint64_t *bins;
	size_t bin_count, bin_cap;
};

struct load_ops {
	void (*start)(struct load *l); /* allocates the state */
	void (*stop)(struct load *l);  /* frees it */
	uint64_t (*deadline)(const struct load *l);
	void (*run)(struct load *l, uint64_t now_us);
};

extern const struct load_ops load_bulk, load_thin, load_transfers;

/* Payload arrived. */
void load_count(struct load *l, uint64_t now_us, size_t bytes);
/* One of those begun is through. */
void load_time(struct load *l, uint64_t from_us, uint64_t now_us);

#endif
