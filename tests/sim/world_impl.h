/* world_impl.h - what the files of a world share; nobody else includes it.
 *
 *     world_app.c  the applications at both ends of each stream
 *     world.c      sessions, packets, time, and what is checked */
#ifndef KT_SIM_WORLD_IMPL_H
#define KT_SIM_WORLD_IMPL_H

#include "seal.h"
#include "world.h"

/* One end of a stream. */
struct end {
	struct smux_stream *stream;
	uint32_t sent, received;
	bool shut, eof, released, writable;
	uint64_t read_at_us;  /* next read allowed */
	uint64_t progress_us; /* last byte in */
};

struct flow {
	struct end end[2];
	uint32_t sid;
	bool opened, cut;
};

/* What the sessions of one end share. */
struct node {
	struct seal *seal;
	struct packet_pool packets;
	struct batch out;
	struct fifo_pool fifos;
	struct session_scratch scratch;
};

/* A session's one end. */
struct leg {
	struct session *session;
	struct net *net; /* for what it sends */
	uint64_t in_pkts, out_pkts;
	unsigned spins; /* turns in a row after which it was due at once */
	bool woken;     /* there is memory that it waited for */
};

struct world {
	const struct world_params *p;
	struct world_result *r;
	uint64_t start_us, now_us, seed; /* plans count from start_us */
	struct node node[2];
	struct leg leg[WORLD_SESSIONS_MAX][2];
	struct flow *flows;
	unsigned done; /* ends that are through */
};

/* The first failure is the one that is told. */
__attribute__((format(printf, 2, 3))) void world_fail(struct world *w, const char *fmt, ...);

/* ---- world_app.c ----------------------------------------------------------------- */

void world_open_flows(struct world *w);
/* Hear the news of a session's streams. */
void world_hear(struct world *w, unsigned s, unsigned side);
/* Let the applications of a session read and write. */
void world_apps_turn(struct world *w, unsigned s, unsigned side);
/* When an application wants to act next. */
uint64_t world_apps_deadline(const struct world *w);

#endif
