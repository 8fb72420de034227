/* rival.h - a competing flow over the same two links: bulk of a TCP-like sender.
 *
 * Packets are 1500 bytes on the wire and carry 1448; every second one, or the delayed-ack timer,
 * brings an acknowledgement of 52 bytes back.  An acknowledgement tells of all that arrived before it
 * left, as unlimited SACK blocks would: what the sender knows is exact, only late.  Every
 * transmission has a number of its own, and a lost one's bytes go in a later one.
 *
 *   cubic   RFC 9438 with HyStart, initial window 10, not paced
 *   bbr     version 1, as published: startup, drain, eight phases of a round trip each, every ten
 *           seconds a look at the round trip; no answer to loss */
#ifndef KT_LAB_RIVAL_H
#define KT_LAB_RIVAL_H

#include <stdint.h>

#include "world.h"

enum rival_kind { RIVAL_NONE, RIVAL_CUBIC, RIVAL_BBR };

enum {
	RIVAL_WIRE_BYTES = 1500,
	RIVAL_PAYLOAD_BYTES = 1448,
	RIVAL_ACK_BYTES = 52,
};

struct rival;

/* Joins the world; sends from from_us on, over link `way`. */
struct rival *rival_new(struct world *w, enum rival_kind kind, unsigned way, uint64_t from_us,
			uint64_t seed);
void rival_free(struct rival *r);
/* Payload that arrived. */
uint64_t rival_bytes(const struct rival *r);

#endif
