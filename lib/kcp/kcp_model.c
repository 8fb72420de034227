/* kcp_model.c - a model of the path, as kcp_model.h tells. */
#include "kcp_model.h"

#include <assert.h>

enum {
	ROUNDS = 10,        /* the rate is the best of so many */
	FULL_ROUNDS = 3,    /* without growth: the path is full */
	LOW_ROUNDS_MAX = 3, /* a queue that does not drain in so many is not ours */
	CRUISE_ROUNDS_MIN = 4,
	CRUISE_ROUNDS_LESS = 2,
	CRUISE_ROUNDS_SPREAD = 4, /* so many more at random, so that two do not keep step */
	LATE_MIN = 4,
	START_SEGS = 32,
	START_SEGS_MAX = 256,
	CWND_MIN_SEGS = 4,
	GAIN_1 = 256, /* gains are of 256 */
	GAIN_STARTUP = 1000,
	CWND_STARTUP = 640,
	GAIN_DRAIN = 128,
	GAIN_LOW = 192,
	GAIN_EDGE = 252, /* where more is lost at once */
	GAIN_LOWEST = 128,
	GAIN_AGAIN = 384,
	PROBE_SHIFT_MIN = 2, /* a quarter above */
	PROBE_SHIFT_MAX = 5,
	CUT_ROUNDS = 2, /* what is lost from then on was sent in this phase */
	SHARED_MIN = 2,
	SHARED_CYCLES = 4,
	HALVED_MAX = 2,
	DRAINED_MIN = 3,
	LEAST_MISSED_MAX = 4,
	MEDIUM_PRIOR_SEGS = 32, /* that are taken to have arrived before any did */
	PROBE_ECHO = 2,         /* losses in so many rounds after a probe are its own */
	MARK_ROUNDS = 3,        /* at the start nothing fills a queue yet */
};

#define US_PER_S UINT64_C(1000000)
#define PPM UINT64_C(1000000)
#define MEDIUM_MAX_PPM UINT64_C(450000) /* more than that nobody lives with */
#define LEAST_WINDOW_US (5 * US_PER_S)
#define DEEP_US UINT64_C(100000)
#define PEAK_WINDOW_US (30 * US_PER_S)
#define ARRIVAL_MIN_US UINT64_C(10000)
#define DRAINED_US UINT64_C(100000) /* longer than others look for their least round trip */
#define AWAY_US (2 * US_PER_S)
#define LOW_KNOWN_SEG UINT64_C(1400)
#define LOW_KNOWN_MIN (8 * LOW_KNOWN_SEG)
#define LOSS_PPM UINT64_C(8)
#define PACKET_MAX_US UINT64_C(30000)
#define GAP_MAX_US UINT64_C(60000)
#define START_RATE UINT64_C(1250000)
#define RATE_MAX UINT64_C(100000000000)

enum phase { STARTUP, DRAIN, PROBE, LOW, CRUISE };
static const char *const phase_names[] = { "startup", "drain", "probe", "low", "cruise" };

/* The least round trip, and the least since it was last seen.  When it is not seen for a while, a
 * deep low phase looks for it, and only when several have not found it there is another. */
struct least {
	uint32_t us, recent_us;
	uint64_t seen_us;
	unsigned missed;
};

struct most { /* of the last rounds */
	uint64_t round[ROUNDS];
	uint16_t loss[ROUNDS]; /* what the medium was believed to lose then, in LOSS_PPM */
	unsigned at;
};

struct round {
	uint64_t end; /* delivered_bytes at which it is over */
	uint64_t began_us;
	uint64_t delivered, lost; /* totals when it began */
	uint32_t rtt_us;          /* the least in it; 0: none */
	bool limited;             /* by the controller, at least once */
};

struct arrival { /* since then, and of the time before */
	uint64_t us, delivered, rate;
	uint64_t usual; /* beside others */
};

struct model {
	enum phase phase;
	uint64_t phase_us;     /* when it began */
	uint32_t phase_rounds; /* since */
	uint32_t cruise_rounds;

	struct round round;
	uint32_t packet_us;   /* what two packets take on a slow path */
	uint32_t last_rtt_us; /* the least of the round before */
	struct least rtt;
	uint32_t heard_rtt_us, jitter_us; /* the last one; how much they differ */
	struct most rate;
	uint64_t newest_rate; /* as the last sample said */
	struct arrival arrival;
	uint32_t cuts;
	uint64_t first_cut_rate;
	uint64_t cut_us, cut_rate; /* when all that there is was last found to be less, and how much */
	uint64_t full_rate;
	uint32_t full_rounds;
	uint64_t low_acked, low_lost; /* of what was sent while the queue was drained */
	uint64_t low_known_lost;
	uint32_t runs_ppm;               /* how much it differs since it comes in runs */
	uint64_t low_known, low_unknown; /* bytes of the last time; those that met a queue */
	uint64_t start_rate;             /* what the rate was when the last probe began */
	uint32_t probe_age;              /* rounds since it ended */
	unsigned probe_shift;            /* it goes this much of the rate above: 1 / 2^shift */
	bool deep;                       /* this low phase looks for the least round trip */
	uint64_t peak;                   /* the best rate while others were not there */
	uint64_t peak_us;
	bool again;  /* startup was entered once more: the path has more */
	bool shared; /* others keep the queue filled */
	bool last_lossy;
	bool lossy;        /* a part of the last round was lost */
	uint64_t heard_us; /* when something was last acknowledged */
	uint32_t gap_us, gap_before_us;
	uint32_t late; /* round trips in sequence that were above the least by what a queue makes */
	uint64_t clear_us; /* when the last came that was not */
	uint64_t stood_us;
	uint64_t left_us, left_rate; /* when others were last gone, and the rate beside them */
	uint32_t drained;            /* rounds in sequence in which none did */
	uint64_t last_rate;          /* the mean of the round before */
	uint64_t busy_rate; /* that before a low phase that tells whether others are there */
	uint32_t cycles;
	uint64_t low_us;     /* when the last low phase ended */
	uint32_t low_rounds; /* how long it was */
	uint32_t halved;     /* times in sequence that less than half arrived */
	uint32_t undrained;  /* low phases in sequence after which a queue stood */
	uint32_t random;
};

static_assert(sizeof(struct model) <= KCP_CC_STATE_MAX, "state fits");

static uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t max32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t root(uint64_t n)
{
	uint64_t x = n, y = n / 2 + 1;

	while (y < x) {
		x = y;
		y = (x + n / x) / 2;
	}
	return x;
}

/* ---- what was measured -------------------------------------------------------- */

static void least_sample(struct least *l, uint64_t now_us, uint32_t us, uint32_t packet_us)
{
	if (l->us == 0 || us <= l->us + l->us / 32 + packet_us) {
		l->us = l->us == 0 ? us : min32(l->us, us);
		l->seen_us = now_us;
		l->missed = 0;
		l->recent_us = us;
	}
	l->recent_us = min32(l->recent_us, us);
}

/* Whether to look for it. */
static bool least_overdue(struct least *l, uint64_t now_us)
{
	if (l->us == 0 || now_us - l->seen_us < LEAST_WINDOW_US)
		return false;
	l->seen_us = now_us;
	if (l->recent_us == UINT32_MAX)
		return false; /* nothing was heard */
	if (++l->missed > LEAST_MISSED_MAX) {
		l->us = l->recent_us;
		l->missed = 0;
	}
	l->recent_us = UINT32_MAX;
	return true;
}

static uint32_t min_rtt(const struct model *m)
{
	return m->rtt.us;
}

/* What the medium loses, as what was sent into an empty queue tells. */
static uint32_t medium_ppm(const struct model *m)
{
	uint64_t all = m->low_acked + m->low_lost;

	return all == 0 ? 0 : (uint32_t)min64(m->low_lost * PPM / all, MEDIUM_MAX_PPM);
}

/* The best of the last rounds; where more was taken for the medium's loss than it is, less. */
static uint64_t path_rate(const struct model *m)
{
	uint64_t best = 0, ppm = medium_ppm(m);

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t then = m->rate.loss[i] * LOSS_PPM, over = then > ppm ? then - ppm : 0;

		best = max64(best, m->rate.round[i] * (PPM - over) / PPM);
	}
	return best;
}

/* Beside others: not much more than a half. */
static uint64_t shared_rate(const struct model *m)
{
	return min64(path_rate(m), m->peak / 8 * 5);
}

static void most_sample(struct model *m, uint64_t rate)
{
	if (rate <= m->rate.round[m->rate.at])
		return;
	m->rate.round[m->rate.at] = rate;
	m->rate.loss[m->rate.at] = (uint16_t)(medium_ppm(m) / LOSS_PPM);
}

/* Of so many bytes the medium may lose this much: the mean, and so many times the deviation,
 * which is that of these and of those that told the mean. */
static uint64_t medium_takes(const struct model *m, uint64_t bytes, uint32_t mss, unsigned times)
{
	uint64_t known = (m->low_acked + m->low_lost) / mss + 1, segs = bytes / mss + 1;
	uint64_t ppm = max64(medium_ppm(m), PPM / 2 / (known + 1));

	return bytes * medium_ppm(m) / PPM +
	       times * max64(root(segs * ppm * (PPM - ppm) * (known + segs) / known) * mss / PPM,
			     bytes * m->runs_ppm / PPM);
}

/* The same where too much would make more of it: as much as is known, and one deviation. */
static uint64_t medium_took(const struct model *m, uint64_t bytes, uint32_t mss)
{
	uint64_t ppm = medium_ppm(m), segs = bytes / mss + 1;

	return bytes * ppm / PPM +
	       max64(root(segs * ppm * (PPM - ppm)) * mss / PPM, bytes * m->runs_ppm / PPM);
}

/* A round trip through empty queues, as it is mostly: the least is that of a lucky packet where
 * the path itself varies. */
static uint32_t empty_rtt(const struct model *m)
{
	return min_rtt(m) + m->packet_us + 2 * m->jitter_us;
}

/* The least of one round, which has fewer to be lucky among. */
static uint32_t lucky_rtt(const struct model *m)
{
	return min_rtt(m) + m->packet_us + m->jitter_us;
}

static uint64_t bdp(const struct model *m, uint64_t rate, unsigned gain)
{
	return rate * empty_rtt(m) / US_PER_S * gain / GAIN_1;
}

/* How long acknowledgements keep silent: a batch of them tells of what arrived before. */
static uint32_t ack_gap(const struct model *m)
{
	return max32(m->gap_us, m->gap_before_us);
}

/* A round trip is above that of an empty path by a part of the least, and by so much. */
static bool queue_beyond(const struct model *m, uint32_t rtt_us, uint32_t empty_us, uint32_t part,
			 uint32_t us)
{
	return rtt_us > empty_us + max32(min_rtt(m) / part, us);
}

/* Of one round trip to the next: a queue that grows or shrinks hardly shows in it. */
static void note_jitter(struct model *m, uint32_t rtt_us)
{
	uint32_t change = rtt_us > m->heard_rtt_us ? rtt_us - m->heard_rtt_us
						   : m->heard_rtt_us - rtt_us;

	if (m->heard_rtt_us != 0)
		m->jitter_us = (uint32_t)((15 * (uint64_t)m->jitter_us + change) / 16);
	m->heard_rtt_us = rtt_us;
}

/* ---- samples ------------------------------------------------------------------- */

/* What is lost where a queue stands may be lost by it: of whoever fills it. */
static void note_medium(struct model *m, const struct kcp_cc_sample *s)
{
	uint32_t acked = s->marked_acked_bytes, lost = s->marked_lost_bytes;

	if (queue_beyond(m, s->rtt_us != 0 ? s->rtt_us : m->heard_rtt_us,
			 min_rtt(m) + m->packet_us / 2 + m->jitter_us, 8, 4000)) {
		m->low_unknown += acked + lost;
		return;
	}
	m->low_known += acked + lost;
	m->low_known_lost += lost;
	m->low_acked += acked;
	m->low_lost += lost;
}

/* Loss in runs differs from one time to the next by more than chance makes each packet's own. */
static void note_runs(struct model *m)
{
	uint64_t p = medium_ppm(m), now, chance, differs;

	if (m->low_known < LOW_KNOWN_MIN)
		return;
	now = m->low_known_lost * PPM / m->low_known;
	chance = root(p * (PPM - p) / (m->low_known / LOW_KNOWN_SEG + 1));
	differs = now > p ? now - p : p - now;
	m->runs_ppm = (uint32_t)((3 * (uint64_t)m->runs_ppm + differs - min64(differs, chance)) / 4);
}

/* What was lost before counts less and less.  What could not be seen again is doubted: many that
 * flood a path because of what they once saw lost would else keep each other from seeing that it
 * was their own doing. */
static void forget_medium(struct model *m)
{
	if (m->low_known + m->low_unknown == 0)
		return;
	note_runs(m);
	m->low_lost -= m->low_lost / 4;
	if (m->low_known > m->low_unknown / 8)
		m->low_acked -= m->low_acked / 4;
	m->low_known = m->low_known_lost = m->low_unknown = 0;
}

static void note_rtt(struct model *m, const struct kcp_cc_sample *s)
{
	if (s->rtt_us == 0)
		return;
	least_sample(&m->rtt, s->now_us, s->rtt_us, m->packet_us);
	m->round.rtt_us = m->round.rtt_us == 0 ? s->rtt_us : min32(m->round.rtt_us, s->rtt_us);
	note_jitter(m, s->rtt_us);
	if (queue_beyond(m, s->srtt_us, empty_rtt(m) + ack_gap(m), 8, 4000)) {
		m->late++;
	} else {
		m->late = 0;
		m->clear_us = s->now_us;
	}
}

/* How long acknowledgements keep silent while there is something to acknowledge: since the last
 * came, or since that could have come which came now. */
static void note_gap(struct model *m, const struct kcp_cc_sample *s)
{
	uint64_t due = max64(m->heard_us, s->tx_sent_us + min_rtt(m));

	if (s->acked_bytes == 0)
		return;
	if (m->heard_us != 0 && s->interval_us != 0 && s->now_us > due)
		m->gap_us = max32(m->gap_us, (uint32_t)min64(s->now_us - due, GAP_MAX_US));
	m->heard_us = s->now_us;
}

/* What the medium lost had passed the bottleneck, or would have; what is lost beyond that had not. */
static void note_rate(struct model *m, const struct kcp_cc_sample *s)
{
	uint64_t arrived, lost, rate;

	if (s->interval_us == 0 || s->interval_us < min_rtt(m))
		return;
	arrived = s->delivered_bytes - s->prior_delivered_bytes;
	lost = s->lost_total_bytes > s->prior_lost_bytes ? s->lost_total_bytes - s->prior_lost_bytes
							 : 0;
	arrived += min64(lost, medium_took(m, arrived + lost, s->mss));
	rate = min64(arrived * US_PER_S / s->interval_us, RATE_MAX);
	m->newest_rate = rate;
	if (s->app_limited && rate <= path_rate(m))
		return;
	m->round.limited |= !s->app_limited;
	if (m->phase == STARTUP || s->prior_delivered_bytes >= m->round.end || s->app_limited)
		most_sample(m, rate);
}

/* ---- phases -------------------------------------------------------------------- */

static void enter(struct model *m, enum phase phase, uint64_t now_us)
{
	if (m->phase == LOW || m->phase == DRAIN) {
		m->low_rounds = m->phase_rounds;
		m->low_us = now_us;
	}
	m->phase = phase;
	m->phase_us = now_us;
	m->phase_rounds = 0;
	m->deep = false;
	if (phase == LOW) {
		forget_medium(m);
	}
	if (phase == PROBE)
		m->start_rate = path_rate(m);
	if (phase == CRUISE) {
		m->random = m->random * 1664525 + 1013904223;
		m->cruise_rounds = CRUISE_ROUNDS_MIN + (m->random >> 16) % CRUISE_ROUNDS_SPREAD;
		if (m->probe_shift == PROBE_SHIFT_MAX) /* it mostly loses */
			m->cruise_rounds *= 2;
		if (!m->shared && path_rate(m) < m->peak / 2) /* it may come back */
			m->cruise_rounds = CRUISE_ROUNDS_LESS;
	}
}

/* For a while, so that it is not jitter. */
static bool queue_stands(const struct model *m, const struct kcp_cc_sample *s)
{
	return m->late >= LATE_MIN && s->now_us - m->clear_us >= max32(min_rtt(m) / 8, 5000);
}

static void startup_round(struct model *m, const struct kcp_cc_sample *s)
{
	uint64_t rate = path_rate(m);

	if (!m->round.limited)
		return;
	if (rate >= m->full_rate + m->full_rate / 4) {
		m->full_rate = rate;
		m->full_rounds = 0;
	} else {
		m->full_rounds++;
	}
	if (m->full_rounds >= FULL_ROUNDS)
		enter(m, DRAIN, s->now_us);
}

static bool round_excess(struct model *m, const struct kcp_cc_sample *s)
{
	uint64_t lost = s->lost_total_bytes > m->round.lost ? s->lost_total_bytes - m->round.lost : 0;
	uint64_t all = s->delivered_bytes - m->round.delivered + lost;

	m->lossy = lost > all / 100;
	m->last_lossy = lost > medium_takes(m, all, s->mss, 1) + all / 8;
	return lost > medium_takes(m, all, s->mss, 3) + all / (m->shared ? 8 : 50);
}

/* Not more than this round delivered. */
static void cut(struct model *m, uint64_t rate)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		m->rate.round[i] = min64(m->rate.round[i], rate);
}

/* The probe was delivered, whatever was lost. */
static bool grown(const struct model *m)
{
	return m->probe_age < PROBE_ECHO &&
	       path_rate(m) > m->start_rate + (m->start_rate >> m->probe_shift) / 2;
}

/* More was lost than the medium takes: by a probe, and the next goes less far, or since the path
 * carries less than before. */
static void congested_round(struct model *m, const struct kcp_cc_sample *s)
{
	bool probed = m->phase == PROBE || m->probe_age < PROBE_ECHO;

	if (m->phase == STARTUP) {
		if ((m->round.limited && path_rate(m) < m->full_rate + m->full_rate / 4) ||
		    (m->last_lossy && !m->round.limited))
			enter(m, DRAIN, s->now_us);
	} else if (probed) {
		if (m->probe_age < PROBE_ECHO)
			m->probe_shift += m->probe_shift < PROBE_SHIFT_MAX;
		m->probe_age = PROBE_ECHO;
		if (m->phase == PROBE)
			enter(m, LOW, s->now_us);
	} else if (m->phase == CRUISE && m->phase_rounds >= CUT_ROUNDS) {
		cut(m, max64(m->rate.round[m->rate.at], path_rate(m) / 4 * 3));
	}
}

/* What went into the path for what came out of it. */
static uint64_t rate_over(const struct model *m, uint64_t bytes, uint64_t us)
{
	return bytes * US_PER_S / max64(us, 1) * PPM / (PPM - medium_ppm(m));
}

/* The mean of a whole round. */
static uint64_t round_rate(const struct model *m, const struct kcp_cc_sample *s)
{
	return rate_over(m, s->delivered_bytes - m->round.delivered, s->now_us - m->round.began_us);
}

/* Others are there.  If they were not gone for long, it is as it was. */
static void share(struct model *m, uint64_t rate, uint64_t now_us)
{
	if (m->shared)
		return;
	if (now_us - m->left_us < AWAY_US)
		rate = max64(rate, m->left_rate);
	m->shared = true;
	m->arrival.usual = m->arrival.rate;
	m->undrained = SHARED_MIN;
	most_sample(m, rate);
}

static void alone(struct model *m)
{
	m->shared = false;
	m->undrained = 0;
	m->halved = 0;
}

/* After a low phase the queue stands.  Where as much arrived as before, although less was sent,
 * all of it is ours; where less arrived, others fill it. */
static void undrained_round(struct model *m, uint64_t rate)
{
	uint64_t most = m->shared ? m->busy_rate / 8 * 7 : m->busy_rate / 16 * 15;

	if (m->busy_rate != 0 && m->low_rounds > 0 && rate >= most) {
		alone(m);
		cut(m, rate);
	} else {
		m->undrained++;
	}
	m->busy_rate = 0;
}

/* The queue stood for a whole round, so what came was all that the path carries, if the queue is
 * ours.  Where it stands although little of ours is in it, others fill it. */
static void queue_round(struct model *m, const struct kcp_cc_sample *s)
{
	bool stands = queue_beyond(m, m->round.rtt_us, lucky_rtt(m), 4, 10000);

	if (!stands) {
		m->drained++;
		if (m->shared && m->drained >= DRAINED_MIN && s->now_us - m->stood_us >= DRAINED_US) {
			m->left_us = s->now_us;
			m->left_rate = shared_rate(m);
			alone(m);
		}
		if (!m->shared)
			m->undrained = 0;
		return;
	}
	m->drained = 0;
	m->stood_us = s->now_us;
	if (m->phase != CRUISE)
		return;
	if (m->phase_rounds == 1)
		undrained_round(m, round_rate(m, s));
	else if (!m->shared && m->rate.round[m->rate.at] != 0)
		cut(m, m->rate.round[m->rate.at]);
	if (m->undrained >= (s->now_us - m->left_us < AWAY_US ? 1 : SHARED_MIN))
		share(m, 0, s->now_us);
}

static void calm_round(struct model *m, const struct kcp_cc_sample *s)
{
	if (m->probe_age < PROBE_ECHO && ++m->probe_age == PROBE_ECHO)
		m->probe_shift -= m->probe_shift > PROBE_SHIFT_MIN;
	if (m->phase != STARTUP && m->round.limited && m->start_rate != 0 && !m->shared &&
	    path_rate(m) > m->start_rate + m->start_rate / 7 &&
	    !queue_beyond(m, m->round.rtt_us, lucky_rtt(m), 8, 4000)) {
		m->again = true;
		m->full_rate = path_rate(m);
		m->full_rounds = 0;
		m->start_rate = 0;
		enter(m, STARTUP, s->now_us);
	}
}

/* Each low phase is a gift to others who measure what they can get: beside them it is rare, and
 * deep enough to show whether they are there. */
static void probe_ends(struct model *m, const struct kcp_cc_sample *s)
{
	m->probe_age = 0;
	if (m->shared && ++m->cycles % SHARED_CYCLES != 0) {
		enter(m, CRUISE, s->now_us);
		return;
	}
	m->busy_rate = m->last_rate;
	enter(m, LOW, s->now_us);
}

static void note_peak(struct model *m, uint64_t now_us)
{
	uint64_t rate = path_rate(m);

	if (rate >= m->peak || (!m->shared && now_us - m->peak_us >= PEAK_WINDOW_US))
		m->peak = rate;
	if (m->shared || rate >= m->peak)
		m->peak_us = now_us;
}

static void phase_round(struct model *m, const struct kcp_cc_sample *s)
{
	note_peak(m, s->now_us);
	m->phase_rounds++;
	if (round_excess(m, s) && !grown(m))
		congested_round(m, s);
	else
		calm_round(m, s);
	switch (m->phase) {
	case STARTUP:
		startup_round(m, s);
		break;
	case CRUISE:
		queue_round(m, s);
		if (m->phase_rounds >= m->cruise_rounds)
			enter(m, PROBE, s->now_us);
		break;
	case PROBE:
		probe_ends(m, s);
		break;
	case LOW:
	case DRAIN:
		if (!m->deep && m->phase_rounds >= (m->shared ? 1 : LOW_ROUNDS_MAX))
			enter(m, CRUISE, s->now_us);
		break;
	}
}

/* Where something is lost, so long that it is known whether by the medium. */
static bool low_lasted(const struct model *m, const struct kcp_cc_sample *s)
{
	return m->phase == DRAIN || !m->lossy || s->now_us - m->phase_us >= min_rtt(m) / 2;
}

/* What arrives over half a round trip, whatever was sent: false in between. */
static bool arrival_step(struct model *m, const struct kcp_cc_sample *s)
{
	uint64_t elapsed = s->now_us - m->arrival.us;

	if (elapsed < max64(max32(min_rtt(m) / 2, 4 * ack_gap(m)), ARRIVAL_MIN_US))
		return false;
	m->arrival.rate = rate_over(m, s->delivered_bytes - m->arrival.delivered, elapsed);
	m->arrival.delivered = s->delivered_bytes;
	m->arrival.us = s->now_us;
	return true;
}

/* Where a queue stands, and yet less arrives because less was sent, others fill it: what the path
 * carries does not depend on us where only we are there. */
static bool others_fill(const struct model *m, const struct kcp_cc_sample *s)
{
	return m->cuts >= 2 && s->now_us - m->cut_us < 3 * (uint64_t)s->srtt_us &&
	       m->arrival.rate < m->cut_rate / 4 * 3;
}

/* Beside others nothing falls by half at once: what does is the path. */
static bool halved(struct model *m, const struct kcp_cc_sample *s)
{
	if (m->phase == LOW || s->now_us - m->low_us < 2 * (uint64_t)s->srtt_us)
		return false; /* less was sent */
	if (m->arrival.rate < m->arrival.usual / 2) {
		m->halved++;
	} else {
		m->halved = 0;
		m->arrival.usual = (3 * m->arrival.usual + m->arrival.rate) / 4;
	}
	if (m->halved < HALVED_MAX)
		return false;
	alone(m);
	return true;
}

/* The first arrivals of several may be those from before the path became slower. */
static void note_cut(struct model *m, const struct kcp_cc_sample *s)
{
	if (s->now_us - m->cut_us >= 3 * (uint64_t)s->srtt_us) {
		m->cuts = 0;
		m->cut_us = s->now_us;
		m->first_cut_rate = m->arrival.rate;
	}
	if (++m->cuts <= 2)
		m->cut_rate = m->arrival.rate;
}

/* The path has become slower: a queue grows that is far more than a probe's.  What comes now is all
 * that it carries; a round trip is too long to wait for that. */
static void slower_step(struct model *m, const struct kcp_cc_sample *s)
{
	if (!arrival_step(m, s) || m->phase == STARTUP || s->app_limited ||
	    !queue_beyond(m, m->heard_rtt_us, empty_rtt(m), 2, 30000))
		return;
	if (m->shared && !halved(m, s))
		return;
	if (!m->shared && others_fill(m, s)) {
		share(m, m->first_cut_rate, s->now_us);
		enter(m, CRUISE, s->now_us);
		return;
	}
	note_cut(m, s);
	cut(m, m->arrival.rate);
	m->busy_rate = m->cut_rate;
	if (m->phase != DRAIN && m->phase != LOW)
		enter(m, LOW, s->now_us);
}

/* In step with others that saw the same least round trip, so that the queue empties. */
static void look_for_least(struct model *m, const struct kcp_cc_sample *s)
{
	if (!least_overdue(&m->rtt, s->now_us) || m->phase == STARTUP)
		return;
	enter(m, LOW, s->now_us);
	m->deep = true;
}

static void phase_step(struct model *m, const struct kcp_cc_sample *s)
{
	uint64_t rate = path_rate(m);

	switch (m->phase) {
	case DRAIN:
	case LOW:
		if (m->deep && s->now_us - m->phase_us < min_rtt(m) + DEEP_US)
			break;
		if (s->inflight_bytes <= bdp(m, rate, GAIN_1) && low_lasted(m, s))
			enter(m, CRUISE, s->now_us);
		break;
	case STARTUP:
		if (queue_stands(m, s) && m->round.limited)
			enter(m, DRAIN, s->now_us);
		break;
	case PROBE:
	case CRUISE:
		break;
	}
}

static void round_step(struct model *m, const struct kcp_cc_sample *s)
{
	if (s->interval_us == 0 || s->prior_delivered_bytes < m->round.end)
		return;
	phase_round(m, s);
	m->last_rtt_us = m->round.rtt_us;
	m->last_rate = round_rate(m, s);
	m->packet_us = (uint32_t)min64(2 * s->mss * US_PER_S / max64(m->peak, 1), PACKET_MAX_US);
	if (m->round.limited) {
		m->rate.at = (m->rate.at + 1) % ROUNDS;
		m->rate.round[m->rate.at] = 0;
		m->gap_before_us = m->gap_us;
		m->gap_us = 0;
	}
	m->round = (struct round){
		.end = s->delivered_bytes,
		.began_us = s->now_us,
		.delivered = s->delivered_bytes,
		.lost = s->lost_total_bytes,
	};
}

/* ---- decision ------------------------------------------------------------------ */

/* Towards a half of what the path had when the others were not there, unless that loses much. */
static unsigned shared_gain(const struct model *m)
{
	uint64_t rate = path_rate(m), half = m->peak / 2;

	if (half == 0 || rate >= half || (m->last_lossy && rate >= half / 2))
		return GAIN_1;
	return GAIN_1 + (unsigned)((half - rate) * GAIN_1 / 2 / half);
}

/* A queue that stands although nobody else is there is ours: an eighth less at most. */
static unsigned cruise_gain(const struct model *m)
{
	uint64_t least = min_rtt(m), clear = lucky_rtt(m) + max64(least / 16, 2000), q;

	if (m->shared)
		return shared_gain(m);
	if (m->last_rtt_us <= clear)
		return m->probe_shift == PROBE_SHIFT_MAX ? GAIN_EDGE : GAIN_1;
	q = (m->last_rtt_us - clear) * GAIN_1 / 2 / least;
	return GAIN_1 - (unsigned)min64(q, GAIN_1 / 8);
}

/* The queue shall be gone after about one round trip. */
static unsigned low_gain(const struct model *m, const struct kcp_cc_sample *s)
{
	uint64_t fits = bdp(m, path_rate(m), GAIN_1), excess;

	if (m->shared)
		return GAIN_LOWEST;
	if (fits == 0 || s->inflight_bytes <= fits)
		return GAIN_LOW;
	excess = (s->inflight_bytes - fits) * GAIN_1 / fits;
	return GAIN_1 - (unsigned)min64(max64(excess, GAIN_1 - GAIN_LOW), GAIN_1 - GAIN_LOWEST);
}

static unsigned pacing_gain(const struct model *m, const struct kcp_cc_sample *s)
{
	switch (m->phase) {
	case STARTUP:
		return m->again ? GAIN_AGAIN : GAIN_STARTUP;
	case DRAIN:
		return GAIN_DRAIN;
	case PROBE:
		return GAIN_1 + (GAIN_1 >> (m->shared ? PROBE_SHIFT_MIN : m->probe_shift));
	case LOW:
		return low_gain(m, s);
	case CRUISE:
		break;
	}
	return cruise_gain(m);
}

/* Before anything was measured: START_RATE for as long as the first acknowledgement takes, and in
 * the round trips that follow no less. */
static void decide_start(const struct model *m, const struct kcp_cc_sample *s,
			 struct kcp_cc_control *c)
{
	uint64_t most = (uint64_t)START_SEGS_MAX * s->mss;

	c->pacing_rate = max64(c->pacing_rate, START_RATE);
	if (min_rtt(m) != 0)
		most = min64(most, START_RATE * min_rtt(m) / US_PER_S);
	most = max64(most, (uint64_t)START_SEGS * s->mss);
	c->cwnd_bytes = max32(c->cwnd_bytes, (uint32_t)most);
}

static void decide(struct model *m, const struct kcp_cc_sample *s, struct kcp_cc_control *c)
{
	uint64_t rate = path_rate(m), cwnd;
	bool start = m->phase == STARTUP && !m->again;

	if (m->shared)
		rate = shared_rate(m);
	cwnd = rate * (empty_rtt(m) + ack_gap(m)) / US_PER_S * (start ? CWND_STARTUP : 2 * GAIN_1) /
	       GAIN_1;
	if (m->shared)
		cwnd = max64(cwnd, rate * m->last_rtt_us / US_PER_S * 5 / 4);
	if (m->deep)
		cwnd = bdp(m, rate, GAIN_1 / 2);
	cwnd = max64(cwnd, (uint64_t)CWND_MIN_SEGS * s->mss);
	c->cwnd_bytes = (uint32_t)min64(cwnd, UINT32_MAX - 1);
	c->pacing_rate = rate * pacing_gain(m, s) / GAIN_1;
	if (start)
		decide_start(m, s, c);
	c->mark = m->phase == LOW || (start && m->phase_rounds < MARK_ROUNDS);
	c->path_rate = rate;
	c->medium_loss_ppm = medium_ppm(m);
	c->phase = phase_names[m->phase];
}

static void model_init(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	struct model *m = state;

	*m = (struct model){
		.phase = STARTUP,
		.phase_us = s->now_us,
		.probe_age = PROBE_ECHO,
		.probe_shift = PROBE_SHIFT_MIN,
		.random = (uint32_t)s->now_us,
		.low_acked = (uint64_t)MEDIUM_PRIOR_SEGS * s->mss,
	};
	if (s->min_rtt_us != 0)
		least_sample(&m->rtt, s->now_us, s->min_rtt_us, 0);
	decide(m, s, control);
}

static void model_update(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	struct model *m = state;

	note_medium(m, s);
	note_rtt(m, s);
	note_gap(m, s);
	note_rate(m, s);
	round_step(m, s);
	slower_step(m, s);
	look_for_least(m, s);
	phase_step(m, s);
	decide(m, s, control);
}

const struct kcp_cc kcp_cc_model = {
	.name = "model",
	.state_size = sizeof(struct model),
	.init = model_init,
	.update = model_update,
};
