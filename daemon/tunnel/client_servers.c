/* client_servers.c - which of a client's servers new sessions go to, and when those before it are tried again. */
#include "client_servers.h"

#include <assert.h>

void servers_init(struct servers *s, unsigned count)
{
	assert(count > 0);
	assert(count <= CONF_ADDRS_MAX);
	*s = (struct servers){ .count = count };
}

void servers_doubt(struct servers *s, unsigned i)
{
	assert(i < s->count);
	s->at[i].doubtful = true;
}

void servers_heard(struct servers *s, unsigned i)
{
	assert(i < s->count);
	s->at[i].doubtful = false;
}

/* Of those before it that which served did not answer, and the others did not before. */
bool servers_take_over(struct servers *s, unsigned i, uint64_t now_us)
{
	unsigned before = s->serving;

	servers_heard(s, i);
	if (i == before)
		return false;
	s->serving = i;
	for (unsigned j = before < i ? before : i; j < i; j++) {
		s->at[j].doubtful = true;
		s->at[j].vain = 0;
		s->at[j].try_us = now_us + SERVERS_TRY_MIN_US;
	}
	return true;
}

unsigned servers_next(const struct servers *s, servers_mask tried)
{
	if (!(tried & 1u << s->serving))
		return s->serving;
	for (unsigned i = 0; i < s->count; i++)
		if (!(tried & 1u << i))
			return i;
	return s->count;
}

unsigned servers_due(const struct servers *s, uint64_t now_us)
{
	for (unsigned i = 0; i < s->serving; i++)
		if (s->at[i].try_us <= now_us)
			return i;
	return s->count;
}

uint64_t servers_due_us(const struct servers *s)
{
	uint64_t at_us = UINT64_MAX;

	for (unsigned i = 0; i < s->serving; i++)
		if (s->at[i].try_us < at_us)
			at_us = s->at[i].try_us;
	return at_us;
}

void servers_tried_in_vain(struct servers *s, unsigned i, uint64_t now_us)
{
	uint64_t wait_us = SERVERS_TRY_MIN_US;

	assert(i < s->count);
	s->at[i].doubtful = true;
	s->at[i].vain++;
	for (unsigned n = 0; n < s->at[i].vain && wait_us < SERVERS_TRY_MAX_US; n++)
		wait_us *= 2;
	s->at[i].try_us = now_us + (wait_us < SERVERS_TRY_MAX_US ? wait_us : SERVERS_TRY_MAX_US);
}
