/* daemon.c - the process: its tunnels, and the signals that change and end them. */
#include "daemon.h"

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
#include "reactor.h"
#include "service.h"
#include "snmplog.h"
#include "tunnel_set.h"
#include "tunnel_snmplog.h"

/* What is under way when a stop is asked for is sent for so long at most. */
static const double DRAIN_MAX_S = 5., DRAIN_LOOK_S = 0.02;

struct kt_daemon {
	struct reactor *reactor;
	struct config *config;
	const struct daemon_source *source; /* NULL: nothing to read again */
	struct tunnel_set set;
	struct service service;
	struct snmplog snmplog;
	struct report_source report;
	struct control *control;
	struct metrics *metrics;
	ev_signal term, interrupt, hangup, usr1;
	ev_timer drain; /* looks whether all is out */
	double drained_s;
};

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

static void on_usr1(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct kt_daemon *d = w->data;
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

/* `note`: see service_ready(). */
static void tell_ready(struct kt_daemon *d, const char *note)
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

static void on_stop(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct kt_daemon *d = w->data;

	if (ev_is_active(&d->drain)) {
		log_info(NULL, "%s again: stopping at once", strsignal(w->signum));
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	log_info(NULL, "%s: stopping", strsignal(w->signum));
	service_stopping(&d->service);
	tunnel_set_drain(&d->set);
	ev_timer_start(loop, &d->drain);
}

/* ---- reload ------------------------------------------------------------------------------ */

struct config *daemon_read_config(const struct daemon_source *source, conf_report_fn *report,
				  void *user)
{
	struct config *config = config_read(source->file, report, user);

	if (config == NULL || source->control == NULL ||
	    config_set_control(config, source->control, report, user))
		return config;
	config_free(config);
	return NULL;
}

/* Who wants to hear of a reload, beside the log. */
struct reload_ear {
	reload_say_fn *say; /* NULL: nobody */
	void *user;
};

static void say_to_log(void *user, const char *tunnel, const char *what)
{
	struct reload_ear *ear = user;

	log_info(tunnel, "reload: %s", what);
	if (ear->say != NULL)
		ear->say(ear->user, tunnel, what);
}

static void say_fault(void *user, enum conf_severity severity, const char *line)
{
	struct reload_ear *ear = user;

	log_msg(severity == CONF_ERROR ? LOG_LEVEL_ERR : LOG_LEVEL_WARN, NULL, "%s", line);
	if (ear->say != NULL)
		ear->say(ear->user, NULL, line);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* What [daemon] says: the log level at once, sockets with the next start. */
static void change_daemon(struct kt_daemon *d, struct config *fresh, struct reload_ear *ear)
{
	if (fresh->daemon.loglevel != d->config->daemon.loglevel && !d->source->verbose) {
		log_set_level((enum log_level)fresh->daemon.loglevel);
		say_to_log(ear, NULL, "log level changed");
	}
	if (!same_text(fresh->daemon.snmplog, d->config->daemon.snmplog) ||
	    fresh->daemon.snmpperiod_s != d->config->daemon.snmpperiod_s)
		say_to_log(ear, NULL, "snmplog of [daemon] changed");
	snmplog_set(&d->snmplog, fresh->daemon.snmplog, fresh->daemon.snmpperiod_s);
	if (!same_text(fresh->daemon.control, d->config->daemon.control) ||
	    !same_text(fresh->daemon.metrics.text, d->config->daemon.metrics.text))
		say_to_log(ear, NULL, "[daemon] control and metrics change with a restart only");
}

/* Read the file again and go over to what it says.  False: all is as it was, and why was said. */
static bool reload(struct kt_daemon *d, reload_say_fn *say, void *user)
{
	struct reload_ear ear = { say, user };
	struct config *fresh;
	bool good;

	if (d->source == NULL || ev_is_active(&d->drain)) {
		say_to_log(&ear, NULL,
			   d->source == NULL ? "there is no file to read again" : "refused: stopping");
		return false;
	}
	service_reloading(&d->service);
	fresh = daemon_read_config(d->source, say_fault, &ear);
	good = fresh != NULL && tunnel_set_reload(&d->set, fresh, say_to_log, &ear);
	if (good) {
		change_daemon(d, fresh, &ear);
		config_free(d->config);
		d->config = fresh;
	} else {
		log_err(NULL, "reload refused: the running configuration stays");
		config_free(fresh);
	}
	tell_ready(d, good ? NULL : "last reload was refused, see the log");
	return good;
}

static void on_hangup(struct ev_loop *loop, ev_signal *w, int revents)
{
	reload(w->data, NULL, NULL);
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

static bool reload_by_control(void *user, control_say_fn *say, void *to)
{
	return reload(user, say, to);
}

static const struct control_ops control_ops = { .reload = reload_by_control };

/* False when the daemon may not start without it. */
static bool start_control(struct kt_daemon *d)
{
	const struct conf_addr *metrics = &d->config->daemon.metrics;
	const char *path = d->config->daemon.control;
	bool without = false;

	d->report = (struct report_source){
		.reactor = d->reactor,
		.started_us = d->reactor->now_us,
		.user = d,
		.tunnels = present_tunnels,
		.config = present_config,
	};
	if (path != NULL)
		d->control = control_new(path, &d->report, &control_ops, &without);
	if (path != NULL && d->control == NULL && !without)
		return false;
	if (metrics->text != NULL)
		d->metrics = metrics_new(metrics, &d->report);
	return metrics->text == NULL || d->metrics != NULL;
}

/* ---- the beginning ---------------------------------------------------------------------- */

static void watch_signal(struct kt_daemon *d, ev_signal *w, int signum,
			 void (*cb)(struct ev_loop *, ev_signal *, int))
{
	ev_signal_init(w, cb, signum);
	w->data = d;
	ev_signal_start(d->reactor->loop, w);
}

static void watch_signals(struct kt_daemon *d)
{
	signal(SIGPIPE, SIG_IGN);
	watch_signal(d, &d->term, SIGTERM, on_stop);
	watch_signal(d, &d->interrupt, SIGINT, on_stop);
	watch_signal(d, &d->hangup, SIGHUP, on_hangup);
	watch_signal(d, &d->usr1, SIGUSR1, on_usr1);
}

int daemon_run(struct config *config, const struct daemon_source *source)
{
	struct kt_daemon d = { .config = config, .source = source, .reactor = reactor_new() };
	bool good;

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
	watch_signals(&d);
	ev_timer_init(&d.drain, on_drain, DRAIN_LOOK_S, DRAIN_LOOK_S);
	d.drain.data = &d;
	good = start_control(&d) && tunnel_set_start(&d.set, config);
	if (good) {
		snmplog_set(&d.snmplog, config->daemon.snmplog, config->daemon.snmpperiod_s);
		log_info(NULL, "kcptund " KT_VERSION " ready, %zu tunnel%s", d.set.count,
			 d.set.count == 1 ? "" : "s");
		tell_ready(&d, NULL);
		footprint_started();
		ev_run(d.reactor->loop, 0);
	}
	d.reactor->trim = NULL;
	metrics_free(d.metrics);
	control_free(d.control);
	snmplog_dispose(&d.snmplog);
	tunnel_set_dispose(&d.set);
	service_close(&d.service);
	reactor_free(d.reactor);
	config_free(d.config);
	if (good)
		log_info(NULL, "stopped");
	return good ? 0 : EX_UNAVAILABLE;
}
