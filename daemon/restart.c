/* restart.c - one tunnel is started anew because a client of the control channel wants that. */
#include <ev.h>

#include "daemon_impl.h"
#include "log.h"

static void tell(struct kt_daemon *d, const char *tunnel, const char *what, bool failed)
{
	struct control_job *job = d->restarting;

	d->restarting = NULL;
	log_msg(failed ? LOG_LEVEL_ERR : LOG_LEVEL_INFO, tunnel, "restart: %s", what);
	if (job == NULL)
		return; /* who asked is gone */
	job->say(job, tunnel, what, failed);
	job->done(job, failed ? CONTROL_REFUSED : CONTROL_DONE);
}

static void on_restarted(void *user, const char *tunnel, const char *what, bool failed)
{
	struct kt_daemon *d = user;

	tell(d, tunnel, what, failed);
	daemon_reload_next(d);
}

/* A reload has plans for tunnels that must be there when they are carried out, so it is not begun before this is over. */
void daemon_restart(struct kt_daemon *d, struct tunnel *t, struct control_job *job)
{
	if (d->reloading || ev_is_active(&d->next_reload) || ev_is_active(&d->drain)) {
		job->done(job, CONTROL_BUSY);
		return;
	}
	d->reloading = true;
	d->restarting = job;
	tunnel_set_restart(&d->set, t, on_restarted, d);
}
