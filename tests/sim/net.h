/* net.h - a simulated network: two directions of loss, delay and disorder.
 *
 * Datagrams go in with the virtual time and come out at the time they arrive; who they are from and for
 * is up to those at the ends.
 * Everything random is drawn from the seed, so a run can be repeated exactly. */
#ifndef KT_SIM_NET_H
#define KT_SIM_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rng.h"

enum { NET_MTUS_MAX = 4 };

/* What passes from then on, until the next one; counted from the start. */
struct net_mtu {
	uint64_t from_us;
	uint32_t bytes; /* of a datagram; longer ones are dropped without a word */
};

struct net_params {
	double loss;                   /* of each datagram by itself */
	double burst_start, burst_end; /* chance per datagram to enter and to leave a burst of loss */
	double duplicate, corrupt, reorder;
	uint32_t delay_us, jitter_us;
	uint64_t bytes_per_s; /* of the bottleneck, 0: none */
	uint32_t queue_us;    /* longest stay in its queue; beyond it datagrams are dropped */
	uint64_t dead_from_us, dead_until_us; /* nothing passes; counted from the start */
	struct net_mtu mtus[NET_MTUS_MAX];    /* by time; before the first everything passes */
	unsigned mtu_count;
};

/* An address is a host and, in the lower 16 bits, a port. */
struct net_label {
	uint32_t from, to;
	bool replayed; /* by the attacker */
};

struct net; /* one direction */

struct net *net_new(const struct net_params *params, uint64_t start_us, uint64_t seed);
void net_free(struct net *n);
void net_send(struct net *n, uint64_t now_us, struct net_label label, const uint8_t *data, size_t len);
/* The same, cut into fragments where it is too long. */
void net_send_cut(struct net *n, uint64_t now_us, struct net_label label, const uint8_t *data,
		  size_t len);
/* Let it arrive at that time, whatever the network is like. */
void net_inject(struct net *n, uint64_t at_us, struct net_label label, const uint8_t *data,
		size_t len);
uint64_t net_deadline(const struct net *n); /* of the next arrival, UINT64_MAX: none */
/* Take one datagram that has arrived by now_us; its length, 0: none.  buf has 2048 bytes. */
size_t net_receive(struct net *n, uint64_t now_us, struct net_label *label, uint8_t *buf);

struct net_stats {
	uint64_t sent, lost, too_long, dropped_by_queue, corrupted, duplicated, delivered;
};
const struct net_stats *net_stats(const struct net *n);

#endif
