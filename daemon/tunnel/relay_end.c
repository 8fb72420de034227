/* relay_end.c - a relay's states, the ways between them, and all ways to end. */
#include <assert.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay_impl.h"
#include "socket.h"
#include "walk.h"

enum {
	/* Once the far peer is gone, the last bytes must be taken by the local one in this time ... */
	LAST_BYTES_S = 30,
	/* ... and, where the kernel has taken them, so often is looked whether the peer has. */
	LAST_LOOKS_MAX = 100,
};

static const double LAST_LOOK_S = 0.05;
/* Between two looks at a half-closed stream when closewait is 0. */
static const double IDLE_LOOK_S = 1.;

/* ---- over ------------------------------------------------------------------------- */

static void leave_link(struct relay *relay)
{
	struct link *l = relay->link;

	if (l == NULL)
		return;
	walk_relay_leaves(relay->tunnel, relay);
	if (relay->prev != NULL)
		relay->prev->next = relay->next;
	else
		l->relays = relay->next;
	if (relay->next != NULL)
		relay->next->prev = relay->prev;
	relay->prev = relay->next = NULL;
	relay->link = NULL;
	l->relay_count--;
	link_relay_left(l);
}

/* It is not idle any more, or in another way. */
static void stop_idle(struct relay *relay)
{
	ev_timer_stop(relay_loop(relay), &relay->idle);
	reactor_forget(relay->tunnel->reactor, &relay->judge);
}

void relay_free(struct relay *relay)
{
	struct ev_loop *loop = relay_loop(relay);

	assert(relay->stream == NULL);
	ev_io_stop(loop, &relay->readable);
	ev_io_stop(loop, &relay->writable);
	stop_idle(relay);
	if (relay->dial != NULL)
		target_dial_cancel(relay->dial);
	relay_kept_end(relay);
	relay_proxy_end(relay);
	if (relay->fd >= 0)
		close(relay->fd);
	if (relay->link != NULL)
		link_touch(relay->link);
	leave_link(relay);
	relay->tunnel->relay_count--;
	free(relay);
}

int relay_release(struct relay *relay)
{
	int fd = relay->fd;

	assert(relay->life == RELAY_WAITING);
	if (relay->sent > 0 || relay->kept_len > 0) {
		relay_abort(relay, RELAY_STOPPED);
		return -1;
	}
	relay->fd = -1;
	relay_free(relay);
	return fd;
}

/* Give the stream back, with `discard` without what it has not sent yet. */
static void leave_stream(struct relay *relay, bool discard)
{
	struct tunnel *t = relay->tunnel;

	if (relay->stream == NULL)
		return;
	if (!relay->link->ended && !t->draining)
		diagnosis_stream(relay->link, relay->sent, relay->received, relay->far_first);
	smux_release(relay->stream, discard);
	relay->stream = NULL;
}

/* Nothing is left to be delivered, or nobody to deliver it to. */
static void finish(struct relay *relay)
{
	relay_log_ended(relay);
	leave_stream(relay, false);
	relay_free(relay);
}

void relay_abort(struct relay *relay, enum relay_cause why)
{
	relay_blame(relay, why);
	relay_log_ended(relay);
	if (relay->stream != NULL)
		smux_reset(relay->stream);
	leave_stream(relay, true);
	if (relay->fd >= 0)
		socket_break_off(relay->fd);
	relay_free(relay);
}

/* Without a stream there is nothing to read into, and nothing that could be idle. */
void relay_leave(struct relay *relay)
{
	relay_log_moves(relay);
	ev_io_stop(relay_loop(relay), &relay->readable);
	ev_io_stop(relay_loop(relay), &relay->writable);
	stop_idle(relay);
	smux_release(relay->stream, true);
	relay->stream = NULL;
	leave_link(relay);
	relay->mark = 0;
	relay->unsent_seen = 0;
	relay->life = RELAY_WAITING;
}

/* ---- half closed -------------------------------------------------------------------- */

static void watch_idle(struct relay *relay, double seconds)
{
	relay->idle_s = seconds;
	stop_idle(relay);
	ev_timer_set(&relay->idle, seconds, seconds > 0. ? seconds : IDLE_LOOK_S);
	ev_timer_start(relay_loop(relay), &relay->idle);
}

/* The last bytes before the local peer's end may take long on a slow or crowded line, first in
 * the stream and then in the session: as long as they do, nobody can have answered them. */
static bool upload_moves(struct relay *relay)
{
	struct session *s = relay->link->session;
	size_t unsent = smux_unsent(relay->stream);

	if (unsent > 0) {
		bool moved = unsent != relay->unsent_seen;

		relay->unsent_seen = unsent;
		return moved;
	}
	if (relay->mark == 0)
		relay->mark = session_sent_bytes(s);
	return session_acked_bytes(s) < relay->mark;
}

void relay_watch_half_closed(struct relay *relay)
{
	if ((relay->up == WAY_ENDED || relay->down == WAY_ENDED) && !ev_is_active(&relay->idle))
		watch_idle(relay, relay->tunnel->conf->closewait_s);
}

/* One way has ended, and with the second the relay. */
static bool ended_one(struct relay *relay)
{
	if (relay->up == WAY_ENDED && relay->down == WAY_ENDED) {
		finish(relay);
		return false;
	}
	relay_watch_half_closed(relay);
	return true;
}

static bool end_up(struct relay *relay)
{
	ev_io_stop(relay_loop(relay), &relay->readable);
	relay->up = WAY_ENDED;
	if (relay->down == WAY_OPEN)
		relay->far_first = smux_peer_finished(relay->stream);
	smux_shutdown(relay->stream);
	return ended_one(relay);
}

static bool end_down(struct relay *relay)
{
	relay->down = WAY_ENDED;
	relay->far_first = relay->far_first || relay->up == WAY_OPEN;
	shutdown(relay->fd, SHUT_WR);
	return ended_one(relay);
}

/* What the local peer sent before still goes out, with a reset behind it.  The peer, where there still is one, is
 * not to take this for an end either. */
static bool fail(struct relay *relay)
{
	relay_blame(relay, RELAY_LOCAL_RESET);
	socket_break_off(relay->fd);
	if (relay->down == WAY_OPEN)
		relay->far_first = smux_peer_finished(relay->stream);
	smux_reset(relay->stream);
	finish(relay);
	return false;
}

/* ---- the last bytes -------------------------------------------------------------------- */

static bool linger(struct relay *relay, enum relay_life life)
{
	relay->life = life;
	relay->up = WAY_ENDED;
	ev_io_stop(relay_loop(relay), &relay->readable);
	watch_idle(relay, LAST_BYTES_S);
	return true;
}

static bool break_off(struct relay *relay)
{
	if (relay->fd >= 0 || smux_unread(relay->stream) > 0)
		return linger(relay, RELAY_BREAKING);
	relay_abort(relay, RELAY_FAR_RESET); /* there is nothing to wait for a socket with */
	return false;
}

/* All that came is in the socket.  A reset would take from the kernel what the local peer has
 * not acknowledged yet, so that is waited for. */
static bool reset_when_taken(struct relay *relay)
{
	int left = 0;

	relay->life = RELAY_RESETTING;
	if (ioctl(relay->fd, TIOCOUTQ, &left) == 0 && left > 0 &&
	    relay->last_looks++ < LAST_LOOKS_MAX) {
		watch_idle(relay, LAST_LOOK_S);
		return true;
	}
	relay_abort(relay, RELAY_FAR_RESET);
	return false;
}

/* ---- what follows from what -------------------------------------------------------------- */

static bool delivered(struct relay *relay)
{
	switch (relay->life) {
	case RELAY_LINGERING:
		finish(relay);
		return false;
	case RELAY_BREAKING:
	case RELAY_RESETTING:
		return reset_when_taken(relay);
	default:
		if (relay->down == WAY_ENDED || !smux_eof(relay->stream))
			return true;
		return end_down(relay);
	}
}

/* Idle for as long as its state allows. */
static bool was_idle(struct relay *relay)
{
	bool far_is_there = relay->life == RELAY_DIALLING || relay->life == RELAY_FLOWING;

	if (relay->life == RELAY_RESETTING)
		return reset_when_taken(relay);
	if (far_is_there && relay->up == WAY_ENDED && upload_moves(relay))
		return true;
	relay_abort(relay, RELAY_HALF_CLOSED);
	return false;
}

bool relay_step(struct relay *relay, enum relay_happening what)
{
	assert(relay->life != RELAY_WAITING);
	switch (what) {
	case RELAY_NOTHING:
		break;
	case RELAY_CONNECTED:
		if (relay->life == RELAY_DIALLING)
			relay->life = RELAY_FLOWING;
		break;
	case RELAY_LOCAL_END:
		return end_up(relay);
	case RELAY_LOCAL_FAILED:
		return fail(relay);
	case RELAY_DELIVERED:
		return delivered(relay);
	case RELAY_FAR_DONE:
		return linger(relay, RELAY_LINGERING);
	case RELAY_FAR_GONE:
		return break_off(relay);
	case RELAY_IDLE:
		return was_idle(relay);
	}
	return true;
}
