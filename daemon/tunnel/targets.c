/* targets.c - which of a server's targets a stream is connected to. */
#include "targets.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void targets_set(struct targets *s, unsigned count)
{
	assert(count <= CONF_ADDRS_MAX);
	s->count = count;
	s->edition++;
	memset(s->each, 0, sizeof(s->each));
}

static bool rests(const struct target_state *one, uint64_t now_us)
{
	return now_us < one->rests_until_us;
}

unsigned targets_order(struct targets *s, uint64_t now_us, uint8_t order[static CONF_ADDRS_MAX])
{
	bool resting[CONF_ADDRS_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < s->count; i++) {
		resting[i] = rests(&s->each[i], now_us);
		if (!resting[i])
			order[n++] = (uint8_t)i;
		if (!resting[i] &&
		    s->each[i].failed) /* this stream finds out, the others need not wait for it */
			s->each[i].rests_until_us = now_us + TARGETS_REST_US;
	}
	for (unsigned i = 0; i < s->count; i++)
		if (resting[i])
			order[n++] = (uint8_t)i;
	return n;
}

void targets_slow(struct targets *s, unsigned i, uint64_t now_us)
{
	assert(i < s->count);
	s->each[i].rests_until_us = now_us + TARGETS_REST_US;
}

void targets_failed(struct targets *s, unsigned i, uint64_t now_us, const char *why)
{
	struct target_state *one = &s->each[i];

	assert(i < s->count);
	one->failed = true;
	one->rests_until_us = now_us + TARGETS_REST_US;
	snprintf(one->why, sizeof(one->why), "%s", why);
}

bool targets_worked(struct targets *s, unsigned i)
{
	struct target_state *one = &s->each[i];
	bool again = one->failed;

	assert(i < s->count);
	one->failed = false;
	one->rests_until_us = 0;
	return again;
}
