/* net.h - a simulated network: two directions of loss, delay and disorder.
 *
 * Datagrams go in with the virtual time and come out at the time they arrive.
 * Everything random is drawn from the seed, so a run can be repeated exactly. */
#ifndef KT_SIM_NET_H
#define KT_SIM_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rng.h"

struct net_params {
	double loss;                   /* of each datagram by itself */
	double burst_start, burst_end; /* chance per datagram to enter and to leave a burst of loss */
	double duplicate, corrupt, reorder;
	uint32_t delay_us, jitter_us;
	uint64_t bytes_per_s; /* of the bottleneck, 0: none */
	uint32_t queue_us;    /* longest stay in its queue; beyond it datagrams are dropped */
	uint64_t dead_from_us, dead_until_us; /* nothing passes; counted from the start */
};

struct net; /* one direction */

struct net *net_new(const struct net_params *params, uint64_t start_us, uint64_t seed);
void net_free(struct net *n);
void net_send(struct net *n, uint64_t now_us, const uint8_t *data, size_t len);
uint64_t net_deadline(const struct net *n); /* of the next arrival, UINT64_MAX: none */
/* Take one datagram that has arrived by now_us; its length, 0: none.  buf has 2048 bytes. */
size_t net_receive(struct net *n, uint64_t now_us, uint8_t *buf);

struct net_stats {
	uint64_t sent, lost, dropped_by_queue, corrupted, duplicated, delivered;
};
const struct net_stats *net_stats(const struct net *n);

#endif
