/* dial.h - connect to a TCP host:port or a Unix socket, without blocking. */
#ifndef KT_DIAL_H
#define KT_DIAL_H

#include "config.h"
#include "reactor.h"

enum { DIAL_TIMEOUT_S = 10 };

struct dial;

/* The result: a connected non-blocking descriptor, the receiver's; or -1 and why. */
typedef void dial_done_fn(void *user, int fd, const char *error);

/* Resolves the name if it is one and tries its addresses in turn.  `done` is called once,
 * from the loop, never before this returns.  NULL: out of memory. */
struct dial *dial_start(struct reactor *r, const struct conf_addr *to, dial_done_fn *done, void *user);
/* Before `done`: it will not be called. */
void dial_cancel(struct dial *d);

#endif
