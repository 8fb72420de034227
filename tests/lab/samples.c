/* samples.c - values that were measured, and what is usual and what is rare among them. */
#include "samples.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void samples_add(struct samples *s, double value)
{
	if (s->count == s->cap) {
		s->cap = s->cap == 0 ? 256 : 2 * s->cap;
		s->v = realloc(s->v, s->cap * sizeof(*s->v));
		assert(s->v != NULL);
	}
	s->v[s->count++] = value;
	s->sum += value;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double samples_percentile(struct samples *s, double percent)
{
	size_t rank = (size_t)((double)s->count * percent / 100.0 + 0.999999);

	if (s->count == 0)
		return 0;
	qsort(s->v, s->count, sizeof(*s->v), ascending);
	rank = rank < 1 ? 1 : rank > s->count ? s->count : rank;
	return s->v[rank - 1];
}

double samples_mean(const struct samples *s)
{
	return s->count > 0 ? s->sum / (double)s->count : 0;
}

void samples_clear(struct samples *s)
{
	free(s->v);
	memset(s, 0, sizeof(*s));
}
