/* control.h - the control channel: a command a line in, one JSON document a line out.
 *
 * Everybody who can open the socket may look; only root and the daemon's own user may change
 * anything.  A line that is no command is answered once, and then the connection is closed. */
#ifndef KT_CONTROL_H
#define KT_CONTROL_H

#include <stdbool.h>

#include "control_socket.h"
#include "report.h"

enum control_verdict {
	CONTROL_DONE,
	CONTROL_PARTLY, /* some of it failed, which was said */
	CONTROL_REFUSED,
	CONTROL_BUSY, /* something else is under way that does not go with it */
};

/* A reload or a restart that a client asked for; whoever does it keeps it until `done` is called. */
struct control_job {
	/* Something that was done, or (`failed`) was not, to a tunnel or (NULL) all in all; or a fault of the file. */
	void (*say)(struct control_job *r, const char *tunnel, const char *what, bool failed);
	void (*done)(struct control_job *r, enum control_verdict verdict);
	struct control_job *next; /* for whoever keeps it */
};

/* What the daemon does for the control channel. */
struct control_ops {
	/* Read the file again.  r->done is called once, later or before this returns. */
	void (*reload)(void *user, struct control_job *r);
	/* Start a tunnel anew.  Likewise. */
	void (*restart)(void *user, struct tunnel *t, struct control_job *r);
	/* The client is gone: r->done is not called any more. */
	void (*forget)(void *user, struct control_job *r);
};

struct control;

/* Nobody can ask yet.  `src` and `ops` are borrowed; `src->user` is handed to ops as well.  NULL: out of memory. */
struct control *control_new(const struct report_source *src, const struct control_ops *ops);
/* Be asked at `path` from now on; NULL: nowhere.  Who has asked where it was before still gets his answer, and others there
 * are left.  False: it goes on where it was, `why` tells the reason; with *without a daemon may start all the same.  Else
 * `why` is "", or says what is not as it should be. */
bool control_move(struct control *c, const char *path, char why[static CONTROL_WHY_BYTES],
		  bool *without);
void control_free(struct control *c);

/* Limits that tests look at. */
enum { CONTROL_CLIENTS_MAX = 32, CONTROL_WORDS_MAX = 4 };

#endif
