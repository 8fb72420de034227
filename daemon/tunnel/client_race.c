/* client_race.c - a name with several addresses: they are tried one after another, 300 ms apart, until one answers (RFC 8305).
 *
 * The slot's link is the first of them, and what waits for a server is given to it.  The first that is heard takes its
 * place, and the others end; none of them has read from a connection before it was heard, so all of those go over, but for
 * those that came from a session that was forgotten with what they had said.  What answered last is tried first the next time. */
#include <errno.h>
#include <string.h>

#include "client_impl.h"
#include "hosts.h"
#include "socket.h"

enum { STEP_MS = 300 };

static bool is_good(const struct client *c, const struct udp_path *path)
{
	return c->has_good && hosts_same(&c->good, path);
}

/* In the order of the resolver, but for the one that answered last. */
static void take_addresses(struct slot *slot, const struct sockaddr_storage *addrs, size_t count)
{
	struct client *c = slot->tunnel->state;
	struct udp_path path;

	slot->address_count = slot->address_next = 0;
	for (size_t i = 0; i < count && slot->address_count < CLIENT_ADDRESSES_MAX; i++) {
		unsigned at = slot->address_count;

		if (!udp_path_init(&path, (const struct sockaddr *)&addrs[i], sockaddr_len(&addrs[i])))
			continue;
		if (is_good(c, &path)) {
			memmove(slot->addresses + 1, slot->addresses, at * sizeof(path));
			at = 0;
		}
		slot->addresses[at] = path;
		slot->address_count++;
	}
}

static void next_step(struct slot *slot)
{
	if (slot->address_next == slot->address_count)
		return;
	ev_timer_stop(client_loop(slot->tunnel), &slot->race);
	ev_timer_set(&slot->race, STEP_MS * 1e-3, 0.);
	ev_timer_start(client_loop(slot->tunnel), &slot->race);
}

int client_race(struct slot *slot, const struct sockaddr_storage *addrs, size_t count)
{
	int err = -EAFNOSUPPORT;

	client_race_stop(slot); /* what is left of another race */
	take_addresses(slot, addrs, count);
	while (slot->link == NULL && slot->address_next < slot->address_count)
		err = client_fill(slot, &slot->addresses[slot->address_next++]);
	if (slot->link == NULL)
		return err;
	next_step(slot);
	return 0;
}

static void on_step(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct slot *slot = w->data;
	struct link *l;
	int err;
	char name[LINK_NAME_BYTES];

	if (slot->link == NULL || slot->link->heard)
		return;
	l = client_open_link(slot->tunnel, &slot->addresses[slot->address_next++], &err);
	if (l != NULL) {
		l->slot = slot->index;
		client_watch_init(l);
		session_ping(l->session);
		log_debug(slot->tunnel->name, "%s is tried beside it", link_name(l, name));
		slot->rivals[slot->rival_count++] = l;
	}
	next_step(slot);
}

void client_race_init(struct slot *slot)
{
	ev_init(&slot->race, on_step);
	slot->race.data = slot;
}

void client_race_stop(struct slot *slot)
{
	ev_timer_stop(client_loop(slot->tunnel), &slot->race);
	while (slot->rival_count > 0)
		link_end(slot->rivals[slot->rival_count - 1], SESSION_ALIVE);
}

void client_race_left(struct slot *slot, const struct link *l)
{
	for (unsigned i = 0; i < slot->rival_count; i++) {
		if (slot->rivals[i] == l) {
			slot->rivals[i] = slot->rivals[--slot->rival_count];
			return;
		}
	}
}

static bool is_rival(const struct slot *slot, const struct link *l)
{
	for (unsigned i = 0; i < slot->rival_count; i++)
		if (slot->rivals[i] == l)
			return true;
	return false;
}

void client_race_won(struct link *l)
{
	struct client *c = l->tunnel->state;
	struct slot *slot = &c->slots[l->slot];
	struct link *first = slot->link;

	c->has_good = true;
	c->good = l->path;
	if (!is_rival(slot, l)) {
		if (slot->link == l)
			client_race_stop(slot);
		return;
	}
	client_race_left(slot, l);
	if (first == NULL || first->heard) { /* too late, or not wanted any more */
		link_end(l, SESSION_ALIVE);
		return;
	}
	log_info(l->tunnel->name, "%s answers first", l->peer);
	slot->link = l;
	link_end(first, SESSION_ALIVE);
	client_race_stop(slot);
}
