/* tunnel_leave.c - tunnels that another configuration has no place for. */
#include "tunnel_set_impl.h"

#include <stdlib.h>

#include "log.h"

/* A tunnel that leaves sends what it holds for so long at most. */
static const double LEAVE_MAX_S = 30., LEAVE_LOOK_S = 0.1;

static void bury(struct tunnel_set *set, struct tunnel *t)
{
	struct counters c;

	tunnel_totals(t, &c);
	counters_retire(&set->gone, &c);
	tunnel_free(t);
}

void tunnel_leave_look(struct tunnel_set *set)
{
	struct leaving_tunnel **at = &set->leaving;

	while (*at != NULL) {
		struct leaving_tunnel *l = *at;

		if (!tunnel_is_empty(l->tunnel) && l->waited_s < LEAVE_MAX_S) {
			at = &l->next;
			continue;
		}
		log_info(l->tunnel->name, "gone");
		*at = l->next;
		bury(set, l->tunnel);
		free(l);
	}
	if (set->leaving == NULL)
		ev_timer_stop(set->reactor->loop, &set->leave);
}

static void on_leave(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct tunnel_set *set = w->data;

	for (struct leaving_tunnel *l = set->leaving; l != NULL; l = l->next)
		l->waited_s += LEAVE_LOOK_S;
	tunnel_leave_look(set);
}

void tunnel_leave_hurry(struct leaving_tunnel *l)
{
	l->waited_s = LEAVE_MAX_S;
}

void tunnel_leave(struct tunnel_set *set, struct tunnel *t, bool at_once)
{
	struct leaving_tunnel *l = at_once || t->state == NULL ? NULL : malloc(sizeof(*l));

	if (l == NULL) {
		bury(set, t);
		return;
	}
	tunnel_retire(t);
	*l = (struct leaving_tunnel){ set->leaving, t, 0. };
	set->leaving = l;
	ev_timer_start(set->reactor->loop, &set->leave);
}

void tunnel_leave_init(struct tunnel_set *set)
{
	ev_timer_init(&set->leave, on_leave, LEAVE_LOOK_S, LEAVE_LOOK_S);
	set->leave.data = set;
}

void tunnel_leave_dispose(struct tunnel_set *set)
{
	ev_timer_stop(set->reactor->loop, &set->leave);
	while (set->leaving != NULL) {
		struct leaving_tunnel *l = set->leaving;

		set->leaving = l->next;
		tunnel_free(l->tunnel);
		free(l);
	}
}
