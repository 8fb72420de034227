/* guess.h - in which way a client speaks to a server that it was not told of: compression and smux version.
 *
 * Of the ways that the configuration leaves open one is tried after another, the likeliest first, each once.  What a server
 * was found to understand is kept for all later sessions, and tried first, until one shows something else.  If
 * none is understood that is said, and for a while nothing is tried: the sessions then are as with a configuration that
 * names the first way.
 *
 * No I/O, no clock: who opens sessions tells what became of them. */
#ifndef KT_GUESS_H
#define KT_GUESS_H

#include <stdbool.h>
#include <stdint.h>

#include "codec.h"

/* A way to speak; or, of a configuration or of what a peer showed, CODEC_UNKNOWN and 0 for what is open. */
struct guess_way {
	enum codec_kind compression;
	int smux_version;
};

enum { GUESS_WAYS = 4, GUESS_REST_US = 60 * 1000 * 1000 };

/* Zeroed to begin with, and then guess_set(). */
struct guess {
	struct guess_way given;
	struct guess_way ways[GUESS_WAYS];
	unsigned count;
	unsigned at;             /* the one that sessions begin with */
	unsigned known;          /* the one that was understood last, or GUESS_WAYS */
	unsigned failed;         /* bits: since any was understood */
	uint64_t rests_until_us; /* 0: it does not */
};

/* What the configuration leaves open.  Nothing is forgotten if that is as before. */
void guess_set(struct guess *g, const struct guess_way *given);
/* For a session that begins. */
const struct guess_way *guess_way(const struct guess *g);
/* Is it to be found out whether that is understood? */
bool guess_is_open(const struct guess *g, uint64_t now_us);
/* It is.  True when it was not known before. */
bool guess_right(struct guess *g, const struct guess_way *way);
/* It is not, or the peer shows `theirs`, which has the more weight.  True: there is another one to be
 * tried at once; false: there is none, or this is no time for it. */
bool guess_wrong(struct guess *g, const struct guess_way *way, const struct guess_way *theirs,
		 uint64_t now_us);

#endif
