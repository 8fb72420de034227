/* walk.h - a look at all links or relays of a tunnel, a few at a time.
 *
 * Whoever shows thousands of sessions must not hold up their traffic, so between two steps
 * the loop goes on, and links, relays or the tunnel itself may leave.  A walk steps aside for
 * them: what it has not visited yet when it leaves is not visited, and what came after
 * the start neither. */
#ifndef KT_WALK_H
#define KT_WALK_H

#include <stdbool.h>

#include "counters.h"

struct tunnel;
struct link;
struct relay;

struct walk {
	struct tunnel *tunnel; /* borrowed; NULL: not started, ended, or the tunnel is gone */
	struct link *link;     /* the next to visit */
	struct relay *relay;   /* the next to visit, of `link` */
	struct counters sum;   /* of the links visited, and of all that had left when they were */
	struct walk *other;    /* of the same tunnel */
};

void walk_start(struct walk *w, struct tunnel *t);
/* Must follow walk_start() before `w` is given up; more than once is fine. */
void walk_stop(struct walk *w);
/* The next link, its counters added to the sum; NULL when all were visited. */
struct link *walk_link(struct walk *w);
/* The next relay that is on a link.  NULL with *more when the step was used up by links
 * without relays: call again. */
struct relay *walk_relay(struct walk *w, bool *more);

/* For the tunnel: something is about to leave.  `last` are the link's counters. */
void walk_link_leaves(struct tunnel *t, struct link *l, const struct counters *last);
void walk_relay_leaves(struct tunnel *t, struct relay *relay);
void walk_tunnel_leaves(struct tunnel *t);

#endif
