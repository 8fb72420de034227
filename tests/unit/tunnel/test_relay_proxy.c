/* test_relay_proxy.c - a header for the target that its socket takes in pieces, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <cmocka.h>

/* The socket of these tests does what is written here. */
static ssize_t scripted_send(int fd, const void *buf, size_t n, int flags);
#define send scripted_send
#include "relay_proxy.c"
#undef send

/* Bytes to take, negative errnos, and 0 for the end. */
static const int *script;
static uint8_t got[256];
static size_t got_len;

static ssize_t scripted_send(int fd, const void *buf, size_t n, int flags)
{
	int what = *script++;

	assert_int_equal(flags, MSG_NOSIGNAL);
	assert_true(what != 0);
	if (what < 0) {
		errno = -what;
		return -1;
	}
	if ((size_t)what < n)
		n = (size_t)what;
	assert_true(got_len + n <= sizeof(got));
	memcpy(got + got_len, buf, n);
	got_len += n;
	return (ssize_t)n;
}

struct bed {
	struct reactor reactor;
	struct conf_tunnel conf;
	struct tunnel tunnel;
	struct port port;
	struct link link;
	struct relay relay;
};

static void on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
}

static struct bed *bed_new(const int *what)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(258) };

	assert_non_null(b);
	peer.sin_addr.s_addr = htonl(0xc0000201);
	assert_true(udp_path_init(&b->link.path, (struct sockaddr *)&peer, sizeof(peer)));
	b->reactor.loop = ev_loop_new(0);
	b->tunnel.reactor = &b->reactor;
	b->tunnel.conf = &b->conf;
	b->port.udp.fd = -1;
	b->link.port = &b->port;
	b->relay.link = &b->link;
	b->relay.tunnel = &b->tunnel;
	b->relay.fd = 0;
	ev_io_init(&b->relay.writable, on_writable, 0, EV_WRITE);
	script = what;
	got_len = 0;
	return b;
}

static void bed_free(struct bed *b)
{
	assert_int_equal(*script, 0); /* all of it was played */
	relay_proxy_end(&b->relay);
	ev_io_stop(b->reactor.loop, &b->relay.writable);
	ev_loop_destroy(b->reactor.loop);
	free(b);
}

static void assert_all_came(void)
{
	static const char want[] = "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21\x11\x00\x0c"
				   "\xc0\x00\x02\x01\x00\x00\x00\x00\x01\x02\x00\x00";

	assert_int_equal(got_len, sizeof(want) - 1);
	assert_memory_equal(got, want, sizeof(want) - 1);
}

static void what_a_socket_takes_at_once_leaves_nothing(void **state)
{
	static const int what[] = { 1000, 0 };
	struct bed *b = bed_new(what);

	assert_int_equal(relay_proxy_begin(&b->relay), RELAY_NOTHING);
	assert_null(b->relay.header);
	assert_false(ev_is_active(&b->relay.writable));
	assert_all_came();
	bed_free(b);
}

static void the_rest_waits_for_the_socket_to_be_writable(void **state)
{
	static const int what[] = { 5, 1, -EAGAIN, 21, -EINTR, 1000, 0 };
	struct bed *b = bed_new(what);

	assert_int_equal(relay_proxy_begin(&b->relay), RELAY_NOTHING);
	for (int i = 0; i < 5; i++) {
		assert_non_null(b->relay.header);
		assert_true(ev_is_active(&b->relay.writable));
		assert_int_equal(relay_proxy_go_on(&b->relay), RELAY_NOTHING);
	}
	assert_null(b->relay.header);
	assert_all_came();
	bed_free(b);
}

static void a_socket_that_is_full_at_once_gets_it_later(void **state)
{
	static const int what[] = { -EAGAIN, 1000, 0 };
	struct bed *b = bed_new(what);

	assert_int_equal(relay_proxy_begin(&b->relay), RELAY_NOTHING);
	assert_true(ev_is_active(&b->relay.writable));
	assert_int_equal(relay_proxy_go_on(&b->relay), RELAY_NOTHING);
	assert_null(b->relay.header);
	assert_all_came();
	bed_free(b);
}

static void a_target_that_is_gone_is_a_failure(void **state)
{
	static const int at_once[] = { -ECONNRESET, 0 }, later[] = { 3, -EPIPE, 0 };
	struct bed *b = bed_new(at_once);

	assert_int_equal(relay_proxy_begin(&b->relay), RELAY_LOCAL_FAILED);
	assert_null(b->relay.header);
	bed_free(b);
	b = bed_new(later);
	assert_int_equal(relay_proxy_begin(&b->relay), RELAY_NOTHING);
	assert_int_equal(relay_proxy_go_on(&b->relay), RELAY_LOCAL_FAILED);
	bed_free(b); /* with what was left */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_socket_takes_at_once_leaves_nothing),
		cmocka_unit_test(the_rest_waits_for_the_socket_to_be_writable),
		cmocka_unit_test(a_socket_that_is_full_at_once_gets_it_later),
		cmocka_unit_test(a_target_that_is_gone_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
