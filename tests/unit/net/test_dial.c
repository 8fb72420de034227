/* test_dial.c - connecting, over loopback, to names with several addresses, with few
 * descriptors, and cancelled half-way; and accepting when descriptors run out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "descriptors.h"
#include "dial.h"
#include "listener.h"
#include "resolve.h"
#include "wire.h"

/* The names of these tests stand for what `book` says; and a second must be enough. */
static struct resolve_query *book_start(struct resolver *r, const char *host, uint16_t port,
					resolve_done_fn *done, void *user);
static void book_cancel(struct resolve_query *q);
#define resolve_start book_start
#define resolve_cancel book_cancel
#define DIAL_TIMEOUT_S 1
#include "dial.c"

static struct {
	struct sockaddr_storage addrs[4];
	size_t count;
	struct resolve_query *query;
} book;

struct resolve_query {
	resolve_done_fn *done;
	void *user;
	ev_timer soon;
};

static struct reactor *reactor;

static void book_answer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct resolve_query q = *book.query;

	free(book.query);
	book.query = NULL;
	q.done(q.user, book.addrs, book.count, book.count > 0 ? NULL : "no such name");
}

static struct resolve_query *book_start(struct resolver *r, const char *host, uint16_t port,
					resolve_done_fn *done, void *user)
{
	book.query = calloc(1, sizeof(*book.query));
	assert_non_null(book.query);
	book.query->done = done;
	book.query->user = user;
	ev_timer_init(&book.query->soon, book_answer, 0., 0.);
	ev_timer_start(reactor->loop, &book.query->soon);
	return book.query;
}

static void book_cancel(struct resolve_query *q)
{
	assert_ptr_equal(q, book.query);
	ev_timer_stop(reactor->loop, &q->soon);
	free(q);
	book.query = NULL;
}

/* ---- helpers ---------------------------------------------------------------------------- */

static int open_listener(int backlog, struct sockaddr_storage *at)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	memset(at, 0, sizeof(*at));
	memcpy(at, &in, sizeof(in));
	return fd;
}

/* One whose queue is full: who connects to it is not answered. */
struct deaf {
	int fd, fill[4];
};

static void deaf_open(struct deaf *d, struct sockaddr_storage *at)
{
	d->fd = open_listener(0, at);
	for (size_t i = 0; i < 4; i++) {
		d->fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		assert_true(d->fill[i] >= 0);
		(void)connect(d->fill[i], (struct sockaddr *)at, sizeof(struct sockaddr_in));
	}
}

static void deaf_close(struct deaf *d)
{
	close(d->fd);
	for (size_t i = 0; i < 4; i++)
		close(d->fill[i]);
}

struct outcome {
	unsigned calls;
	int fd;
	char error[128];
};

static void on_done(void *user, int fd, const char *error)
{
	struct outcome *o = user;

	o->calls++;
	o->fd = fd;
	snprintf(o->error, sizeof(o->error), "%s", error != NULL ? error : "");
	ev_break(reactor->loop, EVBREAK_ALL);
}

static void on_end(struct ev_loop *loop, ev_timer *w, int revents)
{
	ev_break(loop, EVBREAK_ALL);
}

static void run_for(double seconds)
{
	ev_timer end;

	ev_timer_init(&end, on_end, seconds, 0.);
	ev_now_update(reactor->loop);
	ev_timer_start(reactor->loop, &end);
	ev_run(reactor->loop, 0);
	ev_timer_stop(reactor->loop, &end);
}

static char some_name[] = "name";
static const struct conf_addr to_name = { .host = some_name, .port = 80 };

static struct outcome dial_and_wait(const struct conf_addr *to)
{
	struct outcome o = { .fd = -1 };

	assert_non_null(dial_start(reactor, to, on_done, &o));
	assert_int_equal(o.calls, 0); /* never from within */
	run_for(3.);
	assert_int_equal(o.calls, 1);
	return o;
}

static struct outcome dial_book(size_t count)
{
	book.count = count;
	return dial_and_wait(&to_name);
}

static int set_up(void **state)
{
	reactor = reactor_new();
	return reactor != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	reactor_free(reactor);
	return 0;
}

/* ---- dial ---------------------------------------------------------------------------------- */

static void an_address_that_refuses_gives_way_to_the_next(void **state)
{
	int closed = open_listener(-1, &book.addrs[0]), open = open_listener(1, &book.addrs[1]);
	struct outcome o = dial_book(2);

	assert_true(o.fd >= 0);
	close(o.fd);
	o = dial_book(1);
	assert_int_equal(o.fd, -1);
	assert_string_equal(o.error, strerror(ECONNREFUSED));
	close(closed);
	close(open);
}

static void an_address_where_nobody_answers_leaves_time_to_the_next(void **state)
{
	struct deaf deaf;
	struct outcome o;
	int open = open_listener(1, &book.addrs[1]);

	deaf_open(&deaf, &book.addrs[0]);
	o = dial_book(2);
	assert_true(o.fd >= 0);
	close(o.fd);
	o = dial_book(1);
	assert_int_equal(o.fd, -1);
	assert_string_equal(o.error, "timed out");
	deaf_close(&deaf);
	close(open);
}

static void what_cannot_be_tried_is_told_in_words_and_later(void **state)
{
	char missing[] = "/nonexistent/socket", too_long[200];
	struct conf_addr path = { .path = missing };
	struct outcome o = dial_and_wait(&path);

	assert_int_equal(o.fd, -1);
	assert_string_equal(o.error, strerror(ENOENT));
	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[0] = '/';
	too_long[sizeof(too_long) - 1] = '\0';
	path.path = too_long;
	o = dial_and_wait(&path);
	assert_non_null(strstr(o.error, "too long"));
	o = dial_book(0);
	assert_string_equal(o.error, "no such name");
}

static void a_dial_may_be_cancelled_at_any_time(void **state)
{
	struct outcome o = { .fd = -1 };
	struct deaf deaf;
	struct dial *d;

	book.count = 1;
	deaf_open(&deaf, &book.addrs[0]);
	d = dial_start(reactor, &to_name, on_done, &o);
	dial_cancel(d); /* while the name is looked up */
	assert_null(book.query);
	d = dial_start(reactor, &to_name, on_done, &o);
	run_for(0.05);
	assert_true(d->fd >= 0);
	dial_cancel(d); /* while it connects */
	deaf_close(&deaf);
	book.count = 0;
	d = dial_start(reactor, &to_name, on_done, &o);
	fail_soon(d, "for the test");
	dial_cancel(d); /* while its failure is about to be told */
	run_for(0.05);
	assert_int_equal(o.calls, 0);
}

static void sleep_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

enum {
	STAND_MS = 1700
}; /* the second try of who connects comes after a second, and the dial's time is over then */

/* In a process of its own: while the test stands, all that connect to `d` are taken. */
static void let_stand(const struct deaf *d, pid_t test)
{
	sleep_ms(100);
	kill(test, SIGSTOP);
	fcntl(d->fd, F_SETFL, O_NONBLOCK);
	for (int ms = 0; ms < STAND_MS; ms += 10) {
		(void)accept(d->fd, NULL, NULL);
		sleep_ms(10);
	}
	kill(test, SIGCONT);
	_exit(0);
}

/* The poll that ends with a signal tells of no connection, and the timer is due. */
static void what_connected_while_the_process_stood_is_seen_first(void **state)
{
	struct outcome o = { .fd = -1 };
	struct deaf deaf;
	pid_t child; /* the loop, which is libev's default one, waits for it */

	deaf_open(&deaf, &book.addrs[0]);
	book.count = 1;
	assert_non_null(dial_start(reactor, &to_name, on_done, &o));
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		let_stand(&deaf, getppid());
	run_for(5.);
	assert_string_equal(o.error, "");
	assert_true(o.fd >= 0);
	close(o.fd);
	deaf_close(&deaf);
}

/* ---- descriptors ------------------------------------------------------------------------------ */

static rlim_t set_limit(rlim_t soft)
{
	struct rlimit limit;
	rlim_t before;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = soft;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return before;
}

static void the_last_descriptors_are_kept_back(void **state)
{
	rlim_t before = set_limit(400);

	assert_false(descriptor_is_kept(0));
	assert_false(descriptor_is_kept(367));
	assert_true(descriptor_is_kept(368));
	assert_true(descriptors_left());
	set_limit(40);
	assert_false(descriptor_is_kept(29));
	assert_true(descriptor_is_kept(30));
	assert_false(descriptor_is_kept(-1)); /* there was none at all: errno tells */
	set_limit(before);
}

/* The limit under which the next descriptor is the first that is kept back. */
static rlim_t limit_before_kept(void)
{
	int next = dup(0);

	close(next);
	return (rlim_t)next * 4 / 3; /* less its quarter, this is `next` */
}

static void dialling_leaves_what_is_kept_back_alone(void **state)
{
	int open = open_listener(1, &book.addrs[0]);
	rlim_t before = set_limit(limit_before_kept());
	struct outcome o = dial_book(1);

	assert_false(descriptors_left());
	assert_int_equal(o.fd, -1);
	assert_string_equal(o.error, strerror(EMFILE));
	set_limit(before);
	o = dial_book(1);
	assert_true(o.fd >= 0);
	close(o.fd);
	close(open);
}

static struct {
	int fds[16];
	size_t count;
} accepted;

static void on_accepted(void *user, int fd)
{
	assert_true(accepted.count < 16);
	accepted.fds[accepted.count++] = fd;
}

static void on_bound(void *user, enum binding_end end, const char *why)
{
	assert_int_equal(end, BINDING_OPEN);
}

static void accepting_stops_at_what_is_kept_back_and_goes_on_later(void **state)
{
	char host[] = "127.0.0.1";
	struct conf_addr at = { .host = host, .text = host };
	struct binding_spec spec = { .at = &at };
	struct binding *binding;
	struct sockaddr_storage addr;
	int probe = open_listener(-1, &addr), clients[8];
	struct listener *l;
	rlim_t before;

	at.port = ntohs(((struct sockaddr_in *)&addr)->sin_port);
	close(probe);
	binding = binding_start(reactor, &spec, on_bound, NULL);
	assert_non_null(binding);
	run_for(0.1);
	l = listener_new(reactor, binding, "test", on_accepted, NULL);
	assert_non_null(l);
	binding_free(binding);
	for (size_t i = 0; i < 8; i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(
			connect(clients[i], (struct sockaddr *)&addr, sizeof(struct sockaddr_in)), 0);
	}
	before = set_limit(limit_before_kept());
	run_for(0.7); /* one rest of half a second in it */
	assert_int_equal(accepted.count, 1);
	set_limit(before);
	run_for(0.7);
	assert_int_equal(accepted.count, 8);
	listener_free(l);
	for (size_t i = 0; i < 8; i++) {
		close(clients[i]);
		close(accepted.fds[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_that_refuses_gives_way_to_the_next),
		cmocka_unit_test(an_address_where_nobody_answers_leaves_time_to_the_next),
		cmocka_unit_test(what_cannot_be_tried_is_told_in_words_and_later),
		cmocka_unit_test(a_dial_may_be_cancelled_at_any_time),
		cmocka_unit_test(what_connected_while_the_process_stood_is_seen_first),
		cmocka_unit_test(the_last_descriptors_are_kept_back),
		cmocka_unit_test(dialling_leaves_what_is_kept_back_alone),
		cmocka_unit_test(accepting_stops_at_what_is_kept_back_and_goes_on_later),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
