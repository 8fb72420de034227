/* listener.h - accept TCP or Unix connections; back off when descriptors run out. */
#ifndef KT_LISTENER_H
#define KT_LISTENER_H

#include "config.h"
#include "reactor.h"

struct listener;

/* An accepted, prepared descriptor; the receiver's. */
typedef void listener_accept_fn(void *user, int fd);

/* Listen on `at` (every address that its host stands for and this machine has).  NULL after having logged why, with `tag`.
 * A Unix socket that nobody serves any more is replaced. */
struct listener *listener_new(struct reactor *r, const struct conf_addr *at, const char *tag,
			      listener_accept_fn *accept, void *user);
/* The same on a Unix socket that is already bound to `path`; it is taken over, failing as well.
 * It takes connections also when only those descriptors are left that are kept back. */
struct listener *listener_adopt(struct reactor *r, int fd, const char *path, const char *tag,
				listener_accept_fn *accept, void *user);
/* Stops listening and removes a Unix socket's path. */
void listener_free(struct listener *l);

#endif
