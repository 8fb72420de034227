/* service.c - what the service manager is told of the daemon, and when. */
#include "service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

/* After a pause the last look was long ago, but the traffic since is all of the last seconds:
 * the reactor asks so long after it began. */
enum { LOOK_US = REACTOR_TRIM_PERIOD_S * 1000000 };

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
		ev_timer_start(s->reactor->loop, &s->watchdog);
}

void service_open(struct service *s, struct reactor *r)
{
	*s = (struct service){ .reactor = r, .looked_us = r->now_us };
	if (notify_open(&s->notify) < 0)
		log_warn(NULL, "NOTIFY_SOCKET=%.100s cannot be used: %s", getenv("NOTIFY_SOCKET"),
			 strerror(errno));
	start_watchdog(s);
}

void service_close(struct service *s)
{
	ev_timer_stop(s->reactor->loop, &s->watchdog);
	notify_close(&s->notify);
}

/* ---- the figures --------------------------------------------------------------------- */

static void add_link(struct summary *sum, const struct link *l)
{
	struct session_info info;

	if (l->ended)
		return;
	session_get_info(l->session, &info);
	sum->sessions++;
	sum->streams += info.streams;
	if (info.kcp.srtt_us == 0)
		return;
	if (info.kcp.srtt_us < sum->rtt_min_us || sum->rtt_min_us == 0)
		sum->rtt_min_us = info.kcp.srtt_us;
	if (info.kcp.srtt_us > sum->rtt_max_us)
		sum->rtt_max_us = info.kcp.srtt_us;
}

/* Totals fall when a tunnel is removed. */
static uint64_t rate(uint64_t now, uint64_t before, uint64_t elapsed_us)
{
	if (now <= before || elapsed_us == 0)
		return 0;
	return (uint64_t)((double)(now - before) * 1e6 / (double)elapsed_us);
}

static void look(struct service *s, struct tunnel *const *tunnels, size_t count,
		 struct summary *sum)
{
	uint64_t out = 0, in = 0, elapsed_us = s->reactor->now_us - s->looked_us;

	if (elapsed_us > LOOK_US)
		elapsed_us = LOOK_US;
	*sum = (struct summary){ .tunnels = count };
	for (size_t i = 0; i < count; i++) {
		struct counters c;

		tunnel_counters(tunnels[i], &c);
		out += c.payload_out_bytes;
		in += c.payload_in_bytes;
		for (const struct link *l = tunnels[i]->links; l != NULL; l = l->next)
			add_link(sum, l);
	}
	sum->out_rate = rate(out, s->out_bytes, elapsed_us);
	sum->in_rate = rate(in, s->in_bytes, elapsed_us);
	s->out_bytes = out;
	s->in_bytes = in;
	s->looked_us = s->reactor->now_us;
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

void service_ready(struct service *s, struct tunnel *const *tunnels, size_t count,
		   const char *note)
{
	struct summary sum;

	if (s->notify.fd < 0)
		return;
	s->note = note;
	look(s, tunnels, count, &sum);
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

bool service_refresh(struct service *s, struct tunnel *const *tunnels, size_t count)
{
	char text[SERVICE_STATUS_BYTES];
	struct summary sum;

	if (s->notify.fd < 0)
		return false;
	look(s, tunnels, count, &sum);
	status_text(s, &sum, text);
	if (strcmp(text, s->told) != 0 && notify_status(&s->notify, text) == 0)
		memcpy(s->told, text, sizeof(text));
	return sum.out_rate > 0 || sum.in_rate > 0;
}
