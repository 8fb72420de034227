/* relay_alive.c - local peers that vanished without a word.
 *
 * Where nothing is under way to one the kernel asks it now and then; where something is, it would repeat that for a
 * quarter of an hour, and so it is looked at here.  It does that also while this process stands still, so that there is
 * nothing to be read first. */
#include "log.h"
#include "relay_impl.h"
#include "socket.h"

enum {
	LOOKS = 8,             /* in the time that a peer may be silent */
	SILENCE_MIN_MS = 2000, /* one that is there was heard a second ago: socket_keep_alive() */
};

/* By the look after this one it would be more than is allowed. */
static unsigned silence_ms(const struct tunnel *t)
{
	uint64_t ms = t->conf->tcptimeout_s * UINT64_C(1000) * (LOOKS - 1) / LOOKS;

	return ms > UINT32_MAX ? UINT32_MAX : ms > SILENCE_MIN_MS ? (unsigned)ms : SILENCE_MIN_MS;
}

/* Who reads finds a failure by himself, behind what came before it. */
static bool is_gone(struct relay *relay)
{
	if (relay->fd < 0)
		return false;
	return socket_peer_vanished(relay->fd, silence_ms(relay->tunnel)) ||
	       (!ev_is_active(&relay->readable) && socket_has_failed(relay->fd));
}

static void look_at(struct link *l)
{
	char name[RELAY_NAME_BYTES];
	struct relay *next;

	for (struct relay *relay = l->relays; relay != NULL; relay = next) {
		next = relay->next;
		if (!is_gone(relay))
			continue;
		log_info(relay->tunnel->name, "%s: %s is gone", relay_name(relay, name),
			 relay->tunnel->conf->role == ROLE_CLIENT ? "the client" : "the target");
		relay_blame(relay, RELAY_LOCAL_VANISHED);
		relay_step(relay, RELAY_LOCAL_FAILED);
	}
}

static double period(const struct tunnel *t)
{
	return (double)t->conf->tcptimeout_s / LOOKS;
}

static void on_look(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct tunnel *t = w->data;

	if (t->reactor->now_us >= t->alive_from_us)
		for (struct link *l = t->links; l != NULL; l = l->next)
			look_at(l);
	if (t->relay_count == 0)
		ev_timer_stop(loop, w);
}

static void start(struct tunnel *t)
{
	ev_timer_stop(t->reactor->loop, &t->alive);
	if (t->conf->tcptimeout_s == 0)
		return;
	ev_timer_set(&t->alive, period(t), period(t));
	ev_timer_start(t->reactor->loop, &t->alive);
}

/* What a peer that is there was asked until now says nothing about the new time: that has to pass once. */
void relay_alive_renew(struct tunnel *t)
{
	for (struct link *l = t->links; l != NULL; l = l->next)
		for (struct relay *relay = l->relays; relay != NULL; relay = relay->next)
			if (relay->fd >= 0)
				socket_keep_alive(relay->fd, t->conf->tcptimeout_s);
	t->alive_from_us = t->reactor->now_us + t->conf->tcptimeout_s * UINT64_C(1000000);
	if (t->relay_count > 0)
		start(t);
}

void relay_alive_init(struct tunnel *t)
{
	ev_init(&t->alive, on_look);
	t->alive.data = t;
}

void relay_alive_stop(struct tunnel *t)
{
	ev_timer_stop(t->reactor->loop, &t->alive);
}

void relay_alive_watch(struct relay *relay)
{
	struct tunnel *t = relay->tunnel;

	socket_keep_alive(relay->fd, t->conf->tcptimeout_s);
	if (!ev_is_active(&t->alive))
		start(t);
}
