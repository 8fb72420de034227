/* link.h - one session on a UDP socket: its datagrams, its timer, its relays.
 *
 * A client has one socket (port) per link, a server has many links on one port.
 * A port is a reactor's task: in its turn it pumps the links that were touched
 * and sends what they have to say in one sealed batch. */
#ifndef KT_LINK_H
#define KT_LINK_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "log.h"
#include "reactor.h"
#include "session.h"
#include "udp.h"

struct tunnel;
struct relay;
struct link;

struct port {
	struct task task;     /* first touched, then run by the reactor */
	struct tunnel *tunnel;
	struct port *prev, *next; /* all ports of the tunnel */
	struct udp udp;
	ev_io in, out;
	struct link *touched, **touched_tail;
	struct link *stalled; /* wait until the socket is writable */
	struct link *link;    /* client: the one it is for; server: of the last datagram */
};

/* A port of `t` on the heap that takes over the open socket and starts to
 * receive.  NULL when out of memory (the socket is closed then). */
struct port *port_new(struct tunnel *t, struct udp *udp);
/* No link may be left on it. */
void port_free(struct port *p);

struct link {
	struct tunnel *tunnel;      /* borrowed */
	struct port *port;          /* borrowed */
	struct session *session;    /* owned */
	struct udp_path path;       /* the peer; on a client for its text only */
	char peer[UDP_ADDR_TEXT];
	struct link *prev, *next;   /* all links of the tunnel */
	struct link *touched_next;
	bool touched, stalled;
	bool heard;                 /* a good datagram came: the peer has our key */
	bool draining;              /* gets no new streams and ends when it has none */
	bool ended;                 /* waits for the tunnel to reap it */
	enum session_end end;       /* why, once ended */
	uint32_t conv;
	uint64_t serial;            /* of the tunnel, never used twice */
	unsigned slot;              /* client: which of `conn` it serves */
	struct link *hash_next;     /* server: same bucket of the table */
	uint64_t opened_us, heard_us;
	ev_timer timer;
	uint64_t armed_us;          /* when the timer fires, KT_NEVER: stopped */
	struct relay *relays;
	unsigned relay_count;
};

/* A link of `t` on `p` with a new session of `cfg`; `path` is NULL on a connected
 * socket, whose peer is told by `peer`.  NULL when out of memory. */
struct link *link_new(struct tunnel *t, struct port *p, const struct session_config *cfg,
		      const struct udp_path *path, const char *peer);
/* Frees the session and what relays are left on it. */
void link_free(struct link *l);

/* Give it a turn at the end of this iteration. */
void link_touch(struct link *l);
/* An opened datagram for this link. */
void link_input(struct link *l, struct view payload);
/* End it: its relays deliver what they still hold, then the tunnel reaps it. */
void link_end(struct link *l, enum session_end why);
/* End it because somebody asked for that: its streams are cut off, which the peer is
 * told if it can still be reached. */
void link_close(struct link *l);
/* Called by a relay that left. */
void link_relay_left(struct link *l);
/* May carry another stream. */
bool link_usable(const struct link *l);

#endif
