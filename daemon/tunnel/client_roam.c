/* client_roam.c - a link goes on from another socket when the way to its server is another.
 *
 * The kernel tells of changed addresses, routes and links, or a socket of an error.  Either is only a reason to look: a
 * socket that is connected to the server, and that nothing is sent from, shows which address of ours the kernel would
 * take now.  If that is not the one that the link's socket has, or there was no way and is one again, the link gets a new
 * socket.  Most of what changes on a host, as other wires and bridges, is none of its business. */
#include <errno.h>
#include <string.h>

#include "client_impl.h"
#include "hosts.h"

enum { NEW_SOCKET_US = 1000 * 1000 }; /* between two, of a link */

/* ---- another socket, another session -------------------------------------------------- */

bool client_new_socket(struct link *l)
{
	struct tunnel *t = l->tunnel;
	struct udp_options opt;
	struct port *p;
	struct udp udp;

	tunnel_udp_options(t, &opt);
	if (udp_connect(&udp, &l->path.peer.sa, l->path.peer_len, &opt) != 0 ||
	    (p = port_new(t, &udp)) == NULL)
		return false;
	if (l->old_port != NULL)
		port_free(l->old_port);
	l->old_port = l->port;
	link_move(l, p, &l->path);
	l->old_port->link = p->link = l;
	l->socket_us = t->reactor->now_us;
	l->errors = 0;
	session_way_changed(l->session);
	return true;
}

void client_ask(struct link *l)
{
	if (!session_unanswered(l->session))
		session_ping(l->session);
	session_pad(l->session);
	link_touch(l);
}

void client_replace(struct link *l, const char *why)
{
	struct client *c = l->tunnel->state;
	struct slot *slot = &c->slots[l->slot];
	char name[LINK_NAME_BYTES];

	if (l->replaced || slot->link != l)
		return;
	l->replaced = true;
	log_info(l->tunnel->name, "%s %s; another one is opened", link_name(l, name), why);
	client_retire(slot);
	client_dial(slot);
}

/* ---- the way ------------------------------------------------------------------------------ */

/* Also true when it was lost and is there again: what has the same address may be behind another NAT now. */
static bool way_is_another(struct link *l)
{
	bool was_lost = l->way_lost;
	struct udp_path now, ours;
	struct udp_options opt;

	tunnel_udp_options(l->tunnel, &opt);
	l->way_lost = udp_source_to(&l->path, &opt, &now) != 0;
	if (l->way_lost)
		return false;
	return was_lost || udp_lost_device(&l->port->udp, &opt) ||
	       udp_source(&l->port->udp, &ours) != 0 || !hosts_same(&now, &ours);
}

/* Before it was heard, a server that does not follow would serve both: what waits for an answer must not have left yet. */
static bool may_move(const struct link *l)
{
	return l->heard ? session_peer_follows(l->session) : !l->trusted;
}

static void look(struct link *l)
{
	uint64_t now_us = l->tunnel->reactor->now_us;
	char name[LINK_NAME_BYTES];

	l->look_again = l->moved_us != 0 && now_us - l->moved_us < NEW_SOCKET_US;
	if (l->look_again) {
		client_watch(l);
		return;
	}
	if (!way_is_another(l))
		return;
	l->moved_us = now_us;
	if (!may_move(l)) {
		client_replace(l, "was reached from another address");
	} else if (client_new_socket(l)) {
		log_debug(l->tunnel->name, "%s goes another way; a new socket", link_name(l, name));
		client_ask(l);
	}
}

/* As Linux says it, EINVAL is for an address that is gone.  ECONNREFUSED is the server's host speaking. */
static bool is_about_the_way(int err)
{
	return err == ENETUNREACH || err == EHOSTUNREACH || err == EADDRNOTAVAIL ||
	       err == ENETDOWN || err == EINVAL || err == ENODEV;
}

static bool met_errors(struct link *l)
{
	const struct udp_stats *s = &l->port->udp.stats;
	uint64_t errors = s->recv_errs + s->send_errs;
	bool more = errors != l->errors;

	l->errors = errors;
	return more && is_about_the_way(s->last_errno);
}

void client_roam_look(struct link *l)
{
	if (met_errors(l) || l->way_lost || l->look_again)
		look(l);
}

/* ---- the network ----------------------------------------------------------------------- */

static void on_change(void *user)
{
	struct tunnel *t = user;
	struct client *c = t->state;
	struct link *next;

	for (struct link *l = t->links; l != NULL; l = next) {
		next = l->next;
		if (!l->ended)
			look(l);
	}
	for (unsigned i = 0; i < c->slot_count; i++)
		client_dial_anew(&c->slots[i]);
}

void client_roam_start(struct tunnel *t)
{
	struct client *c = t->state;

	c->network = (struct netwatch_listener){ .changed = on_change, .user = t };
	netwatch_add(t->reactor->netwatch, &c->network);
}

void client_roam_stop(struct tunnel *t)
{
	struct client *c = t->state;

	netwatch_remove(&c->network);
}
