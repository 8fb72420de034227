/* target_dial.c - connects a stream to one of its tunnel's targets. */
#include "target_dial.h"

#include <stdlib.h>

#include "dial.h"
#include "relay.h"
#include "tunnel.h"

/* A handshake takes a round trip, and after a second TCP itself would ask again. */
static const double PATIENCE_S = 1.;
#define NO_ANSWER "no answer within 1 s"

/* One of them. */
struct attempt {
	struct target_dial *owner;
	struct dial *dial; /* NULL: it is over */
	unsigned target;
	bool slow; /* its second is over */
};

struct target_dial {
	const struct relay *relay;
	struct tunnel *tunnel;
	target_dial_done_fn *done;
	void *user;
	unsigned edition; /* of the targets that the numbers are of */
	uint8_t order[CONF_ADDRS_MAX];
	unsigned count, begun, under_way;
	struct attempt attempts[CONF_ADDRS_MAX]; /* as in `order` */
	ev_timer patience; /* of the one that was begun last, while there is another */
};

static void on_dialled(void *user, int fd, const char *error);

static bool is_current(const struct target_dial *d)
{
	return d->edition == d->tunnel->targets.edition;
}

static void take_order(struct target_dial *d)
{
	struct targets *s = &d->tunnel->targets;

	d->edition = s->edition;
	d->count = targets_order(s, d->tunnel->reactor->now_us, d->order);
	d->begun = 0;
}

static void be_patient(struct target_dial *d)
{
	struct ev_loop *loop = d->tunnel->reactor->loop;

	ev_timer_stop(loop, &d->patience);
	if (d->begun == d->count)
		return;
	ev_timer_set(&d->patience, PATIENCE_S, 0.);
	ev_timer_start(loop, &d->patience);
}

static void note_failed(struct target_dial *d, const struct attempt *a, const char *why, bool others)
{
	struct tunnel *t = d->tunnel;

	if (!is_current(d))
		return;
	targets_failed(&t->targets, a->target, t->reactor->now_us, why);
	diagnosis_target(d->relay, a->target, why, others);
}

/* False: out of memory. */
static bool begin_one(struct target_dial *d)
{
	struct attempt *a = &d->attempts[d->begun];

	*a = (struct attempt){ .owner = d, .target = d->order[d->begun] };
	d->begun++;
	a->dial = dial_start(d->tunnel->reactor, &d->tunnel->conf->target.list[a->target],
			     on_dialled, a);
	if (a->dial == NULL) {
		note_failed(d, a, "out of memory", d->begun < d->count || d->under_way > 0);
		return false;
	}
	d->under_way++;
	be_patient(d);
	return true;
}

/* Where a reload has changed the targets those that were begun come to their ends, and then it is the turn of the new.  False:
 * there is none, and nothing is under way. */
static bool go_on(struct target_dial *d)
{
	if (!is_current(d)) {
		if (d->under_way > 0)
			return true;
		take_order(d);
	}
	while (d->begun < d->count)
		if (begin_one(d))
			return true;
	return d->under_way > 0;
}

static void finish(struct target_dial *d, int fd)
{
	target_dial_done_fn *done = d->done;
	void *user = d->user;

	target_dial_cancel(d);
	done(user, fd);
}

/* Who was asked before and has not answered yet is known to be worse now. */
static void judge_slow(struct target_dial *d)
{
	for (unsigned i = 0; i < d->begun; i++)
		if (d->attempts[i].dial != NULL && d->attempts[i].slow)
			note_failed(d, &d->attempts[i], NO_ANSWER, true);
}

static void succeed(struct target_dial *d, const struct attempt *a, int fd)
{
	struct tunnel *t = d->tunnel;

	judge_slow(d);
	if (is_current(d))
		diagnosis_target_serves(t, a->target, targets_worked(&t->targets, a->target));
	finish(d, fd);
}

static void on_dialled(void *user, int fd, const char *error)
{
	struct attempt *a = user;
	struct target_dial *d = a->owner;

	a->dial = NULL;
	d->under_way--;
	if (fd >= 0) {
		succeed(d, a, fd);
		return;
	}
	note_failed(d, a, error, d->begun < d->count || d->under_way > 0);
	if (go_on(d))
		return;
	diagnosis_no_target(d->tunnel);
	finish(d, -1);
}

static void on_patience(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct target_dial *d = w->data;
	struct attempt *last = &d->attempts[d->begun - 1];

	if (reactor_puts_off(d->tunnel->reactor, w))
		return;
	last->slow = true;
	if (is_current(d))
		targets_slow(&d->tunnel->targets, last->target, d->tunnel->reactor->now_us);
	go_on(d); /* that one is under way */
}

struct target_dial *target_dial_start(const struct relay *relay, target_dial_done_fn *done, void *user)
{
	struct target_dial *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->relay = relay;
	d->tunnel = relay_tunnel(relay);
	d->done = done;
	d->user = user;
	ev_init(&d->patience, on_patience);
	d->patience.data = d;
	ev_set_priority(&d->patience, EV_MINPRI); /* a connection that is there is seen first */
	take_order(d);
	if (go_on(d))
		return d;
	target_dial_cancel(d);
	return NULL;
}

void target_dial_cancel(struct target_dial *d)
{
	ev_timer_stop(d->tunnel->reactor->loop, &d->patience);
	for (unsigned i = 0; i < CONF_ADDRS_MAX; i++)
		if (d->attempts[i].dial != NULL)
			dial_cancel(d->attempts[i].dial);
	free(d);
}
