/* daemon.c - the set of tunnels, and the signals that start and end them. */
#include "daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"
#include "log.h"
#include "reactor.h"
#include "service.h"
#include "tunnel.h"

/* What is under way when a stop is asked for is sent for so long at most. */
static const double DRAIN_MAX_S = 5., DRAIN_LOOK_S = 0.02;

struct kt_daemon {
	struct reactor *reactor;
	struct config *config;
	struct tunnel **tunnels;
	size_t tunnel_count;
	struct service service;
	ev_signal term, interrupt, usr1;
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

	for (size_t i = 0; i < d->tunnel_count; i++) {
		struct counters c;

		tunnel_counters(d->tunnels[i], &c);
		log_counters(d->tunnels[i]->name, &c);
		counters_add(&sum, &c);
	}
	log_counters(NULL, &sum);
}

static bool trim(void *user)
{
	struct kt_daemon *d = user;
	bool again = false;

	for (size_t i = 0; i < d->tunnel_count; i++)
		again |= tunnel_trim(d->tunnels[i]);
	if (!ev_is_active(&d->drain))
		again |= service_refresh(&d->service, d->tunnels, d->tunnel_count);
	return again;
}

/* ---- the end -------------------------------------------------------------------------- */

static void on_drain(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct kt_daemon *d = w->data;
	size_t left = 0;

	for (size_t i = 0; i < d->tunnel_count; i++)
		left += !tunnel_drained(d->tunnels[i]);
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
	for (size_t i = 0; i < d->tunnel_count; i++)
		tunnel_drain(d->tunnels[i]);
	ev_timer_start(loop, &d->drain);
}

/* ---- the beginning ---------------------------------------------------------------------- */

static void watch_signal(struct kt_daemon *d, ev_signal *w, int signum,
			 void (*cb)(struct ev_loop *, ev_signal *, int))
{
	ev_signal_init(w, cb, signum);
	w->data = d;
	ev_signal_start(d->reactor->loop, w);
}

static bool start_tunnels(struct kt_daemon *d)
{
	bool good = true;

	d->tunnels = calloc(d->config->tunnel_count, sizeof(*d->tunnels));
	if (d->tunnels == NULL)
		return false;
	/* All of them are tried, so that every fault is told at once. */
	for (size_t i = 0; i < d->config->tunnel_count; i++) {
		struct tunnel *t = tunnel_new(d->reactor, d->config->tunnels[i]);

		good &= t != NULL && tunnel_start(t) == 0;
		if (t != NULL)
			d->tunnels[d->tunnel_count++] = t;
	}
	return good;
}

static void stop_tunnels(struct kt_daemon *d)
{
	for (size_t i = 0; i < d->tunnel_count; i++)
		tunnel_free(d->tunnels[i]);
	free(d->tunnels);
}

int daemon_run(struct config *config)
{
	struct kt_daemon d = { .config = config, .reactor = reactor_new() };
	bool good;

	if (d.reactor == NULL) {
		log_err(NULL, "cannot start: %s", strerror(errno));
		config_free(config);
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	service_open(&d.service, d.reactor);
	d.reactor->trim = trim;
	d.reactor->trim_user = &d;
	watch_signal(&d, &d.term, SIGTERM, on_stop);
	watch_signal(&d, &d.interrupt, SIGINT, on_stop);
	watch_signal(&d, &d.usr1, SIGUSR1, on_usr1);
	ev_timer_init(&d.drain, on_drain, DRAIN_LOOK_S, DRAIN_LOOK_S);
	d.drain.data = &d;
	good = start_tunnels(&d);
	if (good) {
		log_info(NULL, "kcptund " KT_VERSION " ready, %zu tunnels", d.tunnel_count);
		service_ready(&d.service, d.tunnels, d.tunnel_count, NULL);
		ev_run(d.reactor->loop, 0);
		log_info(NULL, "stopped");
	}
	d.reactor->trim = NULL;
	stop_tunnels(&d);
	service_close(&d.service);
	reactor_free(d.reactor);
	config_free(config);
	return good ? 0 : 1;
}
