/* world_impl.h - what the files of a world share; nobody else includes it.
 *
 *     world_app.c       the applications at both ends of each stream
 *     world_leg.c       one end of a session: its life and its turn in the loop
 *     world_client.c    the client's sessions, and the addresses that they are at
 *     world_server.c    which session a datagram is for, by the rules of admit.h
 *     world_attacker.c  who repeats what he heard
 *     world_check.c     what is checked
 *     world.c           time */
#ifndef KT_SIM_WORLD_IMPL_H
#define KT_SIM_WORLD_IMPL_H

#include "path.h"
#include "seal.h"
#include "world.h"

enum {
	DATAGRAM_MAX = 2048,
	SERVER_LEGS_MAX = 64,
	HOSTS_MAX = 32,
	SERVER_ADDRESS = 1 << 16,
	CLIENT_HOST = 2, /* the first; each that it moves to has a number of its own */
	ATTACKER_HOST = 1000,
	ATTACKER_ADDRESSES = 2,
};

struct leg;

/* One end of a stream.  A server has several of one flow when somebody repeats how it was opened. */
struct end {
	struct smux_stream *stream; /* NULL: not opened yet, or over */
	struct leg *leg;
	struct end *next; /* of the leg's */
	unsigned flow, side;
	uint32_t sent, received;
	bool shut, eof, writable;
	uint64_t read_at_us;  /* next read allowed */
	uint64_t progress_us; /* last byte in */
};

struct flow {
	uint32_t conv, sid;
	bool opened;
	bool through[2]; /* the end is; one of the server's, if it has several */
	bool cut;        /* short, for want of memory */
	bool lost;       /* with its session: neither end is waited for any more */
};

/* A host at the other end, and the path that the sessions to it share. */
struct world_host {
	uint32_t number;
	struct path *path;
	bool proven;
};

/* What the sessions of one side share. */
struct node {
	struct seal *seal;
	struct packet_pool packets;
	struct batch out;
	struct fifo_pool fifos;
	struct session_scratch scratch;
	struct world_host hosts[HOSTS_MAX];
	unsigned host_count;
};

/* A session's one end. */
struct leg {
	struct world *world;
	unsigned side;
	struct session *session;
	uint32_t conv;
	uint32_t address;     /* client: its own; server: its peer's */
	uint32_t old_address; /* client: heard as well; 0: none */
	struct world_host *host;
	uint64_t born_us, heard_us;
	uint64_t in_pkts, out_pkts;
	uint64_t in_bytes, out_bytes; /* server: since guarded */
	uint64_t asked_us;            /* client: when it last asked for a sign of life */
	unsigned spins; /* turns in a row that moved nothing, and after which it was due at once */
	uint64_t carried; /* bytes, when that was looked at */
	bool woken;       /* there is memory that it waited for */
	struct end *ends;
};

struct server {
	struct leg *legs[SERVER_LEGS_MAX];
	unsigned leg_count;
	uint64_t started_us;
};

struct client {
	struct leg *legs[WORLD_SESSIONS_MAX];
	unsigned convs, addresses; /* given so far */
	uint32_t host;
};

struct attacker;

struct world {
	const struct world_params *p;
	struct world_result *r;
	uint32_t incarnations;           /* of sessions */
	uint64_t start_us, now_us, seed; /* plans count from start_us */
	struct node node[2];
	struct net *net[2];
	struct client client;
	struct server server;
	struct attacker *attacker; /* NULL: none */
	struct flow *flows;
	unsigned ends_left; /* of streams, that are not through */
	unsigned event;     /* the next of the plan's */
};

/* The first failure is the one that is told. */
__attribute__((format(printf, 2, 3))) void world_fail(struct world *w, const char *fmt, ...);

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- world_app.c ----------------------------------------------------------------- */

void world_open_flows(struct world *w);
/* Hear the news of a session's streams. */
void world_hear(struct leg *l);
/* Let the applications of a session read and write. */
void world_apps_turn(struct leg *l);
/* When an application wants to act next. */
uint64_t world_apps_deadline(const struct world *w);
/* The session is gone, and its streams with it. */
void world_apps_gone(struct leg *l);
/* None of that conversation will be through that is not. */
void world_lose_flows(struct world *w, uint32_t conv);
/* The client has what it wanted, and the server that was to have the rest is gone. */
void world_lose_flows_half_through(struct world *w);

/* ---- world_leg.c ----------------------------------------------------------------- */

struct leg *world_leg_new(struct world *w, unsigned side, uint32_t conv, uint32_t address);
void world_leg_free(struct leg *l);
/* Its peer is elsewhere. */
void world_leg_move(struct leg *l, uint32_t address);
void world_leg_input(struct leg *l, struct view payload);
void world_leg_turn(struct leg *l);
uint64_t world_leg_deadline(const struct leg *l);
/* Its peer may not be where it seems to be. */
void world_leg_guard(struct leg *l);
/* The one at the other end that talks to it; NULL: none. */
struct leg *world_leg_peer(const struct leg *l);
/* All that leaves a side. */
void world_send(struct world *w, unsigned side, struct net_label label, const struct packet *pkt);

/* ---- world_client.c -------------------------------------------------------------- */

void world_client_start(struct world *w);
void world_client_receive(struct world *w);
void world_client_turn(struct world *w);
void world_client_stop(struct world *w);
void world_client_move(struct world *w, const struct world_event *e);
uint64_t world_client_deadline(const struct world *w);

/* ---- world_server.c -------------------------------------------------------------- */

void world_server_start(struct world *w);
void world_server_receive(struct world *w);
void world_server_turn(struct world *w);
/* Forgets everything. */
void world_server_stop(struct world *w);
/* What no client talks to goes. */
void world_server_sweep(struct world *w);

/* ---- world_attacker.c ------------------------------------------------------------ */

void world_attacker_start(struct world *w);
void world_attacker_stop(struct world *w);
void world_attacker_turn(struct world *w);
uint64_t world_attacker_deadline(const struct world *w);
/* He hears a datagram that leaves `side`. */
void world_attacker_hear(struct world *w, unsigned side, struct net_label label,
			 const uint8_t *data, size_t len);
/* One that came to the server. */
void world_attacker_reached(struct world *w, struct net_label label, size_t len);

/* ---- world_check.c --------------------------------------------------------------- */

void world_check_limits(struct world *w);
/* At the end. */
void world_judge(struct world *w);

#endif
