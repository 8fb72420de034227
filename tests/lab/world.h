/* world.h - the clock of a laboratory, its two links, and the parties that live by them.
 *
 * A party says when it wants to run next; time jumps to the earliest of those and of the arrivals,
 * so that an idle second costs nothing.  At one instant first all that arrives is handed over, then
 * the parties run in the order in which they joined: nothing depends on anything but the seed. */
#ifndef KT_LAB_WORLD_H
#define KT_LAB_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "link.h"

enum { WORLD_UP, WORLD_DOWN }; /* the directions: 0 from the client's end to the server's, 1 back */
enum { WORLD_PARTIES_MAX = 64 };

struct party {
	void *self;
	/* Absolute, in the past when it wants to run again at this instant, UINT64_MAX: only when
	 * something arrives.  NULL: the same. */
	uint64_t (*deadline)(const void *self);
	void (*run)(void *self, uint64_t now_us); /* called when the deadline has come */
	/* A packet of its own came over link `way`.  NULL: it sends none. */
	void (*arrive)(void *self, uint64_t now_us, unsigned way, struct link_packet *pkt);
};

struct world {
	uint64_t now_us;
	struct link *link[2]; /* by direction */
	struct party party[WORLD_PARTIES_MAX];
	uint32_t party_count;
	uint64_t steps;
};

/* The links' draws come from the seed, each direction's from its own. */
void world_init(struct world *w, const struct link_params params[2], uint64_t seed);
void world_dispose(struct world *w); /* the parties belong to others */
/* Returns the owner's number for link_packet. */
uint32_t world_join(struct world *w, const struct party *p);
/* Let it become this late. */
void world_run(struct world *w, uint64_t until_us);

#endif
