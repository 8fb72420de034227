/* opening.h - from a tunnel that was made to one that runs.
 *
 * Its key is derived and its sockets are opened before it takes any work, and before anything is
 * taken from a tunnel whose place it is to have.  One that cannot be opened or started has `failed`: it
 * keeps the reason, and may be left to try again by itself.
 *
 *     made -----> opening -----> open -----> running
 *       ^            |            |
 *       |            +--> failed <+
 *       +-- a while ------+
 */
#ifndef KT_OPENING_H
#define KT_OPENING_H

#include <stdbool.h>

#include "backoff.h"
#include "binding.h"

struct tunnel;

enum opening_state { OPENING_MADE, OPENING_ASKED, OPENING_OPEN, OPENING_RUNNING, OPENING_FAILED };

/* The tunnel is open, but for what is held, or it has failed. */
typedef void opening_done_fn(void *user, struct tunnel *t);

/* Part of a tunnel. */
struct opening {
	enum opening_state state;
	char why[BINDING_WHY_BYTES]; /* it failed the last time, a sentence; "": it did not */
	bool no_name;                /* for want of a name, which may be known later */
	struct binding *binding;
	opening_done_fn *done;
	void *user;
	ev_timer soon;                /* the key was no good: that is told from the loop, too */
	struct backoff backoff;       /* of one that is left to itself */
	char told[BINDING_WHY_BYTES]; /* the reason that was logged last */
};

void opening_init(struct tunnel *t);
void opening_dispose(struct tunnel *t);
/* Derive the key and open the sockets.  `done` is called once, from the loop and never before this
 * returns; it may free the tunnel.  `held`: see binding.h; NULL for none. */
void opening_begin(struct tunnel *t, binding_held_fn *held, void *held_user, opening_done_fn *done,
		   void *user);
/* Start an open tunnel, once what it waits for was yielded or closed.  False: it has failed. */
bool opening_complete(struct tunnel *t);
/* It cannot have what it wants. */
void opening_fail(struct tunnel *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Let one that has failed try again by itself, as often as it takes. */
void opening_retry(struct tunnel *t);
/* Neither that nor an opening goes on. */
void opening_stop(struct tunnel *t);
/* It does not run, and the last try has failed; another may be under way. */
bool opening_has_failed(const struct tunnel *t);
/* Seconds to the next try; 0 when it is under way. */
double opening_retry_s(const struct tunnel *t);

#endif
