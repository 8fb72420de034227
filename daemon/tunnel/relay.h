/* relay.h - one TCP or Unix connection glued to one stream, both ways.
 *
 * Bytes move only as far as the other side takes them, so the slower end slows
 * the faster.  An end of bytes in one direction ends that direction only; a connection
 * half closed for `closewait` seconds without a byte is closed.
 *
 * Whatever cuts a connection short, at either end or between them, must not pass for a regular
 * end: what came is delivered, then the local peer sees a reset, and so does the far one. */
#ifndef KT_RELAY_H
#define KT_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session.h"

struct tunnel;
struct link;
struct relay;

/* Why one ended; the first of several holds. */
enum relay_cause {
	RELAY_CLOSED,         /* both peers came to their ends */
	RELAY_LOCAL_RESET,    /* its socket failed */
	RELAY_LOCAL_VANISHED, /* its local peer is not there any more */
	RELAY_FAR_RESET,      /* the far peer broke it off */
	RELAY_HALF_CLOSED,    /* and idle for `closewait` */
	RELAY_HELD_MEMORY,    /* that others needed */
	RELAY_SESSION_LOST,   /* the link says why */
	RELAY_SESSION_EXPIRED,
	RELAY_SESSION_CLOSED, /* somebody asked for that */
	RELAY_STREAM_CLOSED,  /* the same, of it alone */
	RELAY_UNREACHABLE,    /* server: the target */
	RELAY_UNANSWERED,     /* client: by any server, for `connecttimeout` */
	RELAY_FORSAKEN,       /* client: its local peer left before it had a stream */
	RELAY_REFUSED,        /* no session takes any more */
	RELAY_NO_RESOURCES,
	RELAY_STOPPED, /* the tunnel stops */
};

/* Client: for an accepted connection, which the relay owns from here on.  NULL
 * when out of memory (then fd is closed). */
struct relay *relay_accept(struct tunnel *t, int fd);
/* Give it a stream.  It starts to read once the link answers. */
void relay_attach(struct relay *relay, struct link *l, struct smux_stream *st);
/* Server: for a stream that the peer opened: connects to one of the tunnel's targets. */
void relay_serve(struct tunnel *t, struct link *l, struct smux_stream *st);
/* Nobody is to have this stream: its peer sees a reset. */
void relay_refuse(struct smux_stream *st);

/* The session has news of the stream. */
void relay_event(struct relay *relay, unsigned what);
/* Read from the socket again, if there is reason to. */
void relay_resume(struct relay *relay);
/* The session is gone: deliver what came, then close or, if that is not all, reset. */
void relay_session_ended(struct relay *relay);
/* The daemon stops: read no more, send what was read, deliver what came. */
void relay_drain(struct relay *relay);
/* Close at once, so that both peers see an error and not an end. */
void relay_abort(struct relay *relay, enum relay_cause why);
/* Free one that waits for a link; its socket is the caller's, if nothing was read from it yet: else -1, and it was
 * closed, so that its local peer sees an error. */
int relay_release(struct relay *relay);
/* Client: since when it waits for a server to answer at all; 0: it does not. */
uint64_t relay_waits_since(const struct relay *relay);
/* Waits for a link, and its local peer waits no longer. */
bool relay_forsaken(const struct relay *relay);

struct tunnel *relay_tunnel(const struct relay *relay);
struct relay *relay_next(const struct relay *relay); /* of the same link */
/* What log lines call it, with its session and stream as kcptunctl has them and the client's address: of a
 * server, the address that its peer sends from.  Returns buf. */
enum { RELAY_NAME_BYTES = 224 };
const char *relay_name(const struct relay *relay, char buf[static RELAY_NAME_BYTES]);
/* Chain for relays that wait for a link; the owner's use. */
struct relay **relay_wait_link(struct relay *relay);
/* The number of its stream in its session; 0: it has none. */
uint32_t relay_sid(const struct relay *relay);
/* What its stream is called: its session, and the number there.  Of one that is on a link. */
enum { RELAY_ID_BYTES = 112 };
const char *relay_id(const struct relay *relay, char buf[static RELAY_ID_BYTES]);
/* A look at one that is on a link, for people. */
enum { RELAY_PEER_TEXT = 112 };
struct relay_info {
	uint32_t sid;
	const char *state;          /* connecting, open, local-closed, far-closed, closing */
	char peer[RELAY_PEER_TEXT]; /* the local one; "" while connecting */
	uint64_t opened_us, active_us;
	uint64_t sent, received; /* bytes towards the far peer, and from it */
	size_t unsent_bytes, unread_bytes;
};
void relay_get_info(const struct relay *relay, struct relay_info *info);
/* Nothing more to do for its local peer. */
bool relay_idle(const struct relay *relay);

/* relay_alive.c: of the tunnel, whose local peers are looked at now and then while it has relays. */
void relay_alive_init(struct tunnel *t);
/* `tcptimeout` may be another one now. */
void relay_alive_renew(struct tunnel *t);
void relay_alive_stop(struct tunnel *t);

#endif
