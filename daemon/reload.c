/* reload.c - the configuration is read again, one time after the other. */
#include <stdio.h>
#include <string.h>

#include "daemon_impl.h"
#include "log.h"

/* ---- who hears of it ------------------------------------------------------------------ */

static void tell(struct control_job *list, const char *tunnel, const char *what, bool failed)
{
	for (struct control_job *r = list; r != NULL; r = r->next)
		r->say(r, tunnel, what, failed);
}

static void say(void *user, const char *tunnel, const char *what, bool failed)
{
	struct kt_daemon *d = user;

	log_msg(failed ? LOG_LEVEL_ERR : LOG_LEVEL_INFO, tunnel, "reload: %s", what);
	tell(d->asking, tunnel, what, failed);
}

static void say_fault(void *user, enum conf_severity severity, const char *line)
{
	struct kt_daemon *d = user;
	bool failed = severity == CONF_ERROR;

	log_msg(failed ? LOG_LEVEL_ERR : LOG_LEVEL_WARN, NULL, "%s", line);
	tell(d->asking, NULL, line, failed);
}

static void answer(struct control_job **list, enum control_verdict verdict)
{
	while (*list != NULL) {
		struct control_job *r = *list;

		*list = r->next;
		r->done(r, verdict);
	}
}

static void turn_away(struct control_job **list, const char *why)
{
	log_info(NULL, "reload: %s", why);
	tell(*list, NULL, why, true);
	answer(list, CONTROL_REFUSED);
}

/* ---- [daemon] ------------------------------------------------------------------------- */

/* What the command line says holds whatever is in the file. */
static bool override(struct config *config, const struct daemon_source *source,
		     conf_report_fn *report, void *user)
{
	struct conf_daemon *d = &config->daemon;

	if (source->verbose) {
		d->loglevel = LOG_LEVEL_DEBUG;
		d->origins[conf_daemon_key("loglevel")] = (struct conf_origin){ .from = CONF_GIVEN };
	}
	return source->control == NULL || config_set_control(config, source->control, report, user);
}

struct config *daemon_read_config(const struct daemon_source *source, conf_report_fn *report,
				  void *user)
{
	struct config *config = config_read(source->file, report, user);

	if (config == NULL || override(config, source, report, user))
		return config;
	config_free(config);
	return NULL;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void change_in_use(struct kt_daemon *d)
{
	const struct conf_daemon *now = &d->config->daemon, *then = &d->fresh->daemon;

	if (then->loglevel != now->loglevel) {
		log_set_level((enum log_level)then->loglevel);
		say(d, NULL, "log level changed", false);
	}
	if (!same_text(then->snmplog, now->snmplog) || then->snmpperiod_s != now->snmpperiod_s)
		say(d, NULL, "snmplog of [daemon] changed", false);
	snmplog_set(&d->snmplog, then->snmplog, then->snmpperiod_s);
}

/* Said each time, and not only by the reload that brought it: else the next one would seem to have done it. */
static void keep_until_restart(struct kt_daemon *d)
{
	struct conf_daemon *now = &d->config->daemon, *then = &d->fresh->daemon;
	char text[128];

	for (size_t i = 0; i < conf_key_count(); i++) {
		if (conf_key_reach(i) != CONF_RESTART || conf_daemon_key_equal(now, then, i))
			continue;
		snprintf(text, sizeof(text), "%s: needs a restart", conf_key_name(i));
		say(d, NULL, text, false);
		conf_daemon_keep(then, now, i);
	}
}

/* ---- the sockets of [daemon] ---------------------------------------------------------- */

static void say_not_moved(struct kt_daemon *d, const char *what, const char *why)
{
	char text[CONTROL_WHY_BYTES + 64];

	snprintf(text, sizeof(text), "%s not changed, it goes on as it was: %s", what, why);
	d->partly = true;
	say(d, NULL, text, true);
}

static void say_moved(struct kt_daemon *d, const char *what, const char *where)
{
	char text[512];

	snprintf(text, sizeof(text), "%s changed: %s", what, where != NULL ? where : "none");
	say(d, NULL, text, false);
}

static void move_control(struct kt_daemon *d)
{
	struct conf_daemon *now = &d->config->daemon, *then = &d->fresh->daemon;
	size_t key = conf_daemon_key("control");
	char why[CONTROL_WHY_BYTES];
	bool without;

	if (conf_daemon_key_equal(now, then, key))
		return;
	if (!daemon_move_control(d, then->control, why, &without)) {
		say_not_moved(d, "control", why);
		conf_daemon_keep(then, now, key);
		return;
	}
	say_moved(d, "control", then->control);
	if (why[0] != '\0')
		say(d, NULL, why, false);
}

/* ---- one reload ----------------------------------------------------------------------- */

static void conclude(struct kt_daemon *d, enum reload_result result)
{
	static const struct {
		enum control_verdict verdict;
		const char *note;
	} ends[] = {
		[RELOAD_DONE] = { CONTROL_DONE, NULL },
		[RELOAD_PARTLY] = { CONTROL_PARTLY, "last reload failed in part, see the log" },
		[RELOAD_REFUSED] = { CONTROL_REFUSED, "last reload was refused, see the log" },
	};

	config_free(d->fresh);
	d->fresh = NULL;
	daemon_tell_ready(d, ends[result].note);
	answer(&d->asking, ends[result].verdict);
	daemon_reload_next(d);
}

/* All of [daemon] but metrics, whose address may have had to be asked for. */
static void change_daemon(struct kt_daemon *d)
{
	struct config *before = d->config;

	change_in_use(d);
	keep_until_restart(d);
	move_control(d);
	d->config = d->fresh;
	d->fresh = before;
	conclude(d, d->partly ? RELOAD_PARTLY : RELOAD_DONE);
}

static void on_metrics_moved(void *user, const char *why)
{
	struct kt_daemon *d = user;
	struct conf_daemon *now = &d->config->daemon, *then = &d->fresh->daemon;

	d->moving_metrics = false;
	if (why == NULL) {
		say_moved(d, "metrics", then->metrics.text);
	} else {
		say_not_moved(d, "metrics", why);
		conf_daemon_keep(then, now, conf_daemon_key("metrics"));
	}
	change_daemon(d);
}

/* Behind the tunnels, since nothing of this changes if they are refused, and an address that one of them has left is free. */
static void finish(void *user, enum reload_result result)
{
	struct kt_daemon *d = user;

	if (result == RELOAD_REFUSED) {
		log_err(NULL, "reload refused: the running configuration stays");
		conclude(d, result);
		return;
	}
	d->partly = result == RELOAD_PARTLY;
	if (conf_daemon_key_equal(&d->config->daemon, &d->fresh->daemon, conf_daemon_key("metrics"))) {
		change_daemon(d);
		return;
	}
	d->moving_metrics = true;
	if (daemon_make_metrics(d))
		metrics_move(d->metrics, &d->fresh->daemon.metrics, on_metrics_moved, d);
	else
		on_metrics_moved(d, "out of memory");
}

static void begin(struct kt_daemon *d)
{
	d->reloading = true;
	d->wanted = false;
	d->asking = d->waiting;
	d->waiting = NULL;
	service_reloading(&d->service);
	d->fresh = daemon_read_config(d->source, say_fault, d);
	if (d->fresh == NULL)
		finish(d, RELOAD_REFUSED);
	else
		tunnel_set_reload(&d->set, d->fresh, say, finish, d);
}

/* ---- one after the other -------------------------------------------------------------- */

static void on_next(struct ev_loop *loop, ev_timer *w, int revents)
{
	begin(w->data);
}

/* From the loop: whoever is answered may ask again at once. */
void daemon_reload_next(struct kt_daemon *d)
{
	d->reloading = false;
	if (d->wanted)
		ev_timer_start(d->reactor->loop, &d->next_reload);
}

void daemon_reload(struct kt_daemon *d, struct control_job *r)
{
	bool stopping = ev_is_active(&d->drain);

	if (r != NULL) {
		r->next = d->waiting;
		d->waiting = r;
	}
	if (d->source == NULL || stopping) {
		turn_away(&d->waiting,
			  stopping ? "refused: stopping" : "there is no file to read again");
		return;
	}
	d->wanted = true;
	if (!d->reloading && !ev_is_active(&d->next_reload))
		begin(d);
}

static void unlink_reload(struct control_job **list, const struct control_job *r)
{
	while (*list != NULL && *list != r)
		list = &(*list)->next;
	if (*list == r)
		*list = r->next;
}

void daemon_forget_reload(struct kt_daemon *d, const struct control_job *r)
{
	unlink_reload(&d->asking, r);
	unlink_reload(&d->waiting, r);
	if (d->restarting == r)
		d->restarting = NULL;
}

void daemon_refuse_reloads(struct kt_daemon *d)
{
	d->wanted = false;
	ev_timer_stop(d->reactor->loop, &d->next_reload);
	if (d->set.change != NULL)
		say(d, NULL, "refused: stopping", true);
	tunnel_set_cancel_reload(&d->set);
	tunnel_set_cancel_restart(&d->set);
	if (d->moving_metrics) {
		metrics_cancel_move(d->metrics);
		on_metrics_moved(d, "stopping");
	}
	if (d->waiting != NULL)
		turn_away(&d->waiting, "refused: stopping");
}

void daemon_reload_init(struct kt_daemon *d)
{
	ev_timer_init(&d->next_reload, on_next, 0., 0.);
	d->next_reload.data = d;
}

void daemon_reload_dispose(struct kt_daemon *d)
{
	ev_timer_stop(d->reactor->loop, &d->next_reload);
}
