/* dial.c - connect to a TCP host:port or a Unix socket, without blocking. */
#include "dial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "descriptors.h"
#include "resolve.h"
#include "socket.h"

enum { DIAL_ADDRS_MAX = 16 };

struct dial {
	struct reactor *reactor;
	const struct conf_addr *to;
	dial_done_fn *done;
	void *user;
	struct resolve_query *query;
	struct sockaddr_storage addrs[DIAL_ADDRS_MAX];
	size_t count, tried;
	int fd;
	int last_errno;
	char error[128];
	ev_io connecting;
	uint64_t deadline_us;
	ev_timer timer; /* the time allowed; and the deferred report of a failure */
};

static void stop_watchers(struct dial *d)
{
	struct ev_loop *loop = d->reactor->loop;

	ev_io_stop(loop, &d->connecting);
	ev_timer_stop(loop, &d->timer);
}

/* The connection may be there already, and its end would be taken for that of a peer who said nothing. */
static void close_socket(struct dial *d)
{
	if (d->fd >= 0) {
		socket_break_off(d->fd);
		close(d->fd);
	}
	d->fd = -1;
}

void dial_cancel(struct dial *d)
{
	stop_watchers(d);
	if (d->query != NULL)
		resolve_cancel(d->query);
	close_socket(d);
	free(d);
}

static void report(struct dial *d, int fd)
{
	dial_done_fn *done = d->done;
	void *user = d->user;
	char error[sizeof(d->error)];

	memcpy(error, d->error, sizeof(error));
	d->fd = -1;
	d->query = NULL;
	dial_cancel(d);
	done(user, fd, fd >= 0 ? NULL : error);
}

/* Fail from the loop, never from within dial_start(). */
static void fail_soon(struct dial *d, const char *error)
{
	stop_watchers(d);
	close_socket(d);
	d->count = d->tried = 0;
	strncpy(d->error, error, sizeof(d->error) - 1);
	ev_timer_set(&d->timer, 0., 0.);
	ev_timer_start(d->reactor->loop, &d->timer);
}

static bool open_socket(struct dial *d, int family)
{
	d->fd = socket(family, SOCK_STREAM, 0);
	d->last_errno = errno;
	if (descriptor_is_kept(d->fd)) {
		close_socket(d);
		d->last_errno = EMFILE;
	}
	if (d->fd >= 0)
		socket_prepare(d->fd);
	return d->fd >= 0;
}

/* Each address has its part of the time that is left, so that one where nobody answers leaves
 * some to the next. */
static void restart_timer(struct dial *d)
{
	struct ev_loop *loop = d->reactor->loop;

	ev_timer_stop(loop, &d->timer);
	ev_timer_set(&d->timer,
		     reactor_delay(d->reactor, d->deadline_us) / (double)(d->count - d->tried + 1),
		     0.);
	ev_timer_start(loop, &d->timer);
}

static void try_next(struct dial *d)
{
	while (d->tried < d->count) {
		const struct sockaddr_storage *ss = &d->addrs[d->tried++];

		if (!open_socket(d, ss->ss_family))
			continue;
		/* A Unix socket with a full backlog says EAGAIN: that is a refusal. */
		if (connect(d->fd, (const struct sockaddr *)ss, sockaddr_len(ss)) == 0 ||
		    errno == EINPROGRESS) {
			ev_io_set(&d->connecting, d->fd, EV_WRITE);
			ev_io_start(d->reactor->loop, &d->connecting);
			restart_timer(d);
			return;
		}
		d->last_errno = errno;
		close_socket(d);
	}
	fail_soon(d, strerror(d->last_errno));
}

static void on_connecting(struct ev_loop *loop, ev_io *w, int revents)
{
	struct dial *d = w->data;
	socklen_t len = sizeof(int);
	int err = 0;

	ev_io_stop(loop, w);
	if (revents & EV_ERROR)
		err = ENOMEM; /* the poll has no place for it */
	else if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
		err = errno;
	if (err == 0) {
		report(d, d->fd);
		return;
	}
	d->last_errno = err;
	close_socket(d);
	try_next(d);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct dial *d = w->data;

	if (reactor_puts_off(d->reactor, w))
		return;
	ev_io_stop(loop, &d->connecting);
	close_socket(d);
	if (d->tried < d->count) {
		d->last_errno = ETIMEDOUT;
		try_next(d);
		return;
	}
	if (d->query != NULL)
		resolve_cancel(d->query);
	d->query = NULL;
	if (d->error[0] == '\0')
		strncpy(d->error, "timed out", sizeof(d->error) - 1);
	report(d, -1);
}

static void on_resolved(void *user, const struct sockaddr_storage *addrs, size_t count,
			const char *error)
{
	struct dial *d = user;

	d->query = NULL;
	if (count == 0) {
		fail_soon(d, error);
		return;
	}
	d->count = count < DIAL_ADDRS_MAX ? count : DIAL_ADDRS_MAX;
	memcpy(d->addrs, addrs, d->count * sizeof(*addrs));
	try_next(d);
}

static void start_path(struct dial *d)
{
	struct sockaddr_un *un = (struct sockaddr_un *)(void *)&d->addrs[0];

	if (strlen(d->to->path) >= sizeof(un->sun_path)) {
		fail_soon(d, "the socket's path is too long");
		return;
	}
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, d->to->path);
	d->count = 1;
	try_next(d);
}

struct dial *dial_start(struct reactor *r, const struct conf_addr *to, dial_done_fn *done, void *user)
{
	struct dial *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->reactor = r;
	d->to = to;
	d->done = done;
	d->user = user;
	d->fd = -1;
	ev_init(&d->connecting, on_connecting);
	d->connecting.data = d;
	d->deadline_us = r->now_us + DIAL_TIMEOUT_S * 1000000ull;
	ev_timer_init(&d->timer, on_timer, DIAL_TIMEOUT_S, 0.);
	d->timer.data = d;
	ev_set_priority(&d->timer, EV_MINPRI); /* a connection that is there is seen first */
	ev_timer_start(r->loop, &d->timer);
	if (to->path != NULL) {
		start_path(d);
		return d;
	}
	d->query = resolve_start(r->resolver, to->host[0] != '\0' ? to->host : "localhost",
				 to->port, on_resolved, d);
	if (d->query == NULL) {
		dial_cancel(d);
		return NULL;
	}
	return d;
}
