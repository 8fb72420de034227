/* backoff.h - when to try again what failed: after a second, then after twice as long each time,
 * at last once a minute. */
#ifndef KT_BACKOFF_H
#define KT_BACKOFF_H

#include <ev.h>
#include <stdint.h>

#include "reactor.h"

typedef void backoff_try_fn(void *user);

struct backoff {
	struct reactor *reactor; /* borrowed */
	backoff_try_fn *again;
	void *user;
	ev_timer timer;
	double delay_s;   /* of the last failure, 0: none yet */
	uint64_t next_us; /* when it is tried again, 0: it is not */
};

void backoff_init(struct backoff *b, struct reactor *r, backoff_try_fn *again, void *user);
/* It failed: `again` is called in a while.  Returns in how many seconds. */
double backoff_failed(struct backoff *b);
/* It is not tried again; a failure to come goes on from where this was. */
void backoff_stop(struct backoff *b);

#endif
