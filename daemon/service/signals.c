/* signals.c - signals as something that happens in the loop. */
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { SIGNALS_MAX = 64 };
static const double AGAIN_S = 0.1;

static volatile sig_atomic_t caught[SIGNALS_MAX];
static volatile sig_atomic_t wake_fd = -1;

/* What the pipe does not take it holds already. */
static void on_signal(int signum)
{
	int saved = errno;

	caught[signum] = 1;
	if (wake_fd >= 0)
		(void)!write((int)wake_fd, "", 1);
	errno = saved;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct signals *s = w->data;
	char words[64];

	if (revents & EV_ERROR) {
		ev_timer_set(&s->again, AGAIN_S, 0.);
		ev_timer_start(loop, &s->again);
	}
	while (read(s->fd, words, sizeof(words)) > 0)
		;
	for (int i = 1; i < SIGNALS_MAX; i++) {
		if (!caught[i] || sigismember(&s->watched, i) != 1)
			continue;
		caught[i] = 0;
		s->heard(s->user, i);
	}
}

static void on_again(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct signals *s = w->data;

	ev_io_start(loop, &s->readable);
}

static void prepare(int fd)
{
	fcntl(fd, F_SETFL, O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
}

bool signals_open(struct signals *s, struct ev_loop *loop, void (*heard)(void *user, int signum),
		  void *user)
{
	int fds[2];

	*s = (struct signals){ .loop = loop, .fd = -1, .heard = heard, .user = user };
	if (pipe(fds) != 0)
		return false;
	prepare(fds[0]);
	prepare(fds[1]);
	sigemptyset(&s->watched);
	s->fd = fds[0];
	wake_fd = fds[1];
	ev_io_init(&s->readable, on_readable, s->fd, EV_READ);
	ev_timer_init(&s->again, on_again, AGAIN_S, 0.);
	s->readable.data = s->again.data = s;
	ev_io_start(loop, &s->readable);
	return true;
}

void signals_watch(struct signals *s, int signum)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	sigaddset(&s->watched, signum);
	sigfillset(&act.sa_mask);
	sigaction(signum, &act, NULL);
}

void signals_close(struct signals *s)
{
	int to_us = (int)wake_fd;

	if (s->fd < 0)
		return;
	wake_fd = -1;
	close(to_us);
	ev_io_stop(s->loop, &s->readable);
	ev_timer_stop(s->loop, &s->again);
	close(s->fd);
	s->fd = -1;
}
