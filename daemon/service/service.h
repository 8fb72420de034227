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
#include "reactor.h"
#include "summary.h"
#include "tunnel.h"

enum { SERVICE_STATUS_BYTES = SUMMARY_BYTES + 128 };

struct service {
	struct reactor *reactor; /* borrowed */
	struct notify notify;
	ev_timer watchdog;
	const char *note;        /* borrowed; stands before the figures, or NULL */
	char told[SERVICE_STATUS_BYTES];
	uint64_t out_bytes, in_bytes; /* payload so far, at the last look */
	uint64_t looked_us;
};

/* Without a manager that listens, all of this costs nothing. */
void service_open(struct service *s, struct reactor *r);
void service_close(struct service *s);

/* Starting or reloading is over.  `note` is shown until the next time: what an administrator should
 * know beyond the figures, such as a reload that was refused; a string constant, or NULL. */
void service_ready(struct service *s, struct tunnel *const *tunnels, size_t count,
		   const char *note);
void service_reloading(struct service *s);
void service_stopping(struct service *s);
/* Tell the figures if they changed.  True: they show traffic, ask again in a few seconds. */
bool service_refresh(struct service *s, struct tunnel *const *tunnels, size_t count);

#endif
