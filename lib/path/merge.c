/* merge.c - samples of members become samples of their path. */
#include "path_impl.h"

#define BACK_FRESH_US UINT64_C(30000)

/* ---- the way back ------------------------------------------------------------------- */

static bool knows_back(const struct path *p, uint64_t now_us)
{
	return p->back_at_us != 0 && now_us - p->back_at_us <= BACK_FRESH_US;
}

static uint32_t back_us(const struct path *p, uint64_t now_us)
{
	return knows_back(p, now_us) ? p->back_us : 0;
}

/* What comes, comes for all the same way. */
static void merge_back(struct path *p, const struct kcp_cc_sample *s, struct kcp_cc_sample *out)
{
	if (s->back_us != UINT32_MAX) {
		p->back_us = s->back_us;
		p->back_at_us = s->now_us;
	} else if (knows_back(p, s->now_us)) {
		out->back_us = p->back_us;
	}
}

/* ---- looks -------------------------------------------------------------------------- */

static const struct path_look *look_before(const struct path *p, unsigned age)
{
	return &p->looks[(p->look_next + LOOKS - 1 - age) % LOOKS];
}

/* The latest at `us` or before; NULL when that is too long ago. */
static const struct path_look *look_at(const struct path *p, uint64_t us)
{
	unsigned low = 0, high = p->look_count; /* by age: newest first */

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (look_before(p, middle)->at_us <= us)
			high = middle;
		else
			low = middle + 1;
	}
	return low < p->look_count ? look_before(p, low) : NULL;
}

static void look(struct path *p, uint64_t now_us)
{
	uint64_t apart = p->srtt_us != 0 ? max64(p->srtt_us / LOOKS_PER_ROUND, 1) : LOOK_US;

	if (p->looks == NULL || (p->look_count > 0 && now_us - look_before(p, 0)->at_us < apart))
		return;
	p->looks[p->look_next] = (struct path_look){
		.at_us = now_us,
		.delivered_bytes = p->delivered_bytes,
		.lost_bytes = p->lost_bytes,
		.delivered_us = p->delivered_us,
		.first_us = p->first_us,
		.back_us = back_us(p, now_us),
		.inflight_bytes = (uint32_t)min64(p->inflight_bytes, UINT32_MAX),
		.app_limited = p->app_limited_until != 0,
	};
	p->look_next = (p->look_next + 1) % LOOKS;
	p->look_count += p->look_count < LOOKS;
}

/* ---- sums --------------------------------------------------------------------------- */

static void count_windows(struct path *p, struct path_member *m, uint32_t snd_wnd, uint32_t rmt_wnd)
{
	p->snd_wnd += snd_wnd - (uint64_t)m->snd_wnd;
	p->rmt_wnd += rmt_wnd - (uint64_t)m->rmt_wnd;
	m->snd_wnd = snd_wnd;
	m->rmt_wnd = rmt_wnd;
}

static void count_inflight(struct path *p, struct path_member *m, uint32_t bytes)
{
	p->inflight_bytes += bytes - (uint64_t)m->inflight_bytes;
	m->inflight_bytes = bytes;
}

void path_untime(struct path *p, struct path_member *m)
{
	if (!m->timed)
		return;
	m->timed = false;
	p->timed--;
	p->timed_sum_us -= m->heard_us;
}

static void be_sole(struct path *p, const struct path_member *m, uint64_t now_us)
{
	if (p->sole == m)
		return;
	p->sole = m;
	p->sole_since_us = now_us;
}

/* Members are acknowledged at different times, so the total just after one was is ahead of the
 * time, or behind it.  The total belongs to the mean of the times at which those that fill the path were
 * acknowledged last; the rates measured would else be as much too high at times, and those are what a
 * controller remembers. */
static void note_delivery(struct path *p, struct path_member *m, uint64_t now_us)
{
	p->heard_us = now_us;
	if (m->limited) {
		path_untime(p, m);
		m->timed = true;
		m->heard_us = now_us;
		p->timed++;
		p->timed_sum_us += now_us;
	}
	if (p->timed > 0)
		p->delivered_us = max64(p->delivered_us, p->timed_sum_us / p->timed);
	else if (p->limited == 0)
		p->delivered_us = now_us;
}

static void count_totals(struct path *p, struct path_member *m, const struct kcp_cc_sample *s)
{
	if (s->delivered_bytes == m->delivered_bytes && s->lost_total_bytes == m->lost_bytes)
		return;
	be_sole(p, m, s->now_us);
	if (s->delivered_bytes != m->delivered_bytes)
		note_delivery(p, m, s->now_us);
	p->delivered_bytes += s->delivered_bytes - m->delivered_bytes;
	p->lost_bytes += s->lost_total_bytes - m->lost_bytes; /* fewer, when some arrived after all */
	m->delivered_bytes = s->delivered_bytes;
	m->lost_bytes = s->lost_total_bytes;
}

/* Time in which nothing was in flight does not count. */
static void note_pause(struct path *p, uint64_t now_us)
{
	if (p->inflight_bytes == 0)
		p->first_us = p->delivered_us = now_us;
}

/* The path's rate is no measure of it until what was in flight when nobody wanted more has
 * arrived, or was lost. */
static void note_limit(struct path *p)
{
	uint64_t settled = p->delivered_bytes + p->lost_bytes;

	if (p->limited == 0)
		p->app_limited_until = settled + max64(p->inflight_bytes, 1);
	else if (settled > p->app_limited_until)
		p->app_limited_until = 0;
}

void path_merge_joins(struct path *p, struct path_member *m, const struct kcp_cc_sample *s)
{
	m->delivered_bytes = s->delivered_bytes;
	m->lost_bytes = s->lost_total_bytes;
	count_windows(p, m, s->snd_wnd, s->rmt_wnd);
	count_inflight(p, m, s->inflight_bytes);
	note_pause(p, s->now_us);
	if (p->members == 1)
		be_sole(p, m, s->now_us);
}

void path_merge_leaves(struct path *p, struct path_member *m)
{
	count_windows(p, m, 0, 0);
	count_inflight(p, m, 0);
	if (p->sole == m)
		p->sole = NULL;
}

/* ---- samples ------------------------------------------------------------------------ */

/* The member alone used the path, so that its own measures are exact. */
static void rate_of_sole(const struct path *p, const struct kcp_cc_sample *s, struct kcp_cc_sample *out)
{
	out->prior_delivered_bytes = p->delivered_bytes -
				     (s->delivered_bytes - s->prior_delivered_bytes);
	out->prior_lost_bytes = p->lost_bytes - (s->lost_total_bytes - s->prior_lost_bytes);
}

static void rate_of_all(const struct path *p, const struct kcp_cc_sample *s, struct kcp_cc_sample *out)
{
	const struct path_look *then = p->looks != NULL ? look_at(p, s->tx_sent_us) : NULL;
	uint64_t send, ack, rtt = s->now_us - s->tx_sent_us;
	uint32_t back = back_us(p, s->now_us);

	out->interval_us = 0;
	if (then == NULL)
		return;
	send = s->tx_sent_us > then->first_us ? s->tx_sent_us - then->first_us : 0;
	ack = p->delivered_us > then->delivered_us ? p->delivered_us - then->delivered_us : 0;
	if (then->back_us > back) /* what was told came sooner after the last than it had arrived */
		ack += then->back_us - back;
	/* No less than the round trip: what is less is no measure, whatever the mean times say. */
	out->interval_us = (uint32_t)min64(max64(max64(send, ack), rtt), UINT32_MAX);
	out->prior_delivered_bytes = then->delivered_bytes;
	out->prior_lost_bytes = then->lost_bytes;
	out->tx_inflight_bytes = max32(s->tx_inflight_bytes, then->inflight_bytes);
	out->app_limited = then->app_limited;
}

static void merge_rate(struct path *p, const struct path_member *m, const struct kcp_cc_sample *s,
		       struct kcp_cc_sample *out)
{
	out->delivered_bytes = p->delivered_bytes;
	out->lost_total_bytes = p->lost_bytes;
	if (p->sole == m && s->tx_sent_us >= p->sole_since_us)
		rate_of_sole(p, s, out);
	else if (s->interval_us != 0)
		rate_of_all(p, s, out);
	if (s->interval_us != 0)
		p->first_us = max64(p->first_us, s->tx_sent_us);
}

/* Small traffic is acknowledged later than what comes in trains, so beside those its round trips say
 * less of the path, and look like jitter; unless one is the least of all. */
static bool tells_rtt(const struct path *p, const struct path_member *m, uint32_t rtt_us)
{
	return m->limited || p->limited == 0 || rtt_us < p->min_rtt_us;
}

/* A member's own mean is an old one if it paused. */
static void merge_rtt(struct path *p, const struct path_member *m, const struct kcp_cc_sample *s,
		      struct kcp_cc_sample *out)
{
	if (!tells_rtt(p, m, s->rtt_us))
		out->rtt_us = 0;
	if (p->srtt_us == 0 || p->sole == m)
		p->srtt_us = s->srtt_us != 0 ? s->srtt_us : p->srtt_us;
	else if (out->rtt_us != 0)
		p->srtt_us = max32(1, (uint32_t)((7 * (uint64_t)p->srtt_us + s->rtt_us) / 8));
	if (s->min_rtt_us != 0)
		p->min_rtt_us = s->min_rtt_us;
	out->srtt_us = p->srtt_us;
	out->min_rtt_us = p->min_rtt_us;
}

void path_merge(struct path *p, struct path_member *m, const struct kcp_cc_sample *s,
		struct kcp_cc_sample *out)
{
	*out = *s;
	count_windows(p, m, s->snd_wnd, s->rmt_wnd);
	count_inflight(p, m, s->inflight_bytes);
	count_totals(p, m, s);
	note_limit(p);
	merge_back(p, s, out);
	merge_rtt(p, m, s, out);
	merge_rate(p, m, s, out);
	note_pause(p, s->now_us);
	look(p, s->now_us);
	out->snd_wnd = (uint32_t)min64(p->snd_wnd, UINT32_MAX);
	out->rmt_wnd = (uint32_t)min64(p->rmt_wnd, UINT32_MAX);
	out->inflight_bytes = (uint32_t)min64(p->inflight_bytes, UINT32_MAX);
	out->limited = p->limited > 0;
	/* Somebody else was heard. */
	if (p->sole != m && p->heard_us + p->srtt_us >= s->now_us)
		out->silent_rounds = 0;
}
