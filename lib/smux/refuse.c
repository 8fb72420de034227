/* refuse.c - the FINs that are owed for SYNs without there being a stream. */
#include <stdlib.h>

#include "smux_impl.h"

/* The answers are bounded: a peer that opens more than SMUX_REFUSALS_MAX streams beyond its
 * limit without ever reading what we say is not owed more. */
void smux_refuse(struct smux *m, uint32_t sid)
{
	struct smux_refusals *r = &m->refusals;

	m->stats.streams_refused++;
	if (r->sids == NULL)
		r->sids = malloc(SMUX_REFUSALS_MAX * sizeof(*r->sids));
	if (r->sids == NULL || r->count == SMUX_REFUSALS_MAX)
		return;
	r->sids[(r->head + r->count) % SMUX_REFUSALS_MAX] = sid;
	r->count++;
}

uint32_t smux_pop_refusal(struct smux *m)
{
	struct smux_refusals *r = &m->refusals;
	uint32_t sid = r->sids[r->head];

	r->head = (r->head + 1) % SMUX_REFUSALS_MAX;
	r->count--;
	if (r->count == 0) {
		free(r->sids);
		*r = (struct smux_refusals){ .sids = NULL };
	}
	return sid;
}
