/* signals.h - signals as something that happens in the loop.
 *
 * libev has its own, but where the kernel had no memory for the descriptor that carries them it never hears
 * of one again, and the process cannot be stopped.  One watcher a process. */
#ifndef KT_SIGNALS_H
#define KT_SIGNALS_H

#include <ev.h>
#include <signal.h>
#include <stdbool.h>

struct signals {
	struct ev_loop *loop;
	int fd; /* that the handler's words come from; -1: closed */
	ev_io readable;
	ev_timer again;
	sigset_t watched;
	void (*heard)(void *user, int signum);
	void *user;
};

/* False, with errno, when there is no pipe for it. */
bool signals_open(struct signals *s, struct ev_loop *loop, void (*heard)(void *user, int signum),
		  void *user);
/* From now on this one is heard. */
void signals_watch(struct signals *s, int signum);
/* What comes from then on does nothing.  Closed already is fine. */
void signals_close(struct signals *s);

#endif
