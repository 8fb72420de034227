/* client_waiting.c - connections that were accepted before there is a session for them. */
#include "client_impl.h"

void client_waiting_init(struct slot *slot)
{
	slot->waiting_tail = &slot->waiting;
}

bool client_give_stream(struct link *l, struct relay *relay)
{
	struct smux_stream *st;

	if (!link_usable(l) || session_open(l->session, &st) != 0)
		return false;
	relay_attach(relay, l, st);
	return true;
}

static void push_waiting(struct slot *slot, struct relay *relay)
{
	*relay_wait_link(relay) = NULL;
	*slot->waiting_tail = relay;
	slot->waiting_tail = relay_wait_link(relay);
	slot->waiting_count++;
}

/* The line is as long as a session has streams: who comes later could not be served by it
 * either. */
void client_wait(struct slot *slot, struct relay *relay)
{
	struct tunnel *t = slot->tunnel;

	if (slot->waiting_count >= t->conf->maxstreams) {
		t->past.streams_refused++;
		relay_abort(relay);
		return;
	}
	push_waiting(slot, relay);
}

static struct relay *pop_waiting(struct slot *slot)
{
	struct relay *relay = slot->waiting;

	if (relay == NULL)
		return NULL;
	slot->waiting = *relay_wait_link(relay);
	if (slot->waiting == NULL)
		slot->waiting_tail = &slot->waiting;
	slot->waiting_count--;
	return relay;
}

/* Those that nobody waits for any more would only take descriptors and then streams. */
void client_drop_forsaken(struct slot *slot)
{
	unsigned n = slot->waiting_count;

	while (n-- > 0) {
		struct relay *relay = pop_waiting(slot);

		if (relay_forsaken(relay))
			relay_abort(relay);
		else
			push_waiting(slot, relay);
	}
}

void client_serve_waiting(struct slot *slot)
{
	unsigned n;

	client_drop_forsaken(slot);
	n = slot->waiting_count;
	while (n-- > 0) {
		struct relay *relay = pop_waiting(slot);

		if (!client_give_stream(slot->link, relay)) {
			slot->tunnel->past.streams_refused++;
			relay_abort(relay);
		}
	}
}

void client_dismiss_waiting(struct slot *slot)
{
	struct relay *relay;

	while ((relay = pop_waiting(slot)) != NULL)
		relay_abort(relay);
}

void client_pass_waiting(struct slot *slot, void (*take)(void *user, int fd), void *user)
{
	struct relay *relay;

	client_drop_forsaken(slot);
	while ((relay = pop_waiting(slot)) != NULL) {
		int fd = relay_release(relay);

		if (fd >= 0)
			take(user, fd);
	}
}
