/* link_table.h - the links of a server: by the address that each talks to, and by its conversation.
 *
 * Several may be at one address: a client that begins anew on a port that it had before, and what somebody repeats
 * that was heard from there. */
#ifndef KT_LINK_TABLE_H
#define KT_LINK_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "udp.h"

struct link;
struct port;

struct link_table {
	struct link **by_peer, **by_conv; /* chained through peer_next, conv_next */
	size_t size;                      /* of each; a power of two */
	unsigned count;
	uint64_t seed; /* of the hashes: secret, random */
};

/* False when out of memory. */
bool link_table_init(struct link_table *t, uint64_t seed);
void link_table_dispose(struct link_table *t);

void link_table_add(struct link_table *t, struct link *l);
/* In the same time however many there are.  Nothing happens if it is not in there. */
void link_table_remove(struct link_table *t, struct link *l);

/* The one of `conv` at that address of the port's; NULL: none. */
struct link *link_table_at(const struct link_table *t, const struct port *p,
			   const struct udp_path *path, uint32_t conv);
/* There is one at that address. */
bool link_table_knows(const struct link_table *t, const struct port *p, const struct udp_path *path);
/* The one there that was heard last. */
struct link *link_table_latest(const struct link_table *t, const struct port *p,
			       const struct udp_path *path);
/* The next one of `conv`, wherever it is; the first after NULL. */
struct link *link_table_next(const struct link_table *t, const struct link *after, uint32_t conv);

#endif
