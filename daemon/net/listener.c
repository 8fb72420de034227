/* listener.c - accept TCP or Unix connections; back off when descriptors run out. */
#include "listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "descriptors.h"
#include "log.h"
#include "socket.h"

enum { ACCEPTS_PER_TURN = 64 };

/* How long accepting rests when there was no descriptor for a connection. */
static const double BACKOFF_S = 0.5;

/* One of its sockets. */
struct door {
	ev_io io;
	struct bound bound; /* its fd -1: handed over, or suspended */
	bool suspended;
};

struct listener {
	struct reactor *reactor;
	char *tag;
	listener_accept_fn *accept;
	void *user;
	ev_timer backoff;
	bool uses_kept; /* descriptors that are kept back are for this one too */
	struct log_limit limit;
	size_t count;
	struct door doors[];
};

static void on_backoff(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct listener *l = w->data;

	if (!l->uses_kept && !descriptors_left()) {
		ev_timer_set(w, BACKOFF_S, 0.);
		ev_timer_start(loop, w);
		return;
	}
	for (size_t i = 0; i < l->count; i++)
		if (l->doors[i].bound.fd >= 0)
			ev_io_start(loop, &l->doors[i].io);
}

static void rest(struct listener *l, int err)
{
	for (size_t i = 0; i < l->count; i++)
		ev_io_stop(l->reactor->loop, &l->doors[i].io);
	ev_timer_set(&l->backoff, BACKOFF_S, 0.);
	ev_timer_start(l->reactor->loop, &l->backoff);
	if (log_allow(&l->limit, l->reactor->now_us, 60 * 1000000ull))
		log_warn(l->tag, "cannot accept connections: %s; trying again%s", strerror(err),
			 err == EMFILE ? " (see ulimit -n)" : "");
}

static void on_acceptable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct listener *l = w->data;

	bool any = false;

	if (revents & EV_ERROR) {
		rest(l, ENOMEM); /* the poll has no place for it */
		return;
	}
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept(w->fd, NULL, NULL);

		if (fd >= 0) {
			bool last = !l->uses_kept && descriptor_is_kept(fd);

			any = true;
			socket_prepare(fd);
			l->accept(l->user, fd);
			if (last) {
				rest(l, EMFILE);
				return;
			}
		} else if (socket_would_block(errno)) {
			return; /* nobody there any more */
		} else if (errno != EINTR && errno != ECONNABORTED) {
			rest(l, errno);
			return;
		}
	}
	if (!any)
		rest(l, errno);
}

/* ---- life ------------------------------------------------------------------------- */

struct listener *listener_prepare(struct reactor *r, size_t count, const char *tag,
				  listener_accept_fn *accept_fn, void *user)
{
	struct listener *l = calloc(1, sizeof(*l) + count * sizeof(l->doors[0]));

	if (l == NULL)
		return NULL;
	l->tag = strdup(tag);
	if (l->tag == NULL) {
		free(l);
		return NULL;
	}
	l->reactor = r;
	l->accept = accept_fn;
	l->user = user;
	ev_timer_init(&l->backoff, on_backoff, BACKOFF_S, 0.);
	l->backoff.data = l;
	return l;
}

static void add_door(struct listener *l, const struct bound *s)
{
	struct door *d = &l->doors[l->count++];

	d->bound = *s;
	ev_io_init(&d->io, on_acceptable, s->fd, EV_READ);
	d->io.data = l;
	ev_io_start(l->reactor->loop, &d->io);
}

struct listener *listener_adopt(struct reactor *r, int fd, const char *path, const char *tag,
				listener_accept_fn *accept_fn, void *user)
{
	struct listener *l = listener_prepare(r, 1, tag, accept_fn, user);
	struct bound s = { .fd = fd, .udp.fd = -1 };

	bound_note_path(&s, path);
	socket_prepare(fd);
	if (l != NULL && listen(fd, SOCKET_BACKLOG) == 0) {
		l->uses_kept = true;
		add_door(l, &s);
		return l;
	}
	log_err(tag, "cannot listen on %s: %s", path, strerror(errno));
	bound_close(&s);
	listener_free(l);
	return NULL;
}

void listener_take(struct listener *l, struct binding *b)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->list[i].fd < 0)
			continue;
		add_door(l, &b->list[i]);
		b->list[i].fd = -1;
	}
}

struct listener *listener_new(struct reactor *r, struct binding *b, const char *tag,
			      listener_accept_fn *accept_fn, void *user)
{
	struct listener *l = listener_prepare(r, b->count, tag, accept_fn, user);

	if (l != NULL)
		listener_take(l, b);
	return l;
}

enum socket_place listener_place(const struct listener *l, const struct sockaddr_storage *addr)
{
	enum socket_place place = SOCKET_ELSEWHERE;

	for (size_t i = 0; i < l->count; i++) {
		enum socket_place one = sockaddr_place(&l->doors[i].bound.addr, addr);

		if (l->doors[i].bound.fd >= 0 && one > place)
			place = one;
	}
	return place;
}

bool listener_yield(struct listener *l, struct bound *s)
{
	for (size_t i = 0; i < l->count; i++) {
		struct door *d = &l->doors[i];

		if (d->bound.fd < 0 || sockaddr_place(&d->bound.addr, &s->addr) != SOCKET_THERE)
			continue;
		ev_io_stop(l->reactor->loop, &d->io);
		s->fd = d->bound.fd;
		s->device = d->bound.device;
		s->inode = d->bound.inode;
		d->bound.fd = -1;
		return true;
	}
	return false;
}

void listener_suspend(struct listener *l)
{
	for (size_t i = 0; i < l->count; i++) {
		struct door *d = &l->doors[i];

		d->suspended = d->bound.fd >= 0;
		ev_io_stop(l->reactor->loop, &d->io);
		bound_close(&d->bound);
	}
}

bool listener_resume(struct listener *l)
{
	bool good = true;

	for (size_t i = 0; i < l->count; i++) {
		struct door *d = &l->doors[i];

		if (!d->suspended)
			continue;
		d->suspended = false;
		if (bound_open(&d->bound, NULL) != 0) {
			good = false;
			continue;
		}
		ev_io_set(&d->io, d->bound.fd, EV_READ);
		if (!ev_is_active(&l->backoff))
			ev_io_start(l->reactor->loop, &d->io);
	}
	return good;
}

void listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	ev_timer_stop(l->reactor->loop, &l->backoff);
	for (size_t i = 0; i < l->count; i++) {
		ev_io_stop(l->reactor->loop, &l->doors[i].io);
		bound_close(&l->doors[i].bound);
	}
	free(l->tag);
	free(l);
}
