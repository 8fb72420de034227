/* client_race.c - a server with several addresses, and several servers: they are tried one after another until one answers.
 *
 * Addresses of one name are tried STEP_MS apart (RFC 8305).  The next server has its turn SERVER_STEP_MS after the last address
 * of the one before, so that who is only far away is not passed over; at once when that one is known to be silent.
 *
 * The slot's link is the first of them, and what waits for a server is given to it.  The first that is heard takes its
 * place, and the others end; none of them has read from a connection before it was heard, so all of those go over, but for
 * those that came from a session that was forgotten with what they had said.  What answered last is tried first the next time. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client_impl.h"
#include "hosts.h"
#include "socket.h"

enum { STEP_MS = 300, SERVER_STEP_MS = 1500 };

/* ---- what is to be tried ----------------------------------------------------------------- */

static bool is_good(const struct client *c, const struct whereto *to)
{
	return c->good[to->server].known && hosts_same(&c->good[to->server].path, &to->path);
}

/* Behind those that are there, but for the one that answered last: that is the first of its server. */
static void add(struct slot *slot, unsigned first, const struct whereto *to)
{
	struct whereto *list = slot->addresses;
	unsigned at = slot->address_count++;

	if (is_good(slot->tunnel->state, to)) {
		memmove(&list[first + 1], &list[first], (at - first) * sizeof(*list));
		at = first;
	}
	list[at] = *to;
}

static struct whereto take(struct slot *slot)
{
	struct whereto to = slot->addresses[0];

	slot->address_count--;
	memmove(slot->addresses, slot->addresses + 1, slot->address_count * sizeof(to));
	return to;
}

static void none_suits(const struct udp_options *opt, struct refusal *why)
{
	why->err = EAFNOSUPPORT;
	if (opt->source != NULL)
		snprintf(why->text, sizeof(why->text),
			 "bind = %.64s is an IPv%c address, and the server has none", opt->source,
			 strchr(opt->source, ':') != NULL ? '6' : '4');
	else
		snprintf(why->text, sizeof(why->text), "%s", strerror(EAFNOSUPPORT));
}

/* Without those that the address of ours which is to be used cannot reach. */
bool client_race_add(struct slot *slot, unsigned server, const struct sockaddr_storage *addrs,
		     size_t count)
{
	unsigned first = slot->address_count, most = first + CLIENT_NAME_ADDRESSES_MAX;
	struct whereto to = { .server = server };
	struct udp_options opt;

	tunnel_udp_options(slot->tunnel, &opt);
	if (most > CLIENT_ADDRESSES_MAX)
		most = CLIENT_ADDRESSES_MAX;
	for (size_t i = 0; i < count && slot->address_count < most; i++)
		if (udp_path_init(&to.path, (const struct sockaddr *)&addrs[i],
				  sockaddr_len(&addrs[i])) &&
		    udp_source_suits(&to.path, &opt))
			add(slot, first, &to);
	if (slot->address_count == first)
		none_suits(&opt, &slot->why);
	return slot->address_count > first;
}

/* ---- one after another --------------------------------------------------------------------- */

static void arm(struct slot *slot)
{
	const struct client *c = slot->tunnel->state;
	unsigned ms = STEP_MS;

	ev_timer_stop(client_loop(slot->tunnel), &slot->race);
	if (slot->address_count == 0) {
		if (servers_next(&c->servers, slot->tried) == c->servers.count)
			return;
		if (!c->servers.at[c->servers.serving].doubtful)
			ms = SERVER_STEP_MS;
	}
	ev_timer_set(&slot->race, ms * 1e-3, 0.);
	ev_timer_start(client_loop(slot->tunnel), &slot->race);
}

static void open_beside(struct slot *slot)
{
	struct whereto to = take(slot);
	struct refusal why;
	struct link *l = client_open_link(slot->tunnel, &to, &why);
	char name[LINK_NAME_BYTES];

	if (l == NULL)
		return;
	if (slot->rival_count == CLIENT_RIVALS_MAX)
		link_end(slot->rivals[0], SESSION_ALIVE);
	l->slot = slot->index;
	client_watch_init(l);
	session_ping(l->session);
	log_debug(slot->tunnel->name, "%s is tried beside it", link_name(l, name));
	slot->rivals[slot->rival_count++] = l;
}

/* What was waited for need not wait itself. */
void client_race_go(struct slot *slot, bool was_dry)
{
	if (slot->link != NULL && slot->link->heard)
		return;
	if (slot->link != NULL && was_dry && slot->address_count > 0)
		open_beside(slot);
	while (slot->link == NULL && slot->address_count > 0) {
		struct whereto to = take(slot);

		if (client_fill(slot, &to, &slot->why))
			client_serve_waiting(slot);
	}
	if (slot->link == NULL && !client_ask_next(slot) && !client_looks_up(slot)) {
		ev_timer_stop(client_loop(slot->tunnel), &slot->race);
		client_failed(slot);
		return;
	}
	arm(slot);
}

static void on_step(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct slot *slot = w->data;

	if (slot->link == NULL ? !client_looks_up(slot) : slot->link->heard)
		return;
	if (slot->link != NULL && slot->address_count > 0)
		open_beside(slot);
	else
		client_ask_next(slot);
	arm(slot);
}

void client_race_init(struct slot *slot)
{
	ev_init(&slot->race, on_step);
	slot->race.data = slot;
}

void client_race_stop(struct slot *slot)
{
	ev_timer_stop(client_loop(slot->tunnel), &slot->race);
	client_cancel_lookups(slot);
	slot->address_count = 0;
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

/* Too late, or not wanted any more; or its server is one for when another does not answer, which does. */
static bool is_wanted(const struct slot *slot, const struct link *l)
{
	const struct client *c = slot->tunnel->state;

	if (slot->link == NULL || slot->link->heard)
		return false;
	return client_is_trial(slot) || l->server <= c->servers.serving ||
	       !client_is_served(slot->tunnel);
}

void client_race_won(struct link *l)
{
	struct client *c = l->tunnel->state;
	struct slot *slot = &c->slots[l->slot];
	struct link *first = slot->link;

	c->good[l->server].known = true;
	c->good[l->server].path = l->path;
	if (!is_rival(slot, l)) {
		if (slot->link != l)
			return;
		client_race_stop(slot);
		client_serves(l);
		return;
	}
	client_race_left(slot, l);
	if (!is_wanted(slot, l)) {
		link_end(l, SESSION_ALIVE);
		return;
	}
	log_info(l->tunnel->name, "%s answers first", l->peer);
	slot->link = l;
	client_race_stop(slot);
	client_serves(l);
	link_end(first, SESSION_ALIVE);
}
