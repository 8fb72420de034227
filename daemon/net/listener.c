/* listener.c - accept TCP or Unix connections; back off when descriptors run out. */
#include "listener.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "descriptors.h"
#include "log.h"
#include "resolve.h"
#include "socket.h"

enum {
	LISTEN_SOCKETS_MAX = 8, /* addresses that one host name may stand for */
	ACCEPTS_PER_TURN = 64,
	BACKLOG = 1024,
};

/* How long accepting rests when there was no descriptor for a connection. */
static const double BACKOFF_S = 0.5;

struct listener {
	struct reactor *reactor;
	char *tag;
	char *path; /* of a Unix socket, or NULL */
	dev_t device;
	ino_t inode; /* of that path's file, 0: not known */
	listener_accept_fn *accept;
	void *user;
	ev_io io[LISTEN_SOCKETS_MAX];
	size_t count;
	ev_timer backoff;
	bool uses_kept; /* descriptors that are kept back are for this one too */
	struct log_limit limit;
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
		ev_io_start(loop, &l->io[i]);
}

static void rest(struct listener *l, int err)
{
	for (size_t i = 0; i < l->count; i++)
		ev_io_stop(l->reactor->loop, &l->io[i]);
	ev_timer_set(&l->backoff, BACKOFF_S, 0.);
	ev_timer_start(l->reactor->loop, &l->backoff);
	if (log_allow(&l->limit, l->reactor->now_us, 60 * 1000000ull))
		log_warn(l->tag, "cannot accept connections: %s; trying again (see ulimit -n)",
			 strerror(err));
}

static void on_acceptable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct listener *l = w->data;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept(w->fd, NULL, NULL);

		if (fd >= 0) {
			bool last = !l->uses_kept && descriptor_is_kept(fd);

			socket_prepare(fd);
			l->accept(l->user, fd);
			if (last) {
				rest(l, EMFILE);
				return;
			}
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			rest(l, errno);
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return; /* nobody there any more */
		}
	}
}

static bool add_socket(struct listener *l, int fd)
{
	ev_io *w = &l->io[l->count];

	socket_prepare(fd);
	if (listen(fd, BACKLOG) != 0)
		return false;
	ev_io_init(w, on_acceptable, fd, EV_READ);
	w->data = l;
	ev_io_start(l->reactor->loop, w);
	l->count++;
	return true;
}

static int bind_tcp(const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family, SOCK_STREAM, 0), on = 1, off = 0;
	int saved;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* 0 or errno. */
static int listen_at(struct listener *l, const struct addrinfo *ai)
{
	int fd = bind_tcp(ai), err;

	if (fd >= 0 && add_socket(l, fd))
		return 0;
	err = errno;
	if (fd >= 0)
		close(fd);
	return err;
}

/* /etc/hosts may give localhost an IPv6 address on a machine that has none. */
static bool listen_tcp(struct listener *l, const struct conf_addr *at)
{
	const char *why;
	struct addrinfo *list = resolve_local(at->host, at->port, SOCK_STREAM, &why);
	int err = 0;

	if (list == NULL) {
		log_err(l->tag, "cannot listen on %s: %s", at->text, why);
		return false;
	}
	for (struct addrinfo *ai = list; ai != NULL && l->count < LISTEN_SOCKETS_MAX;
	     ai = ai->ai_next) {
		err = listen_at(l, ai);
		if (err != 0 && !socket_no_address_here(err))
			break;
	}
	freeaddrinfo(list);
	if (l->count > 0 && socket_no_address_here(err))
		err = 0;
	if (err != 0)
		log_err(l->tag, "cannot listen on %s: %s", at->text, strerror(err));
	return err == 0;
}

static void note_path(struct listener *l, const char *path)
{
	struct stat st;

	l->path = strdup(path);
	if (lstat(path, &st) != 0)
		return;
	l->device = st.st_dev;
	l->inode = st.st_ino;
}

/* A path that nobody accepts on any more was left by a process that crashed. */
static void remove_stale(const struct sockaddr_un *un)
{
	struct stat st;
	int fd;

	if (lstat(un->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0); /* who lives may be busy */
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)un, sizeof(*un)) != 0 && errno == ECONNREFUSED)
		unlink(un->sun_path);
	close(fd);
}

/* bind() says of any file that the address is in use. */
static bool is_no_socket(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode);
}

static bool listen_path(struct listener *l, const struct conf_addr *at)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(at->path) >= sizeof(un.sun_path)) {
		log_err(l->tag, "%s: the path is too long for a socket", at->path);
		return false;
	}
	strcpy(un.sun_path, at->path);
	remove_stale(&un);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&un, sizeof(un)) != 0) {
		const char *why = strerror(errno);

		if (errno == EADDRINUSE && is_no_socket(at->path))
			why = "it is there and is no socket";
		log_err(l->tag, "cannot listen on %s: %s", at->path, why);
		if (fd >= 0)
			close(fd);
		return false;
	}
	note_path(l, at->path);
	if (add_socket(l, fd))
		return true;
	log_err(l->tag, "cannot listen on %s: %s", at->path, strerror(errno));
	close(fd);
	return false;
}

static struct listener *make(struct reactor *r, const char *tag, listener_accept_fn *accept_fn,
			     void *user)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->reactor = r;
	l->tag = strdup(tag);
	l->accept = accept_fn;
	l->user = user;
	ev_timer_init(&l->backoff, on_backoff, BACKOFF_S, 0.);
	l->backoff.data = l;
	return l;
}

struct listener *listener_adopt(struct reactor *r, int fd, const char *path, const char *tag,
				listener_accept_fn *accept_fn, void *user)
{
	struct listener *l = make(r, tag, accept_fn, user);

	if (l != NULL && add_socket(l, fd)) {
		note_path(l, path);
		l->uses_kept = true;
		return l;
	}
	log_err(tag, "cannot listen on %s: %s", path, strerror(errno));
	close(fd);
	listener_free(l);
	return NULL;
}

struct listener *listener_new(struct reactor *r, const struct conf_addr *at, const char *tag,
			      listener_accept_fn *accept_fn, void *user)
{
	struct listener *l = make(r, tag, accept_fn, user);

	if (l == NULL)
		return NULL;
	if (at->path != NULL ? listen_path(l, at) : listen_tcp(l, at))
		return l;
	listener_free(l);
	return NULL;
}

/* Not that of another process that took it over. */
static void remove_path(const struct listener *l)
{
	struct stat st;

	if (l->path != NULL && lstat(l->path, &st) == 0 && st.st_dev == l->device &&
	    st.st_ino == l->inode)
		unlink(l->path);
}

void listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	ev_timer_stop(l->reactor->loop, &l->backoff);
	for (size_t i = 0; i < l->count; i++) {
		ev_io_stop(l->reactor->loop, &l->io[i]);
		close(l->io[i].fd);
	}
	remove_path(l);
	free(l->path);
	free(l->tag);
	free(l);
}
