/* control.h - the control channel: a command a line in, one JSON document a line out.
 *
 * Everybody who can open the socket may look; only root and the daemon's own user may change
 * anything.  A line that is no command is answered once, and then the connection is closed. */
#ifndef KT_CONTROL_H
#define KT_CONTROL_H

#include <stdbool.h>

#include "report.h"

/* Something that a reload did, to a tunnel or (NULL) all in all, or a fault of the file. */
typedef void control_say_fn(void *to, const char *tunnel, const char *what);

/* What the daemon does for the control channel. */
struct control_ops {
	/* Read the file again.  False when nothing was changed; what there is to tell is
	 * handed to `say` in either case. */
	bool (*reload)(void *user, control_say_fn *say, void *to);
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
