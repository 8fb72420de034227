/* hosts.h - the hosts that a tunnel talks to, and the path to each that its sessions share.
 *
 * A host is an address without the port: a client's sessions come from as many ports.  Where many
 * users are behind one address they share a path as well; mostly it is their bottleneck, too, and
 * where it is not, a path that is split by demand costs them the rate that one of them could have had
 * beyond the others' bottleneck, not more.
 *
 * A host stays for PATH_KEEP_US after its last session, so that the next one starts at a rate that is
 * known; of those without a session HOSTS_IDLE_MAX at most, the latest. */
#ifndef KT_HOSTS_H
#define KT_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "path.h"
#include "udp.h"

enum { HOSTS_IDLE_MAX = 256 };

struct host {
	struct udp_path address; /* the port is 0 */
	struct path *path;
	unsigned users;
	bool proven;                /* what is sent there is acknowledged */
	uint64_t left_us;           /* when the last user left */
	struct host *chain;         /* same bucket */
	struct host *older, *newer; /* of those without a user, by left_us */
};

struct hosts {
	struct host **table;
	size_t table_size; /* a power of two; 0: none yet */
	unsigned count, idle;
	struct host *oldest, *newest;
	uint64_t seed; /* of the hash: secret, random */
};

/* All else is zero to begin with. */
void hosts_init(struct hosts *h, uint64_t seed);
/* Nobody may use any. */
void hosts_dispose(struct hosts *h);

/* The host of this peer, with one more user; NULL when out of memory. */
struct host *hosts_take(struct hosts *h, const struct udp_path *peer, uint64_t now_us);
void hosts_give_back(struct hosts *h, struct host *host, uint64_t now_us);
/* Forget those that nobody used for so long; true: some are left to be forgotten later. */
bool hosts_trim(struct hosts *h, uint64_t now_us);

/* The same host, whichever the ports. */
bool hosts_same(const struct udp_path *a, const struct udp_path *b);

#endif
