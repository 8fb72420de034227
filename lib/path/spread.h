/* spread.h - which of a tunnel's sessions gets a new stream.
 *
 * Streams of one session wait for each other: what one lost holds up what the others sent after it, and
 * what one has queued leaves before what another writes later.  So a stream gets a session to itself while
 * there are few, and later the one where it has the least to wait for. */
#ifndef KT_SPREAD_H
#define KT_SPREAD_H

#include <stddef.h>
#include <stdint.h>

/* The bytes that a session carried lately, by a total that grows.  Zeroed to begin with. */
struct spread_meter {
	uint64_t total, recent, at_us;
};
void spread_note(struct spread_meter *m, uint64_t now_us, uint64_t total_bytes);
/* About as many as in the last half second. */
uint64_t spread_recent(const struct spread_meter *m, uint64_t now_us);

struct spread_load {
	unsigned streams;
	uint64_t bytes; /* in flight or queued, and carried lately: in both directions */
};

/* The index of one of `count` sessions, or `count` for a new one, which is only asked for while
 * `count` is below `most`; at least one of the two is above 0. */
unsigned spread_choose(const struct spread_load *loads, unsigned count, unsigned most);

#endif
