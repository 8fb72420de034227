/* split.c - what the controller of a path allows is split among the members. */
#include "path_impl.h"

enum {
	BURST_SEGS = 10, /* of one that sends little */
	BURST_SEGS_MIN = 2,
	BURST_US = 2000,
	LATE_US = 50 * 1000,     /* timers of a busy host, at worst */
	WAIT_MAX_US = 50 * 1000, /* for the next segment */
	CWND_SEGS_MIN = 2,       /* so that nobody waits for others to be acknowledged */
};

#define US_PER_S UINT64_C(1000000)

struct others {
	unsigned limited;
	uint64_t use;
	uint64_t inflight_bytes;
};

static struct others others_of(const struct path *p, const struct path_member *m)
{
	return (struct others){
		.limited = p->limited - (m->active && m->limited),
		.use = p->use - (m->active && !m->limited ? m->use : 0),
		.inflight_bytes = p->inflight_bytes - m->inflight_bytes,
	};
}

/* Those that want less than their part leave the rest, and it is split evenly: for one that wants
 * less this is how far it may go before it is one of those that want more.  Nobody is told to wait for long:
 * the rate may rise meanwhile, and only its own acknowledgements would tell it. */
static uint64_t rate_part(const struct path *p, const struct others *o, uint32_t mss)
{
	uint64_t rate = p->control.pacing_rate, least = rate / (p->active + 1);
	uint64_t soon = mss * US_PER_S / WAIT_MAX_US;

	return max64((rate - min64(rate, o->use)) / (o->limited + 1), max64(least, soon));
}

/* All that is free, and no less than its part even if others have more than theirs. */
static uint32_t window_part(const struct path *p, const struct others *o, uint32_t mss)
{
	uint64_t all = p->control.cwnd_bytes;
	uint64_t part = max64(all - min64(all, o->inflight_bytes), all / (o->limited + 1));

	return (uint32_t)min64(max64(part, (uint64_t)CWND_SEGS_MIN * mss), UINT32_MAX - 1);
}

/* One that sends little says what it has to say at once.  Those that share the rest do not all come with
 * bursts as one alone might; but a host that is late with its timers must not slow them down. */
static uint32_t burst_part(const struct path *p, const struct path_member *m, uint64_t part,
			   uint32_t mss)
{
	bool little = !m->limited && m->use < part / 2;
	uint64_t rate = little ? p->control.pacing_rate : part;
	uint64_t most = (uint64_t)BURST_SEGS * mss, least = (uint64_t)BURST_SEGS_MIN * mss;
	uint64_t late = max64(min64(part * LATE_US / US_PER_S, most), least);

	if (little && p->control.burst_bytes != 0)
		return p->control.burst_bytes;
	return (uint32_t)min64(max64(little ? most : late, rate * BURST_US / US_PER_S), UINT32_MAX);
}

void path_split(const struct path *p, const struct path_member *m, uint32_t mss,
		struct kcp_cc_control *control)
{
	struct others o = others_of(p, m);

	*control = p->control;
	if (o.limited == 0 && o.use == 0 && o.inflight_bytes == 0)
		return;
	if (control->pacing_rate != 0) {
		control->pacing_rate = rate_part(p, &o, mss);
		control->burst_bytes = burst_part(p, m, control->pacing_rate, mss);
	}
	if (control->cwnd_bytes != UINT32_MAX)
		control->cwnd_bytes = window_part(p, &o, mss);
}
