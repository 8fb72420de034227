/* load.c - applications that use a tunnel: what all kinds have in common. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "load_impl.h"

static uint64_t deadline(const void *self)
{
	const struct load *l = self;

	return tunnel_why(l->tunnel) == NULL ? l->ops->deadline(l) : UINT64_MAX;
}

static void run(void *self, uint64_t now_us)
{
	struct load *l = self;

	l->ops->run(l, now_us);
}

struct load *load_new(struct world *w, struct tunnel *t, const struct load_params *p)
{
	static const struct load_ops *const kinds[] = {
		[LOAD_BULK] = &load_bulk,
		[LOAD_THIN] = &load_thin,
		[LOAD_TRANSFERS] = &load_transfers,
	};
	struct load *l = calloc(1, sizeof(*l));

	assert(l != NULL);
	l->p = *p;
	l->world = w;
	l->tunnel = t;
	l->ops = kinds[p->kind];
	l->ops->start(l);
	world_join(w, &(struct party){ l, deadline, run, NULL });
	return l;
}

void load_free(struct load *l)
{
	l->ops->stop(l);
	samples_clear(&l->times);
	free(l->bins);
	free(l);
}

void load_count(struct load *l, uint64_t now_us, size_t bytes)
{
	size_t bin = (size_t)((now_us - l->p.from_us) / LOAD_BIN_US);

	l->bytes += bytes;
	if (bin >= l->bin_cap) {
		size_t cap = 2 * bin + 64;

		l->bins = realloc(l->bins, cap * sizeof(*l->bins));
		assert(l->bins != NULL);
		memset(l->bins + l->bin_cap, 0, (cap - l->bin_cap) * sizeof(*l->bins));
		l->bin_cap = cap;
	}
	l->bins[bin] += bytes;
	if (bin >= l->bin_count)
		l->bin_count = bin + 1;
}

void load_time(struct load *l, uint64_t from_us, uint64_t now_us)
{
	samples_add(&l->times, (double)(now_us - from_us) * 1e-3);
}

uint64_t load_bytes(const struct load *l)
{
	return l->bytes;
}

size_t load_bins(const struct load *l, const uint64_t **bins)
{
	*bins = l->bins;
	return l->bin_count;
}

struct samples *load_times(struct load *l)
{
	return &l->times;
}

uint64_t load_missing(const struct load *l)
{
	return l->begun - l->times.count;
}
