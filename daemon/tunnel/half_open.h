/* half_open.h - a server's links whose peers have not acknowledged anything yet.
 *
 * They are bounded apart from the others, so that whoever opens many keeps nobody out; of too many the one that was
 * silent for longest gives way. */
#ifndef KT_HALF_OPEN_H
#define KT_HALF_OPEN_H

struct link;

struct half_open {
	struct link *first, *last; /* heard longest ago, and last */
	unsigned count;
};

void half_open_add(struct half_open *h, struct link *l);
/* It was heard. */
void half_open_heard(struct half_open *h, struct link *l);
/* It is so no longer, or ends.  Nothing happens if it never was. */
void half_open_remove(struct half_open *h, struct link *l);

#endif
