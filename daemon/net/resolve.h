/* resolve.h - names to addresses, without blocking the loop.
 *
 * A and AAAA are asked for together and /etc/hosts is heeded.  Nothing is cached here and
 * resolv.conf is read again for queries that are more than a second apart, so that a changed
 * network is noticed.  Every query ends within RESOLVE_TIMEOUT_S; while none is under way
 * there is no timer and no socket. */
#ifndef KT_RESOLVE_H
#define KT_RESOLVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	RESOLVE_TIMEOUT_S = 10,
	RESOLVE_ADDRS_MAX = 16, /* of one name; more are left out */
};

struct ev_loop;
struct resolver;
struct resolve_query;

/* `loop` is borrowed.  NULL: out of memory. */
struct resolver *resolver_new(struct ev_loop *loop);
/* Cancels what is under way.  Not from inside a callback.  NULL is fine. */
void resolver_free(struct resolver *r);

/* The answer: `count` addresses in the order in which to try them, each with
 * the port, borrowed for the call; or count 0 and `error` in words. */
typedef void resolve_done_fn(void *user, const struct sockaddr_storage *addrs, size_t count,
			     const char *error);

/* Ask for `host`: a name, an IPv4 or IPv6 address (a scope may follow it,
 * without brackets), or "" for every local address (:: and 0.0.0.0).  `done` is called
 * once, from the loop and never before this returns, with the query gone already; it may start
 * and cancel others.  NULL: out of memory. */
struct resolve_query *resolve_start(struct resolver *r, const char *host, uint16_t port,
				    resolve_done_fn *done, void *user);
/* `done` will not be called. */
void resolve_cancel(struct resolve_query *q);

/* Ask these name servers, "192.0.2.53:53,[2001:db8::53]:53", instead of
 * those of resolv.conf; NULL goes back.  For later queries.  0 or -ENOMEM. */
int resolver_set_servers(struct resolver *r, const char *servers);
/* End queries after so long instead of RESOLVE_TIMEOUT_S. */
void resolver_set_timeout(struct resolver *r, double seconds);

#endif
