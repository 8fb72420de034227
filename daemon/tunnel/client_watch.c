/* client_watch.c - a link that falls silent: ask, then go on from another socket (client_roam.c), then let others go
 * elsewhere.
 *
 *     after ASK_US      of silence in the middle of much that came: a sign of life, because a server that sends to an address
 *                       that the client has no more is silent, and learns the new one from what comes
 *     after SILENCE_US  with something unanswered: a new socket.  A kcptund server follows; what else may be wrong with
 *                       the old one, as an address that is gone, is over
 *     half a second later, or at once before a server that does not follow: a session for what comes, to an address that
 *                       is looked up again, while this one may yet recover
 *
 * It costs nothing while nothing is said: the timer runs only after the link was pumped, until all is answered. */
#include "client_impl.h"

enum {
	MUCH_BYTES = 16 * 1024, /* of one look: more than interactive use brings */
	LOOK_US = 200 * 1000,
	ASK_US = 300 * 1000,
	MUCH_US = 1500 * 1000, /* so long ago at most */
	SILENCE_US = 3 * 1000 * 1000,
	REPLACE_US = 500 * 1000, /* after that */
	FORGOT_ASKS = 20,        /* looks */
	ASKED_MAX = 16,          /* segments unanswered, of a session that never was */
};

static uint64_t received_bytes(const struct link *l)
{
	struct counters c;

	session_counters(l->session, &c);
	return c.in_bytes;
}

static void on_silence(struct link *l, uint64_t silent_us)
{
	uint64_t now_us = l->tunnel->reactor->now_us;
	char name[LINK_NAME_BYTES];

	if (now_us - l->socket_us >= SILENCE_US) {
		l->socket_us = now_us;
		if (session_peer_follows(l->session) && client_new_socket(l)) {
			log_debug(l->tunnel->name, "%s is silent; a new socket", link_name(l, name));
			client_ask(l);
		}
	}
	if (!session_peer_follows(l->session) || silent_us >= SILENCE_US + REPLACE_US) {
		client_doubt(l);
		client_replace(l, "is silent");
	}
}

static void look_unheard(struct link *l)
{
	struct session_info info;

	session_get_info(l->session, &info);
	if (client_is_awaited(l) && info.kcp.unacked_segs + info.kcp.snd_queue_segs < ASKED_MAX) {
		session_ping(l->session);
		link_touch(l);
	}
}

/* One that forgot us is asked until it says so, or until it is clear that it will not. */
static void look_forgotten(struct link *l)
{
	if (!session_peer_forgot(l->session) || l->forgot_asked == FORGOT_ASKS)
		return;
	l->forgot_asked++;
	session_ping(l->session);
	link_touch(l);
}

static void look(struct link *l)
{
	uint64_t now_us = l->tunnel->reactor->now_us, silent_us = now_us - l->heard_us;
	uint64_t in = received_bytes(l);

	if (in - l->watched_bytes >= MUCH_BYTES)
		l->much_us = now_us;
	l->watched_bytes = in;
	if (silent_us >= ASK_US && silent_us < SILENCE_US && now_us - l->much_us < MUCH_US &&
	    session_drained(l->session))
		client_ask(l);
	look_forgotten(l);
	if (silent_us >= SILENCE_US && session_unanswered(l->session))
		on_silence(l, silent_us);
}

/* All is answered, and no more is about to come; or nobody waits. */
static bool nothing_to_watch(const struct link *l)
{
	if (l->look_again || (session_peer_forgot(l->session) && l->forgot_asked < FORGOT_ASKS))
		return false;
	if (!link_understood(l))
		return !client_is_awaited(l);
	return !session_unanswered(l->session) && l->tunnel->reactor->now_us - l->much_us >= MUCH_US;
}

static void on_watch(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct link *l = w->data;

	if (reactor_puts_off(l->tunnel->reactor, w))
		return;
	client_roam_look(l);
	if (!link_understood(l))
		look_unheard(l);
	else
		look(l);
	if (nothing_to_watch(l))
		ev_timer_stop(loop, w);
}

void client_watch_init(struct link *l)
{
	ev_timer_init(&l->watch, on_watch, LOOK_US * 1e-6, LOOK_US * 1e-6);
	l->watch.data = l;
	l->socket_us = l->tunnel->reactor->now_us;
}

void client_watch(struct link *l)
{
	if (!ev_is_active(&l->watch))
		ev_timer_again(client_loop(l->tunnel), &l->watch);
}

void client_watch_stop(struct link *l)
{
	ev_timer_stop(client_loop(l->tunnel), &l->watch);
}

void client_forget_old_port(struct link *l)
{
	if (l->old_port == NULL)
		return;
	port_free(l->old_port);
	l->old_port = NULL;
}
