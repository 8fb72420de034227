/* link.h - one direction of a link on virtual time, stage by stage as a real path has them.
 *
 * A packet goes through these, in this order.  tests/bench/link/linkrelay has such links on real time,
 * for real programs, so that the figures can be compared:
 *
 *   1. outage   while the link is down nothing enters it, nor what is longer than the mtu and may
 *               not be cut;
 *   2. police   without enough tokens in the bucket it is dropped;
 *   3. queue    if the backlog at the rate limiter is over the limit it is dropped;
 *   4. rate     it waits for its turn, then occupies the link for its length / rate; if the
 *               link is down by the end of that, it is lost;
 *   5. loss     it may be lost, having used its share of the rate;
 *   6. delay    it is due at the end of its transmission + delay +- jitter, in order, unless
 *   7. reorder  it is held back for some more time, letting later ones pass;
 *   8. dup      it may arrive twice.
 *
 * Each of 5 to 8 draws from a generator of its own: a change of one property leaves the draws of
 * the others as they were.  Rates that vary and outages follow the link's own clock, which stands
 * still until link_start(). */
#ifndef KT_LAB_LINK_H
#define KT_LAB_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "samples.h"

enum {
	LINK_HEADERS = 28, /* IPv4 and UDP: what a datagram is longer on the wire than its payload */
	LINK_DATA_MAX = 1536,
	LINK_OUTAGES_MAX = 4,
};

/* In the units that people say them in: Mbit/s, ms, percent, 1000 bytes. */
struct link_params {
	double delay, jitter;               /* one way; uniform, +- */
	double rate;                        /* 0: no limit */
	double wave_low, wave_high, wave_s; /* in place of rate: half of each period each; 0: none */
	double queue;                       /* longest wait; of a wave, at its mean rate */
	double queue_kb;                    /* the same in bytes; 0, 0: a queue of 100 ms */
	double police, police_kb;           /* rate and bucket; 0: none */
	double loss;                        /* of each packet by itself ... */
	double run;                         /* ... or in runs of so many on average; 0: by itself */
	double burst_enter, burst_leave;    /* Gilbert-Elliott, per packet, in place of loss */
	double burst_bad, burst_good;       /* loss in the two states */
	double reorder, reorder_by, dup;
	double mtu, mtu_s; /* bytes of an IP packet, from that time on; 0: any */
	struct {
		double start_s, length_s;
	} outage[LINK_OUTAGES_MAX]; /* length 0: none */
};

/* Mbit/s of IP packets that can pass in the mean, policer, wave and outages of the first
 * `seconds` considered; 0: no limit. */
double link_mean_rate(const struct link_params *p, double seconds);
/* Share of the packets that the medium loses in the mean, 0 .. 1. */
double link_mean_loss(const struct link_params *p);

/* What a sender gives, and a receiver gets. */
struct link_packet {
	uint32_t owner; /* whose it is: the party of the world that it is handed to */
	uint64_t tag;   /* the owner's */
	uint32_t wire;  /* bytes on the wire */
	bool cut;       /* IP may make fragments of it: then it passes an mtu, whole */
	uint32_t len;   /* of data: 0 for a packet that is only a length and a tag */
	uint8_t *data;  /* send: copied.  receive: valid, and writable, until the next call */
};

struct link;

struct link *link_new(const struct link_params *p, uint64_t seed);
void link_free(struct link *l);
/* Start the link's clock, and its counts anew. */
void link_start(struct link *l, uint64_t now_us);
void link_send(struct link *l, uint64_t now_us, const struct link_packet *pkt);
uint64_t link_deadline(const struct link *l); /* of the next arrival, UINT64_MAX: none */
/* Take one packet that has arrived; false: none (yet). */
bool link_receive(struct link *l, uint64_t now_us, struct link_packet *pkt);

struct link_count {
	uint64_t packets, bytes;
};
struct link_stats {
	struct link_count offered;
	struct link_count passed; /* came through all stages; arrive some time */
	struct link_count lost, queue_dropped, policed, outage_dropped, too_long;
	struct link_count reordered, duplicated; /* of those passed; duplicates are not counted in it */
};
const struct link_stats *link_stats(const struct link *l);
/* Bytes of one owner that have passed all stages and not arrived yet. */
uint64_t link_underway(const struct link *l, uint32_t owner);
/* ms that each of the passed packets waited for the rate limiter. */
struct samples *link_waits(struct link *l);
/* ms that a packet would have to wait for it now. */
double link_backlog_ms(const struct link *l, uint64_t now_us);

#endif
