/* targets.h - which of a server's targets a stream is connected to: in what order they are tried, and which rest.
 *
 * The order is that of the configuration.  One that failed rests for a while, which means that it is tried behind all others:
 * so its failures cost one stream in that time something, and not each.  When the time is over the next stream tries
 * it in its old place, and while it does so it goes on resting for the others.
 *
 * Knows numbers only, no addresses and no sockets; the time is given. */
#ifndef KT_TARGETS_H
#define KT_TARGETS_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

/* Long enough that a target which makes each try wait costs hardly anybody anything, and short enough that one which was
 * merely started anew is not missed for long. */
#define TARGETS_REST_US (10 * 1000000ull)

enum { TARGETS_WHY_BYTES = 128 };

struct target_state {
	bool failed; /* the last try did */
	char why[TARGETS_WHY_BYTES];
	uint64_t rests_until_us;
};

struct targets {
	unsigned count;
	unsigned edition; /* of the list: numbers of another one mean other targets */
	struct target_state each[CONF_ADDRS_MAX];
};

/* A list of so many, of which nothing is known.  Zeroed to begin with. */
void targets_set(struct targets *s, unsigned count);
/* The numbers of all, in the order in which to try them for one stream; returns how many. */
unsigned targets_order(struct targets *s, uint64_t now_us, uint8_t order[static CONF_ADDRS_MAX]);
/* No answer has come yet, and the next one is tried: it rests from now on, whatever becomes of it. */
void targets_slow(struct targets *s, unsigned i, uint64_t now_us);
void targets_failed(struct targets *s, unsigned i, uint64_t now_us, const char *why);
/* It took a stream.  True: the last time it had failed. */
bool targets_worked(struct targets *s, unsigned i);

#endif
