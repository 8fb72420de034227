/* walk.c - a look at all links or relays of a tunnel, a few at a time. */
#include "walk.h"

#include <stddef.h>

#include "link.h"
#include "relay.h"
#include "tunnel.h"

enum { LINKS_PER_STEP = 64 };

static void go_to(struct walk *w, struct link *l)
{
	w->link = l;
	w->relay = l != NULL ? l->relays : NULL;
}

void walk_start(struct walk *w, struct tunnel *t)
{
	*w = (struct walk){ .tunnel = t, .sum = t->past, .other = t->walks };
	t->walks = w;
	go_to(w, t->links);
}

void walk_stop(struct walk *w)
{
	struct walk **at;

	if (w->tunnel == NULL)
		return;
	for (at = &w->tunnel->walks; *at != w; at = &(*at)->other)
		;
	*at = w->other;
	w->tunnel = NULL;
	go_to(w, NULL);
}

struct link *walk_link(struct walk *w)
{
	struct link *l = w->link;
	struct counters c;

	if (l == NULL)
		return NULL;
	session_counters(l->session, &c);
	counters_add(&w->sum, &c);
	go_to(w, l->next);
	return l;
}

struct relay *walk_relay(struct walk *w, bool *more)
{
	struct relay *relay;

	for (int i = 0; w->relay == NULL && w->link != NULL && i < LINKS_PER_STEP; i++)
		go_to(w, w->link->next);
	*more = w->link != NULL;
	relay = w->relay;
	if (relay != NULL)
		w->relay = relay_next(relay);
	return relay;
}

/* New links come to the front of the list, so that serials fall along it. */
static bool is_ahead(const struct walk *w, const struct link *l)
{
	return w->link != NULL && l->serial <= w->link->serial;
}

void walk_link_leaves(struct tunnel *t, struct link *l, const struct counters *last)
{
	for (struct walk *w = t->walks; w != NULL; w = w->other) {
		if (is_ahead(w, l))
			counters_retire(&w->sum, last);
		if (w->link == l)
			go_to(w, l->next);
	}
}

void walk_relay_leaves(struct tunnel *t, struct relay *relay)
{
	for (struct walk *w = t->walks; w != NULL; w = w->other)
		if (w->relay == relay)
			w->relay = relay_next(relay);
}

void walk_tunnel_leaves(struct tunnel *t)
{
	while (t->walks != NULL)
		walk_stop(t->walks);
}
