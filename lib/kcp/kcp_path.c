/* kcp_path.c - what a controller believes of the path. */
#include "kcp_path.h"

enum {
	LEAST_MISSED_MAX = 4,
	LUCK_PART = 12, /* of the least round trip: with so much jitter that was luck */
	DENSE_ROUNDS = 16,
	CROWD_PART = 24, /* of the least round trip, that the jitter is at least */
	CROWD_JITTERS = 5,
	PRIOR_SEGS = 32, /* taken to have arrived before any did */
	SEG_BYTES = 1400,
	LOSS_UNIT = 8,  /* millionths */
	TRAIN_GAPS = 3, /* that a train lasts at least */
};

#define LOSS_MAX_PPM UINT64_C(450000) /* more than that nobody lives with */
#define LEAST_WINDOW_US (5 * US_PER_S)
#define PACKET_MAX_US UINT64_C(30000)
#define GAP_MAX_US UINT64_C(60000)
#define TRAIN_MIN_US UINT64_C(10000)
#define RATE_MAX UINT64_C(100000000000)

static uint64_t root(uint64_t n)
{
	uint64_t x = n, y = n / 2 + 1;

	while (y < x) {
		x = y;
		y = (x + n / x) / 2;
	}
	return x;
}

/* ---- round trip ------------------------------------------------------------------ */

static void note_least(struct kcp_path *p, uint64_t now_us, uint32_t us)
{
	struct kcp_path_least *l = &p->least;

	if (l->us == 0 || us <= l->us + l->us / 32 + p->packet_us + p->jitter_us) {
		l->us = l->us == 0 ? us : min32(l->us, us);
		l->seen_us = now_us;
		l->missed = 0;
		l->recent_us = us;
	}
	l->recent_us = min32(l->recent_us, us);
}

/* By so much of the least round trip, and by more than a packet takes. */
static bool varies(const struct kcp_path *p, uint32_t part)
{
	return p->jitter_us >= max32(p->least.us / part, p->packet_us);
}

bool kcp_path_overdue(struct kcp_path *p, uint64_t now_us)
{
	struct kcp_path_least *l = &p->least;

	if (l->us == 0 || now_us - l->seen_us < LEAST_WINDOW_US)
		return false;
	l->seen_us = now_us;
	if (l->recent_us == UINT32_MAX || now_us - p->heard_us > US_PER_S)
		return false; /* nothing was heard */
	if (++l->missed > LEAST_MISSED_MAX || varies(p, LUCK_PART)) {
		l->us = l->recent_us;
		l->missed = 0;
	}
	l->recent_us = UINT32_MAX;
	return true;
}

/* A peer's clock may be wrong about the way back: not below the least. */
static uint32_t without(const struct kcp_path *p, uint32_t rtt_us, uint32_t back_us)
{
	return rtt_us <= p->least.us ? rtt_us : rtt_us - min32(back_us, rtt_us - p->least.us);
}

/* Of one round trip to the next: a queue that grows or shrinks hardly shows in it. */
static void note_jitter(struct kcp_path *p, uint32_t rtt_us)
{
	uint32_t change = rtt_us > p->heard_rtt_us ? rtt_us - p->heard_rtt_us
						   : p->heard_rtt_us - rtt_us;

	if (p->heard_rtt_us != 0)
		p->jitter_us = (uint32_t)((15 * (uint64_t)p->jitter_us + change) / 16);
	p->heard_rtt_us = rtt_us;
}

static void note_rtt(struct kcp_path *p, const struct kcp_cc_sample *s)
{
	p->rtt_us = without(p, s->rtt_us, s->back_us == UINT32_MAX ? 0 : s->back_us);
	if (p->rtt_us == 0)
		return;
	p->back_us = (uint32_t)((7 * (uint64_t)p->back_us + s->rtt_us - p->rtt_us) / 8);
	p->srtt_us = without(p, s->srtt_us, p->back_us);
	note_least(p, s->now_us, p->rtt_us);
	note_jitter(p, p->rtt_us);
}

/* Where packets keep their order on a path that varies, each waits for the slowest ahead of it: who sends many meets a
 * longer path than who sends few, and never again the least.  Every cycle of phases drains the queue, so the least of some
 * is that path; a queue that somebody else keeps filled is hidden by it, as far as the jitter goes. */
static uint32_t crowd(const struct kcp_path *p)
{
	uint32_t dense = p->dense.before_us == 0 ? 0 : min32(p->dense.us, p->dense.before_us);
	uint32_t most = p->least.us + CROWD_JITTERS * p->jitter_us;

	if (dense <= p->least.us || !varies(p, CROWD_PART))
		return 0;
	return min32(dense, most) - p->least.us;
}

uint32_t kcp_path_lucky(const struct kcp_path *p)
{
	return p->least.us + p->packet_us + max32(p->jitter_us, crowd(p));
}

uint32_t kcp_path_empty(const struct kcp_path *p)
{
	return kcp_path_lucky(p) + p->jitter_us;
}

static void dense_round(struct kcp_path_dense *d, uint32_t rtt_us)
{
	if (rtt_us == 0)
		return;
	if (d->rounds == DENSE_ROUNDS)
		*d = (struct kcp_path_dense){ .before_us = d->us };
	d->us = d->rounds++ == 0 ? rtt_us : min32(d->us, rtt_us);
}

bool kcp_path_queued(const struct kcp_path *p, uint32_t rtt_us, uint32_t empty_us, uint32_t part,
		     uint32_t us)
{
	return rtt_us > empty_us + max32(p->least.us / part, us);
}

/* ---- batches of acknowledgements -------------------------------------------------- */

/* While there is something to acknowledge: since the last came, or since that could have come
 * which came now. */
static void note_gap(struct kcp_path *p, const struct kcp_cc_sample *s)
{
	uint64_t due = max64(p->heard_us, s->tx_sent_us + p->least.us + p->back_us);

	if (s->acked_bytes == 0)
		return;
	if (p->heard_us != 0 && s->interval_us != 0 && s->now_us > due)
		p->gap_us = max32(p->gap_us, (uint32_t)min64(s->now_us - due, GAP_MAX_US));
	p->heard_us = s->now_us;
}

uint32_t kcp_path_gap(const struct kcp_path *p)
{
	return max32(p->gap_us, p->gap_before_us);
}

/* ---- loss -------------------------------------------------------------------------- */

uint32_t kcp_path_loss(const struct kcp_path *p)
{
	uint64_t all = p->low_acked + p->low_lost;

	return all == 0 ? 0 : (uint32_t)min64(p->low_lost * PPM / all, LOSS_MAX_PPM);
}

/* What is lost where a queue stands may be lost by it: of whoever fills it. */
static void note_loss(struct kcp_path *p, const struct kcp_cc_sample *s)
{
	uint32_t acked = s->marked_acked_bytes, lost = s->marked_lost_bytes;
	uint32_t rtt_us = p->rtt_us != 0 ? p->rtt_us : p->heard_rtt_us;

	if (kcp_path_queued(p, rtt_us, kcp_path_lucky(p) - p->packet_us / 2, 8, 4000)) {
		p->low_unknown += acked + lost;
		return;
	}
	p->low_known += acked + lost;
	p->low_known_lost += lost;
	p->low_acked += acked;
	p->low_lost += lost;
}

/* Loss in runs differs from one time to the next by more than chance makes each packet's own. */
static void note_runs(struct kcp_path *p)
{
	uint64_t ppm = kcp_path_loss(p), now, chance, differs;

	if (p->low_known < 8 * SEG_BYTES)
		return;
	now = p->low_known_lost * PPM / p->low_known;
	chance = root(ppm * (PPM - ppm) / (p->low_known / SEG_BYTES + 1));
	differs = now > ppm ? now - ppm : ppm - now;
	p->runs_ppm = (uint32_t)((3 * (uint64_t)p->runs_ppm + differs - min64(differs, chance)) / 4);
}

void kcp_path_overflowed(struct kcp_path *p)
{
	uint64_t ppm = kcp_path_loss(p);

	for (unsigned i = 0; i < KCP_PATH_ROUNDS; i++) {
		p->rate.round[i] = p->rate.round[i] * (PPM - ppm) / PPM;
		p->rate.loss[i] = 0;
	}
	p->low_acked = p->low_lost = 0;
	p->low_known = p->low_known_lost = p->low_unknown = 0;
}

void kcp_path_settle(struct kcp_path *p)
{
	uint64_t ppm = kcp_path_loss(p);

	for (unsigned i = 0; i < KCP_PATH_ROUNDS; i++) {
		if (p->rate.loss[i] != 0)
			continue;
		p->rate.round[i] = p->rate.round[i] * PPM / (PPM - ppm);
		p->rate.loss[i] = (uint16_t)(ppm / LOSS_UNIT);
	}
}

/* What could not be seen again is doubted: many that flood a path because of what they once saw
 * lost would else keep each other from seeing that it was their own doing. */
void kcp_path_low(struct kcp_path *p)
{
	if (p->low_known + p->low_unknown == 0)
		return;
	note_runs(p);
	if (p->low_known > p->low_unknown / 8) {
		p->low_acked -= p->low_acked / 8;
		p->low_lost -= p->low_lost / 8;
	} else {
		p->low_lost -= p->low_lost / 4;
	}
	p->low_known = p->low_known_lost = p->low_unknown = 0;
}

uint64_t kcp_path_loses(const struct kcp_path *p, uint64_t bytes, uint32_t mss, unsigned times)
{
	uint64_t known = (p->low_acked + p->low_lost) / mss + 1, segs = bytes / mss + 1;
	uint64_t ppm = max64(kcp_path_loss(p), PPM / 2 / (known + 1));
	uint64_t chance = root(segs * ppm * (PPM - ppm) * (known + segs) / known) * mss / PPM;

	return bytes * kcp_path_loss(p) / PPM + times * max64(chance, bytes * p->runs_ppm / PPM);
}

/* The same where too much would make more of it: as much as is known, and one deviation. */
static uint64_t surely_loses(const struct kcp_path *p, uint64_t bytes, uint32_t mss)
{
	uint64_t ppm = kcp_path_loss(p), segs = bytes / mss + 1;
	uint64_t chance = root(segs * ppm * (PPM - ppm)) * mss / PPM;

	return bytes * ppm / PPM + max64(chance, bytes * p->runs_ppm / PPM);
}

/* ---- rate -------------------------------------------------------------------------- */

/* Where more was taken for the medium's loss than it is, less. */
uint64_t kcp_path_rate(const struct kcp_path *p)
{
	uint64_t best = 0, ppm = kcp_path_loss(p);

	for (unsigned i = 0; i < KCP_PATH_ROUNDS; i++) {
		uint64_t then = (uint64_t)p->rate.loss[i] * LOSS_UNIT;
		uint64_t over = then > ppm ? then - ppm : 0;

		best = max64(best, p->rate.round[i] * (PPM - over) / PPM);
	}
	return best;
}

uint64_t kcp_path_round_rate(const struct kcp_path *p)
{
	return p->rate.round[p->rate.at];
}

/* What is lost beyond the medium's loss had not passed the bottleneck. */
static uint64_t rate_since(const struct kcp_path *p, const struct kcp_cc_sample *s,
			   uint64_t delivered_bytes, uint64_t lost_bytes, uint64_t us)
{
	uint64_t arrived = s->delivered_bytes - delivered_bytes;
	uint64_t lost = s->lost_total_bytes > lost_bytes ? s->lost_total_bytes - lost_bytes : 0;

	arrived += min64(lost, surely_loses(p, arrived + lost, s->mss));
	return min64(arrived * US_PER_S / us, RATE_MAX);
}

static void note_pause(struct kcp_path *p, const struct kcp_cc_sample *s)
{
	if (s->inflight_bytes == 0)
		p->train = (struct kcp_path_train){ .prior_bytes = s->delivered_bytes };
}

uint64_t kcp_path_arrived(const struct kcp_cc_sample *s)
{
	return (s->delivered_bytes - s->prior_delivered_bytes) * US_PER_S / max64(s->interval_us, 1);
}

static bool of_train(const struct kcp_path *p, const struct kcp_cc_sample *s)
{
	return p->train.heard_us != 0 && s->prior_delivered_bytes == p->train.prior_bytes;
}

uint64_t kcp_path_train_rate(const struct kcp_path *p, const struct kcp_cc_sample *s)
{
	const struct kcp_path_train *t = &p->train;
	uint64_t us = max64(s->now_us - t->heard_us, s->tx_sent_us - t->sent_us);

	return of_train(p, s) ? rate_since(p, s, t->delivered_bytes, t->lost_bytes, max64(us, 1)) : 0;
}

bool kcp_path_outrun(const struct kcp_path *p, const struct kcp_cc_sample *s)
{
	return of_train(p, s) && p->heard_rtt_us > kcp_path_empty(p) + kcp_path_gap(p) +
							   (s->tx_sent_us - p->train.sent_us) / 5;
}

/* 0: it was too short, against the batches in which acknowledgements come.  The first of all is the
 * start's, which counts its steps in round trips. */
static uint64_t train_sample(struct kcp_path *p, const struct kcp_cc_sample *s)
{
	struct kcp_path_train *t = &p->train;
	uint64_t us;

	if (s->prior_delivered_bytes != t->prior_bytes)
		return 0;
	if (t->heard_us == 0) {
		t->heard_us = s->now_us;
		t->sent_us = s->tx_sent_us;
		t->delivered_bytes = s->delivered_bytes;
		t->lost_bytes = s->lost_total_bytes;
		return 0;
	}
	us = s->now_us - t->heard_us;
	if (t->prior_bytes == 0 || us < TRAIN_MIN_US ||
	    us < max64(p->least.us / 4, TRAIN_GAPS * (uint64_t)kcp_path_gap(p)))
		return 0;
	return kcp_path_train_rate(p, s);
}

/* To be called once for each sample: it remembers of a train when it began. */
uint64_t kcp_path_sample(struct kcp_path *p, const struct kcp_cc_sample *s)
{
	uint64_t train;

	if (s->interval_us == 0)
		return 0;
	train = train_sample(p, s);
	if (s->interval_us < p->least.us)
		return train;
	return max64(train, rate_since(p, s, s->prior_delivered_bytes, s->prior_lost_bytes,
				       s->interval_us));
}

void kcp_path_add_rate(struct kcp_path *p, uint64_t rate)
{
	if (rate <= p->rate.round[p->rate.at])
		return;
	p->rate.round[p->rate.at] = rate;
	p->rate.loss[p->rate.at] = (uint16_t)(kcp_path_loss(p) / LOSS_UNIT);
}

void kcp_path_cut(struct kcp_path *p, uint64_t rate)
{
	for (unsigned i = 0; i < KCP_PATH_ROUNDS; i++)
		p->rate.round[i] = min64(p->rate.round[i], rate);
}

uint64_t kcp_path_rate_over(const struct kcp_path *p, uint64_t bytes, uint64_t us)
{
	return bytes * US_PER_S / max64(us, 1) * PPM / (PPM - kcp_path_loss(p));
}

uint64_t kcp_path_bdp(const struct kcp_path *p, uint64_t rate, unsigned gain)
{
	return rate * (kcp_path_empty(p) + p->back_us) / US_PER_S * gain / GAIN_1;
}

/* ---- all of it ---------------------------------------------------------------------- */

void kcp_path_init(struct kcp_path *p, const struct kcp_cc_sample *s)
{
	*p = (struct kcp_path){ .low_acked = (uint64_t)PRIOR_SEGS * s->mss };
	if (s->min_rtt_us != 0)
		note_least(p, s->now_us, s->min_rtt_us);
}

void kcp_path_note(struct kcp_path *p, const struct kcp_cc_sample *s)
{
	note_rtt(p, s);
	note_loss(p, s);
	note_gap(p, s);
	note_pause(p, s);
}

void kcp_path_round(struct kcp_path *p, uint32_t mss, uint64_t best, uint32_t rtt_us)
{
	dense_round(&p->dense, rtt_us);
	p->packet_us = (uint32_t)min64(2 * mss * US_PER_S / max64(best, 1), PACKET_MAX_US);
	p->rate.at = (p->rate.at + 1) % KCP_PATH_ROUNDS;
	p->rate.round[p->rate.at] = 0;
	p->gap_before_us = p->gap_us;
	p->gap_us = 0;
}
