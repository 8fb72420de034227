/* client_waiting.c - connections that were accepted before there is a session for them. */
#include "client_impl.h"

#define PATIENCE_LOOK_S 1.

void client_waiting_init(struct slot *slot)
{
	slot->waiting_tail = &slot->waiting;
}

/* Somebody waits from now on. */
static void be_patient(struct tunnel *t)
{
	struct client *c = t->state;

	if (!ev_is_active(&c->waits))
		ev_timer_again(client_loop(t), &c->waits);
}

/* Not a byte for a server that may not understand it, nor a stream's beginning, which has a target connected to. */
static bool is_to_wait(const struct link *l)
{
	return l->unsure && !link_answers(l);
}

bool client_give_stream(struct link *l, struct relay *relay)
{
	struct client *c = l->tunnel->state;
	struct smux_stream *st;

	if (!link_usable(l))
		return false;
	if (is_to_wait(l)) {
		client_wait(&c->slots[l->slot], relay);
		link_touch(l);
		return true;
	}
	if (session_open(l->session, &st) != 0)
		return false;
	if (!link_answers(l))
		be_patient(l->tunnel);
	relay_attach(relay, l, st);
	return true;
}

static void push_waiting(struct slot *slot, struct relay *relay)
{
	*relay_wait_link(relay) = NULL;
	*slot->waiting_tail = relay;
	slot->waiting_tail = relay_wait_link(relay);
	slot->waiting_count++;
	be_patient(slot->tunnel);
}

/* The line is as long as a session has streams: who comes later could not be served by it
 * either. */
void client_wait(struct slot *slot, struct relay *relay)
{
	struct tunnel *t = slot->tunnel;

	if (slot->waiting_count >= t->conf->maxstreams) {
		t->past.streams_refused++;
		relay_abort(relay, RELAY_REFUSED);
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
			relay_abort(relay, RELAY_FORSAKEN);
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
			relay_abort(relay, RELAY_REFUSED);
		}
	}
}

void client_place_waiting(struct slot *slot)
{
	struct tunnel *t = slot->tunnel;
	unsigned n = slot->waiting_count;

	while (n-- > 0)
		t->role->relay_orphaned(t, pop_waiting(slot));
}

bool client_is_awaited(const struct link *l)
{
	const struct client *c = l->tunnel->state;
	const struct slot *slot = &c->slots[l->slot];

	return l->relay_count > 0 || (slot->link == l && slot->waiting_count > 0);
}

void client_dismiss_waiting(struct slot *slot)
{
	struct relay *relay;

	while ((relay = pop_waiting(slot)) != NULL)
		relay_abort(relay, RELAY_STOPPED);
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

/* ---- patience ------------------------------------------------------------------------ */

/* True when its time is over. */
static bool is_late(const struct tunnel *t, const struct relay *relay)
{
	uint64_t since_us = relay_waits_since(relay),
		 most_us = t->conf->connecttimeout_s * 1000000ull;

	return since_us != 0 && most_us != 0 && t->reactor->now_us - since_us >= most_us;
}

static void give_up(struct tunnel *t, struct relay *relay)
{
	struct client *c = t->state;
	char name[RELAY_NAME_BYTES];

	if (log_allow(&c->late, t->reactor->now_us, 60 * 1000000ull))
		log_warn(t->name, "%s reset: %s has not answered for %u s (connecttimeout)",
			 relay_name(relay, name), t->conf->remoteaddr.text,
			 t->conf->connecttimeout_s);
	t->past.streams_refused++;
	relay_abort(relay, RELAY_UNANSWERED);
}

/* How many go on waiting. */
static unsigned look_in_line(struct slot *slot)
{
	unsigned n = slot->waiting_count;

	while (n-- > 0) {
		struct relay *relay = pop_waiting(slot);

		if (is_late(slot->tunnel, relay))
			give_up(slot->tunnel, relay);
		else
			push_waiting(slot, relay);
	}
	return slot->waiting_count;
}

static unsigned look_on_link(struct tunnel *t, struct link *l)
{
	struct relay *next;
	unsigned waiting = 0;

	for (struct relay *relay = l->relays; relay != NULL; relay = next) {
		next = relay_next(relay);
		if (is_late(t, relay))
			give_up(t, relay);
		else
			waiting += relay_waits_since(relay) != 0;
	}
	return waiting;
}

static void on_wait(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct tunnel *t = w->data;
	struct client *c = t->state;
	unsigned waiting = 0;

	if (reactor_puts_off(t->reactor, w))
		return;
	for (unsigned i = 0; i < c->slot_count; i++)
		waiting += look_in_line(&c->slots[i]);
	for (struct link *l = t->links; l != NULL; l = l->next)
		if (!link_answers(l))
			waiting += look_on_link(t, l);
	if (waiting == 0)
		ev_timer_stop(loop, w);
}

void client_patience_init(struct tunnel *t)
{
	struct client *c = t->state;

	ev_timer_init(&c->waits, on_wait, PATIENCE_LOOK_S, PATIENCE_LOOK_S);
	c->waits.data = t;
}

void client_patience_stop(struct tunnel *t)
{
	struct client *c = t->state;

	ev_timer_stop(client_loop(t), &c->waits);
}
