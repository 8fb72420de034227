/* transform.c - what the bytes of a stream go through on their way. */
#include <assert.h>

#include "smux_impl.h"

static void *state_out(struct smux_stream *st)
{
	return st->transform_state;
}

static void *state_in(struct smux_stream *st)
{
	return st->transform_state + st->m->cfg.transform->state_bytes;
}

size_t smux_transform_bytes(const struct smux *m)
{
	return m->cfg.transform != NULL ? 2 * m->cfg.transform->state_bytes : 0;
}

void smux_transform_start(struct smux_stream *st)
{
	const struct smux_config *cfg = &st->m->cfg;

	if (cfg->transform == NULL)
		return;
	cfg->transform->start(cfg->transform_key, state_out(st));
	cfg->transform->start(cfg->transform_key, state_in(st));
}

void smux_transform_written(struct smux_stream *st, struct span bytes)
{
	const struct smux_config *cfg = &st->m->cfg;

	if (cfg->transform != NULL)
		cfg->transform->out(cfg->transform_key, state_out(st), bytes);
}

void smux_transform_peeked(struct smux_stream *st, const struct span *pieces, size_t count)
{
	const struct smux_config *cfg = &st->m->cfg;
	size_t seen = 0;

	for (size_t i = 0; cfg->transform != NULL && i < count; i++) {
		struct span fresh = pieces[i];
		size_t skip = st->plain > seen ? st->plain - seen : 0;

		seen += pieces[i].n;
		if (skip >= fresh.n)
			continue;
		fresh.p += skip;
		fresh.n -= skip;
		cfg->transform->in(cfg->transform_key, state_in(st), fresh);
		st->plain += fresh.n;
	}
}

void smux_transform_consumed(struct smux_stream *st, size_t n)
{
	if (st->m->cfg.transform == NULL)
		return;
	assert(n <= st->plain); /* only what was seen can be taken */
	st->plain -= n;
}
