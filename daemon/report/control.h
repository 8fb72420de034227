/* control.h - the control channel: a command a line in, one JSON document a line out.
 *
 * Everybody who can open the socket may look; only root and the daemon's own user may change
 * anything.  A line that is no command is answered once, and then the connection is closed. */
#ifndef KT_CONTROL_H
#define KT_CONTROL_H

#include <stdbool.h>

#include "report.h"

enum control_verdict {
	CONTROL_DONE,
	CONTROL_PARTLY, /* some of it failed, which was said */
	CONTROL_REFUSED,
};

/* A reload that a client asked for; whoever does it keeps it until `done` is called. */
struct control_reload {
	/* Something that was done, or (`failed`) was not, to a tunnel or (NULL) all in all; or a fault of the file. */
	void (*say)(struct control_reload *r, const char *tunnel, const char *what, bool failed);
	void (*done)(struct control_reload *r, enum control_verdict verdict);
	struct control_reload *next; /* for whoever keeps it */
};

/* What the daemon does for the control channel. */
struct control_ops {
	/* Read the file again.  r->done is called once, later or before this returns. */
	void (*reload)(void *user, struct control_reload *r);
	/* The client is gone: r->done is not called any more. */
	void (*forget)(void *user, struct control_reload *r);
};

struct control;

/* Listen on `path`.  NULL after having logged why; with *without the daemon may go on all the same.
 * `src` and `ops` are borrowed; `src->user` is handed to ops as well. */
struct control *control_new(const char *path, const struct report_source *src,
			    const struct control_ops *ops, bool *without);
void control_free(struct control *c);

/* Limits that tests look at. */
enum { CONTROL_CLIENTS_MAX = 32, CONTROL_WORDS_MAX = 4 };

#endif
