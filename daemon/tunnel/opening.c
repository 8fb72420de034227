/* opening.c - from a tunnel that was made to one that runs. */
#include "opening.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "tunnel.h"

static struct ev_loop *loop_of(const struct tunnel *t)
{
	return t->reactor->loop;
}

/* ---- the outcome ---------------------------------------------------------------------- */

static void close_sockets(struct tunnel *t)
{
	binding_free(t->opening.binding);
	t->opening.binding = NULL;
}

/* The same reason again and again is told once. */
void opening_fail(struct tunnel *t, const char *fmt, ...)
{
	struct opening *o = &t->opening;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(o->why, sizeof(o->why), fmt, ap);
	va_end(ap);
	close_sockets(t);
	o->state = OPENING_FAILED;
	o->no_name = false;
	if (strcmp(o->why, o->told) != 0)
		log_err(t->name, "%s", o->why);
	memcpy(o->told, o->why, sizeof(o->told));
	reactor_busy(t->reactor); /* the status that tells of it */
}

static void tell(struct tunnel *t)
{
	t->opening.done(t->opening.user, t);
}

static void on_soon(struct ev_loop *loop, ev_timer *w, int revents)
{
	tell(w->data);
}

static void on_bound(void *user, enum binding_end end, const char *why)
{
	struct tunnel *t = user;

	if (end == BINDING_OPEN) {
		t->opening.state = OPENING_OPEN;
	} else {
		opening_fail(t, "%s", why);
		t->opening.no_name = end == BINDING_NO_NAME;
	}
	tell(t);
}

/* ---- opening -------------------------------------------------------------------------- */

/* False: it has failed. */
static bool ask(struct tunnel *t, binding_held_fn *held, void *held_user)
{
	struct opening *o = &t->opening;
	struct binding_spec spec = {
		.at = conf_tunnel_bound(t->conf),
		.datagrams = t->conf->role == ROLE_SERVER,
		.held = held,
		.held_user = held_user,
	};
	char why[BINDING_WHY_BYTES];

	if (!tunnel_make_keys(t, why, sizeof(why))) {
		opening_fail(t, "%s", why);
		return false;
	}
	tunnel_udp_options(t, &spec.udp);
	o->binding = binding_start(t->reactor, &spec, on_bound, t);
	if (o->binding == NULL)
		opening_fail(t, "out of memory");
	return o->binding != NULL;
}

void opening_begin(struct tunnel *t, binding_held_fn *held, void *held_user, opening_done_fn *done,
		   void *user)
{
	struct opening *o = &t->opening;

	o->done = done;
	o->user = user;
	o->state = OPENING_ASKED;
	if (!ask(t, held, held_user))
		ev_timer_start(loop_of(t), &o->soon);
}

bool opening_complete(struct tunnel *t)
{
	struct opening *o = &t->opening;

	if (!binding_complete(o->binding)) {
		opening_fail(t, "%s", o->binding->why);
		return false;
	}
	if (!tunnel_start(t, o->binding)) {
		opening_fail(t, "out of memory");
		return false;
	}
	close_sockets(t);
	o->state = OPENING_RUNNING;
	o->why[0] = o->told[0] = '\0';
	backoff_stop(&o->backoff);
	reactor_busy(t->reactor);
	return true;
}

/* ---- by itself ------------------------------------------------------------------------ */

static void on_opened_again(void *user, struct tunnel *t)
{
	if (t->opening.state == OPENING_OPEN && opening_complete(t))
		log_info(t->name, "it could be started now");
	else
		opening_retry(t);
}

static void again(void *user)
{
	opening_begin(user, NULL, NULL, on_opened_again, NULL);
}

void opening_retry(struct tunnel *t)
{
	double delay_s = backoff_failed(&t->opening.backoff);

	log_debug(t->name, "trying again in %.0f s", delay_s);
}

bool opening_has_failed(const struct tunnel *t)
{
	return t->opening.state != OPENING_RUNNING && t->opening.why[0] != '\0';
}

double opening_retry_s(const struct tunnel *t)
{
	return reactor_delay(t->reactor, t->opening.backoff.next_us);
}

/* ---- life ----------------------------------------------------------------------------- */

void opening_stop(struct tunnel *t)
{
	struct opening *o = &t->opening;

	ev_timer_stop(loop_of(t), &o->soon);
	backoff_stop(&o->backoff);
	close_sockets(t);
}

void opening_init(struct tunnel *t)
{
	struct opening *o = &t->opening;

	ev_timer_init(&o->soon, on_soon, 0., 0.);
	o->soon.data = t;
	backoff_init(&o->backoff, t->reactor, again, t);
}

void opening_dispose(struct tunnel *t)
{
	opening_stop(t);
}
