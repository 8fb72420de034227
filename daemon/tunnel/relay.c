/* relay.c - one TCP or Unix connection glued to one stream, both ways. */
#include "relay.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "dial.h"
#include "link.h"
#include "log.h"
#include "socket.h"
#include "tunnel.h"
#include "walk.h"

enum {
	READ_BYTES_PER_TURN = 128 * 1024, /* of one socket, before others have a turn */
	WRITE_PIECES = 16,                /* a writev's */
	/* Once the far peer is gone, the last bytes must be taken by the local one in this time ... */
	LAST_BYTES_S = 30,
	/* ... and, where the kernel has taken them, so often is looked whether the peer has. */
	LAST_LOOKS_MAX = 100,
};

static const double LAST_LOOK_S = 0.05;
/* Between two looks at a half-closed stream when closewait is 0. */
static const double IDLE_LOOK_S = 1.;

struct relay {
	struct tunnel *tunnel;
	struct link *link;             /* NULL: waits for one */
	struct session_stream *stream; /* NULL likewise, and while waiting to be freed */
	struct dial *dial;             /* server: connecting */
	struct relay *prev, *next;     /* of the link */
	struct relay *wait_next;
	int fd;                        /* -1 while connecting */
	ev_io readable, writable;
	ev_timer idle;                 /* runs while half closed */
	double idle_s;
	bool local_eof;                /* the local peer sends no more, or is not asked any more */
	bool far_eof;                  /* the far peer's end was passed on */
	bool far_first;                /* the far peer's end came first */
	bool broken;                   /* what came is delivered, then the local peer sees a reset */
	unsigned last_looks;           /* then: see LAST_LOOKS_MAX */
	size_t unsent_seen;            /* at the last look whether a half-closed stream is idle */
	uint64_t mark;                 /* place of the stream's end among the session's bytes, 0: not out */
	uint64_t sent, received;       /* bytes towards the far peer, and from it */
	uint64_t opened_us, active_us; /* when it began, when bytes last passed */
};

struct relay *relay_next(const struct relay *relay)
{
	return relay->next;
}

struct relay **relay_wait_link(struct relay *relay)
{
	return &relay->wait_next;
}

bool relay_idle(const struct relay *relay)
{
	return relay->stream == NULL || session_unread(relay->stream) == 0;
}

static struct ev_loop *loop_of(const struct relay *relay)
{
	return relay->tunnel->reactor->loop;
}

/* ---- life ------------------------------------------------------------------------ */

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

static void join_link(struct relay *relay, struct link *l)
{
	relay->link = l;
	relay->next = l->relays;
	if (relay->next != NULL)
		relay->next->prev = relay;
	l->relays = relay;
	l->relay_count++;
}

static void free_relay(struct relay *relay)
{
	struct ev_loop *loop = loop_of(relay);
	struct link *l = relay->link;

	ev_io_stop(loop, &relay->readable);
	ev_io_stop(loop, &relay->writable);
	ev_timer_stop(loop, &relay->idle);
	if (relay->dial != NULL)
		dial_cancel(relay->dial);
	if (relay->fd >= 0)
		close(relay->fd);
	if (l != NULL && !l->ended)
		link_touch(l);
	leave_link(relay);
	relay->tunnel->relay_count--;
	free(relay);
}

/* Give the stream back, with `discard` without what it has not sent yet. */
static void leave_stream(struct relay *relay, bool discard)
{
	struct tunnel *t = relay->tunnel;

	if (relay->stream == NULL)
		return;
	if (!relay->link->ended && !t->draining)
		diagnosis_stream(relay->link, relay->sent, relay->received, relay->far_first);
	if (tunnel_may_log(t))
		log_info(t->name, "stream %u closed, %llu bytes out, %llu in",
			 session_stream_sid(relay->stream), (unsigned long long)relay->sent,
			 (unsigned long long)relay->received);
	session_release(relay->stream, discard);
	relay->stream = NULL;
}

/* Both directions are through. */
static void finish(struct relay *relay)
{
	leave_stream(relay, false);
	free_relay(relay);
}

void relay_abort(struct relay *relay)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	if (relay->stream != NULL)
		session_reset(relay->stream);
	leave_stream(relay, true);
	if (relay->fd >= 0)
		setsockopt(relay->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	free_relay(relay);
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

/* ---- broken ---------------------------------------------------------------------- */

static void watch_idle(struct relay *relay, double seconds);

/* All that came is in the socket.  A reset would take from the kernel what the local peer has
 * not acknowledged yet, so that is waited for. */
static void end_broken(struct relay *relay)
{
	int left = 0;

	if (ioctl(relay->fd, TIOCOUTQ, &left) == 0 && left > 0 &&
	    relay->last_looks++ < LAST_LOOKS_MAX)
		watch_idle(relay, LAST_LOOK_S);
	else
		relay_abort(relay);
}

static bool deliver(struct relay *relay);

/* The far peer, or the way to it, is gone in the middle of the stream. */
static void break_off(struct relay *relay)
{
	relay->broken = true;
	relay->local_eof = true;
	if (relay->fd < 0 && session_unread(relay->stream) == 0) {
		relay_abort(relay);
		return;
	}
	ev_io_stop(loop_of(relay), &relay->readable);
	watch_idle(relay, LAST_BYTES_S);
	if (relay->fd >= 0 && !ev_is_active(&relay->writable))
		deliver(relay);
}

/* ---- half-closed ------------------------------------------------------------------ */

/* The last bytes before the local peer's end may take long on a slow or crowded line, first in
 * the stream and then in the session: as long as they do, nobody can have answered them. */
static bool upload_moves(struct relay *relay)
{
	struct session *s = relay->link->session;
	size_t unsent = session_unsent(relay->stream);

	if (unsent > 0) {
		bool moved = unsent != relay->unsent_seen;

		relay->unsent_seen = unsent;
		return moved;
	}
	if (relay->mark == 0)
		relay->mark = session_sent_bytes(s);
	return session_acked_bytes(s) < relay->mark;
}

static void on_idle(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct relay *relay = w->data;

	if (relay->broken && relay->last_looks > 0) {
		end_broken(relay);
		return;
	}
	if (!relay->broken && !relay->link->ended && relay->local_eof && upload_moves(relay))
		return;
	log_debug(relay->tunnel->name, "half-closed stream was idle for %.0f s", relay->idle_s);
	relay_abort(relay);
}

static void watch_idle(struct relay *relay, double seconds)
{
	relay->idle_s = seconds;
	ev_timer_stop(loop_of(relay), &relay->idle);
	ev_timer_set(&relay->idle, seconds, seconds > 0. ? seconds : IDLE_LOOK_S);
	ev_timer_start(loop_of(relay), &relay->idle);
}

static void note_activity(struct relay *relay)
{
	relay->active_us = relay->tunnel->reactor->now_us;
	if (ev_is_active(&relay->idle))
		ev_timer_again(loop_of(relay), &relay->idle);
}

/* One direction has ended.  True when that was the second, and the relay gone. */
static bool ended_one(struct relay *relay)
{
	if (relay->local_eof && relay->far_eof) {
		finish(relay);
		return true;
	}
	if (!ev_is_active(&relay->idle))
		watch_idle(relay, relay->tunnel->conf->closewait_s);
	return false;
}

/* ---- from the socket to the stream -------------------------------------------------- */

/* The local peer will send no more.  True when the relay is gone. */
static bool end_of_local(struct relay *relay)
{
	ev_io_stop(loop_of(relay), &relay->readable);
	relay->local_eof = true;
	if (!relay->far_eof && relay->stream != NULL)
		relay->far_first = session_peer_finished(relay->stream);
	session_shutdown(relay->stream);
	return ended_one(relay);
}

/* A socket that fails both ways: what it sent before still goes out, with a reset behind it. */
static void local_failed(struct relay *relay, const char *doing)
{
	log_debug(relay->tunnel->name, "%s: %s", doing, strerror(errno));
	if (!relay->far_eof)
		relay->far_first = session_peer_finished(relay->stream);
	session_reset(relay->stream);
	finish(relay);
}

/* The socket is as good as before; its watcher tells when to go on. */
static bool is_passing(int err)
{
	return socket_would_block(err) || err == EINTR;
}

/* How a turn of reading ended. */
enum read_end { READ_MORE, READ_EOF, READ_FAILED };

/* Read until the socket is empty, the stream is full, or the turn is over. */
static enum read_end read_turn(struct relay *relay, size_t *total)
{
	while (*total < READ_BYTES_PER_TURN) {
		struct span room = session_reserve(relay->stream);
		ssize_t got;

		if (room.n == 0) {
			ev_io_stop(loop_of(relay), &relay->readable); /* SMUX_WRITABLE starts it again */
			return READ_MORE;
		}
		got = read(relay->fd, room.p, room.n);
		session_commit(relay->stream, got > 0 ? (size_t)got : 0);
		if (got == 0)
			return READ_EOF;
		if (got < 0)
			return is_passing(errno) ? READ_MORE : READ_FAILED;
		*total += (size_t)got;
		if ((size_t)got < room.n)
			break; /* most likely empty: a further call would only say so */
	}
	return READ_MORE;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct relay *relay = w->data;
	size_t total = 0;
	enum read_end end = read_turn(relay, &total);

	relay->sent += total;
	relay->tunnel->past.payload_out_bytes += total;
	note_activity(relay);
	link_touch(relay->link);
	if (end == READ_EOF)
		end_of_local(relay);
	else if (end == READ_FAILED)
		local_failed(relay, "read");
}

void relay_resume(struct relay *relay)
{
	if (relay->fd >= 0 && !relay->local_eof && relay->stream != NULL && relay->link->heard)
		ev_io_start(loop_of(relay), &relay->readable);
}

/* ---- from the stream to the socket --------------------------------------------------- */

/* One writev; bytes written, or -1 with errno. */
static ssize_t write_some(struct relay *relay, size_t *offered)
{
	struct span pieces[WRITE_PIECES];
	struct iovec iov[WRITE_PIECES];
	size_t count = session_peek(relay->stream, pieces, WRITE_PIECES);
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = count };

	*offered = 0;
	for (size_t i = 0; i < count; i++) {
		iov[i].iov_base = pieces[i].p;
		iov[i].iov_len = pieces[i].n;
		*offered += pieces[i].n;
	}
	return count == 0 ? 0 : sendmsg(relay->fd, &msg, MSG_NOSIGNAL);
}

/* The far peer's end reached the socket.  True when the relay is gone. */
static bool end_of_far(struct relay *relay)
{
	if (relay->far_eof)
		return false;
	relay->far_eof = true;
	relay->far_first = relay->far_first || !relay->local_eof;
	shutdown(relay->fd, SHUT_WR);
	return ended_one(relay);
}

/* Write what the stream has.  False when the relay is gone. */
static bool deliver(struct relay *relay)
{
	size_t offered;
	ssize_t put;

	while ((put = write_some(relay, &offered)) > 0) {
		session_consume(relay->stream, (size_t)put);
		relay->received += (uint64_t)put;
		relay->tunnel->past.payload_in_bytes += (uint64_t)put;
		note_activity(relay);
		if (!relay->link->ended)
			link_touch(relay->link); /* an UPD may be due */
		if ((size_t)put < offered)
			break;
	}
	if (put < 0 && !is_passing(errno)) {
		local_failed(relay, "write");
		return false;
	}
	if (session_unread(relay->stream) > 0) {
		ev_io_start(loop_of(relay), &relay->writable);
		return true;
	}
	ev_io_stop(loop_of(relay), &relay->writable);
	if (relay->broken)
		end_broken(relay);
	else if (relay->link->ended)
		finish(relay);
	else
		return !session_eof(relay->stream) || !end_of_far(relay);
	return false; /* gone, or about to */
}

static void on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
	deliver(w->data);
}

void relay_event(struct relay *relay, unsigned what)
{
	if (what & SMUX_RESET) {
		relay->far_first = relay->far_first || !relay->local_eof;
		break_off(relay);
		return;
	}
	if ((what & SMUX_READABLE) && relay->fd >= 0 && !ev_is_active(&relay->writable) &&
	    !deliver(relay))
		return;
	if (what & SMUX_WRITABLE)
		relay_resume(relay);
}

void relay_session_ended(struct relay *relay)
{
	ev_io_stop(loop_of(relay), &relay->readable);
	if (!relay->link->heard && relay->tunnel->role->relay_orphaned != NULL &&
	    !relay->tunnel->draining) {
		session_release(relay->stream, true);
		relay->stream = NULL;
		leave_link(relay);
		relay->tunnel->role->relay_orphaned(relay->tunnel, relay);
		return;
	}
	/* The far peer's end is here, so that all it said is; and what the local peer said, it
	 * can see to have had no taker when it goes on. */
	if (session_peer_finished(relay->stream) && !session_was_reset(relay->stream) &&
	    !relay->far_eof) {
		relay->local_eof = true;
		watch_idle(relay, LAST_BYTES_S);
		if (relay->fd >= 0 && !ev_is_active(&relay->writable))
			deliver(relay);
		return;
	}
	break_off(relay);
}

void relay_drain(struct relay *relay)
{
	if (relay->stream == NULL || (relay->fd < 0 && relay->dial == NULL)) {
		relay_abort(relay);
		return;
	}
	if (relay->local_eof)
		return;
	session_reset(relay->stream); /* the local peer might have said more */
	link_touch(relay->link);
	end_of_local(relay);
}

/* ---- looking ---------------------------------------------------------------------------- */

/* "192.0.2.1:80", or the path of a Unix socket that has one. */
static void peer_text(int fd, char out[static RELAY_PEER_TEXT])
{
	union {
		struct sockaddr sa;
		struct sockaddr_un un;
		struct sockaddr_storage any;
	} at = { .any = { 0 } };
	socklen_t len = sizeof(at);
	struct udp_path path;

	out[0] = '\0';
	if (fd < 0 || getpeername(fd, &at.sa, &len) != 0)
		return;
	if (at.sa.sa_family == AF_UNIX)
		snprintf(out, RELAY_PEER_TEXT, "%.*s", (int)sizeof(at.un.sun_path),
			 at.un.sun_path[0] != '\0' ? at.un.sun_path : "unix");
	else if (udp_path_init(&path, &at.sa, len))
		udp_path_text(&path, out);
}

static const char *state_text(const struct relay *relay)
{
	if (relay->fd < 0)
		return "connecting";
	if (relay->local_eof)
		return relay->far_eof ? "closing" : "local-closed";
	return relay->far_eof ? "far-closed" : "open";
}

void relay_get_info(const struct relay *relay, struct relay_info *info)
{
	*info = (struct relay_info){
		.state = state_text(relay),
		.opened_us = relay->opened_us,
		.active_us = relay->active_us,
		.sent = relay->sent,
		.received = relay->received,
	};
	peer_text(relay->fd, info->peer);
	if (relay->stream == NULL)
		return;
	info->sid = session_stream_sid(relay->stream);
	info->unsent_bytes = session_unsent(relay->stream);
	info->unread_bytes = session_unread(relay->stream);
}

/* ---- beginnings ------------------------------------------------------------------------- */

static struct relay *new_relay(struct tunnel *t)
{
	struct relay *relay = calloc(1, sizeof(*relay));

	if (relay == NULL)
		return NULL;
	relay->tunnel = t;
	relay->fd = -1;
	relay->opened_us = relay->active_us = t->reactor->now_us;
	ev_init(&relay->readable, on_readable);
	ev_init(&relay->writable, on_writable);
	ev_init(&relay->idle, on_idle);
	relay->readable.data = relay;
	relay->writable.data = relay;
	relay->idle.data = relay;
	t->relay_count++;
	return relay;
}

static void take_fd(struct relay *relay, int fd)
{
	relay->fd = fd;
	ev_io_set(&relay->readable, fd, EV_READ);
	ev_io_set(&relay->writable, fd, EV_WRITE);
}

struct relay *relay_accept(struct tunnel *t, int fd)
{
	struct relay *relay = new_relay(t);

	if (relay == NULL) {
		close(fd);
		return NULL;
	}
	take_fd(relay, fd);
	return relay;
}

void relay_attach(struct relay *relay, struct link *l, struct session_stream *st)
{
	assert(relay->link == NULL);
	join_link(relay, l);
	relay->stream = st;
	session_stream_set_user(st, relay);
	relay_resume(relay);
	link_touch(l);
	if (tunnel_may_log(relay->tunnel))
		log_info(relay->tunnel->name, "stream %u opened", session_stream_sid(st));
}

static void on_dialled(void *user, int fd, const char *error)
{
	struct relay *relay = user;
	struct tunnel *t = relay->tunnel;

	relay->dial = NULL;
	if (fd < 0) {
		diagnosis_target(t, error);
		link_touch(relay->link);
		relay_abort(relay);
		return;
	}
	take_fd(relay, fd);
	if (session_unread(relay->stream) > 0 || session_eof(relay->stream) || relay->link->ended ||
	    relay->broken)
		if (!deliver(relay))
			return;
	relay_resume(relay);
}

void relay_serve(struct tunnel *t, struct link *l, struct session_stream *st)
{
	struct relay *relay = new_relay(t);

	if (relay == NULL) {
		session_release(st, true);
		return;
	}
	relay->dial = dial_start(t->reactor, &t->conf->target, on_dialled, relay);
	if (relay->dial == NULL) {
		free_relay(relay);
		session_release(st, true);
		return;
	}
	relay_attach(relay, l, st);
	if (session_was_reset(st))
		break_off(relay); /* opened and broken off since we last looked */
}
