/* way.h - one direction of the relay: a link of the laboratory on real time, and what became of all
 * that it was to carry. */
#ifndef LINKRELAY_WAY_H
#define LINKRELAY_WAY_H

#include <stdbool.h>
#include <stdint.h>

#include "link.h"

struct way {
	struct link_params params;
	struct link *link;
	struct link_count refused; /* not put on the link: too long, or too many under way */
	struct link_count left;    /* arrived at its end */
	struct link_count unsent;  /* of those, the ones that the kernel did not take */
	uint64_t late_us;          /* all of them together ... */
	uint64_t late_max_us;      /* ... and the latest one arrived so long after it was due */
};

void way_init(struct way *w, const struct link_params *params, uint64_t seed);
void way_dispose(struct way *w);
/* `len` may be more than the data that is there when it is more than LINK_DATA_MAX. */
void way_offer(struct way *w, uint64_t now_us, uint32_t owner, uint8_t *data, uint32_t len);
/* Take one that has arrived, valid until the next call; false: none (yet). */
bool way_take(struct way *w, uint64_t now_us, struct link_packet *pkt);
struct link_count way_underway(const struct way *w);

void way_count(struct link_count *c, uint32_t wire);

#endif
