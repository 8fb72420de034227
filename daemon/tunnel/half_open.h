/* half_open.h - a server's links whose peers have not acknowledged anything yet.
 *
 * They are bounded apart from the others, so that whoever opens many keeps nobody out.  Of too many one of those gives way
 * that come from where most come from; where several have as many, of the origin that was silent for longest; and of one
 * origin the link that was.  An origin is an address without the port, of IPv6 the first 64 bits; some may be taken for
 * one.  More than HALF_OPEN_LEVELS from one are as many as that. */
#ifndef KT_HALF_OPEN_H
#define KT_HALF_OPEN_H

#include <stdint.h>

struct link;

enum { HALF_OPEN_ORIGINS = 1024, HALF_OPEN_LEVELS = 64 };

struct half_open_origin {
	struct link *first, *last; /* heard longest ago, and last */
	unsigned count;
	struct half_open_origin *prev, *next; /* of the same level */
};

struct half_open {
	unsigned count;
	struct half_open_origin origins[HALF_OPEN_ORIGINS];
	/* Those with 1, 2, ... links; each in the order in which they were heard or came to it. */
	struct half_open_level {
		struct half_open_origin *first, *last;
	} levels[HALF_OPEN_LEVELS];
	uint64_t used; /* a bit for each level that is not empty */
	uint64_t seed; /* of the hash: secret, random */
};

/* All else is zero to begin with. */
void half_open_init(struct half_open *h, uint64_t seed);
/* The one that is to give way; NULL: there is none. */
struct link *half_open_yields(const struct half_open *h);
void half_open_add(struct half_open *h, struct link *l);
/* It was heard. */
void half_open_heard(struct half_open *h, struct link *l);
/* It is so no longer, or ends.  Nothing happens if it never was. */
void half_open_remove(struct half_open *h, struct link *l);

#endif
