/* fec_tune.c - finds the sender's (ds, ps) from what arrives. */
#include "fec_tune.h"

#include <assert.h>
#include <string.h>

#include "fec_rs.h"

enum {
	MISFIT_WEIGHT = 8,      /* one misfit in nine packets keeps suspicion where it is */
	SUSPICION_TRUSTED = 32, /* at and above it, nothing is rebuilt */
	SUSPICION_MAX = 64,     /* so that trust returns soon */
	SETS_HEARD = 2,         /* evidence to adopt: this many sets' worth of packets, */
	PARITY_HEARD = 2,       /* this many parity packets, */
	MISFITS = 3,            /* and so many failures of the numbers in force */
};

static void start_learning(struct fec_tune *t, enum fec_tune_state state)
{
	t->state = state;
	t->heard = 0;
	t->parity_heard = 0;
	t->misfits = 0;
	t->alive_count = 0;
	for (unsigned n = 2; n <= FEC_SHARDS_MAX; n++) {
		t->alive[t->alive_count++] = (uint8_t)n;
		t->ds_min[n] = 1;
		t->ds_max[n] = (uint8_t)(n - 1);
	}
}

void fec_tune_init(struct fec_tune *t, unsigned ds, unsigned ps)
{
	memset(t, 0, sizeof(*t));
	t->ds = ds;
	t->ps = ps;
	t->state = FEC_TUNE_PROVEN;
	if (ds == 0)
		start_learning(t, FEC_TUNE_GUESSED);
}

void fec_tune_doubt(struct fec_tune *t)
{
	start_learning(t, FEC_TUNE_GUESSED);
}

static void suspect(struct fec_tune *t, bool fits)
{
	if (!fits)
		t->suspicion += MISFIT_WEIGHT;
	else if (t->suspicion > 0)
		t->suspicion--;
	if (t->suspicion > SUSPICION_MAX)
		t->suspicion = SUSPICION_MAX;
}

/* Narrow the interval of n; false when n is out. */
static bool narrow(struct fec_tune *t, unsigned n, uint32_t seqid, bool is_data)
{
	uint32_t position = seqid % n;

	if (is_data && position >= t->ds_min[n])
		t->ds_min[n] = (uint8_t)(position + 1);
	else if (!is_data && position < t->ds_max[n])
		t->ds_max[n] = (uint8_t)position;
	return t->ds_min[n] <= t->ds_max[n] && seqid < rs_paws(n);
}

static void learn(struct fec_tune *t, uint32_t seqid, bool is_data)
{
	unsigned i = 0;

	while (i < t->alive_count) {
		if (narrow(t, t->alive[i], seqid, is_data))
			i++;
		else
			t->alive[i] = t->alive[--t->alive_count];
	}
}

/* Has all but one pair of numbers been ruled out, by enough of evidence? */
static bool decided(const struct fec_tune *t)
{
	unsigned n = t->alive[0];

	return t->alive_count == 1 && t->ds_min[n] == t->ds_max[n] && t->heard >= SETS_HEARD * n &&
	       t->parity_heard >= PARITY_HEARD;
}

bool fec_tune_input(struct fec_tune *t, uint32_t seqid, bool is_data, bool fits, unsigned *ds,
		    unsigned *ps)
{
	suspect(t, fits);
	if (t->state == FEC_TUNE_PROVEN) {
		/* The packet that raised the doubt may be a stray: it is no evidence. */
		if (!fits)
			start_learning(t, FEC_TUNE_DOUBTED);
		return false;
	}
	if (t->heard < UINT32_MAX)
		t->heard++;
	t->parity_heard += !is_data && t->parity_heard < PARITY_HEARD;
	t->misfits += !fits && t->misfits < MISFITS;
	learn(t, seqid, is_data);
	if (t->alive_count == 0)
		start_learning(t, t->state);
	if (!decided(t))
		return false;
	*ds = t->ds_min[t->alive[0]];
	*ps = t->alive[0] - *ds;
	if (*ds == t->ds && *ps == t->ps) {
		t->state = FEC_TUNE_PROVEN;
		return false;
	}
	return t->misfits >= MISFITS;
}

bool fec_tune_trusted(const struct fec_tune *t)
{
	return t->suspicion < SUSPICION_TRUSTED;
}

void fec_tune_verify(const struct fec_tune *t)
{
	assert((t->ds == 0 && t->ps == 0) || rs_valid(t->ds, t->ps));
	assert(t->ds != 0 || t->state == FEC_TUNE_GUESSED);
	assert(t->suspicion <= SUSPICION_MAX);
	if (t->state == FEC_TUNE_PROVEN)
		return;
	assert(t->alive_count >= 1 && t->alive_count < FEC_SHARDS_MAX);
	for (unsigned i = 0; i < t->alive_count; i++) {
		unsigned n = t->alive[i];

		assert(n >= 2);
		assert(t->ds_min[n] >= 1 && t->ds_min[n] <= t->ds_max[n] && t->ds_max[n] < n);
	}
}
