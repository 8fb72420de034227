/* admit.h - what a server does with a datagram from where it has no session of that conversation.
 *
 * It asks those of the same conversation wherever they are, one after the other, and then for the verdict:
 *
 *     admit_begin(&a, payload, &sniff);
 *     for (each session s of sniff.conv)
 *         if (admit_ask(&a, s))
 *             moved = s;
 *     switch (admit_verdict(&a)) ...
 *
 * Any byte may be somebody else's who repeats what he heard, or never let through: so only what no session has
 * had yet moves one, and where the same conversation goes on already it is not begun a second time. */
#ifndef KT_ADMIT_H
#define KT_ADMIT_H

#include <stdbool.h>

#include "session.h"

struct admit {
	struct view payload; /* borrowed */
	const struct session_sniff *sniff;
	bool known;         /* it is of one of the sessions, which had it already */
	bool moves, proven; /* it is news to one of them, and to one that is proven */
};

enum admit_verdict {
	ADMIT_IGNORE,
	ADMIT_MOVE, /* the peer of a session is here now, and session_guard() is due */
	ADMIT_OPEN, /* it begins a conversation */
	ADMIT_TELL, /* the middle of one that is not known here: see tell.h */
};

/* Among the first of its conversation: its sender has had nothing from a server yet. */
bool admit_is_early(const struct session_sniff *sniff);
/* An opened datagram, and what session_sniff() told of it: it has a conversation. */
void admit_begin(struct admit *a, struct view payload, const struct session_sniff *sniff);
/* True when `s` is the one to be moved, rather than those asked before. */
bool admit_ask(struct admit *a, const struct session *s);
enum admit_verdict admit_verdict(const struct admit *a);

#endif
