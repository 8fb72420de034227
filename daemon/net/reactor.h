/* reactor.h - the loop, its clock, and what all tunnels share in one thread.
 *
 * Every wake-up, be it datagrams, a timer or a TCP socket, only marks the links
 * it touched; at the end of the loop's iteration each of them is pumped once, so
 * that what one iteration has to say leaves in one batch. */
#ifndef KT_REACTOR_H
#define KT_REACTOR_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "packet.h"
#include "session.h"
#include "udp.h"

struct netwatch;
struct resolver;

enum { REACTOR_TRIM_PERIOD_S = 5 };

/* Something that wants a turn at the end of the iteration. */
struct task {
	struct task *next;
	bool queued;
	void (*run)(struct task *task);
};

struct reactor {
	struct ev_loop *loop;
	uint64_t now_us; /* monotonic; read once per iteration, after the poll */
	bool stood; /* so long has passed since the iteration before that the process may have stood
			  * still: what waits to be read may be seen only in the next one */
	struct resolver *resolver;
	struct netwatch *netwatch;

	/* work memory, of use within one iteration only */
	struct packet_pool packets;
	bool trimmed; /* nothing was to be given back the last time */
	struct batch out;
	struct udp_rx *rx;
	struct session_scratch scratch;
	struct packet in[UDP_RECV_MAX];
	struct udp_path in_paths[UDP_RECV_MAX];

	struct task *tasks, **tasks_tail; /* this iteration's, in the order of touching */
	ev_prepare prepare;
	ev_check check;

	/* Called every REACTOR_TRIM_PERIOD_S while there was traffic; true: once more. */
	bool (*trim)(void *user);
	void *trim_user;
	ev_timer trim_timer;
};

/* NULL, with errno, on failure.  Uses libev's default loop. */
struct reactor *reactor_new(void);
void reactor_free(struct reactor *r);
/* Queue a task for the end of this iteration, once. */
void reactor_touch(struct reactor *r, struct task *task);
/* Take a task back: it will not run. */
void reactor_forget(struct reactor *r, struct task *task);
/* There was traffic: memory will want trimming in a while. */
void reactor_busy(struct reactor *r);
/* For a timer that judges a silence: true when it has fired in an iteration in which that may be the process's own. It
 * is started again, and fires once what waits was seen. */
bool reactor_puts_off(const struct reactor *r, ev_timer *w);
/* Seconds from the loop's present to an absolute time of our clock. */
double reactor_delay(const struct reactor *r, uint64_t at_us);

/* Unpredictable bytes from the system; ends the program if there are none. */
void reactor_random(void *buf, size_t n);

#endif
