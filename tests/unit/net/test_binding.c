/* test_binding.c - the sockets of an address to listen on: all or none, and handed over from
 * those that have them; and when what failed is tried again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "backoff.h"
#include "binding.h"
#include "resolve.h"

static struct reactor *reactor;

static int set_up(void **state)
{
	reactor = reactor_new();
	if (reactor == NULL)
		return -1;
	/* Nobody answers there: the names of these tests are numbers. */
	return resolver_set_servers(reactor->resolver, "127.0.0.1:9");
}

static int tear_down(void **state)
{
	reactor_free(reactor);
	return 0;
}

/* ---- helpers ---------------------------------------------------------------------------- */

struct outcome {
	unsigned calls;
	enum binding_end end;
	char why[BINDING_WHY_BYTES];
};

static void on_done(void *user, enum binding_end end, const char *why)
{
	struct outcome *o = user;

	o->calls++;
	o->end = end;
	snprintf(o->why, sizeof(o->why), "%s", why != NULL ? why : "");
	ev_break(reactor->loop, EVBREAK_ALL);
}

static struct binding *bind_it(const struct binding_spec *spec, struct outcome *o)
{
	struct binding *b;

	*o = (struct outcome){ 0 };
	b = binding_start(reactor, spec, on_done, o);
	assert_non_null(b);
	assert_int_equal(o->calls, 0); /* never from within */
	ev_run(reactor->loop, 0);
	assert_int_equal(o->calls, 1);
	return b;
}

static struct conf_addr address(char *host, unsigned first, unsigned last)
{
	return (struct conf_addr){ .text = host,
				   .host = host,
				   .port = (uint16_t)first,
				   .port_last = (uint16_t)last };
}

static struct sockaddr_storage numeric(const char *text, unsigned port)
{
	struct sockaddr_storage ss = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ss;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		return ss;
	}
	assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	return ss;
}

static int open_socket(int type, unsigned port)
{
	struct sockaddr_storage at = numeric("127.0.0.1", port);
	int fd = socket(AF_INET, type, 0);

	assert_true(fd >= 0);
	if (bind(fd, (struct sockaddr *)&at, sizeof(struct sockaddr_in)) != 0 ||
	    (type == SOCK_STREAM && listen(fd, 1) != 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool is_free(int type, unsigned port)
{
	int fd = open_socket(type, port);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* The first of so many that are free, of both kinds. */
static unsigned free_ports(unsigned count)
{
	for (unsigned first = 20000 + (unsigned)getpid() % 9000;; first += count) {
		unsigned n = 0;

		while (n < count && is_free(SOCK_STREAM, first + n) && is_free(SOCK_DGRAM, first + n))
			n++;
		if (n == count)
			return first;
	}
}

static char local[] = "127.0.0.1", everywhere[] = "", no_name[] = "name.invalid";

/* ---- all or none ------------------------------------------------------------------------ */

static enum socket_place all_there(void *user, const struct sockaddr_storage *addr)
{
	return SOCKET_THERE;
}

static void a_range_of_ports_is_opened_as_a_whole(void **state)
{
	unsigned port = free_ports(4);
	struct conf_addr at = address(local, port, port + 3);
	struct binding_spec spec = { .at = &at, .datagrams = true };
	struct outcome o;
	struct binding *b = bind_it(&spec, &o);

	assert_int_equal(o.end, BINDING_OPEN);
	assert_int_equal(b->count, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(b->list[i].held, SOCKET_ELSEWHERE);
		assert_int_equal(b->list[i].udp.port, port + i);
		assert_false(is_free(SOCK_DGRAM, port + i));
	}
	assert_true(binding_complete(b)); /* there is nothing to do */
	binding_free(b);
	for (unsigned i = 0; i < 4; i++)
		assert_true(is_free(SOCK_DGRAM, port + i));
}

static void of_a_range_with_a_busy_port_nothing_is_left(void **state)
{
	unsigned port = free_ports(4);
	struct conf_addr at = address(local, port, port + 3);
	struct binding_spec spec = { .at = &at, .datagrams = true };
	int taken = open_socket(SOCK_DGRAM, port + 2);
	char words[128];
	struct outcome o;
	struct binding *b = bind_it(&spec, &o);

	snprintf(words, sizeof(words), "cannot listen on udp 127.0.0.1, port %u: %s", port + 2,
		 strerror(EADDRINUSE));
	assert_int_equal(o.end, BINDING_FAILED);
	assert_string_equal(o.why, words);
	assert_int_equal(b->count, 0);
	assert_true(is_free(SOCK_DGRAM, port));
	assert_true(is_free(SOCK_DGRAM, port + 3));
	binding_free(b);
	close(taken);
}

static void who_listens_has_his_address_before_he_accepts(void **state)
{
	unsigned port = free_ports(1);
	struct conf_addr at = address(everywhere, port, port);
	struct binding_spec spec = { .at = &at };
	struct sockaddr_storage to = numeric("127.0.0.1", port);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	struct outcome o, other;
	struct binding *b = bind_it(&spec, &o), *second;

	assert_int_equal(o.end, BINDING_OPEN);
	assert_int_equal(b->count, 1);
	assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof(struct sockaddr_in)), 0);
	assert_true(fcntl(b->list[0].fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(b->list[0].fd, F_GETFL) & O_NONBLOCK);
	second = bind_it(&spec, &other);
	assert_int_equal(other.end, BINDING_FAILED);
	binding_free(second);
	binding_free(b);
	close(client);
}

static void a_path_is_taken_from_the_dead_and_left_to_others(void **state)
{
	char path[64];
	struct conf_addr at = { .text = path, .path = path };
	struct binding_spec spec = { .at = &at };
	struct outcome o;
	struct binding *b, *second;

	snprintf(path, sizeof(path), "/tmp/kcptund-binding-%d.sock", (int)getpid());
	b = bind_it(&spec, &o);
	assert_int_equal(o.end, BINDING_OPEN);
	second = bind_it(&spec, &o);
	assert_int_equal(o.end, BINDING_FAILED); /* somebody is there */
	binding_free(second);
	assert_int_equal(access(path, F_OK), 0);
	close(b->list[0].fd); /* as if he had crashed */
	b->list[0].fd = -1;
	second = bind_it(&spec, &o);
	assert_int_equal(o.end, BINDING_OPEN);
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600)); /* another's by now */
	binding_free(second);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	binding_free(b);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	return st.st_mode & 07777;
}

static void a_path_has_the_rights_that_were_asked_for(void **state)
{
	char path[] = "/tmp/test_binding_rights";
	struct conf_addr at = { .text = path, .path = path };
	struct binding_spec spec = { .at = &at };
	struct binding *b, *next;
	struct outcome o;
	mode_t before = umask(027);

	b = bind_it(&spec, &o);
	assert_int_equal(o.end, BINDING_OPEN);
	assert_int_equal(mode_of(path), 0750); /* as the umask leaves it */
	binding_free(b);
	at.rights = (struct conf_rights){ .has_mode = true, .mode = 0666 };
	b = bind_it(&spec, &o);
	assert_int_equal(mode_of(path), 0666);
	assert_int_equal(umask(027), 027); /* is put back */

	/* taken over, it is changed as well */
	at.rights = (struct conf_rights){ .has_mode = true,
					  .mode = 0600,
					  .has_group = true,
					  .group = getgid() };
	spec.held = all_there;
	next = bind_it(&spec, &o);
	assert_int_equal(mode_of(path), 0666);
	next->list[0].fd = b->list[0].fd;
	next->list[0].device = b->list[0].device;
	next->list[0].inode = b->list[0].inode;
	b->list[0].fd = -1;
	assert_true(binding_complete(next));
	assert_int_equal(mode_of(path), 0600);
	binding_free(b);
	binding_free(next);
	assert_int_not_equal(access(path, F_OK), 0);
	umask(before);
}

static void a_name_that_nobody_knows_is_another_kind_of_failure(void **state)
{
	struct conf_addr at = address(no_name, 80, 80);
	struct binding_spec spec = { .at = &at };
	struct outcome o;
	struct binding *b = bind_it(&spec, &o);

	assert_int_equal(o.end, BINDING_NO_NAME);
	assert_non_null(strstr(o.why, "cannot listen on name.invalid: "));
	binding_free(b);
}

static void one_that_is_given_up_tells_nobody(void **state)
{
	struct conf_addr at = address(no_name, 80, 80), here = address(everywhere, 80, 80);
	struct binding_spec spec = { .at = &at }, other = { .at = &here };
	struct outcome o = { 0 };

	binding_free(binding_start(reactor, &spec, on_done, &o));
	binding_free(binding_start(reactor, &other, on_done, &o));
	ev_run(reactor->loop, EVRUN_NOWAIT);
	assert_int_equal(o.calls, 0);
}

/* ---- from hand to hand ------------------------------------------------------------------ */

/* What another part of the process has: one socket. */
struct holder {
	int fd;
};

static enum socket_place held(void *user, const struct sockaddr_storage *addr)
{
	const struct holder *h = user;

	return h->fd >= 0 ? socket_place(h->fd, addr) : SOCKET_ELSEWHERE;
}

static void what_is_held_is_taken_over_with_what_waits_in_it(void **state)
{
	unsigned port = free_ports(1);
	struct conf_addr at = address(local, port, port);
	struct binding_spec spec = { .at = &at, .datagrams = true };
	struct sockaddr_storage to = numeric("127.0.0.1", port);
	int sender = socket(AF_INET, SOCK_DGRAM, 0), value;
	socklen_t len = sizeof(value);
	struct outcome o;
	struct binding *old = bind_it(&spec, &o), *b;
	struct holder h = { old->list[0].udp.fd };
	char text[8];

	assert_int_equal(
		sendto(sender, "waits", 5, 0, (struct sockaddr *)&to, sizeof(struct sockaddr_in)), 5);
	spec.held = held;
	spec.held_user = &h;
	spec.udp.dscp = 46;
	b = bind_it(&spec, &o);
	assert_int_equal(o.end, BINDING_OPEN);
	assert_int_equal(b->list[0].held, SOCKET_THERE);
	assert_int_equal(b->list[0].udp.fd, -1);
	b->list[0].udp = old->list[0].udp;
	old->list[0].udp.fd = -1;
	assert_true(binding_complete(b));
	binding_free(old);
	assert_int_equal(b->list[0].udp.fd, h.fd);
	assert_int_equal(recv(h.fd, text, sizeof(text), 0), 5);
	assert_int_equal(getsockopt(h.fd, IPPROTO_IP, IP_TOS, &value, &len), 0);
	assert_int_equal(value, 46 << 2);
	binding_free(b);
	close(sender);
}

static void what_is_in_the_way_is_waited_for(void **state)
{
	unsigned port = free_ports(1);
	struct conf_addr at = address(everywhere, port, port);
	struct holder h = { open_socket(SOCK_STREAM, port) };
	struct binding_spec spec = { .at = &at, .held = held, .held_user = &h };
	struct outcome o;
	struct binding *b = bind_it(&spec, &o);

	assert_int_equal(o.end, BINDING_OPEN);
	assert_int_equal(b->list[0].held, SOCKET_IN_WAY);
	assert_false(binding_open_in_way(b)); /* too early */
	assert_non_null(strstr(b->why, strerror(EADDRINUSE)));
	binding_free(b);
	b = bind_it(&spec, &o);
	close(h.fd);
	assert_true(binding_open_in_way(b));
	assert_true(b->list[0].fd >= 0);
	assert_false(is_free(SOCK_STREAM, port));
	binding_free(b);
}

static void options_are_as_for_a_fresh_socket(void **state)
{
	unsigned port = free_ports(1);
	struct sockaddr_storage at = numeric("127.0.0.1", port);
	struct udp_options plain = { .features = ~0u };
	struct udp_options rich = { .features = ~0u, .sockbuf = 65536, .dscp = 8 };
	unsigned rcvbuf, sndbuf;
	struct udp u;
	int value;
	socklen_t len = sizeof(value);

	assert_int_equal(udp_listen(&u, (struct sockaddr *)&at, sizeof(struct sockaddr_in), &plain),
			 0);
	rcvbuf = u.rcvbuf;
	sndbuf = u.sndbuf;
	u.stats.recv_errs = 7;
	udp_renew(&u, &rich);
	assert_int_equal(u.rcvbuf, 65536);
	assert_int_equal(u.sndbuf, 65536);
	assert_int_equal(u.stats.recv_errs, 0);
	udp_renew(&u, &plain);
	assert_int_equal(u.rcvbuf, rcvbuf);
	assert_int_equal(u.sndbuf, sndbuf);
	assert_int_equal(getsockopt(u.fd, IPPROTO_IP, IP_TOS, &value, &len), 0);
	assert_int_equal(value, 0);
	udp_close(&u);
}

static void places_are_told_apart(void **state)
{
	static const struct {
		const char *at, *addr;
		enum socket_place place;
	} rows[] = {
		{ "127.0.0.1", "127.0.0.1", SOCKET_THERE },
		{ "127.0.0.1", "127.0.0.2", SOCKET_ELSEWHERE },
		{ "127.0.0.1", "0.0.0.0", SOCKET_IN_WAY },
		{ "127.0.0.1", "::", SOCKET_IN_WAY },
		{ "127.0.0.1", "::ffff:127.0.0.1", SOCKET_IN_WAY },
		{ "127.0.0.1", "::1", SOCKET_ELSEWHERE },
		{ "0.0.0.0", "0.0.0.0", SOCKET_THERE },
		{ "0.0.0.0", "::1", SOCKET_ELSEWHERE },
		{ "0.0.0.0", "::", SOCKET_IN_WAY },
		{ "::", "::", SOCKET_THERE },
		{ "::", "::1", SOCKET_IN_WAY },
		{ "::1", "::1", SOCKET_THERE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sockaddr_storage at = numeric(rows[i].at, 80),
					addr = numeric(rows[i].addr, 80);

		assert_int_equal(sockaddr_place(&at, &addr), rows[i].place);
		assert_int_equal(sockaddr_place(&addr, &at), rows[i].place);
		addr = numeric(rows[i].addr, 81);
		assert_int_equal(sockaddr_place(&at, &addr), SOCKET_ELSEWHERE);
	}
}

/* ---- back-off --------------------------------------------------------------------------- */

static void tried(void *user)
{
	++*(unsigned *)user;
	ev_break(reactor->loop, EVBREAK_ALL);
}

static void it_is_tried_again_later_each_time(void **state)
{
	static const double delays[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	unsigned count = 0;
	struct backoff b;

	backoff_init(&b, reactor, tried, &count);
	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		assert_true(backoff_failed(&b) == delays[i]);
		assert_int_equal(b.next_us - reactor->now_us, delays[i] * 1e6);
	}
	ev_invoke(reactor->loop, &b.timer, EV_TIMER);
	assert_int_equal(count, 1);
	assert_int_equal(b.next_us, 0);
	backoff_stop(&b);
	assert_false(ev_is_active(&b.timer));
	assert_true(backoff_failed(&b) == 60);
	backoff_stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range_of_ports_is_opened_as_a_whole),
		cmocka_unit_test(of_a_range_with_a_busy_port_nothing_is_left),
		cmocka_unit_test(who_listens_has_his_address_before_he_accepts),
		cmocka_unit_test(a_path_is_taken_from_the_dead_and_left_to_others),
		cmocka_unit_test(a_path_has_the_rights_that_were_asked_for),
		cmocka_unit_test(a_name_that_nobody_knows_is_another_kind_of_failure),
		cmocka_unit_test(one_that_is_given_up_tells_nobody),
		cmocka_unit_test(what_is_held_is_taken_over_with_what_waits_in_it),
		cmocka_unit_test(what_is_in_the_way_is_waited_for),
		cmocka_unit_test(options_are_as_for_a_fresh_socket),
		cmocka_unit_test(places_are_told_apart),
		cmocka_unit_test(it_is_tried_again_later_each_time),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
