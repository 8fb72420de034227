/* fec_tune.h - finds the sender's (ds, ps) from what arrives (private to fec).
 *
 * Sets are aligned at multiples of n = ds + ps, also where seqid wraps, so a
 * packet says by itself: "seqid mod n is below ds" (data) or "is not" (parity).
 * For every n from 2 to 255 an interval of possible ds is kept; data moves its
 * lower end up, parity moves its upper end down, and an n whose interval is
 * empty is out.  The true n is never ruled out by a true packet, and all others
 * soon are.  Loss, reordering and repeats do not matter, since no packet is
 * ever compared with its neighbour.
 *
 * One lie can rule out the truth; then soon nothing is left, and learning begins
 * anew.  The numbers in force change only when the numbers found stand alone,
 * have explained two sets' worth of packets, and those in force have failed
 * several times meanwhile. */
#ifndef KT_FEC_TUNE_H
#define KT_FEC_TUNE_H

#include "fec.h"

/* How much the numbers in force are worth.
 *
 *     GUESSED --they alone explain what came--> PROVEN --a misfit--> DOUBTED --likewise--> PROVEN
 *
 * From GUESSED and DOUBTED other numbers may be adopted instead, which are PROVEN then. */
enum fec_tune_state {
	FEC_TUNE_GUESSED, /* or there are none: learning, nothing may be rebuilt */
	FEC_TUNE_PROVEN,  /* nothing but ds, ps can explain what came, or they were known */
	FEC_TUNE_DOUBTED, /* were proven, and are learnt anew: used for as long as they are trusted */
};

struct fec_tune {
	unsigned ds, ps; /* in force; 0, 0: none yet */
	enum fec_tune_state state;
	unsigned suspicion; /* up with each packet that does not fit, down with each that does */
	/* what was learnt, but for FEC_TUNE_PROVEN */
	unsigned heard; /* packets since learning began */
	unsigned parity_heard;
	unsigned misfits; /* of them, those that the numbers in force do not explain */
	unsigned alive_count;
	uint8_t alive[FEC_SHARDS_MAX];      /* the n that are still possible, in no order */
	uint8_t ds_min[FEC_SHARDS_MAX + 1]; /* by n, inclusive */
	uint8_t ds_max[FEC_SHARDS_MAX + 1];
};

/* Start with these numbers in force; 0, 0 for none. */
void fec_tune_init(struct fec_tune *t, unsigned ds, unsigned ps);
/* The numbers in force are no more than a guess. */
void fec_tune_doubt(struct fec_tune *t);

/* Is there nothing to tell to fec_tune_input() but a misfit? */
static inline bool fec_tune_quiet(const struct fec_tune *t)
{
	return t->state == FEC_TUNE_PROVEN && t->suspicion == 0;
}

/* A packet came; `fits` if the numbers in force explain it.  True when other
 * numbers should be adopted: *ds, *ps.  The caller then does fec_tune_init(). */
bool fec_tune_input(struct fec_tune *t, uint32_t seqid, bool is_data, bool fits, unsigned *ds,
		    unsigned *ps);

/* Do the numbers in force explain enough of what came lately? */
bool fec_tune_trusted(const struct fec_tune *t);

void fec_tune_verify(const struct fec_tune *t);

#endif
