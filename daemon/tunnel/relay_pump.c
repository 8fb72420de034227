/* relay_pump.c - a relay's bytes, from the socket to the stream and back. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "relay_impl.h"
#include "socket.h"

enum {
	READ_BYTES_PER_TURN = 128 * 1024, /* of one socket, before others have a turn */
	WRITE_PIECES = 16,                /* a writev's */
};

static void note_activity(struct relay *relay)
{
	relay->active_us = relay->tunnel->reactor->now_us;
	if (ev_is_active(&relay->idle))
		ev_timer_again(relay_loop(relay), &relay->idle);
}

/* The socket is as good as before; its watcher tells when to go on. */
static bool is_passing(int err)
{
	return socket_would_block(err) || err == EINTR;
}

static enum relay_happening failure(struct relay *relay)
{
	if (is_passing(errno))
		return RELAY_NOTHING;
	relay->error = errno;
	return RELAY_LOCAL_FAILED;
}

/* Read until the socket is empty, the stream is full, or the turn is over. */
static enum relay_happening read_turn(struct relay *relay, size_t *total)
{
	while (*total < READ_BYTES_PER_TURN) {
		struct span room = smux_reserve(relay->stream);
		ssize_t got;

		if (room.n == 0) {
			/* SMUX_WRITABLE starts it again */
			ev_io_stop(relay_loop(relay), &relay->readable);
			break;
		}
		got = read(relay->fd, room.p, room.n);
		if (got > 0)
			relay_kept_add(relay, room.p, (size_t)got);
		smux_commit(relay->stream, got > 0 ? (size_t)got : 0);
		if (got == 0)
			return RELAY_LOCAL_END;
		if (got < 0)
			return failure(relay);
		*total += (size_t)got;
		if ((size_t)got < room.n)
			break; /* most likely empty: a further call would only say so */
	}
	return RELAY_NOTHING;
}

enum relay_happening relay_pump_up(struct relay *relay)
{
	size_t total = 0;
	enum relay_happening met = read_turn(relay, &total);

	relay->sent += total;
	relay->tunnel->past.payload_out_bytes += total;
	note_activity(relay);
	link_touch(relay->link);
	return met;
}

/* One writev; bytes written, or -1 with errno. */
static ssize_t write_some(struct relay *relay, size_t *offered)
{
	struct span pieces[WRITE_PIECES];
	struct iovec iov[WRITE_PIECES];
	size_t count = smux_peek(relay->stream, pieces, WRITE_PIECES);
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = count };

	*offered = 0;
	for (size_t i = 0; i < count; i++) {
		iov[i].iov_base = pieces[i].p;
		iov[i].iov_len = pieces[i].n;
		*offered += pieces[i].n;
	}
	return count == 0 ? 0 : sendmsg(relay->fd, &msg, MSG_NOSIGNAL);
}

enum relay_happening relay_pump_down(struct relay *relay)
{
	size_t offered;
	ssize_t put;

	while ((put = write_some(relay, &offered)) > 0) {
		smux_consume(relay->stream, (size_t)put);
		relay->received += (uint64_t)put;
		relay->tunnel->past.payload_in_bytes += (uint64_t)put;
		note_activity(relay);
		link_touch(relay->link); /* an UPD may be due */
		if ((size_t)put < offered)
			break;
	}
	if (put < 0 && failure(relay) != RELAY_NOTHING)
		return RELAY_LOCAL_FAILED;
	if (smux_unread(relay->stream) > 0) {
		ev_io_start(relay_loop(relay), &relay->writable);
		return RELAY_NOTHING;
	}
	ev_io_stop(relay_loop(relay), &relay->writable);
	return RELAY_DELIVERED;
}
