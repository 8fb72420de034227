/* bounds.h - what the figures of a tunnel must be, link by link, for each of several seeds. */
#ifndef KT_LAB_BOUNDS_H
#define KT_LAB_BOUNDS_H

#include <stdbool.h>
#include <stddef.h>

#include "experiment.h"

enum { LIMITS_MAX = 8 };

/* One experiment, run with several seeds, and limits that each run has to keep. */
struct bound {
	struct spec spec;          /* without link, config and seed; what is 0 is the usual */
	const char *link, *config; /* as on the command line */
	struct limit {
		enum figure figure;
		double least, most;
		bool set; /* the first that is not ends the list */
	} limits[LIMITS_MAX];
};
extern const struct bound bounds[];
extern const size_t bound_count;

/* All that are about `link` and `config` (NULL: any), with seeds from `seed` on.  Prints a line
 * for each limit; false when one is not kept. */
bool bounds_check(const char *link, const char *config, uint64_t seed, unsigned seeds);

#endif
