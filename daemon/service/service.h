/* service.h - what the service manager is told of the daemon, and when.
 *
 * No timer runs for the status: it is brought up to date while there is traffic, when
 * the reactor looks after its memory anyway. */
#ifndef KT_SERVICE_H
#define KT_SERVICE_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notify.h"
#include "summary.h"

enum {
	SERVICE_STATUS_BYTES = SUMMARY_BYTES + 128,
	SERVICE_PERIOD_US = 5 * 1000 * 1000, /* between two calls of service_refresh() */
};

/* What the daemon carries at the moment. */
struct service_figures {
	size_t tunnels, sessions, streams;
	size_t failed;                          /* of the tunnels */
	char failed_names[SUMMARY_NAMES_BYTES]; /* "home, office", or as many as there is room for */
	uint64_t out_bytes, in_bytes;           /* payload so far */
	uint32_t rtt_min_us, rtt_max_us;        /* over all sessions; 0: none measured */
};

struct service {
	struct ev_loop *loop; /* borrowed */
	struct notify notify;
	ev_timer watchdog;
	const char *note; /* borrowed; stands before the figures, or NULL */
	char told[SERVICE_STATUS_BYTES];
	uint64_t out_bytes, in_bytes; /* payload so far, at the last look */
	uint64_t looked_us;
};

/* Without a manager that listens, all of this costs nothing. */
void service_open(struct service *s, struct ev_loop *loop, uint64_t now_us);
void service_close(struct service *s);
/* Is there a manager?  If not, the figures below are of no interest. */
static inline bool service_has_listener(const struct service *s)
{
	return s->notify.fd >= 0;
}

/* Starting or reloading is over.  `note` is shown until the next time: what an administrator should
 * know beyond the figures, such as a reload that was refused; a string constant, or NULL. */
void service_ready(struct service *s, uint64_t now_us, const struct service_figures *figures,
		   const char *note);
void service_reloading(struct service *s);
void service_stopping(struct service *s);
/* Tell the figures if they changed.  True: they show traffic, ask again in a few seconds. */
bool service_refresh(struct service *s, uint64_t now_us, const struct service_figures *figures);

#endif
