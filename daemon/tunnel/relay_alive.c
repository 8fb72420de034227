/* relay_alive.c - local peers that vanished without a word.
 *
 * Where nothing is under way to one the kernel asks it now and then; where something is, it would repeat that for a
 * quarter of an hour, and so it is looked at here. */
#include "relay_impl.h"
#include "socket.h"

enum { LOOKS = 4 }; /* in the time that a peer may be silent */

static void look_at(struct link *l)
{
	struct relay *next;

	for (struct relay *relay = l->relays; relay != NULL; relay = next) {
		next = relay->next;
		if (relay->fd < 0 ||
		    !socket_peer_vanished(relay->fd, relay->tunnel->conf->tcptimeout_s))
			continue;
		log_info(relay->tunnel->name, "stream %u: its local peer is gone",
			 relay->stream != NULL ? smux_sid(relay->stream) : 0);
		relay_abort(relay);
	}
}

static double period(const struct tunnel *t)
{
	return (double)t->conf->tcptimeout_s / LOOKS;
}

static void on_look(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct tunnel *t = w->data;

	if (reactor_puts_off(t->reactor, w))
		return;
	for (struct link *l = t->links; l != NULL; l = l->next)
		look_at(l);
	w->repeat = period(t); /* as it is now */
	if (t->relay_count == 0 || w->repeat == 0.)
		ev_timer_stop(loop, w);
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

	socket_keep_alive(relay->fd, t->conf->tcptimeout_s / 2);
	if (t->conf->tcptimeout_s == 0 || ev_is_active(&t->alive))
		return;
	ev_timer_set(&t->alive, period(t), period(t));
	ev_timer_start(t->reactor->loop, &t->alive);
}
