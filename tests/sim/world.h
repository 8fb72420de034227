/* world.h - a client and a server joined by a simulated network, with an application at each
 * end of each stream that sends known bytes and checks those that come.
 *
 * The sessions of an end share its pool and the path to the other, as those of a tunnel do.  The client may move from one
 * address to another, the server may forget everything, and somebody may repeat what he heard. */
#ifndef KT_SIM_WORLD_H
#define KT_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "net.h"
#include "session.h"

enum { WORLD_FLOWS_MAX = 2112, WORLD_SESSIONS_MAX = 4, WORLD_EVENTS_MAX = 16 };

/* What one stream carries.  Directions: 0 from the client, 1 from the server. */
struct flow_plan {
	unsigned session; /* of the client's, that carries it */
	uint64_t open_at_us;
	uint32_t bytes[2];
	bool wait_for_eof[2]; /* this end sends its FIN only after the other's */
	bool echo;            /* the server sends back what it reads, and reads no more than that */
	uint64_t read_from_us[2];  /* its reader does not come before */
	uint32_t read_pause_us[2]; /* it rests so long between reads, 0: never */
	uint32_t read_chunk[2];    /* and takes so much at once */
	uint64_t through_by_us;    /* both ends are through by then, 0: in the run's time */
};

enum world_event_kind {
	WORLD_MOVE, /* a NAT forgets the session's binding: what comes to the old address is lost */
	WORLD_MOVE_HOST, /* likewise, and the host is another */
	WORLD_SOCKET, /* the client opens another socket, and hears the old one until the new one brings something */
	WORLD_RESTART, /* of the server */
};

struct world_event {
	enum world_event_kind kind;
	uint64_t at_us;
	unsigned session;
};

/* Somebody who hears everything, and repeats it: from addresses of his own, and from the client's. */
struct attack_plan {
	bool on;
	bool opens; /* the server has no filter of nonces: he opens sessions, from addresses of his own */
	uint64_t from_us, until_us;
	uint32_t gap_us; /* between two trains of repeated datagrams, at most */
};

struct world_params {
	const char *name;
	unsigned session_count;
	struct net_params net[2];     /* from the client, from the server */
	struct session_config cfg[2]; /* likewise; env pointers and conv are filled in by the world */
	size_t pool_bytes[2];         /* of each end, SIZE_MAX: no bound */
	const char *crypt;
	bool qpp;
	bool shares_path; /* each side's sessions, that have a model of it */
	bool proven;      /* the server knows the client's hosts from before */
	bool watches;     /* the client asks a server that is silent */
	unsigned event_count;
	struct world_event events[WORLD_EVENTS_MAX]; /* by time */
	struct attack_plan attack;
	uint64_t time_max_us;  /* virtual time the run may take */
	unsigned verify_every; /* steps between two full checks of the invariants */
	unsigned flow_count;
	struct flow_plan flows[WORLD_FLOWS_MAX];
	unsigned resets_max;     /* flows that may be cut short */
	double resent_share_max; /* of data segments sent by the busier end; 1: any */
	double stall_us_max;     /* longest wait of any open stream for a byte, 0: any */
};

struct world_result {
	bool good;
	char why[256];
	uint64_t steps, time_us;
	uint64_t bytes;
	double resent_share;
	struct net_stats net[2];
	uint64_t longest_stall_us;
	size_t peak_rcv_segs;
	size_t peak_pool_bytes[2];
	unsigned resets; /* flows that were cut short for want of memory */
	unsigned lost;   /* flows of sessions that a restarted server did not know */
	unsigned sessions, moves, told, replays; /* opened, followed, told of as unknown, repeated */
};

void world_run(const struct world_params *p, uint64_t seed, struct world_result *result);
/* Free what runs share. */
void world_cleanup(void);

#endif
