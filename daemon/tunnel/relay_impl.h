/* relay_impl.h - what the relay's files share; nobody else includes it.
 *
 *     relay.c        beginnings, and all that happens to a relay from outside
 *     relay_pump.c   bytes: from the socket to the stream (up) and back (down)
 *     relay_end.c    its states: what follows from what happened, and all ways to end
 *     relay_alive.c  local peers that vanished
 *     relay_kept.c   what it said first
 *     relay_proxy.c  what a target is told before that
 *     relay_look.c   what is told of it to those who ask
 *     relay_log.c    what the log is told of it
 *
 * The pumps change no state: they report what they met, and relay_step() alone decides what
 * becomes of the relay.
 *
 *     WAITING ---- stream ----> FLOWING <---- socket ---- DIALLING
 *        ^                       | | |                       |
 *        +-- link never heard ---+ | +--> closed             |
 *                                  |   both ways ended,      |
 *                                  |   or the socket failed  |
 *                                  +------------+------------+
 *            the session is gone                |     a reset, or the session is
 *            behind the far peer's end    +-----+-----+     gone in mid-stream
 *                                         v           v
 *                                     LINGERING    BREAKING
 *                                         |           | all delivered
 *                           all delivered |           v
 *                                         |       RESETTING
 *                                         v           v acknowledged, or looked often enough
 *                                      closed       reset
 *
 * Besides, all but WAITING end with a reset when they are idle for too long: half closed for
 * `closewait`, later for LAST_BYTES_S; and any does by relay_abort(). */
#ifndef KT_RELAY_IMPL_H
#define KT_RELAY_IMPL_H

#include <ev.h>

#include "link.h"
#include "relay.h"
#include "target_dial.h"
#include "tunnel.h"

enum relay_life {
	RELAY_WAITING,  /* client: for a stream; it has neither that nor a link */
	RELAY_DIALLING, /* server: for its socket */
	RELAY_FLOWING,  /* it has both; at least one way is open */
	/* Nothing more comes in the stream and nothing is read for it: the local peer gets the
	 * last bytes, if it takes them in time.  A server may still be connecting meanwhile. */
	RELAY_LINGERING, /* then it sees an end */
	RELAY_BREAKING,  /* then it is to see a reset */
	RELAY_RESETTING, /* the kernel has them all; as soon as the local peer has, the reset */
};

enum relay_way { WAY_OPEN, WAY_ENDED };

struct relay {
	struct tunnel *tunnel;
	struct link *link;          /* NULL while waiting */
	struct smux_stream *stream; /* NULL likewise */
	struct target_dial *dial;   /* server: connecting */
	struct relay *prev, *next;  /* of the link */
	struct relay *wait_next;
	int fd;                /* -1 while connecting */
	struct udp_path local; /* the local peer, kept because a socket that failed does not tell; no length: it is
				* not connected yet, or a Unix socket */
	enum relay_life life;
	enum relay_way up;   /* ended: the local peer sends no more, or is not asked any more */
	enum relay_way down; /* ended: the far peer's end was passed on */
	enum relay_cause cause;
	int error;      /* RELAY_LOCAL_RESET: errno of the socket, 0 where it told none */
	bool far_first; /* the far peer's end came first */
	ev_io readable, writable;
	ev_timer idle;     /* runs while half closed, and while the last bytes are taken */
	struct task judge; /* when it fired: behind what came until then */
	double idle_s;
	unsigned last_looks; /* RESETTING: taken so far */
	size_t unsent_seen;  /* at the last look whether a half-closed stream is idle */
	uint64_t mark;       /* place of the stream's end among the session's bytes, 0: not out */
	uint64_t sent, received;       /* bytes towards the far peer, and from it */
	uint64_t opened_us, active_us; /* when it began, when bytes last passed */
	struct relay_header *header;   /* relay_proxy.c: what is left of it, NULL: nothing */
	/* relay_kept.c */
	bool keeps;
	uint64_t attached_us; /* when it got its stream */
	uint8_t *kept;
	size_t kept_len;
};

static inline struct ev_loop *relay_loop(const struct relay *relay)
{
	return relay->tunnel->reactor->loop;
}

/* This is why it ends, if nothing else was before. */
static inline void relay_blame(struct relay *relay, enum relay_cause cause)
{
	if (relay->cause == RELAY_CLOSED)
		relay->cause = cause;
}

/* What can happen to a relay that has a stream. */
enum relay_happening {
	RELAY_NOTHING,
	RELAY_CONNECTED,    /* its socket is there */
	RELAY_LOCAL_END,    /* the local peer sends no more, or is to be asked no more */
	RELAY_LOCAL_FAILED, /* its socket fails both ways */
	RELAY_DELIVERED,    /* nothing that came is left in the stream */
	RELAY_FAR_DONE,     /* the session is gone, and the far peer's end is here */
	RELAY_FAR_GONE,     /* the far peer, or the way to it, is gone in mid-stream */
	RELAY_IDLE,         /* the idle timer fired */
};

/* ---- relay_pump.c ---------------------------------------------------------------- */

/* One turn of reading the socket; needs one. */
enum relay_happening relay_pump_up(struct relay *relay);
/* Write what the stream has, as far as the socket takes it; the rest when it is writable. */
enum relay_happening relay_pump_down(struct relay *relay);

/* ---- relay_alive.c --------------------------------------------------------------- */

/* It has a socket. */
void relay_alive_watch(struct relay *relay);

/* ---- relay_kept.c ---------------------------------------------------------------- */

/* It has a stream. */
void relay_kept_begin(struct relay *relay);
void relay_kept_end(struct relay *relay);
/* It says this. */
void relay_kept_add(struct relay *relay, const uint8_t *bytes, size_t n);
/* Something was heard on its link. */
void relay_kept_look(struct relay *relay);
/* Its link ended as one that the server does not know: is all there that it said, and was none of it passed on? */
bool relay_kept_all(const struct relay *relay);
/* Say it in the stream that it has now; false when that has no room. */
bool relay_kept_repeat(struct relay *relay);

/* ---- relay_log.c ----------------------------------------------------------------- */

/* It has a stream. */
void relay_log_opened(const struct relay *relay);
/* It leaves its stream, for one of another session. */
void relay_log_moves(const struct relay *relay);
/* It is over, and still has the stream that it had. */
void relay_log_ended(const struct relay *relay);

/* ---- relay_proxy.c --------------------------------------------------------------- */

/* It has just got its socket, and nothing was written to it. */
enum relay_happening relay_proxy_begin(struct relay *relay);
/* It has a header left, and its socket is writable again. */
enum relay_happening relay_proxy_go_on(struct relay *relay);
void relay_proxy_end(struct relay *relay);

/* ---- relay_end.c ----------------------------------------------------------------- */

/* closewait runs if one way has ended. */
void relay_watch_half_closed(struct relay *relay);
/* The relay's next state, and what goes with it.  False when it is over, and freed. */
bool relay_step(struct relay *relay, enum relay_happening what);
/* Leave a link that was never heard, and wait for another one. */
void relay_leave(struct relay *relay);
/* Free one that never had a stream. */
void relay_free(struct relay *relay);

#endif
