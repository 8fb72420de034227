/* client_servers.h - which of a client's servers new sessions go to, and when those before it are tried again.
 *
 * Pure state: no I/O, no clock.  The servers are numbered in the order in which they are wanted.  One of them serves: at
 * first the first, then whichever was heard last of those that were tried because the one that served did not answer, or an earlier
 * one that answers again.
 *
 * After another one took over, those before it are tried anew, each after SERVERS_TRY_MIN_US, since a restart takes seconds;
 * then after twice as long each time, up to SERVERS_TRY_MAX_US: a try costs some forty small datagrams, and a minute more or
 * less does not matter to whoever was without that server for several. */
#ifndef KT_CLIENT_SERVERS_H
#define KT_CLIENT_SERVERS_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

#define SERVERS_TRY_MIN_US UINT64_C(5000000)
#define SERVERS_TRY_MAX_US UINT64_C(60000000)

struct servers {
	unsigned count;
	unsigned serving;
	struct {
		bool doubtful;   /* it fell silent, or did not answer when it was tried last */
		unsigned vain;   /* tries in vain, since another one took over */
		uint64_t try_us; /* of one before the one that serves: when it is tried next */
	} at[CONF_ADDRS_MAX];
};

/* A set of servers, as bits. */
typedef uint32_t servers_mask;

void servers_init(struct servers *s, unsigned count);
/* It does not answer, or will not soon. */
void servers_doubt(struct servers *s, unsigned i);
/* Something came from it. */
void servers_heard(struct servers *s, unsigned i);
/* A new session to it answers, to which new streams are to go.  True when that makes it the one that serves, which it was
 * not. */
bool servers_take_over(struct servers *s, unsigned i, uint64_t now_us);
/* Whom a session tries that tried those already: first the one that serves, then the others in their order; `count` when
 * there is none left. */
unsigned servers_next(const struct servers *s, servers_mask tried);
/* An earlier one that is to be tried now; `count`: none. */
unsigned servers_due(const struct servers *s, uint64_t now_us);
/* When there is one, UINT64_MAX: never. */
uint64_t servers_due_us(const struct servers *s);
/* It was, and did not answer. */
void servers_tried_in_vain(struct servers *s, unsigned i, uint64_t now_us);

#endif
