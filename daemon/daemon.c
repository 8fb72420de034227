/* daemon.c - the process: its tunnels, and the signals that change and end them. */
#include "daemon_impl.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "control.h"
#include "counters.h"
#include "descriptors.h"
#include "footprint.h"
#include "log.h"
#include "metrics.h"
#include "privilege.h"
#include "reactor.h"
#include "replay_store.h"
#include "service.h"
#include "snmplog.h"
#include "tunnel_set.h"
#include "tunnel_snmplog.h"

/* What is under way when a stop is asked for is sent for so long at most. */
static const double DRAIN_MAX_S = 5., DRAIN_LOOK_S = 0.02;

/* ---- counters ---------------------------------------------------------------------- */

/* One line of name=value, those that are zero left out. */
static void log_counters(const char *tag, const struct counters *c)
{
	char line[2048];
	size_t n = 0;

	for (size_t i = 0; i < counter_count; i++) {
		uint64_t value = counters_get(c, i);
		int put;

		if (value == 0)
			continue;
		put = snprintf(line + n, sizeof(line) - n, " %s=%" PRIu64, counter_infos[i].name,
			       value);
		if (put < 0 || (size_t)put >= sizeof(line) - n)
			break;
		n += (size_t)put;
	}
	line[n] = '\0';
	log_info(tag, "counters:%s", n > 0 ? line : " all zero");
}

static void tell_counters(struct kt_daemon *d)
{
	struct counters sum = { 0 };

	for (size_t i = 0; i < d->set.count; i++) {
		struct counters c;

		tunnel_counters(d->set.tunnels[i], &c);
		log_counters(d->set.tunnels[i]->name, &c);
		counters_add(&sum, &c);
	}
	log_counters(NULL, &sum);
}

static void sum_for_snmplog(void *user, struct counters *out)
{
	const struct kt_daemon *d = user;

	tunnel_set_totals(&d->set, out);
}

void daemon_tell_ready(struct kt_daemon *d, const char *note)
{
	struct service_figures figures;

	if (!service_has_listener(&d->service))
		return;
	tunnel_set_figures(&d->set, &figures);
	service_ready(&d->service, d->reactor->now_us, &figures, note);
}

static bool refresh_service(struct kt_daemon *d)
{
	struct service_figures figures;

	if (!service_has_listener(&d->service) || ev_is_active(&d->drain))
		return false;
	tunnel_set_figures(&d->set, &figures);
	return service_refresh(&d->service, d->reactor->now_us, &figures);
}

static_assert(SERVICE_PERIOD_US == REACTOR_TRIM_PERIOD_S * 1000000, "the status comes with the trim");

static bool trim(void *user)
{
	struct kt_daemon *d = user;
	bool again = tunnel_set_trim(&d->set);

	again |= refresh_service(d);
	return again;
}

/* ---- the end -------------------------------------------------------------------------- */

static void on_drain(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct kt_daemon *d = w->data;
	size_t left = tunnel_set_undrained(&d->set);

	d->drained_s += DRAIN_LOOK_S;
	if (left > 0 && d->drained_s < DRAIN_MAX_S)
		return;
	if (left > 0)
		log_warn(NULL, "%zu tunnels still had data to send after %.0f s", left, DRAIN_MAX_S);
	ev_break(loop, EVBREAK_ALL);
}

static void begin_stop(struct kt_daemon *d, int signum)
{
	struct ev_loop *loop = d->reactor->loop;

	if (ev_is_active(&d->drain)) {
		log_info(NULL, "%s again: stopping at once", strsignal(signum));
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	log_info(NULL, "%s: stopping", strsignal(signum));
	daemon_refuse_reloads(d);
	service_stopping(&d->service);
	tunnel_set_drain(&d->set);
	ev_timer_start(loop, &d->drain);
}

/* ---- what it tells of itself ------------------------------------------------------------- */

static size_t present_tunnels(void *user, struct tunnel *const **list)
{
	const struct kt_daemon *d = user;

	*list = d->set.tunnels;
	return d->set.count;
}

static const struct config *present_config(void *user)
{
	const struct kt_daemon *d = user;

	return d->config;
}

static void reload_by_control(void *user, struct control_job *r)
{
	daemon_reload(user, r);
}

static void restart_by_control(void *user, struct tunnel *t, struct control_job *r)
{
	daemon_restart(user, t, r);
}

static void forget_reload(void *user, struct control_job *r)
{
	daemon_forget_reload(user, r);
}

static const struct control_ops control_ops = {
	.reload = reload_by_control,
	.restart = restart_by_control,
	.forget = forget_reload,
};

bool daemon_move_control(struct kt_daemon *d, const char *path, char why[static CONTROL_WHY_BYTES],
			 bool *without)
{
	if (d->control == NULL)
		d->control = control_new(&d->report, &control_ops);
	if (d->control != NULL)
		return control_move(d->control, path, why, without);
	snprintf(why, CONTROL_WHY_BYTES, "control: out of memory");
	*without = false;
	return false;
}

bool daemon_make_metrics(struct kt_daemon *d)
{
	if (d->metrics == NULL)
		d->metrics = metrics_new(&d->report);
	return d->metrics != NULL;
}

/* False when the daemon may not start without it. */
static bool start_control(struct kt_daemon *d)
{
	const char *path = d->config->daemon.control;
	char why[CONTROL_WHY_BYTES];
	bool without;

	d->report = (struct report_source){
		.reactor = d->reactor,
		.started_us = d->reactor->now_us,
		.user = d,
		.tunnels = present_tunnels,
		.config = present_config,
	};
	if (path == NULL)
		return true;
	if (daemon_move_control(d, path, why, &without)) {
		if (why[0] != '\0')
			log_debug(NULL, "%s", why);
		return true;
	}
	log_msg(without ? LOG_LEVEL_WARN : LOG_LEVEL_ERR, NULL, "%s", why);
	return without;
}

/* ---- the beginning ---------------------------------------------------------------------- */

static void on_signal(void *user, int signum)
{
	struct kt_daemon *d = user;

	switch (signum) {
	case SIGHUP:
		daemon_reload(d, NULL);
		break;
	case SIGUSR1:
		tell_counters(d);
		break;
	default:
		begin_stop(d, signum);
		break;
	}
}

static bool watch_signals(struct kt_daemon *d)
{
	static const int watched[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that may grow no more is an error of its write */
	if (!signals_open(&d->signals, d->reactor->loop, on_signal, d)) {
		log_err(NULL, "cannot start: no pipe for signals: %s", strerror(errno));
		return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(watched); i++)
		signals_watch(&d->signals, watched[i]);
	return true;
}

/* There is nothing to wait for. */
static void give_up(struct kt_daemon *d)
{
	d->status = EX_UNAVAILABLE;
	ev_break(d->reactor->loop, EVBREAK_ALL);
}

static void on_started(void *user)
{
	struct kt_daemon *d = user;
	size_t failed = tunnel_set_failed(&d->set);

	if (tunnel_set_is_hopeless(&d->set)) {
		give_up(d);
		return;
	}
	snmplog_set(&d->snmplog, d->config->daemon.snmplog, d->config->daemon.snmpperiod_s);
	log_info(NULL, "kcptund " KT_VERSION " ready, %zu tunnel%s", d->set.count,
		 d->set.count == 1 ? "" : "s");
	if (failed > 0)
		log_warn(NULL, "%zu of the tunnels could not be started and %s tried again", failed,
			 failed == 1 ? "is" : "are");
	daemon_tell_ready(d, NULL);
	footprint_started();
	daemon_reload_next(d);
}

static void start_tunnels(struct kt_daemon *d)
{
	if (tunnel_set_start(&d->set, d->config, on_started, d))
		return;
	log_err(NULL, "out of memory");
	give_up(d);
}

static void on_metrics(void *user, bool good)
{
	struct kt_daemon *d = user;

	if (!good)
		give_up(d);
	else if (!ev_is_active(&d->drain)) /* asked to stop meanwhile */
		start_tunnels(d);
}

/* One after the other: what may not fail, what may, and then all tunnels.  What is opened once is
 * opened before root becomes another; what a reload may open again after that, so that what goes well
 * at the start goes well then. */
static void start(struct kt_daemon *d)
{
	const struct conf_addr *metrics = &d->config->daemon.metrics;

	d->reloading = true; /* as long as this takes there is no other change */
	if (!start_control(d) || !privilege_drop(d->config)) {
		give_up(d);
		return;
	}
	if (metrics->text == NULL) {
		start_tunnels(d);
		return;
	}
	if (daemon_make_metrics(d) && metrics_start(d->metrics, metrics, on_metrics, d))
		return;
	log_err("metrics", "out of memory");
	give_up(d);
}

static void stop(struct kt_daemon *d)
{
	d->reactor->trim = NULL;
	metrics_free(d->metrics);
	control_free(d->control);
	snmplog_dispose(&d->snmplog);
	daemon_reload_dispose(d);
	tunnel_set_dispose(&d->set);
	service_close(&d->service);
	signals_close(&d->signals);
	reactor_free(d->reactor);
	config_free(d->config);
}

int daemon_run(struct config *config, const struct daemon_source *source)
{
	struct kt_daemon d = { .config = config, .source = source, .reactor = reactor_new() };

	if (d.reactor == NULL) {
		log_err(NULL, "cannot start: %s", strerror(errno));
		config_free(config);
		return EX_UNAVAILABLE;
	}
	descriptors_raise_limit();
	tunnel_set_init(&d.set, d.reactor, &tunnel_snmplog_hooks);
	snmplog_init(&d.snmplog, d.reactor, NULL, sum_for_snmplog, &d);
	service_open(&d.service, d.reactor->loop, d.reactor->now_us);
	d.reactor->trim = trim;
	d.reactor->trim_user = &d;
	ev_timer_init(&d.drain, on_drain, DRAIN_LOOK_S, DRAIN_LOOK_S);
	d.drain.data = &d;
	replay_store_set_dir(config->daemon.statedir);
	daemon_reload_init(&d);
	if (watch_signals(&d))
		start(&d);
	else
		d.status = EX_UNAVAILABLE;
	if (d.status == 0)
		ev_run(d.reactor->loop, 0);
	stop(&d);
	if (d.status == 0)
		log_info(NULL, "stopped");
	return d.status;
}
