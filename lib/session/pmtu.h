/* pmtu.h - the longest datagrams that a path lets through (RFC 8899, datagram packetization layer path MTU
 * discovery).
 *
 * Nobody tells of a datagram that was too long: ICMP is filtered as often as not, and may be forged.  So
 * soundings of various lengths are sent beside the data, and what is answered passes:
 *
 *     BASE     nearly every path takes this: where it begins.  Nothing is sounded before there is so much to say
 *              that longer datagrams would be of use.
 *     SEARCH   first the most that is allowed, then halves of what is left
 *     SETTLED  with what passes; after PMTU_RAISE_US more is tried
 *     DOUBT    long ones were sent and none of them was acknowledged: a sounding of that length and a short one
 *              leave together, PMTU_TIMES of each; after some rounds it is as short as any, since a peer that sends
 *              in vain itself is heard no more.  Where only short ones are answered the path has
 *              shrunk: back to that length, and SEARCH, beginning with the one that was in doubt
 *
 * Lengths are those of UDP payloads, in bytes.  Without I/O or clock: times are given, in microseconds. */
#ifndef KT_PMTU_H
#define KT_PMTU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PMTU_BASE = 1200, /* with headers less than 1280, which IPv6 asks of every link */
	PMTU_LEAST = 512, /* where even that does not pass */
	PMTU_STEP = 8,    /* so much may be missed */
	PMTU_TIMES = 3,   /* that a length is sounded at once, in DOUBT */
};
#define PMTU_RAISE_US (UINT64_C(600) * 1000000)

enum pmtu_state { PMTU_WAITS, PMTU_SEARCH, PMTU_SETTLED, PMTU_DOUBT };

struct pmtu {
	size_t base, most;
	size_t size;  /* in force: the longest that is known to pass */
	size_t fails; /* the shortest of which it is believed that it does not; most + 1: none */
	size_t first; /* to be tried before others; 0: none */
	enum pmtu_state state;
	uint64_t settled_us;

	/* under way; in DOUBT a short one beside it */
	size_t sounded; /* length of [0]; 0: nothing is under way */
	uint64_t sounded_us;
	uint64_t wait_us;     /* for an answer */
	unsigned unanswered;  /* in sequence, by a peer that was there */
	bool quiet;           /* one that says nothing by itself: what passes is sounded, too */
	size_t sounded_short; /* in DOUBT, and how often so far */
	unsigned rounds;
	unsigned dark;    /* of those that nothing answered, though the peer was there */
	uint64_t rest_us; /* no doubt until then */
};

/* What is known when it is asked for what to do. */
struct pmtu_seen {
	uint64_t now_us;
	uint64_t heard_us; /* when the peer was last heard */
	uint64_t wait_us;  /* an answer that takes longer will not come */
	bool wanted;       /* datagrams as long as allowed have left since the last call */
	unsigned longs;    /* segments beyond what pmtu_short() takes, or, if they are more, than
			    * pmtu_least(), sent since the last that was acknowledged, */
	uint64_t longs_us; /* and when the first of those was */
	uint32_t loss_ppm; /* of the medium */
	bool answered, short_answered; /* any of what was sounded last */
};

/* What to send, in the place of any soundings before. */
struct pmtu_order {
	size_t sound;       /* length; 0: nothing */
	size_t sound_short; /* beside it; 0: none */
	unsigned times;     /* of each */
};

/* `most` is never exceeded, and may be below PMTU_BASE.  `known`: what another conversation on this path
 * found out, 0: nothing. */
void pmtu_init(struct pmtu *p, size_t most, size_t known);
/* After input and before each flush.  True when `size` is another one now. */
bool pmtu_look(struct pmtu *p, const struct pmtu_seen *seen, struct pmtu_order *order);
/* When to look again if nothing else happens; UINT64_MAX: never.  Of `seen` only longs, longs_us and
 * wait_us matter. */
uint64_t pmtu_deadline(const struct pmtu *p, const struct pmtu_seen *seen);
/* Longer datagrams than this are in doubt when none of them is acknowledged. */
size_t pmtu_short(const struct pmtu *p);
/* And what is no longer than this never is. */
size_t pmtu_least(const struct pmtu *p);

#endif
