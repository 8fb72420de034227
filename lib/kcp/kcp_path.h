/* kcp_path.h - what a controller believes of the path: its rate, its empty round trip, its loss.
 *
 * Of the samples of kcp.c (struct kcp_cc_sample).  It decides nothing: kcp_model.c does.  Bytes are
 * those of segments, times in microseconds, rates in bytes per second, losses in millionths.
 *
 *   rate         the best of the last rounds (round trips), of samples of the rate of delivery.
 *                What the medium lost on the way counts as delivered; it came through the
 *                bottleneck, or would have.
 *   round trip   without what it waited on the way back, which is not our sending: that would else be
 *                taken for a queue of ours wherever there is as much to receive.  The least ever,
 *                unless it was looked for several times, on a path that varies much once, and not found again.
 *                Where the path itself varies, an empty path's is the least and some jitter.
 *   loss         of what was sent to be told apart (`mark`) while the queue was drained, and met no
 *                queue.  What is lost in excess of that is somebody's sending too much.
 *   gap          how long acknowledgements keep silent: peers send them in batches. */
#ifndef KCP_PATH_H
#define KCP_PATH_H

#include "kcp.h"
#include "kcp_minmax.h"

#define US_PER_S UINT64_C(1000000)
#define PPM UINT64_C(1000000)

enum {
	KCP_PATH_ROUNDS = 10, /* the rate is the best of so many */
	GAIN_1 = 256,         /* gains are of 256 */
};

struct kcp_path {
	struct kcp_path_least {
		uint32_t us, recent_us; /* the least, and since it was last seen or looked for */
		uint64_t seen_us;
		unsigned missed; /* how often it was looked for and not found */
	} least;
	struct kcp_path_dense { /* the least of the round trips' leasts: of some rounds, and of those before */
		uint32_t us, before_us;
		unsigned rounds;
	} dense;
	uint32_t rtt_us, srtt_us;         /* of this sample, 0: none; the smoothed one */
	uint32_t heard_rtt_us, jitter_us; /* the last one; how much they differ */
	uint32_t back_us;                 /* smoothed: that wait */
	uint32_t packet_us;               /* what two packets take on a slow path */

	/* What leaves after a pause before any of it is acknowledged: a train.  The round trip
	 * until its first acknowledgement says nothing about the rate. */
	struct kcp_path_train {
		uint64_t prior_bytes;                 /* delivered in all, in the pause */
		uint64_t heard_us, sent_us;           /* its first acknowledgement; 0: none */
		uint64_t delivered_bytes, lost_bytes; /* in all, then */
	} train;

	uint64_t heard_us; /* when something was last acknowledged */
	uint32_t gap_us, gap_before_us;

	struct kcp_path_most {
		uint64_t round[KCP_PATH_ROUNDS];
		uint16_t loss[KCP_PATH_ROUNDS]; /* the medium's as it was known then, / LOSS_UNIT */
		unsigned at;
	} rate;

	/* Of what was sent in low phases; less of each earlier one. */
	uint64_t low_acked, low_lost;
	uint64_t low_known, low_known_lost, low_unknown; /* the last one; what met a queue */
	uint32_t runs_ppm; /* how much it differs from one to the next, more than by chance */
};

void kcp_path_init(struct kcp_path *p, const struct kcp_cc_sample *s);
/* Everything but the rate. */
void kcp_path_note(struct kcp_path *p, const struct kcp_cc_sample *s);
/* A sample of the rate; 0 when there is none. */
uint64_t kcp_path_sample(struct kcp_path *p, const struct kcp_cc_sample *s);
void kcp_path_add_rate(struct kcp_path *p, uint64_t rate);
/* What arrived for this sample, nothing added for the medium. */
uint64_t kcp_path_arrived(const struct kcp_cc_sample *s);
/* Of the train that is under way, at this sample of it: the rate at which it arrives; and whether
 * it needs longer to arrive than it took to leave, by a fifth, so that the path carries no more. */
uint64_t kcp_path_train_rate(const struct kcp_path *p, const struct kcp_cc_sample *s);
bool kcp_path_outrun(const struct kcp_path *p, const struct kcp_cc_sample *s);
/* The path carries no more than this. */
void kcp_path_cut(struct kcp_path *p, uint64_t rate);
/* Another round begins; `best` is the best rate for long, and `rtt_us` was the least of this one, or 0. */
void kcp_path_round(struct kcp_path *p, uint32_t mss, uint64_t best, uint32_t rtt_us);
/* What was sent to be told apart, up to now, overflowed a queue: its losses are no measure, and what
 * arrived is all that the path carries. */
void kcp_path_overflowed(struct kcp_path *p);
/* That is known better now that the medium's loss is. */
void kcp_path_settle(struct kcp_path *p);
/* A low phase begins: those before count less. */
void kcp_path_low(struct kcp_path *p);
/* The least round trip was not seen for a while, and the queues should be drained to see it. */
bool kcp_path_overdue(struct kcp_path *p, uint64_t now_us);

uint64_t kcp_path_rate(const struct kcp_path *p);
/* The best of this round. */
uint64_t kcp_path_round_rate(const struct kcp_path *p);
uint32_t kcp_path_loss(const struct kcp_path *p);
/* Of so many bytes the medium may lose this much: the mean, and so many times the deviation, which
 * is that of these and of those that told the mean. */
uint64_t kcp_path_loses(const struct kcp_path *p, uint64_t bytes, uint32_t mss, unsigned times);
/* What went into the path for what came out of it in that time. */
uint64_t kcp_path_rate_over(const struct kcp_path *p, uint64_t bytes, uint64_t us);
uint32_t kcp_path_gap(const struct kcp_path *p);
/* A round trip through empty queues, as it is mostly. */
uint32_t kcp_path_empty(const struct kcp_path *p);
/* The least of one round, which has fewer to be lucky among. */
uint32_t kcp_path_lucky(const struct kcp_path *p);
/* A round trip is above `empty_us` by that part of the least, and by so much. */
bool kcp_path_queued(const struct kcp_path *p, uint32_t rtt_us, uint32_t empty_us, uint32_t part,
		     uint32_t us);
/* Bytes under way at that rate, times gain: with those whose acknowledgements wait on the way back. */
uint64_t kcp_path_bdp(const struct kcp_path *p, uint64_t rate, unsigned gain);

#endif
