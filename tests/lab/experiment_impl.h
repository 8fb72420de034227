/* experiment_impl.h - an experiment under way, which is run in one file and measured in another. */
#ifndef KT_LAB_EXPERIMENT_IMPL_H
#define KT_LAB_EXPERIMENT_IMPL_H

#include "experiment.h"
#include "load.h"
#include "rivals.h"
#include "world.h"

enum {
	LOADS_MAX = 4,
	FLOWS_MAX = EXPERIMENT_RIVALS_MAX + 1,
};

struct lab {
	struct spec s; /* with what is usual filled in */
	struct world world;
	struct tunnel *tunnel;
	struct load *bulk, *timed; /* what figures are of; NULL: none */
	struct rivals *rivals;     /* NULL: none */
	struct load *loads[LOADS_MAX];
	unsigned load_count;
	struct trace *trace;
	unsigned way; /* the data's direction */
	uint64_t from_us, to_us;
	struct tunnel_look before[2];
	double earlier[FLOWS_MAX]; /* what each flow had when the time for shares began */
	struct figures *f;
};

/* Each fills in figures of lab->f.  At the end of the load: */
void experiment_measure_link(struct lab *lab);
void experiment_measure_bulk(struct lab *lab);
void experiment_measure_back(struct lab *lab);
/* The same, of the last `seconds`. */
void experiment_measure_shares(struct lab *lab, double seconds);
/* After the grace: what is missing by then is. */
void experiment_measure_times(struct lab *lab);

/* What each flow has got so far, the tunnel first. */
void experiment_note_bytes(const struct lab *lab, double bytes[FLOWS_MAX]);

#endif
