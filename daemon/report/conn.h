/* conn.h - the clients of a service of the daemon itself: a request in, a document out.
 *
 * None of them may delay traffic or hold memory without end.  What a client may send ahead is
 * bounded; an answer is made piece by piece, as the client takes it, in turns with pauses between
 * them; who does not read is cut off; and when there are too many, who asks nothing gives way. */
#ifndef KT_CONN_H
#define KT_CONN_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reactor.h"
#include "text.h"

enum {
	CONN_INPUT_MAX = 4096,       /* bytes of a request */
	CONN_OUTPUT_BYTES = 1 << 16, /* of an answer that wait for the client, about */
	CONN_STEPS = 12,             /* of making answers, in one turn of the loop */
	CONN_TAKE_S = 10,            /* in which a client must take what is there for it */
};

struct conn;

enum conn_more { CONN_MORE, CONN_DONE, CONN_FAILED };

struct conn_ops {
	/* A client came; false: it is turned away. */
	bool (*arrived)(struct conn *c);
	/* All that it sent and that was not used up yet, `eof` if nothing will follow.  Takes one
	 * request and returns its bytes, or 0 to wait for more.  Never called while an
	 * answer is under way.  Who sent CONN_INPUT_MAX bytes that make no request is cut off. */
	size_t (*input)(struct conn *c, const char *bytes, size_t n, bool eof);
	/* Append more of the answer to c->out, in at most `steps` pieces of work. */
	enum conn_more (*produce)(struct conn *c, unsigned steps);
	/* It is going; free what c->user holds. */
	void (*left)(struct conn *c);
};

struct conn_set {
	struct reactor *reactor; /* borrowed */
	const struct conn_ops *ops;
	void *owner;
	double request_s; /* in which a request must be complete; 0: no hurry */
	unsigned max;     /* clients at once */
	unsigned count, producing;
	struct conn *list;
	uint64_t cut_off; /* clients that did not read, or did not ask in time */
};

struct conn {
	struct conn_set *set;
	struct conn *prev, *next;
	int fd;
	ev_io readable, writable;
	ev_timer pause; /* between two turns of making the answer */
	ev_timer limit; /* when the client has had its time */
	char in[CONN_INPUT_MAX];
	size_t in_len;
	struct text out;
	size_t out_sent;
	bool producing;   /* the answer is not whole yet */
	bool waiting;     /* the answer comes from elsewhere, later */
	bool closing;     /* once `out` is sent */
	bool last;        /* what it asks next is the last */
	bool eof;         /* the client sends no more */
	bool leaving;     /* all is said; what it still sends is dropped */
	unsigned dropped; /* reads */
	bool hungry;      /* what is in `in` is no whole request */
	uint64_t active_us;
	void *user; /* the service's */
};

/* A client connected: `fd`, non-blocking, is taken over. */
void conn_add(struct conn_set *set, int fd);
/* For input(): an answer begins that produce() makes. */
void conn_produce(struct conn *c);
/* For input(): an answer will come that somebody else puts into c->out; he calls conn_resume() then. */
void conn_wait(struct conn *c);
void conn_resume(struct conn *c);
/* For input() and produce(): nothing follows after what is in c->out. */
void conn_close_after(struct conn *c);
/* The service has moved: who has asked is answered and then left, and who has not in a moment. */
void conn_set_retire(struct conn_set *set);
void conn_set_dispose(struct conn_set *set);

#endif
