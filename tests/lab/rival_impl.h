/* rival_impl.h - what a rival's sender and its congestion control share. */
#ifndef KT_LAB_RIVAL_IMPL_H
#define KT_LAB_RIVAL_IMPL_H

#include <stdbool.h>

#include "rival.h"
#include "rng.h"

/* What one acknowledgement told.  Windows and counts are in packets, rates in packets per second. */
struct rival_ack {
	uint64_t now_us;
	uint64_t rtt_us;      /* of the newest packet that it told of */
	uint64_t acked, lost; /* by this one */
	uint64_t inflight;    /* after it */
	double rate;          /* of delivery, over the newest one's round trip; 0: no sample */
	bool round_start;     /* the first to tell of a packet that left after the last such one */
	bool recovering;      /* nothing that left after the last reduction has arrived yet */
	bool new_loss;        /* the first loss since then */
};

struct cubic {
	double ssthresh, w_max, w_est, k, prior;
	uint64_t epoch_us;     /* 0: it begins with the next acknowledgement */
	uint64_t round_rtt_us; /* HyStart: the least of this round */
	unsigned round_samples;
};

enum { BBR_ROUNDS = 10 };
enum bbr_state { BBR_STARTUP, BBR_DRAIN, BBR_PROBE_BW, BBR_PROBE_RTT };
struct bbr {
	enum bbr_state state;
	double rates[BBR_ROUNDS]; /* the greatest of each of the last rounds */
	uint64_t round;
	double full_rate;
	unsigned full_rounds;
	uint64_t min_rtt_us, min_rtt_at_us;
	unsigned phase;
	uint64_t phase_at_us;
	uint64_t probe_until_us; /* 0: what is in flight has not drained yet */
	double prior_cwnd;
};

struct rival_cc;

struct rival {
	struct world *world;
	uint32_t owner;
	unsigned way;
	const struct rival_cc *cc;
	uint64_t from_us;
	struct rng rng;
	/* what the congestion control decides */
	double cwnd;
	double pacing; /* packets per second, 0: none */
	union {
		struct cubic cubic;
		struct bbr bbr;
	} u;
	/* the sender */
	struct sent *sent; /* a ring by number */
	uint64_t next_pn, inflight;
	uint64_t largest_acked, scanned; /* up to there lost ones have been looked for */
	uint64_t reordering;             /* so many later ones make one lost */
	uint64_t recovery_pn, round_pn;
	uint64_t delivered, delivered_us, first_sent_us;
	uint64_t srtt_us, rttvar_us, min_rtt_us;
	uint64_t rto_at_us;
	unsigned backoff;
	uint64_t heard; /* of the receiver's log */
	double next_send_us;
	/* the receiver */
	uint64_t *log; /* the numbers, in order of arrival */
	uint64_t arrived, log_cap;
	uint64_t told, ack_due_us;
};

struct rival_cc {
	void (*init)(struct rival *r);
	void (*on_ack)(struct rival *r, const struct rival_ack *a);
	void (*on_timeout)(struct rival *r);
};
extern const struct rival_cc rival_cubic, rival_bbr;

#endif
