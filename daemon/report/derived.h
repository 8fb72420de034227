/* derived.h - what people want to know of counters: shares and ratios. */
#ifndef KT_DERIVED_H
#define KT_DERIVED_H

#include <stddef.h>

#include "counters.h"

/* NAN where the counters do not tell. */
struct derived {
	double overhead_out, overhead_in; /* wire bytes per payload byte; of a way that carried
					   * next to nothing they tell nothing */
	double retransmitted; /* share of the data segments sent that were sent before */
	double loss_out;      /* of those, without the ones that had arrived all the same */
	double recovered;     /* share of the packets received that came out of parity */
	double loss_in;       /* at least this share was lost on the way to us: what
					   * parity made good; without FEC it cannot be told */
};

/* `c` may be totals or differences of two looks. */
void derived_compute(struct derived *d, const struct counters *c);

/* The same as a table, with the names that JSON and people see. */
struct derived_info {
	const char *name, *label, *help;
	size_t offset; /* of the double */
};
extern const struct derived_info derived_infos[];
extern const size_t derived_count;
double derived_get(const struct derived *d, size_t i);

#endif
