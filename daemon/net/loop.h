/* loop.h - libev's loop, and what it does when the system refuses it something.
 *
 * libev ends the process when it gets no memory.  Ours lives on a reserve then, which is enough for many
 * times; and without even that, or when the poll itself fails, the process ends with EX_OSERR and a line
 * of why, so that whoever watches over it starts it again.
 *
 * When the kernel does not take a descriptor into its poll (no memory, or fs.epoll.max_user_watches), libev stops the
 * watchers of that descriptor and calls each once, soon, with EV_ERROR.  Who needs his watcher starts it again a
 * little later, loop_rest(). */
#ifndef KT_LOOP_H
#define KT_LOOP_H

#include <ev.h>
#include <stdbool.h>

/* libev's default loop; NULL: there is none. */
struct ev_loop *loop_new(void);

/* How long somebody rests whom the system refused something that he needs. */
#define LOOP_REST_S 0.1

/* Start a timer that is to start again what rests; nothing if it runs. */
void loop_rest(struct ev_loop *loop, ev_timer *w);

#endif
