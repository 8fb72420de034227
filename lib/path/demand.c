/* demand.c - who of a path sends how much, and who wants more. */
#include "path_impl.h"

enum {
	USE_US = 100 * 1000, /* what was sent counts for about so long */
	/* One that had no update for so long and two round trips sends nothing. */
	ACTIVE_US = 100 * 1000,
};

#define US_PER_S UINT64_C(1000000)

static uint64_t counted_use(const struct path_member *m)
{
	return m->limited ? 0 : m->use;
}

static void unlink_active(struct path *p, struct path_member *m)
{
	if (m->newer != NULL)
		m->newer->older = m->older;
	else
		p->newest = m->older;
	if (m->older != NULL)
		m->older->newer = m->newer;
	else
		p->oldest = m->newer;
	m->newer = m->older = NULL;
}

static void link_newest(struct path *p, struct path_member *m)
{
	m->older = p->newest;
	m->newer = NULL;
	if (m->older != NULL)
		m->older->newer = m;
	else
		p->oldest = m;
	p->newest = m;
}

void path_demand_ends(struct path *p, struct path_member *m)
{
	if (!m->active)
		return;
	unlink_active(p, m);
	p->active--;
	p->limited -= m->limited;
	p->use -= counted_use(m);
	path_untime(p, m);
	m->active = false;
	m->limited = false;
	m->use = 0;
}

static void expire(struct path *p, uint64_t now_us)
{
	uint64_t us = ACTIVE_US + 2 * (uint64_t)p->srtt_us;

	while (p->oldest != NULL && now_us - p->oldest->updated_us > us)
		path_demand_ends(p, p->oldest);
}

/* What left since its last update.  A transmission that turned out to have been in vain is
 * missed: it does not matter. */
static uint64_t sent_bytes(const struct path_member *m, const struct kcp_cc_sample *s)
{
	int64_t sent = (int64_t)s->inflight_bytes - m->inflight_bytes + s->acked_bytes +
		       s->lost_bytes - s->spurious_bytes;

	return sent > 0 ? (uint64_t)sent : 0;
}

void path_demand(struct path *p, struct path_member *m, const struct kcp_cc_sample *s)
{
	uint64_t elapsed = s->now_us - m->updated_us;

	if (m->active) {
		unlink_active(p, m);
		p->limited -= m->limited;
		p->use -= counted_use(m);
	} else {
		m->active = true;
		p->active++;
	}
	m->use = (m->use * USE_US + sent_bytes(m, s) * US_PER_S) / (USE_US + elapsed);
	m->limited = s->limited || (m->limited && elapsed == 0); /* more was to come after that flush */
	m->updated_us = s->now_us;
	if (!m->limited)
		path_untime(p, m);
	link_newest(p, m);
	p->limited += m->limited;
	p->use += counted_use(m);
	expire(p, s->now_us);
}
