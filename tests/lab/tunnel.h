/* tunnel.h - a tunnel between the two ends of a world: real sessions, sealed and flushed as the
 * daemon does it, without its sockets.
 *
 * Each end has a seal, a pool of packets and one of bounded memory for its sessions, which are made
 * in pairs.  A turn of a session is the daemon's pump: process, events, flush batch by batch through
 * the seal onto the link, events.  The host takes no time, unless it is told to be late with timers.
 *
 * What goes wrong (a session that ended, bytes that are not those sent) is kept as a text; the tunnel
 * then stands still. */
#ifndef KT_LAB_TUNNEL_H
#define KT_LAB_TUNNEL_H

#include "configs.h"
#include "flow.h"
#include "session.h"
#include "world.h"

struct tunnel;

struct tunnel_params {
	const struct config *config;
	const char *crypt; /* a method's name; "none" is faster and as long as "aes" */
	unsigned conn;     /* sessions; 0: as the configuration says */
	uint32_t timer_us; /* timers fire at multiples of this after they were set; 0: exactly */
	uint64_t seed;
};

/* Joins the world.  Free it after the world has run for the last time. */
struct tunnel *tunnel_new(struct world *w, const struct tunnel_params *p);
void tunnel_free(struct tunnel *t);

/* Open a stream on session `conn` (modulo their number; where the configuration spreads streams, on
 * the one that the daemon would choose) with `event` and `user` set in f.
 * The flow must live until both ends were released or the tunnel is freed. */
void tunnel_open(struct tunnel *t, struct flow *f, unsigned conn);
/* A session got work: it has a turn at this instant. */
void tunnel_touch(struct tunnel *t, unsigned conn, unsigned end);
unsigned tunnel_conns(const struct tunnel *t);
/* NULL: all is well. */
const char *tunnel_why(const struct tunnel *t);
void tunnel_fail(struct tunnel *t, const char *why);

/* What an end has sent and how its sender sees the path, all sessions together; the round trips
 * and the window are of the session with the most in flight. */
struct tunnel_look {
	uint64_t wire_bytes;     /* headers and all */
	uint64_t underway_bytes; /* of those, what is going to arrive yet */
	uint64_t packets, data_segs, retrans_segs, spurious_segs;
	uint64_t inflight_segs;
	uint64_t pacing_rate; /* bytes per second */
	uint32_t srtt_us, min_rtt_us, cc_wnd;
};
void tunnel_look(const struct tunnel *t, unsigned end, struct tunnel_look *look);

#endif
