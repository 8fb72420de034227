/* samples.h - values that were measured, and what is usual and what is rare among them. */
#ifndef KT_LAB_SAMPLES_H
#define KT_LAB_SAMPLES_H

#include <stddef.h>

struct samples { /* zeroed: none */
	double *v;
	size_t count, cap;
	double sum;
};
void samples_add(struct samples *s, double value);
/* The nearest rank, 0 < percent <= 100; 0 when there are none.  Sorts the values. */
double samples_percentile(struct samples *s, double percent);
double samples_mean(const struct samples *s); /* 0 when there are none */
void samples_clear(struct samples *s);

#endif
