/* refuse.c - the resets that are owed for SYNs without there being a stream. */
#include <stdlib.h>

#include "smux_impl.h"

/* The place of the i-th, oldest first. */
static uint32_t *place(struct smux_refusals *r, unsigned i)
{
	return r->many != NULL ? &r->many[(r->head + i) % SMUX_REFUSALS_MAX]
			       : &r->few[(r->head + i) % SMUX_REFUSALS_FEW];
}

static bool make_room(struct smux_refusals *r)
{
	uint32_t *many;

	if (r->many != NULL)
		return r->count < SMUX_REFUSALS_MAX;
	if (r->count < SMUX_REFUSALS_FEW)
		return true;
	many = malloc(SMUX_REFUSALS_MAX * sizeof(*many));
	if (many == NULL)
		return false;
	for (unsigned i = 0; i < r->count; i++)
		many[i] = *place(r, i);
	r->many = many;
	r->head = 0;
	return true;
}

/* The answers are bounded: a peer that opens more than SMUX_REFUSALS_MAX streams beyond its
 * limit without ever reading what we say is not owed more. */
void smux_refuse(struct smux *m, uint32_t sid)
{
	struct smux_refusals *r = &m->refusals;

	m->stats.streams_refused++;
	if (!make_room(r))
		return;
	*place(r, r->count) = sid;
	r->count++;
}

uint32_t smux_pop_refusal(struct smux *m)
{
	struct smux_refusals *r = &m->refusals;
	uint32_t sid = *place(r, 0);

	r->head = (r->head + 1) % (r->many != NULL ? SMUX_REFUSALS_MAX : SMUX_REFUSALS_FEW);
	r->count--;
	if (r->count == 0) {
		free(r->many);
		*r = (struct smux_refusals){ .many = NULL };
	}
	return sid;
}
