/* ctl_graph.h - a series of numbers over time, and small graphs of it made of characters. */
#ifndef KT_CTL_GRAPH_H
#define KT_CTL_GRAPH_H

#include <stdbool.h>
#include <stddef.h>

enum { SERIES_MAX = 512 };

/* The last numbers of something; NAN where there was none.  Zeroed to begin with. */
struct series {
	double v[SERIES_MAX];
	size_t count, newest;
};

void series_push(struct series *s, double v);
/* `age` 0 is the newest; NAN before the first. */
double series_get(const struct series *s, size_t age);
/* The largest of the newest `n`; 0 when there is none. */
double series_max(const struct series *s, size_t n);

/* The character for a number in one cell of a graph that is `rows` cells high and ends at `max`; row
 * 0 is the top.  A number above zero is always seen. */
const char *graph_cell(double v, double max, unsigned rows, unsigned row, bool utf8);

#endif
