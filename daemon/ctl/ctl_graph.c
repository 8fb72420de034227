/* ctl_graph.c - a series of numbers over time, and small graphs of it made of characters. */
#include "ctl_graph.h"

#include <math.h>

enum { STEPS = 8 }; /* of one cell */

void series_push(struct series *s, double v)
{
	s->newest = (s->newest + 1) % SERIES_MAX;
	s->v[s->newest] = v;
	if (s->count < SERIES_MAX)
		s->count++;
}

double series_get(const struct series *s, size_t age)
{
	return age < s->count ? s->v[(s->newest + SERIES_MAX - age) % SERIES_MAX] : (double)NAN;
}

double series_max(const struct series *s, size_t n)
{
	double max = 0;

	for (size_t age = 0; age < n && age < s->count; age++)
		if (series_get(s, age) > max)
			max = series_get(s, age);
	return max;
}

const char *graph_cell(double v, double max, unsigned rows, unsigned row, bool utf8)
{
	static const char *const blocks[STEPS + 1] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const plain[STEPS + 1] = { " ", ".", ".", ":", ":", "+", "+", "#", "#" };
	double part = v / max;
	long steps, below;

	if (!(v > 0) || !(max > 0))
		return " ";
	steps = (long)((part < 1 ? part : 1) * STEPS * rows + 0.5);
	steps = steps > 0 ? steps : 1;
	below = (long)STEPS * (long)(rows - 1 - row);
	steps = steps - below;
	steps = steps < 0 ? 0 : steps > STEPS ? STEPS : steps;
	return utf8 ? blocks[steps] : plain[steps];
}
