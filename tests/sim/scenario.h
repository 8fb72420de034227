/* scenario.h - what the simulator runs: worlds by name, some of which are drawn from a seed. */
#ifndef KT_SIM_SCENARIO_H
#define KT_SIM_SCENARIO_H

#include "world.h"

struct scenario {
	const char *name, *what;
	void (*make)(struct world_params *p, struct rng *r);
	unsigned share; /* of the runs, per cent, if its seed makes it; 0: it runs once */
};

extern const struct scenario scenarios[];
extern const size_t scenario_count;

/* ---- scenarios.c: what scenarios are made of ------------------------------------------- */

/* A sound network of 10 ms, one session without a stream. */
void scenario_base(struct world_params *p);
struct flow_plan *scenario_flow(struct world_params *p, uint32_t up, uint32_t down);

/* ---- scenarios_drawn.c: everything from the seed ---------------------------------------- */

void scenario_any(struct world_params *p, struct rng *r);
void scenario_any_full(struct world_params *p, struct rng *r);
void scenario_roaming(struct world_params *p, struct rng *r);
void scenario_restarts(struct world_params *p, struct rng *r);
void scenario_replays(struct world_params *p, struct rng *r);
void scenario_replayed_openings(struct world_params *p, struct rng *r);
void scenario_outages(struct world_params *p, struct rng *r);
void scenario_mtu(struct world_params *p, struct rng *r);

#endif
