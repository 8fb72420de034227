/* port.h - one UDP socket of a tunnel, and the turns of those who send through it.
 *
 * A client has one port per link, a server has many links on one port.  A port is a
 * reactor's task: in its turn it pumps those that were touched, once each, and sends what they
 * have to say in one sealed batch.  When the socket is full, those with more to say are stalled
 * until it is writable, and touched again then. */
#ifndef KT_PORT_H
#define KT_PORT_H

#include <ev.h>
#include <stdbool.h>

#include "reactor.h"
#include "udp.h"

struct tunnel;
struct link;

/* Part of whatever sends through a port.  Zeroed but for `pump`, which is called in its turn. */
struct port_turn {
	void (*pump)(struct port_turn *turn);
	struct port_turn *next;
	bool touched, stalled;
};

struct port {
	struct task task; /* first touched, then run by the reactor */
	struct tunnel *tunnel;
	struct port *prev, *next; /* all ports of the tunnel */
	struct udp udp;
	ev_io in, out;
	ev_timer rest; /* until it is read again, after errors */
	struct port_turn *touched, **touched_tail;
	struct port_turn *stalled;
	struct link *link; /* client: the one it is for; server: of the last datagram */
};

/* A port of `t` on the heap that takes over the open socket and starts to
 * receive.  NULL when out of memory (the socket is closed then). */
struct port *port_new(struct tunnel *t, struct udp *udp);
/* Nobody may be left on it. */
void port_free(struct port *p);
/* The same, but the socket, with what waits in it, is the caller's. */
void port_yield(struct port *p, struct udp *udp);
/* Close the socket for a moment; 0 or a negative errno when it is opened again at `at`. */
void port_suspend(struct port *p, struct sockaddr_storage *at);
int port_resume(struct port *p, const struct sockaddr_storage *at);
/* Of one that listens on a device: another socket in the place of its own, on that which has the name now.  0, or a
 * negative errno, and all is as before. */
int port_reopen(struct port *p);

/* A turn at the end of this iteration; one that is stalled has to wait. */
void port_touch(struct port *p, struct port_turn *turn);
/* The socket is full: a turn when it is not, and none before. */
void port_stall(struct port *p, struct port_turn *turn);
/* Neither. */
void port_forget(struct port *p, struct port_turn *turn);
/* Seal and send what has been collected in the reactor's batch. */
void port_send(struct port *p);

#endif
