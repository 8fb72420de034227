/* world.h - two sessions joined by a simulated network, with an application at
 * each end that sends known bytes and checks those that come. */
#ifndef KT_SIM_WORLD_H
#define KT_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "net.h"
#include "session.h"

enum { WORLD_FLOWS_MAX = 64 };

/* What one stream carries.  Directions: 0 from the client, 1 from the server. */
struct flow_plan {
	uint64_t open_at_us;
	uint32_t bytes[2];
	bool wait_for_eof[2];      /* this end sends its FIN only after the other's */
	uint32_t read_pause_us[2]; /* its reader rests so long between reads, 0: never */
	uint32_t read_chunk[2];    /* and takes so much at once */
};

struct world_params {
	const char *name;
	struct net_params net[2];
	struct session_config cfg[2]; /* env pointers are filled in by the world */
	const char *crypt;
	bool qpp;
	uint64_t time_max_us;  /* virtual time the run may take */
	unsigned verify_every; /* steps between two full checks of the invariants */
	unsigned flow_count;
	struct flow_plan flows[WORLD_FLOWS_MAX];
	double resent_share_max; /* of data segments sent by the busier end; 1: any */
	double stall_us_max;     /* longest wait of any open stream for a byte, 0: any */
};

struct world_result {
	bool good;
	char why[256];
	uint64_t steps, time_us;
	uint64_t bytes;
	double resent_share;
	struct counters counters[2];
	struct net_stats net[2];
	uint64_t longest_stall_us;
	size_t peak_rcv_segs;
};

void world_run(const struct world_params *p, uint64_t seed, struct world_result *result);
/* Free what runs share. */
void world_cleanup(void);

#endif
