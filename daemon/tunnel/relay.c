/* relay.c - one TCP or Unix connection glued to one stream, both ways. */
#include "relay.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "relay_impl.h"
#include "socket.h"
#include "wire.h"

/* ---- bytes ------------------------------------------------------------------------ */

/* Without a place in the poll it would never be heard of again. */
static enum relay_happening no_place(struct relay *relay)
{
	relay_blame(relay, RELAY_NO_RESOURCES);
	return RELAY_LOCAL_FAILED;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	relay_step(w->data, revents & EV_ERROR ? no_place(w->data) : relay_pump_up(w->data));
}

/* Nothing of the stream before all of the header. */
static enum relay_happening write_on(struct relay *relay)
{
	enum relay_happening met = relay->header != NULL ? relay_proxy_go_on(relay) : RELAY_NOTHING;

	return met == RELAY_NOTHING && relay->header == NULL ? relay_pump_down(relay) : met;
}

static void on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
	relay_step(w->data, revents & EV_ERROR ? no_place(w->data) : write_on(w->data));
}

/* What came in this iteration is in the session, and passed on by its pump at the end: the port was touched before. */
static void on_idle(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct relay *relay = w->data;

	if (!reactor_puts_off(relay->tunnel->reactor, w))
		reactor_touch(relay->tunnel->reactor, &relay->judge);
}

static void on_judge(struct task *task)
{
	struct relay *relay = container_of(task, struct relay, judge);

	if (relay->active_us != relay->tunnel->reactor->now_us)
		relay_step(relay, RELAY_IDLE);
}

/* Write what came, unless there is no socket yet or it is full.  False when the relay is
 * gone. */
static bool deliver(struct relay *relay)
{
	if (relay->fd < 0 || ev_is_active(&relay->writable))
		return true;
	return relay_step(relay, relay_pump_down(relay));
}

void relay_resume(struct relay *relay)
{
	if (relay->life == RELAY_FLOWING && relay->up == WAY_OPEN && link_answers(relay->link))
		ev_io_start(relay_loop(relay), &relay->readable);
}

/* ---- beginnings ------------------------------------------------------------------- */

static struct relay *new_relay(struct tunnel *t)
{
	struct relay *relay = calloc(1, sizeof(*relay));

	if (relay == NULL)
		return NULL;
	relay->tunnel = t;
	relay->fd = -1;
	relay->life = RELAY_WAITING;
	relay->opened_us = relay->active_us = t->reactor->now_us;
	ev_init(&relay->readable, on_readable);
	ev_init(&relay->writable, on_writable);
	ev_init(&relay->idle, on_idle);
	relay->readable.data = relay;
	relay->writable.data = relay;
	relay->idle.data = relay;
	ev_set_priority(&relay->idle, EV_MINPRI); /* what came is heard first */
	relay->judge.run = on_judge;
	t->relay_count++;
	return relay;
}

static void take_fd(struct relay *relay, int fd)
{
	union {
		struct sockaddr sa;
		struct sockaddr_storage any;
	} at = { .any = { 0 } };
	socklen_t len = sizeof(at);

	relay->fd = fd;
	if (getpeername(fd, &at.sa, &len) != 0 || !udp_path_init(&relay->local, &at.sa, len))
		relay->local = (struct udp_path){ .peer_len = 0 };
	ev_io_set(&relay->readable, fd, EV_READ);
	ev_io_set(&relay->writable, fd, EV_WRITE);
	relay_alive_watch(relay);
}

struct relay *relay_accept(struct tunnel *t, int fd)
{
	struct relay *relay = new_relay(t);

	if (relay == NULL) {
		socket_break_off(fd);
		close(fd);
		return NULL;
	}
	take_fd(relay, fd);
	return relay;
}

uint64_t relay_waits_since(const struct relay *relay)
{
	bool waits = relay->life == RELAY_WAITING ||
		     (relay->life == RELAY_FLOWING && !link_answers(relay->link));

	return waits ? relay->opened_us : 0;
}

/* One that has hung up says so; one that only ended its own direction may still wait for an
 * answer, for as long as a half-closed connection may. */
bool relay_forsaken(const struct relay *relay)
{
	uint64_t waited_us = relay->tunnel->reactor->now_us - relay->opened_us;
	struct pollfd p = { .fd = relay->fd, .events = POLLRDHUP };

	if (poll(&p, 1, 0) <= 0)
		return false;
	return p.revents & (POLLHUP | POLLERR) ||
	       waited_us > relay->tunnel->conf->closewait_s * 1000000ull;
}

static void join_link(struct relay *relay, struct link *l)
{
	relay->link = l;
	relay->next = l->relays;
	if (relay->next != NULL)
		relay->next->prev = relay;
	l->relays = relay;
	l->relay_count++;
}

void relay_attach(struct relay *relay, struct link *l, struct smux_stream *st)
{
	assert(relay->life == RELAY_WAITING);
	join_link(relay, l);
	relay->stream = st;
	relay->life = relay->fd >= 0 ? RELAY_FLOWING : RELAY_DIALLING;
	smux_set_user(st, relay);
	relay_log_opened(relay);
	if (!relay_kept_repeat(relay)) {
		relay_abort(relay, RELAY_NO_RESOURCES);
		return;
	}
	relay_kept_begin(relay);
	relay_watch_half_closed(relay);
	relay_resume(relay);
	link_touch(l);
}

/* Say whose connection it is, if that is wanted.  False when the relay is gone. */
static bool introduce(struct relay *relay)
{
	return relay->tunnel->conf->proxyprotocol == CONF_PROXY_NO ||
	       relay_step(relay, relay_proxy_begin(relay));
}

static void on_dialled(void *user, int fd)
{
	struct relay *relay = user;

	relay->dial = NULL;
	if (fd < 0) {
		relay_abort(relay, RELAY_UNREACHABLE);
		return;
	}
	take_fd(relay, fd);
	if (relay_step(relay, RELAY_CONNECTED) && introduce(relay) && deliver(relay))
		relay_resume(relay);
}

/* The stream was cut: by the far peer or, for the memory that it held, by ourselves. */
static bool was_reset(struct relay *relay)
{
	size_t held = smux_given_up(relay->stream);

	if (held > 0) {
		relay_blame(relay, RELAY_HELD_MEMORY);
		diagnosis_given_up(relay, held);
	} else {
		relay_blame(relay, RELAY_FAR_RESET);
		relay->far_first = relay->far_first || relay->up == WAY_OPEN;
	}
	return relay_step(relay, RELAY_FAR_GONE);
}

void relay_refuse(struct smux_stream *st)
{
	smux_reset(st);
	smux_release(st, true);
}

void relay_serve(struct tunnel *t, struct link *l, struct smux_stream *st)
{
	struct relay *relay = new_relay(t);

	if (relay == NULL) {
		relay_refuse(st);
		return;
	}
	relay->dial = target_dial_start(relay, on_dialled, relay);
	if (relay->dial == NULL) {
		relay_free(relay);
		relay_refuse(st);
		return;
	}
	relay_attach(relay, l, st);
	if (smux_was_reset(st))
		was_reset(relay); /* opened and broken off since we last looked */
}

/* ---- news ------------------------------------------------------------------------- */

void relay_event(struct relay *relay, unsigned what)
{
	relay_kept_look(relay);
	if (what & SMUX_RESET) {
		if (was_reset(relay))
			deliver(relay);
		return;
	}
	if ((what & SMUX_READABLE) && !deliver(relay))
		return;
	if (what & SMUX_WRITABLE)
		relay_resume(relay);
}

/* The far peer's end is here and the local one has not seen it yet, so that all it said is; and
 * what the local peer said, it can see to have had no taker when it goes on. */
static bool far_peer_was_done(const struct relay *relay)
{
	return smux_peer_finished(relay->stream) && !smux_was_reset(relay->stream) &&
	       relay->down == WAY_OPEN;
}

/* Nothing that it said was lost with the session. */
static bool unheard(const struct relay *relay)
{
	return !link_understood(relay->link) && relay->sent == 0 && relay->up == WAY_OPEN;
}

void relay_session_ended(struct relay *relay)
{
	struct tunnel *t = relay->tunnel;

	bool over = unheard(relay) || (relay->link->end == SESSION_UNKNOWN && relay_kept_all(relay));

	if (over && t->role->relay_orphaned != NULL && !t->draining) {
		relay_leave(relay);
		t->role->relay_orphaned(t, relay);
		return;
	}
	relay_blame(relay, t->draining ? RELAY_STOPPED : RELAY_SESSION_LOST);
	if (relay_step(relay, far_peer_was_done(relay) ? RELAY_FAR_DONE : RELAY_FAR_GONE))
		deliver(relay);
}

void relay_drain(struct relay *relay)
{
	if (relay->up == WAY_ENDED)
		return;
	relay_blame(relay, RELAY_STOPPED);
	smux_reset(relay->stream); /* the local peer might have said more */
	link_touch(relay->link);
	relay_step(relay, RELAY_LOCAL_END);
}
