/* service.c - what the service manager is told of the daemon, and when. */
#include "service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

/* ---- the watchdog -------------------------------------------------------------------- */

/* That this is called shows that the loop turns, which is what the watchdog watches. */
static void on_watchdog(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct service *s = w->data;

	notify_watchdog(&s->notify);
}

static void start_watchdog(struct service *s)
{
	double period = (double)s->notify.watchdog_us * 0.5e-6;

	ev_timer_init(&s->watchdog, on_watchdog, period, period);
	s->watchdog.data = s;
	if (s->notify.watchdog_us > 0)
		ev_timer_start(s->loop, &s->watchdog);
}

void service_open(struct service *s, struct ev_loop *loop, uint64_t now_us)
{
	*s = (struct service){ .loop = loop, .looked_us = now_us };
	if (notify_open(&s->notify) < 0)
		log_warn(NULL, "NOTIFY_SOCKET=%.100s cannot be used: %s", getenv("NOTIFY_SOCKET"),
			 strerror(errno));
	start_watchdog(s);
}

void service_close(struct service *s)
{
	ev_timer_stop(s->loop, &s->watchdog);
	notify_close(&s->notify);
}

/* ---- the figures --------------------------------------------------------------------- */

/* Totals fall when a tunnel is removed. */
static uint64_t rate(uint64_t now, uint64_t before, uint64_t elapsed_us)
{
	if (now <= before || elapsed_us == 0)
		return 0;
	return (uint64_t)((double)(now - before) * 1e6 / (double)elapsed_us);
}

/* After a pause the last look was long ago, but the traffic since is all of the last period. */
static void look(struct service *s, uint64_t now_us, const struct service_figures *f,
		 struct summary *sum)
{
	uint64_t elapsed_us = now_us - s->looked_us;

	if (elapsed_us > SERVICE_PERIOD_US)
		elapsed_us = SERVICE_PERIOD_US;
	*sum = (struct summary){
		.tunnels = f->tunnels,
		.failed = f->failed,
		.failed_names = f->failed_names,
		.sessions = f->sessions,
		.streams = f->streams,
		.out_rate = rate(f->out_bytes, s->out_bytes, elapsed_us),
		.in_rate = rate(f->in_bytes, s->in_bytes, elapsed_us),
		.rtt_min_us = f->rtt_min_us,
		.rtt_max_us = f->rtt_max_us,
	};
	s->out_bytes = f->out_bytes;
	s->in_bytes = f->in_bytes;
	s->looked_us = now_us;
}

static void status_text(const struct service *s, const struct summary *sum,
			char text[static SERVICE_STATUS_BYTES])
{
	char figures[SUMMARY_BYTES];

	summary_text(sum, figures);
	snprintf(text, SERVICE_STATUS_BYTES, "%.100s%s%s", s->note != NULL ? s->note : "",
		 s->note != NULL ? "; " : "", figures);
}

/* ---- states ---------------------------------------------------------------------------- */

void service_ready(struct service *s, uint64_t now_us, const struct service_figures *figures,
		   const char *note)
{
	struct summary sum;

	if (!service_has_listener(s))
		return;
	s->note = note;
	look(s, now_us, figures, &sum);
	status_text(s, &sum, s->told);
	notify_ready(&s->notify, s->told);
}

void service_reloading(struct service *s)
{
	notify_reloading(&s->notify, "reloading");
}

void service_stopping(struct service *s)
{
	notify_stopping(&s->notify, "stopping: sending what is under way");
}

bool service_refresh(struct service *s, uint64_t now_us, const struct service_figures *figures)
{
	char text[SERVICE_STATUS_BYTES];
	struct summary sum;

	if (!service_has_listener(s))
		return false;
	look(s, now_us, figures, &sum);
	status_text(s, &sum, text);
	if (strcmp(text, s->told) != 0 && notify_status(&s->notify, text) == 0)
		memcpy(s->told, text, sizeof(text));
	return sum.out_rate > 0 || sum.in_rate > 0;
}
