/* kcp_model.c - a model of the path, as kcp_model.h tells. */
#include "kcp_model.h"

#include <assert.h>

#include "kcp_path.h"

enum {
	FLOOD_SEGS = 24,          /* of a round, at least, that was not limited by us */
	FULL_ROUNDS = 3,          /* without growth: the path is full */
	LATE_MIN = 4,             /* late round trips in sequence are a queue */
	LOW_ROUNDS_MAX = 3,       /* a queue that does not drain in so many is not ours */
	CRUISE_ROUNDS_MIN = 4,    /* from one probe to the next, */
	CRUISE_ROUNDS_SPREAD = 4, /* and so many at random, so that two do not keep step */
	CRUISE_ROUNDS_LESS = 2,   /* where the path had twice as much lately */
	CUT_ROUNDS = 2,           /* what is lost from then on was sent in this phase */
	PROBE_ECHO = 2,           /* losses in so many rounds after a probe are its own */
	PROBE_SHIFT_MIN = 2,      /* a quarter above */
	PROBE_SHIFT_MAX = 5,
	MARK_ROUNDS = 3, /* at the start nothing fills a queue yet */

	START_SEGS = 32,
	START_SEGS_MAX = 256,
	START_SURE_SEGS = 160,
	MARK_FIRST = 1,
	MARK_NEXT = 2,
	SETTLE_ROUNDS = 2,
	CWND_MIN_SEGS = 4,
	PACE_MIN_SEGS = 2, /* in a round trip */

	/* Of GAIN_1. */
	GAIN_STARTUP = 1000,
	CWND_STARTUP = 640,
	GAIN_AGAIN = 384,
	GAIN_BACK = 640, /* towards what it had */
	GAIN_DRAIN = 128,
	GAIN_EDGE = 252, /* where more is lost at once */
	GAIN_LOW = 192,
	GAIN_LOWEST = 128,

	UNDRAINED_MIN = 2, /* low phases that leave a queue: others are there */
	SHARED_PROBES = 4, /* beside them, one in so many is followed by a low phase */
	HALVED_MAX = 2,
	DRAINED_MIN = 3, /* rounds without a queue: they are gone */
};

#define START_RATE UINT64_C(1250000)
#define DEEP_US UINT64_C(100000)
#define PEAK_WINDOW_US (30 * US_PER_S)
#define ARRIVAL_MIN_US UINT64_C(10000)
#define DRAINED_US UINT64_C(100000)
#define AWAY_US (2 * US_PER_S) /* others that are back so soon are the same */

enum phase { STARTUP, DRAIN, PROBE, LOW, CRUISE };
static const char *const phase_names[] = { "startup", "drain", "probe", "low", "cruise" };

struct round {
	uint64_t end; /* delivered_bytes at which it is over */
	uint64_t began_us;
	uint64_t delivered, lost; /* totals when it began */
	uint32_t rtt_us;          /* the least in it; 0: none */
	bool limited;             /* by the controller, at least once */
	bool timeout;             /* some were taken for lost in a silence */
};

struct model {
	struct kcp_path path;
	uint64_t peak; /* its best rate while others were not there */
	uint64_t peak_us;

	enum phase phase;
	uint32_t phase_rounds; /* since it began, */
	uint64_t phase_us;     /* then */
	uint32_t cruise_rounds;
	bool again;        /* startup was entered once more: the path has more */
	bool back;         /* and had much more lately */
	bool deep;         /* this low phase looks for the least round trip */
	uint8_t mark;      /* of what is sent to be told apart */
	bool overflowed;   /* by the start: the medium's loss is learnt in this drain, */
	uint8_t settle_in; /* and is known after so many rounds */
	uint8_t full_rounds;
	uint32_t low_rounds; /* how long the last low phase was, */
	uint64_t low_us;     /* and when it ended */
	uint64_t full_rate;
	uint64_t arrived,
		full_arrived; /* in startup, the best sample: so far, and when it last had grown */

	struct round round;
	uint32_t random;
	uint32_t last_rtt_us; /* of the round before: the least, */
	uint64_t last_rate;   /* the mean, */
	uint64_t stood_rate;  /* the best, if a queue stood; */
	bool lossy, flooded; /* whether something, and much more than the medium takes, was lost, */
	bool lossiest;       /* or an eighth of all */

	struct probe {
		uint64_t rate;  /* what the rate was when the last one began */
		uint32_t age;   /* rounds since it ended */
		unsigned shift; /* it goes this much of the rate above: 1 / 2^shift */
	} probe;

	struct late { /* round trips in sequence that a queue made long, and the last that was not */
		uint32_t count;
		uint64_t clear_us;
	} late;

	struct arrival { /* of half a round trip, whatever was sent */
		uint64_t us, delivered, rate, before;
	} arrival;

	struct slower { /* times in sequence that the path was found to carry less */
		uint32_t count;
		uint64_t us, first_rate, rate;
	} slower;

	bool shared; /* others keep the queue filled */
	struct others {
		uint32_t undrained;  /* low phases in sequence after which a queue stood */
		uint64_t busy_rate;  /* the mean before the last low phase */
		uint64_t usual_rate; /* what arrives beside them */
		uint32_t halved;     /* times in sequence that it was less than half */
		uint32_t drained;    /* rounds in sequence without a queue */
		uint64_t stood_us;   /* when one was last there */
		uint64_t left_us;    /* when they were last gone */
		uint64_t left_rate;  /* and the rate beside them */
		uint32_t probes;
	} others;
};

static_assert(sizeof(struct model) <= KCP_CC_STATE_MAX, "state fits");

/* Beside others: not much more than a half. */
static uint64_t shared_rate(const struct model *m)
{
	return min64(kcp_path_rate(&m->path), m->peak / 8 * 5);
}

/* ---- samples ------------------------------------------------------------------- */

static void note_rtt(struct model *m, const struct kcp_cc_sample *s)
{
	uint32_t empty = kcp_path_empty(&m->path) + kcp_path_gap(&m->path);

	uint32_t rtt_us = m->path.rtt_us;

	if (rtt_us == 0)
		return;
	m->round.rtt_us = m->round.rtt_us == 0 ? rtt_us : min32(m->round.rtt_us, rtt_us);
	if (kcp_path_queued(&m->path, m->path.srtt_us, empty, 8, 4000)) {
		m->late.count++;
	} else {
		m->late.count = 0;
		m->late.clear_us = s->now_us;
	}
}

/* Samples of what left before this round say nothing about it.  Where the application held back
 * they only tell that the path has more. */
static void note_rate(struct model *m, const struct kcp_cc_sample *s)
{
	uint64_t rate = kcp_path_sample(&m->path, s);

	if (rate == 0 || (s->app_limited && rate <= kcp_path_rate(&m->path)))
		return;
	m->round.limited |= !s->app_limited;
	if (m->phase == STARTUP)
		m->arrived = max64(m->arrived, kcp_path_arrived(s));
	if (m->phase == STARTUP || s->prior_delivered_bytes >= m->round.end || s->app_limited)
		kcp_path_add_rate(&m->path, rate);
}

/* ---- phases -------------------------------------------------------------------- */

static void enter(struct model *m, enum phase phase, uint64_t now_us)
{
	if (m->phase == LOW || m->phase == DRAIN) {
		m->low_rounds = m->phase_rounds;
		m->low_us = now_us;
	}
	if (m->phase == DRAIN && m->overflowed) {
		m->overflowed = false;
		m->settle_in = SETTLE_ROUNDS;
	}
	m->phase = phase;
	m->phase_us = now_us;
	m->phase_rounds = 0;
	m->deep = false;
	if (phase == LOW)
		kcp_path_low(&m->path);
	if (phase == PROBE)
		m->probe.rate = kcp_path_rate(&m->path);
	if (phase == CRUISE) {
		m->random = m->random * 1664525 + 1013904223;
		m->cruise_rounds = CRUISE_ROUNDS_MIN + (m->random >> 16) % CRUISE_ROUNDS_SPREAD;
		if (m->probe.shift == PROBE_SHIFT_MAX) /* it mostly loses */
			m->cruise_rounds *= 2;
		if (!m->shared && kcp_path_rate(&m->path) < m->peak / 2) /* it may come back */
			m->cruise_rounds = CRUISE_ROUNDS_LESS;
	}
}

/* For a while, so that it is not jitter. */
static bool queue_stands(const struct model *m, const struct kcp_cc_sample *s)
{
	return m->late.count >= LATE_MIN &&
	       s->now_us - m->late.clear_us >= max32(m->path.least.us / 8, 5000);
}

/* More was sent than the path carries.  What was lost of that says nothing about the medium, and what is sent
 * while the queue drains will. */
static void start_overflowed(struct model *m, const struct kcp_cc_sample *s)
{
	kcp_path_overflowed(&m->path);
	m->overflowed = true;
	m->mark = MARK_NEXT; /* what left with the other is not told any more */
	enter(m, DRAIN, s->now_us);
}

/* In the first round trip: it is slower than what everybody begins with. */
static bool start_outruns(struct model *m, const struct kcp_cc_sample *s)
{
	if (m->again || m->late.count < LATE_MIN || !kcp_path_outrun(&m->path, s))
		return false;
	kcp_path_add_rate(&m->path, kcp_path_train_rate(&m->path, s));
	return true;
}

/* In this round.  A start that a silence follows, as in an outage or where acknowledgements are lost, has not lost for all
 * that what the silence took for lost. */
static uint64_t round_lost(const struct model *m, const struct kcp_cc_sample *s)
{
	if (m->phase == STARTUP && m->round.timeout)
		return 0;
	return s->lost_total_bytes > m->round.lost ? s->lost_total_bytes - m->round.lost : 0;
}

/* So much that no medium loses it that anybody uses. */
static bool start_floods(const struct model *m, const struct kcp_cc_sample *s)
{
	uint64_t lost = round_lost(m, s);
	uint64_t all = s->delivered_bytes - m->round.delivered + lost;

	return !m->again && all >= START_SURE_SEGS * (uint64_t)s->mss && lost > all / 20 * 9;
}

static void startup_round(struct model *m, const struct kcp_cc_sample *s)
{
	uint64_t rate = kcp_path_rate(&m->path);

	if (!m->round.limited)
		return;
	if (m->arrived >= m->full_arrived + m->full_arrived / 4) {
		m->full_arrived = m->arrived;
	} else if (m->lossiest && !m->again) {
		start_overflowed(m, s);
		return;
	}
	if (rate >= m->full_rate + m->full_rate / 4) {
		m->full_rate = rate;
		m->full_rounds = 0;
	} else {
		m->full_rounds++;
	}
	if (m->full_rounds >= FULL_ROUNDS || (m->back && rate >= m->peak - m->peak / 16))
		enter(m, DRAIN, s->now_us);
}

static bool round_excess(struct model *m, const struct kcp_cc_sample *s)
{
	uint64_t lost = round_lost(m, s);
	uint64_t all = s->delivered_bytes - m->round.delivered + lost;

	m->lossy = lost > all / 100;
	m->lossiest = lost > all / 8;
	m->flooded = lost > kcp_path_loses(&m->path, all, s->mss, 1) + all / 8;
	return lost > kcp_path_loses(&m->path, all, s->mss, 3) + all / (m->shared ? 8 : 50);
}

/* The probe was delivered, whatever was lost. */
static bool grown(const struct model *m)
{
	return m->probe.age < PROBE_ECHO &&
	       kcp_path_rate(&m->path) > m->probe.rate + (m->probe.rate >> m->probe.shift) / 2;
}

/* A few segments that the application sent are no measure of what a path takes. */
static bool flood_seen(const struct model *m, const struct kcp_cc_sample *s)
{
	return m->flooded && s->delivered_bytes - m->round.delivered >= (uint64_t)FLOOD_SEGS * s->mss;
}

/* More was lost than the medium takes: by a probe, and the next goes less far, or since the path
 * carries less than before. */
static void congested_round(struct model *m, const struct kcp_cc_sample *s)
{
	bool probed = m->phase == PROBE || m->probe.age < PROBE_ECHO;

	if (m->phase == STARTUP) {
		if ((m->round.limited && kcp_path_rate(&m->path) < m->full_rate + m->full_rate / 4) ||
		    flood_seen(m, s))
			enter(m, DRAIN, s->now_us);
	} else if (probed) {
		if (m->probe.age < PROBE_ECHO)
			m->probe.shift += m->probe.shift < PROBE_SHIFT_MAX;
		m->probe.age = PROBE_ECHO;
		if (m->phase == PROBE)
			enter(m, LOW, s->now_us);
	} else if (m->phase == CRUISE && m->phase_rounds >= CUT_ROUNDS) {
		kcp_path_cut(&m->path,
			     max64(kcp_path_round_rate(&m->path), kcp_path_rate(&m->path) / 4 * 3));
	}
}

/* The mean of a whole round. */
static uint64_t round_rate(const struct model *m, const struct kcp_cc_sample *s)
{
	return kcp_path_rate_over(&m->path, s->delivered_bytes - m->round.delivered,
				  s->now_us - m->round.began_us);
}

/* Others are there.  If they were not gone for long, it is as it was. */
static void share(struct model *m, uint64_t rate, uint64_t now_us)
{
	if (m->shared)
		return;
	if (now_us - m->others.left_us < AWAY_US)
		rate = max64(rate, m->others.left_rate);
	m->shared = true;
	m->others.usual_rate = m->arrival.rate;
	m->others.undrained = UNDRAINED_MIN;
	kcp_path_add_rate(&m->path, rate);
}

static void alone(struct model *m)
{
	m->shared = false;
	m->others.undrained = 0;
	m->others.halved = 0;
}

/* After a low phase the queue stands.  Where as much arrived as before, although less was sent,
 * all of it is ours; where less arrived, others fill it. */
static void undrained_round(struct model *m, uint64_t rate)
{
	uint64_t most = m->shared ? m->others.busy_rate / 8 * 7 : m->others.busy_rate / 16 * 15;

	if (m->others.busy_rate != 0 && m->low_rounds > 0 && rate >= most) {
		alone(m);
		kcp_path_cut(&m->path, rate);
	} else {
		m->others.undrained++;
	}
	m->others.busy_rate = 0;
}

/* Of two rounds, because jitter makes what arrives in one differ. */
static void standing_round(struct model *m, uint64_t rate)
{
	if (m->stood_rate != 0 && rate != 0)
		kcp_path_cut(&m->path, max64(rate, m->stood_rate));
	m->stood_rate = rate;
}

/* The queue stood for a whole round, so what came was all that the path carries, if the queue is
 * ours.  Where it stands although little of ours is in it, others fill it. */
static void queue_round(struct model *m, const struct kcp_cc_sample *s)
{
	bool stands = kcp_path_queued(&m->path, m->round.rtt_us, kcp_path_empty(&m->path), 4, 10000);

	if (!stands) {
		m->stood_rate = 0;
		m->others.drained++;
		if (m->shared && m->others.drained >= DRAINED_MIN &&
		    s->now_us - m->others.stood_us >= DRAINED_US) {
			m->others.left_us = s->now_us;
			m->others.left_rate = shared_rate(m);
			alone(m);
		}
		if (!m->shared)
			m->others.undrained = 0;
		return;
	}
	m->others.drained = 0;
	m->others.stood_us = s->now_us;
	if (m->phase != CRUISE)
		return;
	if (m->phase_rounds == 1)
		undrained_round(m, round_rate(m, s));
	else if (!m->shared)
		standing_round(m, kcp_path_round_rate(&m->path));
	if (m->others.undrained >= (s->now_us - m->others.left_us < AWAY_US ? 1 : UNDRAINED_MIN))
		share(m, 0, s->now_us);
}

static void calm_round(struct model *m, const struct kcp_cc_sample *s)
{
	if (m->probe.age < PROBE_ECHO && ++m->probe.age == PROBE_ECHO)
		m->probe.shift -= m->probe.shift > PROBE_SHIFT_MIN;
	if (m->phase != STARTUP && m->round.limited && m->probe.rate != 0 && !m->shared &&
	    kcp_path_rate(&m->path) > m->probe.rate + m->probe.rate / 7 &&
	    !kcp_path_queued(&m->path, m->round.rtt_us, kcp_path_lucky(&m->path), 8, 4000)) {
		m->again = true;
		m->back = kcp_path_rate(&m->path) < m->peak / 4 * 3;
		m->full_rate = kcp_path_rate(&m->path);
		m->full_rounds = 0;
		m->probe.rate = 0;
		enter(m, STARTUP, s->now_us);
	}
}

/* Each low phase is a gift to others who measure what they can get: beside them it is rare, and
 * deep enough to show whether they are there. */
static void probe_ends(struct model *m, const struct kcp_cc_sample *s)
{
	m->probe.age = 0;
	if (m->shared && ++m->others.probes % SHARED_PROBES != 0) {
		enter(m, CRUISE, s->now_us);
		return;
	}
	m->others.busy_rate = m->last_rate;
	enter(m, LOW, s->now_us);
}

static void note_peak(struct model *m, uint64_t now_us)
{
	uint64_t rate = kcp_path_rate(&m->path);

	if (rate >= m->peak || (!m->shared && now_us - m->peak_us >= PEAK_WINDOW_US))
		m->peak = rate;
	if (m->shared || rate >= m->peak)
		m->peak_us = now_us;
}

static void phase_round(struct model *m, const struct kcp_cc_sample *s)
{
	note_peak(m, s->now_us);
	m->phase_rounds++;
	if (m->settle_in > 0 && --m->settle_in == 0)
		kcp_path_settle(&m->path);
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
		if (m->phase_rounds >= m->cruise_rounds && m->round.limited)
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
	return m->phase == DRAIN || !m->lossy || s->now_us - m->phase_us >= m->path.least.us / 2;
}

/* What arrives over half a round trip, whatever was sent: false in between. */
static bool arrival_step(struct model *m, const struct kcp_cc_sample *s)
{
	uint64_t elapsed = s->now_us - m->arrival.us;

	if (elapsed < max64(max32(m->path.least.us / 2, 4 * kcp_path_gap(&m->path)), ARRIVAL_MIN_US))
		return false;
	m->arrival.before = m->arrival.rate;
	m->arrival.rate = kcp_path_rate_over(&m->path, s->delivered_bytes - m->arrival.delivered,
					     elapsed);
	m->arrival.delivered = s->delivered_bytes;
	m->arrival.us = s->now_us;
	return true;
}

/* Where a queue stands, and yet less arrives because less was sent, others fill it: what the path
 * carries does not depend on us where only we are there.  By half at once only the path itself falls. */
static bool others_fill(const struct model *m, const struct kcp_cc_sample *s)
{
	return m->slower.count >= 2 && s->now_us - m->slower.us < 3 * (uint64_t)s->srtt_us &&
	       m->arrival.rate < m->slower.rate / 4 * 3 && m->arrival.rate >= m->slower.rate / 2;
}

/* Beside others nothing falls by half at once: what does is the path. */
static bool halved(struct model *m, const struct kcp_cc_sample *s)
{
	if (m->phase == LOW || s->now_us - m->low_us < 2 * (uint64_t)s->srtt_us)
		return false; /* less was sent */
	if (m->arrival.rate < m->others.usual_rate / 2) {
		m->others.halved++;
	} else {
		m->others.halved = 0;
		m->others.usual_rate = (3 * m->others.usual_rate + m->arrival.rate) / 4;
	}
	if (m->others.halved < HALVED_MAX)
		return false;
	alone(m);
	return true;
}

/* The first arrivals of several may be those from before the path became slower. */
static void note_cut(struct model *m, const struct kcp_cc_sample *s)
{
	if (s->now_us - m->slower.us >= 3 * (uint64_t)s->srtt_us) {
		m->slower.count = 0;
		m->slower.us = s->now_us;
		m->slower.first_rate = m->arrival.rate;
	}
	if (++m->slower.count <= 2)
		m->slower.rate = m->arrival.rate;
}

/* The path has become slower: a queue grows that is far more than a probe's.  What comes now is all
 * that it carries; a round trip is too long to wait for that. */
static void slower_step(struct model *m, const struct kcp_cc_sample *s)
{
	if (!arrival_step(m, s) || m->phase == STARTUP || s->app_limited ||
	    !kcp_path_queued(&m->path, m->path.heard_rtt_us,
			     kcp_path_empty(&m->path) + 2 * m->path.jitter_us, 2, 30000))
		return;
	if (m->shared && !halved(m, s))
		return;
	if (!m->shared && others_fill(m, s)) {
		share(m, m->slower.first_rate, s->now_us);
		enter(m, CRUISE, s->now_us);
		return;
	}
	note_cut(m, s);
	kcp_path_cut(&m->path, max64(m->arrival.rate, m->arrival.before));
	m->others.busy_rate = m->slower.rate;
	if (m->phase != DRAIN && m->phase != LOW)
		enter(m, LOW, s->now_us);
}

/* In step with others that saw the same least round trip, so that the queue empties. */
static void look_for_least(struct model *m, const struct kcp_cc_sample *s)
{
	if (!kcp_path_overdue(&m->path, s->now_us) || m->phase == STARTUP)
		return;
	enter(m, LOW, s->now_us);
	m->deep = true;
}

static void phase_step(struct model *m, const struct kcp_cc_sample *s)
{
	uint64_t rate = kcp_path_rate(&m->path);

	switch (m->phase) {
	case DRAIN:
	case LOW:
		if (m->deep && s->now_us - m->phase_us < m->path.least.us + DEEP_US)
			break;
		if (m->overflowed && s->now_us - m->phase_us < m->path.least.us)
			break;
		if (s->inflight_bytes <= kcp_path_bdp(&m->path, rate, GAIN_1) && low_lasted(m, s))
			enter(m, CRUISE, s->now_us);
		break;
	case STARTUP:
		if (start_outruns(m, s) || start_floods(m, s))
			start_overflowed(m, s);
		else if (queue_stands(m, s) && m->round.limited)
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
	if (m->round.limited)
		kcp_path_round(&m->path, s->mss, m->peak, m->last_rtt_us);
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
	uint64_t rate = kcp_path_rate(&m->path), half = m->peak / 2;

	if (half == 0 || rate >= half || (m->flooded && rate >= half / 2))
		return GAIN_1;
	return GAIN_1 + (unsigned)((half - rate) * GAIN_1 / 2 / half);
}

/* A queue that stands although nobody else is there is ours: an eighth less at most. */
static unsigned cruise_gain(const struct model *m)
{
	uint64_t least = m->path.least.us,
		 clear = kcp_path_empty(&m->path) + max64(least / 16, 2000), q;

	if (m->shared)
		return shared_gain(m);
	if (m->last_rtt_us <= clear)
		return m->probe.shift == PROBE_SHIFT_MAX ? GAIN_EDGE : GAIN_1;
	q = (m->last_rtt_us - clear) * GAIN_1 / 2 / least;
	return GAIN_1 - (unsigned)min64(q, GAIN_1 / 8);
}

/* The queue shall be gone after about one round trip. */
static unsigned low_gain(const struct model *m, const struct kcp_cc_sample *s)
{
	uint64_t fits = kcp_path_bdp(&m->path, kcp_path_rate(&m->path), GAIN_1), excess;

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
		return !m->again ? GAIN_STARTUP : m->back ? GAIN_BACK : GAIN_AGAIN;
	case DRAIN:
		return GAIN_DRAIN;
	case PROBE:
		return GAIN_1 + ((unsigned)GAIN_1 >>
				 (m->shared ? (unsigned)PROBE_SHIFT_MIN : m->probe.shift));
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
	if (m->path.least.us != 0)
		most = min64(most, START_RATE * m->path.least.us / US_PER_S);
	most = max64(most, (uint64_t)START_SEGS * s->mss);
	c->cwnd_bytes = max32(c->cwnd_bytes, (uint32_t)most);
}

static void decide(struct model *m, const struct kcp_cc_sample *s, struct kcp_cc_control *c)
{
	uint64_t rate = kcp_path_rate(&m->path), cwnd;
	bool start = m->phase == STARTUP && !m->again, apart;

	if (m->shared)
		rate = shared_rate(m);
	cwnd = rate * (kcp_path_empty(&m->path) + m->path.back_us + kcp_path_gap(&m->path)) /
	       US_PER_S * (start ? CWND_STARTUP : 2 * GAIN_1) / GAIN_1;
	if (m->shared)
		cwnd = max64(cwnd, rate * (m->last_rtt_us + m->path.back_us) / US_PER_S * 5 / 4);
	if (m->deep)
		cwnd = kcp_path_bdp(&m->path, rate, GAIN_1 / 2);
	cwnd = max64(cwnd, (uint64_t)CWND_MIN_SEGS * s->mss);
	c->cwnd_bytes = (uint32_t)min64(cwnd, UINT32_MAX - 1);
	c->pacing_rate = rate * pacing_gain(m, s) / GAIN_1;
	if (m->phase == STARTUP && m->back)
		c->pacing_rate = min64(c->pacing_rate, m->peak);
	if (s->srtt_us != 0) /* of a few bytes, of which some were lost, it may have learnt anything */
		c->pacing_rate = max64(c->pacing_rate, PACE_MIN_SEGS * s->mss * US_PER_S / s->srtt_us);
	if (start)
		decide_start(m, s, c);
	apart = m->phase == LOW || (m->phase == DRAIN && m->overflowed) ||
		(start && m->phase_rounds < MARK_ROUNDS);
	c->told = m->mark;
	c->mark = apart ? m->mark : 0;
	c->path_rate = rate;
	c->medium_loss_ppm = kcp_path_loss(&m->path);
	c->phase = phase_names[m->phase];
}

static void model_init(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	struct model *m = state;

	*m = (struct model){
		.phase = STARTUP,
		.phase_us = s->now_us,
		.mark = MARK_FIRST,
		.probe = { .age = PROBE_ECHO, .shift = PROBE_SHIFT_MIN },
		.random = (uint32_t)s->now_us,
	};
	kcp_path_init(&m->path, s);
	decide(m, s, control);
}

static void model_update(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	struct model *m = state;

	kcp_path_note(&m->path, s);
	m->round.timeout |= s->timeout;
	note_rtt(m, s);
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
