/* client_expiry.c - sessions that get no more streams: they end with those they have, or at
 * a given time even so. */
#include <stdlib.h>

#include "client_impl.h"

/* An expired link that is to end at a given time even with streams on it. */
struct scavenge {
	struct link *link;
	ev_timer timer;
	struct scavenge *next;
};

static void on_scavenge(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct scavenge *s = w->data;
	char name[LINK_NAME_BYTES];

	log_info(s->link->tunnel->name, "%s ends, scavengettl after it expired",
		 link_name(s->link, name));
	link_close(s->link, RELAY_SESSION_EXPIRED);
}

static void schedule_scavenge(struct client *c, struct link *l)
{
	int ttl = l->tunnel->conf->scavengettl_s;
	struct scavenge *s;

	if (ttl < 0)
		return;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return; /* it then just lives as long as its streams */
	s->link = l;
	s->next = c->scavenged;
	c->scavenged = s;
	ev_timer_init(&s->timer, on_scavenge, ttl, 0.);
	s->timer.data = s;
	ev_timer_start(client_loop(l->tunnel), &s->timer);
}

void client_forget_expired(struct client *c, const struct link *l)
{
	struct scavenge **at = &c->scavenged;

	while (*at != NULL) {
		struct scavenge *s = *at;

		if (s->link != l) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		ev_timer_stop(client_loop(l->tunnel), &s->timer);
		free(s);
	}
}

void client_let_go(struct slot *slot)
{
	struct link *l = slot->link;

	slot->link = NULL;
	ev_timer_stop(client_loop(slot->tunnel), &slot->expiry);
	if (l == NULL)
		return;
	l->draining = true;
	link_touch(l);
}

void client_retire(struct slot *slot)
{
	struct link *l = slot->link;

	client_let_go(slot);
	if (l != NULL)
		schedule_scavenge(slot->tunnel->state, l);
}

void client_expiry_start(struct slot *slot)
{
	unsigned after_s = slot->tunnel->conf->autoexpire_s;

	if (after_s == 0)
		return;
	ev_timer_set(&slot->expiry, after_s, 0.);
	ev_timer_start(client_loop(slot->tunnel), &slot->expiry);
}

static void on_expiry(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct slot *slot = w->data;

	client_retire(slot);
	client_refill(slot);
}

void client_expiry_init(struct slot *slot)
{
	ev_init(&slot->expiry, on_expiry);
	slot->expiry.data = slot;
}
