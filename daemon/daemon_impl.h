/* daemon_impl.h - what daemon.c and reload.c share; nobody else includes it. */
#ifndef KT_DAEMON_IMPL_H
#define KT_DAEMON_IMPL_H

#include <ev.h>

#include "control.h"
#include "daemon.h"
#include "metrics.h"
#include "reactor.h"
#include "service.h"
#include "signals.h"
#include "snmplog.h"
#include "tunnel_set.h"

struct kt_daemon {
	struct reactor *reactor;
	struct config *config;
	const struct daemon_source *source; /* NULL: nothing to read again */
	struct tunnel_set set;
	struct service service;
	struct snmplog snmplog;
	struct report_source report;
	struct control *control; /* NULL: never had one */
	struct metrics *metrics; /* likewise */
	struct signals signals;
	ev_timer drain; /* looks whether all is out */
	double drained_s;
	int status; /* of the exit */

	/* reload.c: one at a time, and whoever asks meanwhile waits for one that begins later. */
	bool reloading;                       /* or starting, or restarting a tunnel */
	bool wanted;                          /* another one, when that is over */
	struct config *fresh;                 /* of the one under way */
	bool moving_metrics;                  /* it waits for that alone */
	bool partly;                          /* something of it failed */
	struct control_job *asking, *waiting; /* who asked for it; who for the next */
	ev_timer next_reload;
	struct control_job *restarting; /* restart.c: who asked for it; NULL: nobody, or he is gone */
};

/* See control_move() and metrics_new(): made when they are needed. */
bool daemon_move_control(struct kt_daemon *d, const char *path, char why[static CONTROL_WHY_BYTES],
			 bool *without);
bool daemon_make_metrics(struct kt_daemon *d);

/* Starting or reloading is over; `note`: see service_ready(). */
void daemon_tell_ready(struct kt_daemon *d, const char *note);

void daemon_reload_init(struct kt_daemon *d);
void daemon_reload_dispose(struct kt_daemon *d);
/* Read the file again and go over to what it says, now or when what is under way is over.  `r`: who is
 * told, beside the log; or NULL. */
void daemon_reload(struct kt_daemon *d, struct control_job *r);
void daemon_forget_reload(struct kt_daemon *d, const struct control_job *r);
/* What was under way is over: the next one may begin. */
void daemon_reload_next(struct kt_daemon *d);
/* Start a tunnel anew, unless something else is under way. */
void daemon_restart(struct kt_daemon *d, struct tunnel *t, struct control_job *job);
/* The daemon stops: the one under way is given up, and those that wait are turned away. */
void daemon_refuse_reloads(struct kt_daemon *d);

#endif
