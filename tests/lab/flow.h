/* flow.h - one stream of a tunnel, seen from both of its ends.
 *
 * What is written is a pattern that depends on the place, and what is read is compared with it:
 * a laboratory in which bytes go astray would print fine figures.  The ends are numbered as the
 * world's directions are: END_CLIENT writes into WORLD_UP. */
#ifndef KT_LAB_FLOW_H
#define KT_LAB_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session.h"

enum { END_CLIENT, END_SERVER };

struct flow;
struct tunnel;

/* Something happened at an end: SMUX_OPENED (at the server, once), SMUX_READABLE, SMUX_WRITABLE,
 * SMUX_RESET.  An end may write, and does not get SMUX_WRITABLE, from the beginning on. */
typedef void flow_event_fn(struct flow *f, unsigned end, unsigned what, uint64_t now_us);

struct flow {
	flow_event_fn *event;
	void *user;
	/* Set by the tunnel (see tunnel_open()). */
	struct tunnel *tunnel;
	unsigned conn;
	uint32_t sid;
	struct smux_stream *stream[2]; /* NULL: not open yet, or released */
	uint64_t sent[2], received[2]; /* bytes, by end */
	bool corrupt;
	struct flow *next; /* the tunnel's list of those that the server has not seen yet */
};

/* Write up to n bytes, as many as there is room for; returns how many. */
size_t flow_write(struct flow *f, unsigned end, size_t n);
/* Read all there is; returns the number of bytes. */
size_t flow_read(struct flow *f, unsigned end);
/* The other end has ended, and all of it was read. */
bool flow_eof(const struct flow *f, unsigned end);
void flow_shut(struct flow *f, unsigned end);
void flow_release(struct flow *f, unsigned end);

#endif
