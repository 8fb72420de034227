/* path.c - one way through the network that several conversations share. */
#include "path_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct path *path_new(const struct kcp_cc *cc)
{
	struct path *p = calloc(1, sizeof(*p));

	assert(cc->state_size <= KCP_CC_STATE_MAX);
	if (p != NULL)
		p->cc = cc;
	return p;
}

void path_free(struct path *p)
{
	if (p == NULL)
		return;
	assert(p->members == 0);
	free(p->looks);
	free(p);
}

/* Without memory for looks the rate is measured only while one member has the path to itself. */
void path_join(struct path *p, struct path_member *m)
{
	*m = (struct path_member){ .path = p };
	if (++p->members > 1 && p->looks == NULL)
		p->looks = calloc(LOOKS, sizeof(*p->looks));
}

void path_leave(struct path_member *m)
{
	struct path *p = m->path;

	if (p == NULL)
		return;
	path_demand_ends(p, m);
	path_merge_leaves(p, m);
	p->members--;
	m->path = NULL;
}

/* ---- the controller's turn ------------------------------------------------------------ */

static void begin(struct path *p, const struct kcp_cc_sample *s)
{
	p->known = true;
	p->heard_us = s->now_us;
	p->control = (struct kcp_cc_control){ .cwnd_bytes = UINT32_MAX };
	memset(&p->state, 0, sizeof(p->state));
	p->cc->init(p->state.bytes, s, &p->control);
}

static bool forgotten(const struct path *p, uint64_t now_us)
{
	return !p->known || now_us - p->heard_us > PATH_KEEP_US;
}

static void member_init(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	struct path_member *m = s->arg;
	struct path *p = m->path;

	(void)state;
	path_demand_ends(p, m);
	path_merge_joins(p, m, s);
	m->updated_us = s->now_us;
	if (forgotten(p, s->now_us))
		begin(p, s);
	path_split(p, m, s->mss, control);
}

static void member_update(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	struct path_member *m = s->arg;
	struct path *p = m->path;
	struct kcp_cc_sample merged;

	(void)state;
	path_demand(p, m, s);
	path_merge(p, m, s, &merged);
	p->cc->update(p->state.bytes, &merged, &p->control);
	path_split(p, m, s->mss, control);
}

const struct kcp_cc path_cc = {
	.name = "path",
	.init = member_init,
	.update = member_update,
};

/* ---- looking --------------------------------------------------------------------------- */

const char *path_cc_name(const struct path *p)
{
	return p->cc->name;
}

unsigned path_members(const struct path *p)
{
	return p->members;
}

uint64_t path_heard_us(const struct path *p)
{
	return p->heard_us;
}

size_t path_mtu(const struct path *p)
{
	return p->mtu;
}

void path_set_mtu(struct path *p, size_t bytes)
{
	p->mtu = bytes;
}

size_t path_memory(const struct path *p)
{
	return sizeof(*p) + (p->looks != NULL ? LOOKS * sizeof(*p->looks) : 0);
}

const struct kcp_cc_control *path_control(const struct path *p)
{
	return &p->control;
}

void path_verify(const struct path *p)
{
	uint64_t use = 0, inflight = 0;
	unsigned active = 0, limited = 0;

	for (const struct path_member *m = p->newest; m != NULL; m = m->older) {
		assert(m->path == p && m->active);
		assert(m->older == NULL ? p->oldest == m : m->older->newer == m);
		assert(m->older == NULL || m->older->updated_us <= m->updated_us);
		active++;
		limited += m->limited;
		use += m->limited ? 0 : m->use;
		inflight += m->inflight_bytes;
	}
	assert(active == p->active && active <= p->members);
	assert(limited == p->limited);
	assert(use == p->use);
	assert(inflight <= p->inflight_bytes);
	assert(p->members > 0 || p->inflight_bytes == 0);
	assert(p->members > 0 || (p->snd_wnd == 0 && p->rmt_wnd == 0));
	for (unsigned i = 1; i < p->look_count; i++)
		assert(p->looks[(p->look_next + LOOKS - i) % LOOKS].at_us >
		       p->looks[(p->look_next + LOOKS - i - 1) % LOOKS].at_us);
}
