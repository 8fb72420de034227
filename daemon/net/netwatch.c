/* netwatch.c - the kernel tells of addresses, routes and links that change.
 *
 * After the first message of a burst that may matter the socket is left alone until it is looked at again, which is ten
 * times a second at most.  What its buffer does not hold in the meantime counts as a change. */
#include "netwatch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "netwatch_impl.h"
#include "reactor.h"

struct netwatch {
	struct reactor *reactor; /* borrowed */
	struct netwatch_listener *listeners;
	int fd; /* -1: not open */
	bool told;
	ev_io in;
	ev_timer look;
	struct netwatch_burst burst;
};

/* ---- bursts ------------------------------------------------------------------------- */

bool netwatch_burst_news(struct netwatch_burst *b, uint64_t now_us)
{
	if (b->under_way)
		return false;
	*b = (struct netwatch_burst){ .under_way = true, .first_us = now_us };
	return true;
}

bool netwatch_burst_over(struct netwatch_burst *b, uint64_t now_us, bool more)
{
	/* Half a look early is the last one. */
	if (more && now_us - b->first_us < NETWATCH_MOST_US - NETWATCH_LOOK_US / 2)
		return false;
	b->under_way = false;
	return true;
}

/* ---- the socket ----------------------------------------------------------------------- */

#ifdef __linux__

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

enum {
	DATAGRAM_BYTES = 8192, /* of what the kernel sends by itself, the longest: one link with all its attributes */
	DATAGRAMS_MAX = 64, /* of one look; the rest is for the next */
	RCVBUF_BYTES = 64 * 1024,
	GROUPS = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_RULE |
		 RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE | 1 << (RTNLGRP_IPV6_RULE - 1),
};

static int open_socket(void)
{
	struct sockaddr_nl at = { .nl_family = AF_NETLINK, .nl_groups = GROUPS };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	int rcvbuf = RCVBUF_BYTES, err;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	err = errno;
	close(fd);
	return -err;
}

/* One datagram: 1 when it matters, 0 when not, or -errno.  Any process may send to this socket; the kernel is number 0.
 * Of one that is longer than the buffer the end is not needed. */
static int read_one(int fd)
{
	_Alignas(struct nlmsghdr) unsigned char bytes[DATAGRAM_BYTES];
	struct sockaddr_nl from = { 0 };
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr m = { .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &iov,
			    .msg_iovlen = 1 };
	ssize_t n = recvmsg(fd, &m, 0);

	if (n < 0)
		return errno == ENOBUFS ? 1 : -errno;
	if (m.msg_namelen != sizeof(from) || from.nl_family != AF_NETLINK || from.nl_pid != 0)
		return 0;
	return m.msg_flags & MSG_TRUNC || netwatch_matters(bytes, (size_t)n);
}

#else

enum { DATAGRAMS_MAX = 0 };

static int open_socket(void)
{
	return -EAFNOSUPPORT;
}

static int read_one(int fd)
{
	return -EAGAIN;
}

#endif

/* Whether anything that waits matters. */
static bool read_all(struct netwatch *w)
{
	bool matters = false;

	for (int i = 0; i < DATAGRAMS_MAX; i++) {
		int got = read_one(w->fd);

		if (got == -EINTR)
			continue;
		if (got < 0)
			break;
		matters |= got > 0;
	}
	return matters;
}

/* ---- events ----------------------------------------------------------------------------- */

static void look_again(struct netwatch *w)
{
	ev_timer_set(&w->look, NETWATCH_LOOK_US * 1e-6, 0.);
	ev_timer_start(w->reactor->loop, &w->look);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct netwatch *w = io->data;

	/* The poll has forgotten the socket: it is looked at again, and put back. */
	if (revents & EV_ERROR) {
		look_again(w);
		return;
	}
	if (!read_all(w) || !netwatch_burst_news(&w->burst, w->reactor->now_us))
		return;
	ev_io_stop(loop, io);
	look_again(w);
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct netwatch *w = timer->data;

	if (!netwatch_burst_over(&w->burst, w->reactor->now_us, read_all(w))) {
		look_again(w);
		return;
	}
	ev_io_start(loop, &w->in);
	for (struct netwatch_listener *l = w->listeners; l != NULL; l = l->next)
		l->changed(l->user);
}

/* ---- life --------------------------------------------------------------------------------- */

struct netwatch *netwatch_new(struct reactor *r)
{
	struct netwatch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->reactor = r;
	w->fd = -1;
	ev_init(&w->in, on_readable);
	ev_init(&w->look, on_look);
	w->in.data = w->look.data = w;
	return w;
}

static void start(struct netwatch *w)
{
	int fd = open_socket();

	if (fd < 0) {
		if (!w->told)
			log_info(NULL,
				 "no rtnetlink (%s): changed addresses and routes are noticed by silence",
				 strerror(-fd));
		w->told = true;
		return;
	}
	w->fd = fd;
	ev_io_set(&w->in, fd, EV_READ);
	ev_io_start(w->reactor->loop, &w->in);
}

static void stop(struct netwatch *w)
{
	if (w->fd < 0)
		return;
	ev_io_stop(w->reactor->loop, &w->in);
	ev_timer_stop(w->reactor->loop, &w->look);
	w->burst.under_way = false;
	close(w->fd);
	w->fd = -1;
}

void netwatch_free(struct netwatch *w)
{
	assert(w == NULL || w->listeners == NULL);
	free(w);
}

void netwatch_add(struct netwatch *w, struct netwatch_listener *l)
{
	l->watch = w;
	l->prev = NULL;
	l->next = w->listeners;
	if (l->next != NULL)
		l->next->prev = l;
	w->listeners = l;
	if (w->fd < 0)
		start(w);
}

void netwatch_remove(struct netwatch_listener *l)
{
	struct netwatch *w = l->watch;

	if (w == NULL)
		return;
	if (l->prev != NULL)
		l->prev->next = l->next;
	else
		w->listeners = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
	l->watch = NULL;
	if (w->listeners == NULL)
		stop(w);
}
