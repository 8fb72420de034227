/* listener.h - accept TCP or Unix connections; back off when descriptors run out. */
#ifndef KT_LISTENER_H
#define KT_LISTENER_H

#include "binding.h"
#include "reactor.h"

struct listener;

/* An accepted, prepared descriptor; the receiver's. */
typedef void listener_accept_fn(void *user, int fd);

/* Accept on the sockets of an open binding, which are taken out of it.  NULL: out of memory, and nothing was taken.  `tag`
 * is for the log. */
struct listener *listener_new(struct reactor *r, struct binding *b, const char *tag,
			      listener_accept_fn *accept, void *user);
/* The same in two steps, for whoever takes sockets from another: room for `count` sockets, without which nothing need be
 * taken; and those of the binding, what is not open in it left out. */
struct listener *listener_prepare(struct reactor *r, size_t count, const char *tag,
				  listener_accept_fn *accept, void *user);
void listener_take(struct listener *l, struct binding *b);
/* The same on a Unix socket that is already bound to `path`; it is taken over, failing as well.
 * It takes connections also when only those descriptors are left that are kept back. */
struct listener *listener_adopt(struct reactor *r, int fd, const char *path, const char *tag,
				listener_accept_fn *accept, void *user);
/* What it has at an address, or in its way. */
enum socket_place listener_place(const struct listener *l, const struct sockaddr_storage *addr);
/* Hand over the socket that it has at s->addr, with the connections that wait in it.  False: it has none there. */
bool listener_yield(struct listener *l, struct bound *s);
/* Close its sockets for a moment; listener_resume() opens them again.  False: not all of them could be. */
void listener_suspend(struct listener *l);
bool listener_resume(struct listener *l);
/* Stops listening and removes a Unix socket's path. */
void listener_free(struct listener *l);

#endif
