/* test_loop.c - what the loop does when the kernel refuses it something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop.h"

static bool refuses;

/* In the place of libc's, for libev. */
int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	if (refuses) {
		refuses = false;
		errno = ENOSPC;
		return -1;
	}
	return (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);
}

static int heard;
static ev_tstamp heard_at;

static void on_io(struct ev_loop *loop, ev_io *w, int revents)
{
	heard = revents;
	heard_at = ev_now(loop);
	ev_break(loop, EVBREAK_ALL);
}

static void on_late(struct ev_loop *loop, ev_timer *w, int revents)
{
	ev_break(loop, EVBREAK_ALL);
}

static void what_the_poll_refuses_is_told_at_once(void **state)
{
	struct ev_loop *loop = loop_new();
	ev_tstamp begun;
	ev_timer late;
	int fds[2];
	ev_io io;

	(void)state;
	assert_non_null(loop);
	assert_int_equal(pipe(fds), 0);
	ev_run(loop, EVRUN_NOWAIT); /* what is the loop's own is in the poll */
	ev_timer_init(&late, on_late, 2., 0.);
	ev_timer_start(loop, &late);
	ev_now_update(loop);
	begun = ev_now(loop);
	ev_io_init(&io, on_io, fds[0], EV_READ);
	ev_io_start(loop, &io);
	refuses = true;
	ev_run(loop, 0);
	assert_true(heard & EV_ERROR);
	assert_true(heard_at - begun < 1.);
	ev_timer_stop(loop, &late);
	close(fds[0]);
	close(fds[1]);
}

static void nothing_of_its_own_keeps_it_alive(void **state)
{
	struct ev_loop *loop = loop_new();

	(void)state;
	ev_run(loop, 0);
	assert_ptr_equal(loop_new(), loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_poll_refuses_is_told_at_once),
		cmocka_unit_test(nothing_of_its_own_keeps_it_alive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
